"""How many series a proxy makes, and what one costs: formulas over the catalog, and the measurements behind them.

A test compares the formulas with what a real Envoy shows after a census of known numbers (tests/e2e/test_series.py), so
a metric that is added, or a label, must come here too.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from lab import Envoy, Prometheus, Stats, bootstrap, cluster, free_port, listener, paths, wait_until, wasm_filter
from lab.prometheus import scrape

from . import arms as roads
from .arms import Tools

PREFIX = "kafka_filter_"


@dataclass(frozen=True)
class Traffic:
    """What passes a proxy, as far as it makes series."""

    # APIs in use, and pairs of an API and a version of it; pairs of an API and an error that it was answered with.
    apis: int
    versions: int
    errors: int = 0
    # Topics that are written, and that are read; codecs of the batches; pairs of a topic and an API and error.
    written: int = 0
    read: int = 0
    codecs: int = 1
    topic_errors: int = 0
    # Pairs of a client and a topic that it writes, and that it reads.
    writes: int = 0
    reads: int = 0
    # Groups, group APIs of each, and pairs of a group and a topic that it commits.
    groups: int = 0
    group_apis: int = 0
    group_errors: int = 0
    commits: int = 0
    # Pairs of a client software and its version; triples of an API, a version that Kafka 4 refuses, and a client.
    software: int = 0
    deprecated: int = 0
    # Labels of which a value was admitted.
    labels: int = 0


# For each metric its number of label sets, as a sum of products of Traffic's fields. What only trouble makes (opaque connections, throttling, evictions) is left
# out: a series for each kind of it.
LABEL_SETS: Mapping[str, str] = {
    "connections_opened_total": "1",
    "connections_closed_total": "1",
    "connections_active": "1",
    "requests_in_flight": "1",
    "build_info": "1",
    "label_values": "labels",
    "requests_total": "versions",
    "request_bytes_total": "apis",
    "response_bytes_total": "apis",
    "responses_total": "apis",
    "request_duration_microseconds": "apis",
    "in_flight_request_bytes": "apis",
    "response_errors_total": "errors",
    "topic_produced_records_total": "written",
    "topic_produced_bytes_total": "written",
    "topic_produced_batches_total": "written * codecs",
    "topic_fetched_records_total": "read",
    "topic_fetched_bytes_total": "read",
    "topic_fetched_batches_total": "read * codecs",
    "topic_errors_total": "topic_errors",
    "topic_request_duration_microseconds": "written + read",
    "topic_end_to_end_latency_milliseconds": "read",
    "topic_fetch_lag_records": "read",
    "client_produced_records_total": "writes",
    "client_produced_bytes_total": "writes",
    "client_fetched_records_total": "reads",
    "client_fetched_bytes_total": "reads",
    "client_software_connections_total": "software",
    "deprecated_requests_total": "deprecated",
    "group_requests_total": "groups * group_apis",
    "group_errors_total": "group_errors",
    "group_rebalances_total": "groups",
    "group_join_duration_microseconds": "groups",
    "group_lag_records": "commits",
}

# Metrics that only some clients, or only trouble, makes move.
OCCASIONAL = frozenset((
    "connections_opaque_total", "unacknowledged_requests_total", "in_flight_evicted_total", "throttled_responses_total",
    "throttle_time_milliseconds_total", "client_telemetry_pushes_total", "lag_untracked_partitions_total",
    "undecoded_messages_total", "label_values_overflowed_total"))

# The APIs that a census uses: ApiVersions, Metadata, Produce, Fetch, and of groups JoinGroup, SyncGroup, OffsetFetch,
# Heartbeat, OffsetCommit and LeaveGroup, each in one version.
CENSUS_APIS, CENSUS_GROUP_APIS = 10, 6


def census_traffic(topics: int, clients: int, groups: int) -> Traffic:
    """What `kafka-bench census` sends: each client writes and reads all topics, each group commits them all."""
    return Traffic(apis=CENSUS_APIS, versions=CENSUS_APIS, written=topics, read=topics, writes=topics * clients,
                   reads=topics * clients, groups=groups, group_apis=CENSUS_GROUP_APIS, commits=topics * groups,
                   software=1, labels=5)


def buckets() -> dict[str, int]:
    """How many bounds the shipped configuration gives each histogram."""
    found = re.findall(rf"prefix: wasmcustom\.{PREFIX}(\w+)\}}\n\s+buckets: \[(.*?)\]", paths.STATS_TAGS.read_text())
    return {name: bounds.count(",") + 1 for name, bounds in found}


def catalog() -> dict[str, str]:
    """Every metric with the switch that turns it off, from the page that is generated from the filter's list."""
    page = (paths.REPOSITORY / "docs" / "metrics.md").read_text()
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \|[^|]*\|[^|]*\| ([^|]*) \|", page, re.MULTILINE)
    return {name: switch.replace("`", "").removeprefix("metrics.") for name, switch in rows}


