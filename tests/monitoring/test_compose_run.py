"""docker-compose.yaml as it behaves: its services run as processes in a network namespace (pod.py), judged here.

The namespace is where the ports of the files are free, whatever else runs on the machine. Where none can be had, as in
many containers, they must be free on the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import compose
from compose import Json
from lab import end_on_signals, paths, run_folder, unexpected_log_lines
from lab.process import Child
from pod import NOT_RUN
from pod_scenario import CONSOLE

HERE = Path(__file__).resolve().parent
SERVICES: dict[str, Json] = compose.load()["services"]
SIGTERM_OF_JAVA = 143


@pytest.fixture(scope="module")
def seen() -> Json:
    """What pod_scenario.py saw."""
    end_on_signals()
    paths.artifact()
    assert CONSOLE.is_file(), f"{CONSOLE} is missing: run `make console`"
    folder = run_folder("compose")
    print(f"\nlogs: {folder}")
    command = [*_unshare(), paths.PYTHON, "-B", HERE / "pod_scenario.py", folder]
    child = Child("pod_scenario", command, folder / "pod_scenario.log", grace=40)
    try:
        assert child.wait(240) == 0, f"started as {command}{child.tail(60)}"
    finally:
        child.stop()
    found: Json = json.loads((folder / "seen.json").read_text())
    return found


def test_all_services_start_in_order_and_become_healthy(seen: Json) -> None:
    usual, further = seen["started"]
    assert usual == ["pod", "kafka", "envoy", "prometheus"]
    assert further == ["kafka-2", "kafka-3", "console", "producer", "consumer"]
    assert set(seen["running"]) == {*usual, *further}
    # Grafana is the one service without a program here.
    assert {name for name, service in SERVICES.items() if service["image"].startswith(NOT_RUN)} == {"grafana"}
    assert {*usual, *further, "grafana", "kcat"} == set(SERVICES)


def test_published_ports_can_be_reached_and_no_others(seen: Json) -> None:
    """An engine sends a published port to an address that is not the loopback one."""
    published = {int(port.rpartition(":")[2]) for port in SERVICES["pod"]["ports"]} - {3000}
    assert set(seen["listening_three"]["everywhere"]) == published
    assert set(seen["listening"]["everywhere"]) == published - {8085}
    assert seen["listening"]["here"] == [9092, 9192, 9292]
    assert seen["listening_three"]["here"] == [9092, 9093, 9094, 9192, 9193, 9194, 9292]


def test_clients_are_sent_to_envoy(seen: Json) -> None:
    assert _brokers(seen["one_broker"]) == {1: "127.0.0.1:19092"}
    assert _brokers(seen["three_brokers"]) == {1: "127.0.0.1:19092", 2: "127.0.0.1:19093", 3: "127.0.0.1:19094"}


def test_records_come_back(seen: Json) -> None:
    assert sorted(seen["consumed"]) == sorted(f"record {at}" for at in range(seen["records"]))


def test_a_topic_is_spread_over_three_brokers(seen: Json) -> None:
    (orders,) = [topic for topic in seen["three_brokers"]["topics"] if topic["topic"] == "orders"]
    assert {partition["leader"] for partition in orders["partitions"]} == {1, 2, 3}
    assert set(seen["upstream"]) == {"kafka_1", "kafka_2", "kafka_3"}
    assert all(count > 0 for count in seen["upstream"].values()), seen["upstream"]


def test_prometheus_has_the_metrics(seen: Json) -> None:
    metrics = seen["metrics"]
    assert _values(metrics["by_hand"], "topic") == {seen["topic"]: seen["records"]}
    assert _values(metrics["produced"], "topic")["orders"] > 0
    assert set(_values(metrics["clients"], "client_id")) == {"orders-service"}
    assert set(_values(metrics["groups"], "group")) == {"billing"}
    assert _values(metrics["up"], "instance") == {"127.0.0.1:9901": 1}
    assert not metrics["opaque"]


def test_the_console_has_the_topics(seen: Json) -> None:
    page = seen["console"]
    assert page["source"]["kind"] == "prometheus" and page["source"]["state"] == "ok", page["source"]
    (table,) = [panel for panel in page["panels"] if panel["kind"] == "table"]
    assert "orders" in {row[0] for row in table["rows"]}


def test_rules_and_alerts_are_loaded_and_work(seen: Json) -> None:
    names = {rule["name"] for rule in seen["rules"]}
    assert {"KafkaFilterMissing", "kafka_filter:proxy:up"} <= names
    assert not [rule for rule in seen["rules"] if rule["health"] != "ok"]
    assert not seen["metrics"]["alerts"]


def test_the_load_is_bounded_and_stops_at_once(seen: Json) -> None:
    assert 0 < seen["load"]["records"] <= 100 * seen["load"]["seconds"]
    assert seen["stopping_seconds"] < 10  # After that an engine kills.
    assert {name: seen["stopped"][name] for name in ("producer", "consumer")} == {
        "producer": SIGTERM_OF_JAVA, "consumer": SIGTERM_OF_JAVA}


def test_everything_ends_when_asked(seen: Json) -> None:
    """Nobody had to be killed, which loses a broker's last writes."""
    stopped = {**seen["stopped"], **seen["stopped_again"]}
    assert {name for name, status in stopped.items() if status == -9} == set()
    assert stopped["envoy"] == stopped["prometheus"] == stopped["console"] == 0
    assert all(stopped[name] == SIGTERM_OF_JAVA for name in ("kafka", "kafka-2", "kafka-3"))


def test_a_volume_outlives_its_broker(seen: Json) -> None:
    assert sorted(seen["consumed_after_restart"]) == sorted(seen["consumed"])


def test_envoy_complains_of_nothing(seen: Json) -> None:
    lines = seen["envoy_log"]
    assert any("starting main dispatch loop" in line for line in lines)
    assert not unexpected_log_lines(lines, [("caught ENVOY_SIGTERM", "it was asked to end")])


def _unshare() -> list[str]:
    """Starts a program in a network namespace of its own: as root, as root of a user namespace, or not at all."""
    ways = [["unshare", "--user", "--map-root-user", "--net"]]
    if os.geteuid() == 0:
        ways.insert(0, ["unshare", "--net"])
    works = (way for way in ways if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0)
    return next(works, [])


def _brokers(metadata: Json) -> dict[int, str]:
    return {broker["id"]: broker["name"] for broker in metadata["brokers"]}


def _values(series: list[Json], label: str) -> dict[str, float]:
    return {one["metric"][label]: float(one["value"][1]) for one in series}
