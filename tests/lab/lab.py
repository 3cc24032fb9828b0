#!/usr/bin/env python3
"""The lab's command line: sets up and runs the real parts that tests, demo and benchmarks need. See README.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

# This file lies inside the package `lab`, whose parent folder must be the one that is searched.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

if sys.version_info < (3, 11):
    sys.exit(f"lab.py needs Python 3.11 or newer, this is {sys.version.split()[0]}")

from lab import paths  # noqa: E402
from lab.lanes import run_lanes  # noqa: E402
from lab.paths import Missing  # noqa: E402
from lab.setup import doctor, setup  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("setup", help="install the pinned parts; resumable, offline once done")
    command.add_argument("part", nargs="*",
                         help="parts or groups (demo, bench, schemas, e2e, monitoring, istio, canary, gateway, console,"
                              " release, rust, fuzz, all)")
    command.add_argument("--with", dest="extra", action="append", default=[], metavar="GROUP",
                         help="install this group too, for example --with fuzz")
    commands.add_parser("doctor", help="say what is there and what is missing")
    command = commands.add_parser("env", help="print where the parts are, as shell assignments")
    command.add_argument("--json", action="store_true", help="print them as JSON")
    for name, about in (("test-e2e", "run the end-to-end tests"),
                        ("test-monitoring", "run the tests of rules and alerts"),
                        ("test-istio", "run the tests of Istio's manifests"),
                        ("test-canary", "run the tests of kafka-canary"),
                        ("test-gateway", "run the tests of kafka-gateway"),
                        ("test-console", "run the tests of kafka-console"),
                        ("test-release", "run the tests of what a release holds")):
        command = commands.add_parser(name, help=f"{about}; further arguments go to pytest", prefix_chars="\0")
        command.add_argument("pytest", nargs=argparse.REMAINDER)
    command = commands.add_parser("test-lanes", help="run suites side by side: canary istio,gateway")
    command.add_argument("lane", nargs="+", help="suites of one lane, one after the other, with commas between them")
    arguments = parser.parse_args()
    try:
        return _COMMANDS[arguments.command](arguments)
    except Missing as missing:
        print(f"lab: {missing}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run setup again to go on where it stopped", file=sys.stderr)
        return 130


def _setup(arguments: argparse.Namespace) -> int:
    setup([*(arguments.part or ["default"]), *arguments.extra])
    return 0


def _doctor(_: argparse.Namespace) -> int:
    return 0 if doctor() else 1


def _env(arguments: argparse.Namespace) -> int:
    values = paths.environment()
    print(json.dumps(values, indent=2) if arguments.json else "\n".join(f"{k}={v!r}" for k, v in values.items()))
    return 0


def _test(arguments: argparse.Namespace) -> int:
    """`test-e2e` runs tests/e2e with the parts of the group e2e, and the others likewise."""
    group = arguments.command.removeprefix("test-")
    setup([group], quiet=True)
    folder = f"tests/{group}"
    command = [str(paths.PYTHON), "-m", "pytest", "-c", f"{folder}/pytest.ini", *arguments.pytest]
    if not any(argument.startswith(f"{folder}/") or ".py" in argument for argument in arguments.pytest):
        command.append(folder)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(command, cwd=paths.REPOSITORY, env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # pytest got the same signal and is cleaning up


def _test_lanes(arguments: argparse.Namespace) -> int:
    lanes = [lane.split(",") for lane in arguments.lane]
    setup([suite for lane in lanes for suite in lane], quiet=True)
    return run_lanes(lanes)


_COMMANDS = {"setup": _setup, "doctor": _doctor, "env": _env, "test-e2e": _test, "test-monitoring": _test,
             "test-istio": _test, "test-canary": _test, "test-gateway": _test, "test-console": _test,
             "test-release": _test, "test-lanes": _test_lanes}

if __name__ == "__main__":
    sys.exit(main())
