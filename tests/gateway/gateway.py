"""The program under test as a child process, and requests to it by the standard library's client."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from lab import Child, Failed, Stats, accepts, free_port, paths, wait_until
from lab.web import Answer, ask, exchange

BINARY = Path(os.environ.get("KAFKA_GATEWAY") or paths.REPOSITORY / "dist" / "kafka-gateway").resolve()

Json = dict[str, Any]


@dataclass
class Gateway:
    """A running kafka-gateway; use it in a `with` block. `settings` go over the addresses in its file, in depth."""

    folder: Path
    bootstrap: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    # The text of a file instead of `settings`; {bootstrap}, {port} and {metrics_port} are replaced in it.
    file: str | None = None
    # Words before the command, such as a shell that sets a limit.
    prefix: Sequence[str] = ()
    tls: ssl.SSLContext | None = None
    # Whether to wait until it is ready, or only until it listens.
    ready: bool = True

    def __post_init__(self) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.child: Child | None = None

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.child:
            self.child.stop()

    def start(self) -> None:
        self.child = self.launch()
        try:
            wait_until("the gateway's ports", lambda: accepts(self.port) and accepts(self.metrics_port), 20, self.child)
            if self.ready:
                wait_until("the gateway to be ready", lambda: self.manage("/ready").status == 200, 40, self.child)
        except BaseException:
            self.child.stop()
            raise

    def launch(self) -> Child:
        """Starts the process and does not wait for anything."""
        command = [*self.prefix, str(BINARY), "--config", str(self.written())]
        return Child("kafka-gateway", command, self.folder / "gateway.log", environment=self.environment, grace=20)

    def written(self) -> Path:
        """The configuration file. JSON is YAML."""
        path = self.folder / "gateway.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.file is not None:
            path.write_text(self.file.format(bootstrap=self.bootstrap, port=self.port, metrics_port=self.metrics_port))
        else:
            base = {"kafka": {"brokers": self.bootstrap.split(",")},
                    "http": {"address": "127.0.0.1", "port": self.port,
                             "metrics_address": "127.0.0.1", "metrics_port": self.metrics_port}}
            path.write_text(json.dumps(merged(base, self.settings), indent=1))
        return path

    @property
    def log(self) -> str:
        path = self.folder / "gateway.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        assert self.child
        return self.child.pid

    def kill(self) -> None:
        """As a crash does, without a word before."""
        assert self.child
        self.child.kill()

    def stop(self) -> tuple[int, float]:
        """Ends it by SIGTERM: its exit status, and how many seconds that took."""
        assert self.child
        begin = time.monotonic()
        self.child.stop()
        return self.child.wait(1), time.monotonic() - begin

    def connection(self, timeout: float = 60.0) -> http.client.HTTPConnection:
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def socket(self, timeout: float = 30.0) -> socket.socket:
        """Plain TCP, for what no client library sends."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
             timeout: float = 60.0) -> Answer:
        """One request on a connection of its own. A dict or list goes as JSON, and says so unless told otherwise."""
        connection = self.connection(timeout)
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def push(self, *records: Json, wait: bool = True, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        return self.send("POST", "/push", {"records": list(records), "wait_for_send": wait, **more}, headers)

    def manage(self, path: str) -> Answer:
        """A request to the port of operators; status 0 when nobody answers."""
        return ask(self.metrics_port, path, timeout=10)

    def stats(self) -> Stats:
        answer = self.manage("/metrics")
        if answer.status != 200:
            raise Failed(f"/metrics answers {answer}")
        return Stats.parse(answer.text)

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """`over` over `base`, mapping by mapping; None takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def check(file: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`kafka-gateway --check` on a file."""
    return subprocess.run([BINARY, "--config", str(file), "--check"], capture_output=True, text=True, timeout=20,
                          check=False, env={**os.environ, **(environment or {})})


def with_log(directory: Path, **more: Any) -> Json:
    """Settings that turn the write-ahead log on."""
    return {"wal": {"directory": str(directory), **more}}
