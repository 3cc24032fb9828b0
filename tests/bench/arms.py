"""The arms of a measurement: the same road from the load to the broker, with more and less on it.

Each proxied arm is an Envoy process of its own, all of them alive during the whole run, so that rounds can take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import Envoy, Failed, bootstrap, cluster, free_port, listener, paths, wasm_filter

DIRECT, TCP, TCP_AGAIN = "direct", "tcp_proxy", "tcp_proxy again"
NULL, COPY, FLOOR, FILTER = "null wasm", "copy wasm", "floor wasm", "kafka-filter"
ALL = (DIRECT, TCP, NULL, COPY, FLOOR, FILTER, TCP_AGAIN)

# What a configuration can turn off: the groups of `metrics`, and the facts for access logs.
SWITCHES = ("topics", "topic_duration", "end_to_end_latency", "clients", "software", "deprecated", "groups", "lag",
            "access_log")
# Each switch on alone over what is always on. Alone and not left out: what two groups share then counts for both, so
# that no group looks cheaper than it is.
BASE = "base only"
ALONE = {f"base + {switch}": switch for switch in SWITCHES}
GROUP_ARMS = (TCP, FLOOR, BASE, *ALONE, FILTER, TCP_AGAIN)


def switched(*on: str) -> dict[str, object]:
    """The configuration in which these switches are on and the others off."""
    metrics: dict[str, object] = {switch: switch in on for switch in SWITCHES if switch != "access_log"}
    return {"metrics": metrics, "access_log": "access_log" in on}


# The arms with the filter itself, and how it is configured.
FILTERS: dict[str, dict[str, object]] = {
    FILTER: {}, BASE: switched(), **{name: switched(switch) for name, switch in ALONE.items()}}


@dataclass(frozen=True)
class Tools:
    """The programs that a run needs, built."""

    load: Path
    filters: Path
    filter: Path


@dataclass
class Arm:
    """One road: where the load connects to, and the Envoy that is there, if it is one."""

    name: str
    port: int
    envoy: Envoy | None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def build(module: Path = paths.ARTIFACT) -> Tools:
    """Builds the load and the reference filters, quick when nothing changed; `module` is the filter itself."""
    _cargo("build", "--release", "-p", "kafka-bench")
    _cargo("build", "--profile", "wasm", "--target", "wasm32-wasip1", "-p", "kafka-bench-filters")
    metadata = json.loads(_cargo("metadata", "--no-deps", "--format-version", "1"))
    target = Path(metadata["target_directory"])
    reference = target / "wasm32-wasip1" / "wasm" / "kafka_bench_filters.wasm"
    return Tools(target / "release" / "kafka-bench", reference, module)


@dataclass
class StandIn:
    """The in-memory broker, running."""

    port: int
    pid: int


@contextlib.contextmanager
def stand_in(tools: Tools, partitions: int = 1, quiet: bool = False) -> Iterator[StandIn]:
    """Runs the in-memory broker. It ends when its stdin does, so it cannot outlive the run.

    `quiet` is for clients that provoke it: it says why it ends a connection.
    """
    broker = subprocess.Popen([tools.load, "broker", "--partitions", str(partitions)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None, text=True)
    try:
        line = broker.stdout.readline() if broker.stdout else ""
        if not line.startswith("listening on "):
            raise Failed(f"the stand-in broker did not start: {line!r}")
        yield StandIn(int(line.rsplit(":", 1)[1]), broker.pid)
    finally:
        for pipe in (broker.stdin, broker.stdout):
            if pipe:
                pipe.close()
        broker.wait(10)


@contextlib.contextmanager
def envoys(folder: Path, tools: Tools, names: Sequence[str], broker: int, concurrency: int = 1) -> Iterator[list[Arm]]:
    """Starts an Envoy for each arm but `direct`, in front of the broker's port."""
    with contextlib.ExitStack() as stack:
        arms = []
        for name in names:
            if name == DIRECT:
                arms.append(Arm(name, broker, None))
                continue
            port = free_port()
            envoy = Envoy(folder, _config(name, tools, port, broker), _overlays(name), concurrency,
                          log_level="warning", name=name.replace(" ", "-"))
            arms.append(Arm(name, port, stack.enter_context(envoy)))
        yield arms


def load(tools: Tools, arguments: Sequence[str], cpus: Sequence[int] = (), timeout: float = 120.0) -> str:
    """Runs the load to its end and returns what it printed."""
    done = subprocess.run([tools.load, *arguments], capture_output=True, text=True, timeout=timeout, check=False,
                          preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if done.returncode != 0:
        raise Failed(f"kafka-bench {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def pin(pid: int, cpus: Sequence[int]) -> None:
    """Binds every thread of a process; threads that it starts later inherit it."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end between the listing and the call.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cpus)


def _config(name: str, tools: Tools, port: int, broker: int) -> dict:
    if name in FILTERS:
        filters = [wasm_filter(FILTERS[name], tools.filter)]
    elif name in (TCP, TCP_AGAIN):
        filters = []
    else:
        word = {NULL: "null", COPY: "copy", FLOOR: "floor"}[name]
        filters = [wasm_filter(word, tools.filters, word, word)]
    return bootstrap([listener("kafka", port, "broker", filters)], [cluster("broker", broker)])


def _overlays(name: str) -> list[Path]:
    """The filter is measured as it is deployed: with the tag rules that its metric names need."""
    return [paths.STATS_TAGS] if name in FILTERS else []


def _cargo(*arguments: str) -> str:
    done = subprocess.run(["cargo", *arguments], cwd=paths.REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"cargo {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout
