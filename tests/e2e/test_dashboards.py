"""Every query of the dashboards and autoscalers finds data: the shipped Envoy and Prometheus configurations, a real
Kafka, and the demo's clients.

A query that stays empty is a typing error, a metric that nobody counts, or a panel that is empty for good reason; the
last kind is listed here with the reason. What only a mesh has is asked for in tests/istio/test_missing.py.
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from confluent_kafka import Consumer, KafkaException
from demo.traffic import Traffic

import raw
from lab import Envoy, Kafka, Listener, Prometheus, free_port, paths, wait_until
from monitoring import dashboards
from monitoring.dashboards import Ask

EXAMPLES = paths.REPOSITORY / "envoy"

# No data is health there.
EMPTY = {
    ("clients.json", "Metrics pushed by clients [A]"): "a broker without a telemetry plugin asks clients for none",
    ("filter-health.json", "Proxies without the filter [A]"): "the only proxy has it",
}

# The scrape is every half second here, so windows may be short; Grafana would choose them like this.
TIMES = {"__rate_interval": "10s", "__interval": "1s", "__range": "10m"}
PATIENCE_SECONDS = 100


class Actors:
    """What the demo's clients lack: a group that works off its lag, and an API that no release knows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=actor, daemon=True) for actor in (self._catching_up, self._unknown)]

    def __enter__(self) -> Actors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _catching_up(self) -> None:
        """Begins late, at the beginning of the topic, and is faster than those who write."""
        self._stop.wait(10)
        consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{self._port}", "group.id": "replay",
                             "client.id": "replay", "auto.offset.reset": "earliest", "enable.auto.commit": False})
        try:
            consumer.subscribe(["clicks"])
            while not self._stop.wait(0.2):
                if consumer.consume(500, timeout=0.5):
                    with contextlib.suppress(KafkaException):  # a rebalance may be under way
                        consumer.commit(asynchronous=False)
        finally:
            consumer.close()

    def _unknown(self) -> None:
        while not self._stop.wait(2.0):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as connection:
                connection.sendall(raw.api_versions(1) + raw.frame(113, 0, 2))
                connection.settimeout(2.0)
                connection.recv(1000)


@pytest.fixture(scope="module")
def answers(folder: Path) -> Iterator[Callable[[str], list[dict[str, str]]]]:
    """Asks Prometheus while everybody is at work: the labels of each series that has a number."""
    own, port = folder / "dashboards", free_port()
    with Kafka(own / "kafka", listeners=[Listener("ENVOY", [port])]) as kafka, \
            Envoy(own, EXAMPLES / "envoy.yaml", substitutions=_ports(port, kafka.port("ENVOY"))) as envoy, \
            Prometheus(own, _prometheus(own, envoy.admin_port)) as prometheus:
        with Traffic(kafka, f"127.0.0.1:{port}", own) as traffic, Actors(port):
            yield lambda expr: [one.labels for one in prometheus.query(expr) if math.isfinite(one.value)]
            assert not traffic.failures, traffic.failures


def test_every_query_finds_data(answers: Callable[[str], list[dict[str, str]]]) -> None:
    asks = {ask: dashboards.substituted(ask.expr, _values(ask)) for ask in _all_asks()}
    assert len(asks) > 120
    assert set(EMPTY) <= {(ask.file, ask.place) for ask in asks}, "EMPTY lists panels that are not there"
    waiting = {ask: expr for ask, expr in asks.items()
               if (ask.file, ask.place) not in EMPTY and not dashboards.is_of_a_mesh(ask)}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(1)
        waiting = {ask: expr for ask, expr in waiting.items() if not answers(expr)}
    missing = "\n  ".join(f"{ask}: {expr}" for ask, expr in waiting.items())
    assert not waiting, f"no data although all clients were at work:\n  {missing}"


def test_variables_offer_what_there_is(answers: Callable[[str], list[dict[str, str]]]) -> None:
    def offers() -> dict[tuple[str, str], set[str]]:
        found = {}
        for ask in dashboards.variable_queries():
            (label,) = re.findall(r"^count by \((\w+)\)", ask.expr)
            found[ask.file, ask.place.removeprefix("variable ")] = {
                labels[label] for labels in answers(dashboards.substituted(ask.expr, _values(ask)))}
        return found

    wait_until("the last client to come", lambda: "replay" in offers()["groups.json", "group"], PATIENCE_SECONDS)
    offered = offers()
    assert offered["overview.json", "reporter"] == {"proxy"}
    assert offered["filter-health.json", "tcp_proxy"] == {"kafka"} == offered["overview.json", "upstream"]
    assert {"orders", "clicks", "sensors", "invoices", "exports"} <= offered["topics.json", "topic"]
    assert {"orders-service", "billing", "bulk-load"} <= offered["clients.json", "client_id"]
    assert {"billing", "search-index", "replay"} <= offered["groups.json", "group"]


def test_columns_of_a_table_belong_together(answers: Callable[[str], list[dict[str, str]]]) -> None:
    """All queries of a table give the labels which it shows, or its lines fall apart."""
    for name, page in dashboards.pages().items():
        for panel in dashboards.panels(page):
            if panel["type"] != "table":
                continue
            shown = {column for column in panel["transformations"][1]["options"]["indexByName"]
                     if not column.startswith("Value")}
            for target in panel["targets"]:
                ask = Ask(name, panel["title"], target["expr"])
                for labels in answers(dashboards.substituted(ask.expr, _values(ask))):
                    assert set(labels) - {"__name__"} <= shown, f"{ask}: {labels}, shown are {shown}"


def _all_asks() -> list[Ask]:
    """Autoscalers speak of sides of a mesh; the proxy here has none."""
    scaling = [Ask(ask.file, ask.place, _proxy(ask.expr)) for ask in dashboards.autoscaling_queries()]
    return dashboards.panel_queries() + dashboards.variable_queries() + scaling


def _values(ask: Ask) -> dict[str, str]:
    page = dashboards.pages().get(ask.file)
    variables = page["templating"]["list"] if page else []
    return TIMES | {variable["name"]: "proxy" if variable["name"] == "reporter" else ".*" for variable in variables}


def _ports(port: int, broker_port: int) -> dict[str, str]:
    return {"port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {broker_port}}}",
            "filename: dist/kafka_filter.wasm": f"filename: {paths.artifact()}"}


def _prometheus(folder: Path, admin_port: int) -> dict[str, object]:
    """The shipped configuration, with the rules for autoscaling, for a proxy without a side."""
    folder.mkdir(parents=True, exist_ok=True)
    scaling = folder / "autoscaling-rules.yaml"
    scaling.write_text(_proxy((EXAMPLES / "autoscaling" / "rules.yaml").read_text()))
    text = (EXAMPLES / "prometheus.yaml").read_text()
    config: dict[str, object] = yaml.safe_load(text.replace("127.0.0.1:9901", f"127.0.0.1:{admin_port}"))
    rules = config["rule_files"]
    assert isinstance(rules, list)
    return config | {"rule_files": [*(str(EXAMPLES / name) for name in rules), str(scaling)]}


def _proxy(text: str) -> str:
    return re.sub(r'reporter="(source|destination)"', 'reporter="proxy"', text)
