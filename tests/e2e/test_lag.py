"""How far behind consumers are: what the filter says beside Kafka's own tool and the clients' own statistics."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from clients import new_group, new_topic, payloads, produce
from java_clients import JavaClients
from lab import Kafka, tools, wait_until
from oracle import Oracle
from raw import connect, fetch, metadata, offset_commit, receive
from stage import Route, Stage, stage

FETCH, OFFSET_COMMIT = 1, 8
# The least that the filter takes.
STALE_SECONDS = 10
FOLLOWED = 4


@pytest.fixture(scope="module")
def lagging(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> Iterator[Stage]:
    """An Envoy that gives new connections to its two workers evenly, and forgets soon.

    Its second route follows a few partitions only.
    """
    both = [routes["LAG"], routes["LAGCAP"]]
    configurations = {"LAG": {"limits": {"lag_stale_seconds": STALE_SECONDS}},
                      "LAGCAP": {"limits": {"lag_stale_seconds": STALE_SECONDS, "lag_partitions_max": FOLLOWED}}}
    with stage(folder / "lag", both, kafka, oracle, configurations, balance=True) as made:
        yield made


def test_a_slow_consumer_that_catches_up(lagging: Stage, java: JavaClients) -> None:
    """It takes some, commits, and stands still; then it takes the rest; then it is gone."""
    topic, group = new_topic(lagging.kafka, "behind", partitions=2), new_group()
    with lagging.watch() as seen:
        produce(lagging.bootstrap, topic, payloads(200, 100))
        with java.consumer(lagging.bootstrap, [topic], group, max_poll_records=30) as consumer:
            consumer.take(30)
            consumer.commit()
            behind = _lag_by_kafka(lagging.kafka, group)
            assert 0 < behind < 200
            _await_lag(lagging, topic, group, behind)
            produce(lagging.bootstrap, topic, payloads(50, 100))
            consumer.take(250 - consumer.tell()["received"])
            consumer.commit()
            assert _lag_by_kafka(lagging.kafka, group) == 0
            _await_lag(lagging, topic, group, 0)
            assert _fetch_lag(lagging, topic) == consumer.metric(
                "records-lag", "consumer-fetch-manager-metrics", topic=topic) == 0
    commits = {exchange.connection for exchange in seen.requests(OFFSET_COMMIT)}
    fetches = {exchange.connection for exchange in seen.requests(FETCH)}
    assert commits and fetches and not commits & fetches, "commits and fetches shared a connection"


def test_the_lag_of_a_group_that_is_stuck_and_leaves(lagging: Stage, java: JavaClients) -> None:
    """A member that sends heartbeats is behind for as long as it does; one that is gone is forgotten."""
    topic, group = new_topic(lagging.kafka, "stuck"), new_group()
    with lagging.watch():
        produce(lagging.bootstrap, topic, payloads(60, 100))
        with java.consumer(lagging.bootstrap, [topic], group, max_poll_records=20) as consumer:
            consumer.take(20)
            consumer.commit()
            _await_lag(lagging, topic, group, 40)
            time.sleep(STALE_SECONDS + 2)  # nothing may happen in this time
            _await_lag(lagging, topic, group, 40, timeout=0)
    _await_lag(lagging, topic, group, 0, timeout=STALE_SECONDS + 4)


def test_an_offset_that_was_committed_elsewhere(lagging: Stage, java: JavaClients) -> None:
    """A member learns where its group stands from the coordinator (OffsetFetch), and so does the filter."""
    topic, group = new_topic(lagging.kafka, "elsewhere"), new_group()
    produce(lagging.kafka.bootstrap, topic, payloads(60, 100))
    with java.consumer(lagging.kafka.bootstrap, [topic], group, max_poll_records=25) as consumer:
        consumer.take(25)
        consumer.commit()
    with lagging.watch():
        with java.consumer(lagging.bootstrap, [topic], group, max_poll_records=5) as consumer:
            consumer.take(5)
            _await_lag(lagging, topic, group, 35)
            assert _lag_by_kafka(lagging.kafka, group) == 35


def test_fetch_and_commit_on_two_workers(lagging: Stage) -> None:
    """One connection on each worker: the watermark is known to one of them, the committed offset to the other."""
    topic, group = new_topic(lagging.kafka, "workers"), new_group()
    produce(lagging.kafka.bootstrap, topic, payloads(10, 100))
    coordinated = Consumer({"bootstrap.servers": lagging.kafka.bootstrap, "group.id": group})
    coordinated.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)  # the coordinator is there now
    coordinated.close()
    with lagging.watch(), connect(lagging.bootstrap) as reader, connect(lagging.bootstrap) as committer:
        _exchange(reader, metadata(1, [topic]))
        _exchange(reader, fetch(2, topic, max_wait_ms=100))
        for number, offset in enumerate((3, 7, 10, 9)):
            answer = _exchange(committer, offset_commit(number, group, topic, offset))
            assert answer[-2:] == b"\0\0", "the commit was refused"
            _await_lag(lagging, topic, group, 10 - offset)
        active = [lagging.envoy.counter(f"listener.LAG.worker_{worker}.downstream_cx_active") for worker in range(2)]
        assert active == [1, 1], f"connections of the workers: {active}"


def test_offsets_committed_in_a_transaction(lagging: Stage) -> None:
    topic, group = new_topic(lagging.kafka, "in-transaction"), new_group()
    produce(lagging.kafka.bootstrap, topic, payloads(30, 100))
    with lagging.watch() as seen:
        consumer = Consumer({"bootstrap.servers": lagging.bootstrap, "group.id": group,
                             "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": 100})
        consumer.subscribe([topic])
        taken = 0
        while taken < 12:
            taken += len(consumer.consume(12 - taken, 1.0))
        producer = Producer({"bootstrap.servers": lagging.bootstrap, "transactional.id": f"tx-{topic}"})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.send_offsets_to_transaction(consumer.position(consumer.assignment()),
                                             consumer.consumer_group_metadata(), 20)
        producer.commit_transaction(20)
        assert _lag_by_kafka(lagging.kafka, group) == 18
        _await_lag(lagging, topic, group, 18)
        producer.close()
        consumer.close()
    seen.metric("group_requests_total").label(group=group, request="TxnOffsetCommit").value(1)


def test_where_a_slow_client_fetches(lagging: Stage) -> None:
    """A client that asks for the next batch when it has read one, slowly: its own statistics name both offsets."""
    topic = new_topic(lagging.kafka, "fetching")
    for _ in range(10):
        produce(lagging.kafka.bootstrap, topic, payloads(10, 300))
    told = _Statistics(topic)
    with lagging.watch():
        consumer = Consumer({
            "bootstrap.servers": lagging.bootstrap, "group.id": new_group(), "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 1000, "queued.min.messages": 1, "fetch.wait.max.ms": 100,
            "enable.auto.commit": False, "statistics.interval.ms": 100, "stats_cb": told})
        consumer.assign([TopicPartition(topic, 0, 0)])

        def agreed() -> bool:
            """Takes one record more; ten of them are one batch, so that little is fetched meanwhile."""
            consumer.poll(0)
            return told.lag > 0 and _fetch_lag(lagging, topic) == told.lag

        wait_until("the filter and the client to agree on a lag", agreed, 30, interval=0.4)
        while told.lag != 0:
            consumer.consume(100, 0.1)
        wait_until("no fetch lag", lambda: _fetch_lag(lagging, topic) == 0, 5)
        consumer.close()


def test_the_fetch_lag_goes_with_its_connection(lagging: Stage) -> None:
    topic = new_topic(lagging.kafka, "leaving")
    produce(lagging.kafka.bootstrap, topic, payloads(20, 600), linger_ms=0, batch_num_messages=1)
    with lagging.watch(), connect(lagging.bootstrap) as reader:
        _exchange(reader, metadata(1, [topic]))
        _exchange(reader, fetch(2, topic, max_wait_ms=100, size=1500))
        wait_until("a fetch lag", lambda: _fetch_lag(lagging, topic) > 0, 5)
        assert _fetch_lag(lagging, topic) in (18, 19)
    wait_until("no fetch lag", lambda: _fetch_lag(lagging, topic) == 0, 5)


def test_more_partitions_than_are_followed(lagging: Stage) -> None:
    """They are counted as left out; what is followed goes with the connection."""
    topic, partitions = new_topic(lagging.kafka, "many", partitions=FOLLOWED + 3), FOLLOWED + 3
    with lagging.watch() as seen:
        consumer = Consumer({"bootstrap.servers": lagging.routes["LAGCAP"].bootstrap, "group.id": new_group(),
                             "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100})
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        produce(lagging.kafka.bootstrap, topic, payloads(200, 100), linger_ms=0, batch_num_messages=5)
        received = 0
        while received < 200:
            received += len(consumer.consume(200, 0.2))
        consumer.close()
    seen.metric("lag_untracked_partitions_total").at_least(partitions - FOLLOWED)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(200)


def test_lag_while_the_filter_is_replaced(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle,
                                          java: JavaClients) -> None:
    """Another VM takes over; the old one's connections are closed, and what only it knew must not stay for ever."""
    topic, group = new_topic(kafka, "replaced"), new_group()
    configuration = {"limits": {"lag_stale_seconds": STALE_SECONDS}}
    with stage(folder / "lag-replaced", [routes["REPLACEDLAG"]], kafka, oracle, {"REPLACEDLAG": configuration},
               lds=True) as made:
        produce(made.bootstrap, topic, payloads(60, 100))
        with java.consumer(made.bootstrap, [topic], group, max_poll_records=20) as consumer:
            consumer.take(20)
            consumer.commit()
            _await_lag(made, topic, group, 40)
            closed = len(made.envoy.access_entries())
            made.update("2", configuration, vm_id="kafka_filter_next")
            wait_until("the old listener's connections to end", lambda: len(made.envoy.access_entries()) > closed)
            produce(made.bootstrap, topic, payloads(10, 100))
            consumer.take(50)
            consumer.commit()
            _await_lag(made, topic, group, 0)
            produce(made.bootstrap, topic, payloads(40, 100))
            consumer.take(20)
            consumer.commit()
            _await_lag(made, topic, group, _lag_by_kafka(kafka, group))
        _await_lag(made, topic, group, 0, timeout=STALE_SECONDS + 4)
        assert _fetch_lag(made, topic) == 0


