"""An HTTP server that says what a test wants, in place of a proxy or of Prometheus that has gone wrong.

Real ones are used wherever they can be made to do the same; garbage and names that no broker allows they cannot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab import free_port

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class StandIn:
    """Use it in a `with` block. Each request gets the present `body`; whoever asked is in `asked`."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": TEXT})
    # Answers nothing until the block ends.
    silent: bool = False
    # Makes the body of the nth request instead.
    grow: Callable[[int], bytes] | None = None

    def __post_init__(self) -> None:
        self.port = free_port()
        self.asked: list[str] = []
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802  the library's name
                owner.asked.append(self.path)
                body = owner.grow(len(owner.asked)) if owner.grow else owner.body
                if owner.silent:
                    owner._over.wait(60)
                    return
                self.send_response(owner.status)
                for name, value in owner.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has heard enough

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def metrics(samples: Mapping[str, Mapping[tuple[str, ...], float]], labels: Mapping[str, tuple[str, ...]]) -> bytes:
    """Prometheus text: metric to values of its labels to sample; `labels` names those of each metric."""
    lines = ['kafka_filter_build_info{filter_release="0.1.0",kafka_release="4.3",reporter="proxy"} 1']
    for name, found in samples.items():
        lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
        for values, sample in found.items():
            pairs = zip((*labels[name], "reporter"), (*values, "proxy"), strict=True)
            lines.append(f"{name}{{{','.join(f'{key}={_quoted(value)}' for key, value in pairs)}}} {sample:g}")
    return ("\n".join(lines) + "\n").encode()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
