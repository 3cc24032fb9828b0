"""A large cluster as one proxy with the filter shows it: made up, the same each time, and never still.

Tests ask whether the console copes with it, the benchmark how fast. All that is on by default is there but the age of
data, whose buckets would be as many again.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from standin import metrics

Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Crowd:
    """The last topic has most traffic, the one before it half of that, then a third, as clusters have it. Two clients
    write to each, one reads, and one group."""

    topics: int = 1000
    clients: int = 200
    groups: int = 100
    # What stands before each value, and how much a counter grows in a scrape, or about how much a gauge has.
    _counting: list[tuple[str, float, int]] = field(default_factory=list, init=False, repr=False)
    _moving: list[tuple[str, float, int]] = field(default_factory=list, init=False, repr=False)
    _still: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for made, lines in ((self._counters(), self._counting), (self._gauges(), self._moving)):
            told = metrics({name: samples for name, (_, samples) in made.items()},
                           {name: labels for name, (labels, _) in made.items()}).decode().splitlines()
            for line in told:
                series, _, value = line.rpartition(" ")
                if not line.startswith("#") and "_build_info{" not in line:
                    # All buckets of a histogram keep step.
                    phase = zlib.crc32(series.partition(',le="')[0].encode()) % PHASES
                    lines.append((series, float(value), phase))
                elif line not in self._still:
                    self._still.append(line)

    def text(self, scrape: int) -> bytes:
        """The nth answer of the proxy. Each number goes up and down by some percent, in a time of its own."""
        waves = [math.sin(scrape + phase) for phase in range(PHASES)]
        counted = [f"{series} {rate * (scrape + 0.4 * waves[phase]):.0f}" for series, rate, phase in self._counting]
        moved = [f"{series} {level * (1 + 0.1 * waves[phase]):.0f}" for series, level, phase in self._moving]
        return ("\n".join([*self._still, *counted, *moved]) + "\n").encode()

    def _counters(self) -> dict[str, tuple[tuple[str, ...], Samples]]:
        names = [f"topic-{n:04}" for n in range(self.topics)]
        sizes = {(name,): size for name, size in zip(names, _shares(self.topics), strict=True)}
        pairs = {(name, f"client-{(n * 7 + at) % self.clients:03}"): sizes[name,]
                 for n, name in enumerate(names) for at in range(2)}
        readers = {(name, f"reader-{n % self.clients:03}"): sizes[name,] for n, name in enumerate(names)}
        groups = [f"group-{n:03}" for n in range(self.groups)]
        found: dict[str, tuple[tuple[str, ...], Samples]] = {}
        for way in ("produced", "fetched"):
            for unit, factor in (("records", 2.0), ("bytes", 200.0)):
                found[f"topic_{way}_{unit}_total"] = ("topic",), _scaled(sizes, factor)
                of_clients = _scaled(pairs, factor / 2) if way == "produced" else _scaled(readers, factor)
                found[f"client_{way}_{unit}_total"] = ("topic", "client_id"), of_clients
            found[f"topic_{way}_batches_total"] = ("topic", "compression"), {
                (name, CODECS[n % len(CODECS)]): sizes[name,] / 10 for n, name in enumerate(names)}
        found["topic_errors_total"] = ("topic", "request", "error"), {
            (name, "Produce", "NOT_LEADER_OR_FOLLOWER"): sizes[name,] / 100 for name in names[::50]}
        found |= _histogram("topic_request_duration_microseconds", ("topic", "request"), {
            (name, request): sizes[name,] / 10 for name in names for request in ("Produce", "FetchConsumer")})
        found |= self._requests()
        found["group_requests_total"] = ("request", "group"), {
            (request, group): share for group, share in zip(groups, _shares(self.groups), strict=True)
            for request in ("OffsetCommit", "Heartbeat")}
        found["group_rebalances_total"] = ("group",), {(group,): 1.0 for group in groups[::10]}
        found["group_errors_total"] = ("request", "error", "group"), {
            ("Heartbeat", "REBALANCE_IN_PROGRESS", group): 1.0 for group in groups[::10]}
        found["deprecated_requests_total"] = ("request", "api_version", "client_id"), {
            ("Produce", "2", f"client-{n:03}"): 5.0 + n for n in range(0, self.clients, 10)}
        found["client_software_connections_total"] = ("software", "software_version"), {
            version: 3.0 for version in SOFTWARE}
        return {f"{PREFIX}{name}": series for name, series in found.items()}

    def _requests(self) -> dict[str, tuple[tuple[str, ...], Samples]]:
        asked = {(request,): 100.0 * self.topics / (at + 1) for at, request in enumerate(VERSIONS)}
        found: dict[str, tuple[tuple[str, ...], Samples]] = {
            "requests_total": (("request", "api_version"), {
                (request, version): asked[request,] / len(versions)
                for request, versions in VERSIONS.items() for version in versions}),
            "responses_total": (("request",), asked),
            "request_bytes_total": (("request",), _scaled(asked, 300.0)),
            "response_bytes_total": (("request",), _scaled(asked, 900.0)),
            "response_errors_total": (("request", "error"), {
                ("Produce", "NOT_LEADER_OR_FOLLOWER"): self.topics / 10, ("Heartbeat", "REBALANCE_IN_PROGRESS"): 10.0}),
            "connections_opened_total": ((), {(): 4.0})}
        return found | _histogram("request_duration_microseconds", ("request",), asked)

    def _gauges(self) -> dict[str, tuple[tuple[str, ...], Samples]]:
        names = [f"topic-{n:04}" for n in range(self.topics)]
        found: dict[str, tuple[tuple[str, ...], Samples]] = {
            "connections_active": ((), {(): 3.0 * self.clients}), "requests_in_flight": ((), {(): 0.0 + self.clients}),
            "topic_fetch_lag_records": (("topic",), {(name,): 10.0 * n for n, name in enumerate(names)}),
            "group_lag_records": (("topic", "group"), {
                (name, f"group-{n % self.groups:03}"): share
                for n, (name, share) in enumerate(zip(names, _shares(self.topics), strict=True))}),
            "label_values": (("label",), {("topic",): 0.0 + self.topics, ("client_id",): 2.0 * self.clients})}
        return {f"{PREFIX}{name}": series for name, series in found.items()}


def _shares(count: int) -> list[float]:
    """Of Zipf's law, the least first."""
    return [1000.0 * count / (count - n) for n in range(count)]


