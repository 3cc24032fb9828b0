"""A hostile client for as long as wanted: what its invented names make of Envoy's stats and memory.

Topics, client ids, groups, software and versions, API keys and versions are invented in each request: new ones, and
again those that were admitted in every combination (load/src/invent.rs). Once the caps are reached nothing may grow
any more: not the values of labels, not the stats, which Envoy never forgets, by more than `LATE_SHARE`, and memory
within `MARGIN_MIB`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import Envoy, Failed, Stats, bootstrap, cluster, free_port, listener, paths, wasm_filter

from . import arms as roads
from .arms import Tools

# What memory may still do once no stat is added: Envoy's allocator and V8 keep some, and give some back late.
MARGIN_MIB = 8.0
# The share of stats that may still come in the second half: a combination of admitted values that is rare comes late.
LATE_SHARE = 0.001


@dataclass(frozen=True)
class Sample:
    """One look at Envoy."""

    seconds: float
    # Connections that have ended by then.
    connections: int
    # Envoy's own stats of the filter, a histogram being one; and what Prometheus makes of them.
    names: frozenset[str]
    series: int
    label_values: Mapping[str, int]
    overflowed: int
    # Live in Envoy's allocator, and resident: the process with V8, where the filter's memory lies.
    allocated_mib: float
    resident_mib: float

    @property
    def stats(self) -> int:
        return len(self.names)

    def stats_by_metric(self) -> Counter[str]:
        """How many of the stats each metric has, by its name without the prefix."""
        return Counter(name.partition(".")[0].partition("kafka_filter_")[2]
                       for name in (name.removeprefix("wasmcustom.") for name in self.names))


@dataclass(frozen=True)
class Attack:
    """What a run found."""

    samples: Sequence[Sample]
    requests: int

    def settled(self) -> tuple[Sample, Sample]:
        """The sample after half of the connections, and the last one."""
        last = self.samples[-1]
        return next(sample for sample in self.samples if sample.connections >= last.connections / 2), last

    def growth(self, margin_mib: float = MARGIN_MIB, late_share: float = LATE_SHARE) -> list[str]:
        """What grew in the second half of the attack and should not have; empty when all is well."""
        before, after = self.settled()
        found = [f"{what}: {old} after {before.seconds:.0f} s, {new} after {after.seconds:.0f} s"
                 for what, old, new in (("stats", before.stats, after.stats), ("series", before.series, after.series))
                 if new - old > old * late_share]
        if found:
            found += [f"new: {name}" for name in sorted(after.names - before.names)[:5]]
        if before.label_values != after.label_values:
            found.append(f"label values: {before.label_values}, then {after.label_values}")
        for what, old, new in (("MiB allocated", before.allocated_mib, after.allocated_mib),
                               ("MiB resident", before.resident_mib, after.resident_mib)):
            if new - old > margin_mib:
                found.append(f"{what}: {old:.1f} after {before.seconds:.0f} s, {new:.1f} after {after.seconds:.0f} s")
        if after.overflowed <= before.overflowed:
            found.append("nothing overflowed any more: the attack had ended, and proves nothing")
        return found


def attack(tools: Tools, folder: Path, seconds: float, per_second: float, every: float,
           configuration: Mapping[str, Any] | None = None, further: Sequence[str] = ()) -> Attack:
    """Runs the hostile client against Envoy in front of the stand-in, and looks at Envoy every so often.

    `further` are options of `kafka-bench invent`.
    """
    port = free_port()
    with roads.stand_in(tools, quiet=True) as broker:
        config = bootstrap([listener("kafka", port, "broker", [wasm_filter(dict(configuration or {}), tools.filter)])],
                           [cluster("broker", broker.port)])
        with Envoy(folder, config, [paths.STATS_TAGS], log_level="warning", name="attacked") as envoy:
            # The first connection of each worker makes what is made once.
            roads.load(tools, ["connect", "--address", f"127.0.0.1:{port}", "--count", "50", "--seconds", "10"])
            samples = [look(envoy, 0.0)]
            inventor = subprocess.Popen(
                [tools.load, "invent", "--address", f"127.0.0.1:{port}", "--seconds", str(seconds), "--rate",
                 str(per_second), *further], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                begin = time.monotonic()
                while (passed := len(samples) * every) < seconds and inventor.poll() is None:
                    time.sleep(max(0.0, begin + passed - time.monotonic()))
                    samples.append(look(envoy, time.monotonic() - begin))
                output, errors = inventor.communicate(timeout=60)
            finally:
                inventor.kill()
                inventor.wait()
            if inventor.returncode != 0:
                raise Failed(f"the hostile client gave up: {errors.strip()}")
            # The last counts reach Envoy with the filter's next tick.
            time.sleep(1.5)
            samples.append(look(envoy, time.monotonic() - begin))
            if not envoy.is_running():
                raise Failed(f"Envoy ended: {envoy.log_lines()[-5:]}")
            severe = [line for line in envoy.log_lines() if "][error]" in line or "][critical]" in line]
            if severe:
                raise Failed("Envoy's log has errors:\n" + "\n".join(severe[:10]))
    return Attack(samples, json.loads(output)["pairs"])


def look(envoy: Envoy, seconds: float) -> Sample:
    """One look: it costs Envoy a few milliseconds on its main thread."""
    text = envoy.admin("/stats/prometheus?filter=kafka_filter_")
    stats = Stats.parse(text)
    allocated = int(json.loads(envoy.admin("/memory"))["allocated"])
    by_label = stats.by("kafka_filter_label_values", "label")
    return Sample(
        seconds=seconds,
        connections=int(stats.total("kafka_filter_connections_closed_total")),
        names=frozenset(line.rpartition(": ")[0] for line in envoy.admin("/stats?filter=kafka_filter_").splitlines()
                        if "kafka_filter_" in line),
        series=sum(1 for name, _ in stats.samples if name.startswith("kafka_filter_")),
        label_values={label: int(value) for (label,), value in sorted(by_label.items())},
        overflowed=int(stats.total("kafka_filter_label_values_overflowed_total")),
        allocated_mib=allocated / (1 << 20), resident_mib=envoy.memory_kib()[0] / 1024)


def markdown(found: Attack, per_second: float) -> str:
    """What the page says: some moments of the run, and what it came to."""
    last = found.samples[-1]
    rows, wanted = [], [0, 1, 5, 10, 30, 60, 120, 300, last.seconds]
    for sample in found.samples:
        if wanted and sample.seconds >= wanted[0] - 0.5:
            wanted = [second for second in wanted if second > sample.seconds + 0.5]
            rows.append((f"{sample.seconds:,.0f}", f"{sample.connections:,}", f"{sample.stats:,}",
                         f"{sample.series:,}", f"{sum(sample.label_values.values()):,}", f"{sample.overflowed:,}",
                         f"{sample.allocated_mib:.1f}", f"{sample.resident_mib:.1f}"))
    heads = ("after, s", "connections", "stats in Envoy", "series in Prometheus", "label values",
             "events under `__other__`", "MiB allocated", "MiB resident")
    table = "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---:"] * len(heads), *rows))
    full = next((s for s in found.samples if s.stats == last.stats), last)
    values = ", ".join(f"`{label}` {count}" for label, count in last.label_values.items())
    return (f"{found.requests:,} requests in {last.seconds:.0f} s over {last.connections:,} connections, "
            f"{per_second:.0f} a second, with invented names in each request; two workers, the default configuration. "
            f"Label values at the end: {values}. The last stat came within {full.seconds:.0f} s.\n\n{table}\n")


def say(found: Attack) -> None:
    """The growth that should not be, as an error; otherwise a word."""
    if problems := found.growth():
        raise Failed("the attack made something grow:\n  " + "\n  ".join(problems))
    before, after = found.settled()
    print(f"flat from {before.seconds:.0f} s to {after.seconds:.0f} s: {after.stats - before.stats:+} stats, "
          f"{after.allocated_mib - before.allocated_mib:+.1f} MiB allocated, "
          f"{after.resident_mib - before.resident_mib:+.1f} MiB resident", file=sys.stderr)
