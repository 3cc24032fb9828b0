"""Clients that are slow, broken, many or malicious: they are cut off, and the others do not notice."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway import Gateway
from lab import Failed, Kafka
from load import together
from topics import Topics

TIMEOUTS = {"header_timeout_ms": 1000, "body_timeout_ms": 1000, "idle_timeout_ms": 3000}


@pytest.fixture(scope="module")
def strict(folder: Path, single: Kafka) -> Iterator[Gateway]:
    """A gateway with short timeouts."""
    with Gateway(folder / "strict", single.bootstrap, {"http": TIMEOUTS}) as gateway:
        yield gateway


def received(connection: socket.socket, timeout: float = 10.0) -> bytes:
    """Everything until the other side closes, or resets."""
    connection.settimeout(timeout)
    data = b""
    try:
        while more := connection.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


def a_push(topic: str, value: str, *headers: str) -> bytes:
    body = json.dumps({"records": [{"topic": topic, "data": value}], "wait_for_send": True})
    lines = ["POST /push HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def statuses(data: bytes) -> list[int]:
    """Of all responses in a row."""
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


def test_ten_thousand_connections(here: Path, single: Kafka, topic: str) -> None:
    """Idle ones cost little and do not stand in the way of a new request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 10_500:
        raise Failed(f"ten thousand connections need as many file descriptors: the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    try:
        with Gateway(here, single.bootstrap, {"http": {"connections_max": 10_200}}) as gateway, ExitStack() as stack:
            before = gateway.resident_mib()
            begin = time.monotonic()
            for _ in range(10_000):
                stack.enter_context(gateway.socket())
            took = time.monotonic() - begin
            assert took < 20, f"connecting took {took:.1f} s"
            answers = [gateway.push({"topic": topic, "data": "among many"}) for _ in range(10)]
            assert {answer.status for answer in answers} == {200}
            assert max(answer.seconds for answer in answers[1:]) < 1
            assert gateway.manage("/ready").status == 200
            more = gateway.resident_mib() - before
            assert more < 160, f"ten thousand idle connections take {more:.0f} MiB"
            assert gateway.stats().total("kafka_gateway_connections") >= 10_000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_connections_than_allowed_wait(here: Path, single: Kafka, topic: str) -> None:
    with Gateway(here, single.bootstrap, {"http": {"connections_max": 5, "idle_timeout_ms": 1500,
                                                   "header_timeout_ms": 1500}}) as gateway, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(gateway.socket())
        answer = gateway.push({"topic": topic, "data": "in the end"})
        assert answer.status == 200
        assert gateway.manage("/healthy").status == 200, "operators have a port of their own"


def test_half_sent_headers_are_cut_off(strict: Gateway) -> None:
    with strict.socket() as slow:
        slow.sendall(b"POST /push HTTP/1.1\r\nhost: x\r\n")
        begin = time.monotonic()
        data = received(slow)
        assert 0.5 < time.monotonic() - begin < 4, data
        assert not data or statuses(data) == [408]


def test_headers_byte_by_byte_are_cut_off(strict: Gateway) -> None:
    """A byte now and then does not prolong the time."""
    with strict.socket() as slow:
        begin = time.monotonic()
        try:
            for letter in b"POST /push HTTP/1.1\r\nx-slow: " + b"a" * 100:
                slow.sendall(bytes([letter]))
                time.sleep(0.1)
                if time.monotonic() - begin > 6:
                    break
            data = received(slow)
        except (BrokenPipeError, ConnectionResetError):
            data = b""
        assert time.monotonic() - begin < 5, data


def test_a_body_that_stops_is_cut_off(strict: Gateway, topic: str) -> None:
    with strict.socket() as slow:
        slow.sendall(a_push(topic, "never whole")[:-10])
        begin = time.monotonic()
        data = received(slow)
        assert 0.5 < time.monotonic() - begin < 4
        assert statuses(data) == [408], data


def test_idle_connections_are_closed(strict: Gateway, topic: str) -> None:
    with strict.socket() as idle:
        idle.sendall(a_push(topic, "one"))
        begin = time.monotonic()
        data = received(idle)
        assert statuses(data) == [200], data
        assert 1 < time.monotonic() - begin < 6


def test_slow_clients_do_not_hold_up_others(strict: Gateway, topic: str) -> None:
    with ExitStack() as stack:
        for number in range(300):
            slow = stack.enter_context(strict.socket())
            slow.sendall(a_push(topic, f"slow {number}")[:60 + number % 50])
        answers = [strict.push({"topic": topic, "data": "quick"}) for _ in range(5)]
        assert {answer.status for answer in answers} == {200}
        assert max(answer.seconds for answer in answers[1:]) < 0.5


def test_half_closed_still_gets_its_answer(strict: Gateway, topics: Topics, topic: str) -> None:
    with strict.socket() as half:
        half.sendall(a_push(topic, "half", "connection: close"))
        half.shutdown(socket.SHUT_WR)
        assert statuses(received(half)) == [200]
    assert topics.values(topic) == {b"half": 1}


def test_gone_before_the_answer(strict: Gateway, topics: Topics, topic: str) -> None:
    """A client that leaves loses its answer, and the gateway nothing."""
    def leave(number: int) -> None:
        with strict.socket() as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.sendall(a_push(topic, f"gone {number}"))

    together(50, leave)
    assert strict.push({"topic": topic, "data": "stays"}).status == 200
    assert strict.manage("/healthy").status == 200
    assert "panicked" not in strict.log


def test_pipelining(strict: Gateway, topics: Topics, topic: str) -> None:
    with strict.socket() as client:
        requests = [a_push(topic, f"{number}") for number in range(9)] + [a_push(topic, "9", "connection: close")]
        client.sendall(b"".join(requests))
        assert statuses(received(client)) == [200] * 10
    assert [record.value for record in topics.read(topic)] == [b"%d" % number for number in range(10)]


SMUGGLED = b"POST /push HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("head", [
    b"content-length: 6\r\ntransfer-encoding: chunked\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 6\r\n",
    b"content-length: 6\r\ncontent-length: 70\r\n",
    b"content-length: 6, 70\r\n",
    b"content-length: +6\r\n",
    b"content-length: -1\r\n",
    b"content-length: 99999999999999999999999\r\n",
    b"transfer-encoding: xchunked\r\n",
    b"transfer-encoding: chunked, identity\r\n",
    b"transfer-encoding : chunked\r\n",
    b"content-length: 6\r\n x: folded\r\n",
    b"bad header\r\n",
    b"x: \x00\r\n",
], ids=range(13))
def test_two_ways_to_read_a_request_are_none(strict: Gateway, topics: Topics, topic: str, head: bytes) -> None:
    """What proxies and servers may disagree on is refused, or read the strict way, and the connection ends."""
    hidden = a_push(topic, "smuggled")
    with strict.socket() as client:
        client.sendall(SMUGGLED + head + b"\r\n0\r\n\r\n" + hidden)
        data = received(client)
    assert 200 not in statuses(data), data
    assert all(400 <= status < 500 or status == 501 for status in statuses(data)), data
    assert topics.count(topic) == 0, "a request inside of another was taken"


