"""Topics named by id: right also when the name was learnt by another worker than the one that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import new_group, new_topic
from frames import exchanges
from lab import Kafka, tools
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
            tools.java(tools.PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", "500", "--record-size", "100",
                       "--throughput", "-1", "--producer-props", f"bootstrap.servers={balanced.bootstrap}")
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


def _connections_without_metadata(seen: Seen) -> int:
    """Connections that carried data by id although no Metadata answer ever came over them."""
    count = 0
    for front, _ in seen.connections:
        keys = {exchange.api_key for exchange in exchanges(front.requests, front.responses)}
        if keys & {PRODUCE, FETCH} and METADATA not in keys:
            count += 1
    return count
