"""Confluent REST v3: a stream of JSON documents in, a delivery report for each out; and batches."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Json
from lab.web import Answer
from topics import Topics

JSON = {"content-type": "application/json"}


def send(gateway: Gateway, topics: Topics, topic: str, *documents: Json | str, headers: dict[str, str] | None = None,
         between: str = "\n") -> Answer:
    body = between.join(one if isinstance(one, str) else json.dumps(one) for one in documents)
    return gateway.send("POST", f"/v3/clusters/{topics.cluster}/topics/{topic}/records", body.encode(), headers or JSON)


def reports(text: str) -> list[Any]:
    """Concatenated JSON documents."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        one, end = decoder.raw_decode(rest)
        found.append(one)
        rest = rest[end:].lstrip()
    return found


def string(data: str) -> Json:
    return {"value": {"type": "STRING", "data": data}}


def test_one_record_with_everything(plain: Gateway, topics: Topics, topic: str) -> None:
    wide = f"{topic}-wide"
    topics.make(wide, partitions=3)
    answer = send(plain, topics, wide, {
        "partition_id": 2, "key": {"type": "BINARY", "data": base64.b64encode(b"\0key\xff").decode()},
        "value": {"type": "JSON", "data": {"n": 1.50, "list": [None, "ü"]}},
        "headers": [{"name": "h", "value": base64.b64encode(b"\1\2").decode()}, {"name": "empty", "value": None}],
        "timestamp": "2020-09-13T12:26:40.123Z"})
    assert answer.status == 200, answer
    report = answer.json
    record = topics.read(wide)[0]
    assert (record.partition, record.key, record.timestamp_ms) == (2, b"\0key\xff", 1_600_000_000_123)
    assert json.loads(record.value or b"") == {"n": 1.5, "list": [None, "ü"]}
    assert record.headers == [("h", b"\1\2"), ("empty", None)]
    assert {name: report[name] for name in ("error_code", "cluster_id", "topic_name", "partition_id", "offset")} == {
        "error_code": 200, "cluster_id": topics.cluster, "topic_name": wide, "partition_id": 2, "offset": 0}
    assert report["timestamp"] == "2020-09-13T12:26:40.123Z"
    assert report["key"] == {"type": "BINARY", "size": 5}
    assert report["value"]["type"] == "JSON" and report["value"]["size"] == len(record.value or b"")


@pytest.mark.parametrize(("value", "written"), [
    ({"type": "STRING", "data": "plain"}, b"plain"), ({"type": "BINARY", "data": "AP8="}, b"\0\xff"),
    ({"type": "JSON", "data": "text"}, b'"text"'), ({"type": "JSON", "data": 1}, b"1"),
    ({"type": "JSON", "data": None}, None), ({"type": "JSON", "data": [1, {"a": "b"}]}, b'[1,{"a":"b"}]'), (None, None)],
    ids=["string", "binary", "json-string", "json-number", "json-null", "json-list", "null"])
def test_formats(plain: Gateway, topics: Topics, topic: str, value: Json | None, written: bytes | None) -> None:
    answer = send(plain, topics, topic, json.dumps({"value": value}, separators=(",", ":")))
    assert answer.status == 200 and answer.json["error_code"] == 200, answer
    assert topics.read(topic)[0].value == written


@pytest.mark.parametrize("between", ["", "\n", " \r\n\t"], ids=["nothing", "line", "spaces"])
def test_documents_in_a_row(plain: Gateway, topics: Topics, topic: str, between: str) -> None:
    answer = send(plain, topics, topic, *[string(f"{number}") for number in range(100)], between=between)
    assert answer.status == 200
    found = reports(answer.text)
    assert [report["offset"] for report in found] == list(range(100))
    assert [record.value for record in topics.read(topic)] == [b"%d" % number for number in range(100)]


