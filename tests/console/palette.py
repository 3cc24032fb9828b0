"""Pictures of pages in a third of the bytes: PNG with at most 256 colours, which is more than a page has that matter.

The most frequent colours stay as they are; each rarer one, an edge of a letter, becomes the nearest of them.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter

COLOURS_MAX = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def smaller(png: bytes) -> bytes:
    """The same picture with a palette. Takes what browsers write: eight bits, RGB or RGBA, not interlaced."""
    width, height, channels, data = _read(png)
    pixels = [data[at:at + 3] for at in range(0, len(data), channels)]
    counts = Counter(pixels)
    palette = [colour for colour, _ in counts.most_common(COLOURS_MAX)]
    places = {colour: at for at, colour in enumerate(palette)}
    for colour in counts:
        if colour not in places:
            places[colour] = min(range(len(palette)), key=lambda at: _distance(colour, palette[at]))
    indexed = bytes(places[colour] for colour in pixels)
    rows = b"".join(b"\0" + indexed[at:at + width] for at in range(0, len(indexed), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"PLTE", b"".join(palette)) \
        + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def size(png: bytes) -> tuple[int, int]:
    """Width and height."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _read(png: bytes) -> tuple[int, int, int, bytes]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("that is no PNG")
    packed, at = b"", len(_SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IDAT":
            packed += png[at + 8:at + 8 + length]
        at += 12 + length
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    channels = {2: 3, 6: 4}.get(colours)
    if depth != 8 or channels is None or interlaced:
        raise ValueError(f"a PNG of another kind: depth {depth}, colours {colours}, interlaced {interlaced}")
    return width, height, channels, _unfiltered(zlib.decompress(packed), width * channels, channels)


def _unfiltered(rows: bytes, stride: int, step: int) -> bytes:
    """Undoes what each row says was done to it: PNG, section 9."""
    found, above = bytearray(), bytearray(stride)
    for at in range(0, len(rows), stride + 1):
        kind, row = rows[at], bytearray(rows[at + 1:at + 1 + stride])
        for x in range(stride if kind else 0):
            left, up = row[x - step] if x >= step else 0, above[x]
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) // 2
            else:
                guess = _paeth(left, up, above[x - step] if x >= step else 0)
            row[x] = (row[x] + guess) & 0xFF
        found += row
        above = row
    return bytes(found)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
