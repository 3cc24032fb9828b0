"""A real Prometheus with the shipped configuration scrapes the shipped Envoy, with the filter and without it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import Envoy, Prometheus, end_on_signals, free_port, paths, run_folder, wait_until
from rulefiles import ENVOY, base_series, rules

# ApiVersions v0 of correlation id 7, with a null client id; and its answer: no error, no API.
REQUEST = bytes.fromhex("0000000a 0012 0000 00000007 ffff")
ANSWER = bytes.fromhex("0000000a 00000007 0000 00000000")
CONNECTIONS = 3


@dataclass(frozen=True)
class Scraped:
    """What was started: instances as Prometheus names them."""

    prometheus: Prometheus
    observed: str
    unobserved: str


@pytest.fixture(scope="module")
def scraped() -> Iterator[Scraped]:
    """Two Envoys before a peer that answers: envoy.yaml, and baseline.yaml, which is the same without the filter."""
    end_on_signals()
    folder = run_folder("monitoring")
    print(f"\nlogs: {folder}")
    with _peer() as peer, _proxy(folder, "envoy", peer) as one, _proxy(folder, "baseline", peer) as other:
        targets = ", ".join(f"127.0.0.1:{envoy.admin_port}" for envoy in (one, other))
        with Prometheus(folder, ENVOY / "prometheus.yaml", {"127.0.0.1:9901": targets}) as prometheus:
            prometheus.wait_for("count(kafka_filter:proxy:up == 1) == 2")
            prometheus.wait_for_scrapes()
            yield Scraped(prometheus, f"127.0.0.1:{one.admin_port}", f"127.0.0.1:{other.admin_port}")


def test_all_rules_can_be_evaluated(scraped: Scraped) -> None:
    def evaluated() -> bool:
        return all(rule["health"] != "unknown" for rule in scraped.prometheus.rules())

    wait_until("all rules to be evaluated", evaluated)
    found = scraped.prometheus.rules()
    assert len(found) == len(rules())
    assert not [(rule["name"], rule["lastError"]) for rule in found if rule["health"] != "ok"]


def test_series_of_envoy_are_called_as_the_rules_call_them(scraped: Scraped) -> None:
    of_envoy = {name for rule in rules() for name in base_series(rule.name) if name.startswith("envoy_")}
    assert of_envoy == {"envoy_tcp_downstream_cx_total"}
    counted = scraped.prometheus.wait_for("kafka_filter:tcp_connections:count")
    assert {series.labels["instance"]: series.value for series in counted} == {
        scraped.observed: CONNECTIONS, scraped.unobserved: CONNECTIONS}


def test_the_objective_is_a_bucket(scraped: Scraped) -> None:
    """The copy for Produce finds nothing here; the same selection for the request that was sent finds one series."""
    expression = next(rule.expression for rule in rules() if rule.name == "kafka_filter:produce_in_time:count")
    assert '"Produce"' in expression
    found = scraped.prometheus.wait_for(expression.replace('"Produce"', '"ApiVersions"'))
    assert [series.labels["instance"] for series in found] == [scraped.observed]
    assert 0 <= found[0].value <= CONNECTIONS


def test_a_proxy_without_the_filter_is_noticed(scraped: Scraped) -> None:
    missing = scraped.prometheus.wait_for('ALERTS{alertname="KafkaFilterMissing"}')
    assert [series.labels["instance"] for series in missing] == [scraped.unobserved]


def test_connections_that_the_filter_did_not_see_are_counted(scraped: Scraped) -> None:
    unseen = scraped.prometheus.wait_for("kafka_filter:connections_unseen:count")
    assert {series.labels["instance"]: series.value for series in unseen} == {
        scraped.observed: 0, scraped.unobserved: CONNECTIONS}


def test_nothing_else_is_told(scraped: Scraped) -> None:
    """Silence over a healthy proxy: neither firing nor pending."""
    assert {alert["labels"]["alertname"] for alert in scraped.prometheus.alerts()} <= {"KafkaFilterMissing"}


@contextlib.contextmanager
def _proxy(folder: Path, name: str, peer: int) -> Iterator[Envoy]:
    """A shipped configuration before the peer, after a few connections have asked something and ended."""
    port = free_port()
    ports = {"port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {peer}}}"}
    with Envoy(folder, ENVOY / f"{name}.yaml", substitutions=ports, name=name) as envoy:
        for _ in range(CONNECTIONS):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(REQUEST)
                assert client.recv(len(ANSWER), socket.MSG_WAITALL) == ANSWER
        yield envoy


@contextlib.contextmanager
def _peer() -> Iterator[int]:
    """A port that gives the answer to each request, one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        while connection.recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST:
                            connection.sendall(ANSWER)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
