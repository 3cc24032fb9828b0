"""What is measured: each load with the unit that its cost is told in, and the bounds that the filter has to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PAIR, GIGABYTE, CONNECTION = "us per pair", "CPU s per GB", "us per connection"

# Where a load runs. CPU time is steadiest with Envoy and both ends on one core: no core ever sleeps or is woken by
# another, which in a virtual machine costs more than the proxy does, and differently each time. Throughput is that of
# Envoy as the bottleneck, alone on its core. A JVM needs all cores.
ONE_CORE, OWN_CORE, KAFKA = "one core", "own core", "kafka"


@dataclass(frozen=True)
class Measure:
    """A load, as arguments of `kafka-bench`, against the stand-in or real Kafka."""

    key: str
    title: str
    command: str
    arguments: tuple[str, ...]
    unit: str
    place: str = ONE_CORE
    # Short, and often: the least of many short runs finds a moment when the neighbours are quiet.
    seconds: float = 0.2
    # The most that kafka-filter may add over tcp_proxy, in `unit`.
    bound: float | None = None

    def cost(self, outcome: Mapping[str, float]) -> float:
        """Envoy's CPU time for each unit of work."""
        if self.unit == GIGABYTE:
            return outcome["cpu_ns"] / (outcome["sent_bytes"] + outcome["received_bytes"])
        return outcome["cpu_ns"] / outcome["pairs"] / 1000

    def speed(self, outcome: Mapping[str, float]) -> float:
        """Megabytes or pairs a second."""
        if self.unit == GIGABYTE:
            return (outcome["sent_bytes"] + outcome["received_bytes"]) / outcome["seconds"] / 1e6
        return outcome["pairs"] / outcome["seconds"]

    @property
    def broker(self) -> str:
        return "kafka" if self.place == KAFKA else "stand-in"

    @property
    def speed_unit(self) -> str:
        return "MB/s" if self.unit == GIGABYTE else "/s"


def _produce(batch: int, window: int) -> tuple[str, ...]:
    return ("--kind", "produce", "--topic", f"produce-{batch}", "--batch", str(batch), "--window", str(window))


def _fetch(topic: str) -> tuple[str, ...]:
    return ("--kind", "fetch", "--topic", topic, "--fetch", str(1 << 20), "--window", "1")


# Topics that Fetch reads: name, bytes of each batch, number of batches. A response holds about 1 MiB of them.
FETCHED = (("fetch-4k", 4 << 10, 256), ("fetch-16k", 16 << 10, 64), ("fetch-1m", (1 << 20) - 512, 1))

COST = (
    Measure("pair-64", "Heartbeat, 64 in flight", "window", ("--kind", "heartbeat", "--window", "64"), PAIR, bound=6),
    Measure("fan-64", "Heartbeat, 1 in flight on each of 64 connections", "fan", ("--kind", "heartbeat"), PAIR,
            OWN_CORE, bound=6),
    Measure("pair-1", "Heartbeat, 1 in flight", "window", ("--kind", "heartbeat", "--window", "1"), PAIR, bound=6),
    Measure("produce-100-64", "Produce 100 bytes, 64 in flight", "window", _produce(100, 64), PAIR, bound=6),
    Measure("produce-100-1", "Produce 100 bytes, 1 in flight", "window", _produce(100, 1), PAIR, bound=6),
    Measure("produce-1k", "Produce 1 KiB, 5 in flight", "window", _produce(1 << 10, 5), PAIR),
    Measure("produce-16k", "Produce 16 KiB, 5 in flight", "window", _produce(16 << 10, 5), GIGABYTE),
    Measure("produce-128k", "Produce 128 KiB, 5 in flight", "window", _produce(128 << 10, 5), GIGABYTE, bound=0.1),
    Measure("fetch-4k", "Fetch 1 MiB of 4 KiB batches", "window", _fetch("fetch-4k"), GIGABYTE),
    Measure("fetch-16k", "Fetch 1 MiB of 16 KiB batches", "window", _fetch("fetch-16k"), GIGABYTE, bound=0.1),
    Measure("fetch-1m", "Fetch 1 MiB in one batch", "window", _fetch("fetch-1m"), GIGABYTE, bound=0.1),
    Measure("connect", "Connect, ApiVersions, close", "connect", (), CONNECTION, bound=60),
)

THROUGHPUT = (
    Measure("full-pair-64", "Heartbeat, 64 in flight", "window", ("--kind", "heartbeat", "--window", "64"), PAIR,
            OWN_CORE, 0.4),
    Measure("full-produce-128k", "Produce 128 KiB, 5 in flight", "window", _produce(128 << 10, 5), GIGABYTE, OWN_CORE, 0.4),
    Measure("full-fetch-16k", "Fetch 1 MiB of 16 KiB batches", "window", _fetch("fetch-16k"), GIGABYTE, OWN_CORE, 0.4),
    Measure("full-fetch-1m", "Fetch 1 MiB in one batch", "window", _fetch("fetch-1m"), GIGABYTE, OWN_CORE, 0.4),
    Measure("kafka-produce-16k", "Real Kafka: Produce 16 KiB, 5 in flight", "window", _produce(16 << 10, 5), GIGABYTE,
            KAFKA, 0.6),
    Measure("kafka-fetch-16k", "Real Kafka: Fetch 1 MiB of 16 KiB batches", "window", _fetch("fetch-16k"), GIGABYTE,
            KAFKA, 0.6),
)
ALL = (*COST, *THROUGHPUT)

# What the groups of metrics cost: traffic in which each of them has something to count. Topics have 8 partitions here.
PARTITIONS = 8
GROUPS = (
    Measure("group-heartbeat-64", "Heartbeat, 64 in flight", "window", ("--kind", "heartbeat", "--window", "64"), PAIR),
    Measure("group-heartbeat", "Heartbeat, 1 in flight", "window", ("--kind", "heartbeat", "--window", "1"), PAIR),
    Measure("group-commit", "OffsetCommit, 2 topics of 4 partitions, 5 in flight", "window",
            ("--kind", "commit", "--topic", "committed", "--topics", "2", "--partitions", "4", "--window", "5"), PAIR),
    Measure("group-produce", "Produce, 8 topics, 5 in flight", "window",
            ("--kind", "produce", "--topic", "several", "--topics", "8", "--window", "5"), PAIR),
    Measure("group-fetch", "Fetch, 8 partitions of 1 KiB", "window",
            ("--kind", "fetch", "--topic", "fetch-8x1k", "--partitions", "8", "--partition-fetch", "1024"), PAIR),
    Measure("group-fetch-4k", "Fetch, 256 batches of 4 KiB", "window", _fetch("fetch-4k"), PAIR),
    Measure("group-clients", "Produce 100 bytes, 64 connections with client ids", "fan",
            ("--kind", "produce", "--topic", "clients", "--clients", "64"), PAIR),
    Measure("group-connect", "Connect, ApiVersions, close", "connect", (), CONNECTION),
)

# Fixed rate against real Kafka: requests a second to each arm, all arms in turn; a batch of 1 KiB, acks=1.
LATENCY_RATE = 100
LATENCY_ARGUMENTS = ("--kind", "produce", "--topic", "latency", "--batch", "1024")
LATENCY_BOUND_US = 200.0

# The least share of the reference arm's throughput where much is moved. Small pairs have their bound in CPU time.
THROUGHPUT_BOUND = 0.97
# MiB for each worker, and bytes for each idle connection.
MEMORY_BOUND_MIB = 10.0
IDLE_BOUND_BYTES = 4096
