"""Client telemetry (KIP-714): what a broker's receiver got, and what the filter saw being pushed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from clients import new_topic
from java_clients import JavaClients
from lab import Kafka, Listener, paths, tools, wait_until
from oracle import Oracle
from stage import Route, Stage, stage

PUSH_TELEMETRY = 72


@pytest.fixture(scope="module")
def received(folder: Path) -> Path:
    """The file with a line for each push that the broker took."""
    return folder / "telemetry.txt"


@pytest.fixture(scope="module")
def told(folder: Path, java: JavaClients, received: Path, oracle: Oracle) -> Iterator[Stage]:
    """An Envoy over a broker that takes telemetry, and asks every client for all of it, often."""
    own, route = folder / "telemetry", Route("MAIN")
    tools.javac(own / "plugin", paths.kafka_classpath(paths.KAFKA_CURRENT),
                Path(__file__).with_name("TelemetryReceiver.java"))
    properties = {"metric.reporters": "TelemetryReceiver", "lab.telemetry.file": str(received)}
    with Kafka(own / "kafka", listeners=[Listener("MAIN", [route.port])], properties=properties,
               plugins=[own / "plugin"]) as kafka:
        java.alter(kafka.bootstrap, "CLIENT_METRICS", "everything", interval_ms=200, metrics="*")
        with stage(own / "envoy", [route], kafka, oracle) as made:
            yield made


def test_pushes_are_counted_and_not_read(told: Stage, java: JavaClients, received: Path) -> None:
    topic = new_topic(told.kafka, "pushing")
    with told.watch() as seen:
        with java.producer(told.bootstrap, client_id="pushing-java", enable_metrics_push="true") as producer:
            producer.send(topic, count=10)
            wait_until("two pushes of the Java client", lambda: _pushes(received)["pushing-java"] >= 2)
        native = Producer({"bootstrap.servers": told.bootstrap, "client.id": "pushing-librdkafka"})
        native.produce(topic, b"one")
        assert native.flush(20) == 0
        wait_until("two pushes of librdkafka", lambda: _pushes(received)["pushing-librdkafka"] >= 2)
        native.close()
    pushes = {client: count for client, count in _pushes(received).items() if client.startswith("pushing-")}
    assert sum(pushes.values()) == sum(1 for one in seen.requests(PUSH_TELEMETRY) if one.response is not None)
    seen.metric("client_telemetry_pushes_total").value(sum(pushes.values()))
    seen.metric("client_telemetry_pushes_total").label(software="apache-kafka-java").value(pushes["pushing-java"])
    seen.metric("client_software_connections_total").label(software="apache-kafka-java",
                                                           software_version=paths.KAFKA_CURRENT).at_least(1)


def test_a_client_that_does_not_push(told: Stage, java: JavaClients) -> None:
    topic = new_topic(told.kafka, "silent")
    with told.watch() as seen, java.producer(told.bootstrap, enable_metrics_push="false") as producer:
        producer.send(topic, count=10)
    seen.metric("client_telemetry_pushes_total").absent()


def _pushes(received: Path) -> Counter[str]:
    """How many pushes the broker took, by client id; also of clients that do not pass Envoy."""
    lines = received.read_text().splitlines() if received.exists() else []
    return Counter(line.split()[0] for line in lines)
