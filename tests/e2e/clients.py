"""Short ways to use the Python clients in tests. Every function closes what it opens."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lab import Kafka

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

_NUMBERS = itertools.count(1)


def new_topic(kafka: Kafka, name: str, partitions: int = 1, **config: str) -> str:
    """Makes a topic past Envoy, with a name of its own, and waits until each partition answers."""
    topic = f"{name}-{next(_NUMBERS)}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, partitions, min(kafka.brokers, 3), config=config)])[topic].result(30)
    await_topic(admin, topic, partitions)
    return topic


def await_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    """Waits until each partition of the topic has a leader that answers.

    Metadata may name a leader that does not lead yet; a client would then send a batch twice, which is true and
    counted, and no longer what the test says was sent.
    """
    earliest = {TopicPartition(topic, number): OffsetSpec.earliest() for number in range(partitions)}
    deadline = time.monotonic() + 30
    while True:
        try:
            for answer in admin.list_offsets(earliest, request_timeout=10).values():
                answer.result()
            return
        except KafkaException as error:
            assert time.monotonic() < deadline, f"{topic} does not come to life: {error}"
            time.sleep(0.05)


def new_group() -> str:
    return f"group-{next(_NUMBERS)}"


def produce(bootstrap: str, topic: str, values: Iterable[bytes], **config: Any) -> int:
    """Sends the values with librdkafka and returns how many were delivered; fails when one was not."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **dotted(config)})
    delivered, failures = 0, []

    def report(error: KafkaError | None, _: Any) -> None:
        nonlocal delivered
        if error:
            failures.append(error)
        else:
            delivered += 1

    for value in values:
        producer.produce(topic, value, on_delivery=report)
        producer.poll(0)
    assert producer.flush(30) == 0, "not everything was sent in 30 s"
    producer.close()
    assert not failures, failures[:3]
    return delivered


def produce_error(bootstrap: str, topic: str, value: bytes, **config: Any) -> KafkaError:
    """Sends one value that the broker refuses, and returns the error which the client was told."""
    producer = Producer({"bootstrap.servers": bootstrap, "retries": 0, "message.timeout.ms": 8000, **dotted(config)})
    errors: list[KafkaError | None] = []
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    producer.flush(20)
    producer.close()
    assert len(errors) == 1 and errors[0] is not None, f"expected a refusal, got {errors}"
    return errors[0]


def consume(bootstrap: str, topics: list[str], count: int, group: str | None = None, **config: Any) -> list[bytes]:
    """Reads `count` values as a member of a group, commits, and leaves the group."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group or new_group(),
                         "auto.offset.reset": "earliest", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 100, **dotted(config)})
    values: list[bytes] = []
    try:
        consumer.subscribe(topics)
        deadline = time.monotonic() + 40
        while len(values) < count:
            assert time.monotonic() < deadline, f"only {len(values)} of {count} records came"
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            values.append(message.value() or b"")
        consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    return values


def payloads(count: int, size: int) -> list[bytes]:
    """Values that differ from each other and can be compressed."""
    return [(b"%08d-" % number + b"the quick brown fox " * (size // 20 + 1))[:size] for number in range(count)]


def dotted(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the keys as Kafka writes them: `client_id` is `client.id`."""
    return {key.replace("_", "."): value for key, value in config.items()}
