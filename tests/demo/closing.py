"""The demo's last words: what the filter counted beside what the brokers' logs hold."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition
from lab import Envoy, Kafka, unexpected_log_lines

from traffic import TOPICS


REFUSED_FOR_GOOD = "MESSAGE_TOO_LARGE"


def balance(envoy: Envoy, kafka: Kafka) -> tuple[bool, list[str]]:
    """Whether the filter's counts add up with what the broker stored and refused; and that as text.

    All clients must be gone. The broker is asked past Envoy.
    """
    stats = envoy.quiet_stats()
    lines = ["", f"{'RECORDS':18}{'counted by the filter':>22}{'stored by the broker':>22}{'refused':>10}"]
    agrees = True
    for topic, (partitions, _) in sorted(TOPICS.items()):
        counted = int(stats.total("kafka_filter_topic_produced_records_total", topic=topic))
        stored = _stored(kafka.bootstrap, topic, partitions)
        errors = stats.by("kafka_filter_topic_errors_total", "error", topic=topic, request="Produce")
        # Only single records are refused for good here, so that one error code is one record.
        refused = int(errors.pop((REFUSED_FOR_GOOD,), 0))
        verdict = "equal" if counted == stored + refused else "DIFFERENT"
        if verdict != "equal" and errors and counted > stored + refused:
            verdict = "sent again after " + ", ".join(sorted(error for error, in errors))
        agrees = agrees and verdict != "DIFFERENT"
        lines.append(f"{topic:18}{counted:>22,}{stored:>22,}{refused:>10,}   {verdict}")
    left = {gauge: stats.total(f"kafka_filter_{gauge}") for gauge in ("connections_active", "requests_in_flight")}
    lines += ["", " · ".join(f"{gauge} {value:.0f}" for gauge, value in left.items())]
    warnings = unexpected_log_lines(envoy.log_lines())
    lines += [f"Envoy's log: {line}" for line in warnings]
    return agrees and not any(left.values()) and not warnings, lines


def _stored(bootstrap: str, topic: str, partitions: int) -> int:
    """Records in a topic of which nothing was deleted, by the offsets of its partitions."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    try:
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, at), timeout=10) for at in range(partitions)]
        return sum(high - low for low, high in ends)
    finally:
        consumer.close()
