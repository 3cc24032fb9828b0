"""Java clients that a test drives step by step: the Python side of JavaClients.java.

One JVM serves the whole run. A consumer polls only when it is told to, so that a test decides how far behind it is.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from clients import dotted
from lab import paths, tools, wait_until

_NUMBERS = itertools.count(1)


class JavaClient:
    """One consumer, share consumer or producer."""

    def __init__(self, ask: Callable[..., Any], name: str) -> None:
        self._ask = ask
        self.name = name

    def send(self, topic: str, count: int, size: int = 100, ago_ms: int = 0) -> None:
        """Sends records with timestamps that far in the past, and waits until the broker has them."""
        self._ask("send", name=self.name, topic=topic, count=count, size=size, ago_ms=ago_ms)

    def poll(self, on: bool = True) -> None:
        """Lets the consumer poll by itself from now on, or stops it."""
        self._ask("poll", name=self.name, on=on)

    def take(self, count: int) -> None:
        """Polls until that many further records came, at least."""
        self._ask("take", name=self.name, count=count)

    def commit(self) -> None:
        """Commits the positions, or acknowledges the records of a share consumer."""
        self._ask("commit", name=self.name)

    def subscribe(self, *topics: str) -> None:
        self._ask("subscribe", name=self.name, topics=topics)

    def tell(self) -> dict[str, int]:
        """`received` records; and for a member of a group `assigned` partitions, `generation`, `rebalances`."""
        return self._ask("tell", name=self.name)

    def await_assigned(self, partitions: int) -> dict[str, int]:
        """Waits until the consumer, which polls, has that many partitions."""
        def assigned() -> dict[str, int] | None:
            told = self.tell()
            return told if told["assigned"] == partitions else None

        return wait_until(f"{self.name} to have {partitions} partitions", assigned, 30)

    def metric(self, name: str, group: str, **tags: str) -> float:
        """The sum of the client's own metric of that name and group, over the entries with these tags."""
        wanted = {key.replace("_", "-"): value for key, value in tags.items()}
        found = [one["value"] for one in self._ask("metrics", name=self.name)["metrics"]
                 if (one["name"], one["group"]) == (name, group) and wanted.items() <= one["tags"].items()]
        assert found, f"{self.name} has no metric {name} of {group} with {tags}"
        return sum(found)


class JavaClients:
    """The JVM with all Java clients of a run; use it in a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "java-clients"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> JavaClients:
        classpath = paths.kafka_classpath(paths.KAFKA_CURRENT)
        here = Path(__file__).parent
        tools.javac(self._folder, classpath, here / "JavaClients.java", here / "JavaActors.java")
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   "-cp", f"{self._folder}{os.pathsep}{classpath}", "JavaClients"]
        with (self._folder / "clients.log").open("w") as log:
            # Its stdin is ours: it ends with us.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                             text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process:
            try:
                self._process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()

    @contextlib.contextmanager
    def consumer(self, bootstrap: str, topics: list[str], group: str, **config: Any) -> Iterator[JavaClient]:
        """A member of a group, classic unless `group_protocol` says otherwise; it leaves when the block ends."""
        given = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": "false",
                 "fetch_max_wait_ms": "100", **config}
        with self._client("consumer", bootstrap, topics, given) as made:
            yield made

    @contextlib.contextmanager
    def share_consumer(self, bootstrap: str, topics: list[str], group: str, **config: Any) -> Iterator[JavaClient]:
        with self._client("share", bootstrap, topics, {"group_id": group, **config}) as made:
            yield made

    @contextlib.contextmanager
    def producer(self, bootstrap: str, **config: Any) -> Iterator[JavaClient]:
        with self._client("producer", bootstrap, [], config) as made:
            yield made

    def alter(self, bootstrap: str, kind: str, resource: str, **config: Any) -> None:
        """Sets dynamic configuration of a resource; `kind` is Kafka's name for what it is, such as GROUP."""
        self._ask("alter", bootstrap=bootstrap, type=kind, resource=resource, config=_texts(config))

    @contextlib.contextmanager
    def quota(self, bootstrap: str, client: str, key: str, value: float) -> Iterator[None]:
        """A quota for a client id, until the block ends."""
        self._ask("quota", bootstrap=bootstrap, client=client, key=key, value=value)
        try:
            yield
        finally:
            self._ask("quota", bootstrap=bootstrap, client=client, key=key, value=None)

    def describe_group(self, bootstrap: str, group: str) -> dict[str, Any]:
        """The coordinator's view: `state`, `epoch` of a KIP-848 group, epochs of its `members`."""
        return self._ask("describe", bootstrap=bootstrap, group=group)

    def jmx(self, port: int, object_name: str, attribute: str = "Count") -> float:
        """An attribute of a broker's JMX bean."""
        return float(self._ask("jmx", port=port, object=object_name, attribute=attribute)["value"])

    @contextlib.contextmanager
    def _client(self, kind: str, bootstrap: str, topics: list[str], config: dict[str, Any]) -> Iterator[JavaClient]:
        name = f"java-{kind}-{next(_NUMBERS)}"
        given = {"bootstrap.servers": bootstrap, "client.id": name, "enable.metrics.push": "false", **_texts(config)}
        self._ask("open", name=name, kind=kind, config=given, topics=topics)
        try:
            yield JavaClient(self._ask, name)
        finally:
            self._ask("close", name=name)

    def _ask(self, do: str, **further: Any) -> Any:
        assert self._process and self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **further}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the Java clients ended, see {self._folder / 'clients.log'}"
        answer = json.loads(line)
        assert "failed" not in answer, f"{do}: {answer['failed']}, see {self._folder / 'clients.log'}"
        return answer


def _texts(config: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in dotted(config).items()}
