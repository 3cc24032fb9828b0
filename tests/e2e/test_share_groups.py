"""Share groups (KIP-932): records that a share consumer acquires, and the group that it belongs to."""

from __future__ import annotations

from clients import new_group, new_topic, payloads, produce
from java_clients import JavaClient, JavaClients
from lab import wait_until
from stage import Stage

SHARE_FETCH = 78
FETCHED = "consumer-share-fetch-manager-metrics"


def test_a_share_consumer_gets_its_records(main_stage: Stage, java: JavaClients) -> None:
    topic, group = new_topic(main_stage.kafka, "shared", partitions=2), new_group()
    java.alter(main_stage.kafka.bootstrap, "GROUP", group, share_auto_offset_reset="earliest")
    with main_stage.watch() as seen:
        for codec in ("none", "zstd"):
            produce(main_stage.bootstrap, topic, payloads(40, 200), compression_type=codec)
        with java.share_consumer(main_stage.bootstrap, [topic], group) as consumer:
            consumer.take(80)
            consumer.commit()
            acquired = consumer.metric("records-consumed-total", FETCHED)
    assert acquired == 80
    # Nobody else reads the topic, and everything was acquired at the first attempt.
    seen.metric("topic_fetched_records_total").label(topic=topic).value(acquired)
    seen.metric("client_fetched_records_total").label(topic=topic, client_id=consumer.name).value(acquired)
    seen.metric("topic_fetched_batches_total").label(topic=topic, compression="zstd").at_least(1)
    seen.metric("topic_request_duration_microseconds_count").label(topic=topic, request="ShareFetch").at_least(1)
    seen.metric("group_requests_total").label(group=group, request="ShareFetch").value(
        len(seen.requests(SHARE_FETCH)))
    seen.metric("group_requests_total").label(group=group, request="ShareGroupHeartbeat").at_least(2)
    seen.metric("group_rebalances_total").label(group=group).at_least(1)


def test_two_share_consumers_divide_the_records(main_stage: Stage, java: JavaClients) -> None:
    """Batches are acquired record by record, and sent whole: what one did not acquire is on the wire all the same."""
    topic, group = new_topic(main_stage.kafka, "shared"), new_group()
    java.alter(main_stage.kafka.bootstrap, "GROUP", group, share_auto_offset_reset="earliest")
    with main_stage.watch() as seen:
        with (java.share_consumer(main_stage.bootstrap, [topic], group, max_poll_records=5) as first,
              java.share_consumer(main_stage.bootstrap, [topic], group, max_poll_records=5) as second):
            first.poll()
            second.poll()
            for _ in range(6):
                produce(main_stage.bootstrap, topic, payloads(10, 100), batch_num_messages=5)
            received = _read_together([first, second], 60)
    # Delivered once to one of them; redelivery would need a lock to run out.
    assert received == 60
    fetched = seen.metric("topic_fetched_records_total").label(topic=topic).read()
    assert fetched >= received
    by_client = [seen.stats.total("kafka_filter_client_fetched_records_total", topic=topic, client_id=one.name)
                 for one in (first, second)]
    assert sum(by_client) == fetched


def _read_together(consumers: list[JavaClient], count: int) -> int:
    """How many records the consumers have together, once that is as many as there are."""
    def all_received() -> int | None:
        received = sum(consumer.tell()["received"] for consumer in consumers)
        return received if received >= count else None

    return wait_until("the share group to read all records", all_received, 30)
