"""The demo's clients: producers, consumer groups and some that are in error, as one meets them in a real cluster.

Each runs in a thread of its own until told to stop, and closes what it opened. Writers stop first, and readers once
they have seen the end of what was written: then what is behind can be held against the brokers' offsets.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from kafka import KafkaProducer
from lab import Child, Kafka, java_command, tools, wait_until

# Topic: (partitions, further configuration).
TOPICS: dict[str, tuple[int, dict[str, str]]] = {
    "orders": (3, {}),
    "clicks": (6, {}),
    "sensors": (2, {}),
    "invoices": (2, {}),
    "exports": (1, {"max.message.bytes": "50000"}),
}
# A broker answers a fetch at the end of the log after so long.
FETCH_WAIT_SECONDS = 0.25
# Those that commit offsets.
GROUPS = ("analytics", "billing", "search-index")


class Traffic:
    """All clients; use it in a `with` block. `bootstrap` is Envoy's listener."""

    def __init__(self, kafka: Kafka, bootstrap: str, folder: Path) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._folder = folder
        # Writers and passers-by are to stop; they have; readers are to stop.
        self._enough, self._written, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._writers: list[threading.Thread] = []
        self._readers: list[threading.Thread] = []
        self._java: Child | None = None
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        _make_topics(self._kafka.bootstrap)
        self._java = _java_producer(self._bootstrap, self._folder)
        for client in (self._orders, self._clicks, self._sensors, self._python, self._bulk, self._late_member,
                       self._mistakes, self._from_2015, self._strangers, self._kcat):
            self._writers.append(self._start(client))
        for client in (self._billing, self._search_index, self._analytics):
            self._readers.append(self._start(client))
        return self

    def __exit__(self, *_: object) -> None:
        """Each client has a few seconds to close its connections."""
        self._enough.set()
        if self._java:
            self._java.stop()
        _join(self._writers, 15.0)
        self._written.set()
        # Those that read all topics leave by themselves; the slow one would take minutes.
        _join([thread for thread in self._readers if thread.name != self._search_index.__name__], 20.0)
        self._stop.set()
        _join(self._readers, 15.0)

    def _start(self, client: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(client,), name=client.__name__, daemon=True)
        thread.start()
        return thread

    def _run(self, client: Callable[[], None]) -> None:
        try:
            client()
        except Exception as failure:  # noqa: BLE001  a client that fails is news for the person who watches
            if not self._enough.is_set():
                self.failures.append(f"{client.__name__.strip('_')}: {failure}")

    def _paced(self, rate: float, send: Callable[[int], None]) -> None:
        """Calls `send` with the number of records that are due, some twenty times a second."""
        begin, sent = time.monotonic(), 0
        while not self._enough.wait(0.05):
            due = int((time.monotonic() - begin) * rate) - sent
            sent += due
            send(due)

    def _produce(self, topic: str, rate: float, value: Callable[[], bytes], **config: str) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "linger.ms": 20, "client.id": f"{topic}-service",
                             **{key.replace("_", "."): setting for key, setting in config.items()}})

        def send(count: int) -> None:
            for _ in range(count):
                producer.produce(topic, value(), key=str(random.randrange(1000)))
            producer.poll(0)

        self._paced(rate, send)
        producer.flush(10)

    def _orders(self) -> None:
        self._produce("orders", 150, _order, compression_type="lz4", acks="all")

    def _clicks(self) -> None:
        self._produce("clicks", 1200, _click, compression_type="zstd", acks="1")

    def _sensors(self) -> None:
        """Fire and forget: the broker answers none of these."""
        self._produce("sensors", 400, lambda: b"%.3f" % random.gauss(21.0, 0.5), acks="0")

    def _billing(self) -> None:
        self._consume("billing", ["orders", "clicks", "invoices"], self._stop.is_set)

    def _late_member(self) -> None:
        """A second member of the group comes and goes: rebalances."""
        while not self._enough.wait(4.0):
            leaves_at = time.monotonic() + 4.0
            self._consume("billing", ["orders", "clicks", "invoices"], client_id="billing-extra",
                          until=lambda: self._enough.is_set() or time.monotonic() > leaves_at)

    def _analytics(self) -> None:
        """The newer group protocol (KIP-848): the broker decides who reads what, and members send heartbeats alone."""
        self._consume("analytics", ["invoices", "exports"], self._stop.is_set, group_protocol="consumer")

    def _search_index(self) -> None:
        """Reads less than is written, and fetches little at a time: it is behind, in both ways that can be seen."""
        small = {"fetch.message.max.bytes": 2000, "fetch.max.bytes": 100_000, "message.max.bytes": 2000,
                 "queued.min.messages": 1}
        consumer = self._member("search-index", ["clicks"], **small)
        try:
            while not self._stop.wait(0.1):
                consumer.consume(30, timeout=0.2)
        finally:
            consumer.close()

    def _consume(self, group: str, names: list[str], until: Callable[[], bool], client_id: str = "",
                 **config: str) -> None:
        """Reads for so long, or to the end when nobody writes any more."""
        consumer = self._member(group, names, **{"client.id": client_id or group},
                                **{key.replace("_", "."): setting for key, setting in config.items()})
        partitions = sum(TOPICS[name][0] for name in names)
        try:
            while not until():
                had_any = consumer.consume(500, timeout=0.1)
                if self._written.is_set() and not had_any and _read_to_the_end(consumer, partitions):
                    break
            # The broker reads the high watermark before the records, so an answer can hold records from beyond what
            # it tells. Empty answers follow, and tell the truth.
            consumer.consume(1, timeout=4 * FETCH_WAIT_SECONDS)
        finally:
            consumer.close()

    def _member(self, group: str, names: list[str], **config: object) -> Consumer:
        classic = {} if config.get("group.protocol") == "consumer" else {"session.timeout.ms": 10000}
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": group, "client.id": group,
                             "auto.offset.reset": "earliest", "fetch.wait.max.ms": int(FETCH_WAIT_SECONDS * 1000),
                             "auto.commit.interval.ms": 1000, **classic, **config})
        consumer.subscribe(names)
        return consumer

    def _python(self) -> None:
        """Another client library, with versions of its own."""
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, client_id="reports", compression_type="gzip",
                                 linger_ms=100)

        def send(count: int) -> None:
            for _ in range(count):
                producer.send("exports", _order())

        self._paced(20, send)
        producer.close(timeout=5)

    def _bulk(self) -> None:
        """Wants to write more than its quota allows: the broker throttles it."""
        tools.java(tools.CONFIGS, "--bootstrap-server", self._kafka.bootstrap, "--alter", "--entity-type", "clients",
                   "--entity-name", "bulk-load", "--add-config", "producer_byte_rate=40000", heap="128m")
        # One record a batch, for a batch of several would be over the topic's limit.
        producer = Producer({"bootstrap.servers": self._bootstrap, "client.id": "bulk-load", "batch.num.messages": 1})
        while not self._enough.wait(0.4):
            if len(producer) < 3:  # what waits here at the end takes as long as the quota says
                producer.produce("exports", random.randbytes(20_000))
            producer.poll(0)
        producer.flush(15)

    def _mistakes(self) -> None:
        """A record over the topic's limit, and a topic that is not there."""
        common = {"bootstrap.servers": self._bootstrap, "log_level": 0}
        large = Producer({**common, "client.id": "bulk-export", "retries": 0})
        misspelt = AdminClient({**common, "client.id": "misspelt"})
        while not self._enough.wait(2.5):
            large.produce("exports", random.randbytes(80_000))
            large.flush(5)
            misspelt.list_topics("oders", timeout=5.0)

    def _from_2015(self) -> None:
        """A reader in versions that Kafka 4 refuses: the broker hangs up on it, as it will on real ones."""
        while not self._enough.wait(2.0):
            old = Consumer({"bootstrap.servers": self._bootstrap, "log_level": 0, "client.id": "from-2015",
                            "group.id": "from-2015", "enable.auto.commit": False, "api.version.request": "false",
                            "broker.version.fallback": "0.9.0.1"})
            try:
                old.assign([TopicPartition("invoices", at, 0) for at in range(TOPICS["invoices"][0])])
                old.consume(1, timeout=1.0)
            finally:
                old.close()

    def _strangers(self) -> None:
        """Connections without Kafka that one can read: a probe that speaks HTTP, and a client that wants TLS."""
        while not self._enough.wait(3.0):
            for greeting in (b"GET /healthz HTTP/1.1\r\n\r\n", _CLIENT_HELLO):
                with contextlib.suppress(OSError), socket.create_connection(self._address, 5) as connection:
                    connection.sendall(greeting)
                    connection.settimeout(2.0)
                    connection.recv(1000)

    @property
    def _address(self) -> tuple[str, int]:
        host, _, port = self._bootstrap.rpartition(":")
        return host, int(port)

    def _kcat(self) -> None:
        """A person with a terminal, if kcat is there."""
        while shutil.which("kcat") and not self._enough.wait(3.0):
            # Ctrl-C reaches kcat too, so a bad exit is none of the demo's failures.
            tools.kcat("-b", self._bootstrap, "-t", "orders", "-P", stdin='{"by": "hand"}\n', timeout=30, fails=True)
            tools.kcat("-b", self._bootstrap, "-L", timeout=30, fails=True)


