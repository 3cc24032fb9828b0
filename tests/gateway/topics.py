"""Topics as an independent client makes, reads and deletes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lab import wait_until


@dataclass(frozen=True)
class Written:
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int


class Topics:
    """Of one cluster, through a listener without security."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def make(self, *names: str, partitions: int = 1, replicas: int = 1, **config: str) -> None:
        """`max_message_bytes="100"` stands for `max.message.bytes`. Ready when every partition is served."""
        settings = {name.replace("_", "."): value for name, value in config.items()}
        new = [NewTopic(name, partitions, replicas, config=settings) for name in names]
        for made in self.admin.create_topics(new, operation_timeout=15).values():
            made.result(20)
        wait_until("leaders of new topics", lambda: self._led(names), 20)
        wait_until("brokers to serve new topics", lambda: self._served(names, partitions), 20)

    def delete(self, name: str) -> None:
        self.admin.delete_topics([name], operation_timeout=15)[name].result(20)
        wait_until(f"{name} to be gone", lambda: name not in self.names(), 20)

    @property
    def cluster(self) -> str:
        """The cluster's id."""
        found = self.admin.list_topics(timeout=10).cluster_id
        assert isinstance(found, str)
        return found

    def names(self) -> set[str]:
        return set(self.admin.list_topics(timeout=10).topics)

    def read(self, name: str, timeout: float = 60.0) -> list[Written]:
        """Everything that the topic holds now, partition by partition."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "independent",
                             "enable.auto.commit": False, "isolation.level": "read_committed", "log_level": 0})
        try:
            partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
            marks = {number: consumer.get_watermark_offsets(TopicPartition(name, number), timeout=10)
                     for number in partitions}
            reached = {number: first for number, (first, _) in marks.items()}
            consumer.assign([TopicPartition(name, number, first) for number, first in reached.items()])
            records: list[Written] = []
            deadline = time.monotonic() + timeout
            while any(reached[number] < end for number, (_, end) in marks.items()):
                assert time.monotonic() < deadline, f"read up to {reached}, the topic ends at {marks}"
                for message in consumer.consume(1000, timeout=0.5):
                    assert not message.error(), message.error()
                    number = message.partition()
                    reached[number] = message.offset() + 1
                    if message.offset() < marks[number][1]:
                        records.append(Written(number, message.offset(), message.key(), message.value(),
                                               message.headers() or [], message.timestamp()[1]))
            return sorted(records, key=lambda record: (record.partition, record.offset))
        finally:
            consumer.close()

    def values(self, name: str) -> Counter[bytes]:
        """How often each value is in the topic."""
        return Counter(record.value or b"" for record in self.read(name))

    def count(self, name: str) -> int:
        """Records by the offsets alone: right for topics that nobody compacts or writes transactions to."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "independent", "log_level": 0})
        try:
            partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
            marks = [consumer.get_watermark_offsets(TopicPartition(name, number), timeout=10) for number in partitions]
            return sum(end - first for first, end in marks)
        finally:
            consumer.close()

    def _led(self, names: tuple[str, ...]) -> bool:
        known = self.admin.list_topics(timeout=10).topics
        return all(name in known and known[name].partitions and all(
            partition.leader >= 0 for partition in known[name].partitions.values()) for name in names)

    def _served(self, names: tuple[str, ...], partitions: int) -> bool:
        """A leader is named some milliseconds before it serves. What is written meanwhile is sent again, and comes
        behind what is written then."""
        ends = {TopicPartition(name, number): OffsetSpec.latest() for name in names for number in range(partitions)}
        try:
            for found in self.admin.list_offsets(ends, request_timeout=10).values():
                found.result(20)
        except KafkaException:
            return False
        return True


def missing(expected: Mapping[bytes, object] | set[bytes], found: Mapping[bytes, int]) -> list[bytes]:
    """What should be in a topic and is not; the first few, for a message."""
    return sorted(set(expected) - set(found))[:5]
