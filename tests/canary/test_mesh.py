"""The canary through Envoy with the filter: to the filter it is a client like any, and one dashboard shows both."""

from __future__ import annotations

import json
import re
from pathlib import Path

from canary import Canary, read_topic
from lab import (Envoy, Kafka, Listener, Prometheus, Stats, bootstrap, cluster, free_port, listener, paths, wait_until,
                 wasm_filter)

DASHBOARD = paths.REPOSITORY / "crates" / "kafka-canary" / "deploy" / "dashboard.json"
TOPIC, CLIENT = "__strimzi_canary", "strimzi-canary-client"
# Without trouble nothing fails: what these panels ask for is provoked in test_faults.py.
QUIET = {"Why writing fails", "Why connections and commits fail"}


def test_both_are_shown_and_agree(here: Path) -> None:
    port = free_port()
    with Kafka(here / "kafka", listeners=[Listener("ENVOY", [port])]) as kafka:
        config = bootstrap([listener("kafka", port, "broker", [wasm_filter({}, paths.artifact())])],
                           [cluster("broker", kafka.port("ENVOY"))])
        with Envoy(here, config, [paths.STATS_TAGS]) as envoy, Canary(here, f"127.0.0.1:{port}") as canary:
            scrape = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
                {"job_name": "kafka-filter", "metrics_path": "/stats/prometheus",
                 "static_configs": [{"targets": [f"127.0.0.1:{envoy.admin_port}"]}]},
                {"job_name": "kafka-canary", "static_configs": [{"targets": [f"127.0.0.1:{canary.port}"]}]}]}
            with Prometheus(here, scrape) as prometheus:
                canary.wait_for("records", lambda stats: stats.total("kafka_canary_records_consumed_total") >= 100, 60)
                asked = 0
                for panel in _panels():
                    for target in panel["targets"]:
                        expr = _substituted(target["expr"])
                        wait_until(f"data for {panel['title']}: {expr}", lambda expr=expr: prometheus.query(
                            expr) or panel["title"] in QUIET, 30)  # noqa: B023
                        asked += 1
                assert asked >= 20
            seen = canary.stop()
            assert seen[0] == 0
            held = len(read_topic(kafka.bootstrap, TOPIC))
            labels = {"client_id": CLIENT, "topic": TOPIC}
            # The filter hands its counts over once a second. What was on its way at the end may be on one side only.
            stats = wait_until("the filter to count them all", lambda: _agree(envoy.stats(), held, labels), 10)
            assert stats.total("kafka_filter_connections_opaque_total") == 0
            assert stats.total("kafka_filter_undecoded_messages_total") == 0


def _agree(stats: Stats, held: int, labels: dict[str, str]) -> Stats | None:
    written = stats.total("kafka_filter_client_produced_records_total", **labels)
    read = stats.total("kafka_filter_client_fetched_records_total", **labels)
    return stats if abs(written - held) <= 2 and abs(read - held) <= 3 else None


def _panels() -> list[dict]:  # type: ignore[type-arg]
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def _substituted(expr: str) -> str:
    values = {"$__rate_interval": "10s", "$__range": "30s", "$canary_client": ".*", "$canary": "kafka-canary",
              "$reporter": "proxy"}
    for name, value in values.items():
        expr = expr.replace(name, value)
    # A table leaves out lines of nothing; that the query is right shows without that.
    assert "$" not in expr, expr
    return re.sub(r" > 0\)", " >= 0)", expr)
