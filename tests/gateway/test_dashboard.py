"""Every query of the dashboard finds data: the shipped Prometheus configuration, two real gateways, a real Kafka, and
producers that do what producers do, mistakes among it."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.prometheus import Prometheus
from monitoring.dashboards import substituted

from gateway import Gateway, Json, merged, with_log
from lab import Gate, Kafka, paths
from topics import Topics

DEPLOY = paths.REPOSITORY / "crates" / "kafka-gateway" / "deploy"

# The scrape is every half second here, so windows may be short; Grafana would choose them like this.
VALUES = {"__rate_interval": "10s", "__range": "10m", "gateway": ".*", "datasource": "prometheus"}
PATIENCE_SECONDS = 60

LIMITED = [{"topic_name": "board-limited", "max_requests_per_minute": 1}]
SETTINGS: Json = {"kafka": {"statistics_interval_ms": 500}, "ratelimit": {"enabled": True, "rules": LIMITED}}


class Producers:
    """At work until the block ends, about once in a fifth of a second."""

    def __init__(self, plain: Gateway, logged: Gateway, topics: Topics, gate: Gate) -> None:
        self._plain, self._logged, self._cluster, self._gate = plain, logged, topics.cluster, gate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.failures: list[str] = []

    def __enter__(self) -> Producers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _work(self) -> None:
        try:
            number = 0
            while not self._stop.wait(0.2):
                number += 1
                self._round(number)
        except Exception as error:  # noqa: BLE001: told by the test that owns the thread
            self.failures.append(f"{type(error).__name__}: {error}")

    def _round(self, number: int) -> None:
        good, large = {"topic": "board", "data": f"{number}"}, {"topic": "board-strict", "data": "x" * 5000}
        for gateway in (self._plain, self._logged):
            gateway.push(good)
            gateway.push(good, wait=False, headers={"idempotency-key": f"{number}"})
            gateway.push({"topic": "board-limited", "data": "x"})
        # Refused by the topic: told, or lost because nobody waited and there is no log.
        self._plain.push(large)
        self._plain.push(large, wait=False)
        self._plain.send("POST", "/topics/board", b"x")
        self._plain.send("POST", "/topics/there-is-none", b"x")
        document = b'{"value":{"type":"STRING","data":"x"}}'
        self._plain.send("POST", f"/v3/clusters/{self._cluster}/topics/board/records", document)
        if number % 10 == 0:
            # Every client that is connected through it loses its broker for a moment.
            self._gate.reset()


@pytest.fixture(scope="module")
def queries() -> dict[str, str]:
    """By panel and letter; and what the variables of the page ask."""
    page = json.loads((DEPLOY / "dashboard.json").read_text())
    found = {f"{panel['title']} [{target['refId']}]": substituted(target["expr"], VALUES)
             for panel in page["panels"] for target in panel.get("targets", [])}
    return found | {"variable gateway": "count by (job) (kafka_gateway_build_info)"}


@pytest.fixture
def prometheus(here: Path, single: Kafka, topics: Topics, gate: Gate) -> Iterator[Prometheus]:
    """Scrapes two gateways while producers are at work; the one with the log is behind the gate."""
    topics.make("board", "board-limited")
    topics.make("board-strict", max_message_bytes="1000")
    with_wal = merged(SETTINGS, with_log(here / "log"))
    with Gateway(here / "plain", single.bootstrap, SETTINGS) as plain, \
            Gateway(here / "logged", f"127.0.0.1:{gate.port}", with_wal) as logged:
        targets = f'["127.0.0.1:{plain.metrics_port}", "127.0.0.1:{logged.metrics_port}"]'
        with Prometheus(here, DEPLOY / "prometheus.yaml", {'["127.0.0.1:8088"]': targets}) as prometheus, \
                Producers(plain, logged, topics, gate) as producers:
            yield prometheus
        assert not producers.failures, producers.failures


def test_every_query_finds_data(queries: dict[str, str], prometheus: Prometheus) -> None:
    """None is exempt: what speaks of trouble has some here."""
    assert len(queries) > 30
    waiting, deadline = dict(queries), time.monotonic() + PATIENCE_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(1)
        waiting = {place: expr for place, expr in waiting.items()
                   if not any(math.isfinite(one.value) for one in prometheus.query(expr))}
    missing = "\n  ".join(f"{place}: {expr}" for place, expr in waiting.items())
    assert not waiting, f"no data although all producers were at work:\n  {missing}"
    jobs = {series.labels["job"] for series in prometheus.query(queries["variable gateway"])}
    assert jobs == {"kafka-gateway"}
    broken = [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert not broken, broken
    recorded = {rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"}
    empty = {name for name in recorded if not prometheus.query(name)}
    assert len(recorded) > 8 and not empty, f"recorded nothing: {empty}"
