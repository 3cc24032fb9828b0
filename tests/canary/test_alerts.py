"""The canary's rules against hand-made series: each alert is seen firing, and silent because of its conditions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import paths
from lab.prometheus import promtool

DEPLOY = paths.REPOSITORY / "crates" / "kafka-canary" / "deploy"
RECORDING, ALERTS = DEPLOY / "recording-rules.yaml", DEPLOY / "alerts.yaml"
JOB = 'job="kafka-canary"'
HOURS = 8 * 60


@dataclass(frozen=True)
class Case:
    """Series, and the alerts that fire on them `minutes` after they began: name to the labels of each."""

    name: str
    series: dict[str, str]
    minutes: int
    fires: dict[str, list[dict[str, str]]]


def _due(values: str, partition: int = 0) -> dict[str, str]:
    return {f'kafka_canary_produce_due_total{{{JOB}, partition="{partition}"}}': values}


def _read(values: str, partition: int = 0) -> dict[str, str]:
    return {f'kafka_canary_records_consumed_total{{{JOB}, partition="{partition}"}}': values}


def _of(name: str, labels: str, values: str) -> dict[str, str]:
    return {f"{name}{{{JOB}, {labels}}}": values}


def _latency(in_time: str, all_read: str) -> dict[str, str]:
    bucket = "kafka_canary_end_to_end_latency_seconds_bucket"
    return _of(bucket, 'broker="1", le="1"', in_time) | _of(bucket, 'broker="1", le="+Inf"', all_read)


SERVED = _due(f"0+60x{HOURS}") | _read(f"0+60x{HOURS}")
PARTITION = {"job": "kafka-canary", "partition": "0"}
BROKER = {"job": "kafka-canary", "broker": "1"}

CASES = [
    Case("all is well", {
        f"up{{{JOB}}}": f"1x{HOURS}", **SERVED, **_latency(f"0+60x{HOURS}", f"0+60x{HOURS}"),
        **_of("kafka_canary_records_lost_total", 'partition="0"', f"0x{HOURS}"),
        **_of("kafka_canary_records_duplicated_total", 'partition="0"', f"0x{HOURS}"),
        **_of("kafka_canary_records_out_of_order_total", 'partition="0"', f"0x{HOURS}"),
        **_of("kafka_canary_commits_total", 'broker="1"', f"0+6x{HOURS}"),
        **_of("kafka_canary_connections_total", 'broker="1"', f"0+1x{HOURS}"),
        **_of("kafka_canary_topic_operations_failed_total", 'operation="alter_assignments", reason="timeout"', f"1x{HOURS}"),
    }, 400, {name: [] for name in (
        "KafkaCanaryAbsent", "KafkaCanaryBudgetBurnsFast", "KafkaCanaryBudgetBurns", "KafkaCanarySlow",
        "KafkaCanaryPartitionUnserved", "KafkaCanaryRecordsLost", "KafkaCanaryRecordsDuplicatedOrDisordered",
        "KafkaCanaryCommitsFail", "KafkaCanaryBrokerUnreachable", "KafkaCanaryTopicOperationsFail")}),
    Case("nobody is scraped", {f"up{{{JOB}}}": "0x60"}, 20, {"KafkaCanaryAbsent": [{}]}),
    Case("nobody is scraped since a moment", {f"up{{{JOB}}}": "1x20 0x60"}, 24, {"KafkaCanaryAbsent": []}),
    Case("the whole cluster is away", _due(f"0+60x{HOURS}") | _read(f"0+60x60 3600x{HOURS}"), 80, {
        "KafkaCanaryBudgetBurnsFast": [{"job": "kafka-canary"}], "KafkaCanaryPartitionUnserved": [PARTITION]}),
    Case("it was away for a minute, long ago", _due(f"0+60x{HOURS}") | _read("0+60x60 3600x1 3600+60x200"), 120, {
        "KafkaCanaryBudgetBurnsFast": [], "KafkaCanaryPartitionUnserved": []}),
    # 2% fail: more than 6 and 14.4 times a budget of one in a thousand.
    Case("some probes fail for hours", _due(f"0+600x{HOURS}") | _read(f"0+590x{HOURS}"), 400, {
        "KafkaCanaryBudgetBurns": [{"job": "kafka-canary"}], "KafkaCanaryPartitionUnserved": []}),
    Case("fewer than the budget allows", _due(f"0+10000x{HOURS}") | _read(f"0+9995x{HOURS}"), 400, {
        "KafkaCanaryBudgetBurns": [], "KafkaCanaryBudgetBurnsFast": []}),
    Case("one partition of two is not served",
         _due("0+60x60") | _read("0x60") | _due("0+60x60", 1) | _read("0+60x60", 1), 30,
         {"KafkaCanaryPartitionUnserved": [PARTITION]}),
    Case("records come late", _latency("0+50x120", "0+60x120"), 100, {"KafkaCanarySlow": [{"job": "kafka-canary"}]}),
    Case("few records come late", _latency("0+599x120", "0+600x120"), 100, {"KafkaCanarySlow": []}),
    Case("a record is lost", _of("kafka_canary_records_lost_total", 'partition="0"', "0x30 1x60"), 33, {
        "KafkaCanaryRecordsLost": [PARTITION]}),
    Case("a record was lost an hour ago", _of("kafka_canary_records_lost_total", 'partition="0"', "0x5 1x90"), 80, {
        "KafkaCanaryRecordsLost": []}),
    Case("records come twice",
         _of("kafka_canary_records_duplicated_total", 'partition="0"', "0x30 4x60")
         | _of("kafka_canary_records_out_of_order_total", 'partition="0"', "0x90"), 33,
         {"KafkaCanaryRecordsDuplicatedOrDisordered": [PARTITION]}),
    Case("commits fail",
         _of("kafka_canary_commits_total", 'broker="1"', "0+6x60")
         | _of("kafka_canary_commits_failed_total", 'broker="1", reason="not_coordinator"', "0+3x60"), 30,
         {"KafkaCanaryCommitsFail": [BROKER]}),
    Case("few commits fail",
         _of("kafka_canary_commits_total", 'broker="1"', "0+60x60")
         | _of("kafka_canary_commits_failed_total", 'broker="1", reason="timeout"', "0+3x60"), 30,
         {"KafkaCanaryCommitsFail": []}),
    Case("a broker takes no connections",
         _of("kafka_canary_connections_total", 'broker="1"', "0+1x60")
         | _of("kafka_canary_connections_failed_total", 'broker="1", reason="refused"', "0+1x60"), 30,
         {"KafkaCanaryBrokerUnreachable": [BROKER]}),
    Case("a connection fails now and then",
         _of("kafka_canary_connections_total", 'broker="1"', "0+4x60")
         | _of("kafka_canary_connections_failed_total", 'broker="1", reason="timeout"', "0+1x60"), 30,
         {"KafkaCanaryBrokerUnreachable": []}),
    Case("the topic cannot be made",
         _of("kafka_canary_topic_operations_failed_total", 'operation="create_topic", reason="invalid_config"', "0+2x60"),
         50, {"KafkaCanaryTopicOperationsFail": [{"job": "kafka-canary", "operation": "create_topic"}]}),
]


def _rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


NAMES = [rule["alert"] for rule in _rules(ALERTS)]


def test_promtool_accepts_them() -> None:
    promtool("check", "rules", RECORDING, ALERTS)
    promtool("check", "config", DEPLOY / "prometheus.yaml")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hand_made_series(case: Case, tmp_path: Path) -> None:
    """Annotations are left out here: their text is checked below."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    severities = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        del rule["annotations"]
        severities[rule["alert"]] = rule["labels"]
    (tmp_path / "alerts.json").write_text(json.dumps({"groups": groups}))
    order = [group["name"] for path in (RECORDING, ALERTS) for group in yaml.safe_load(path.read_text())["groups"]]
    expected = [{"alertname": name, "eval_time": f"{case.minutes}m",
                 "exp_alerts": [{"exp_labels": severities[name] | labels} for labels in fires]}
                for name, fires in case.fires.items()]
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    suite = {"rule_files": [str(RECORDING), "alerts.json"], "evaluation_interval": "1m", "group_eval_order": order,
             "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": expected}]}
    (tmp_path / "tests.json").write_text(json.dumps(suite))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "tests.json")


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_seen_both_ways(name: str) -> None:
    seen = [bool(case.fires[name]) for case in CASES if name in case.fires]
    assert True in seen and False in seen


