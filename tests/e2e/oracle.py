"""Kafka's own classes as the independent decoder of recorded messages: the Python side of Oracle.java."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from frames import Exchange
from lab import paths, tools

Json = dict[str, Any]


class Oracle:
    """Decodes with the newest Kafka that has a version, so that each question costs milliseconds.

    One JVM a release, started when it is needed; use it in a `with` block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "oracle"
        self._releases: dict[str, _Release] = {}

    def __enter__(self) -> Oracle:
        self._folder.mkdir(parents=True)
        self._release(paths.KAFKA_CURRENT)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        for release in self._releases.values():
            release.stop()

    def is_dropped(self, api: str, version: int) -> bool:
        """Whether the previous release has this version of a request and the current one refuses it (KIP-896)."""
        if self._release(paths.KAFKA_CURRENT).has(api, version):
            return False
        return self._release(paths.KAFKA_PREVIOUS).has(api, version)

    def decode(self, exchanges: Sequence[Exchange]) -> tuple[list[Json], list[Json]]:
        """The requests and the responses as Kafka reads them, in the order given."""
        current = self._release(paths.KAFKA_CURRENT)
        old = [not current.has_key(exchange.api_key, exchange.api_version) for exchange in exchanges]
        if not any(old):
            return current.decode(exchanges)
        chosen = [self._release(paths.KAFKA_PREVIOUS) if one else current for one in old]
        decoded = {id(release): tuple(map(iter, release.decode(
            [exchange for exchange, by in zip(exchanges, chosen, strict=True) if by is release])))
            for release in dict.fromkeys(chosen)}
        requests, responses = [], []
        for exchange, release in zip(exchanges, chosen, strict=True):
            asked, answered = decoded[id(release)]
            requests.append(next(asked))
            if exchange.response is not None:
                responses.append(next(answered))
        return requests, responses

    def _release(self, version: str) -> _Release:
        if version not in self._releases:
            self._releases[version] = _Release(version, self._folder / version)
        return self._releases[version]


class _Release:
    """The JVM with one release's classes, and the request versions that it told of."""

    def __init__(self, version: str, folder: Path) -> None:
        self._folder = folder
        self._asked = 0
        classpath = paths.kafka_classpath(version)
        tools.javac(folder, classpath, Path(__file__).with_name("Oracle.java"))
        command = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{folder}{os.pathsep}{classpath}", "Oracle"]
        with (folder / "oracle.log").open("w") as log:
            # Its stdin is ours: it ends with us.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                             text=True)
        assert self._process.stdout
        told = json.loads(self._process.stdout.readline())
        self._versions = {api: range(one["lowest"], one["highest"] + 1) for api, one in told.items()}
        self._keys = {one["key"]: api for api, one in told.items()}

    def has(self, api: str, version: int) -> bool:
        return version in self._versions.get(api, ())

    def has_key(self, api_key: int, version: int) -> bool:
        return self.has(self._keys.get(api_key, ""), version)

    def decode(self, exchanges: Iterable[Exchange]) -> tuple[list[Json], list[Json]]:
        assert self._process.stdin and self._process.stdout
        self._asked += 1
        question = self._folder / f"{self._asked}.messages"
        with question.open("wb") as output:
            for exchange in exchanges:
                for kind, message in ((0, exchange.request), (1, exchange.response)):
                    if message is not None:
                        output.write(struct.pack(">bhhi", kind, exchange.api_key, exchange.api_version, len(message)))
                        output.write(message)
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer == "done", f"the oracle says {answer!r}, see {self._folder / 'oracle.log'}"
        written = Path(f"{question}.json")
        # Not splitlines: names may hold other characters that end a line for Unicode.
        lines = [json.loads(line) for line in written.read_text().split("\n") if line]
        question.unlink()
        written.unlink()
        return ([line for line in lines if line["kind"] == "request"],
                [line for line in lines if line["kind"] == "response"])

    def stop(self) -> None:
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
