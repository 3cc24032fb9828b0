"""Envoy's access log: who each connection was, also when the client would rather write the log itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from clients import consume, new_topic, payloads, produce
from java_clients import JavaClients
from lab import Kafka, paths, proxy, wait_until
from oracle import Oracle
from raw import API_VERSIONS, HEARTBEAT, api_versions, api_versions_of, connect, frame, receive
from stage import Route, Stage, stage

# Group "g", generation 1, member "m".
HEARTBEAT_BODY = b"\0\1g\0\0\0\1\0\1m"
HOSTILE = {
    "a line of its own": (b'x"\n2026 "admin" forged', "x%22%0A2026 %22admin%22 forged"),
    "the end of a field": (b'x" y\\', "x%22 y%5C"),
    "a terminal's codes": (b"\x1b[2Jx\r", "%1B[2Jx%0D"),
    "no text": (b"x\xff\xfe\0", "x%FF%FE%00"),
    "more than a label": (b"x" * 5000, "__other__"),
}


class TextRoute(Route):
    """A route whose listener writes its access log as text too, one line a connection, fields in quotes."""

    def listener(self, folder: Path, configuration: proxy.Json | str | None, balance: bool = False,
                 vm_id: str = "kafka_filter") -> proxy.Json:
        made = super().listener(folder, configuration, balance, vm_id)
        facts = " ".join(f'"%FILTER_STATE(wasm.kafka_{fact}:PLAIN)%"' for fact in proxy.FACTS)
        made["filter_chains"][0]["filters"][-1]["typed_config"]["access_log"].append({
            "name": "envoy.access_loggers.file", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(folder / "access.txt"),
                "log_format": {"text_format_source": {"inline_string": f"%DOWNSTREAM_REMOTE_ADDRESS% {facts}\n"}}}})
        return made


@pytest.fixture(scope="module")
def logged(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> Iterator[Stage]:
    """Two routes over one Envoy: one that logs in two formats, and one whose filter tells nothing."""
    text = TextRoute("LOGS")
    text.port = routes["LOGS"].port  # which the broker advertises
    configurations = {"LOGS": {}, "SILENT": {"access_log": False}}
    with stage(folder / "logged", [text, routes["SILENT"]], kafka, oracle, configurations) as made:
        yield made


def test_ordinary_clients(logged: Stage, java: JavaClients) -> None:
    topic = new_topic(logged.kafka, "logged")
    with _entries(logged) as entries:
        produce(logged.bootstrap, topic, payloads(10, 100), client_id="writer")
        consume(logged.bootstrap, [topic], 10, client_id="reader")
        with java.producer(logged.bootstrap, client_id="java-writer") as producer:
            producer.send(topic, count=1)
    assert {one["client_id"] for one in entries} == {"writer", "reader", "java-writer"}
    for client, software in (("writer", f"/{confluent_kafka.version()}"), ("reader", "/"),
                             ("java-writer", f"apache-kafka-java/{paths.KAFKA_CURRENT}")):
        own = [one for one in entries if one["client_id"] == client]
        assert all(software in one["client_software"] for one in own), own
        assert topic in {one["topics"] for one in own}, f"no connection of {client} used {topic}: {own}"
    assert all(one["opaque_reason"] is None for one in entries), entries


@pytest.mark.parametrize("what", HOSTILE)
def test_a_client_id_that_would_forge_the_log(logged: Stage, what: str) -> None:
    """The first request must be believable, to be taken for Kafka at all; the next one may hold anything."""
    client, shown = HOSTILE[what]
    with _entries(logged) as entries, connect(logged.bootstrap) as connection:
        connection.sendall(frame(API_VERSIONS, 0, 1, client_id=b""))
        receive(connection)
        connection.sendall(frame(HEARTBEAT, 0, 2, HEARTBEAT_BODY, client_id=client))
        receive(connection)
    (entry,) = entries
    assert entry["client_id"] == shown
    (line,) = entries.text
    assert line.count('"') == 2 * len(proxy.FACTS), f"fields of the text log do not end where they should: {line}"
    assert f' "{shown}" ' in line and line.isprintable()


def test_software_that_would_forge_the_log(logged: Stage) -> None:
    with _entries(logged) as entries, connect(logged.bootstrap) as connection:
        connection.sendall(api_versions_of(1, b'evil"\n', b"1/2"))
        receive(connection)
    (entry,) = entries
    assert entry["client_software"] == "evil%22%0A/1/2"
    assert len(entries.text) == 1


@pytest.mark.parametrize(("first", "reason"), [
    (b"GET / HTTP/1.1\r\nHost: kafka\r\n\r\n", "not_kafka"),
    (bytes.fromhex("1603010200010001fc0303"), "tls"),
])
def test_what_is_no_kafka_is_named(logged: Stage, first: bytes, reason: str) -> None:
    with _entries(logged, exact=False) as entries, connect(logged.bootstrap) as connection:
        connection.sendall(first + bytes(2000))
        while connection.recv(1000):
            pass
    (entry,) = entries
    assert entry["opaque_reason"] == reason
    assert entry["client_id"] is None and entry["client_software"] is None


def test_nothing_is_told_where_it_is_turned_off(logged: Stage) -> None:
    topic = new_topic(logged.kafka, "logged")
    with _entries(logged) as entries:
        produce(logged.routes["SILENT"].bootstrap, topic, payloads(10, 100))
        with connect(logged.routes["SILENT"].bootstrap) as connection:
            connection.sendall(api_versions(1))
            receive(connection)
    assert entries
    assert all(one[fact] is None for one in entries for fact in proxy.FACTS), entries


class Entries(list[dict[str, Any]]):
    """The entries of the JSON log, and the lines of the text log."""

    text: Sequence[str] = ()


@contextlib.contextmanager
def _entries(logged: Stage, exact: bool = True) -> Iterator[Entries]:
    """Watches the block, and says what the logs have of its connections when it has ended."""
    found = Entries()
    known, lines = len(logged.envoy.access_entries()), len(_text(logged))
    with logged.watch(exact=exact) as seen:
        yield found
    found += logged.envoy.access_entries()[known:]
    of_text = sum(1 for front, _ in seen.connections if front in logged.routes["LOGS"].front.since(0))
    wait_until("the text log to name every connection", lambda: len(_text(logged)) >= lines + of_text, 10)
    found.text = _text(logged)[lines:]


def _text(logged: Stage) -> list[str]:
    path = logged.folder / "access.txt"
    return path.read_bytes().decode(errors="replace").split("\n")[:-1] if path.exists() else []