@pytest.mark.parametrize("alert", _rules(ALERTS), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_next(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert "Next: " in alert["annotations"]["description"] and "$value" in alert["annotations"]["description"]
    path, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (paths.REPOSITORY / path).read_text(), re.MULTILINE)
    assert anchor == alert["alert"].lower() and alert["alert"] in headings


def test_rules_name_metrics_that_there_are() -> None:
    """Against the reference page, which is generated from the program."""
    page = (paths.REPOSITORY / "docs" / "canary-reference.md").read_text()
    known = {name: set(re.findall(r"`(\w+)`", labels))
             for name, labels in re.findall(r"^\| `(kafka_canary_\w+)` \| \w+ \| ([^|]*) \|", page, re.MULTILINE)}
    recorded = {rule["record"] for rule in _rules(RECORDING)}
    for rule in _rules(RECORDING) + _rules(ALERTS):
        text = rule["expr"] + " " + rule.get("annotations", {}).get("description", "")
        for name, selector in re.findall(r"\b(kafka_canary[_:][\w:]*\w)(?:\{([^}]*)\})?", text):
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            assert name in recorded or base in known, f"{name} is neither a metric nor recorded"
            labels = set(re.findall(r"(\w+)\s*[=!]", selector)) - {"job", "le"}
            assert name in recorded or labels <= known[base], f"{name} has no {labels - known[base]}"
