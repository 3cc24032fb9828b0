"""Topics with names that Envoy's or Istio's tag rules could mistake become labels all the same, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import payloads, produce
from confluent_kafka.admin import AdminClient, NewTopic
from lab import Envoy, Kafka, bootstrap, cluster, listener, paths, wasm_filter

PREFIX = "kafka_filter_"

# Topic and label value, by hand. Kafka allows letters, digits, `.`, `_` and `-`, and 249 characters.
TOPICS = {
    "names-plain": "names-plain",
    "names.with.dots-and_more": "names.with.dots-and_more",
    "..names..": "..names.%2E",
    "names.": "names%2E",
    "names": "names",
    "component.names.x": "component%2Enames.x",
    "names-cache.events": "names-cache%2Eevents",
    "names-tag.v1": "names-tag%2Ev1",
    "wasm_filter.names": "wasm_filter%2Enames",
    "names-rbac.allowed": "names-rbac%2Eallowed",
    "names.shadow_denied": "names%2Eshadow_denied",
    "names.istio_dry_run_allow_x": "names%2Eistio_dry_run_allow_x",
    "names_rq_200": "names_rq_200",
    "__other__": "%5F_other__",
    "n" * 249: "n" * 249,
}

# What an Istio proxy's bootstrap has beside one rule for each of `extraStatTags`.
ISTIO_RULES = {
    "response_code": r"_rq(_(\d{3}))$",
    "response_code_class": r"_rq(_(\dxx))$",
    "cache": r"(cache\.(.+?)\.)",
    "component": r"(component\.(.+?)\.)",
    "tag": r"(tag\.(.+?);\.)",
    "wasm_filter": r"(wasm_filter\.(.+?)\.)",
    "authz_enforce_result": r"rbac(\.(allowed|denied))",
    "authz_dry_run_action": r"(\.istio_dry_run_(allow|deny)_)",
    "authz_dry_run_result": r"(\.shadow_(allowed|denied))",
}


@pytest.fixture(scope="module")
def awkward(kafka: Kafka) -> Iterator[list[str]]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    made = admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS])
    for future in made.values():
        future.result(30)
    yield list(TOPICS)
    for future in admin.delete_topics(list(TOPICS)).values():
        future.result(30)


@pytest.mark.parametrize("rules", ["shipped", "istio"])
def test_topics_are_labels(folder: Path, kafka: Kafka, awkward: list[str], rules: str) -> None:
    here = folder / f"stat-names-{rules}"
    here.mkdir()
    overlay = paths.STATS_TAGS if rules == "shipped" else _istio_rules(here)
    front = next(one for one in kafka.listeners if one.name == "EXAMPLE").advertised[0]
    config = bootstrap([listener("names", front, "broker", filters=[wasm_filter({})])],
                       [cluster("broker", kafka.port("EXAMPLE"))])
    with Envoy(here, config, overlays=[overlay]) as envoy:
        for number, topic in enumerate(awkward, start=1):
            produce(f"127.0.0.1:{front}", topic, payloads(number, 20))
        stats = envoy.quiet_stats()

    records = {labels["topic"]: value
               for labels, value in stats.series(PREFIX + "topic_produced_records_total")}
    assert records == {TOPICS[topic]: number for number, topic in enumerate(awkward, start=1)}
    _only_documented_series(stats.samples)


def _only_documented_series(samples: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> None:
    """Every series of the filter has a name of docs/metrics.md, and exactly the labels which stand there."""
    page = (paths.REPOSITORY / "docs" / "metrics.md").read_text()
    documented = {}
    for name, kind, labels in re.findall(rf"^\| `{PREFIX}(\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE):
        wanted = {"reporter", *re.findall(r"`(\w+)`", labels)}
        if kind == "histogram":
            documented |= {f"{name}_bucket": wanted | {"le"}, f"{name}_sum": wanted, f"{name}_count": wanted}
        else:
            documented[name] = wanted
    assert len(documented) > 25
    ours = {(name.removeprefix(PREFIX), frozenset(label for label, _ in labels))
            for name, labels in samples if name.startswith(PREFIX)}
    odd = {(name, labels) for name, labels in ours if documented.get(name) != set(labels)}
    assert not odd, odd


def _istio_rules(folder: Path) -> Path:
    """stats_config as an Istio proxy has it when `extraStatTags` names the labels of the shipped rules."""
    labels = re.findall(r"tag_name: (\w+)", paths.STATS_TAGS.read_text())
    rules = {label: rf"({label}=\.=(.*?);\.;)" for label in labels} | ISTIO_RULES
    lines = ["stats_config:", "  use_all_default_tags: false", "  stats_tags:"]
    lines += [f"  - {{tag_name: {label}, regex: '{expression}'}}" for label, expression in rules.items()]
    written = folder / "istio-stats-tags.yaml"
    written.write_text("\n".join(lines) + "\n")
    return written
