"""Clients that a Kafka 4 broker would turn away (KIP-896), against a broker that still serves them."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import new_group, new_topic
from lab import Kafka, Listener, paths, tools
from oracle import Oracle
from raw import FETCH, api_versions, connect, frame, receive
from stage import Route, Stage, stage

RECORDS = 25
PRODUCE = 0


@pytest.fixture(scope="module")
def previous(folder: Path, oracle: Oracle) -> Iterator[Stage]:
    """An Envoy over the last Kafka that speaks all old versions."""
    route, own = Route("MAIN"), folder / "old-clients"
    with Kafka(own / "kafka", version=paths.KAFKA_PREVIOUS, listeners=[Listener("MAIN", [route.port])]) as kafka:
        with stage(own / "envoy", [route], kafka, oracle) as made:
            yield made


def test_an_old_java_client_is_found(previous: Stage, kafka: Kafka, folder: Path) -> None:
    """A Kafka 4 broker is asked what it serves: as many requests as it would refuse are counted."""
    topic, group = new_topic(previous.kafka, "old"), new_group()
    with previous.watch() as seen:
        assert _old_client(folder / "old-client", previous.bootstrap, topic, group) == RECORDS
    seen.metric("topic_produced_records_total").label(topic=topic).value(RECORDS)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(RECORDS)
    seen.metric("client_produced_records_total").label(topic=topic, client_id="old-producer").value(RECORDS)
    seen.metric("client_fetched_records_total").label(topic=topic, client_id="old-consumer").value(RECORDS)
    seen.metric("deprecated_requests_total").label(client_id="old-producer", request="Produce",
                                                   api_version="2").value(RECORDS)
    seen.metric("deprecated_requests_total").label(client_id="old-consumer", request="FetchConsumer").at_least(1)
    # It never says what it is, and Kafka has no field for it in these versions.
    seen.metric("client_software_connections_total").absent()
    least = _least_versions(kafka)
    # A Kafka 4 broker says that it takes Produce 0 to 2, for the sake of old librdkafka, and refuses them.
    least[PRODUCE] = 3
    refused = sum(1 for exchange in seen.exchanges if exchange.api_version < least[exchange.api_key])
    assert refused > RECORDS
    seen.metric("deprecated_requests_total").value(refused)


def test_a_kafka_4_broker_refuses_what_is_counted(main_stage: Stage) -> None:
    """The filter counts the request all the same; the broker closes the connection without an answer."""
    with main_stage.watch() as seen, connect(main_stage.bootstrap) as connection:
        connection.sendall(frame(FETCH, 3, 1, struct.pack(">iiiii", -1, 0, 0, 1, 0), client_id=b"too-old"))
        assert connection.recv(1) == b""
    seen.metric("deprecated_requests_total").label(client_id="too-old", request="FetchConsumer",
                                                   api_version="3").value(1)


def test_new_clients_are_not_old(main_stage: Stage) -> None:
    """Every client that other tests use against Kafka 4 must work there, so none of its requests is deprecated."""
    stats = main_stage.envoy.stats()
    found = {labels["client_id"] for labels, _ in stats.series("kafka_filter_deprecated_requests_total")}
    assert found <= {"too-old"}, stats.describe("kafka_filter_deprecated_requests_total")


def _old_client(folder: Path, bootstrap: str, topic: str, group: str) -> int:
    classpath = paths.old_clients_classpath()
    tools.javac(folder, classpath, Path(__file__).with_name("OldClient.java"))
    command = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-cp", f"{folder}{os.pathsep}{classpath}", "OldClient",
               bootstrap, topic, group, str(RECORDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


def _least_versions(kafka: Kafka) -> dict[int, int]:
    """The lowest version of each API that the broker says it serves."""
    with connect(kafka.bootstrap) as connection:
        connection.sendall(api_versions(1))
        answer = receive(connection)
    error, count = struct.unpack_from(">hi", answer, 4)
    assert error == 0
    ranges = [struct.unpack_from(">hhh", answer, 10 + 6 * number) for number in range(count)]
    return {key: least for key, least, _ in ranges}
