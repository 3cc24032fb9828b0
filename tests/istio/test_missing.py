"""Where the filter is missing is told of real proxies: by the alerts, and by the row of the dashboard.

Four pods, as Prometheus sees them through their agents: one that is well, one whose image was not fetched, a broker
whose inbound listener has no filter, and one that had the filter and has it no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from istio_stats import TELEMETRY, Agent, istio_bootstrap
from lab import Envoy, Kafka, Prometheus, accepts, free_port, paths, wait_until, write_lds
from lab.proxy import listener
from manifests import CONTEXTS, ENVOYFILTER, ISTIO, OVERLAYS, RBAC, Json, load, render, resource, write_ecds
from mesh import Ports, context_listener, discovered, ecds_file, greeted, lds_file, sidecar
from monitoring import dashboards

HEALTH = "filter-health.json"
SERVICE = "events-kafka-brokers"
OUTBOUND, INBOUND = "SIDECAR_OUTBOUND", "SIDECAR_INBOUND"
OPEN = 4
# Namespace, pod, workload and reporter of what has to be told.
MISSING = {("shop", "unfetched", "orders", "source"), ("kafka", "broker", "brokers", "destination"),
           ("shop", "lost", "billing", "source")}


class Connections:
    """Connections that speak Kafka and last, and shorter ones beside them, one after another, all the time."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._held = contextlib.ExitStack()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._come_and_go, daemon=True)

    def __enter__(self) -> Connections:
        for port in self._ports:
            for _ in range(OPEN):
                self._held.enter_context(greeted(port))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)
        self._held.close()

    def _come_and_go(self) -> None:
        while not self._over.wait(0.2):
            for port in self._ports:
                greeted(port).close()


@dataclass(frozen=True)
class Mesh:
    """The four pods: proxies by namespace and name, each listener's port, and what is told to Prometheus of each."""

    folder: Path
    proxies: dict[tuple[str, str], Envoy]
    ports: list[int]
    agents: dict[tuple[str, str], Agent]


@pytest.fixture(scope="module")
def mesh(folder: Path, kafka: Kafka, brokers: Ports) -> Iterator[Mesh]:
    own = folder / "missing"
    document, client_side = load(ENVOYFILTER), render(OVERLAYS / "client-side")[0]
    working = [resource(document, paths.ARTIFACT)]
    port = {pod: free_port() for pod in ("well", "unfetched", "broker", "lost")}
    with contextlib.ExitStack() as stack:
        well = stack.enter_context(_pod(own / "well", document, port["well"], brokers, working))
        unfetched = stack.enter_context(_pod(own / "unfetched", document, port["unfetched"], brokers, []))
        broker = stack.enter_context(_pod(own / "broker", client_side, port["broker"], brokers, working))
        lost = stack.enter_context(_pod(own / "lost", document, port["lost"], brokers, working))
        inbound = _add_bare_listener(own / "broker", broker, client_side, port["broker"])
        _refuse_the_module(own / "unfetched", unfetched, document)
        _lose_the_filter(own / "lost", lost, document, port["lost"])
        proxies = {("shop", "well"): well, ("shop", "unfetched"): unfetched, ("kafka", "broker"): broker,
                   ("shop", "lost"): lost}
        told = {"well": ("clicks", "success"), "unfetched": ("orders", "checksum_mismatched"),
                "broker": ("brokers", "success"), "lost": ("billing", "success")}
        agents = {place: stack.enter_context(Agent(envoy, told[place[1]][0], SERVICE, _fetched(told[place[1]][1])))
                  for place, envoy in proxies.items()}
        yield Mesh(own, proxies, [*port.values(), inbound], agents)


@pytest.fixture(scope="module")
def prometheus(mesh: Mesh) -> Iterator[Prometheus]:
    """Scrapes the four agents as a cluster's Prometheus does, while all pods have connections."""
    targets = [{"targets": [f"127.0.0.1:{agent.port}"], "labels": {"namespace": namespace, "pod": pod}}
               for (namespace, pod), agent in mesh.agents.items()]
    job = {"job_name": "pods", "metrics_path": "/stats/prometheus", "static_configs": targets}
    config = {"rule_files": [str(TELEMETRY / "alerts.yaml")], "scrape_configs": [job]}
    with Connections(mesh.ports), Prometheus(mesh.folder, config) as made:
        made.wait_for_scrapes(5)
        yield made


