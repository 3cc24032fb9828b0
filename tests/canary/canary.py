"""The program under test as a child process, its endpoints, and what the topic holds by an independent client."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from lab import Child, Failed, Stats, free_port, paths, wait_until
from lab.web import ask

BINARY = Path(os.environ.get("KAFKA_CANARY") or paths.REPOSITORY / "dist" / "kafka-canary").resolve()

# Quick enough for a test: what a second does by default takes a tenth.
FAST = {"KAFKA_CANARY_PROBE_INTERVAL_MS": "100", "RECONCILE_INTERVAL_MS": "1000", "KAFKA_CANARY_ACK_TIMEOUT_MS": "2000",
        "KAFKA_CANARY_LATE_AFTER_MS": "4000", "CONNECTION_CHECK_INTERVAL_MS": "1000",
        "KAFKA_CANARY_COORDINATORS_INTERVAL_MS": "1000", "KAFKA_CANARY_REQUEST_TIMEOUT_MS": "3000"}


@dataclass
class Canary:
    """A running kafka-canary; use it in a `with` block. `settings` are environment variables, on top of `FAST`."""

    folder: Path
    bootstrap: str
    topic: str = "__strimzi_canary"
    settings: Mapping[str, str] = field(default_factory=dict)
    fast: bool = True

    def __post_init__(self) -> None:
        self.port = free_port()
        self.child: Child | None = None

    def __enter__(self) -> Canary:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, "TOPIC": self.topic,
                       "KAFKA_CANARY_LISTEN": f"127.0.0.1:{self.port}", **(FAST if self.fast else {}), **self.settings}
        self.child = Child("kafka-canary", [BINARY], self.folder / "canary.log", environment=environment)
        try:
            wait_until("the canary's port", lambda: self.get("/metrics")[0] == 200, 15, self.child)
        except BaseException:
            self.child.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self.child
        self.child.stop()

    @property
    def log(self) -> str:
        return (self.folder / "canary.log").read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers."""
        answer = ask(self.port, path, timeout=5)
        return answer.status, answer.text if answer.status else ""

    def stats(self) -> Stats:
        status, text = self.get("/metrics")
        if status != 200:
            raise Failed(f"/metrics answers {status}")
        return Stats.parse(text)

    def wait_for(self, what: str, condition: Callable[[Stats], Any], timeout: float = 30.0) -> Stats:
        """Until the metrics fulfil the condition; the reading that did."""
        last: list[Stats] = []

        def probe() -> Stats | None:
            last.append(self.stats())
            return last[-1] if condition(last[-1]) else None

        try:
            return wait_until(what, probe, timeout, self.child, interval=0.1)
        except Failed as failed:
            shown = last[-1].describe("kafka_canary_") if last else "(no reading)"
            raise Failed(f"{failed}\n{shown}") from None

    def wait_until_serving(self, partitions: int, timeout: float = 40.0) -> Stats:
        """Until a record of each partition was read."""
        return self.wait_for(f"records of {partitions} partitions to be read", lambda stats: len(
            stats.by("kafka_canary_records_consumed_total", "partition")) >= partitions, timeout)

    def stop(self) -> tuple[int, float]:
        """Ends it by SIGTERM: its exit status, and how many seconds that took."""
        assert self.child
        begin = time.monotonic()
        self.child.stop()
        return self.child.wait(1), time.monotonic() - begin

    def cpu_seconds(self) -> float:
        assert self.child
        parts = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / 100

    def resident_mib(self) -> float:
        assert self.child
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@dataclass(frozen=True)
class Record:
    """One record of the topic as another client reads it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def payload(self) -> dict[str, Any]:
        decoded = json.loads(self.value)
        assert isinstance(decoded, dict)
        return decoded


def read_topic(bootstrap: str, topic: str, security: Mapping[str, str] | None = None) -> list[Record]:
    """Everything that the topic holds now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "independent", "enable.auto.commit": False,
                         "enable.partition.eof": False, **(security or {})})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        marks = {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                 for number in partitions}
        reached = {number: first for number, (first, _) in marks.items()}
        consumer.assign([TopicPartition(topic, number, first) for number, first in reached.items()])
        records: list[Record] = []
        deadline = time.monotonic() + 30
        while any(reached[number] < end for number, (_, end) in marks.items()):
            assert time.monotonic() < deadline, f"read up to {reached}, the topic ends at {marks}"
            for message in consumer.consume(500, timeout=0.5):
                assert not message.error(), message.error()
                reached[message.partition()] = message.offset() + 1
                if message.offset() < marks[message.partition()][1]:
                    records.append(Record(message.partition(), message.offset(), message.key(), message.value(),
                                          message.headers() or []))
        return records
    finally:
        consumer.close()


def assignments(bootstrap: str, topic: str) -> dict[int, list[int]]:
    """Partition to replicas, the preferred leader first."""
    found = AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, timeout=10).topics[topic].partitions
    return {number: list(partition.replicas) for number, partition in sorted(found.items())}


def leaders(bootstrap: str, topic: str) -> dict[int, int]:
    found = AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, timeout=10).topics[topic].partitions
    return {number: partition.leader for number, partition in sorted(found.items())}


def topic_config(bootstrap: str, topic: str) -> dict[str, str]:
    """What is set on the topic itself."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    entries = admin.describe_configs([resource])[resource].result(10)
    return {name: entry.value for name, entry in entries.items() if entry.source == 1}


def produce(bootstrap: str, topic: str, partition: int, *values: bytes) -> None:
    """Records of somebody else."""
    producer = Producer({"bootstrap.servers": bootstrap})
    failed: list[Any] = []
    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(15) == 0 and not any(failed), failed


def delete_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic], operation_timeout=10)[topic].result(15)
