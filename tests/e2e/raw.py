"""Bytes by hand: a Kafka client of one socket, and servers that are no Kafka."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from types import TracebackType

FETCH, METADATA, OFFSET_COMMIT, HEARTBEAT, API_VERSIONS = 1, 3, 8, 12, 18


def frame(api_key: int, api_version: int, correlation_id: int, body: bytes = b"", client_id: bytes = b"raw") -> bytes:
    """A request with header v1: of versions that are not flexible."""
    header = struct.pack(">hhih", api_key, api_version, correlation_id, len(client_id)) + client_id
    return struct.pack(">i", len(header) + len(body)) + header + body


def api_versions(correlation_id: int) -> bytes:
    return frame(API_VERSIONS, 0, correlation_id)


def api_versions_of(correlation_id: int, software: bytes, version: bytes, client_id: bytes = b"raw") -> bytes:
    """ApiVersions v3, with which a client says what it is; flexible, so with tags behind header and body."""
    texts = b"".join(struct.pack(">B", len(text) + 1) + text for text in (software, version))
    return frame(API_VERSIONS, 3, correlation_id, b"\0" + texts + b"\0", client_id)


def metadata(correlation_id: int, topics: Iterable[str]) -> bytes:
    """Metadata v1 for the named topics."""
    names = [name.encode() for name in topics]
    body = struct.pack(">i", len(names)) + b"".join(struct.pack(">h", len(name)) + name for name in names)
    return frame(METADATA, 1, correlation_id, body)


def fetch(correlation_id: int, topic: str, max_wait_ms: int, size: int = 1 << 20,
          client_id: bytes = b"raw") -> bytes:
    """Fetch v4 as a consumer, of partition 0 from offset 0; the broker waits that long when there is nothing."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, max_wait_ms, 1, size, 0)
    body += struct.pack(">ih", 1, len(name)) + name + struct.pack(">iiqi", 1, 0, 0, size)
    return frame(FETCH, 4, correlation_id, body, client_id)


def heartbeat(correlation_id: int, group: str | bytes) -> bytes:
    """Heartbeat v0 of a member that the group does not have."""
    name = group.encode() if isinstance(group, str) else group
    return frame(HEARTBEAT, 0, correlation_id, struct.pack(">h", len(name)) + name + struct.pack(">ih", 1, 1) + b"x")


def offset_commit(correlation_id: int, group: str, topic: str, offset: int) -> bytes:
    """OffsetCommit v2 for partition 0, of a consumer that is no member."""
    names = [struct.pack(">h", len(name)) + name for name in (group.encode(), topic.encode())]
    body = names[0] + struct.pack(">ihqi", -1, 0, -1, 1) + names[1] + struct.pack(">iiqh", 1, 0, offset, -1)
    return frame(OFFSET_COMMIT, 2, correlation_id, body)


def receive(connection: socket.socket) -> bytes:
    """One response frame without its size."""
    (size,) = struct.unpack(">i", exactly(connection, 4))
    return exactly(connection, size)


def exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, f"closed after {len(data)} of {size} bytes"
        data += more
    return bytes(data)


def connect(bootstrap: str) -> socket.socket:
    host, _, port = bootstrap.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def reset(connection: socket.socket) -> None:
    """Closes with a RST instead of a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class EchoServer:
    """Sends back whatever it gets, until the client has sent its last byte; use it in a `with` block."""

    def __enter__(self) -> EchoServer:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return  # the client went away
