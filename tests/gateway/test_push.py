"""kprf's endpoint: what its clients send and read, and what each record became."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway
from lab import Kafka, Stats, wait_until
from topics import Topics

# As kprf's own example has it, with its keys alone.
KPRF = """
kafka:
  brokers:
    - '{bootstrap}'
  user: ""
  password: ""
  message_max_bytes: 1048576
  queue_buffering_max_messages: 100000
  queue_buffering_max_ms: 20
  queue_buffering_max_kbytes: 2048 # 2 MiB
  retries: 3
  message_timeout_ms: 2000
  request_timeout_ms: 30000
  request_required_acks: 1
  statistics_interval_ms: 500

http:
  port: {port}
  metrics_port: {metrics_port}

output_file: "/dev/stdout"

ratelimit:
  enabled: true
  rules:
    - topic_name: "kprf-limited"
      max_requests_per_minute: 20
"""


@pytest.fixture(scope="module")
def kprf(folder: Path, single: Kafka, topics: Topics) -> Iterator[Gateway]:
    topics.make("kprf", "kprf-limited")
    with Gateway(folder / "kprf", single.bootstrap, file=KPRF) as gateway:
        yield gateway


def test_kprf_s_file_and_answers(kprf: Gateway, topics: Topics) -> None:
    for wait in (False, True):
        answer = kprf.push({"topic": "kprf", "data": f"waits: {wait}"}, wait=wait)
        assert answer.status == 200 and answer.headers["content-type"].startswith("application/json")
        assert answer.json["status"] == "ok" and answer.json["errors"] == []
    wait_until("both", lambda: topics.count("kprf") == 2, 10)
    assert topics.values("kprf") == {b"waits: False": 1, b"waits: True": 1}


def test_kprf_s_failures(kprf: Gateway) -> None:
    """An entry for every record, in order, each with `error` and `message`; the limit's message is kprf's."""
    answer = kprf.push(*[{"topic": "kprf-limited", "data": "x"}] * 25)
    assert answer.status == 429 and answer.json["status"] == "err", answer
    assert answer.json["errors"] == [{"error": False, "message": None}] * 20 + [
        {"error": True, "message": "ratelimit"}] * 5
    mixed = kprf.push({"topic": "kprf", "data": "good"}, {"topic": "kprf-none", "data": "no such topic"})
    assert [entry["error"] for entry in mixed.json["errors"]] == [False, True]
    assert "kprf-none" in mixed.json["errors"][1]["message"]


def test_kprf_s_content_types(kprf: Gateway) -> None:
    body = b'{"records":[{"topic":"kprf","data":"x"}]}'
    for headers, status in (({}, 200), ({"content-type": "application/json"}, 200),
                            ({"content-type": "application/json; charset=utf-8"}, 200),
                            ({"content-type": "Application/JSON"}, 200),
                            ({"content-type": "application/x-www-form-urlencoded"}, 415),
                            ({"content-type": "text/plain"}, 415), ({"content-type": ""}, 415)):
        answer = kprf.send("POST", "/push", body, headers)
        if headers != {"content-type": ""}:
            assert answer.status == status, (headers, answer)
    assert kprf.send("GET", "/push").status == 405
    assert kprf.send("PUT", "/push", {"records": []}).status == 405
    assert kprf.push().json == {"status": "ok", "errors": [], "records": []}


def test_kprf_s_metrics(kprf: Gateway) -> None:
    """Its names, with its labels; the statistics of librdkafka as gauges and counters that are right."""
    wait_until("what was sent before", lambda: kprf.stats().total("kafka_internal_queue_size") == 0, 10)
    begin = kprf.stats()
    for _ in range(7):
        assert kprf.push({"topic": "kprf", "data": "counted"}).status == 200
    for _ in range(5):
        assert kprf.push({"topic": "kprf", "data": "counted"}, wait=False).status == 200
    wait_until("their reports", lambda: (kprf.stats() - begin).total("kafka_message_send_duration_count") == 12, 10)
    kprf.push({"topic": "kprf-none", "data": "x"})
    change = kprf.stats() - begin
    assert change.total("http_requests_duration_count", code="200", method="push/sync") == 7
    assert change.total("http_requests_duration_count", code="200", method="push/async") == 5
    bounds = {labels["le"] for labels, _ in kprf.stats().series("http_requests_duration_bucket")}
    assert bounds == {"5", "10", "20", "40", "80", "+Inf"}
    assert change.total("kafka_sent_messages") == 12
    stats = wait_until("statistics", lambda: (
        found if (found := kprf.stats()).total("kafka_producer_total_messages_sent") >= 12 else None), 10)
    for name in ("reply_queue_size", "current_messages_in_queue", "current_messages_in_queue_bytes",
                 "total_requests_count", "total_bytes_sent", "total_responses_received", "total_bytes_received",
                 "total_messages_sent", "total_messages_bytes_sent", "metadata_cache_topics_count", "broker_state",
                 "broker_state_age", "broker_outbuf_count", "broker_outbuf_msg_count", "broker_waitresp_count",
                 "broker_waitresp_msg_count", "broker_requests_sent", "broker_requests_sent_bytes",
                 "broker_transmission_errors", "broker_request_retries", "request_timeouts", "broker_responses_count",
                 "broker_bytes_received", "broker_errors_count", "topic_metadata_age", "topic_batchsize_avg",
                 "topic_batchcount_avg"):
        stats.metric(f"kafka_producer_{name}").at_least(0)
    stats.metric("kprf_app_metadata").value(1)
    stats.metric("kafka_internal_queue_size").value(0)
    types = {line.split()[2]: line.split()[3] for line in kprf.manage("/metrics").text.splitlines()
             if line.startswith("# TYPE")}
    assert types["kafka_producer_current_messages_in_queue"] == "gauge"
    assert types["kafka_internal_queue_size"] == "gauge"
    assert types["kafka_sent_messages"] == "counter"


def test_statistics_do_not_grow_by_themselves(kprf: Gateway) -> None:
    """kprf added librdkafka's running totals to its counters, again and again."""
    age = "kafka_producer_broker_state_age"

    def two_readings() -> Stats:
        for _ in range(2):
            before = kprf.stats().total(age)
            wait_until("another reading", lambda: kprf.stats().total(age) != before, 5, interval=0.1)
        return kprf.stats()

    first = two_readings()
    two_readings()
    assert (kprf.stats() - first).total("kafka_producer_total_messages_sent") == 0


