"""Labels as an Istio proxy makes them of the stat names, and as Prometheus makes them of flat names."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab import Envoy, Kafka, Prometheus, Stats, paths
from lab.prometheus import scrape
from istio_stats import TELEMETRY, istio_bootstrap
from manifests import ENVOYFILTER, load, resource
from mesh import Ports, exchange, new_topic, sidecar

PREFIX = "kafka_filter_"
PRODUCED = PREFIX + "topic_produced_records_total"

# Topic and label, by hand; docs/metrics.md says what is escaped. Kafka allows letters, digits, `.`, `_` and `-`.
TOPICS = {
    "labels-plain": "labels-plain",
    "labels.with.dots-and_more": "labels.with.dots-and_more",
    "component.labels.y": "component%2Elabels.y",
    "labels-cache.a.b": "labels-cache%2Ea.b",
    "labels-rbac.allowed": "labels-rbac%2Eallowed",
    "labels-tag.x": "labels-tag%2Ex",
    "topic": "topic",
    "labels-___request___x": "labels-___request___x",
    "l" * 249: "l" * 249,
}
CLIENTS = {
    "orders-service": "orders-service",
    "component.x.y": "component%2Ex.y",
    "cache.a.b": "cache%2Ea.b",
    "rbac.allowed": "rbac%2Eallowed",
    "a;b=50%": "a%3Bb%3D50%25",
    ";.;topic=.=forged;.;": "%3B.%3Btopic%3D.%3Dforged%3B.%3B",
    "grüße/{x}": "grüße/{x}",
    "client.": "client%2E",
    "__other__": "%5F_other__",
}


@pytest.fixture(scope="module")
def topics(kafka: Kafka) -> list[str]:
    return [new_topic(kafka, name) for name in TOPICS]


def test_labels_by_istio_s_rules(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, topics: list[str]) -> None:
    """With the tags of the MeshConfig and the buckets of the annotation, in an Envoy that has Istio's other rules."""
    with _traffic(here, kafka, ports, brokers, topics, [istio_bootstrap(here)]) as (envoy, client_topic):
        expected = {label: float(count) for count, label in enumerate(TOPICS.values(), start=1)}
        expected[client_topic] = float(sum(range(1, len(CLIENTS) + 1)))
        stats = _told(envoy, expected)
        assert {labels["topic"]: value for labels, value in stats.series(PRODUCED)} == expected
        by_client = stats.by(PREFIX + "client_produced_records_total", "client_id", topic=client_topic)
        assert by_client == {(label,): float(count) for count, label in enumerate(CLIENTS.values(), start=1)}
        _only_documented_series(stats.samples)
        bounds = {labels["le"] for labels, _ in stats.series(PREFIX + "request_duration_microseconds_bucket")}
        assert {"100", "250", "60000000", "+Inf"} <= bounds and "0.5" not in bounds


def test_labels_out_of_flat_names(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, topics: list[str]) -> None:
    """Without tags in Envoy, Prometheus makes them: the same but for what a flat name has lost."""
    plain = [topic for topic in topics if topic != "labels-___request___x"]
    with _traffic(here, kafka, ports, brokers, plain, [istio_bootstrap(here, tags=[])]) as (envoy, client_topic):
        envoy.quiet_stats()
        config = scrape("mesh", [envoy.admin_port], "/stats/prometheus")
        config["scrape_configs"][0] |= load(TELEMETRY / "prometheus-relabel.yaml")
        with Prometheus(here, config) as prometheus:
            records = sum(range(1, len(plain) + 1)) + sum(range(1, len(CLIENTS) + 1))
            prometheus.wait_for(f"sum({PREFIX}client_produced_records_total) >= {records}")
            prometheus.wait_for_scrapes()
            found = prometheus.query('{__name__=~"kafka_filter_.*"}')
    samples = {(one.labels["__name__"], frozenset((name, value) for name, value in one.labels.items()
                                                  if name not in ("__name__", "job", "instance"))): one.value
               for one in found}
    _only_documented_series(samples)
    produced = {dict(labels)["topic"]: value for (name, labels), value in samples.items()
                if name == PREFIX + "topic_produced_records_total"}
    expected = {_flat(TOPICS[topic]): float(count) for count, topic in enumerate(plain, start=1)}
    assert produced == expected | {_flat(client_topic): float(sum(range(1, len(CLIENTS) + 1)))}
    by_client = {dict(labels)["client_id"]: value for (name, labels), value in samples.items()
                 if name == PREFIX + "client_produced_records_total" and dict(labels)["topic"] == _flat(client_topic)}
    assert by_client == {_flat(label): float(count) for count, label in enumerate(CLIENTS.values(), start=1)}