def open_stream(gateway: Gateway, topics: Topics, topic: str) -> tuple[socket.socket, Callable[[str], None],
                                                                       Callable[[str], bytes]]:
    """A request whose body comes chunk by chunk: the connection, how to send, and how to read until a text."""
    connection = gateway.socket(timeout=10)
    connection.sendall(f"POST /v3/clusters/{topics.cluster}/topics/{topic}/records HTTP/1.1\r\nhost: x\r\n"
                       "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    read = bytearray()

    def chunk(text: str) -> None:
        connection.sendall(f"{len(text.encode()):x}\r\n{text}\r\n".encode())

    def until(text: str) -> bytes:
        deadline = time.monotonic() + 10
        while text.encode() not in read:
            assert time.monotonic() < deadline, bytes(read)
            more = connection.recv(65536)
            assert more, bytes(read)
            read.extend(more)
        found = bytes(read)
        read.clear()
        return found

    return connection, chunk, until


def test_a_report_comes_before_the_next_document_is_sent(plain: Gateway, topics: Topics, topic: str) -> None:
    connection, chunk, until = open_stream(plain, topics, topic)
    with connection:
        for number in range(5):
            chunk(json.dumps(string(f"slow {number}")))
            assert f'"offset":{number}'.encode() in until(f'"offset":{number}')
            assert topics.count(topic) == number + 1
        # A document in two pieces, and the end.
        chunk('{"value":{"type":"STRI')
        chunk('NG","data":"two pieces"}}')
        until('"offset":5')
        connection.sendall(b"0\r\n\r\n")
        until("0\r\n\r\n")


def test_one_bad_document_among_good_ones(plain: Gateway, topics: Topics, topic: str) -> None:
    """It gets a report of its own, and the stream goes on."""
    answer = send(plain, topics, topic, string("a"), {"value": {"type": "BINARY", "data": "%%%"}}, string("b"),
                  {"partition_id": 77, **string("c")}, string("d"))
    assert answer.status == 200
    found = reports(answer.text)
    codes = [report["error_code"] for report in found]
    assert codes[0] == codes[2] == codes[4] == 200, codes
    assert str(codes[1]).startswith("422") and codes[3] == 40402, codes
    assert all("message" in found[index] for index in (1, 3))
    assert topics.values(topic) == {b"a": 1, b"b": 1, b"d": 1}


def test_broken_json_ends_the_stream(plain: Gateway, topics: Topics, topic: str) -> None:
    answer = send(plain, topics, topic, string("before"), '{"value": nonsense}', string("after"))
    codes = [report["error_code"] for report in reports(answer.text)]
    assert codes[0] == 200 and str(codes[1]).startswith("400"), codes
    assert topics.values(topic)[b"before"] == 1


def test_clients_learn_the_cluster_s_id(plain: Gateway, topics: Topics, topic: str) -> None:
    """As clients of Confluent REST v3 begin: the list, its one cluster, then records by its id."""
    host = f"http://127.0.0.1:{plain.port}"
    answer = plain.send("GET", "/v3/clusters")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json", answer
    listed = answer.json
    assert listed["kind"] == "KafkaClusterList"
    assert listed["metadata"] == {"self": f"{host}/v3/clusters", "next": None}
    [cluster] = listed["data"]
    assert cluster["kind"] == "KafkaCluster" and cluster["cluster_id"] == topics.cluster
    itself = f"{host}/v3/clusters/{topics.cluster}"
    assert cluster["metadata"] == {"self": itself, "resource_name": f"crn:///kafka={topics.cluster}"}
    assert cluster["topics"] == {"related": f"{itself}/topics"}
    one = plain.send("GET", cluster["metadata"]["self"].removeprefix(host))
    assert one.status == 200 and one.json == cluster, one
    path = cluster["topics"]["related"].removeprefix(host)
    written = plain.send("POST", f"{path}/{topic}/records", json.dumps(string("x")).encode(), JSON)
    assert written.json["error_code"] == 200 and topics.count(topic) == 1, written


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v3/clusters/{id}"), ("POST", "/v3/clusters/{id}/topics/{topic}/records"),
    ("POST", "/v3/clusters/{id}/topics/{topic}/records:batch")])
def test_another_cluster_is_404(plain: Gateway, topics: Topics, topic: str, method: str, path: str) -> None:
    """Confluent's code for it is 404, without digits behind. An id is told by its letters exactly."""
    for name in ("another", topics.cluster.swapcase(), f"{topics.cluster}x", "%20"):
        body = json.dumps({"entries": [{"id": "a", **string("x")}]} if path.endswith("batch") else string("x")).encode()
        answer = plain.send(method, path.format(id=name, topic=topic), body if method == "POST" else None, JSON)
        assert answer.status == 404 and answer.json["error_code"] == 404, answer
        assert answer.json["message"], answer
    assert topics.count(topic) == 0


