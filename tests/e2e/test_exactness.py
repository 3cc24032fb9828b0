"""Counts compared with what clients and brokers count themselves, and sums that must agree."""

from __future__ import annotations

import re
import threading
import time

from confluent_kafka import Consumer, TopicPartition

from clients import consume, new_topic, payloads, produce
from lab import tools, wait_until
from raw import api_versions, connect, fetch, metadata, receive, reset
from stage import Seen, Stage


def test_the_java_producer_counts_the_same(main_stage: Stage) -> None:
    """The client's own metrics, printed when all is sent: requests, responses, the bytes of both, records."""
    topic = new_topic(main_stage.kafka, "own-count")
    with main_stage.watch() as seen:
        printed = tools.java(
            tools.PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", "3000", "--record-size", "300",
            "--throughput", "-1", "--print-metrics", "--producer-props", f"bootstrap.servers={main_stage.bootstrap}",
            "compression.type=lz4", "enable.metrics.push=false")
    told = {name: float(value) for name, value in
            re.findall(r"^producer-metrics:([a-z-]+):\{client-id=[^,}]*\} *: ([0-9.]+)$", printed, re.MULTILINE)}
    seen.metric("requests_total").value(told["request-total"])
    seen.metric("responses_total").value(told["response-total"])
    seen.metric("request_bytes_total").value(told["outgoing-byte-total"])
    seen.metric("response_bytes_total").value(told["incoming-byte-total"])
    seen.metric("topic_produced_records_total").label(topic=topic).value(told["record-send-total"])


def test_the_broker_holds_as_many_records(main_stage: Stage) -> None:
    """The log's end offsets, read past Envoy, after producing with several clients at once."""
    topic = new_topic(main_stage.kafka, "offsets", partitions=3)
    with main_stage.watch() as seen:
        _together([lambda acks=acks, codec=codec: produce(main_stage.bootstrap, topic, payloads(1500, 200), acks=acks,
                                                          compression_type=codec)
                   for acks, codec in (("1", "none"), ("all", "lz4"), ("all", "zstd"))])
    reader = Consumer({"bootstrap.servers": main_stage.kafka.bootstrap, "group.id": "offsets"})
    held = sum(reader.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(3))
    reader.close()
    assert held == 4500
    seen.metric("topic_produced_records_total").label(topic=topic).value(held)


def test_eight_megabytes_in_one_message(main_stage: Stage) -> None:
    topic = new_topic(main_stage.kafka, "large", **{"max.message.bytes": str(10 << 20)})
    value = bytes(range(256)) * (8 << 12)
    limits = {"message_max_bytes": 10 << 20}
    with main_stage.watch() as seen:
        produce(main_stage.bootstrap, topic, [value], **limits)
        received = consume(main_stage.bootstrap, [topic], 1, fetch_message_max_bytes=10 << 20,
                           receive_message_max_bytes=64 << 20, fetch_max_bytes=10 << 20, **limits)
    assert received == [value]
    seen.metric("topic_produced_records_total").label(topic=topic).value(1)
    seen.metric("topic_produced_bytes_total").label(topic=topic).at_least(8 << 20)
    seen.metric("topic_fetched_bytes_total").label(topic=topic).at_least(8 << 20)


def test_two_hundred_short_connections(main_stage: Stage) -> None:
    """Also ones that say nothing, that leave before the answer, and that end with a reset."""
    with main_stage.watch() as seen:
        for number in range(200):
            connection = connect(main_stage.bootstrap)
            if number % 4 != 3:
                connection.sendall(api_versions(number))
                receive(connection)
            if number % 4 == 2:
                reset(connection)
            connection.close()
    seen.metric("connections_opened_total").value(200)
    seen.metric("connections_closed_total").value(200)
    seen.metric("requests_total").label(request="ApiVersions", api_version="0").value(150)
    _assert_sums(seen)


def test_leaving_with_requests_unanswered(main_stage: Stage) -> None:
    """Whatever the race between the answer and the end: the sums agree and the gauges return to zero."""
    topic = new_topic(main_stage.kafka, "leaving")
    with main_stage.watch() as seen:
        for number in range(40):
            connection = connect(main_stage.bootstrap)
            connection.sendall(b"".join(metadata(at, [topic]) for at in range(20)))
            reset(connection) if number % 2 else connection.close()
    seen.metric("connections_opened_total").value(40)
    _assert_sums(seen)


