"""How old records are when consumers get them: against timestamps that the producer was made to set."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, Producer, TopicPartition

from clients import consume, new_group, new_topic, payloads, produce
from java_clients import JavaClients
from stage import Seen, Stage

METRIC = "topic_end_to_end_latency_milliseconds"
FIVE_SECONDS, ONE_HOUR = 5_000, 3_600_000


def test_records_five_seconds_old(main_stage: Stage, java: JavaClients) -> None:
    topic = new_topic(main_stage.kafka, "aged")
    started = time.monotonic()
    with main_stage.watch() as seen:
        with java.producer(main_stage.bootstrap) as producer:
            for _ in range(4):
                producer.send(topic, count=1, ago_ms=FIVE_SECONDS)
        assert len(consume(main_stage.bootstrap, [topic], 4)) == 4
    elapsed = (time.monotonic() - started) * 1000
    count, total = _samples(seen, topic)
    assert count == 4
    # Envoy's histograms round each sample to two digits.
    assert FIVE_SECONDS * 0.95 <= total / count <= (FIVE_SECONDS + elapsed) * 1.05
    assert seen.stats.total(f"kafka_filter_{METRIC}_bucket", topic=topic, le="2500") == 0


def test_fresh_records_and_records_from_the_future(main_stage: Stage) -> None:
    """Clocks differ: a batch that is newer than now is 0 milliseconds old."""
    topic = new_topic(main_stage.kafka, "future")
    with main_stage.watch() as seen:
        producer = Producer({"bootstrap.servers": main_stage.bootstrap})
        producer.produce(topic, b"later", timestamp=int(time.time() * 1000) + 60_000)
        assert producer.flush(20) == 0
        producer.close()
        consume(main_stage.bootstrap, [topic], 1)
    count, total = _samples(seen, topic)
    assert (count, total) == (1, 0)


def test_an_hour_behind(main_stage: Stage) -> None:
    """A consumer that comes late reads old records: the metric says so, in the right bucket."""
    topic = new_topic(main_stage.kafka, "late")
    producer = Producer({"bootstrap.servers": main_stage.kafka.bootstrap})
    producer.produce(topic, b"long ago", timestamp=int(time.time() * 1000) - 2 * ONE_HOUR)
    assert producer.flush(20) == 0
    producer.close()
    with main_stage.watch() as seen:
        consumer = Consumer({"bootstrap.servers": main_stage.bootstrap, "group.id": new_group(),
                             "fetch.wait.max.ms": 100})
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(20)
        consumer.close()
    assert message is not None and message.value() == b"long ago"
    count, total = _samples(seen, topic)
    assert count == 1 and 2 * ONE_HOUR * 0.95 <= total <= 2 * ONE_HOUR * 1.05
    assert seen.stats.total(f"kafka_filter_{METRIC}_bucket", topic=topic, le="+Inf") == 1
    assert seen.stats.total(f"kafka_filter_{METRIC}_bucket", topic=topic, le="3600000") == 0


def test_the_brokers_clock_is_no_latency(main_stage: Stage) -> None:
    topic = new_topic(main_stage.kafka, "log-append", **{"message.timestamp.type": "LogAppendTime"})
    with main_stage.watch() as seen:
        produce(main_stage.bootstrap, topic, payloads(10, 100))
        consume(main_stage.bootstrap, [topic], 10)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(10)
    seen.metric(f"{METRIC}_count").label(topic=topic).absent()


def _samples(seen: Seen, topic: str) -> tuple[float, float]:
    """The number of samples, and their sum in milliseconds."""
    count = seen.metric(f"{METRIC}_count").label(topic=topic).read()
    return count, seen.stats.total(f"kafka_filter_{METRIC}_sum", topic=topic)
