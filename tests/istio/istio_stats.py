"""What a proxy of Istio tells of itself: which statistics it keeps, their labels, and what its agent tells beside them.

The bootstrap is what Istio 1.31 itself renders from the pieces of istio/telemetry.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import yaml

from lab import Envoy, Failed
from manifests import ISTIO

TELEMETRY = ISTIO / "telemetry"

# What Istio's own code renders for a proxy with all pieces of istio/telemetry; `make test-istiod` keeps it so.
RENDERED = Path(__file__).parent / "golden" / "bootstrap.json"

# What stands in for Istio's own TCP metrics, which only Istio's build of Envoy has.
OF_CONNECTIONS = ("tcp.", "listener.")


def istio_bootstrap(folder: Path, tags: Sequence[str] | None = None) -> Path:
    """stats_config of a proxy, written to a file; `tags` are extraStatTags in place of those of the MeshConfig snippet."""
    config = json.loads(RENDERED.read_text())["stats_config"]
    if tags is not None:
        others = [rule for rule in config["stats_tags"] if rule["regex"] != _rule(rule["tag_name"])]
        config["stats_tags"] = [*({"tag_name": tag, "regex": _rule(tag)} for tag in tags), *others]
    config["stats_matcher"]["inclusion_list"]["patterns"] += [{"prefix": prefix} for prefix in OF_CONNECTIONS]
    written = folder / "istio-bootstrap.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    written.write_text(yaml.safe_dump({"stats_config": config}))
    return written


def _rule(tag: str) -> str:
    """Istio's expression for a tag of extraStatTags."""
    return rf"({tag}=\.=(.*?);\.;)"


class Agent:
    """A sidecar's agent: at /stats/prometheus Envoy's statistics, Istio's TCP metrics, and what it counts itself.

    Istio's TCP metrics are made of Envoy's own counts of the listeners, so they are true of this Envoy; their labels are
    as Istio gives them. `own` is a text in Prometheus's format.
    """

    def __init__(self, envoy: Envoy, workload: str, service: str, own: str = "") -> None:
        self._envoy, self._workload, self._service, self._own = envoy, workload, service, own
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self._text))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Agent:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def _text(self) -> str:
        lines = [self._envoy.admin("/stats/prometheus"), self._own]
        for context, reporter in (("SIDECAR_OUTBOUND", "source"), ("SIDECAR_INBOUND", "destination")):
            opened = self._count(f"tcp.{context}.downstream_cx_total")
            ended = opened - self._count(f"listener.{context}.downstream_cx_active")
            ends = {"source": self._workload, "destination": "brokers"} if reporter == "source" else \
                {"source": "unknown", "destination": self._workload}
            labels = f'reporter="{reporter}",source_workload="{ends["source"]}",' \
                     f'destination_workload="{ends["destination"]}",destination_service_name="{self._service}"'
            for event, count in (("opened", opened), ("closed", ended)):
                # Istio has no series of what never happened.
                if count > 0:
                    lines.append(f"istio_tcp_connections_{event}_total{{{labels}}} {count}")
        return "\n".join(lines) + "\n"

    def _count(self, name: str) -> int:
        found = [line for line in self._envoy.admin(f"/stats?filter=^{name}$").splitlines() if line]
        return int(found[0].rpartition(": ")[2]) if found else 0


def _answering(text: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                body, status = text().encode(), 200
            except (OSError, http.client.HTTPException, Failed) as problem:
                body, status = str(problem).encode(), 503
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
