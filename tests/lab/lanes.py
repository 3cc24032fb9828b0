"""Test suites side by side: most of their time goes into waiting for clusters, and one machine can wait for two."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from . import paths
from .process import PORTS, PORTS_VARIABLE, Child, end_on_signals, run_folder

# How often a line tells how far each lane is.
_TOLD_SECONDS = 60.0
# What a suite gets to stop its clusters when the run is interrupted.
_GRACE_SECONDS = 25.0


def run_lanes(lanes: list[list[str]]) -> int:
    """Runs the suites of each lane one after the other, the lanes side by side, and prints a lane's output at its end.

    Returns 0 when all suites passed, else the status of one that did not; its lane goes no further.
    """
    end_on_signals()
    folder = run_folder("lanes")
    size = len(PORTS) // len(lanes)
    todo = [_Lane(suites, PORTS[at * size:(at + 1) * size], folder) for at, suites in enumerate(lanes)]
    begin = told = time.monotonic()
    status = 0
    try:
        while todo:
            for lane in [lane for lane in todo if not lane.goes_on()]:
                todo.remove(lane)
                status = lane.status or status
                lane.print()
            if time.monotonic() - told > _TOLD_SECONDS:
                told = time.monotonic()
                for lane in todo:
                    print(f"{told - begin:4.0f} s  {lane.last_line()}", flush=True)
            time.sleep(0.2)
    finally:
        # Only after an interruption.
        for lane in todo:
            lane.stop()
            lane.print()
    return status


class _Lane:
    """Suites in a row, with one log.

    It has ports of its own: a broker that is stopped for a while must find its port free again.
    """

    def __init__(self, suites: list[str], ports: range, folder: Path) -> None:
        self.status = 0
        self._name = ", ".join(suites)
        self._log = folder / f"{'-'.join(suites)}.log"
        self._environment = {PORTS_VARIABLE: f"{ports.start}-{ports.stop}"}
        self._suites = suites
        self._child: Child | None = None

    def goes_on(self) -> bool:
        """Whether a suite runs, after the next one was started if one has ended well."""
        if self._child:
            if self._child.is_running():
                return True
            self.status = self._child.wait(0)
            self._child = None
        if self.status or not self._suites:
            return False
        suite, *self._suites = self._suites
        self._child = Child(suite, [sys.executable, "-u", paths.HERE / "lab.py", f"test-{suite}"], self._log,
                            environment=self._environment, grace=_GRACE_SECONDS)
        return True

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def last_line(self) -> str:
        lines = [line for line in self._text().splitlines() if line.strip()]
        return lines[-1] if lines else f"{self._name}: begins"

    def print(self) -> None:
        print(f"\n== {self._name}\n{self._text()}", flush=True)

    def _text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""
