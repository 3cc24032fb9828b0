"""The demo's last words: what the filter counted beside what the brokers' logs and the groups' offsets hold."""

from __future__ import annotations

import time
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from lab import Envoy, Kafka, unexpected_log_lines

from access import AccessLog
from comparison import Lag, Verdict, behind, ended, groups, records, sums
from readings import PREFIX
from traffic import GROUPS, TOPICS

# Gauges reach Envoy once a second from each worker, after all workers have told each other.
GAUGE_SECONDS = 6.0


def balance(envoy: Envoy, kafka: Kafka) -> tuple[bool, list[str]]:
    """Whether the filter's counts add up with what the broker has; and that as text.

    All clients must be gone. The broker is asked past Envoy.
    """
    stats = envoy.quiet_stats()
    verdict = Verdict()
    ends = _ends(kafka.bootstrap)
    records(verdict, stats, {topic: sum(high - low for low, high in found) for topic, found in ends.items()})
    sums(verdict, stats)
    groups(verdict, *_settled(envoy, behind(_committed(kafka.bootstrap), ends)))
    # By now Envoy has written what it had of the last connections.
    log = AccessLog(access_log(envoy))
    log.read()
    ended(verdict, stats, log.reasons)
    left = {gauge: stats.total(PREFIX + gauge) for gauge in ("connections_active", "requests_in_flight")}
    warnings = unexpected_log_lines(envoy.log_lines())
    lines = [*verdict.lines, "", " · ".join(f"{gauge} {value:.0f}" for gauge, value in left.items()),
             *(f"Envoy's log: {line}" for line in warnings)]
    return verdict.agrees and not any(left.values()) and not warnings, lines


def access_log(envoy: Envoy) -> Path:
    """The example's access log goes to stdout, which the lab keeps in a file."""
    return envoy.folder / f"{envoy.name}.out"


def _settled(envoy: Envoy, told: Lag) -> tuple[Lag, Lag]:
    """The filter's lag once it is what the broker tells, or as it is after some seconds."""
    deadline = time.monotonic() + GAUGE_SECONDS
    while True:
        found = {(group, topic): int(records) for (group, topic), records in
                 envoy.stats().by(PREFIX + "group_lag_records", "group", "topic").items()}
        if found == {pair: records for pair, records in told.items() if records} or time.monotonic() > deadline:
            return found, told
        time.sleep(0.2)


def _ends(bootstrap: str) -> dict[str, list[tuple[int, int]]]:
    """First and next offset of all partitions. Nothing was deleted, so the difference is what is stored."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    try:
        return {topic: [consumer.get_watermark_offsets(TopicPartition(topic, at), timeout=10) for at in range(count)]
                for topic, (count, _) in TOPICS.items()}
    finally:
        consumer.close()


def _committed(bootstrap: str) -> dict[str, dict[tuple[str, int], int]]:
    """What `kafka-consumer-groups` calls CURRENT-OFFSET, for each group that the demo has."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    found = {}
    for group in GROUPS:
        (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
        offsets = future.result(15).topic_partitions
        found[group] = {(at.topic, at.partition): at.offset for at in offsets if at.offset >= 0}
    return found
