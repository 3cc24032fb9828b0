"""The gateway's rules against hand-made series: each alert is seen firing, and silent because of its conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import paths
from lab.rules import Case, Rules, says_what_is_next, seen_both_ways

RULES = Rules(paths.REPOSITORY / "crates" / "kafka-gateway" / "deploy", paths.REPOSITORY / "docs" / "gateway-reference.md",
              r"kafka_(?:gateway[_:]|producer_|errors_)[\w:]*\w")
ONE = {"job": "kafka-gateway", "instance": "one"}


def _of(name: str, values: str, **labels: str) -> dict[str, str]:
    """A series of one instance, a value a minute."""
    listed = ", ".join(f'{label}="{value}"' for label, value in (ONE | labels).items())
    return {f"{name}{{{listed}}}": values}


def _gateway(name: str, values: str, **labels: str) -> dict[str, str]:
    return _of(f"kafka_gateway_{name}", values, **labels)


def _requests(ok: str, failed: str, code: str = "503") -> dict[str, str]:
    name = "requests_total"
    return _gateway(name, ok, api="push", code="200") | _gateway(name, failed, api="push", code=code)


def _deliveries(acks: str, within: str, every: str, failed: str) -> dict[str, str]:
    """Deliveries of which so many take less than a second, the others less than five."""
    name = "delivery_duration_seconds"
    return (_gateway(f"{name}_bucket", within, acks=acks, le="1") | _gateway(f"{name}_bucket", every, acks=acks, le="5")
            | _gateway(f"{name}_bucket", every, acks=acks, le="+Inf") | _gateway(f"{name}_count", every, acks=acks)
            | _gateway("deliveries_failed_total", failed, acks=acks))


def _log(used: str, limit: str) -> dict[str, str]:
    return _gateway("log_bytes", used) | _gateway("log_limit_bytes", limit)


ALL = ("KafkaGatewayAbsent", "KafkaGatewayNotReady", "KafkaGatewayErrors", "KafkaGatewayDeliveriesFail",
       "KafkaGatewaySlow", "KafkaGatewayLogFills", "KafkaGatewayLogWaits", "KafkaGatewayLogFails",
       "KafkaGatewayDeadLetters", "KafkaGatewayRateLimits", "KafkaGatewayForgetsKeys", "KafkaGatewayLosesRecords",
       "KafkaGatewayLosesClients", "KafkaGatewaySyncsFail", "KafkaGatewayCertificatesFail")

CASES = [
    Case("all is well", {
        **_of("up", "1x120"), **_gateway("ready", "1x120"), **_requests("0+600x120", "0x120"),
        **_deliveries("all", "0+600x120", "0+600x120", "0x120"), **_log("1000x120", "1000000x120"),
        **_gateway("log_oldest_entry_age_seconds", "0x120"), **_gateway("log_failing", "0x120"),
        **_gateway("log_dead_letter_records", "0x120"), **_gateway("idempotency_forgotten_early_total", "0x120"),
        **_gateway("rate_limited_records_total", "7x120", limit="topic orders"),
        **_gateway("lost_records_total", "7x120", error="_MSG_TIMED_OUT"),
        **_gateway("clients_lost_total", "7x120", acks="all", error="_FATAL"),
        **_gateway("log_syncs_failed_total", "0x120"), **_gateway("certificates_failing", "0x120"),
    }, 100, {name: [] for name in ALL}),
    Case("nobody writes, and there is no log", {
        **_of("up", "1x120"), **_gateway("ready", "1x120"), **_requests("9x120", "9x120"),
        **_deliveries("all", "9x120", "10x120", "1x120"), **_log("0x120", "0x120"),
    }, 100, {name: [] for name in ALL}),
    Case("nobody is scraped", _of("up", "0x60"), 20, {"KafkaGatewayAbsent": [{}]}),
    Case("nobody is scraped since a moment", _of("up", "1x20 0x60"), 24, {"KafkaGatewayAbsent": []}),
    Case("one of two is scraped", _of("up", "0x60") | _of("up", "1x60", instance="two"), 30, {
        "KafkaGatewayAbsent": []}),
    Case("one of two is not ready", _gateway("ready", "0x60") | _gateway("ready", "1x60", instance="two"), 20, {
        "KafkaGatewayNotReady": [ONE]}),
    Case("it was not ready at its start", _gateway("ready", "0x4 1x60"), 10, {"KafkaGatewayNotReady": []}),
    Case("requests fail", _requests("0+95x60", "0+5x60"), 20, {"KafkaGatewayErrors": [{"job": "kafka-gateway"}]}),
    Case("few requests fail", _requests("0+995x60", "0+5x60"), 20, {"KafkaGatewayErrors": []}),
    Case("callers are to blame", _requests("0+5x60", "0+95x60", code="429"), 20, {"KafkaGatewayErrors": []}),
    Case("requests failed for two minutes", _requests("0+95x60", "0x10 0+50x2 100x60"), 25, {"KafkaGatewayErrors": []}),
    Case("Kafka refuses records", _deliveries("leader", "0+100x60", "0+100x60", "0+1x60"), 20, {
        "KafkaGatewayDeliveriesFail": [{"job": "kafka-gateway", "acks": "leader"}]}),
    Case("Kafka refuses one of ten thousand", _deliveries("leader", "0+10000x60", "0+10000x60", "0+1x60"), 20, {
        "KafkaGatewayDeliveriesFail": []}),
    Case("Kafka is slow", _deliveries("all", "0+90x60", "0+100x60", "0x60"), 30, {
        "KafkaGatewaySlow": [{"job": "kafka-gateway", "acks": "all"}]}),
    Case("few records are slow", _deliveries("all", "0+999x60", "0+1000x60", "0x60"), 30, {"KafkaGatewaySlow": []}),
    Case("what comes from the log may take its time", _deliveries("log", "0+90x60", "0+100x60", "0x60"), 30, {
        "KafkaGatewaySlow": []}),
    Case("the log fills", _log("850x60", "1000x60"), 20, {"KafkaGatewayLogFills": [ONE]}),
    Case("the log was full for a moment", _log("0x10 990x3 100x60", "1000x80"), 30, {"KafkaGatewayLogFills": []}),
    Case("half of the log is used", _log("500x60", "1000x60"), 20, {"KafkaGatewayLogFills": []}),
    Case("records wait in the log", _gateway("log_oldest_entry_age_seconds", "0+60x60"), 20, {
        "KafkaGatewayLogWaits": [ONE]}),
    Case("records wait for a broker's restart", _gateway("log_oldest_entry_age_seconds", "0+60x4 0x60"), 6, {
        "KafkaGatewayLogWaits": []}),
    Case("the disk is full", _gateway("log_failing", "0x10 1x60"), 20, {"KafkaGatewayLogFails": [ONE]}),
    Case("one write failed", _gateway("log_failing", "0x10 1x0 0x60"), 20, {"KafkaGatewayLogFails": []}),
    Case("Kafka refused what was accepted", _gateway("log_dead_letter_records", "0x10 2x60"), 20, {
        "KafkaGatewayDeadLetters": [ONE]}),
    Case("the dead letters were dealt with", _gateway("log_dead_letter_records", "2x10 0x60"), 20, {
        "KafkaGatewayDeadLetters": []}),
    Case("the first record is lost", _gateway("lost_records_total", "_x30 1x60", error="_MSG_TIMED_OUT"), 33, {
        "KafkaGatewayLosesRecords": [ONE | {"error": "_MSG_TIMED_OUT"}]}),
    Case("more records are lost", _gateway("lost_records_total", "5x60 9x60", error="MESSAGE_TOO_LARGE"), 65, {
        "KafkaGatewayLosesRecords": [ONE | {"error": "MESSAGE_TOO_LARGE"}]}),
    Case("records were lost long ago", _gateway("lost_records_total", "_x10 5x110", error="_MSG_TIMED_OUT"), 100, {
        "KafkaGatewayLosesRecords": []}),
    Case("the first client is lost", _gateway("clients_lost_total", "_x30 1x60", acks="all", error="_FENCED"), 33, {
        "KafkaGatewayLosesClients": [{"job": "kafka-gateway", "acks": "all", "error": "_FENCED"}]}),
    Case("a client is lost again", _gateway("clients_lost_total", "1x40 2x60", acks="log", error="_FATAL"), 45, {
        "KafkaGatewayLosesClients": [{"job": "kafka-gateway", "acks": "log", "error": "_FATAL"}]}),
    Case("a client was lost long ago", _gateway("clients_lost_total", "_x10 1x110", acks="all", error="_FATAL"), 100, {
        "KafkaGatewayLosesClients": []}),
    Case("the disk lies", _gateway("log_syncs_failed_total", "0x30 1x60"), 33, {"KafkaGatewaySyncsFail": [ONE]}),
    Case("the disk lied long ago", _gateway("log_syncs_failed_total", "0x10 1x100"), 100, {
        "KafkaGatewaySyncsFail": []}),
    Case("certificates cannot be used", _gateway("certificates_failing", "0x10 1x60"), 30, {
        "KafkaGatewayCertificatesFail": [ONE]}),
    Case("certificates were being replaced", _gateway("certificates_failing", "0x10 1x2 0x60"), 30, {
        "KafkaGatewayCertificatesFail": []}),
    Case("a client is above its limit all the time",
         _gateway("rate_limited_records_total", "0+10x60", limit="client shop")
         | _gateway("rate_limited_records_total", "5x60", limit="topic orders"), 50,
         {"KafkaGatewayRateLimits": [{"job": "kafka-gateway", "limit": "client shop"}]}),
    Case("a client is above its limit now and then",
         _gateway("rate_limited_records_total", "0+10x10 100x20 100+10x10", limit="client shop"), 40, {
             "KafkaGatewayRateLimits": []}),
    Case("keys are forgotten early", _gateway("idempotency_forgotten_early_total", "0+10x60"), 50, {
        "KafkaGatewayForgetsKeys": [ONE]}),
    Case("some keys were forgotten early", _gateway("idempotency_forgotten_early_total", "0x5 10x60"), 40, {
        "KafkaGatewayForgetsKeys": []}),
]


ALERTS = RULES.listed(RULES.alerts)


def test_promtool_accepts_them() -> None:
    RULES.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hand_made_series(case: Case, tmp_path: Path) -> None:
    RULES.fire(case, tmp_path)


def test_recorded_values(tmp_path: Path) -> None:
    """What dashboards show: numbers worked out by hand."""
    series = (_requests("0+90x20", "0+10x20") | _deliveries("all", "0+50x20", "0+100x20", "0+2x20")
              | _log("250x20", "1000x20") | _gateway("records_total", "0+120x20", api="push", outcome="written")
              | _gateway("records_total", "0+60x20", api="topic", outcome="written"))
    job, acks = '{job="kafka-gateway"}', '{job="kafka-gateway", acks="all"}'
    values = {f"kafka_gateway:errors:ratio_rate5m{job}": 0.1,
              f"kafka_gateway:delivery_failures:ratio_rate5m{acks}": 0.02,
              # 99 of 100 lie in (1, 5]: 49 of its 50 are below 1 + 4 * 49/50.
              f"kafka_gateway:delivery_duration:p99_rate5m{acks}": 4.92,
              'kafka_gateway:log_used:ratio{instance="one", job="kafka-gateway"}': 0.25,
              'kafka_gateway:records:rate5m{job="kafka-gateway", outcome="written"}': 3}
    tests = [{"expr": f"round({name.partition('{')[0]}, 0.0001)", "eval_time": "15m",
              "exp_samples": [{"labels": "{" + name.partition("{")[2], "value": value}]}
             for name, value in values.items()]
    RULES.record(series, tests, tmp_path)


def test_no_errors_are_a_share_of_zero(tmp_path: Path) -> None:
    """Where nothing was ever answered 5xx there is no such series; the share is 0 then, and a line in a dashboard."""
    found = {"expr": "kafka_gateway:errors:ratio_rate5m", "eval_time": "15m", "exp_samples": [
        {"labels": 'kafka_gateway:errors:ratio_rate5m{job="kafka-gateway"}', "value": 0}]}
    series = _gateway("requests_total", "0+90x20", api="push", code="200")
    RULES.record(series, [found], tmp_path)


@pytest.mark.parametrize("name", [alert["alert"] for alert in ALERTS])
def test_each_alert_is_seen_both_ways(name: str) -> None:
    assert seen_both_ways(name, CASES)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_next(alert: dict[str, Any]) -> None:
    says_what_is_next(alert)


def test_rules_name_metrics_that_there_are() -> None:
    RULES.name_what_there_is()