def test_mixed_load_from_many_threads(main_stage: Stage) -> None:
    topics = [new_topic(main_stage.kafka, "load", partitions=2) for _ in range(3)]
    values = payloads(3000, 250)

    def work(topic: str, codec: str) -> None:
        produce(main_stage.bootstrap, topic, values, compression_type=codec)
        assert len(consume(main_stage.bootstrap, [topic], len(values))) == len(values)

    with main_stage.watch() as seen:
        _together([lambda topic=topic, codec=codec: work(topic, codec)
                   for topic, codec in zip(topics, ("none", "gzip", "zstd"), strict=True)])
    for topic in topics:
        seen.metric("topic_produced_records_total").label(topic=topic).value(len(values))
        seen.metric("topic_fetched_records_total").label(topic=topic).value(len(values))
    _assert_sums(seen)


def test_durations_are_true(main_stage: Stage) -> None:
    """The broker answers a fetch of nothing when its time is over, and the client sees how long that took."""
    topic = new_topic(main_stage.kafka, "waiting")
    with main_stage.watch() as seen, connect(main_stage.bootstrap) as connection:
        connection.sendall(metadata(1, [topic]))
        receive(connection)
        started = time.monotonic()
        for number in range(3):
            connection.sendall(fetch(number, topic, max_wait_ms=400))
            receive(connection)
        waited = (time.monotonic() - started) * 1e6
    by_topic = {"topic": topic}
    for name, labels in (("request_duration_microseconds", {}), ("topic_request_duration_microseconds", by_topic)):
        seen.metric(f"{name}_count").label(request="FetchConsumer", **labels).value(3)
        measured = seen.metric(f"{name}_sum").label(request="FetchConsumer", **labels).read()
        # Envoy's histograms round each sample to two digits.
        assert 3 * 400_000 * 0.95 <= measured <= waited * 1.05


def test_what_awaits_an_answer(main_stage: Stage) -> None:
    """Two fetches of nothing wait at the broker, and with them as many bytes as were sent for them."""
    topic = new_topic(main_stage.kafka, "awaited")
    request = fetch(1, topic, max_wait_ms=4000)

    def awaited() -> tuple[float, float]:
        stats = main_stage.envoy.stats()
        return (stats.total("kafka_filter_requests_in_flight"),
                stats.total("kafka_filter_in_flight_request_bytes", request="FetchConsumer"))

    with main_stage.watch(), connect(main_stage.bootstrap) as first, connect(main_stage.bootstrap) as second:
        for connection in (first, second):
            connection.sendall(request)
        wait_until("both requests to be in flight", lambda: awaited() == (2, 2 * len(request)), 3.5)
        for connection in (first, second):
            receive(connection)
        wait_until("nothing to be in flight", lambda: awaited() == (0, 0), 3.5)


def test_totals_describe_themselves(main_stage: Stage) -> None:
    stats = main_stage.envoy.stats()
    labels, value = next(stats.series("kafka_filter_build_info"))
    assert value == 1
    assert labels["kafka_release"] and labels["filter_release"]
    # Every value of the label that some series shows has been admitted, and no others.
    shown = {found["topic"] for name in stats.names("kafka_filter_topic_") for found, _ in stats.series(name)}
    stats.metric("kafka_filter_label_values").label(label="topic").value(len(shown - {"__other__", "__unresolved__"}))


def _assert_sums(seen: Seen) -> None:
    """Every request is answered, unacknowledged by design, or no longer awaited: nothing else, nothing twice."""
    ends = ("responses_total", "unacknowledged_requests_total", "in_flight_evicted_total")
    total = {name: seen.stats.total(f"kafka_filter_{name}") for name in ends}
    asked = seen.stats.total("kafka_filter_requests_total")
    assert asked == sum(total.values()), f"{asked:g} requests, but {total}"


def _together(jobs: list) -> None:
    """Runs the jobs at once; the first failure is the test's."""
    failures: list[BaseException] = []

    def run(job) -> None:
        try:
            job()
        except BaseException as failure:  # told to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
