"""One run: all arms take turns at each measure, round after round, and the raw outcomes are kept."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab import Failed, Kafka, paths

from . import arms as roads
from . import measures
from .arms import Arm, StandIn, Tools
from .measures import Measure

Outcomes = dict[str, dict[str, list[dict[str, float]]]]

CPUS = sorted(os.sched_getaffinity(0))


def place(arms: Sequence[Arm], broker: StandIn | None, where: str) -> Sequence[int]:
    """Binds the Envoys, and the stand-in, to cores as a measure wants it; returns the cores for the load."""
    envoy, ends = {measures.ONE_CORE: (CPUS[-1:], CPUS[-1:]), measures.OWN_CORE: (CPUS[-1:], CPUS[:-1] or CPUS),
                   measures.KAFKA: (CPUS, CPUS)}[where]
    for arm in arms:
        if arm.envoy:
            roads.pin(arm.envoy.pid, envoy)
    if broker:
        roads.pin(broker.pid, ends)
    return ends


def kafka_broker(folder: Path, partitions: int = 1) -> Kafka:
    """Real Kafka, its second compiler on, and logs that do not fill the disk."""
    return Kafka(folder, heap="1g", jvm=(), properties={
        "auto.create.topics.enable": "true", "num.partitions": str(partitions), "log.segment.bytes": str(64 << 20),
        "log.retention.bytes": str(256 << 20), "log.retention.check.interval.ms": "1000",
        "log.segment.delete.delay.ms": "1000"})


def prepare(tools: Tools, address: str) -> None:
    """Fills the topics that Fetch reads, past any proxy."""
    for topic, batch, count in measures.FETCHED:
        roads.load(tools, ["window", "--address", address, "--topic", topic, "--batch", str(batch),
                           "--count", str(count), "--seconds", "30"])


def prepare_groups(tools: Tools, address: str) -> None:
    """Fills the topics that the measures of the groups read."""
    prepare(tools, address)
    roads.load(tools, ["window", "--address", address, "--topic", "fetch-8x1k", "--partitions",
                       str(measures.PARTITIONS), "--batch", "1024", "--count", "4", "--seconds", "30"])


def warm_kafka(tools: Tools, address: str) -> None:
    """Some seconds of the loads that follow: a JVM that still compiles is another broker every second."""
    for load in (*measures.THROUGHPUT, None):
        arguments = load.arguments if load else measures.LATENCY_ARGUMENTS
        if load is None or load.broker == "kafka":
            roads.load(tools, ["window", "--address", address, "--seconds", "5", *arguments])


def take_turns(tools: Tools, arms: Sequence[Arm], broker: StandIn | None, wanted: Iterable[Measure],
               rounds: int) -> Outcomes:
    """Every arm once a round at each measure; each round begins with another arm."""
    outcomes: Outcomes = {}
    for measure in wanted:
        cpus = place(arms, broker, measure.place)
        # Where only Envoy's CPU time counts, a road without Envoy has nothing to tell.
        taking = [arm for arm in arms if arm.envoy or measure.place != measures.ONE_CORE]
        _say(f"{measure.title}, {measure.place} ", end="")
        for turn in range(rounds):
            shift = turn % len(taking)
            for arm in [*taking[shift:], *taking[:shift]]:
                outcome = _once(tools, arm, measure, cpus)
                outcomes.setdefault(measure.key, {}).setdefault(arm.name, []).append(outcome)
            _say(".", end="")
        _say("")
    return outcomes


def _once(tools: Tools, arm: Arm, measure: Measure, cpus: Sequence[int]) -> dict[str, float]:
    arguments = [measure.command, "--address", arm.address, "--seconds", str(measure.seconds)]
    if arm.envoy:
        arguments += ["--pid", str(arm.envoy.pid)]
    return json.loads(roads.load(tools, [*arguments, *measure.arguments], cpus))


def prove_it_worked(arms: Sequence[Arm], outcomes: Outcomes) -> None:
    """A filter that gave up decoding is cheap: its own metrics must account for every pair that was measured."""
    for arm in arms:
        if arm.name not in roads.FILTERS or not arm.envoy:
            continue
        pairs = sum(outcome["pairs"] for by_arm in outcomes.values() for outcome in by_arm.get(arm.name, []))
        stats = arm.envoy.quiet_stats()
        opaque = stats.total("kafka_filter_connections_opaque_total")
        counted = stats.total("kafka_filter_responses_total")
        if opaque or counted < pairs:
            raise Failed(f"{arm.name}: the filter counted {counted:.0f} responses of at least {pairs:.0f}, and gave up decoding "
                         f"{opaque:.0f} connections:\n{stats.describe('kafka_filter_connections')}")


def latencies(tools: Tools, arms: Sequence[Arm], rounds: int, seconds: float) -> Outcomes:
    """A fixed rate through all arms at once, their requests in turn, so that each pause of the broker meets all."""
    _say(f"Real Kafka: Produce 1 KiB, {measures.LATENCY_RATE}/s through each arm ", end="")
    place(arms, None, measures.KAFKA)
    found: dict[str, list[dict[str, float]]] = {}
    for turn in range(rounds):
        shift = turn % len(arms)
        order = [*arms[shift:], *arms[:shift]]
        text = roads.load(tools, ["rate", "--address", ",".join(arm.address for arm in order),
                                  "--seconds", str(seconds), "--rate", str(measures.LATENCY_RATE),
                                  *measures.LATENCY_ARGUMENTS])
        for arm, outcome in zip(order, json.loads(text), strict=True):
            found.setdefault(arm.name, []).append(outcome)
        _say(".", end="")
    _say("")
    return {"latency": found}


def memory(tools: Tools, folder: Path, names: Sequence[str], connections: int) -> dict[str, Any]:
    """Resident memory of fresh Envoys before, with, and after many connections, with one worker and with two."""
    _say(f"Memory with {connections} connections ", end="")
    found: dict[str, Any] = {}
    for workers in (1, 2):
        for name in names:
            with roads.stand_in(tools) as broker, \
                    roads.envoys(folder / f"memory-{workers}", tools, [name], broker.port, workers) as made:
                found.setdefault(name, {})[str(workers)] = _held(tools, made[0], connections)
            _say(".", end="")
    _say("")
    return found


def _held(tools: Tools, arm: Arm, connections: int) -> dict[str, float]:
    if not arm.envoy:
        raise Failed("memory is measured of Envoys")
    # A topic of its own for each connection: more than the default cap admits, so that the tables are full.
    hold = ["hold", "--address", arm.address, "--topic", "held", "--topics", str(connections)]
    # What is made once, at the first connections of each worker, is not a connection's cost.
    roads.load(tools, ["connect", *hold[1:], "--count", "50", "--seconds", "10"])
    before = arm.envoy.memory_kib()[0]
    holder = subprocess.Popen([tools.load, *hold, "--count", str(connections)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        line = holder.stdout.readline() if holder.stdout else ""
        if not line.startswith("holding "):
            raise Failed(f"the connections did not open: {line!r}")
        held = arm.envoy.memory_kib()[0]
    finally:
        holder.communicate(timeout=30)
    return {"before_kib": before, "held_kib": held, "connections": connections}


def machine() -> dict[str, Any]:
    """What ran where, for the head of a report."""
    version = subprocess.run([paths.envoy_binary(), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"/(\d+\.\d+\.\d+)/", version)
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {"cores": os.cpu_count(), "cpu": model[1].strip() if model else platform.machine(),
            "kernel": platform.release().split("-")[0], "envoy": found[1] if found else version.strip(),
            "kafka": paths.KAFKA_CURRENT, "load_average": os.getloadavg()}


def allow_files(count: int) -> None:
    """Many connections need many files; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise Failed(f"{count} open files are needed, the limit is {hard}: raise it with `ulimit -Hn`")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)
