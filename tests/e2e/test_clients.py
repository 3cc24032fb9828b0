"""Every client family does its ordinary work through Envoy, against both Kafka releases.

Each `watch` also proves that no byte was changed and that every metric is what Kafka's own classes count; the tests
add what the client itself knows: how many records it sent and received.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import kafka as kafka_python
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

from clients import CODECS, consume, new_group, new_topic, payloads, produce
from lab import paths, tools
from stage import Stage


def test_librdkafka_every_codec_and_acks(either: Stage) -> None:
    topic = new_topic(either.kafka, "codecs", partitions=2)
    values = payloads(50, 400)
    with either.watch() as seen:
        for codec in CODECS:
            for acks in ("0", "1", "all"):
                assert produce(either.bootstrap, topic, values, acks=acks, compression_type=codec) == 50
        received = consume(either.bootstrap, [topic], 50 * 15)
    assert sorted(received) == sorted(values * 15)
    seen.metric("topic_produced_records_total").label(topic=topic).value(50 * 15)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(50 * 15)
    for codec in CODECS:
        seen.metric("topic_produced_batches_total").label(topic=topic, compression=codec).at_least(3)
        seen.metric("topic_fetched_batches_total").label(topic=topic, compression=codec).at_least(3)
    seen.metric("unacknowledged_requests_total").at_least(len(CODECS))


def test_librdkafka_idempotent_and_transactional(either: Stage) -> None:
    topic = new_topic(either.kafka, "transactions")
    with either.watch() as seen:
        produce(either.bootstrap, topic, payloads(20, 100), enable_idempotence=True)
        producer = Producer({"bootstrap.servers": either.bootstrap, "transactional.id": f"tx-{topic}"})
        producer.init_transactions(20)
        for commit in (True, False, True):
            producer.begin_transaction()
            for value in payloads(10, 100):
                producer.produce(topic, value)
            producer.flush(20)
            producer.commit_transaction(20) if commit else producer.abort_transaction(20)
        producer.close()
        received = consume(either.bootstrap, [topic], 40, isolation_level="read_committed")
    assert len(received) == 40
    seen.metric("topic_produced_records_total").label(topic=topic).value(50)
    # Aborted records are on the wire and counted; transaction markers are no records.
    seen.metric("topic_fetched_records_total").label(topic=topic).value(50)
    seen.metric("requests_total").label(request="InitProducerId").at_least(2)
    # Under transactions version 2 the broker adds the partition to the transaction by itself.
    seen.metric("requests_total").label(request="EndTxn").value(3)


def test_librdkafka_group_of_two_members(either: Stage) -> None:
    topic, group = new_topic(either.kafka, "group", partitions=4), new_group()
    with either.watch() as seen:
        produce(either.bootstrap, topic, payloads(40, 50))
        first = consume(either.bootstrap, [topic], 40, group=group)
        produce(either.bootstrap, topic, payloads(7, 50))
        second = consume(either.bootstrap, [topic], 7, group=group)
    assert (len(first), len(second)) == (40, 7)
    for api in ("FindCoordinator", "JoinGroup", "SyncGroup", "OffsetCommit", "OffsetFetch", "LeaveGroup"):
        seen.metric("requests_total").label(request=api).at_least(2)
    seen.metric("topic_fetched_records_total").label(topic=topic).at_least(47)


def test_librdkafka_admin(either: Stage) -> None:
    topic = f"admin-{new_group()}"
    with either.watch() as seen:
        admin = AdminClient({"bootstrap.servers": either.bootstrap})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(20)
        resource = ConfigResource(ResourceType.TOPIC, topic)
        assert "retention.ms" in admin.describe_configs([resource])[resource].result(20)
        assert admin.list_consumer_groups().result(20) is not None
        assert len(admin.describe_cluster().result(20).nodes) == 1
        admin.delete_topics([topic])[topic].result(20)
        del admin
    for api in ("CreateTopics", "CreatePartitions", "DescribeConfigs", "ListGroups", "DeleteTopics"):
        seen.metric("requests_total").label(request=api).value(1)


def test_kcat(either: Stage) -> None:
    topic = new_topic(either.kafka, "kcat")
    lines = "".join(f"line {number}\n" for number in range(100))
    with either.watch() as seen:
        tools.kcat("-b", either.bootstrap, "-L", "-t", topic)
        tools.kcat("-b", either.bootstrap, "-P", "-t", topic, "-z", "lz4", stdin=lines)
        tools.kcat("-b", either.bootstrap, "-P", "-t", topic, "-X", "acks=0", stdin=lines)
        printed = tools.kcat("-b", either.bootstrap, "-C", "-t", topic, "-o", "beginning", "-c", "200", "-q")
    assert sorted(printed.splitlines()) == sorted((lines * 2).splitlines())
    seen.metric("topic_produced_records_total").label(topic=topic).value(200)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(200)


def test_java_performance_tools(either: Stage) -> None:
    """The Java clients name topics by id in Produce 13 and Fetch 13+, and read metadata on other connections."""
    version, topic = either.kafka.version, new_topic(either.kafka, "java-perf", partitions=2)
    with either.watch() as seen:
        for codec, further in (("zstd", []), ("snappy", ["--transactional-id", f"tx-{topic}"])):
            tools.java(tools.PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", "2000", "--record-size", "300",
                       "--throughput", "-1", *further, "--producer-props", f"bootstrap.servers={either.bootstrap}",
                       f"compression.type={codec}", "acks=all", version=version)
        tools.java(tools.CONSUMER_PERFORMANCE, "--bootstrap-server", either.bootstrap, "--topic", topic,
                   _count_option(version), "4000", "--group", new_group(), version=version)
    seen.metric("topic_produced_records_total").label(topic=topic).value(4000)
    seen.metric("topic_fetched_records_total").label(topic=topic).at_least(4000)
    seen.metric("topic_request_duration_microseconds_count").label(topic=topic, request="Produce").at_least(2)
    seen.metric("topic_request_duration_microseconds_count").label(topic=topic, request="FetchConsumer").at_least(1)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_java_console_tools(either: Stage, protocol: str) -> None:
    version, topic = either.kafka.version, new_topic(either.kafka, f"java-{protocol}")
    property_option = "--command-property" if version == paths.KAFKA_CURRENT else "--consumer-property"
    with either.watch() as seen:
        tools.java(tools.CONSOLE_PRODUCER[version], "--bootstrap-server", either.bootstrap, "--topic", topic,
                   stdin="one\ntwo\nthree\n", version=version)
        printed = tools.java(tools.CONSOLE_CONSUMER, "--bootstrap-server", either.bootstrap, "--topic", topic,
                             "--from-beginning", "--max-messages", "3", property_option, f"group.protocol={protocol}",
                             version=version)
    assert printed.split() == ["one", "two", "three"]
    seen.metric("topic_fetched_records_total").label(topic=topic).value(3)
    joined = "JoinGroup" if protocol == "classic" else "ConsumerGroupHeartbeat"
    seen.metric("requests_total").label(request=joined).at_least(1)


def test_aiokafka(either: Stage) -> None:
    topic = new_topic(either.kafka, "aiokafka", partitions=2)

    async def talk() -> int:
        for codec in CODECS:
            producer = AIOKafkaProducer(bootstrap_servers=either.bootstrap, enable_idempotence=True,
                                        compression_type=None if codec == "none" else codec)
            async with producer:
                for value in payloads(20, 200):
                    await producer.send_and_wait(topic, value)
        transactional = AIOKafkaProducer(bootstrap_servers=either.bootstrap, transactional_id=f"tx-{topic}")
        async with transactional, transactional.transaction():
            await transactional.send_and_wait(topic, b"in a transaction")
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=either.bootstrap, group_id=new_group(),
                                    auto_offset_reset="earliest", fetch_max_wait_ms=100)
        async with consumer:
            received = 0
            while received < 101:
                batches = await asyncio.wait_for(consumer.getmany(timeout_ms=500), 20)
                received += sum(len(messages) for messages in batches.values())
            await consumer.commit()
        return received

    with either.watch() as seen:
        assert asyncio.run(talk()) == 101
    seen.metric("topic_produced_records_total").label(topic=topic).value(101)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(101)


def test_kafka_python(either: Stage) -> None:
    topic = new_topic(either.kafka, "kafka-python")
    with either.watch() as seen:
        for codec in (None, "gzip"):
            producer = kafka_python.KafkaProducer(bootstrap_servers=either.bootstrap, compression_type=codec)
            for value in payloads(30, 100):
                producer.send(topic, value)
            producer.flush(20)
            producer.close()
        consumer = kafka_python.KafkaConsumer(topic, bootstrap_servers=either.bootstrap, group_id=new_group(),
                                              auto_offset_reset="earliest", consumer_timeout_ms=20000,
                                              fetch_max_wait_ms=100)
        received = [next(consumer).value for _ in range(60)]
        consumer.commit()
        consumer.close()
    assert sorted(received) == sorted(payloads(30, 100) * 2)
    seen.metric("topic_produced_records_total").label(topic=topic).value(60)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(60)


def test_kafkajs(either: Stage) -> None:
    topic = new_topic(either.kafka, "kafkajs", partitions=2)
    with either.watch() as seen:
        printed = tools.node(Path(__file__).with_name("kafkajs_client.js"), either.bootstrap, topic, new_group())
    told = json.loads(printed.splitlines()[-1])
    assert told == {"produced": 45, "consumed": 45}
    seen.metric("topic_produced_records_total").label(topic=topic).value(45)
    seen.metric("topic_fetched_records_total").label(topic=topic).value(45)


def _count_option(version: str) -> str:
    return "--num-records" if version == paths.KAFKA_CURRENT else "--messages"
