"""Every status and every name of a refusal, each provoked by a request."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from gateway import Gateway, Json, with_log
from lab import Gate, Kafka, wait_until
from lab.web import Answer
from load import together
from topics import Topics

KEY = "a-key-for-one-topic"


@pytest.fixture(scope="module")
def narrow(folder: Path, single: Kafka, topics: Topics) -> Iterator[Gateway]:
    """Small limits, one client with a key, and everybody else."""
    topics.make("status-allowed", "status-limited", "status-other")
    settings = {"kafka": {"message_max_bytes": 2000}, "http": {"body_max_bytes": 100_000, "records_max": 50},
                "ratelimit": {"enabled": True, "rules": [{"topic_name": "status-limited", "max_requests_per_minute": 1}]},
                "access": {"anonymous": {"allowed": True},
                           "clients": [{"name": "one", "keys_in_clear_text": [KEY], "topics": ["status-allowed"]}]}}
    with Gateway(folder / "narrow", single.bootstrap, settings) as gateway:
        yield gateway


def refused(answer: Answer, status: int, name: str) -> Json:
    """The status, and the stable name in the body, of the request or of its only record."""
    assert answer.status == status, answer
    body: Json = answer.json
    found = body.get("name") or body["records"][0]["name"]
    assert found == name, answer
    return body


MALFORMED = [
    b"", b" ", b"{", b"}", b"null", b"[]", b"7", b'"text"', b"{]", b'{"records":', b'{"records":{}}',
    b'{"records":null}',
    b'{"records":[null]}', b'{"records":[7]}', b'{"records":[[]]}', b'{"records":[{}]}', b'{"records":[{"topic":"t"}]}',
    b'{"records":[{"data":"x"}]}', b'{"records":[{"topic":7,"data":"x"}]}', b'{"records":[{"topic":"t","data":{}}]}',
    b'{"records":[],"records":[]}', b'{"records":[{"topic":"t","topic":"t","data":"x"}]}', b'{"records":[]} trailing',
    b'{"records":[],"wait_for_send":"yes"}', b'{"records":[]}\0', b"\xff\xfe{\0}\0", b"{'records':[]}",
    b'{"records":[{"topic":"\xff","data":""}]}', b'{"records":[{"topic":"t","data":"\\ud800"}]}',
    b'{"records":[{"topic":"t","data":"\\x"}]}', b'{"records":[{"topic":"t","data":"x","partition":"0"}]}',
    b'{"records":[{"topic":"t","data":"x","partition":1e99}]}', b'{"records":[{"topic":"t","data":"x","headers":7}]}',
    b'{"records":[{"topic":"t","data":"x","headers":[{"value":"v"}]}]}',
    b"[" * 90_000, b'{"a":' * 15_000, b'{"records":' + b"[" * 50_000,
    b'{"records":[{"topic":"t","data":"x","z":' + b"[" * 50_000,
]


def test_400_malformed(narrow: Gateway) -> None:
    for body in MALFORMED:
        answer = narrow.send("POST", "/push", body, {"content-type": "application/json"})
        assert answer.status == 400, (body[:60], answer)
        assert answer.json["status"] == "err" and answer.json["name"] == "malformed", (body[:60], answer)
        assert len(answer.body) < 1000
    assert narrow.push({"topic": "status-allowed", "data": "alive"}).status == 200


def test_401_unauthenticated(here: Path, single: Kafka) -> None:
    settings = {"access": {"clients": [{"name": "one", "keys_in_clear_text": [KEY]}]}}
    with Gateway(here, single.bootstrap, settings) as gateway:
        refused(gateway.push({"topic": "status-allowed", "data": "x"}), 401, "unauthenticated")
        assert gateway.push(headers={"x-api-key": KEY}).status == 200


def test_403_forbidden(narrow: Gateway) -> None:
    refused(narrow.push({"topic": "status-other", "data": "x"}, headers={"x-api-key": KEY}), 403, "forbidden")


def test_404_unknown_topic(narrow: Gateway, topics: Topics) -> None:
    """At once, the first time and again, and nothing is made."""
    for wait in (True, False):
        answer = narrow.push({"topic": f"status-none-{wait}", "data": "x"}, wait=wait)
        refused(answer, 404, "unknown_topic")
        assert answer.seconds < 0.5
        again = narrow.push({"topic": f"status-none-{wait}", "data": "x"}, wait=wait)
        assert again.status == 404 and again.seconds < 0.1
    assert not {name for name in topics.names() if name.startswith("status-none")}


def test_404_until_it_is_made(narrow: Gateway, topics: Topics, request: pytest.FixtureRequest) -> None:
    assert narrow.push({"topic": "status-later", "data": "x"}).status == 404
    topics.make("status-later")
    wait_until("the new topic", lambda: narrow.push({"topic": "status-later", "data": "x"}).status == 200, 10)


def test_thousands_of_unknown_topics(plain: Gateway) -> None:
    """Invented names make no series without end, and no request slow."""
    before = len(plain.stats().samples)
    begin = time.monotonic()
    for number in range(20):
        answer = plain.push(*[{"topic": f"invented-{number}-{index}", "data": "x"} for index in range(100)])
        assert answer.status == 404
    assert time.monotonic() - begin < 20
    assert len(plain.stats().samples) < before + 30
    assert "invented-7-7" not in plain.manage("/metrics").text


def test_404_unknown_partition(narrow: Gateway) -> None:
    refused(narrow.push({"topic": "status-allowed", "data": "x", "partition": 5}), 404, "unknown_partition")


def test_404_unknown_path(narrow: Gateway) -> None:
    for path in ("/", "/pushed", "/push/", "/v3", "/topics", "/topics/", "/metrics", "/v3/clusters/x/topics/y/records/z"):
        answer = narrow.send("POST", path, b"x")
        assert answer.status == 404 and len(answer.body) < 500, (path, answer)


def test_topics_are_made_if_configured(here: Path, folder: Path, topics: Topics) -> None:
    with Kafka(here / "open", properties={"auto.create.topics.enable": "true"}) as kafka:
        opened = Topics(kafka.bootstrap)
        settings = {"kafka": {"auto_create_topics": True, "message_timeout_ms": 10_000}}
        with Gateway(here, kafka.bootstrap, settings) as gateway:
            assert gateway.push({"topic": "made-by-writing", "data": "x"}).status == 200
        assert opened.values("made-by-writing") == {b"x": 1}
        with Gateway(here / "not", kafka.bootstrap) as gateway:
            refused(gateway.push({"topic": "not-made", "data": "x"}), 404, "unknown_topic")
        assert "not-made" not in opened.names()


def test_405_method_not_allowed(narrow: Gateway) -> None:
    for method, path in (("GET", "/push"), ("DELETE", "/push"), ("GET", "/topics/status-allowed"), ("PATCH", "/push"),
                         ("PUT", "/v3/clusters/x/topics/y/records")):
        answer = narrow.send(method, path)
        assert answer.status == 405 and "POST" in answer.headers["allow"], (method, path, answer)


def test_409_in_progress(here: Path, single: Kafka, topic: str, gate: Gate) -> None:
    with Gateway(here, f"127.0.0.1:{gate.port}", {"kafka": {"message_timeout_ms": 20_000}}) as gateway:
        headers = {"idempotency-key": "slow"}
        record = {"topic": topic, "data": "x"}
        assert gateway.push(record).status == 200
        gate.shut()
        first: list[Answer] = []
        thread = threading.Thread(target=lambda: first.append(gateway.push(record, headers=headers)))
        thread.start()
        wait_until("the first to be under way", lambda: gateway.stats().total("kafka_internal_queue_size") >= 1, 5)
        second = gateway.push(record, headers=headers)
        body = refused(second, 409, "in_progress")
        assert body["errors"][0]["error"] and "retry-after" in second.headers
        gate.open()
        thread.join(30)
        assert first[0].status == 200, first
        replayed = gateway.push(record, headers=headers)
        assert replayed.json == first[0].json and replayed.headers["idempotency-replayed"] == "true"


def test_413_too_large(narrow: Gateway) -> None:
    refused(narrow.push({"topic": "status-allowed", "data": "x" * 3000}), 413, "too_large")
    answer = narrow.send("POST", "/push", b" " * 100_001, {"content-type": "application/json"})
    refused(answer, 413, "too_large")
    assert narrow.send("POST", "/topics/status-allowed", b"x" * 3000).status == 413


def test_413_by_the_topic_s_own_limit(plain: Gateway, topics: Topics, topic: str) -> None:
    strict = f"{topic}-strict"
    topics.make(strict, max_message_bytes="1000")
    answer = plain.push({"topic": strict, "data": "x" * 5000})
    assert answer.status == 413, answer
    assert answer.json["records"][0]["kafka_name"] == "MESSAGE_TOO_LARGE", answer


def test_413_is_for_the_large_record_alone(plain: Gateway, topics: Topics, topic: str) -> None:
    """A broker refuses a batch as a whole; those that shared it with a record that is too large are innocent."""
    strict = f"{topic}-strict"
    topics.make(strict, max_message_bytes="1000")
    answer = plain.push(*[{"topic": strict, "data": "x" * size} for size in (10, 5000, 20, 6000, 30)])
    assert [entry["error"] for entry in answer.json["errors"]] == [False, True, False, True, False], answer
    assert answer.status == 413 and topics.count(strict) == 3


def test_a_large_record_takes_no_neighbour_with_it_when_nobody_waits(plain: Gateway, topics: Topics, topic: str) -> None:
    """As above without a log and without anybody to tell: the small ones are sent once more, alone, as they were; what
    is lost is what was too large, and that is counted and logged."""
    strict = f"{topic}-strict"
    topics.make(strict, max_message_bytes="1000")
    small = {"topic": strict, "data": "small-1", "key": "k", "headers": {"h": "v"}, "timestamp": 1_600_000_000_123}
    answer = plain.push(small, *[{"topic": strict, "data": data} for data in ("x" * 5000, "small-2", "y" * 6000,
                                                                             "small-3")], wait=False)
    assert answer.status == 200 and not answer.json["records"][0]["durable"], answer
    wait_until("the small ones", lambda: topics.count(strict) == 3, 20)
    assert topics.values(strict) == {b"small-1": 1, b"small-2": 1, b"small-3": 1}
    [found] = [record for record in topics.read(strict) if record.value == b"small-1"]
    assert (found.key, found.headers, found.timestamp_ms) == (b"k", [("h", b"v")], 1_600_000_000_123)
    lost = {"error": "MESSAGE_TOO_LARGE"}
    wait_until("the large ones to be counted", lambda: plain.stats().total("kafka_gateway_lost_records_total", **lost) == 2,
               20)
    assert plain.stats().total("kafka_gateway_sent_alone_records_total") >= 5
    wait_until("the queue", lambda: plain.stats().total("kafka_internal_queue_size", topic=strict) == 0, 10)
    assert "lost: accepted in memory alone" in plain.log


def test_a_hundred_megabytes(plain: Gateway) -> None:
    """Told or untold lengths: refused without being held in memory."""
    before = plain.resident_mib()
    connection = plain.connection()
    connection.putrequest("POST", "/push")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(100 << 20))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and json.loads(answer.read())["name"] == "too_large"
    connection.close()
    with plain.socket() as client:
        client.sendall(b"POST /push HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                       b"transfer-encoding: chunked\r\n\r\n")
        begin = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begin < 20:
                client.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert time.monotonic() - begin < 10, "and it is cut off, however much comes"
    assert plain.resident_mib() - before < 40
    assert plain.peak_mib() < 150


def test_415_unsupported_media_type(narrow: Gateway) -> None:
    refused(narrow.send("POST", "/push", b'{"records":[]}', {"content-type": "text/csv"}), 415, "unsupported_media_type")
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    compressed = narrow.send("POST", "/push", b"\x1f\x8b", headers)
    refused(compressed, 415, "unsupported_media_type")


@pytest.mark.parametrize("record", [
    {"topic": ""}, {"topic": "a" * 250}, {"topic": "no spaces"}, {"topic": ".."}, {"topic": "a/b"},
    {"data": None, "data_base64": "eA=="}, {"data_base64": "eA=="}, {"partition": -2}, {"timestamp": -1},
    {"timestamp": "yesterday"}, {"headers": [{"name": "n", "value": "v"}] * 300}],
    ids=["empty-name", "long-name", "spaces", "dots", "slash", "null-and-base64", "text-and-base64", "partition",
         "timestamp", "no-time", "headers"])
def test_422_unprocessable(narrow: Gateway, record: Json) -> None:
    refused(narrow.push({"topic": "status-allowed", "data": "x", **record}), 422, "unprocessable")


def test_422_no_base64(narrow: Gateway) -> None:
    refused(narrow.push({"topic": "status-allowed", "data_base64": "%%"}), 422, "unprocessable")


def test_422_too_many_records(narrow: Gateway) -> None:
    assert narrow.push(*[{"topic": "status-allowed", "data": "x"}] * 50).status == 200
    refused(narrow.push(*[{"topic": "status-allowed", "data": "x"}] * 51), 422, "unprocessable")


def test_422_key_reused(narrow: Gateway) -> None:
    headers = {"idempotency-key": "used-twice"}
    assert narrow.push({"topic": "status-allowed", "data": "one"}, headers=headers).status == 200
    refused(narrow.push({"topic": "status-allowed", "data": "two"}, headers=headers), 422, "key_reused")
    other = {**headers, "x-api-key": KEY}
    assert narrow.push({"topic": "status-allowed", "data": "two"}, headers=other).status == 200, "each client has its own"


@pytest.mark.parametrize("key", ["", "x" * 300, "\x01", "ü"], ids=["empty", "long", "control", "latin"])
def test_422_a_key_that_is_none(narrow: Gateway, key: str) -> None:
    try:
        answer = narrow.push({"topic": "status-allowed", "data": "x"}, headers={"idempotency-key": key})
    except (http.client.HTTPException, ValueError):
        return  # the client library refuses to send it
    assert answer.status in (400, 422), answer


def test_429_rate_limited(narrow: Gateway) -> None:
    narrow.push({"topic": "status-limited", "data": "x"})
    answer = narrow.push({"topic": "status-limited", "data": "x"})
    refused(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_503_full_and_504_unknown(here: Path, single: Kafka, topic: str, gate: Gate) -> None:
    """Kafka stops answering in the middle: what was sent may be there, what was not is refused."""
    settings = {"kafka": {"message_timeout_ms": 2000, "queue_buffering_max_messages": 10}}
    with Gateway(here, f"127.0.0.1:{gate.port}", settings) as gateway:
        assert gateway.push({"topic": topic, "data": "warm"}).status == 200
        gate.shut()
        answers = together(20, lambda number: gateway.push({"topic": topic, "data": f"{number}"}))
        names = {(answer.status, answer.json["records"][0]["name"]) for answer in answers if isinstance(answer, Answer)}
        assert (503, "full") in names and (504, "unknown") in names, names
        assert all(answer.seconds < 6 for answer in answers if isinstance(answer, Answer))
        assert gateway.stats().total("kafka_errors_count", topic=topic, error_code="-192") >= 1
        gate.open()
        wait_until("writing again", lambda: gateway.push({"topic": topic, "data": "after"}).status == 200, 30)


def test_504_from_the_log(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """Waiting, with a key, with the log on: not answered in time, and still delivered once Kafka is back."""
    settings = {"kafka": {"message_timeout_ms": 2000}, **with_log(here / "log")}
    with Gateway(here, f"127.0.0.1:{gate.port}", settings) as gateway:
        assert gateway.push({"topic": topic, "data": "warm"}).status == 200
        gate.shut()
        headers = {"idempotency-key": "patient"}
        late = {"topic": topic, "data": "late"}
        answer = gateway.push(late, headers=headers)
        assert answer.status == 504, answer
        gate.open()
        again = wait_until("the answer", lambda: (
            found if (found := gateway.push(late, headers=headers)).status == 200 else None), 30)
        assert again.json["records"][0]["offset"] == 1, again
    assert topics.values(topic) == {b"warm": 1, b"late": 1}


def test_503_not_enough_replicas(here: Path, folder: Path) -> None:
    """Three brokers, two of them in sync at least: acks=all is refused by one alone, acks=1 is not."""
    with Kafka(here / "three", brokers=3, controllers=1, heap="320m") as kafka:
        replicated = Topics(kafka.bootstrap)
        replicated.make("careful", replicas=3, min_insync_replicas="2")
        settings = {"kafka": {"message_timeout_ms": 4000, "retries": 1}}
        with Gateway(here, f"127.0.0.1:{kafka.port()}", settings) as gateway:
            assert gateway.push({"topic": "careful", "data": "three"}).status == 200
            resource = ConfigResource(ResourceType.TOPIC, "careful", incremental_configs=[
                ConfigEntry("min.insync.replicas", "3", incremental_operation=AlterConfigOpType.SET)])
            replicated.admin.incremental_alter_configs([resource])[resource].result(15)
            kafka.child(2).kill()
            answer = wait_until("one replica too few", lambda: (
                found if (found := gateway.push({"topic": "careful", "data": "two"})).status != 200 else None), 40)
            assert answer.status in (503, 504), answer
            assert answer.json["records"][0]["kafka_name"] in (
                "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "_MSG_TIMED_OUT"), answer
            assert wait_until("the leader alone", lambda: gateway.push(
                {"topic": "careful", "data": "one"}, acks=1).status == 200, 30)
