"""Brokers that die, freeze, vanish or lose data: what the canary says of it, and that the other probes go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from canary import FAST, Canary, delete_topic, leaders, produce, read_topic
from lab import Gate, Kafka, Listener, Stats, free_port, tools, wait_until

FAILED = "kafka_canary_records_produce_failed_total"
READ = "kafka_canary_records_consumed_total"
DUE = "kafka_canary_produce_due_total"
# Bytes a second that hold the canary's requests up for seconds.
HELD_UP = 500
# Records of a partition that wait for their acknowledgement when its leader is moved, at ten a second.
IN_FLIGHT_MAX = 5


def _of(stats: Stats, name: str, partition: int) -> float:
    return float(stats.total(name, partition=str(partition)))


def _partition_led_by(three: Kafka, topic: str, broker: int) -> int:
    return next(number for number, leader in leaders(three.bootstrap, topic).items() if leader == broker)


def _others_go_on(canary: Canary, harmed: int, seconds: float) -> None:
    """For so long no other partition misses a probe, and no reading of the metrics is late."""
    before = canary.stats()
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        at = time.monotonic()
        canary.stats()
        assert time.monotonic() - at < 2, "the metrics are not served"
        time.sleep(0.2)
    change = canary.stats() - before
    due = seconds / (float(FAST["KAFKA_CANARY_PROBE_INTERVAL_MS"]) / 1e3)
    for partition in range(3):
        assert _of(change, DUE, partition) >= due * 0.9, "a probe of every partition is due all the time"
        if partition != harmed:
            assert _of(change, FAILED, partition) == 0
            assert _of(change, READ, partition) >= due * 0.8, f"partition {partition} was not served"
    status, reason = canary.get("/readiness")
    assert status == 200, f"not ready although partitions are served: {reason}"


def test_a_broker_killed_and_back(here: Path, three: Kafka) -> None:
    topic = "killed"
    with Canary(here, three.bootstrap, topic, {"KAFKA_CANARY_SETTLING_MS": "300000"}) as canary:
        canary.wait_until_serving(3)
        harmed = _partition_led_by(three, topic, 3)
        three.child(2).kill()
        try:
            # The leader moves, as for any topic with replicas: the partition is served again by another broker.
            canary.wait_for("a new leader", lambda stats: stats.total(
                "kafka_canary_partition_leader", partition=str(harmed)) != 3)
            before = canary.stats()
            canary.wait_for("records from the new leader", lambda stats: _of(stats - before, READ, harmed) >= 5)
            stats = canary.wait_for("failed connections", lambda stats: stats.total(
                "strimzi_canary_connection_total", brokerid="3", connected="false") >= 1)
            assert stats.total("kafka_canary_brokers") == 3, "a broker that is away for a while is no smaller cluster"
        finally:
            three.start_again(2)
        canary.wait_for("the preferred leader", lambda stats: stats.total(
            "kafka_canary_partition_leader", partition=str(harmed)) == 3, 60)
        before = canary.stats()
        canary.wait_for("records", lambda stats: _of(stats - before, READ, harmed) >= 5)
        stats = canary.stats()
        stats.metric("kafka_canary_records_lost_total").value(0)
        # A leader that steps down may have written what it refuses at that moment; librdkafka sends it again all the same.
        assert stats.total("kafka_canary_records_duplicated_total") <= IN_FLIGHT_MAX


def test_a_frozen_broker(here: Path, three: Kafka) -> None:
    topic = "frozen"
    with Canary(here, three.bootstrap, topic) as canary:
        canary.wait_until_serving(3)
        # The follower that hangs leaves the in-sync replicas after a while; until then acks=all waits for it.
        harmed = _partition_led_by(three, topic, 2)
        three.child(1).freeze()
        try:
            canary.wait_for("failed probes", lambda stats: _of(stats, FAILED, harmed) >= 1, 30)
            canary.wait_for("a new leader", lambda stats: stats.total(
                "kafka_canary_partition_leader", partition=str(harmed)) != 2, 60)
            before = canary.stats()
            canary.wait_for("all partitions to be served", lambda stats: all(
                _of(stats - before, READ, partition) >= 5 for partition in range(3)), 60)
            status, _ = canary.get("/liveness")
            assert status == 200
        finally:
            three.child(1).thaw()
        three.wait_for(1)
        canary.wait_for("the preferred leader", lambda stats: stats.total(
            "kafka_canary_partition_leader", partition=str(harmed)) == 2, 60)


@pytest.fixture(scope="module")
def gated(folder: Path) -> Iterator[tuple[Kafka, list[Gate]]]:
    """Three brokers whose listener GATED leads clients through a gate each."""
    ports = [free_port() for _ in range(3)]
    with Kafka(folder / "gated", brokers=3, controllers=1, listeners=[Listener("GATED", ports)], heap="384m",
               properties={"auto.leader.rebalance.enable": "false"}) as kafka, ExitStack() as stack:
        yield kafka, [stack.enter_context(Gate(port, kafka.port("GATED", number))) for number, port in enumerate(ports)]


def _through(gates: list[Gate]) -> str:
    return ",".join(f"127.0.0.1:{gate.port}" for gate in gates)


def test_a_black_holed_broker(here: Path, gated: tuple[Kafka, list[Gate]]) -> None:
    """Only the canary's way to it is cut: its partition fails as long as that lasts, and no other one notices."""
    kafka, gates = gated
    with Canary(here, _through(gates), "black-holed") as canary:
        canary.wait_until_serving(3)
        harmed = _partition_led_by(kafka, "black-holed", 1)
        gates[0].shut()
        try:
            canary.wait_for("failed probes", lambda stats: _of(stats, FAILED, harmed) >= 1, 30)
            _others_go_on(canary, harmed, 15)
            stats = canary.wait_for("commits and connections to fail", lambda stats: stats.total(
                "kafka_canary_connections_failed_total", broker="1") >= 1 and stats.total(
                "kafka_canary_commits_failed_total", broker="1") >= 1, 40)
            assert stats.total("kafka_canary_commits_failed_total", broker="2") == 0
            begin = time.monotonic()
        finally:
            gates[0].open()
        before = canary.stats()
        canary.wait_for("the partition to be served", lambda stats: _of(stats - before, READ, harmed) >= 5, 60)
        assert time.monotonic() - begin < 30, "it took long to notice that the broker is back"


