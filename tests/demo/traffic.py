"""The demo's clients: producers, a consumer group and some that are in error, as one meets them in a real cluster.

Each runs in a thread of its own until told to stop, and closes what it opened.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
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


class Traffic:
    """All clients; use it in a `with` block. `bootstrap` is Envoy's listener."""

    def __init__(self, kafka: Kafka, bootstrap: str, folder: Path) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._folder = folder
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._java: Child | None = None
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        _make_topics(self._kafka.bootstrap)
        self._java = _java_producer(self._bootstrap, self._folder)
        for client in (self._orders, self._clicks, self._sensors, self._billing, self._late_member, self._python,
                       self._mistakes, self._kcat):
            thread = threading.Thread(target=self._run, args=(client,), name=client.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        """All clients at once; each has a few seconds to close its connections."""
        self._stop.set()
        if self._java:
            self._java.stop()
        deadline = time.monotonic() + 15.0
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.1))

    def _run(self, client: Callable[[], None]) -> None:
        try:
            client()
        except Exception as failure:  # noqa: BLE001  a client that fails is news for the person who watches
            if not self._stop.is_set():
                self.failures.append(f"{client.__name__.strip('_')}: {failure}")

    def _paced(self, rate: float, send: Callable[[int], None]) -> None:
        """Calls `send` with the number of records that are due, some twenty times a second."""
        begin, sent = time.monotonic(), 0
        while not self._stop.wait(0.05):
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
        self._consume("billing", ["orders", "clicks", "invoices"], self._stop)

    def _late_member(self) -> None:
        """A second member of the group comes and goes: rebalances."""
        while not self._stop.wait(4.0):
            leaves = threading.Event()
            threading.Timer(4.0, leaves.set).start()
            self._consume("billing", ["orders", "clicks", "invoices"], leaves)

    def _consume(self, group: str, names: list[str], until: threading.Event) -> None:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": group, "client.id": group,
                             "auto.offset.reset": "earliest", "fetch.wait.max.ms": 250, "session.timeout.ms": 10000})
        try:
            consumer.subscribe(names)
            while not until.is_set() and not self._stop.is_set():
                consumer.consume(500, timeout=0.1)
        finally:
            consumer.close()

    def _python(self) -> None:
        """Another client library, with versions of its own."""
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, client_id="reports", compression_type="gzip",
                                 linger_ms=100)

        def send(count: int) -> None:
            for _ in range(count):
                producer.send("exports", _order())

        self._paced(20, send)
        producer.close(timeout=5)

    def _mistakes(self) -> None:
        """A record over the topic's limit, a topic that is not there, and a client older than Kafka 4 puts up with."""
        common = {"bootstrap.servers": self._bootstrap, "log_level": 0}
        large = Producer({**common, "client.id": "bulk-export", "retries": 0})
        misspelt = AdminClient({**common, "client.id": "misspelt"})
        while not self._stop.wait(2.5):
            large.produce("exports", random.randbytes(80_000))
            large.flush(5)
            misspelt.list_topics("oders", timeout=5.0)
            old = AdminClient({**common, "client.id": "from-2015", "api.version.request": "false",
                               "broker.version.fallback": "0.9.0.1"})
            with contextlib.suppress(KafkaException):
                old.list_topics(timeout=1.0)  # the broker hangs up on it, as it should

    def _kcat(self) -> None:
        """A person with a terminal, if kcat is there."""
        while shutil.which("kcat") and not self._stop.wait(3.0):
            # Ctrl-C reaches kcat too, so a bad exit is none of the demo's failures.
            tools.kcat("-b", self._bootstrap, "-t", "orders", "-P", stdin='{"by": "hand"}\n', timeout=30, fails=True)
            tools.kcat("-b", self._bootstrap, "-L", timeout=30, fails=True)


def _make_topics(bootstrap: str) -> None:
    """Past Envoy, so that the filter sees the clients alone. Returns when the broker leads every partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
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
