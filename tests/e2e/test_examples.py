"""The configurations in envoy/ run as they stand, but for the ports."""

from __future__ import annotations

from pathlib import Path

from clients import consume, new_topic, payloads, produce
from lab import Envoy, Kafka, Listener, free_port, paths, unexpected_log_lines

EXAMPLES = paths.REPOSITORY / "envoy"


def test_one_broker(folder: Path, kafka: Kafka) -> None:
    _serves(folder / "example-one", kafka, EXAMPLES / "envoy.yaml")


def test_three_brokers(folder: Path) -> None:
    ports = [free_port() for _ in range(3)]
    listeners = [Listener("EXAMPLE", ports)]
    with Kafka(folder / "three" / "kafka", brokers=3, listeners=listeners, heap="384m") as three:
        _serves(folder / "three", three, EXAMPLES / "envoy-three-brokers.yaml")


def _serves(folder: Path, kafka: Kafka, config: Path) -> None:
    """Clients of each advertised port work, all brokers are reached through Envoy, and the counts are right."""
    advertised = next(listener.advertised for listener in kafka.listeners if listener.name == "EXAMPLE")
    ports = {19092 + at: port for at, port in enumerate(advertised)}
    ports |= {9092 + at: kafka.port("EXAMPLE", at) for at in range(kafka.brokers)}
    substitutions = {f"port_value: {written}}}": f"port_value: {port}}}" for written, port in ports.items()}
    topic = new_topic(kafka, "example", partitions=6)
    with Envoy(folder, config, substitutions=substitutions) as envoy:
        bootstrap = f"127.0.0.1:{advertised[0]}"
        produce(bootstrap, topic, payloads(300, 100))
        assert len(consume(bootstrap, [topic], 300)) == 300
        stats = envoy.quiet_stats()
        stats.metric("kafka_filter_topic_produced_records_total").label(topic=topic).value(300)
        stats.metric("kafka_filter_topic_fetched_records_total").label(topic=topic).value(300)
        stats.metric("kafka_filter_request_duration_microseconds_bucket").label(request="Produce").at_least(1)
        for at in range(kafka.brokers):
            name = "kafka" if kafka.brokers == 1 else f"kafka_{at + 1}"
            assert envoy.counter(f"cluster.{name}.upstream_cx_total") > 0, f"nobody reached broker {at + 1}"
        assert not unexpected_log_lines(envoy.log_lines())