def label_sets(formula: str, traffic: Traffic) -> int:
    """The value of a formula."""
    value = lambda factor: int(factor) if factor.isdigit() else getattr(traffic, factor)  # noqa: E731
    return sum(prod(map(value, term.split(" * "))) for term in formula.split(" + "))


def formulas() -> str:
    """The formulas as a table: which metrics have as many label sets, and how many series each of these is."""
    bounds, by_formula = buckets(), {}
    for name, switch in catalog().items():
        if name in LABEL_SETS:
            each = bounds[name] + 3 if name in bounds else 1
            by_formula.setdefault((switch, LABEL_SETS[name], each), []).append(f"`{name}`")
    rows = [(switch, ", ".join(names), formula.replace(" * ", " × ").replace("_", " "), str(each))
            for (switch, formula, each), names in by_formula.items()]
    heads = ("switch", "metrics", "label sets of each", "series of a label set")
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ("---", "---", "---", "---:"), *rows)) + "\n"


def predicted(traffic: Traffic) -> tuple[dict[str, int], dict[str, int]]:
    """Stats that Envoy keeps, and series that Prometheus sees, of each metric: a histogram is one stat, and a series for
    each bound, for +Inf, its sum and its count."""
    bounds = buckets()
    stats = {name: count for name, formula in LABEL_SETS.items() if (count := label_sets(formula, traffic))}
    return stats, {name: count * (bounds[name] + 3 if name in bounds else 1) for name, count in stats.items()}


def observed(stats: Stats) -> dict[str, int]:
    """Series of each metric that Envoy shows."""
    found: dict[str, int] = {}
    for name, _ in stats.samples:
        if name.startswith(PREFIX):
            short = re.sub(r"_(bucket|sum|count)$", "", name.removeprefix(PREFIX))
            found[short] = found.get(short, 0) + 1
    return found


def settled_series(envoy: Envoy, timeout: float = 60.0) -> Stats:
    """What Envoy shows once nothing is added any more: new series reach it a few a callback, the rest with the ticks."""
    last: list[object] = []

    def stands_still() -> Stats | None:
        stats = envoy.stats()
        last.append(observed(stats))
        # Two seconds are two ticks of each worker.
        return stats if len(last) > 4 and all(one == last[-1] for one in last[-5:]) else None

    return wait_until("the number of series to stand still", stands_still, timeout, interval=0.5)


# Worked examples. The last one is the bound that the configuration's defaults set, but for errors, which brokers choose.
EXAMPLES: tuple[tuple[str, Traffic], ...] = (
    ("sidecar", Traffic(apis=11, versions=12, errors=3, written=2, read=3, topic_errors=2, writes=2, reads=3, groups=1,
                        group_apis=7, group_errors=2, commits=3, software=1, labels=5)),
    ("gateway", Traffic(apis=20, versions=40, errors=20, written=100, read=100, codecs=2, topic_errors=50, writes=200,
                        reads=200, groups=30, group_apis=7, group_errors=60, commits=150, software=10, labels=5)),
    ("caps", Traffic(apis=111, versions=4024, errors=300, written=201, read=201, codecs=6, topic_errors=1000, writes=2201,
                     reads=2201, groups=201, group_apis=10, group_errors=2200, commits=2000, software=2065,
                     deprecated=2060, labels=8)),
)


