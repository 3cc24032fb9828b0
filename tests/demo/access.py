"""Envoy's access log as it grows: who connects, by the facts that the filter tells of each connection."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# The keys of the example's log line (envoy/envoy.yaml) for what the filter tells.
CLIENT_ID, SOFTWARE, TOPICS, OPAQUE = "client_id", "client_software", "topics", "opaque_reason"


@dataclass(frozen=True)
class Line:
    """What one line tells; empty is what is not known of the connection."""

    client_id: str
    software: str
    topics: str
    opaque_reason: str
    received: int
    sent: int
    has_ended: bool


class AccessLog:
    """The lines so far. Envoy appends; each reading takes up what is new, without a line that is half written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._software: dict[str, str] = {}
        self._ended: dict[tuple[str, str, str], Line] = {}
        # Connections that have ended, by why they were not decoded; empty when they were.
        self.reasons: Counter[str] = Counter()

    def read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._offset)
            text = log.read()
        whole = text[:text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for written in whole.splitlines():
            self.take(written.decode(errors="replace"))

    def take(self, written: str) -> None:
        """Takes up one line; what is no JSON object is not of the log and is passed over."""
        if not written.startswith("{"):
            return
        line = parse(written)
        if line.client_id and line.software:
            self._software[line.client_id] = line.software
        if line.has_ended:
            self.reasons[line.opaque_reason] += 1
        if line.has_ended and (line.client_id or line.opaque_reason):
            key = (line.client_id, line.software, line.opaque_reason)
            self._ended.pop(key, None)  # the newest stands last
            self._ended[key] = line

    def software(self, client_id: str) -> str:
        """What library a client has said to be, as `name/version`; empty when it has not, or not yet."""
        return self._software.get(client_id, "")

    def ended(self, lines_max: int) -> list[Line]:
        """The newest ended connections of different clients; those that are no Kafka stand first."""
        newest = list(reversed(self._ended.values()))
        return sorted(newest, key=lambda line: not line.opaque_reason)[:lines_max]


def parse(written: str) -> Line:
    fields = json.loads(written)

    def fact(name: str) -> str:
        told = fields.get(name)
        return "" if told in (None, "-") else str(told)

    return Line(client_id=fact(CLIENT_ID), software=fact(SOFTWARE), topics=fact(TOPICS), opaque_reason=fact(OPAQUE),
                received=int(fields.get("received") or 0), sent=int(fields.get("sent") or 0),
                has_ended=fields.get("logged") == "TcpConnectionEnd")