def test_all_of_a_record(plain: Gateway, topics: Topics, topic: str) -> None:
    wide = f"{topic}-wide"
    topics.make(wide, partitions=4)
    raw = bytes(range(256))
    answer = plain.push(
        {"topic": wide, "data": "text: ünï\u2028", "key": "key", "partition": 3, "timestamp": 1_600_000_000_123,
         "headers": {"a": "1", "b": "ü"}},
        {"topic": wide, "data_base64": base64.b64encode(raw).decode(), "key_base64": "AP8=", "partition": 0,
         "timestamp": "2020-09-13T12:26:40.5Z", "headers": [{"name": "n", "value": "1"}, {"name": "n", "value": "2"},
                                                            {"name": "b", "value_base64": "AP8="}]},
        {"topic": wide, "data": None, "key": "deleted"}, {"topic": wide, "data": "", "partition": 1, "key": ""})
    assert answer.status == 200, answer
    told = answer.json["records"]
    assert [record["status"] for record in told] == ["written"] * 4
    written = {(record.partition, record.offset): record for record in topics.read(wide)}
    found = [written[record["partition"], record["offset"]] for record in told]
    assert [record["timestamp"] for record in told] == [record.timestamp_ms for record in found]
    assert (found[0].partition, found[0].key, found[0].value) == (3, b"key", "text: ünï\u2028".encode())
    assert found[0].timestamp_ms == 1_600_000_000_123
    assert found[0].headers == [("a", b"1"), ("b", "ü".encode())]
    assert (found[1].partition, found[1].key, found[1].value) == (0, b"\0\xff", raw)
    assert found[1].timestamp_ms == 1_600_000_000_500
    assert found[1].headers == [("n", b"1"), ("n", b"2"), ("b", b"\0\xff")]
    assert (found[2].key, found[2].value) == (b"deleted", None)
    assert abs(found[2].timestamp_ms / 1000 - time.time()) < 60
    assert (found[3].partition, found[3].key, found[3].value) == (1, b"", b"")


