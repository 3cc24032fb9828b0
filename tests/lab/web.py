"""Requests by the standard library's client, and their whole answers."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A response; names of headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def __str__(self) -> str:
        return f"{self.status} {self.headers} {self.text[:2000]}"


def exchange(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None,
             headers: Mapping[str, str] | None = None) -> Answer:
    """One request on a connection that may be used again. A dict or list goes as JSON, and says so unless told
    otherwise."""
    sent = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        if "content-type" not in {name.lower() for name in sent}:
            sent["content-type"] = "application/json"
    begin = time.monotonic()
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, response.read(), time.monotonic() - begin)


def ask(port: int, path: str, headers: Mapping[str, str] | None = None, method: str = "GET",
        timeout: float = 20.0) -> Answer:
    """One request to loopback on a connection of its own; status 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return exchange(connection, method, path, headers=headers)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, str(error).encode(), 0.0)
    finally:
        connection.close()