def test_no_id_before_a_broker_told_it(here: Path) -> None:
    with Gateway(here, "127.0.0.1:1", ready=False) as gateway:
        for path in ("/v3/clusters", "/v3/clusters/any"):
            answer = gateway.send("GET", path)
            assert answer.status == 503 and answer.json["error_code"] == 503, answer
            assert "retry-after" in answer.headers, answer


@pytest.mark.parametrize(("path", "status", "code"), [
    ("/v3/clusters/{cluster}/topics/there-is-none/records", 404, 40401),
    ("/v3/clusters/another/topics/{topic}/records", 404, 404),
    ("/v3/clusters/{cluster}/topics/{topic}/nothing", 404, 404)])
def test_what_is_not_there(plain: Gateway, topics: Topics, topic: str, path: str, status: int, code: int) -> None:
    where = path.format(cluster=topics.cluster, topic=topic)
    answer = plain.send("POST", where, json.dumps(string("x")).encode(), JSON)
    report = answer.json
    assert report["error_code"] == code and report["message"], answer
    assert answer.status in (status, 200)


def test_an_empty_body(plain: Gateway, topics: Topics, topic: str) -> None:
    answer = plain.send("POST", f"/v3/clusters/{topics.cluster}/topics/{topic}/records", b"", JSON)
    assert answer.status == 400 and answer.json["error_code"] == 400, answer


def test_a_foreign_content_type(plain: Gateway, topics: Topics, topic: str) -> None:
    answer = send(plain, topics, topic, string("x"), headers={"content-type": "text/plain"})
    assert answer.status == 415 and answer.json["error_code"] == 415, answer


def batch(gateway: Gateway, topics: Topics, topic: str, entries: Any) -> Answer:
    return gateway.send("POST", f"/v3/clusters/{topics.cluster}/topics/{topic}/records:batch", {"entries": entries})


def test_a_batch(plain: Gateway, topics: Topics, topic: str) -> None:
    """Far more entries than Confluent's ten to fifty."""
    answer = batch(plain, topics, topic, [{"id": f"n{number}", **string(f"{number}")} for number in range(500)])
    assert answer.status == 207, answer
    assert answer.seconds < 1
    assert answer.json["failures"] == []
    found = answer.json["successes"]
    assert [one["id"] for one in found] == [f"n{number}" for number in range(500)]
    assert sorted(one["offset"] for one in found) == list(range(500))
    assert found[0]["topic_name"] == topic and found[0]["cluster_id"] == topics.cluster
    assert topics.count(topic) == 500


def test_a_batch_with_mixed_results(plain: Gateway, topics: Topics, topic: str) -> None:
    answer = batch(plain, topics, topic, [
        {"id": "good", **string("x")}, {"id": "base64", "value": {"type": "BINARY", "data": "%%"}},
        {"id": "partition", "partition_id": 9, **string("y")}, {"id": "also-good", **string("z")}])
    assert answer.status == 207, answer
    assert [one["id"] for one in answer.json["successes"]] == ["good", "also-good"]
    failed = {one["id"]: one["error_code"] for one in answer.json["failures"]}
    assert failed["partition"] == 40402 and str(failed["base64"]).startswith("422"), failed
    assert topics.values(topic) == {b"x": 1, b"z": 1}


@pytest.mark.parametrize(("entries", "status"), [
    ([], 422), ([{"id": "a", **string("x")}, {"id": "a", **string("y")}], 422), ([string("no id")], 400), ("none", 400),
    ([{"id": "", **string("x")}], 422), ([{"id": "x" * 81, **string("x")}], 422)],
    ids=["empty", "same-id", "no-id", "no-list", "empty-id", "long-id"])
def test_batches_that_are_none(plain: Gateway, topics: Topics, topic: str, entries: Any, status: int) -> None:
    answer = batch(plain, topics, topic, entries)
    assert answer.status in (status, 400, 422), answer
    assert str(answer.json["error_code"]).startswith(("400", "422")) and answer.json["message"]
    assert topics.count(topic) == 0


def test_a_key_for_the_whole_stream(plain: Gateway, topics: Topics, topic: str) -> None:
    """The same Idempotency-Key again: the same reports, nothing written twice."""
    headers = {**JSON, "idempotency-key": "stream-1"}
    documents = [string(f"{number}") for number in range(3)]
    first = send(plain, topics, topic, *documents, headers=headers)
    second = send(plain, topics, topic, *documents, headers=headers)
    assert reports(first.text) == reports(second.text) and len(reports(first.text)) == 3
    assert topics.count(topic) == 3