def test_stopping_while_black_holed(here: Path, gated: tuple[Kafka, list[Gate]]) -> None:
    _, gates = gated
    with Canary(here, _through(gates), "stopped") as canary:
        canary.wait_until_serving(3)
        for gate in gates:
            gate.shut()
        try:
            time.sleep(3)
            status, took = canary.stop()
        finally:
            for gate in gates:
                gate.open()
    assert status == 0 and took < 8


def test_the_whole_cluster_away(here: Path, gated: tuple[Kafka, list[Gate]]) -> None:
    """Every probe that should have happened is counted, and counted as failed."""
    _, gates = gated
    with Canary(here, _through(gates), "away", {"STATUS_CHECK_INTERVAL_MS": "1000", "STATUS_TIME_WINDOW_MS": "10000",
                                              "KAFKA_CANARY_READY_WINDOW_MS": "5000"}) as canary:
        canary.wait_until_serving(3)
        for gate in gates:
            gate.shut()
        try:
            before = canary.wait_for("failures everywhere", lambda stats: len(
                stats.by(FAILED, "partition")) == 3, 30)
            begin = time.monotonic()
            wait_until("not ready", lambda: canary.get("/readiness")[0] == 503, 30)
            time.sleep(10)
            change, seconds = canary.stats() - before, time.monotonic() - begin
            for partition in range(3):
                expected = seconds / 0.1
                assert expected * 0.9 - 5 <= _of(change, DUE, partition) <= expected * 1.1 + 5
                assert _of(change, FAILED, partition) >= expected * 0.8 - 30
            assert json.loads(canary.get("/status")[1])["Consuming"]["Percentage"] == 0
            assert canary.get("/liveness") == (200, "OK"), "a dead cluster is no reason to restart the canary"
        finally:
            for gate in gates:
                gate.open()
        wait_until("ready", lambda: canary.get("/readiness")[0] == 200, 60)


