"""A cluster that grows, shrinks and grows again: partitions follow brokers, leaders come home."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient

from canary import Canary, assignments, leaders, topic_config
from lab import Kafka, wait_until

READ = "kafka_canary_records_consumed_total"
DUE = "kafka_canary_produce_due_total"


def test_brokers_come_and_go(here: Path) -> None:
    topic = "scaled"
    settings = {"KAFKA_CANARY_SETTLING_MS": "3000"}
    with Kafka(here / "kafka", brokers=2, controllers=1, heap="384m",
               properties={"auto.leader.rebalance.enable": "false"}) as kafka, \
            Canary(here, kafka.bootstrap, topic, settings) as canary:
        canary.wait_until_serving(2)
        assert topic_config(kafka.bootstrap, topic)["min.insync.replicas"] == "1"
        assert sorted(leaders(kafka.bootstrap, topic).values()) == [1, 2]

        kafka.add_broker()
        canary.wait_until_serving(3, timeout=60)
        _placed(kafka, topic, brokers=[1, 2, 3])
        wait_until("the minimum of in-sync replicas to follow", lambda: topic_config(
            kafka.bootstrap, topic)["min.insync.replicas"] == "2", 20)

        kafka.child(2).stop()
        # Surplus partitions stay, are led by others, and nothing is written to them.
        canary.wait_for("two brokers", lambda stats: stats.total("kafka_canary_brokers") == 2, 60)
        wait_until("leaders on brokers that are there", lambda: set(leaders(kafka.bootstrap, topic).values()) == {1, 2}, 60)
        assert len(assignments(kafka.bootstrap, topic)) == 3
        before = canary.stats()
        canary.wait_for("records of the two that are left", lambda stats: len(
            (stats - before).by(READ, "partition")) == 2 and (stats - before).total(READ) >= 20)
        change = canary.stats() - before
        assert len(change.by(DUE, "partition")) == 2
        wait_until("replicas off the broker that is gone", lambda: all(
            3 not in replicas for replicas in assignments(kafka.bootstrap, topic).values()), 60)

        kafka.start_again(2)
        canary.wait_for("three brokers", lambda stats: stats.total("kafka_canary_brokers") == 3, 60)
        _placed(kafka, topic, brokers=[1, 2, 3])
        before = canary.stats()
        canary.wait_for("records of all three", lambda stats: len((stats - before).by(READ, "partition")) == 3)
        canary.stats().metric("kafka_canary_records_lost_total").value(0)


def _placed(kafka: Kafka, topic: str, brokers: list[int]) -> None:
    """Each broker leads one partition, by preference and in fact, and replicas are on all of them."""
    def settled() -> bool:
        placed = assignments(kafka.bootstrap, topic)
        return (sorted(replicas[0] for replicas in placed.values()) == brokers
                and all(len(replicas) == min(3, len(brokers)) for replicas in placed.values())
                and leaders(kafka.bootstrap, topic) == {number: replicas[0] for number, replicas in placed.items()})

    wait_until(f"a leader on each of {brokers}", settled, 90, interval=0.3)


def test_six_brokers_in_racks(here: Path) -> None:
    """Replicas are on all brokers, not on three, and racks alternate."""
    with Kafka(here / "kafka", brokers=6, controllers=1, racks=["a", "a", "b", "b", "c", "c"], heap="256m") as kafka, \
            Canary(here, kafka.bootstrap, "racks") as canary:
        canary.wait_until_serving(6, timeout=90)
        assert assignments(kafka.bootstrap, "racks") == {
            0: [1, 3, 5], 1: [3, 5, 2], 2: [5, 2, 4], 3: [2, 4, 6], 4: [4, 6, 1], 5: [6, 1, 3]}


def test_waiting_for_the_expected_size(here: Path) -> None:
    with Kafka(here / "kafka", brokers=1, heap="384m") as kafka:
        with Canary(here, kafka.bootstrap, "expected", {"EXPECTED_CLUSTER_SIZE": "2"}) as canary:
            canary.wait_for("the mismatch", lambda stats: stats.total("strimzi_canary_expected_cluster_size_error_total") >= 1)
            assert "expected" not in AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics
            assert canary.get("/readiness")[0] == 503
            kafka.add_broker()
            canary.wait_until_serving(2, timeout=60)
