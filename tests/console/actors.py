"""The clients in these tests: a steady load whose own counts are kept, and events that a test brings about.

What a client counts here knows nothing of the filter: deliveries that the broker has acknowledged, and records that a
consumer has been given.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lab import Kafka, wait_until

# Topic: (partitions, further configuration).
TOPICS: dict[str, tuple[int, dict[str, str]]] = {
    "orders": (3, {}), "clicks": (2, {}), "audit": (2, {}), "exports": (1, {"max.message.bytes": "50000"}),
    "ledger": (1, {}),
}
# Records of the steady load each second, and bytes of a record's value.
ORDERS_RATE, CLICKS_RATE, VALUE_BYTES = 100, 200, 200


@dataclass
class Tally:
    """A count that remembers when: `between` is what was counted in a span of Unix time."""

    times: list[float] = field(default_factory=list)

    def add(self) -> None:
        self.times.append(time.time())

    def between(self, begin: float, end: float) -> int:
        return bisect_right(self.times, end) - bisect_right(self.times, begin)


class Actors:
    """All clients; use it in a `with` block. `bootstrap` is Envoy's listener."""

    def __init__(self, kafka: Kafka, bootstrap: str) -> None:
        self.kafka = kafka
        self.bootstrap = bootstrap
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.produced = {"orders": Tally(), "clicks": Tally()}
        self.consumed = {"orders": Tally(), "clicks": Tally()}
        self.failures: list[str] = []

    def __enter__(self) -> Actors:
        make_topics(self.kafka.bootstrap, TOPICS)
        steady = [lambda: self._write("orders", "orders-service", ORDERS_RATE, "lz4"),
                  lambda: self._write("clicks", "web-shop", CLICKS_RATE, "gzip"),
                  lambda: self._read("billing", "orders"), lambda: self._read("search-index", "clicks")]
        for run in steady:
            thread = threading.Thread(target=self._guarded, args=(run,), daemon=True)
            thread.start()
            self._threads.append(thread)
        wait_until("both groups to read", lambda: all(tally.times for tally in self.consumed.values()), 40)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    def producer(self, client_id: str, **config: object) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap, "client.id": client_id, "linger.ms": 20, "log_level": 0,
                         **{key.replace("_", "."): value for key, value in config.items()}})

    def consumer(self, group: str, client_id: str, **config: object) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "client.id": client_id,
                         "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100, "log_level": 0,
                         "auto.commit.interval.ms": 500, "session.timeout.ms": 10000, "heartbeat.interval.ms": 500,
                         **{key.replace("_", "."): value for key, value in config.items()}})

    def write(self, client_id: str, topic: str, count: int, **config: object) -> int:
        """Writes so many records, and returns how many the broker has taken."""
        taken: list[int] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                taken.append(1)

        producer = self.producer(client_id, **config)
        for number in range(count):
            producer.produce(topic, b"%06d" % number + bytes(VALUE_BYTES - 6), on_delivery=delivered)
            producer.poll(0)
        assert producer.flush(20) == 0, f"{client_id} has not got rid of its records"
        return len(taken)

    @contextlib.contextmanager
    def behind(self, group: str, topic: str) -> Iterator[None]:
        """Whatever is written to the topic meanwhile, the group has committed nothing of it, and lives on.

        Another consumer fetches the topic: how far it reaches is known from fetches alone.
        """
        member = self.consumer(group, f"{group}-member", enable_auto_commit=False)
        watcher = self.consumer(f"{group}-watcher", f"{topic}-watcher", enable_auto_commit=False)
        stop = threading.Event()
        partitions = [TopicPartition(topic, at) for at in range(TOPICS[topic][0])]
        try:
            member.subscribe([topic])
            wait_until(f"{group} to have {topic}", lambda: member.poll(0.1) or len(member.assignment()), 30)
            assigned = wait_until(f"{group} to have all of {topic}",
                                  lambda: len(member.assignment()) == len(partitions) and member.assignment(), 20)
            member.pause(assigned)
            ends = [TopicPartition(at.topic, at.partition, member.get_watermark_offsets(at, timeout=10)[1])
                    for at in partitions]
            member.commit(offsets=ends, asynchronous=False)
            watcher.assign([TopicPartition(at.topic, at.partition, at.offset) for at in ends])
            threads = [threading.Thread(target=_poll, args=(one, stop), daemon=True) for one in (member, watcher)]
            for thread in threads:
                thread.start()
            yield
            stop.set()
            for thread in threads:
                thread.join(5)
        finally:
            stop.set()
            member.close()
            watcher.close()

    def lag(self, group: str, topic: str) -> int:
        """By the broker's own offsets, past Envoy."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        partitions = [TopicPartition(topic, at) for at in range(TOPICS[topic][0])]
        (asked,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)]).values()
        committed = {at.partition: at.offset for at in asked.result(10).topic_partitions}
        ends = admin.list_offsets({at: OffsetSpec.latest() for at in partitions})
        return sum(future.result(10).offset - committed[at.partition] for at, future in ends.items())

    def end_offsets(self, topic: str) -> int:
        """Records that the broker holds of a topic, by its own offsets, past Envoy."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        asked = {TopicPartition(topic, at): OffsetSpec.latest() for at in range(TOPICS[topic][0])}
        return sum(future.result(10).offset for future in admin.list_offsets(asked).values())

    def errors(self, client_id: str, count: int) -> int:
        """Records over the topic's limit, which the broker refuses one by one; returns how many the client was told of."""
        told: list[str] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                told.append(error.name())

        producer = self.producer(client_id, retries=0)
        for _ in range(count):
            producer.produce("exports", random.randbytes(80_000), on_delivery=delivered)
            producer.flush(10)
        assert set(told) == {"MSG_SIZE_TOO_LARGE"}, told
        return len(told)

    @contextlib.contextmanager
    def another_member(self, group: str, topic: str) -> Iterator[None]:
        """A member joins, so the group shares its partitions out anew."""
        member = self.consumer(group, f"{group}-extra")
        try:
            member.subscribe([topic])
            wait_until(f"a second member of {group}", lambda: member.poll(0.1) or member.assignment(), 30)
            yield
        finally:
            member.close()

    def from_2015(self, client_id: str) -> None:
        """A reader in versions that Kafka 4 refuses: the broker hangs up on it."""
        old = Consumer({"bootstrap.servers": self.bootstrap, "log_level": 0, "client.id": client_id,
                        "group.id": client_id, "enable.auto.commit": False, "api.version.request": "false",
                        "broker.version.fallback": "0.9.0.1"})
        try:
            old.assign([TopicPartition("orders", 0, 0)])
            old.consume(1, timeout=1.0)
        finally:
            old.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as failure:  # noqa: BLE001  a test reads it: threads have nobody to raise to
            self.failures.append(repr(failure))

    def _write(self, topic: str, client_id: str, rate: float, compression: str) -> None:
        tally = self.produced[topic]
        producer = self.producer(client_id, compression_type=compression)

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                tally.add()

        begin, sent = time.monotonic(), 0
        while not self._stop.wait(0.05):
            due = int((time.monotonic() - begin) * rate) - sent
            sent += due
            for _ in range(due):
                producer.produce(topic, random.randbytes(VALUE_BYTES), on_delivery=delivered)
            producer.poll(0)
        producer.flush(10)

    def _read(self, group: str, topic: str) -> None:
        tally = self.consumed[topic]
        consumer = self.consumer(group, group)
        consumer.subscribe([topic])
        try:
            while not self._stop.is_set():
                for message in consumer.consume(500, timeout=0.1):
                    if message.error() is None:
                        tally.add()
        finally:
            consumer.close()


def make_topics(bootstrap: str, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
    """Past Envoy, so that the filter sees the clients alone. Returns when the broker leads every partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    made = admin.create_topics([NewTopic(name, count, 1, config=config) for name, (count, config) in topics.items()])
    for future in made.values():
        future.result(30)
    asked = {TopicPartition(name, at): OffsetSpec.latest() for name, (count, _) in topics.items()
             for at in range(count)}
    wait_until("the broker to lead all partitions", lambda: all(
        future.exception() is None for future in admin.list_offsets(asked, request_timeout=10).values()), interval=0.2)


def _poll(consumer: Consumer, stop: threading.Event) -> None:
    while not stop.is_set():
        consumer.poll(0.1)
