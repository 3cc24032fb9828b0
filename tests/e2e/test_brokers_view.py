"""The broker's own meters, read by JMX, beside what the filter counted of the same traffic."""

from __future__ import annotations

import pytest

from clients import CODECS, consume, new_topic, payloads, produce
from java_clients import JavaClients
from stage import Stage


@pytest.mark.parametrize("codec", CODECS)
def test_the_broker_counts_the_same(main_stage: Stage, java: JavaClients, jmx_port: int, codec: str) -> None:
    """Topics are new, and all their traffic passes Envoy; nothing is redelivered or down-converted."""
    topic = new_topic(main_stage.kafka, "jmx", partitions=2)

    def meter(name: str) -> float:
        return java.jmx(jmx_port, f"kafka.server:type=BrokerTopicMetrics,name={name},topic={topic}")

    with main_stage.watch() as seen:
        with java.producer(main_stage.bootstrap, compression_type=codec) as producer:
            producer.send(topic, count=300, size=200)
        produce(main_stage.bootstrap, topic, payloads(200, 100), compression_type=codec)
        consume(main_stage.bootstrap, [topic], 500)
    assert meter("MessagesInPerSec") == 500
    seen.metric("topic_produced_records_total").label(topic=topic).value(meter("MessagesInPerSec"))
    seen.metric("topic_produced_bytes_total").label(topic=topic).value(meter("BytesInPerSec"))
    seen.metric("topic_fetched_bytes_total").label(topic=topic).value(meter("BytesOutPerSec"))
    by_client = [seen.metric(f"client_{way}_bytes_total").label(topic=topic).read() for way in ("produced", "fetched")]
    assert by_client == [meter("BytesInPerSec"), meter("BytesOutPerSec")]