def _scaled(samples: Samples, factor: float) -> Samples:
    return {key: value * factor for key, value in samples.items()}


def _histogram(name: str, labels: tuple[str, ...], counts: Samples) -> dict[str, tuple[tuple[str, ...], Samples]]:
    """The filter's buckets, most observations about 5 ms; for each of the counts there are as many as in SHAPE."""
    bounds = [*(str(bound) for bound in BUCKETS_US), "+Inf"]
    filled = list(accumulate(SHAPE))
    return {f"{name}_bucket": ((*labels, "le"), {(*key, bound): count * at for key, count in counts.items()
                                                 for bound, at in zip(bounds, filled, strict=True)}),
            f"{name}_count": (labels, _scaled(counts, filled[-1])),
            f"{name}_sum": (labels, _scaled(counts, filled[-1] * 6000.0))}


PREFIX = "kafka_filter_"
PHASES = 16
CODECS = ("lz4", "zstd", "none")
SOFTWARE = (("apache-kafka-java", "3.9.1"), ("apache-kafka-java", "4.1.0"), ("librdkafka", "2.6.0"),
            ("sarama", "1.43.2"), ("kafka-python", "2.0.2"))
VERSIONS = {"Produce": ("2", "9", "12"), "FetchConsumer": ("12", "17"), "Metadata": ("9", "12"), "Heartbeat": ("4",),
            "OffsetCommit": ("8", "9"), "OffsetFetch": ("8",), "ListOffsets": ("7", "10"), "JoinGroup": ("9",),
            "SyncGroup": ("5",), "FindCoordinator": ("4", "6"), "ApiVersions": ("3", "4"), "InitProducerId": ("4",)}
BUCKETS_US = (500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
              30_000_000)
SHAPE = (1, 3, 8, 12, 10, 5, 2, 1, 0, 0, 0, 0, 0, 0)