class _Statistics:
    """What librdkafka says of partition 0 of a topic: the high watermark minus the offset that it fetches next."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.lag = -1

    def __call__(self, text: str) -> None:
        partitions = json.loads(text)["topics"].get(self._topic, {}).get("partitions", {})
        if "0" in partitions:
            high, following = partitions["0"]["hi_offset"], partitions["0"]["next_offset"]
            self.lag = high - following if min(high, following) >= 0 else -1


def _lag_by_kafka(kafka: Kafka, group: str) -> int:
    """The sum of the column LAG of `kafka-consumer-groups --describe`, asked past Envoy."""
    printed = tools.java(tools.GROUPS, "--bootstrap-server", kafka.bootstrap, "--describe", "--group", group)
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    column = next(line.index("LAG") for line in lines if "LAG" in line)
    return sum(int(line[column]) for line in lines if line[0] == group)


def _await_lag(lagging: Stage, topic: str, group: str, lag: int, timeout: float = 5.0) -> None:
    def found() -> float:
        return lagging.envoy.stats().total("kafka_filter_group_lag_records", topic=topic, group=group)

    try:
        wait_until("the lag", lambda: found() == lag, timeout)
    except Exception:
        raise AssertionError(f"group_lag_records of {group} in {topic} is {found():g}, should be {lag}") from None


def _fetch_lag(lagging: Stage, topic: str) -> float:
    return lagging.envoy.stats().total("kafka_filter_topic_fetch_lag_records", topic=topic)


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    return receive(connection)
