"""What takes turns in `bench.py gateway`: a bare handler, a stand-in for kprf, and the gateway in each way of running.

All programs run during the whole measurement, each with a topic of its own, so that rounds can take turns and what
reached Kafka can be counted for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import Failed, accepts, free_port, paths, wait_until

sys.path.append(str(paths.REPOSITORY / "tests" / "gateway"))

from gateway import BINARY, Gateway  # noqa: E402

CRATE = paths.REPOSITORY / "tests" / "bench" / "gateway"
PUSH_LUA = CRATE / "push.lua"

# The shape of kprf's own benchmark: acknowledged by the leader, collected for 10 ms. The queue holds what arrives in a
# pause of the broker on the same two cores, and is the same for all; so is the time a record may wait in it.
QUEUE_MIB = 128
KAFKA: Mapping[str, int] = {"request_required_acks": 1, "queue_buffering_max_ms": 10,
                            "queue_buffering_max_kbytes": QUEUE_MIB * 1024, "message_timeout_ms": 30_000}
STAND_IN = {"request.required.acks": 1, "queue.buffering.max.ms": 10, "queue.buffering.max.kbytes": QUEUE_MIB * 1024,
            "message.timeout.ms": 30_000, "queue.buffering.max.messages": 100_000, "retries": 3,
            "message.max.bytes": 1 << 20, "request.timeout.ms": 30_000}


@dataclass(frozen=True)
class Arm:
    """A program, and how it is asked."""

    name: str
    program: str
    waits: bool = False
    # `None` is no write-ahead log.
    fsync: str | None = None

    @property
    def topic(self) -> str:
        return self.name.replace(",", "").replace(" ", "-")


BARE = Arm("bare handler", "bare")
STAND_IN_ASYNC = Arm("stand-in, asynchronous", "stand-in")
STAND_IN_WAITS = Arm("stand-in, waiting", "stand-in", waits=True)
ASYNC = Arm("gateway, asynchronous", "gateway")
WAITS = Arm("gateway, waiting", "gateway", waits=True)
LOGS = tuple(Arm(f"gateway, log, fsync {fsync}", f"gateway-{fsync}", fsync=fsync)
             for fsync in ("always", "interval", "never"))
ALL = (BARE, STAND_IN_ASYNC, STAND_IN_WAITS, ASYNC, WAITS, *LOGS)


@dataclass
class Program:
    """One that runs."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the whole process, in the scheduler's ticks of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self) -> None:
        """From here on the peak of resident memory counts anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_mib(self) -> float:
        """The peak of resident memory since `forget_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise Failed(f"process {self.pid} has no VmHWM")


def build() -> Path:
    """Builds the programs to measure against, quick when nothing changed, and finds the gateway."""
    if not BINARY.is_file():
        raise Failed(f"{BINARY} is missing: run `make gateway`")
    cargo = [os.environ.get("CARGO", "cargo")]
    manifest = ["--locked", "--manifest-path", str(CRATE / "Cargo.toml")]
    done = subprocess.run([*cargo, "build", "--release", *manifest], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"cargo did not build {CRATE.name}:\n{done.stderr[-3000:]}")
    told = subprocess.run([*cargo, "metadata", "--no-deps", "--format-version", "1", *manifest], capture_output=True,
                          text=True, check=True).stdout
    return Path(json.loads(told)["target_directory"]) / "release" / "kafka-gateway-bench"


@contextlib.contextmanager
def running(tool: Path, folder: Path, bootstrap: str, arms: tuple[Arm, ...]) -> Iterator[dict[str, Program]]:
    """All programs of these arms, by name, ready."""
    with contextlib.ExitStack() as stack:
        programs: dict[str, Program] = {}
        for arm in arms:
            if arm.program in programs:
                continue
            if arm.program.startswith("gateway"):
                gateway = Gateway(folder / arm.program, bootstrap, settings(arm, folder))
                stack.enter_context(gateway)
                programs[arm.program] = Program(gateway.port, gateway.pid)
            else:
                programs[arm.program] = stack.enter_context(_reference(tool, arm.program, bootstrap, folder))
        yield programs


def settings(arm: Arm, folder: Path) -> dict[str, Any]:
    """The gateway's file, besides addresses."""
    told: dict[str, Any] = {"kafka": dict(KAFKA)}
    if arm.fsync:
        home = folder / arm.program / "log"
        home.mkdir(parents=True, exist_ok=True)
        told["wal"] = {"directory": str(home), "fsync": arm.fsync}
    return told


@contextlib.contextmanager
def _reference(tool: Path, name: str, bootstrap: str, folder: Path) -> Iterator[Program]:
    """A server of the bench's own crate. It ends when its standard input does, so it cannot outlive the run."""
    port = free_port()
    command = [str(tool), name, "--port", str(port)]
    if name == "stand-in":
        command += ["--brokers", bootstrap]
        for key, value in STAND_IN.items():
            command += ["--set", f"{key}={value}"]
    with (folder / f"{name}.log").open("ab") as output:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output)
    try:
        wait_until(f"{name} to listen", lambda: accepts(port) or server.poll() is not None, 10)
        if server.poll() is not None:
            raise Failed(f"{name} did not start")
        yield Program(port, server.pid)
    finally:
        if server.stdin:
            server.stdin.close()
        server.wait(10)
