"""Child processes that always end: each in a group of its own, ended by its id when its owner leaves.

Also here: free ports, waiting for a condition, and the folder that keeps a run's logs.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

from . import paths

T = TypeVar("T")

# Below the ephemeral range; and the variable that takes a part of it for a suite that runs beside others.
PORTS = range(20000, 32000)
PORTS_VARIABLE = "KAFKA_FILTER_PORTS"


class Failed(RuntimeError):
    """A child did not do what it was started for; the text holds the end of its log."""


class Child:
    """A started process with its output in a log file.

    `stop` sends SIGTERM to the child's process group, then SIGKILL after `grace` seconds. Whatever still runs when the
    interpreter exits is stopped then; on Linux a child also dies when its parent was killed.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, cwd: Path | None = None,
                 environment: Mapping[str, str] | None = None, grace: float = 10.0) -> None:
        self.name = name
        self.log = log
        self._grace = grace
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_parent_death_signal(),
                env={**os.environ, **(environment or {})})
        _RUNNING.add(self)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, timeout: float) -> int:
        """The exit status; raises Failed when the child is still running after `timeout` seconds."""
        try:
            status = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs after {timeout:.0f} s{self.tail()}") from None
        _RUNNING.discard(self)
        return status

    def stop(self) -> None:
        _RUNNING.discard(self)
        if not self.is_running():
            return
        self._signal(signal.SIGTERM)
        # A frozen child hears nothing else.
        self._signal(signal.SIGCONT)
        try:
            self._popen.wait(self._grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait(self._grace)

    def kill(self) -> None:
        """Ends it at once, without a chance to tidy up."""
        _RUNNING.discard(self)
        self._signal(signal.SIGKILL)
        self._popen.wait(self._grace)

    def freeze(self) -> None:
        """It stays, but does nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 25) -> str:
        """The log's last lines, as an appendix to an error message."""
        last = self.output().splitlines()[-lines:]
        return "".join(f"\n    {line}" for line in [f"-- end of {self.log}", *last])

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)


def wait_until(what: str, probe: Callable[[], T | None], timeout: float = 30.0, child: Child | None = None,
               interval: float = 0.05) -> T:
    """Calls `probe` until it returns something true. Raises Failed after `timeout`, or when `child` has ended."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if child and not child.is_running():
            raise Failed(f"{child.name} ended while waiting for {what}{child.tail()}")
        if time.monotonic() > deadline:
            raise Failed(f"waited {timeout:.0f} s for {what}{child.tail() if child else ''}")
        time.sleep(interval)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, never the same one twice in a process.

    Taken below the ephemeral range, so that no outgoing connection takes it before its owner has bound it, and from
    KAFKA_FILTER_PORTS (20000-26000) when that is set.
    """
    for _ in range(1000):
        port = random.SystemRandom().choice(_own_ports())
        with socket.socket() as probe, _PORTS_LOCK:
            if port in _PORTS:
                continue
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _PORTS.add(port)
            return port
    raise Failed(f"no free port in {_own_ports()}")


def _own_ports() -> range:
    first, _, last = os.environ.get(PORTS_VARIABLE, "").partition("-")
    return range(int(first), int(last)) if last else PORTS


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run_folder(name: str, keep: int = 12) -> Path:
    """A new folder for the logs and data of one run, under the lab's `runs/`; the oldest beyond `keep` are removed."""
    paths.RUNS.mkdir(parents=True, exist_ok=True)
    earlier = sorted((folder for folder in paths.RUNS.iterdir() if folder.is_dir()), key=lambda f: f.stat().st_mtime)
    for folder in earlier[:-keep]:
        if not _is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)
    folder = paths.RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{os.getpid()}"
    number = 0
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{folder.name.split('+')[0]}+{number}")
    folder.mkdir()
    (folder / "owner.pid").write_text(str(os.getpid()))
    return folder


def end_on_signals() -> None:
    """Makes SIGTERM and SIGHUP leave through the `with` blocks and exit handlers, as Ctrl-C does.

    SIGINT too: a shell starts background jobs with it ignored, and a script that sends it means it.
    """
    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_alive(folder: Path) -> bool:
    try:
        os.kill(int((folder / "owner.pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _parent_death_signal() -> Callable[[], None] | None:
    """A hook that lets the kernel kill the child with its parent.

    Only from the main thread: the signal comes when the thread ends that started the child.
    """
    if _LIBC is None or threading.current_thread() is not threading.main_thread():
        return None
    return lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _stop_all() -> None:
    for child in list(_RUNNING):
        child.stop()


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PORTS: set[int] = set()
_PORTS_LOCK = threading.Lock()
_RUNNING: set[Child] = set()
atexit.register(_stop_all)
