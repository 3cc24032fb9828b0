"""Clients that push without a pause and remember what they were answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from gateway import Gateway, Json
from lab.web import Answer, exchange


@dataclass
class Load:
    """`clients` threads, one connection each; use it in a `with` block, which ends them.

    Every record has a value that no other has. `accepted` are those that were answered with success; `unclear` those
    whose answer never came. A client that lost its connection makes a new one. With `keyed` each request has an
    Idempotency-Key, and is sent again until it is answered with success.
    """

    gateway: Gateway
    topic: str
    clients: int = 4
    records: int = 1
    wait: bool = False
    size: int = 100
    keyed: bool = False
    pause: float = 0.0
    accepted: set[bytes] = field(default_factory=set)
    unclear: set[bytes] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._abandon = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Load:
        for number in range(self.clients):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind:
            self._abandon.set()
        self.end()

    def end(self) -> None:
        """No new requests; those that are under way are finished."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                self._abandon.set()
                self.faults.append("a client did not end in 60 s")

    def _work(self, number: int) -> None:
        try:
            self._requests(number)
        except Exception as error:  # noqa: BLE001: told by the test that owns the thread
            self.faults.append(f"{type(error).__name__}: {error}")

    def _requests(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        sequence = 0
        while not self._stopping.is_set():
            sequence += 1
            values = [f"{number}-{sequence}-{index}-".ljust(self.size, "x") for index in range(self.records)]
            request: Json = {"records": [{"topic": self.topic, "data": value} for value in values],
                             "wait_for_send": self.wait}
            headers = {"idempotency-key": f"{self.topic}-{number}-{sequence}"} if self.keyed else {}
            while not self._abandon.is_set():
                connection, answer = self._once(connection, request, headers)
                done = self._remember(values, answer)
                if done or not self.keyed:
                    break
                time.sleep(0.05)
            if self.pause:
                time.sleep(self.pause)
        if connection:
            connection.close()

    def _once(self, connection: http.client.HTTPConnection | None, request: Json,
              headers: dict[str, str]) -> tuple[http.client.HTTPConnection | None, Answer | None]:
        connection = connection or self.gateway.connection()
        try:
            answer = exchange(connection, "POST", "/push", request, headers)
        except (OSError, http.client.HTTPException):
            connection.close()
            self._abandon.wait(0.02)
            return None, None
        if answer.headers.get("connection", "").lower() == "close":
            connection.close()
            return None, answer
        return connection, answer

    def _remember(self, values: list[str], answer: Answer | None) -> bool:
        """Whether the request is done with."""
        coded = [value.encode() for value in values]
        with self._lock:
            if answer is None:
                self.unclear.update(coded)
                return False
            self.statuses[answer.status] += 1
            self.slowest = max(self.slowest, answer.seconds)
            if answer.status in (200, 202):
                self.accepted.update(coded)
                return True
            if answer.status in (207, 500, 503):
                entries = answer.json.get("errors", []) if answer.body.startswith(b"{") else []
                if len(entries) == len(coded):
                    self.accepted.update(value for value, entry in zip(coded, entries) if not entry["error"])
            return False


def together(count: int, work: Callable[[int], object], timeout: float = 60.0) -> list[object]:
    """Runs `work` in so many threads at once; the results in order. What one raises is raised here."""
    results: list[object] = [None] * count
    raised: list[BaseException] = []

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:  # noqa: BLE001: raised again in the caller's thread
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    assert not any(thread.is_alive() for thread in threads), f"not done in {timeout:.0f} s"
    if raised:
        raise raised[0]
    return results