def test_no_cluster_from_the_start(here: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with Canary(here, nobody, "nowhere", {"EXPECTED_CLUSTER_SIZE": "3"}) as canary:
        stats = canary.wait_for("failures", lambda stats: len(
            stats.by(FAILED, "partition", reason="no_cluster")) == 3)
        # A machine that was too busy to try is told apart.
        assert set(stats.by(FAILED, "reason")) <= {("no_cluster",), ("missed",)}
        stats.metric("strimzi_canary_topic_describe_cluster_error_total").at_least(1)
        status, body = canary.get("/readiness")
        assert status == 503 and nobody in body
        assert canary.stop()[0] == 0


def test_foreign_and_broken_records(here: Path, single: Kafka) -> None:
    topic = "foreign"
    with Canary(here, single.bootstrap, topic) as canary:
        # The first second's records were read in one go.
        canary.wait_for("a steady state", lambda stats: stats.total(READ) >= 20)
        before = canary.stats()
        strangers = [b"", b"\xff\x00", b"{}", b'{"producerId":"other","messageId":1,"timestamp":1}', b"[" * 5000,
                     b'{"producerId":"strimzi-canary-client","messageId":99999999,"timestamp":1}']
        produce(single.bootstrap, topic, 0, *strangers)
        stats = canary.wait_for("them to be counted", lambda stats: stats.total(
            "kafka_canary_records_foreign_total") >= len(strangers))
        stats.metric("kafka_canary_records_foreign_total").value(len(strangers))
        change = stats - before
        # The latency of a record that claims to be of 1970 would be half a century.
        assert change.total("strimzi_canary_records_consumed_latency_sum") < 60_000
        read = change.total("strimzi_canary_records_consumed_total")
        assert read == change.total("kafka_canary_records_consumed_total")
        assert abs(read - change.total("kafka_canary_produce_due_total")) <= 3


def test_duplicates(here: Path, single: Kafka) -> None:
    """Somebody writes what the canary wrote once more, as a mirror with at-least-once does."""
    topic = "duplicates"
    with Canary(here, single.bootstrap, topic) as canary:
        canary.wait_for("records", lambda stats: stats.total(READ) >= 10)
        again = [record.value for record in read_topic(single.bootstrap, topic)[-3:]]
        produce(single.bootstrap, topic, 0, *again)
        stats = canary.wait_for("duplicates", lambda stats: stats.total("kafka_canary_records_duplicated_total") >= 3)
        stats.metric("kafka_canary_records_duplicated_total").value(3)
        stats.metric("kafka_canary_records_lost_total").value(0)


def test_throttling_is_latency_and_what_is_deleted_unread_is_lost(here: Path, single: Kafka) -> None:
    """A quota holds the canary's reading up: latency first. Then records are deleted that it has not read: lost."""
    topic, client = "throttled", "throttled-canary"
    settings = {"CLIENT_ID": client, "KAFKA_CANARY_LATE_AFTER_MS": "3000"}
    with Canary(here, single.bootstrap, topic, settings) as canary:
        canary.wait_for("a steady state", lambda stats: stats.total(READ) >= 30)
        before = canary.stats()
        _quota(single, client, "--add-config", f"consumer_byte_rate={HELD_UP}")
        try:
            slow = canary.wait_for("late reading", lambda stats: _seconds_above(stats - before, "end_to_end", "1") >= 3)
            assert _seconds_above(slow - before, "produce", "1") == 0, "writing is not held up"
            slow.metric("kafka_canary_records_lost_total").value(0)
            canary.wait_for("records on their way", lambda stats: stats.total("kafka_canary_records_outstanding") >= 10)
            admin = AdminClient({"bootstrap.servers": single.bootstrap})
            (deleted,) = admin.delete_records([TopicPartition(topic, 0, -1)]).values()
            deleted.result(10)
        finally:
            _quota(single, client, "--delete-config", "consumer_byte_rate")
        lost = canary.wait_for("losses", lambda stats: stats.total("kafka_canary_records_lost_total") >= 5, 60)
        canary.wait_for("reading to catch up", lambda stats: stats.total("kafka_canary_records_outstanding") <= 3, 60)
        end = canary.stats()
        accounted = end.total(READ) + end.total("kafka_canary_records_lost_total")
        assert abs(accounted - end.total("kafka_canary_records_produced_total")) <= 5, "each ends in one way"
        assert end.total("kafka_canary_records_lost_total") - lost.total("kafka_canary_records_lost_total") <= 40


def test_slow_acknowledgements(here: Path, single: Kafka) -> None:
    client = "slow-canary"
    settings = {"CLIENT_ID": client, "KAFKA_CANARY_ACK_TIMEOUT_MS": "10000", "KAFKA_CANARY_LATE_AFTER_MS": "20000"}
    with Canary(here, single.bootstrap, "slow", settings) as canary:
        canary.wait_for("a steady state", lambda stats: stats.total(READ) >= 30)
        before = canary.stats()
        _quota(single, client, "--add-config", f"producer_byte_rate={HELD_UP}")
        try:
            canary.wait_for("slow writing", lambda stats: _seconds_above(stats - before, "produce", "1") >= 3)
        finally:
            _quota(single, client, "--delete-config", "producer_byte_rate")


def _quota(kafka: Kafka, client: str, *change: str) -> None:
    tools.java(tools.CONFIGS, "--bootstrap-server", kafka.bootstrap, "--alter", "--entity-type", "clients",
               "--entity-name", client, *change)


def _seconds_above(stats: Stats, what: str, bound: str) -> float:
    """How many observations of a latency were above the bound, one of its buckets."""
    name = f"kafka_canary_{what}_latency_seconds"
    return stats.total(f"{name}_bucket", le="+Inf") - stats.total(f"{name}_bucket", le=bound)


def test_the_topic_deleted_under_it(here: Path, single: Kafka) -> None:
    topic = "deleted-topic"
    with Canary(here, single.bootstrap, topic) as canary:
        canary.wait_until_serving(1)
        delete_topic(single.bootstrap, topic)
        before = canary.stats()
        canary.wait_for("records of the topic made anew", lambda stats: stats.total(READ) - before.total(READ) >= 30, 60)
        wait_until("ready", lambda: canary.get("/readiness")[0] == 200, 20)


def test_a_leader_moved(here: Path, three: Kafka) -> None:
    topic = "moved"
    with Canary(here, three.bootstrap, topic, {"RECONCILE_INTERVAL_MS": "60000"}) as canary:
        canary.wait_until_serving(3)
        harmed = _partition_led_by(three, topic, 2)
        three.child(1).stop()
        try:
            canary.wait_for("the new leader", lambda stats: stats.total(
                "kafka_canary_partition_leader", partition=str(harmed)) not in (0, 2), 30)
        finally:
            three.start_again(1)
        before = canary.stats()
        canary.wait_for("records", lambda stats: _of(stats - before, READ, harmed) >= 5)
        canary.stats().metric("kafka_canary_records_lost_total").value(0)
