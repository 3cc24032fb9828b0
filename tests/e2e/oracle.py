"""Kafka's own classes as the independent decoder of recorded messages: the Python side of Oracle.java."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from frames import Exchange
from lab import paths

Json = dict[str, Any]


class Oracle:
    """One JVM for the whole run, so that each question costs milliseconds; use it in a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "oracle"
        self._asked = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Oracle:
        self._folder.mkdir(parents=True)
        classpath = paths.kafka_classpath(paths.KAFKA_CURRENT)
        source = Path(__file__).with_name("Oracle.java")
        subprocess.run(["javac", "-nowarn", "-cp", classpath, "-d", str(self._folder), str(source)], check=True,
                       capture_output=True)
        command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{self._folder}{os.pathsep}{classpath}", "Oracle"]
        with (self._folder / "oracle.log").open("w") as log:
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

    def decode(self, exchanges: Iterable[Exchange]) -> tuple[list[Json], list[Json]]:
        """The requests and the responses as Kafka reads them, in the order given."""
        assert self._process and self._process.stdin and self._process.stdout
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