def test_the_alerts_name_each_place_and_no_other(prometheus: Prometheus) -> None:
    """Five minutes are too long for a test; that pending ones fire is tested with hand-made series."""
    def told(name: str) -> set[tuple[str, ...]]:
        return {tuple(alert["labels"].get(label, "") for label in ("namespace", "pod", "workload", "reporter"))
                for alert in prometheus.alerts() if alert["labels"]["alertname"] == name}

    wait_until("the alert on missing filters", lambda: told("KafkaFilterMissingInMesh") == MISSING, 30)
    wait_until("the alert on blind filters", lambda: told("KafkaFilterBlindInMesh") == MISSING, 30)
    assert told("KafkaFilterNotLoaded") == {("shop", "unfetched", "", "")}
    assert told("KafkaFilterImageNotFetched") == {("shop", "unfetched", "", "")}
    assert not told("KafkaFilterLabelsMissing")
    assert all(rule["health"] == "ok" for rule in prometheus.rules()), prometheus.rules()


def test_the_dashboard_names_each_place_and_no_other(prometheus: Prometheus) -> None:
    def lines() -> set[tuple[str, ...]]:
        labels = ("namespace", "pod", "workload", "reporter", "destination_service_name")
        return {tuple(one.labels[label] for label in labels)
                for one in prometheus.query(_query("Where it is missing [A]"))}

    expected = {(*place, SERVICE) for place in MISSING}
    wait_until("the table to name all", lambda: lines() == expected, 30)
    ran = {one.labels["pod"]: one.value for one in prometheus.query(_query("Where it is missing [C]"))}
    assert "unfetched" not in ran and ran["broker"] < 5, ran
    wait_until("the number of them", lambda: prometheus.value(_query("Pods that lack it [A]")) == len(MISSING), 30)
    assert prometheus.value(_query("Pods whose image was not fetched [A]")) == 1
    # Five listeners have as many connections that last, and three of them without the filter.
    share = prometheus.value(_query("Share of open connections that it has [A]"))
    assert 0.3 < share < 0.5, share


def test_every_query_of_the_row_finds_data(prometheus: Prometheus) -> None:
    asks = [ask for ask in [*dashboards.panel_queries(), *dashboards.variable_queries()] if dashboards.is_of_a_mesh(ask)]
    assert len(asks) > 9 and {ask.file for ask in asks} == {HEALTH}
    for ask in asks:
        prometheus.wait_for(dashboards.substituted(ask.expr, _values()), 30)


