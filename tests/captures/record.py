#!/usr/bin/env python3
"""Records small conversations of real clients with a real Kafka, for the core's tests.

    python3 tests/captures/record.py              # all of them
    python3 tests/captures/record.py kcat java    # these
    python3 tests/captures/record.py --recount    # nothing is recorded: what is there is counted anew

Each conversation becomes NAME.txt, what passed in which order, and NAME.expected, what must be counted: computed from
the recorded bytes by Kafka's own classes (tests/e2e/Oracle.java), never by the filter. `crates/kafka-filter/tests/
captures.rs` replays them. Needs the lab: `python3 tests/lab/lab.py setup`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "e2e")]

from lab import Kafka, Listener, free_port, paths, run_folder, tools  # noqa: E402

if TYPE_CHECKING:
    from oracle import Oracle

SIZE_MAX = 20 * 1024
LINE_BYTES = 50


@dataclass
class Connection:
    number: int
    requests: bytearray = field(default_factory=bytearray)
    responses: bytearray = field(default_factory=bytearray)


class Recorder:
    """A TCP proxy that writes down the pieces of all its connections in the one order in which they came."""

    def __init__(self, port: int, target: int) -> None:
        self.events: list[tuple[str, int, bytes]] = []
        self.connections: list[Connection] = []
        self._target = target
        self._lock = threading.Lock()
        self._open = 0
        self._server = socket.create_server(("127.0.0.1", port))

    def __enter__(self) -> Recorder:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.close()

    def wait_closed(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            with self._lock:
                if self._open == 0:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("connections stayed open")
            time.sleep(0.02)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as broker:
            with self._lock:
                connection = Connection(len(self.connections))
                self.connections.append(connection)
                self.events.append(("open", connection.number, b""))
                self._open += 1
            back = threading.Thread(target=self._copy, args=(broker, client, "broker", connection), daemon=True)
            back.start()
            self._copy(client, broker, "client", connection)
            back.join()
            with self._lock:
                self.events.append(("close", connection.number, b""))
                self._open -= 1

    def _copy(self, source: socket.socket, sink: socket.socket, who: str, connection: Connection) -> None:
        record = connection.requests if who == "client" else connection.responses
        while True:
            try:
                data = source.recv(64 * 1024)
            except OSError:
                data = b""
            if not data:
                break
            # Before it is sent on: the answer to it must come after it.
            with self._lock:
                record += data
                self.events.append((who, connection.number, data))
            try:
                sink.sendall(data)
            except OSError:
                pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def kcat(address: str) -> str:
    lines = [f"{number} " + "again and " * 20 for number in range(3)]
    tools.kcat("-b", address, "-P", "-t", "orders", "-z", "gzip", stdin="\n".join(lines) + "\n")
    tools.kcat("-b", address, "-P", "-t", "orders", "-X", "acks=0", stdin="last\n")
    got = tools.kcat("-b", address, "-C", "-t", "orders", "-o", "beginning", "-c", "4", "-q")
    assert got.splitlines() == [*lines, "last"], got
    return "kcat writes with gzip and without acknowledgement, and reads it back"


def confluent(address: str) -> str:
    from confluent_kafka import Consumer, Producer

    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "compression.type": "zstd"})
    for number in range(5):
        producer.produce("orders", f"value {number}".encode() * 5)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": address, "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    got = 0
    while got < 5:
        message = consumer.poll(20)
        assert message is not None and message.error() is None, message
        got += 1
    consumer.commit(asynchronous=False)
    consumer.close()
    return "confluent-kafka (librdkafka) writes idempotently with zstd, and reads as a group"


def too_large(address: str) -> str:
    from confluent_kafka import Producer

    errors = []
    producer = Producer({"bootstrap.servers": address, "acks": "1", "linger.ms": 0})
    producer.produce("small", b"x" * 900, on_delivery=lambda error, _: errors.append(error))
    producer.produce("small", b"fits", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(20) == 0
    assert any(error is not None for error in errors), errors
    return "confluent-kafka writes a message that the topic does not take"


def aiokafka(address: str) -> str:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=address, compression_type="lz4")
        await producer.start()
        for number in range(4):
            await producer.send_and_wait("orders", f"value {number}".encode())
        await producer.stop()
        consumer = AIOKafkaConsumer("orders", bootstrap_servers=address, group_id="readers",
                                    auto_offset_reset="earliest")
        await consumer.start()
        for _ in range(4):
            await asyncio.wait_for(consumer.getone(), 20)
        await consumer.stop()

    asyncio.run(run())
    return "aiokafka writes with lz4, and reads as a group"


def kafka_python(address: str) -> str:
    import kafka

    producer = kafka.KafkaProducer(bootstrap_servers=address, compression_type="gzip")
    for number in range(3):
        producer.send("orders", f"value {number}".encode()).get(20)
    producer.close()
    consumer = kafka.KafkaConsumer("orders", bootstrap_servers=address, auto_offset_reset="earliest",
                                   consumer_timeout_ms=20_000)
    for _ in range(3):
        next(consumer)
    consumer.close()
    return "kafka-python writes with gzip, and reads without a group"


def java(address: str) -> str:
    tools.java(tools.CONSOLE_PRODUCER[paths.KAFKA_CURRENT], "--bootstrap-server", address, "--topic", "orders",
               stdin="one\ntwo\nthree\n")
    got = tools.java(tools.CONSOLE_CONSUMER, "--bootstrap-server", address, "--topic", "orders", "--from-beginning",
                     "--max-messages", "3")
    assert got.split() == ["one", "two", "three"], got
    return "Kafka's console producer and consumer, which name topics by id"


def unknown_topic(address: str) -> str:
    tools.java(tools.TOPICS, "--bootstrap-server", address, "--describe", "--topic", "nowhere", fails=True)
    tools.kcat("-b", address, "-C", "-t", "nowhere", "-e", "-q", "-X", "allow.auto.create.topics=false", fails=True)
    return "a topic that does not exist is described and read"


RECORDINGS: dict[str, Callable[[str], str]] = {
    "kcat": kcat, "confluent": confluent, "too_large": too_large, "aiokafka": aiokafka,
    "kafka_python": kafka_python, "java": java, "unknown_topic": unknown_topic,
}


def main(names: list[str]) -> None:
    from oracle import Oracle

    folder = run_folder("captures")
    with Oracle(folder) as oracle:
        if names[:1] == ["--recount"]:
            for name in names[1:] or RECORDINGS:
                write_expected(name, read(name), oracle)
            return
        for name in names or RECORDINGS:
            recorder = record(name, folder)
            size = sum(len(data) for _, _, data in recorder.events)
            if size > SIZE_MAX:
                raise SystemExit(f"{name}: {size} bytes are more than {SIZE_MAX}")
            write_expected(name, recorder.connections, oracle)
            print(f"{name}: {size} bytes, {len(recorder.connections)} connections", flush=True)


def record(name: str, folder: Path) -> Recorder:
    """Runs the clients of one conversation against a broker of its own, and keeps what passed."""
    port = free_port()
    properties = {"auto.create.topics.enable": "false", "group.initial.rebalance.delay.ms": "0"}
    with Kafka(folder / name, listeners=[Listener("RECORDED", advertised=[port])],
               properties=properties) as kafka, Recorder(port, kafka.port("RECORDED")) as recorder:
        for topic in (["orders"], ["small", "--config", "max.message.bytes=500"]):
            tools.java(tools.TOPICS, "--bootstrap-server", kafka.bootstrap, "--create", "--topic", *topic)
        title = RECORDINGS[name](f"127.0.0.1:{port}")
        recorder.wait_closed()
    (HERE / f"{name}.txt").write_text("\n".join([f"# {title}", *lines(recorder.events)]) + "\n")
    return recorder


def read(name: str) -> list[Connection]:
    """The connections of a conversation that was recorded before."""
    connections: dict[int, Connection] = {}
    into = bytearray()
    for line in (HERE / f"{name}.txt").read_text().splitlines():
        if line.startswith("  "):
            into += bytes.fromhex(line)
        elif not line.startswith("#"):
            what, number = line.split()
            connection = connections.setdefault(int(number), Connection(int(number)))
            into = connection.requests if what == "client" else connection.responses
    return list(connections.values())


def write_expected(name: str, connections: list[Connection], oracle: Oracle) -> None:
    """What must be counted, in the order of the metrics."""
    from expected import EXACT, expect
    from frames import exchanges

    found = [exchange for connection in connections for exchange in exchanges(
        bytes(connection.requests), bytes(connection.responses), connection.number)]
    counts = expect(len(connections), found, oracle, {}).counts
    rows = [f"{metric.removesuffix('_count')}{shown(labels, key)} {value}"
            for metric, labels in EXACT.items() for key, value in sorted(counts[metric].items()) if value]
    (HERE / f"{name}.expected").write_text("\n".join(rows) + "\n")


def lines(events: list[tuple[str, int, bytes]]) -> Iterator[str]:
    for what, number, data in events:
        yield f"{what} {number}"
        for at in range(0, len(data), LINE_BYTES):
            yield f"  {data[at:at + LINE_BYTES].hex()}"


def shown(labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f"{label}={value}" for label, value in zip(labels, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


if __name__ == "__main__":
    main(sys.argv[1:])
