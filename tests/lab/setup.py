"""`lab.py setup` and `doctor`: install the parts that are not there yet, or say what keeps them from it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterable
from typing import TextIO

from . import paths
from .parts import Part, all_parts, groups
from .paths import Missing


def select(names: Iterable[str]) -> list[Part]:
    """The parts that names of parts and groups stand for, in installing order."""
    parts = all_parts()
    known = groups() | {part.name: [part.name] for part in parts} | {"all": [part.name for part in parts]}
    wanted: set[str] = set()
    for name in names or ["default"]:
        if name not in known:
            raise Missing(f"no part or group is called {name!r}; there are: {', '.join(known)}")
        wanted.update(known[name])
    return [part for part in parts if part.name in wanted]


def setup(names: Iterable[str], quiet: bool = False) -> None:
    """Installs what is not there. Raises Missing with every lacking prerequisite at once."""
    parts = select(names)
    lacking: dict[str, list[str]] = {}
    for part in parts:
        for need in [] if part.is_done() else part.needs():
            lacking.setdefault(need, []).append(part.name)
    if lacking:
        lines = [f"  {need} (for {', '.join(names)})" for need, names in lacking.items()]
        raise Missing("\n".join(["these are missing:", *lines, "install them and run setup again"]))
    if all(part.is_done() for part in parts):
        if not quiet:
            print(f"setup: all {len(parts)} parts are in place in {paths.LAB}")
        return
    paths.STAMPS.mkdir(parents=True, exist_ok=True)
    with (paths.LAB / "lock").open("w") as lock:
        _acquire(lock)
        for number, part in enumerate(parts, 1):
            _install(part, f"[{number}/{len(parts)}] {part.name}")


def doctor() -> bool:
    """Prints the state of each part and of the filter's artefact; true when tests can run."""
    healthy = True
    for part in all_parts():
        needs = part.needs()
        optional = part.name not in groups()["default"]
        if part.is_done():
            state = "ok"
        else:
            state = "not set up" + (" (optional)" if optional else "")
            healthy = healthy and optional
        print(f"{part.name:20} {state:24} {part.about}")
        for need in needs:
            print(f"{'':20} {need}")
            healthy = healthy and optional
    for path, remedy in ((paths.ARTIFACT, "make wasm"), (paths.STATS_TAGS, "make generate")):
        there = path.is_file()
        print(f"{path.name:20} {'ok' if there else 'missing: ' + remedy}")
    return healthy


def _install(part: Part, label: str) -> None:
    if part.is_done():
        print(f"{label}: in place", flush=True)
        return
    print(f"{label}: {part.about} ...", flush=True)
    started = time.monotonic()
    part.stamp.unlink(missing_ok=True)
    part.install()
    scratch = part.stamp.with_suffix(".new")
    scratch.write_text(part.fingerprint() + "\n")
    scratch.rename(part.stamp)
    print(f"{label}: done in {time.monotonic() - started:.1f} s", flush=True)


def _acquire(lock: TextIO) -> None:
    """One setup at a time: a second one waits, and then finds the work done."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another setup is running: waiting for it ...", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
