"""Cuts recorded Kafka streams into frames and pairs requests with responses, knowing nothing but the protocol guide.

Independent of the filter on purpose: no table, name or line of code is shared. Bodies are left to Kafka's own classes,
see oracle.py; only `acks` of Produce is read here, since it decides whether a response follows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PRODUCE, SASL_HANDSHAKE = 0, 17


@dataclass(frozen=True)
class Exchange:
    """A request and its response, as frames without their size field; the response is None when there is none.

    `acknowledged` is false for Produce with acks=0, which is never answered. `connection` tells those of one connection
    from those of another.
    """

    api_key: int
    api_version: int
    correlation_id: int
    request: bytes
    response: bytes | None
    acknowledged: bool
    connection: int = 0


def frames(stream: bytes | bytearray) -> tuple[list[bytes], int]:
    """The complete frames of a stream, and the number of bytes left after them."""
    found, at = [], 0
    while at + 4 <= len(stream):
        (size,) = struct.unpack_from(">i", stream, at)
        assert size > 0, f"frame of size {size} at offset {at}"
        if at + 4 + size > len(stream):
            break
        found.append(bytes(stream[at + 4:at + 4 + size]))
        at += 4 + size
    return found, len(stream) - at


def exchanges(requests: bytes | bytearray, responses: bytes | bytearray, connection: int = 0) -> Iterator[Exchange]:
    """The connection's requests in order, each with its response; fails when they do not fit together."""
    asked, _ = frames(requests)
    answered, _ = frames(responses)
    answers = iter(answered)
    for request in asked:
        api_key, api_version, correlation_id = struct.unpack_from(">hhi", request)
        assert (api_key, api_version) != (SASL_HANDSHAKE, 0), "raw SASL tokens would follow: not expected here"
        acknowledged = api_key != PRODUCE or acks(request, api_version) != 0
        response = next(answers, None) if acknowledged else None
        if response is not None:
            (found,) = struct.unpack_from(">i", response)
            assert found == correlation_id, f"response {found} to request {correlation_id} of api key {api_key}"
        yield Exchange(api_key, api_version, correlation_id, request, response, acknowledged, connection)
    left = sum(1 for _ in answers)
    assert left == 0, f"{left} responses without a request"


def acks(request: bytes, version: int) -> int:
    """The acks field of a Produce request frame."""
    at = 8
    (client_id,) = struct.unpack_from(">h", request, at)
    at += 2 + max(client_id, 0)
    if version >= 9:
        at = _skip_tags(request, at)
        length, at = _uvarint(request, at)
        at += max(length - 1, 0)
    elif version >= 3:
        (length,) = struct.unpack_from(">h", request, at)
        at += 2 + max(length, 0)
    return struct.unpack_from(">h", request, at)[0]


def _skip_tags(data: bytes, at: int) -> int:
    count, at = _uvarint(data, at)
    for _ in range(count):
        _, at = _uvarint(data, at)
        size, at = _uvarint(data, at)
        at += size
    return at


def _uvarint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
