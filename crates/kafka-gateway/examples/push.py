#!/usr/bin/env python3
"""Records from Python with the standard library alone: one connection for many requests, and an answer for each record.

    GATEWAY=127.0.0.1:4242 python3 push.py orders '{"order": 42}' '{"order": 43}'
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import uuid
from typing import Any

# Worth another attempt: the same request may be accepted later.
PASSING = (408, 409, 429, 500, 502, 503, 504)


class Gateway:
    """A client of kafka-gateway; not for several threads."""

    def __init__(self, address: str, api_key: str = "", timeout: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=timeout)
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": api_key} if api_key else {})

    def push(self, records: list[dict[str, Any]], wait: bool = True, attempts: int = 6) -> list[dict[str, Any]]:
        """What became of each record. Raises RuntimeError when one was refused for good, or too often."""
        body = json.dumps({"records": records, "wait_for_send": wait})
        # One key for all attempts at one request: what was written by an earlier one is not written again.
        headers = self._headers | {"Idempotency-Key": uuid.uuid4().hex}
        for attempt in range(attempts):
            pause = min(0.1 * 2**attempt, 5.0)
            try:
                self._connection.request("POST", "/push", body, headers)
                response = self._connection.getresponse()
                text = response.read().decode()
            except (OSError, http.client.HTTPException) as problem:
                self._connection.close()
                text = str(problem)
            else:
                if response.status == 200:
                    return json.loads(text)["records"]
                if response.status not in PASSING:
                    raise RuntimeError(f"{response.status} {text}")
                pause = float(response.headers.get("Retry-After", pause))
            time.sleep(pause)
        raise RuntimeError(f"still refused after {attempts} attempts: {text}")


def main() -> int:
    topic, *values = sys.argv[1:]
    gateway = Gateway(os.environ.get("GATEWAY", "127.0.0.1:4242"), os.environ.get("API_KEY", ""))
    for written in gateway.push([{"topic": topic, "data": value} for value in values]):
        print(json.dumps(written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
