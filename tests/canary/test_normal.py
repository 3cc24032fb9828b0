"""A cluster without trouble: the topic as proposal 013 has it, and numbers that agree with what the topic holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from canary import Canary, assignments, leaders, read_topic, topic_config
from lab import Kafka, paths, wait_until

# A partition's records are written and read all the time: a reading is taken when nothing is on its way.
TOLERANCE = 3


def test_one_broker(here: Path, single: Kafka) -> None:
    topic = "canary-one"
    with Canary(here, single.bootstrap, topic) as canary:
        canary.wait_for("thirty records", lambda stats: stats.total("kafka_canary_records_consumed_total") >= 30)
        assert canary.get("/readiness") == (200, "OK") and canary.get("/liveness") == (200, "OK")
        status, took = canary.stop()
    assert status == 0 and took < 5
    assert assignments(single.bootstrap, topic) == {0: [1]}
    config = topic_config(single.bootstrap, topic)
    assert config["cleanup.policy"] == "delete" and config["min.insync.replicas"] == "1"
    assert int(config["segment.bytes"]) >= 1 << 20 and int(config["retention.bytes"]) > 0 and int(config["retention.ms"]) > 0


def test_three_brokers(here: Path, three: Kafka) -> None:
    topic = "canary-three"
    with Canary(here, three.bootstrap, topic, {"STATUS_CHECK_INTERVAL_MS": "1000"}) as canary:
        stats = canary.wait_for("a hundred records", lambda stats: stats.total(
            "kafka_canary_records_consumed_total") >= 100)
        text = canary.get("/status")[1]
        wait_until("a percentage", lambda: json.loads(canary.get("/status")[1])["Consuming"]["Percentage"] > 95, 40)
        last = canary.stats()
        canary.stop()
    placed = assignments(three.bootstrap, topic)
    assert {number: replicas[0] for number, replicas in placed.items()} == leaders(three.bootstrap, topic)
    assert sorted(replicas[0] for replicas in placed.values()) == [1, 2, 3], "each broker leads one partition"
    assert all(sorted(replicas) == [1, 2, 3] for replicas in placed.values())
    assert topic_config(three.bootstrap, topic)["min.insync.replicas"] == "2"
    assert set(json.loads(text)["Consuming"]) == {"TimeWindow", "Percentage"}
    for name in ("lost", "duplicated", "out_of_order", "late", "unacknowledged", "foreign"):
        stats.metric(f"kafka_canary_records_{name}_total").value(0)
    for reading in (stats, last):
        due = reading.total("kafka_canary_produce_due_total")
        assert 0 <= due - reading.total("kafka_canary_records_produced_total") <= TOLERANCE
        assert 0 <= due - reading.total("kafka_canary_records_consumed_total") <= 2 * TOLERANCE
    records = read_topic(three.bootstrap, topic)
    counted = last.total("kafka_canary_records_produced_total")
    assert counted <= len(records) <= counted + TOLERANCE * 3
    _payloads(records)


def _payloads(records: list) -> None:  # type: ignore[type-arg]
    for record in records:
        assert record.key is None and record.headers == []
        assert list(record.payload) == ["producerId", "messageId", "timestamp"]
        assert record.payload["producerId"] == "strimzi-canary-client"
    ids = [record.payload["messageId"] for record in records]
    assert len(set(ids)) == len(ids), "one counter over all partitions"
    for partition in {record.partition for record in records}:
        own = [record.payload["messageId"] for record in records if record.partition == partition]
        assert own == sorted(own)


def test_coordinators_and_connections(here: Path, three: Kafka) -> None:
    with Canary(here, three.bootstrap, "canary-others") as canary:
        canary.wait_for("connections", lambda stats: len(
            stats.by("kafka_canary_connection_latency_seconds_count", "broker")) == 3)
        # Brokers that have been away lead no partition of it until somebody moves leaders back.
        led = wait_until("leaders of the offsets", lambda: leaders(three.bootstrap, "__consumer_offsets"), 20)
        coordinators = {(str(leader),) for leader in led.values()}
        stats = canary.wait_for("commits", lambda stats: stats.by(
            "kafka_canary_commit_latency_seconds_count", "broker").keys() == coordinators)
    assert stats.total("kafka_canary_commits_failed_total") == 0
    assert stats.total("kafka_canary_connections_failed_total") == 0
    assert stats.total("strimzi_canary_connection_total", connected="true") >= 3
    assert stats.total("strimzi_canary_connection_total", connected="false") == 0


def test_configuration_of_the_topic(here: Path, single: Kafka) -> None:
    """TOPIC_CONFIG comes on top, and a changed one is applied without wiping the rest."""
    topic = "canary-configured"
    for retention in ("120000", "180000"):
        own = here / retention
        own.mkdir()
        with Canary(own, single.bootstrap, topic, {"TOPIC_CONFIG": f"retention.ms={retention};segment.ms=60000"}) as canary:
            canary.wait_until_serving(1)
            wait_until("the configuration", lambda: topic_config(single.bootstrap, topic)["retention.ms"] == retention, 15)
        config = topic_config(single.bootstrap, topic)
        assert config["segment.ms"] == "60000"
        assert config["cleanup.policy"] == "delete" and config["min.insync.replicas"] == "1"


def test_a_refused_configuration_is_told_and_survived(here: Path, single: Kafka) -> None:
    """Kafka 4 refuses segments below 1 MiB: strimzi-canary's own example."""
    with Canary(here, single.bootstrap, "canary-refused", {"TOPIC_CONFIG": "segment.bytes=16384"}) as canary:
        canary.wait_for("the failure", lambda stats: stats.total("strimzi_canary_topic_creation_failed_total") >= 1)
        status, body = canary.get("/readiness")
        assert status == 503 and "segment.bytes" in canary.log
        assert canary.get("/liveness") == (200, "OK"), body


@pytest.mark.parametrize("size", ["512"])
def test_padded_records(here: Path, single: Kafka, size: str) -> None:
    topic = "canary-padded"
    with Canary(here, single.bootstrap, topic, {"KAFKA_CANARY_VALUE_BYTES": size}) as canary:
        canary.wait_for("records", lambda stats: stats.total("kafka_canary_records_consumed_total") >= 5)
        canary.stop()
    records = read_topic(single.bootstrap, topic)
    assert {len(record.value) for record in records} == {int(size)}
    _payloads(records)


def test_an_older_release(here: Path) -> None:
    """Kafka 3.9: requests of older versions, the same numbers."""
    with Kafka(here / "kafka", version=paths.KAFKA_PREVIOUS, brokers=2, controllers=1, heap="384m") as kafka, \
            Canary(here, kafka.bootstrap, "older") as canary:
        canary.wait_until_serving(2)
        stats = canary.wait_for("commits", lambda stats: stats.total("kafka_canary_commit_latency_seconds_count") >= 2)
        assert stats.total("kafka_canary_topic_operations_failed_total") == 0
        assert stats.total("kafka_canary_records_produce_failed_total") == 0
        assert topic_config(kafka.bootstrap, "older")["cleanup.policy"] == "delete"
