"""Topics named by id: right also when the name was learnt by another worker than the one that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from clients import await_topic, new_group, new_topic
from frames import exchanges
from lab import Kafka, tools, wait_until
from oracle import Oracle
from stage import Route, Seen, Stage, stage

PRODUCE, FETCH, METADATA = 0, 1, 3
# From these versions on a topic is an id and nothing else.
PRODUCE_BY_ID, FETCH_BY_ID = 13, 13


@pytest.fixture(scope="module")
def balanced(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> Iterator[Stage]:
    """An Envoy that gives new connections to its two workers evenly."""
    with stage(folder / "workers", [routes["WORKERS"]], kafka, oracle, balance=True) as made:
        yield made


def test_ids_resolve_across_workers(balanced: Stage) -> None:
    topics = [new_topic(balanced.kafka, "by-id", partitions=2) for _ in range(2)]
    with balanced.watch() as seen:
        for topic in topics:
            _java_produce(balanced, topic, 500)
            tools.java(tools.CONSUMER_PERFORMANCE, "--bootstrap-server", balanced.bootstrap, "--topic", topic,
                       "--num-records", "500", "--group", new_group())
    assert all(exchange.api_version >= PRODUCE_BY_ID for exchange in seen.requests(PRODUCE))
    assert all(exchange.api_version >= FETCH_BY_ID for exchange in seen.requests(FETCH))
    assert _connections_without_metadata(seen) >= 2, "data and metadata always shared a connection: nothing is proven"
    for worker in range(2):
        served = balanced.envoy.counter(f"listener.WORKERS.worker_{worker}.downstream_cx_total")
        assert served >= 2, f"worker {worker} served {served} connections"
    for topic in topics:
        seen.metric("topic_produced_records_total").label(topic=topic).value(500)
        seen.metric("topic_fetched_records_total").label(topic=topic).value(500)
        seen.metric("topic_request_duration_microseconds_count").label(topic=topic, request="Produce").at_least(1)
    for name in seen.stats.names("kafka_filter_topic_"):
        assert seen.stats.total(name, topic="__unresolved__") == 0, seen.stats.describe(name)


def test_a_topic_made_again_has_a_new_id_and_its_old_name(balanced: Stage) -> None:
    topic = new_topic(balanced.kafka, "again")
    admin = AdminClient({"bootstrap.servers": balanced.kafka.bootstrap})
    with balanced.watch() as seen:
        _java_produce(balanced, topic, 100)
        admin.delete_topics([topic])[topic].result(20)
        wait_until(f"{topic} to be made again", lambda: _create(admin, topic))
        await_topic(admin, topic, 1)
        _java_produce(balanced, topic, 150)
    seen.metric("topic_produced_records_total").label(topic=topic).value(250)
    seen.metric("topic_produced_records_total").label(topic="__unresolved__").absent()


def _java_produce(stage: Stage, topic: str, count: int) -> None:
    tools.java(tools.PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", str(count), "--record-size", "100",
               "--throughput", "-1", "--producer-props", f"bootstrap.servers={stage.bootstrap}")


def _create(admin: AdminClient, topic: str) -> bool:
    """False while the deletion is not through yet."""
    try:
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def _connections_without_metadata(seen: Seen) -> int:
    """Connections that carried data by id although no Metadata answer ever came over them."""
    count = 0
    for front, _ in seen.connections:
        keys = {exchange.api_key for exchange in exchanges(front.requests, front.responses)}
        if keys & {PRODUCE, FETCH} and METADATA not in keys:
            count += 1
    return count
