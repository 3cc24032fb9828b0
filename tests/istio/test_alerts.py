"""The alerts on a missing filter, against hand-made series: they fire, they are silent, and each condition is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Failed, paths
from lab.prometheus import promtool
from manifests import ENVOYFILTER, ISTIO, insertions, load

ALERTS = ISTIO / "telemetry" / "alerts.yaml"
SERIES = Path(__file__).parent / "alerts.yaml"

RULES: list[dict[str, Any]] = load(ALERTS)["groups"][0]["rules"]
NAMES = [rule["alert"] for rule in RULES if "alert" in rule]

# Alert or record, and a change of its expression that the series must find out.
CHANGES = [
    ("kafka_filter:mesh_tcp:count", ", destination_port=~", ", destination_app=~"),
    ("kafka_filter:mesh_tcp:count", 'destination_port=~"9092|"', 'destination_port="9092"'),
    ("kafka_filter:mesh_tcp:count", 'pod!~"ztunnel-.*",', ""),
    ("kafka_filter:mesh_tcp:count", "(kafka|-bootstrap|-brokers)", "(-bootstrap)"),
    ("kafka_filter:mesh_tcp:count", 'destination_service_name=~".*(kafka|-bootstrap|-brokers).*",', ""),
    ("kafka_filter:mesh_tcp:count", '"source/([^/]*)/.*"', '"source/([^/]*)/x"'),
    ("kafka_filter:mesh_tcp:count", '"destination/[^/]*/(.*)"', '"destination/([^/]*)/.*"'),
    ("kafka_filter:mesh_tcp:count", '"reporter", "waypoint")', '"reporter", "gateway")'),
    ("kafka_filter:mesh_connections:active", "or 0 * kafka_filter:mesh_connections:opened", ""),
    ("kafka_filter:mesh_filter:active", "(_reporter___.*___)?", ""),
    ("kafka_filter:mesh_filter:opened", "(_reporter___.*___)?", ""),
    ("KafkaFilterMissingInMesh", "unless on (job, instance, namespace, pod, reporter)",
     "unless on (job, instance, namespace, pod)"),
    ("KafkaFilterMissingInMesh", "> 0.1 *", ">= 0 *"),
    ("KafkaFilterMissingInMesh", "> 0.1 *", "> 1.1 *"),
    ("KafkaFilterBlindInMesh", "unless kafka_filter:mesh_filter:opened offset 15m", ""),
    ("KafkaFilterBlindInMesh", "(kafka_filter:mesh_filter:opened unless kafka_filter:mesh_filter:opened offset 15m)",
     "kafka_filter:mesh_filter:opened < 0"),
    ("KafkaFilterBlindInMesh", "> 1 + 0.1 *", ">= 0 *"),
    ("KafkaFilterBlindInMesh", "unless on (job, instance, namespace, pod, reporter)\n  ALERTS", "unless\n  ALERTS"),
    ("KafkaFilterNotLoaded", "or increase(", "or 0 * increase("),
    ("KafkaFilterNotLoaded", "[15m]) ) > 0", "[15m]) ) >= 0"),
    ("KafkaFilterImageNotFetched", 'result!="success"', ""),
    ("KafkaFilterImageNotFetched", "unless on (job, instance, namespace, pod) {", "unless on (job, result) {"),
    ("KafkaFilterImageNotFetched", "or envoy_kafka_filter_absent_rbac", ""),
    ("KafkaFilterImageNotFetched", "kafka_filter:mesh_connections:opened or", ""),
    ("KafkaFilterImageNotFetched", "and on (job, instance, namespace, pod) (", "and on () ("),
    ("KafkaFilterLabelsMissing", "___", ""),
]


def test_they_fire_where_the_filter_is_missing_and_nowhere_else() -> None:
    promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("test", "rules", SERIES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_seen_firing_and_seen_silent(name: str) -> None:
    expected = [bool(case["exp_alerts"]) for test in load(SERIES)["tests"]
                for case in test["alert_rule_test"] if case["alertname"] == name]
    assert set(expected) == {True, False}


@pytest.mark.parametrize(("name", "old", "new"), CHANGES, ids=lambda text: re.sub(r"\W+", "-", text)[:40])
def test_each_condition_is_needed(tmp_path: Path, name: str, old: str, new: str) -> None:
    """With another expression the hand-made series come out differently."""
    written = load(ALERTS)
    (rule,) = [one for one in written["groups"][0]["rules"] if name in (one.get("alert"), one.get("record"))]
    # White space is the file's own affair.
    expression, old = " ".join(rule["expr"].split()), " ".join(old.split())
    assert expression.count(old) >= 1, f"{name} has no {old!r}"
    rule["expr"] = expression.replace(old, " ".join(new.split()), 1)
    changed, series = tmp_path / "rules.yaml", tmp_path / "series.yaml"
    changed.write_text(yaml.safe_dump(written))
    promtool("check", "rules", changed)
    series.write_text(yaml.safe_dump({**load(SERIES), "rule_files": [str(changed)]}))
    with pytest.raises(Failed, match="got:"):
        promtool("test", "rules", series)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_where_and_what_is_next(name: str) -> None:
    (rule,) = [one for one in RULES if one.get("alert") == name]
    assert rule["labels"]["severity"] in ("warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert "$labels.namespace" in rule["annotations"]["summary"] and "$labels.pod" in rule["annotations"]["summary"]
    assert "$value" in rule["annotations"]["description"] and "Next: " in rule["annotations"]["description"]
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (paths.REPOSITORY / path).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_they_count_what_the_manifest_counts() -> None:
    prefixes = {patch["patch"]["value"]["config_discovery"]["default_config"]["stat_prefix"]
                for patch in insertions(load(ENVOYFILTER))}
    assert prefixes == {"kafka_filter_absent."}
    for path in (ALERTS, ISTIO / "README.md"):
        assert "envoy_kafka_filter_absent_rbac" in path.read_text()


def test_they_look_at_the_manifests_ports() -> None:
    """A port that is in no manifest would be called missing, and one that is not looked at never."""
    selected = re.search(r'destination_port=~"([^"]*)"', RULES[0]["expr"])
    assert selected
    observed = {patch["match"]["listener"]["portNumber"] for patch in insertions(load(ENVOYFILTER))}
    assert set(selected[1].split("|")) == {str(port) for port in observed} | {""}
    overrides = load(ISTIO / "telemetry" / "tcp-destination-port.yaml")["spec"]["metrics"][0]["overrides"]
    assert {one["match"]["metric"] for one in overrides} == {"TCP_OPENED_CONNECTIONS", "TCP_CLOSED_CONNECTIONS"}
    assert all(set(one["tagOverrides"]) == {"destination_port"} for one in overrides)
