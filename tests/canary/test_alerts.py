"""The canary's rules against hand-made series: each alert is seen firing, and silent because of its conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import paths
from lab.rules import Case, Rules, says_what_is_next, seen_both_ways

RULES = Rules(paths.REPOSITORY / "crates" / "kafka-canary" / "deploy", paths.REPOSITORY / "docs" / "canary-reference.md",
              r"kafka_canary[_:][\w:]*\w")
JOB = 'job="kafka-canary"'
HOURS = 8 * 60


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


ALERTS = RULES.listed(RULES.alerts)


def test_promtool_accepts_them() -> None:
    RULES.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hand_made_series(case: Case, tmp_path: Path) -> None:
    RULES.fire(case, tmp_path)


@pytest.mark.parametrize("name", [alert["alert"] for alert in ALERTS])
def test_each_alert_is_seen_both_ways(name: str) -> None:
    assert seen_both_ways(name, CASES)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_next(alert: dict[str, Any]) -> None:
    says_what_is_next(alert)


def test_rules_name_metrics_that_there_are() -> None:
    RULES.name_what_there_is()
