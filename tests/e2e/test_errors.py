"""What brokers refuse: each refusal reaches the client unchanged and is counted under its own name."""

from __future__ import annotations

from collections.abc import Iterator

import kafka as kafka_python
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from clients import new_group, new_topic, payloads, produce, produce_error
from conftest import USERS
from stage import Stage

UNKNOWN_TOPIC = "a-topic-that-nobody-made"


def test_unknown_topic(main_stage: Stage) -> None:
    with main_stage.watch() as seen:
        admin = AdminClient({"bootstrap.servers": main_stage.bootstrap})
        found = admin.list_topics(UNKNOWN_TOPIC, timeout=20).topics[UNKNOWN_TOPIC]
        del admin
    assert found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    seen.metric("response_errors_total").label(request="Metadata", error="UNKNOWN_TOPIC_OR_PARTITION").at_least(1)
    seen.metric("topic_errors_total").label(topic="__other__", error="UNKNOWN_TOPIC_OR_PARTITION").at_least(1)
    # A name that only a client spoke of is no label value: else anybody could fill Envoy's memory.
    assert UNKNOWN_TOPIC not in main_stage.envoy.admin("/stats/prometheus")


def test_message_too_large(main_stage: Stage) -> None:
    topic = new_topic(main_stage.kafka, "narrow", **{"max.message.bytes": "2000"})
    with main_stage.watch() as seen:
        error = produce_error(main_stage.bootstrap, topic, bytes(50_000))
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    seen.metric("response_errors_total").label(request="Produce", error="MESSAGE_TOO_LARGE").value(1)
    seen.metric("topic_errors_total").label(topic=topic, request="Produce", error="MESSAGE_TOO_LARGE").value(1)


def test_offset_out_of_range(main_stage: Stage) -> None:
    topic = new_topic(main_stage.kafka, "short")
    with main_stage.watch() as seen:
        consumer = Consumer({"bootstrap.servers": main_stage.bootstrap, "group.id": new_group(),
                             "auto.offset.reset": "error", "fetch.wait.max.ms": 100})
        consumer.assign([TopicPartition(topic, 0, 12345)])
        message = consumer.poll(20)
        consumer.close()
    assert message is not None and message.error().code() == KafkaError._AUTO_OFFSET_RESET
    seen.metric("topic_errors_total").label(topic=topic, request="FetchConsumer",
                                            error="OFFSET_OUT_OF_RANGE").at_least(1)


@pytest.fixture(scope="module")
def guarded(main_stage: Stage) -> Iterator[str]:
    """A topic that only alice may use."""
    topic = new_topic(main_stage.kafka, "guarded")
    rule = AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:alice", "*", AclOperation.ALL,
                      AclPermissionType.ALLOW)
    admin = AdminClient({"bootstrap.servers": main_stage.kafka.bootstrap})
    admin.create_acls([rule])[rule].result(20)
    yield topic
    del admin


def test_scram_login(main_stage: Stage, guarded: str) -> None:
    with main_stage.watch() as seen:
        assert produce(_sasl(main_stage), guarded, payloads(10, 100), **_login("alice")) == 10
    for api in ("SaslHandshake", "SaslAuthenticate"):
        seen.metric("requests_total").label(request=api).at_least(1)
    seen.metric("topic_produced_records_total").label(topic=guarded).value(10)
    seen.metric("connections_opaque_total").absent()


def test_not_authorised(main_stage: Stage, guarded: str) -> None:
    with main_stage.watch() as seen:
        error = produce_error(_sasl(main_stage), guarded, b"forbidden", **_login("mallory"))
    assert error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._MSG_TIMED_OUT)
    seen.metric("response_errors_total").label(error="TOPIC_AUTHORIZATION_FAILED").at_least(1)


def test_wrong_password_librdkafka(main_stage: Stage, guarded: str) -> None:
    with main_stage.watch() as seen:
        error = produce_error(_sasl(main_stage), guarded, b"never sent", message_timeout_ms=2500,
                              **{**_login("alice"), "sasl_password": "wrong"})
    assert error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._AUTHENTICATION)
    seen.metric("response_errors_total").label(request="SaslAuthenticate",
                                               error="SASL_AUTHENTICATION_FAILED").at_least(1)
    seen.metric("topic_produced_records_total").absent()


def test_wrong_password_kafka_python(main_stage: Stage) -> None:
    with main_stage.watch() as seen, pytest.raises(kafka_python.errors.KafkaError):
        kafka_python.KafkaAdminClient(bootstrap_servers=_sasl(main_stage), security_protocol="SASL_PLAINTEXT",
                                      sasl_mechanism="SCRAM-SHA-256", sasl_plain_username="alice",
                                      sasl_plain_password="wrong", bootstrap_timeout_ms=3000)
    seen.metric("response_errors_total").label(request="SaslAuthenticate",
                                               error="SASL_AUTHENTICATION_FAILED").at_least(1)


def test_no_secret_is_exported(main_stage: Stage) -> None:
    """After the logins above: no password and no SASL token in metrics or log."""
    exported = main_stage.envoy.admin("/stats") + "\n".join(main_stage.envoy.log_lines())
    for secret in (*USERS.values(), "n=alice", "c=biws"):
        assert secret not in exported


def _sasl(stage: Stage) -> str:
    return stage.routes["SASL"].bootstrap


def _login(user: str) -> dict[str, str]:
    return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256", "sasl_username": user,
            "sasl_password": USERS[user]}
