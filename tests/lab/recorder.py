"""A TCP proxy that writes down what passes, byte for byte: one stands before Envoy, one behind it.

It keeps half-closed connections open and reads both sides to their end, so that what Envoy sent is recorded also when
the client has gone. Recording changes nothing: what cannot be delivered any more is still recorded.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Recording:
    """One connection: the bytes each way, and the ports that identify it at the proxies beside it."""

    number: int
    accepted_from: int
    connected_from: int
    requests: bytearray = field(default_factory=bytearray)
    responses: bytearray = field(default_factory=bytearray)
    closed: threading.Event = field(default_factory=threading.Event)


class Recorder:
    """Listens on `port`, connects each client to `target`, records both directions; use it in a `with` block."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self._recordings: list[Recording] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._server = socket.create_server(("127.0.0.1", port), backlog=512)

    def __enter__(self) -> Recorder:
        threading.Thread(target=self._accept, daemon=True, name=f"recorder-{self.port}").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stopped = True
        self._server.close()

    def mark(self) -> int:
        """A point in the list of connections, to be given to `since`."""
        with self._lock:
            return len(self._recordings)

    def since(self, mark: int) -> list[Recording]:
        """The connections accepted after the mark."""
        with self._lock:
            return self._recordings[mark:]

    def all_closed(self) -> bool:
        with self._lock:
            return all(recording.closed.is_set() for recording in self._recordings)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                client, (_, client_port) = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, client_port), daemon=True).start()

    def _serve(self, client: socket.socket, client_port: int) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=20)
            except OSError:
                return  # nobody behind: the client sees its connection closed, as without a recorder
            with server:
                server.settimeout(None)
                with self._lock:
                    recording = Recording(len(self._recordings), client_port, server.getsockname()[1])
                    self._recordings.append(recording)
                try:
                    _pump(client, server, recording)
                finally:
                    recording.closed.set()


def _pump(client: socket.socket, server: socket.socket, recording: Recording) -> None:
    """Two blocking copies, one a direction; the second runs in a thread of its own, so neither waits for the other."""
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = threading.Thread(target=_copy, args=(server, client, recording.responses), daemon=True)
    answers.start()
    _copy(client, server, recording.requests)
    answers.join()


def _copy(source: socket.socket, sink: socket.socket, record: bytearray) -> None:
    deliverable = True
    while True:
        try:
            data = source.recv(256 * 1024)
        except OSError:
            data = b""
        if not data:
            break
        record += data
        if deliverable:
            try:
                sink.sendall(data)
            except OSError:
                deliverable = False
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