def test_the_query_of_the_page_names_who_never_had_it(prometheus: Prometheus) -> None:
    """It goes by what was ever counted, so that it is silent about one that had the filter."""
    (expression,) = re.findall(r"^```promql\n(.*?)^```", (ISTIO / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    found = {(one.labels["pod"], one.labels["reporter"]) for one in prometheus.query(expression)}
    assert found - {("lost", "source")} == {("unfetched", "source"), ("broker", "destination")}


def test_the_command_names_each_place_and_the_step(mesh: Mesh) -> None:
    """With a kubectl that asks these proxies; a pod without one is left out."""
    done = _missing(mesh, *(option for port in mesh.ports for option in ("--port", str(port))))
    told = dict(line.split("\t") for line in done.stdout.splitlines())
    assert set(told) == {"shop/unfetched", "kafka/broker", "shop/lost"}, done.stdout + done.stderr
    assert told["kafka/broker"].startswith("not in the listener")
    assert told["shop/unfetched"].startswith("sent but not running")
    assert told["shop/lost"].startswith("not fetched")
    assert done.returncode == 1 and "4 proxies: 1 with the filter, 3 without, 0 without" in done.stderr
    assert _missing(mesh, "--port", "9").returncode == 0


def test_the_command_says_what_it_cannot_read(mesh: Mesh) -> None:
    done = _missing(mesh, "--port", str(mesh.ports[0]), forbidden="pods is forbidden")
    assert (done.returncode, done.stdout) == (2, "") and "pods is forbidden" in done.stderr


def _missing(mesh: Mesh, *arguments: str, forbidden: str = "") -> subprocess.CompletedProcess[str]:
    """istio/missing.py with a kubectl for the proxies of this test."""
    folder = mesh.folder / "bin"
    folder.mkdir(exist_ok=True)
    items = [{"metadata": {"namespace": namespace, "name": name}, "status": {"phase": "Running"},
              "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "istio-proxy"}]}}
             for namespace, name in mesh.proxies]
    bare = {"metadata": {"namespace": "shop", "name": "bare"}, "status": {"phase": "Running"},
            "spec": {"containers": [{"name": "app"}]}}
    state = {"forbidden": forbidden, "pods": {"items": [*items, bare]},
             "admin": {f"{namespace}/{name}": envoy.admin_port for (namespace, name), envoy in mesh.proxies.items()}}
    (folder / "state.json").write_text(json.dumps(state))
    program = folder / "kubectl"
    program.write_text(f"#!{sys.executable}\n{_KUBECTL}")
    program.chmod(0o755)
    return subprocess.run([sys.executable, "-B", str(ISTIO / "missing.py"), *arguments], capture_output=True, text=True,
                          check=False, timeout=60, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})


# What the command asks of kubectl, answered by the admin interfaces of the test's proxies.
_KUBECTL = '''
import json, pathlib, sys, urllib.request
state = json.loads((pathlib.Path(__file__).parent / "state.json").read_text())
if state["forbidden"]:
    sys.exit(state["forbidden"])
if sys.argv[1:] == ["get", "pods", "-o", "json", "-A"]:
    print(json.dumps(state["pods"]))
else:
    verb, pod, _, namespace, *rest, path = sys.argv[1:]
    assert (verb, rest) == ("exec", ["-c", "istio-proxy", "--", "pilot-agent", "request", "GET"]), sys.argv
    port = state["admin"][f"{namespace}/{pod}"]
    print(urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20).read().decode())
'''


@contextlib.contextmanager
def _pod(folder: Path, document: Json, port: int, brokers: Ports, resources: Sequence[Json]) -> Iterator[Envoy]:
    """A client's sidecar."""
    with sidecar(folder, document, {OUTBOUND: port}, brokers, resources, overlays=[istio_bootstrap(folder)]) as envoy:
        yield envoy


def _add_bare_listener(folder: Path, envoy: Envoy, document: Json, port: int) -> int:
    """An inbound listener without the filter, beside the outbound one that has it; its port."""
    made = free_port()
    bare = listener(INBOUND, made, OUTBOUND, direction=CONTEXTS[INBOUND][0])
    write_lds(lds_file(folder), [context_listener(folder, document, OUTBOUND, port), bare], "2")
    wait_until("Envoy to listen for the broker", lambda: accepts(made))
    assert envoy.counter("listener_manager.lds.update_rejected") == 0
    return made


def _refuse_the_module(folder: Path, envoy: Envoy, document: Json) -> None:
    """What the agent fetched is no module."""
    broken = folder / "broken.wasm"
    broken.write_bytes(paths.ARTIFACT.read_bytes()[:20_000])
    write_ecds(ecds_file(folder), [resource(document, broken)], "2")
    wait_until("Envoy to refuse the module", lambda: discovered(envoy, "config_fail") > 0)


def _lose_the_filter(folder: Path, envoy: Envoy, document: Json, port: int) -> None:
    """It counts, and then the agent puts the filter that lets everyone pass in its place."""
    greeted(port).close()
    counted = "kafka_filter_connections_opened_total"
    wait_until("the filter to count", lambda: envoy.stats().total(counted) == 1)
    reloads = discovered(envoy, "config_reload")
    substitute = {"name": resource(document, paths.ARTIFACT)["name"],
                  "typed_config": {"@type": RBAC, "stat_prefix": "wasm-default-allow"}}
    write_ecds(ecds_file(folder), [substitute], "2")
    wait_until("Envoy to take the substitute", lambda: discovered(envoy, "config_reload") > reloads)


def _fetched(result: str) -> str:
    return f'istio_agent_wasm_remote_fetch_count{{result="{result}"}} 1'


def _query(place: str) -> str:
    (ask,) = [ask for ask in dashboards.panel_queries() if (ask.file, ask.place) == (HEALTH, place)]
    return dashboards.substituted(ask.expr, _values())


def _values() -> dict[str, str]:
    """As Grafana chooses them, with what it puts for "All"."""
    variables = dashboards.pages()[HEALTH]["templating"]["list"]
    return {"__rate_interval": "5s", "__range": "10m", "__interval": "1s", "reporter": "source"} | {
        one["name"]: one["allValue"] for one in variables if one.get("includeAll")}