def test_huge_headers(strict: Gateway) -> None:
    for head in (b"x: " + b"a" * 1_000_000, b"\r\n".join(b"x%d: y" % number for number in range(5000)),
                 b"x" * 500_000 + b": y"):
        with strict.socket() as client:
            try:
                client.sendall(b"POST /push HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                continue
            found = statuses(received(client))
            assert not found or found == [431], found


@pytest.mark.parametrize("line", [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
                                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /push HTTP/9.9\r\n\r\n",
                                  b"\0" * 100, b"POST " + b"/a" * 50_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"],
                         ids=["no-path", "tls", "http2", "future", "zeros", "long-path"])
def test_what_is_no_http_1(strict: Gateway, line: bytes) -> None:
    with strict.socket() as client:
        try:
            client.sendall(line)
            found = statuses(received(client))
        except (BrokenPipeError, ConnectionResetError):
            found = []
        assert not found or found[0] in (400, 404, 414, 431, 505), found
    assert strict.manage("/healthy").status == 200


def test_expect_100_continue(strict: Gateway, topics: Topics, topic: str) -> None:
    """curl asks so before larger bodies."""
    whole = a_push(topic, "asked first", "expect: 100-continue", "connection: close")
    head, body = whole.split(b"\r\n\r\n")
    with strict.socket() as client:
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert statuses(received(client)) == [200]
    assert topics.values(topic) == {b"asked first": 1}


def test_chunked_bodies(strict: Gateway, topics: Topics, topic: str) -> None:
    head, body = a_push(topic, "in pieces", "connection: close").split(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
    pieces = b"".join(b"1\r\n" + bytes([letter]) + b"\r\n" for letter in body) + b"0\r\n\r\n"
    with strict.socket() as client:
        client.sendall(b"\r\n".join([*lines, b"transfer-encoding: chunked"]) + b"\r\n\r\n" + pieces)
        assert statuses(received(client)) == [200]
    assert topics.values(topic) == {b"in pieces": 1}
