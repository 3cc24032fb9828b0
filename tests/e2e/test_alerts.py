"""The alerts on real trouble: the shipped Envoy and Prometheus configurations before a real Kafka, and clients that
fail, lag, are old, or speak something else. And no word of what is healthy.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

import raw
from clients import new_topic, payloads, produce, produce_error
from lab import Envoy, Failed, Kafka, Prometheus, paths, wait_until

EXAMPLES = paths.REPOSITORY / "envoy"
# Fetch v2 of a consumer for no topic: Kafka 4 begins with version 4.
OLD_FETCH = raw.frame(raw.FETCH, 2, 1, struct.pack(">iiii", -1, 100, 1, 0))
PRODUCED, COMMITTED = 300, 100

# What the trouble below must be called; all that these alerts say of `job` and `instance` is left out.
FIRING = {
    ("KafkaOldProtocolVersions", "raw"),
    ("KafkaConnectionsOpaque", "malformed"),
    ("KafkaConnectionsEncrypted", "tls"),
    ("KafkaFilterTooOld", "api_key_113"),
}


@pytest.fixture(scope="module")
def prometheus(folder: Path, kafka: Kafka) -> Iterator[Prometheus]:
    """Scrapes a proxy that has met all this trouble since it was first scraped."""
    own = folder / "alerts"
    (port,) = next(listener.advertised for listener in kafka.listeners if listener.name == "EXAMPLE")
    ports = {"port_value: 19092}": f"port_value: {port}}}",
             "port_value: 9092}": f"port_value: {kafka.port('EXAMPLE')}}}"}
    refused = new_topic(kafka, "narrow", **{"max.message.bytes": "2000"})
    behind = new_topic(kafka, "behind")
    bootstrap = f"127.0.0.1:{port}"
    with Envoy(own, EXAMPLES / "envoy.yaml", substitutions=ports) as envoy, \
            Prometheus(own, EXAMPLES / "prometheus.yaml",
                       {"127.0.0.1:9901": f"127.0.0.1:{envoy.admin_port}"}) as made, \
            _lagging(bootstrap, behind):
        made.wait_for_scrapes()
        for number in range(3):
            _refused(bootstrap, refused)
            _old_and_odd(bootstrap)
            # Rates see what changes between scrapes.
            made.wait_for_scrapes(1)
            assert envoy.is_running(), number
        yield made


def test_trouble_has_the_alert_s_own_name(prometheus: Prometheus) -> None:
    def told() -> set[tuple[str, str]]:
        return {(alert["labels"]["alertname"], _about(alert["labels"])) for alert in prometheus.alerts()
                if alert["state"] == "firing"}

    with contextlib.suppress(Failed):  # what is told instead says more
        wait_until("the alerts to fire", lambda: told() >= FIRING, timeout=15)
    assert told() == FIRING


def test_errors_of_a_topic_are_pending(prometheus: Prometheus) -> None:
    """Ten minutes are too long for a test; that they would end in an alert is tested with hand-made series."""
    prometheus.wait_for('ALERTS{alertname="KafkaTopicErrors", alertstate="pending", request="Produce"}')

    def pending() -> set[tuple[str, str]]:
        return {(alert["labels"]["alertname"], alert["labels"].get("topic", "").partition("-")[0])
                for alert in prometheus.alerts() if alert["state"] == "pending"}

    assert ("KafkaTopicErrors", "narrow") in pending()
    # Envoy counts a connection at once and the filter within a second: a scrape between them may look blind.
    absent = {"KafkaFilterBlind", "KafkaFilterMissing", "KafkaProxyNotScraped"}
    wait_until("no proxy to look blind", lambda: not {name for name, _ in pending()} & absent, 10)
    errors = prometheus.query("kafka_filter:topic_errors:rate5m > 0")
    assert {series.labels["error"] for series in errors} == {"MESSAGE_TOO_LARGE"}


def test_errors_of_a_healthy_group_are_left_out(prometheus: Prometheus) -> None:
    """A consumer that joins is first told to come back with a member id."""
    assert prometheus.value('sum(kafka_filter_response_errors_total{error="MEMBER_ID_REQUIRED"})') >= 1
    assert not prometheus.query('kafka_filter:response_errors:rate5m{error="MEMBER_ID_REQUIRED"}')


def test_lag_is_what_was_not_committed(prometheus: Prometheus) -> None:
    (lag,) = prometheus.wait_for(f"kafka_filter:group_lag:records == {PRODUCED - COMMITTED}")
    assert lag.labels["group"] == "late" and lag.labels["topic"].startswith("behind-"), lag.labels
    assert prometheus.value('kafka_filter:group_rebalance_rounds:increase15m{group="late"}') == 1


def _about(labels: dict[str, str]) -> str:
    return next(labels[name] for name in ("client_id", "request", "reason") if name in labels)


@contextlib.contextmanager
def _lagging(bootstrap: str, topic: str) -> Iterator[None]:
    """A consumer that has read all, committed the first hundred records, and stays in its group."""
    produce(bootstrap, topic, payloads(PRODUCED, 50))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "late", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "fetch.wait.max.ms": 100})
    try:
        consumer.subscribe([topic])
        messages = wait_until("the first records", lambda: consumer.consume(COMMITTED, 1.0), timeout=40)
        while len(messages) < COMMITTED:
            messages += consumer.consume(COMMITTED - len(messages), 1.0)
        consumer.commit(message=messages[-1], asynchronous=False)
        yield
    finally:
        consumer.close()


def _refused(bootstrap: str, topic: str) -> None:
    for value in payloads(3, 50_000):
        produce_error(bootstrap, topic, value)


def _old_and_odd(bootstrap: str) -> None:
    """A request that Kafka 4 refuses, an API that no release knows, a frame of negative size, and TLS."""
    for sent in (OLD_FETCH, raw.api_versions(1) + raw.frame(113, 0, 2),
                 raw.api_versions(1) + b"\xff\xff\xff\xff"):
        with raw.connect(bootstrap) as connection, contextlib.suppress(OSError):
            connection.sendall(sent)
            while connection.recv(4096):
                pass
    with raw.connect(bootstrap) as connection, contextlib.suppress(ssl.SSLError, OSError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
