"""A caller of an inbound listener: what iptables does for one in a pod."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class Caller:
    """Connects whoever comes to `port` with Envoy, and tells it by the PROXY protocol that `called` was meant."""

    def __init__(self, port: int, envoy_port: int, called: tuple[str, int]) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._to = ("127.0.0.1", envoy_port)
        self._called = called
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        _end(self._server)
        for one in self._open:
            _end(one)
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._to) as envoy:
            self._open += [client, envoy]
            host, port = self._called
            envoy.sendall(f"PROXY TCP4 127.0.0.1 {host} {client.getpeername()[1]} {port}\r\n".encode())
            back = threading.Thread(target=_copy, args=[envoy, client], daemon=True)
            back.start()
            _copy(client, envoy)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        _end(one)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
