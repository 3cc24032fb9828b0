"""Quotas: what the broker makes clients wait, as the clients themselves are told it."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, ThrottleEvent

from clients import new_group, new_topic, payloads, produce
from java_clients import JavaClients
from stage import Seen, Stage


# The broker measures over ten seconds: 2100 bytes a second after the third, which is above the quota of the tests.
SIZES = (7000, 7000, 7000, 500)


class _Throttles:
    """Counts what librdkafka reports: one event for each answer with a throttle time, by broker."""

    def __init__(self) -> None:
        self.count = 0
        self.milliseconds = 0

    def __call__(self, event: ThrottleEvent) -> None:
        # The end of throttling is an event too, with time 0.
        milliseconds = round(event.throttle_time * 1000)
        self.count += milliseconds > 0
        self.milliseconds += milliseconds


def test_a_throttled_producer(main_stage: Stage, java: JavaClients) -> None:
    topic, client = new_topic(main_stage.kafka, "quota"), "throttled-producer"
    throttles = _Throttles()
    with java.quota(main_stage.kafka.bootstrap, client, "producer_byte_rate", 2000), main_stage.watch() as seen:
        producer = Producer({"bootstrap.servers": main_stage.bootstrap, "client.id": client, "linger.ms": 0,
                             "throttle_cb": throttles})
        for size in SIZES:
            producer.produce(topic, bytes(size))
            assert producer.flush(30) == 0
        producer.close()
    _assert_told(seen, "Produce", throttles)


def test_a_throttled_consumer(main_stage: Stage, java: JavaClients) -> None:
    topic, client = new_topic(main_stage.kafka, "quota"), "throttled-consumer"
    for _ in range(5):
        produce(main_stage.kafka.bootstrap, topic, payloads(1, 15_000))
    throttles = _Throttles()
    with java.quota(main_stage.kafka.bootstrap, client, "consumer_byte_rate", 7000), main_stage.watch() as seen:
        consumer = Consumer({"bootstrap.servers": main_stage.bootstrap, "client.id": client,
                             "group.id": new_group(), "auto.offset.reset": "earliest", "throttle_cb": throttles,
                             "fetch.message.max.bytes": 1000, "fetch.wait.max.ms": 100})
        consumer.subscribe([topic])
        received = 0
        while received < 5:
            received += len(consumer.consume(5 - received, 1.0))
        consumer.close()
    _assert_told(seen, "FetchConsumer", throttles)


def test_a_java_producer_says_the_same(main_stage: Stage, java: JavaClients) -> None:
    """Its metrics keep the mean and the longest of all answers: the sum is the mean times their number."""
    topic, client = new_topic(main_stage.kafka, "quota"), "throttled-java"
    with java.quota(main_stage.kafka.bootstrap, client, "producer_byte_rate", 2000), main_stage.watch() as seen:
        with java.producer(main_stage.bootstrap, client_id=client, linger_ms=0) as producer:
            for size in SIZES:
                producer.send(topic, count=1, size=size)
            mean = producer.metric("produce-throttle-time-avg", "producer-metrics", client_id=client)
            longest = producer.metric("produce-throttle-time-max", "producer-metrics", client_id=client)
    answers = seen.metric("responses_total").read()
    told = seen.metric("throttle_time_milliseconds_total").read()
    assert 0 < longest <= told
    assert round(mean * answers) == told, f"{told:g} ms counted, the client says {mean} ms x {answers:g}"


def _assert_told(seen: Seen, request: str, throttles: _Throttles) -> None:
    assert throttles.count > 0, "the client was never throttled: nothing is proven"
    seen.metric("throttled_responses_total").label(request=request).value(throttles.count)
    seen.metric("throttle_time_milliseconds_total").label(request=request).value(throttles.milliseconds)