def test_what_passed_without_the_filter_is_counted(here: Path, kafka: Kafka, ports: Ports, brokers: Ports) -> None:
    """By the name that Istio's rules give to what the EnvoyFilter's default counts: one for each connection."""
    with sidecar(here, load(ENVOYFILTER), ports, brokers, [], overlays=[istio_bootstrap(here)]) as envoy:
        exchange(ports["SIDECAR_INBOUND"], new_topic(kafka), 5)
        counted = envoy.stats().by("envoy_kafka_filter_absent_rbac", "authz_enforce_result")
        assert counted == {("allowed",): envoy.counter("tcp.SIDECAR_INBOUND.downstream_cx_total")}


@contextlib.contextmanager
def _traffic(folder: Path, kafka: Kafka, ports: Ports, brokers: Ports, topics: Sequence[str],
             overlays: Sequence[Path]) -> Iterator[tuple[Envoy, str]]:
    """One record into the first topic, two into the second and so on; the same by each client into one more topic."""
    document, port = load(ENVOYFILTER), ports["SIDECAR_OUTBOUND"]
    only = {"SIDECAR_OUTBOUND": port}
    with sidecar(folder, document, only, brokers, [resource(document, paths.ARTIFACT)], overlays=overlays) as envoy:
        for count, topic in enumerate(topics, start=1):
            exchange(port, topic, count)
        client_topic = new_topic(kafka)
        for count, client in enumerate(CLIENTS, start=1):
            exchange(port, client_topic, count, "-X", f"client.id={client}")
        yield envoy, client_topic


def _told(envoy: Envoy, produced: dict[str, float]) -> Stats:
    """The statistics once Envoy has all records that were produced, by topic and by client; or what it has after 10 s.

    Many new series are defined a few at a time, and told once a second.
    """
    def total() -> tuple[float, float]:
        return stats.total(PRODUCED), stats.total(PREFIX + "client_produced_records_total")

    stats = envoy.quiet_stats()
    deadline = time.monotonic() + 10
    while total() != (sum(produced.values()),) * 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        stats = envoy.quiet_stats()
    return stats


def _flat(value: str) -> str:
    """What the alphabet of names in Prometheus leaves of a value."""
    return re.sub(r"[^A-Za-z0-9_]", "_", value)


def _only_documented_series(samples: dict[tuple[str, frozenset[tuple[str, str]]], Any]) -> None:
    """Every series of the filter has a name of docs/metrics.md, and exactly the labels that stand there."""
    page = (paths.REPOSITORY / "docs" / "metrics.md").read_text()
    documented = {}
    for name, kind, labels in re.findall(rf"^\| `{PREFIX}(\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE):
        wanted = {"reporter", *re.findall(r"`(\w+)`", labels)}
        if kind == "histogram":
            documented |= {f"{name}_bucket": wanted | {"le"}, f"{name}_sum": wanted, f"{name}_count": wanted}
        else:
            documented[name] = wanted
    ours = {(name.removeprefix(PREFIX), frozenset(label for label, _ in labels))
            for name, labels in samples if name.startswith(PREFIX)}
    assert len(ours) > 20
    odd = {(name, labels) for name, labels in ours if documented.get(name) != set(labels)}
    assert not odd, odd
