"""`POST /topics/{topic}`: the body is the value, for `curl --data-binary` and shell scripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import Gateway
from lab import Failed, wait_until
from topics import Topics


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json",
                                          "application/octet-stream", "image/png"])
def test_any_content_type(plain: Gateway, topics: Topics, topic: str, content_type: str | None) -> None:
    body = bytes(range(256)) + b'{"not": json'
    answer = plain.send("POST", f"/topics/{topic}", body, {"content-type": content_type} if content_type else {})
    assert answer.status == 200, answer
    told = answer.json
    assert (told["partition"], told["offset"]) == (0, 0) and told["timestamp"] > 0, told
    assert topics.read(topic)[0].value == body


def test_an_empty_body_is_an_empty_value(plain: Gateway, topics: Topics, topic: str) -> None:
    assert plain.send("POST", f"/topics/{topic}", b"").status == 200
    assert plain.send("POST", f"/topics/{topic}").status == 200
    assert [record.value for record in topics.read(topic)] == [b"", b""]


def test_key_partition_timestamp_and_headers(plain: Gateway, topics: Topics, topic: str) -> None:
    """As HTTP headers, or as parameters of the query."""
    wide = f"{topic}-wide"
    topics.make(wide, partitions=3)
    by_headers = plain.send("POST", f"/topics/{wide}", b"headers", {
        "Kafka-Key": "k1", "Kafka-Partition": "2", "Kafka-Timestamp": "1600000000123", "Kafka-Header-trace": "abc",
        "Kafka-Header-b": "2", "X-Other": "not one"})
    assert by_headers.status == 200, by_headers
    parameters = "key=k%C3%BC%20%2B+&partition=1&timestamp=2020-09-13T12:26:40.5Z&header.Case=a+b"
    by_query = plain.send("POST", f"/topics/{wide}?{parameters}", b"query")
    assert by_query.status == 200, by_query
    first, second = sorted(topics.read(wide), key=lambda record: -record.partition)
    assert (first.value, first.key, first.partition, first.timestamp_ms) == (b"headers", b"k1", 2, 1_600_000_000_123)
    assert sorted(first.headers) == [("b", b"2"), ("trace", b"abc")]
    assert (second.value, second.partition, second.timestamp_ms) == (b"query", 1, 1_600_000_000_500)
    assert (second.key, second.headers) == ("kü + ".encode(), [("Case", b"a b")])
    binary = plain.send("POST", f"/topics/{wide}?key_base64=AP8%3D&partition=0", b"binary key")
    assert binary.status == 200, binary
    assert {record.key for record in topics.read(wide) if record.partition == 0} == {b"\0\xff"}


def test_a_tombstone(plain: Gateway, topics: Topics, topic: str) -> None:
    assert plain.send("POST", f"/topics/{topic}?tombstone=true&key=k", b"").status == 200
    assert plain.send("POST", f"/topics/{topic}?tombstone=true&key=k", b"with a value").status == 422
    record, = topics.read(topic)
    assert (record.key, record.value) == (b"k", None)


def test_a_misspelt_header_is_not_lost_without_a_word(plain: Gateway, topics: Topics, topic: str) -> None:
    answer = plain.send("POST", f"/topics/{topic}", b"x", {"Kafka-Kee": "k"})
    assert answer.status == 422 and "Kafka-" in answer.json["message"], answer
    assert plain.send("POST", f"/topics/{topic}?key=a", b"x", {"Kafka-Key": "b"}).status == 422
    assert topics.count(topic) == 0


def test_asynchronous(plain: Gateway, logged: Gateway, topics: Topics, topic: str) -> None:
    for gateway, durable in ((plain, False), (logged, True)):
        answer = gateway.send("POST", f"/topics/{topic}?wait=false", b"later")
        assert answer.status == 202 and answer.json["durable"] is durable, answer
    wait_until("both", lambda: topics.count(topic) == 2, 10)


@pytest.mark.parametrize(("query", "status"), [
    ("partition=7", 404), ("partition=-7", 422), ("partition=x", 422), ("timestamp=never", 422), ("wait=maybe", 422),
    ("acks=7", 422), ("unknown=1", 422), ("key=%FF%", 422)])
def test_wrong_parameters(plain: Gateway, topics: Topics, topic: str, query: str, status: int) -> None:
    answer = plain.send("POST", f"/topics/{topic}?{query}", b"x")
    assert answer.status == status or {answer.status, status} == {400, 422}, answer
    assert answer.json["message"], "and what is wrong with it"
    assert topics.count(topic) == 0


def test_with_curl(here: Path, plain: Gateway, topics: Topics, topic: str) -> None:
    """As in the page."""
    if not shutil.which("curl"):
        raise Failed("the command curl is missing: install the package `curl`")
    file = here / "body"
    file.write_bytes(b"line 1\nline 2\n\0")
    done = subprocess.run(["curl", "--silent", "--fail-with-body", "--data-binary", f"@{file}", "-H", "Kafka-Key: k",
                           f"http://127.0.0.1:{plain.port}/topics/{topic}"], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done
    assert topics.read(topic)[0].value == file.read_bytes()