def test_a_key_decides_the_partition(here: Path, plain: Gateway, single: Kafka, topics: Topics, topic: str) -> None:
    """As in kprf (librdkafka's CRC-32) unless the configuration wants Java's Murmur2."""
    wide = f"{topic}-ten"
    topics.make(wide, partitions=10)
    keys = ["a", "b", "order-1", "order-2", "ü"]
    records = [{"topic": wide, "data": "x", "key": key} for key in keys]
    by_default = [record["partition"] for record in plain.push(*records).json["records"]]
    assert by_default == [zlib.crc32(key.encode()) % 10 for key in keys]
    with Gateway(here, single.bootstrap, {"kafka": {"properties": {"partitioner": "murmur2_random"}}}) as java:
        as_java = [record["partition"] for record in java.push(*records).json["records"]]
    assert as_java == [murmur2(key.encode()) % 10 for key in keys]


def test_two_hundred_records_at_once(plain: Gateway, topics: Topics, topic: str) -> None:
    """kprf sent them one after the other, a linger time each: 2.8 s."""
    records = [{"topic": topic, "data": f"{number}"} for number in range(200)]
    plain.push({"topic": topic, "data": "warm"})
    answer = plain.push(*records)
    assert answer.status == 200 and answer.seconds < 0.5, f"{answer.seconds:.2f} s"
    assert [record["offset"] for record in answer.json["records"]] == list(range(1, 201))
    assert [record.value for record in topics.read(topic)][1:] == [record["data"].encode() for record in records]


def test_unread_fields_are_ignored_and_wrong_ones_named(plain: Gateway, topic: str) -> None:
    assert plain.push({"topic": topic, "data": "x", "unknown": {"deep": [1, 2]}}, other=1).status == 200
    answer = plain.push({"topic": topic, "data": "x"}, {"topic": topic, "data": 7})
    assert answer.status == 400 and "records[1].data" in answer.text, answer


def test_asynchronous_without_a_log_says_so(plain: Gateway, logged: Gateway, topic: str) -> None:
    in_memory = plain.push({"topic": topic, "data": "x"}, wait=False).json["records"]
    assert in_memory == [{"status": "accepted", "durable": False}]
    durable = logged.push({"topic": topic, "data": "x"}, wait=False).json["records"]
    assert durable == [{"status": "accepted", "durable": True}]


def test_acks_of_a_request(plain: Gateway, topics: Topics, topic: str) -> None:
    for acks in (-1, "all", 1):
        answer = plain.push({"topic": topic, "data": "x"}, acks=acks)
        assert answer.status == 200 and answer.json["records"][0]["offset"] is not None, answer
    answer = plain.push({"topic": topic, "data": "x"}, acks=0)
    assert answer.status == 200 and answer.json["records"][0]["offset"] is None, answer
    assert plain.push({"topic": topic, "data": "x"}, acks=2).status == 422
    wait_until("all", lambda: topics.count(topic) == 4, 10)


def test_large_records_of_large_requests(plain: Gateway, topics: Topics, topic: str) -> None:
    """Up to the configured sizes, compressed or not."""
    body = json.dumps({"records": [{"topic": topic, "data": "z" * 900_000}] * 10, "wait_for_send": True}).encode()
    answer = plain.send("POST", "/push", body, {"content-type": "application/json"})
    assert answer.status == 200, answer
    assert topics.count(topic) == 10


def murmur2(data: bytes) -> int:
    """Kafka's hash of keys, positive."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for index in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[index:index + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) // 4 * 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF
