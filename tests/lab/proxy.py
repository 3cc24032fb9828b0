"""Envoy as a child process, and the pieces of a configuration for it: listeners with or without the filter, clusters.

    envoy = Envoy(folder, bootstrap([listener("kafka", port, "broker", filters=[wasm_filter({})])],
                                    [cluster("broker", kafka.port("PROXY"))]), overlays=[paths.STATS_TAGS])
    with envoy:
        ...
        envoy.stats().metric("kafka_filter_requests_total").label(request="Produce").at_least(1)
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import paths
from .process import Child, Failed, free_port, wait_until
from .stats import Stats

Json = dict[str, Any]


class Envoy:
    """One Envoy with an admin port of its own; use it in a `with` block. Ready means: listeners accept.

    `config` is a bootstrap as a dict, or the path of a YAML or JSON file (`substitutions` then replaces texts in it,
    each of which must occur: for ports written into an example). `overlays` are YAML files merged over it, such as
    envoy/stats-tags.yaml. Relative paths in a configuration start at the repository. Connections of a listener that
    was replaced are closed after `drain_seconds`. Histograms lag behind by `flush_seconds`: only then Envoy merges
    those of its workers.
    """

    def __init__(self, folder: Path, config: Json | Path, overlays: Sequence[Path] = (), concurrency: int = 2,
                 substitutions: Mapping[str, str] | None = None, log_level: str = "info", name: str = "envoy",
                 drain_seconds: int = 1, flush_seconds: float = 0.2) -> None:
        self.folder = folder
        self.name = name
        self.admin_port = free_port()
        self.log = folder / f"{name}.log"
        self.access_log = folder / f"{name}.access.jsonl"
        self._config = config
        self._overlays = overlays
        self._concurrency = concurrency
        self._substitutions = substitutions or {}
        self._log_level = log_level
        self._drain_seconds = drain_seconds
        self._flush_seconds = flush_seconds
        self._child: Child | None = None

    def __enter__(self) -> Envoy:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def start(self, timeout: float = 60.0) -> None:
        """Returns once every worker's listeners accept. Raises Failed with the log when Envoy refuses to start."""
        self._child = Child(self.name, self._command(), self.folder / f"{self.name}.out", cwd=paths.REPOSITORY)
        try:
            wait_until(f"{self.name} to be ready", self._is_ready, timeout, self._child)
        except Failed as failed:
            self.stop()
            severe = [line for line in self.log_lines() if _SEVERE.match(line)]
            raise Failed("\n    ".join([str(failed), f"-- warnings and errors in {self.log}", *severe[-10:]])) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    @property
    def pid(self) -> int:
        """Envoy's own process id, for reading its CPU time and memory."""
        if not self._child:
            raise Failed(f"{self.name} was not started")
        return self._child.pid

    def is_running(self) -> bool:
        return bool(self._child and self._child.is_running())

    def admin(self, path: str, method: str = "GET") -> str:
        """The body of an admin answer; raises Failed unless it is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=20)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise Failed(f"{self.name} admin {path}: {response.status} {body[:300]}")
        return body

    def stats(self) -> Stats:
        """All statistics, as Prometheus sees them."""
        return Stats.parse(self.admin("/stats/prometheus"))

    def counter(self, name: str) -> int:
        """One statistic by Envoy's own name, such as `listener_manager.lds.update_rejected`; 0 when not there."""
        for line in self.admin(f"/stats?filter=^{re.escape(name)}$").splitlines():
            found, _, value = line.partition(": ")
            if found == name:
                return int(value)
        return 0

    def quiet_stats(self, timeout: float = 20.0) -> Stats:
        """The filter's statistics once all connections are closed, all is handed over, and histograms are merged.

        The filter hands its counters over once a second, each worker its own.
        """
        gauge = "kafka_filter_connections_active"
        wait_until(f"{gauge} to return to zero", lambda: self.stats().total(gauge) == 0, timeout, self._child)
        # One that never agrees is the reader's to find: its numbers tell more than a timeout.
        deadline = time.monotonic() + 3 + 2 * self._flush_seconds
        while True:
            accepted = self._accepted()
            stats = self.stats()
            measured = stats.total("kafka_filter_request_duration_microseconds_count")
            agreed = (measured == stats.total("kafka_filter_responses_total")
                      and accepted == stats.total("kafka_filter_connections_closed_total"))
            if agreed:
                # A worker may have handed over while that was being read: some of it was read before, some after.
                time.sleep(_HANDING_OVER_SECONDS)
                return self.stats()
            if time.monotonic() > deadline:
                return stats
            time.sleep(0.05)

    def _accepted(self) -> int:
        """How many connections the listeners have taken so far, by Envoy's own count."""
        lines = self.admin("/stats?filter=^listener\\..*\\.downstream_cx_total$").splitlines()
        counts = (line.rpartition(": ") for line in lines)
        return sum(int(value) for name, _, value in counts if ".worker_" not in name and ".admin." not in name)

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, user and system (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def memory_kib(self) -> tuple[int, int]:
        """Resident memory now, and its highest so far (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        now, peak = re.search(r"VmRSS:\s+(\d+)", status), re.search(r"VmHWM:\s+(\d+)", status)
        if not now or not peak:
            raise Failed("/proc tells no memory of Envoy")
        return int(now[1]), int(peak[1])

    def log_lines(self) -> list[str]:
        """The lines of Envoy's log that are written to their end."""
        return self.log.read_text(errors="replace").split("\n")[:-1] if self.log.exists() else []

    def access_entries(self) -> list[Json]:
        """What the listeners made with `access_log=envoy.access_log` wrote, a dict for each closed connection."""
        if not self.access_log.exists():
            return []
        return [json.loads(line) for line in self.access_log.read_text().splitlines() if line]

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [
            paths.envoy_binary(), "-c", self._written_config(), "--config-yaml", self._overlay(),
            "--use-dynamic-base-id", "--concurrency", str(self._concurrency), "--log-path", self.log,
            "--log-level", self._log_level, "--file-flush-interval-msec", "100",
            "--drain-time-s", str(self._drain_seconds), "--parent-shutdown-time-s", str(self._drain_seconds + 1)]
        return command

    def _written_config(self) -> Path:
        if isinstance(self._config, Path):
            text, suffix = self._config.read_text(), self._config.suffix
        else:
            text, suffix = json.dumps(self._config, indent=1), ".json"
        for old, new in self._substitutions.items():
            if old not in text:
                raise Failed(f"{self._config} holds no {old!r} to replace")
            text = text.replace(old, new)
        written = self.folder / f"{self.name}.config{suffix}"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text)
        return written

    def _overlay(self) -> str:
        """Admin port, flush interval and the overlay files as one YAML document.

        Each file is a block of top-level keys of its own.
        """
        admin = json.dumps(address("127.0.0.1", self.admin_port))
        own = f"admin: {{address: {admin}}}\nstats_flush_interval: {self._flush_seconds:.3f}s"
        return "\n".join([own, *(overlay.read_text() for overlay in self._overlays)])

    def _is_ready(self) -> bool:
        try:
            return self.admin("/ready").strip() == "LIVE" and self.counter("listener_manager.workers_started") == 1
        except (OSError, http.client.HTTPException, Failed):
            return False


def address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def bootstrap(listeners: Sequence[Json], clusters: Sequence[Json], lds: Path | None = None) -> Json:
    """A static bootstrap. With `lds`, listeners come from that file instead, see `write_lds`."""
    if lds is None:
        return {"static_resources": {"listeners": list(listeners), "clusters": list(clusters)}}
    write_lds(lds, listeners, "1")
    source = {"path_config_source": {"path": str(lds), "watched_directory": {"path": str(lds.parent)}},
              "resource_api_version": "V3"}
    return {"node": {"id": "lab", "cluster": "lab"}, "dynamic_resources": {"lds_config": source},
            "static_resources": {"clusters": list(clusters)}}


def write_lds(path: Path, listeners: Sequence[Json], version: str) -> None:
    """Replaces the listener file as a whole, as Envoy's file watch needs it: by a rename into the watched folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    typed = [{"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", **one} for one in listeners]
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(json.dumps({"version_info": version, "resources": typed}))
    scratch.rename(path)


def listener(name: str, port: int, to_cluster: str, filters: Sequence[Json] = (), access_log: Path | None = None,
             direction: str = "UNSPECIFIED", balance: bool = False) -> Json:
    """A listener on 127.0.0.1 with network filters before tcp_proxy.

    `balance` spreads connections evenly over the workers.
    """
    proxy: Json = {"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                   "stat_prefix": name, "cluster": to_cluster}
    if access_log:
        proxy["access_log"] = [_json_access_log(access_log)]
    chain = [*filters, {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]
    made: Json = {"name": name, "stat_prefix": name, "address": address("127.0.0.1", port),
                  "traffic_direction": direction, "filter_chains": [{"filters": chain}]}
    if balance:
        made["connection_balance_config"] = {"exact_balance": {}}
    return made


def wasm_filter(configuration: Json | str | None, artifact: Path | None = None, name: str = "kafka_filter",
                vm_id: str = "kafka_filter") -> Json:
    """The filter as a network filter: V8, fail open. `configuration` is JSON, or a text passed on as it is."""
    text = json.dumps(configuration) if isinstance(configuration, dict) else configuration
    config: Json = {
        "name": name, "root_id": name, "fail_open": True,
        "vm_config": {"vm_id": vm_id, "runtime": "envoy.wasm.runtime.v8",
                      "code": {"local": {"filename": str(artifact or paths.artifact())}}}}
    if text is not None:
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    return {"name": "envoy.filters.network.wasm",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
                             "config": config}}


def cluster(name: str, port: int, host: str = "127.0.0.1") -> Json:
    endpoint = {"endpoint": {"address": address(host, port)}}
    return {"name": name, "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


def unexpected_log_lines(lines: Sequence[str], allowed: Sequence[tuple[str, str]] = ()) -> list[str]:
    """The warnings and errors in an Envoy log, without those that match an allowed (pattern, reason)."""
    patterns = [re.compile(pattern) for pattern, _ in (*ALLOWED_LOG, *allowed)]
    return [line for line in lines if _SEVERE.match(line) and not any(p.search(line) for p in patterns)]


def _json_access_log(path: Path) -> Json:
    fields = {"downstream": "%DOWNSTREAM_REMOTE_ADDRESS%", "upstream_local": "%UPSTREAM_LOCAL_ADDRESS%",
              "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "flags": "%RESPONSE_FLAGS%",
              **{fact: f"%FILTER_STATE(wasm.kafka_{fact}:PLAIN)%" for fact in FACTS}}
    return {"name": "envoy.access_loggers.file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(path), "log_format": {"json_format": fields}}}


# What the filter tells of a connection, for access logs.
FACTS = ("client_id", "client_software", "topics", "opaque_reason")

# Envoy's own warnings in a healthy run: (pattern, reason).
ALLOWED_LOG: tuple[tuple[str, str], ...] = (
    (r"\[main\].*There is no configured limit to the number of allowed active downstream connections",
     "a bootstrap without an overload manager; a matter of the deployment"),
    (r"Deprecated field: type envoy\.extensions\.wasm\.v3\.PluginConfig Using deprecated option .*fail_open",
     "fail_open is deprecated, and still the only policy that keeps live connections open when a VM traps"),
)

_SEVERE = re.compile(r"\[[^\]]*\]\[\d+\]\[(warning|error|critical)\]")
# Far longer than a worker takes to hand its counters over once it has begun.
_HANDING_OVER_SECONDS = 0.05
_CLOCK_TICKS = 100  # USER_HZ, which is 100 on every Linux architecture that Envoy is built for
