"""A TCP proxy that can be shut: what a black hole between a client and a broker looks like to both."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class Gate:
    """Listens on `port` and forwards to `target`; use it in a `with` block.

    While shut, connections stay open and new ones are accepted, but no byte passes, in neither direction, and nobody is
    told. What was swallowed is never delivered, so opening the gate ends the connections that lost bytes.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._stopped = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._harmed: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", port), backlog=512)

    def __enter__(self) -> Gate:
        threading.Thread(target=self._accept, daemon=True, name=f"gate-{self.port}").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stopped = True
        # Closing alone would leave the port taken for as long as a thread waits in accept.
        _end(self._server)
        self._server.close()
        with self._lock:
            for connection in self._connections:
                _end(connection)

    def shut(self) -> None:
        """From now on nothing passes."""
        self._open.clear()

    def open(self) -> None:
        """Everything passes again; connections that lost bytes are reset."""
        self._open.set()
        with self._lock:
            for connection in self._harmed:
                _end(connection)
            self._harmed.clear()

    def reset(self) -> None:
        """Ends all connections, as a broker's restart does."""
        with self._lock:
            for connection in self._connections:
                _end(connection)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.ExitStack() as stack:
            stack.callback(self._forget, client)
            self._remember(client)
            if not self._open.is_set():
                self._swallow(client)
                return
            try:
                server = stack.enter_context(socket.create_connection(("127.0.0.1", self._target), timeout=20))
            except OSError:
                return
            server.settimeout(None)
            stack.callback(self._forget, server)
            self._remember(server)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            answers.start()
            self._copy(client, server)
            answers.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self._open.is_set():
                    sink.sendall(data)
                    continue
                with self._lock:
                    self._harmed |= {source, sink}
        # While shut the other side learns of no end either.
        self._open.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _swallow(self, client: socket.socket) -> None:
        with self._lock:
            self._harmed.add(client)
        with contextlib.suppress(OSError):
            while client.recv(1 << 16):
                pass

    def _remember(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)
            self._harmed.discard(connection)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
