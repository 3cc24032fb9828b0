"""Rebalances, as the broker and the members tell of them, and as the filter counts them."""

from __future__ import annotations

import re

from clients import consume, new_group, new_topic, payloads, produce
from java_clients import JavaClients
from lab import Kafka, wait_until
from raw import connect, heartbeat, receive
from stage import Stage


def test_two_members_of_a_classic_group(main_stage: Stage, java: JavaClients) -> None:
    """One joins, a second one joins and leaves: each time the coordinator elects a leader once."""
    topic, group = new_topic(main_stage.kafka, "classic", partitions=4), new_group()
    quick = {"heartbeat_interval_ms": 200, "group_protocol": "classic"}
    with main_stage.watch() as seen:
        with java.consumer(main_stage.bootstrap, [topic], group, **quick) as first:
            first.poll()
            first.await_assigned(4)
            with java.consumer(main_stage.bootstrap, [topic], group, **quick) as second:
                second.poll()
                first.await_assigned(2)
                second.await_assigned(2)
            told = first.await_assigned(4)
            rebalances = first.metric("rebalance-total", "consumer-coordinator-metrics")
    generations = _stabilized(main_stage.kafka, group)
    assert generations == [1, 2, 3] and told["generation"] == 3
    assert (told["rebalances"], rebalances) == (3, 3)
    seen.metric("group_rebalances_total").label(group=group).value(len(generations))
    # Two members take part in generation 2. What is refused, for want of a member id, is no join.
    seen.metric("group_join_duration_microseconds_count").label(group=group).value(4)
    for api in ("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "OffsetFetch"):
        seen.metric("group_requests_total").label(group=group, request=api).at_least(1)
    seen.metric("group_requests_total").label(group=group, request="LeaveGroup").value(2)
    # The first member learns from its heartbeat that it must join again: when one comes, and when one goes.
    seen.metric("group_errors_total").label(group=group, request="Heartbeat",
                                            error="REBALANCE_IN_PROGRESS").at_least(2)
    seen.metric("group_errors_total").label(group=group, request="JoinGroup", error="MEMBER_ID_REQUIRED").value(2)


def test_a_join_takes_as_long_as_the_slowest_member(main_stage: Stage, java: JavaClients) -> None:
    """The second member waits for the first, which joins again when it polls: that wait is the join's duration."""
    topic, group = new_topic(main_stage.kafka, "slow-join", partitions=2), new_group()
    with main_stage.watch() as seen:
        with (java.consumer(main_stage.bootstrap, [topic], group) as first,
              java.consumer(main_stage.bootstrap, [topic], group) as second):
            first.poll()
            first.await_assigned(2)
            first.poll(on=False)
            second.poll()
            wait_until("the coordinator to prepare a rebalance", lambda: _preparing(main_stage.kafka, group))
            first.poll()
            second.await_assigned(1)
            longest = second.metric("join-time-max", "consumer-coordinator-metrics")
    measured = seen.metric("group_join_duration_microseconds_sum").label(group=group).read() / 1000
    # All joins together take at least as long as the longest; clients count the time to send and read, too.
    assert measured >= longest * 0.9 - 20, f"joins took {measured} ms, a client waited {longest} ms for one"


def test_a_consumer_group_with_epochs(main_stage: Stage, java: JavaClients) -> None:
    """KIP-848: members rise to the group's epoch, which a new member or another subscription raises."""
    kafka, group = main_stage.kafka, new_group()
    topics = [new_topic(kafka, "epochs", partitions=2) for _ in range(2)]
    new_protocol = {"group_protocol": "consumer"}
    with main_stage.watch() as seen:
        produce(main_stage.bootstrap, topics[0], payloads(10, 100))
        with java.consumer(main_stage.bootstrap, topics[:1], group, **new_protocol) as first:
            first.poll()
            first.await_assigned(2)
            epochs = [_settled(java, kafka, group, members=1)]
            first.subscribe(*topics)
            first.await_assigned(4)
            epochs.append(_settled(java, kafka, group, members=1))
            with java.consumer(main_stage.bootstrap, topics, group, **new_protocol) as second:
                second.poll()
                first.await_assigned(2)
                second.await_assigned(2)
                epochs.append(_settled(java, kafka, group, members=2))
            first.await_assigned(4)
            epochs.append(_settled(java, kafka, group, members=1))
            told = first.tell()
    assert epochs == sorted(set(epochs)), f"the group's epoch did not rise with each change: {epochs}"
    assert told["generation"] == epochs[-1]
    rises = _rises(kafka, group)
    assert rises >= 5, "each of four changes, and one of them for two members"
    seen.metric("group_rebalances_total").label(group=group).value(rises)
    seen.metric("group_requests_total").label(group=group, request="ConsumerGroupHeartbeat").at_least(rises)
    seen.metric("group_join_duration_microseconds_count").label(group=group).absent()


def test_librdkafka_in_a_consumer_group(main_stage: Stage, java: JavaClients) -> None:
    """Another client of the same protocol; and its commits go to the same group."""
    topic, group = new_topic(main_stage.kafka, "epochs", partitions=2), new_group()
    produce(main_stage.kafka.bootstrap, topic, payloads(10, 100))
    with main_stage.watch() as seen:
        assert len(consume(main_stage.bootstrap, [topic], 10, group=group, group_protocol="consumer")) == 10
    assert java.describe_group(main_stage.kafka.bootstrap, group)["members"] == []
    seen.metric("group_rebalances_total").label(group=group).value(1)
    seen.metric("group_requests_total").label(group=group, request="OffsetCommit").value(1)


def test_errors_of_a_group(main_stage: Stage) -> None:
    """A member that nobody knows, of a group that does not exist."""
    group = new_group()
    with main_stage.watch() as seen, connect(main_stage.bootstrap) as connection:
        for number in range(3):
            connection.sendall(heartbeat(number, group))
            receive(connection)
    seen.metric("group_errors_total").label(group=group, request="Heartbeat", error="UNKNOWN_MEMBER_ID").value(3)
    seen.metric("group_requests_total").label(group=group, request="Heartbeat").value(3)


def _stabilized(kafka: Kafka, group: str) -> list[int]:
    """The generations that the coordinator's log names as complete."""
    return [int(number) for number in re.findall(rf"Stabilized group {group} generation (\d+)", kafka.log())]


def _rises(kafka: Kafka, group: str) -> int:
    """How often members of a group reached a higher epoch, from the coordinator's log.

    Each member follows each new target assignment; one that joins starts with the assignment that is there already.
    """
    members, target, rises = set(), False, 0
    for line in re.findall(rf"\[GroupId {group}\] (.*)", kafka.log()):
        if joined := re.match(r"Member (\S+) joins the consumer group", line):
            members.add(joined[1])
            rises += target
        elif left := re.match(r"Member (\S+) left the consumer group", line):
            members.remove(left[1])
        elif line.startswith("Computed a new target assignment"):
            target = True
            rises += len(members)
    return rises


def _preparing(kafka: Kafka, group: str) -> bool:
    return len(re.findall(rf"Preparing to rebalance group {group}\b", kafka.log())) >= 2


def _settled(java: JavaClients, kafka: Kafka, group: str, members: int) -> int:
    """Waits until each of that many members has the group's epoch, and returns it."""
    def settled() -> int | None:
        found = java.describe_group(kafka.bootstrap, group)
        return found["epoch"] if found["members"] == [found["epoch"]] * members else None

    return wait_until(f"{members} members of {group} to have its epoch", settled, 30)
