"""What a proxy of Istio tells of itself: which statistics it keeps, their labels, and what its agent tells beside them.

The bootstrap is rendered from the pieces of istio/telemetry as Istio 1.31 does it.
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
from manifests import ISTIO, load

TELEMETRY = ISTIO / "telemetry"

# What the bootstrap of an Istio proxy has beside one rule for each of `extraStatTags`; none of the generic ones is
# anchored. Its flag use_all_default_tags is false.
ISTIO_RULES = {
    "cluster_name": r"^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)",
    "tcp_prefix": r"^tcp\.((.*?)\.)\w+?$",
    "response_code": r"_rq(_(\d{3}))$",
    "response_code_class": r"_rq(_(\dxx))$",
    "mongo_prefix": r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$",
    "cache": r"(cache\.(.+?)\.)",
    "component": r"(component\.(.+?)\.)",
    "tag": r"(tag\.(.+?);\.)",
    "wasm_filter": r"(wasm_filter\.(.+?)\.)",
    "authz_enforce_result": r"rbac(\.(allowed|denied))",
    "authz_dry_run_action": r"(\.istio_dry_run_(allow|deny)_)",
    "authz_dry_run_result": r"(\.shadow_(allowed|denied))",
}

# Statistics that it keeps; all others are never made. With a site's own prefixes from proxyStatsMatcher.
KEPT_PREFIXES = ("reporter=", "cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm", "component",
                 "istio")
KEPT_SUFFIXES = ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")
# What stands in for Istio's own TCP metrics, which only Istio's build of Envoy has.
OF_CONNECTIONS = ("tcp.", "listener.")


def istio_bootstrap(folder: Path, tags: Sequence[str] | None = None) -> Path:
    """stats_config of a proxy, written to a file; without `tags` those of the MeshConfig snippet."""
    if tags is None:
        tags = load(TELEMETRY / "meshconfig-extra-stat-tags.yaml")["meshConfig"]["defaultConfig"]["extraStatTags"]
    annotations = load(TELEMETRY / "histogram-buckets.yaml")["spec"]["template"]["metadata"]["annotations"]
    buckets = json.loads(annotations["sidecar.istio.io/statsHistogramBuckets"])
    site = load(TELEMETRY / "proxy-stats-matcher.yaml")["meshConfig"]["defaultConfig"]["proxyStatsMatcher"]
    rules = {tag: rf"({tag}=\.=(.*?);\.;)" for tag in tags} | ISTIO_RULES
    prefixes = (*KEPT_PREFIXES, *site["inclusionPrefixes"], *OF_CONNECTIONS)
    patterns = [{"prefix": prefix} for prefix in prefixes] + [{"suffix": suffix} for suffix in KEPT_SUFFIXES]
    config = {"stats_config": {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": tag, "regex": expression} for tag, expression in rules.items()],
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
        "histogram_bucket_settings": [{"match": {"prefix": prefix}, "buckets": bounds}
                                      for prefix, bounds in buckets.items()]}}
    written = folder / "istio-bootstrap.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    written.write_text(yaml.safe_dump(config))
    return written


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
