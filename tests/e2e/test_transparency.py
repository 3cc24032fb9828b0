"""What is not Kafka, or is Kafka in odd pieces, passes unchanged too, and is named for what it is."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import new_topic
from oracle import Oracle
from raw import EchoServer, api_versions, connect, exactly, metadata, receive
from stage import Route, Stage, stage

# docs/configuration.md: the default of limits.in_flight_max.
IN_FLIGHT_MAX = 1024

_NOISE = random.Random(20).randbytes(300_000)

# First bytes of a client, and the reason with which the connection must be given up.
STRANGERS = {
    "tls": (bytes.fromhex("1603010200010001fc0303") + _NOISE, "tls"),
    "http": (b"GET /topics HTTP/1.1\r\nHost: kafka\r\n\r\n" + _NOISE, "not_kafka"),
    "proxy-v1": (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 9092\r\n" + _NOISE, "not_kafka"),
    "proxy-v2": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + _NOISE, "not_kafka"),
    "ssh": (b"SSH-2.0-OpenSSH_9.6\r\n" + _NOISE, "not_kafka"),
    "zookeeper": (bytes.fromhex("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010") + bytes(16) +
                  b"\0" + _NOISE, "not_kafka"),
    "zeros": (bytes(100_000), "not_kafka"),
    "negative-size": (struct.pack(">i", -5) + _NOISE, "not_kafka"),
}


@pytest.fixture(scope="module")
def echo(folder: Path, oracle: Oracle) -> Iterator[Stage]:
    """An Envoy with the filter before a server that is no Kafka."""
    with EchoServer() as server, stage(folder / "echo", [Route("ECHO")], {"ECHO": server.port}, oracle) as made:
        yield made


@pytest.mark.parametrize("stranger", STRANGERS)
def test_other_protocols_pass_and_are_named(echo: Stage, stranger: str) -> None:
    sent, reason = STRANGERS[stranger]
    with echo.watch(exact=False) as seen:
        assert _echoed(echo.bootstrap, [sent]) == sent
    seen.metric("connections_opaque_total").label(reason=reason).value(1)
    seen.metric("connections_opened_total").value(1)
    seen.metric("connections_closed_total").value(1)
    seen.metric("requests_total").absent()


def test_a_good_start_and_garbage_after_it(echo: Stage) -> None:
    """The request is counted; what follows it makes the connection opaque, once."""
    sent = api_versions(1) + _NOISE
    with echo.watch(exact=False) as seen:
        assert _echoed(echo.bootstrap, [sent[:40], sent[40:]]) == sent
    seen.metric("connections_opaque_total").value(1)
    seen.metric("requests_total").label(request="ApiVersions").value(1)


def test_many_megabytes_of_noise_both_ways(echo: Stage) -> None:
    with echo.watch(exact=False) as seen:
        threads = [threading.Thread(target=_echoed, args=(echo.bootstrap, [_NOISE] * 20)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(len(front.responses) for front, _ in seen.connections) == 4 * 20 * len(_NOISE)


def test_one_byte_at_a_time(main_stage: Stage) -> None:
    topic = new_topic(main_stage.kafka, "bytewise")
    with main_stage.watch() as seen, connect(main_stage.bootstrap) as connection:
        for byte in api_versions(7) + metadata(8, [topic]):
            connection.sendall(bytes([byte]))
        assert [receive(connection)[:4] for _ in range(2)] == [struct.pack(">i", 7), struct.pack(">i", 8)]
    seen.metric("requests_total").label(request="ApiVersions", api_version="0").value(1)
    seen.metric("requests_total").label(request="Metadata", api_version="1").value(1)


def test_as_many_requests_at_once_as_are_awaited(main_stage: Stage) -> None:
    with main_stage.watch() as seen, connect(main_stage.bootstrap) as connection:
        _pipelined(connection, IN_FLIGHT_MAX)
    seen.metric("requests_total").label(request="ApiVersions").value(IN_FLIGHT_MAX)
    seen.metric("responses_total").label(request="ApiVersions").value(IN_FLIGHT_MAX)


def test_more_requests_at_once_than_are_awaited(main_stage: Stage) -> None:
    """Beyond the bound the oldest are no longer awaited; all are counted and forwarded, and the sums agree."""
    with main_stage.watch(exact=False) as seen, connect(main_stage.bootstrap) as connection:
        _pipelined(connection, 2 * IN_FLIGHT_MAX)
    seen.metric("requests_total").value(2 * IN_FLIGHT_MAX)
    evicted = seen.metric("in_flight_evicted_total").read()
    assert 0 < evicted <= IN_FLIGHT_MAX
    seen.metric("responses_total").value(2 * IN_FLIGHT_MAX - evicted)
    seen.metric("connections_opaque_total").absent()


def _pipelined(connection: socket.socket, count: int) -> None:
    """Sends that many requests in one piece and reads the answers."""
    connection.sendall(b"".join(api_versions(number) for number in range(count)))
    for number in range(count):
        assert receive(connection)[:4] == struct.pack(">i", number)


def _echoed(bootstrap: str, pieces: list[bytes]) -> bytes:
    """Sends all pieces while it reads what comes back, and returns that."""
    with connect(bootstrap) as connection:
        def send() -> None:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = exactly(connection, sum(map(len, pieces)))
        sender.join()
        assert connection.recv(1) == b""
        return received