def _read_to_the_end(consumer: Consumer, partitions: int) -> bool:
    """Whether the member has all partitions, and nothing of them is left to read.

    Silence is no proof: after a rebalance a slow machine takes seconds until the first fetch.
    """
    assigned = consumer.assignment()
    if len(assigned) != partitions:
        return False
    with contextlib.suppress(KafkaException):
        committed = {(at.topic, at.partition): at.offset for at in consumer.committed(assigned, timeout=5)}
        # A partition of which nothing was read since the rebalance has no position yet.
        reached = {(at.topic, at.partition): max(at.offset, committed[at.topic, at.partition], 0)
                   for at in consumer.position(assigned)}
        return all(reached[at.topic, at.partition] >= consumer.get_watermark_offsets(at, timeout=5)[1]
                   for at in assigned)
    return False


def _join(threads: list[threading.Thread], seconds: float) -> None:
    """All of them together have that long."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.1))


def _make_topics(bootstrap: str) -> None:
    """Past Envoy, so that the filter sees the clients alone. Returns when the broker leads every partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    made = admin.create_topics([NewTopic(name, partitions, 1, config=config)
                                for name, (partitions, config) in TOPICS.items()])
    for future in made.values():
        future.result(30)
    partitions = [TopicPartition(name, at) for name, (count, _) in TOPICS.items() for at in range(count)]

    def led() -> bool:
        offsets = admin.list_offsets({partition: OffsetSpec.latest() for partition in partitions}, request_timeout=10)
        return all(future.exception() is None for future in offsets.values())

    wait_until("the broker to lead all partitions", led, interval=0.2)


def _java_producer(bootstrap: str, folder: Path) -> Child:
    """Kafka's own client, whose newest versions name topics by id alone."""
    arguments = ["--topic", "invoices", "--num-records", "100000000", "--record-size", "300", "--throughput", "100",
                 "--producer-props", f"bootstrap.servers={bootstrap}", "client.id=invoicing", "linger.ms=20"]
    return Child("invoicing", java_command(tools.paths.KAFKA_CURRENT, tools.PRODUCER_PERFORMANCE, arguments, "128m"),
                 folder / "invoicing.log")


def _order() -> bytes:
    return json.dumps({"order": random.randrange(10**9), "customer": f"customer-{random.randrange(5000)}",
                       "items": random.randrange(1, 9), "total": round(random.expovariate(1 / 60), 2)}).encode()


def _click() -> bytes:
    return f"/shop/item/{random.randrange(10**5)}?from=mail&session={random.randrange(10**9)}".encode()


# The beginning of a TLS handshake: record header, and a ClientHello of 64 bytes that nobody will read.
_CLIENT_HELLO = bytes.fromhex("1603010044 01000040 0303") + bytes(62)
