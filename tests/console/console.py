"""The program under test as a child process, and the same requests as a browser's, by the standard library's client."""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from lab import Child, free_port, paths, wait_until
from lab.web import Answer, ask

BINARY = Path(os.environ.get("KAFKA_CONSOLE") or paths.REPOSITORY / "dist" / "kafka-console").resolve()
# How often the consoles of these tests look, and how long an answer may take.
SCRAPE_SECONDS = 1.0
# The filter hands its counters over once a second, and the console looks at them with each scrape.
BEHIND_SECONDS = 1.0 + SCRAPE_SECONDS
# What numbers of steady load are taken over.
WINDOW = 30

Json = dict[str, Any]


@dataclass
class Console:
    """A running kafka-console; use it in a `with` block. `arguments` name its source, and more."""

    folder: Path
    arguments: Sequence[str]
    address: str = "127.0.0.1"
    # What each request of these helpers brings along.
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.child: Child | None = None

    def __enter__(self) -> Console:
        self.child = Child("kafka-console", self.command(), self.folder / "console.log")
        try:
            wait_until("the console to answer", lambda: self.ask("/healthy").status == 200, 20, self.child)
        except BaseException:
            self.child.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self.child
        self.child.stop()

    def command(self) -> list[str]:
        return [str(BINARY), "--listen", f"{self.address}:{self.port}",
                "--scrape-interval", f"{SCRAPE_SECONDS * 1000:.0f}ms", *self.arguments]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.child.output() if self.child else ""

    def ask(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """One request on a connection of its own; status 0 when nobody answers."""
        return ask(self.port, path, {**self.headers, **(headers or {})}, method)

    def page(self, name: str, **parameters: str) -> Page:
        """A page as data."""
        answer = self.ask(f"/api/v1/page/{name}?{urllib.parse.urlencode(parameters)}")
        assert answer.status == 200, f"{name} {parameters}: {answer.status} {answer.text[:500]}"
        return Page(answer.json)

    @contextmanager
    def live(self, name: str, **parameters: str) -> Iterator[Iterator[Page]]:
        """The same page again and again, as the server sends it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            asked = urllib.parse.urlencode({"page": name, **parameters})
            connection.request("GET", f"/api/v1/live?{asked}", headers=dict(self.headers))
            response = connection.getresponse()
            assert response.status == 200, f"live {name}: {response.status} {response.read(500)!r}"
            yield _events(response)
        finally:
            connection.close()


class Page:
    """What the server says of a page, with its parts by name."""

    def __init__(self, data: Json) -> None:
        self.data = data
        self.source: Json = data["source"]
        self.tiles: dict[str, Json] = {tile["title"]: tile for tile in data["tiles"]}
        self.panels: dict[str, Json] = {panel["id"]: panel for panel in data["panels"]}

    def rows(self, panel: str) -> dict[str, Json]:
        """A table's rows by their first cell: the row's cells by the columns' keys."""
        table = self.panels[panel]
        keys = [column["key"] for column in table["columns"]]
        return {_text(row[0]): dict(zip(keys, map(_text, row), strict=True)) for row in table["rows"]}


def _text(cell: Any) -> Any:
    return cell.get("text", cell.get("value")) if isinstance(cell, dict) else cell


def _events(response: http.client.HTTPResponse) -> Iterator[Page]:
    kind, data = "", []
    while line := response.readline().decode():
        word, _, rest = line.rstrip("\n").partition(":")
        if word == "event":
            kind = rest.strip()
        elif word == "data":
            data.append(rest.removeprefix(" "))
        elif not word and not rest:
            if kind == "page":
                yield Page(json.loads("\n".join(data)))
            kind, data = "", []