def examples() -> str:
    """The examples, by switch: stats in Envoy and series in Prometheus."""
    rows = []
    switches = list(dict.fromkeys(catalog().values()))
    counted = [predicted(traffic) for _, traffic in EXAMPLES]
    for switch in switches:
        names = [name for name, of in catalog().items() if of == switch]
        cells = [f"{sum(kind.get(name, 0) for name in names):,}" for both in counted for kind in both]
        rows.append([switch, *cells])
    rows.append(["all", *(f"{sum(kind.values()):,}" for both in counted for kind in both)])
    heads = ["", *(f"{name}: {what}" for name, _ in EXAMPLES for what in ("stats", "series"))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---", *("---:" for _ in heads[1:])], *rows)) + "\n"


@dataclass(frozen=True)
class Cost:
    """What series of one kind cost an Envoy with one worker, and a Prometheus that scrapes it."""

    kind: str
    stats: int
    series: int
    define_us: float
    envoy_bytes: float
    resident_bytes: float
    prometheus_bytes: float


# Caps far away, so that everything is told apart.
WIDE = {"labels": {label: {"values_max": 5000} for label in ("topic", "client_id", "group")},
        "limits": {"combinations_max": 200_000}}
# What is measured: the switch that is on alone, topics and clients of the census.
MEASURED = (("counters", "clients", 200, 20), ("histograms", "topic_duration", 2000, 1))


def costs(tools: Tools, folder: Path) -> list[Cost]:
    """CPU time for defining a series, and memory of Envoy and of Prometheus for each."""
    return [_cost(tools, folder / kind, kind, switch, topics, clients) for kind, switch, topics, clients in MEASURED]


def _cost(tools: Tools, folder: Path, kind: str, switch: str, topics: int, clients: int) -> Cost:
    port = free_port()
    configuration = {**roads.switched(switch), **WIDE}
    with roads.stand_in(tools) as broker:
        census = ["census", "--address", f"127.0.0.1:{port}", "--topic", "census", "--topics", str(topics),
                  "--clients", str(clients), "--groups", "0"]
        # The stand-in makes the topics first, past Envoy.
        roads.load(tools, ["census", "--address", f"127.0.0.1:{broker.port}", *census[3:]])
        config = bootstrap([listener("kafka", port, "broker", [wasm_filter(configuration, tools.filter)])],
                           [cluster("broker", broker.port)])
        # Merging histograms at each flush is no cost of defining them.
        with Envoy(folder, config, [paths.STATS_TAGS], 1, log_level="warning", flush_seconds=5.0) as envoy:
            roads.load(tools, ["connect", "--address", f"127.0.0.1:{port}", "--count", "50", "--seconds", "10"])
            with Prometheus(folder, scrape("envoy", [envoy.admin_port], "/stats/prometheus"), None, 2.0) as prometheus:
                prometheus.wait_for("kafka_filter_build_info")
                scraped = _prometheus_memory(prometheus)
            before, resident = _allocated(envoy), envoy.memory_kib()[0] * 1024
            first, second = (_cpu_of(envoy, tools, census) for _ in range(2))
            stats = settled_series(envoy)
            made = sum("kafka_filter_" in line for line in envoy.admin("/stats?filter=kafka_filter_").splitlines())
            after = _allocated(envoy), envoy.memory_kib()[0] * 1024
            with Prometheus(folder / "again", scrape("envoy", [envoy.admin_port], "/stats/prometheus"), None,
                            2.0) as prometheus:
                prometheus.wait_for("kafka_filter_build_info")
                rescraped = _prometheus_memory(prometheus)
    return Cost(kind, made, sum(observed(stats).values()), (first - second) / made * 1e6,
                (after[0] - before) / made, (after[1] - resident) / made,
                (rescraped[0] - scraped[0]) / (rescraped[1] - scraped[1]))


def _cpu_of(envoy: Envoy, tools: Tools, census: list[str]) -> float:
    before = envoy.cpu_seconds()
    roads.load(tools, census, timeout=300)
    # What waits for a tick is defined then.
    time.sleep(4)
    return envoy.cpu_seconds() - before


def _allocated(envoy: Envoy) -> int:
    return int(json.loads(envoy.admin("/memory"))["allocated"])


def _prometheus_memory(prometheus: Prometheus) -> tuple[float, float]:
    """Resident bytes and series of a Prometheus after some scrapes; the least of several looks, as Go collects."""
    prometheus.wait_for_scrapes(5, 60)
    looks = []
    for _ in range(10):
        connection = http.client.HTTPConnection("127.0.0.1", prometheus.port, timeout=20)
        try:
            connection.request("GET", "/metrics")
            stats = Stats.parse(connection.getresponse().read().decode())
        finally:
            connection.close()
        looks.append((stats.total("go_memstats_heap_inuse_bytes"), stats.total("prometheus_tsdb_head_series")))
        time.sleep(0.5)
    return min(looks)


def cost_table(found: list[Cost]) -> str:
    """The figures of each kind."""
    heads = ("what", "stats", "series in Prometheus", "us of CPU to define a stat", "bytes of a stat in Envoy's allocator",
             "bytes of a stat, resident", "bytes of a series in Prometheus")
    rows = [(each.kind, f"{each.stats:,}", f"{each.series:,}", f"{each.define_us:,.0f}", f"{each.envoy_bytes:,.0f}",
             f"{each.resident_bytes:,.0f}", f"{each.prometheus_bytes:,.0f}") for each in found]
    return "\n".join("| " + " | ".join(row) + " |"
                     for row in (heads, ("---", *("---:" for _ in heads[1:])), *rows)) + "\n"
