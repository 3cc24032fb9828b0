"""Where things are: the repository, the lab's folder, the pinned versions, and each installed part.

The lab's folder is `.lab/` at the repository root, or what KAFKA_FILTER_LAB names.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
LAB = Path(os.environ.get("KAFKA_FILTER_LAB") or REPOSITORY / ".lab").resolve()
PINS = tomllib.loads((HERE / "versions.toml").read_text())

KAFKA_CURRENT: str = PINS["kafka"]["current"]
KAFKA_PREVIOUS: str = PINS["kafka"]["previous"]
# A client library without a broker.
KAFKA_CLIENTS_OLDEST: str = PINS["kafka"]["oldest_client"]

VENV = LAB / "venv"
PYTHON = VENV / "bin" / "python"
CYCLONEDX = LAB / "cyclonedx"
SCHEMATHESIS = LAB / "schemathesis"
# Packages for one test, outside the virtual environment.
COMPOSE_SPEC = LAB / "compose-spec"
COMPOSE_SCHEMA = COMPOSE_SPEC / "check_jsonschema" / "builtin_schemas" / "vendor" / "compose-spec.json"
NODE_MODULES = LAB / "npm" / "node_modules"
# What drives a browser, and the rules of accessibility that pages are held to.
PLAYWRIGHT = LAB / "playwright"
AXE = LAB / "npm-console" / "node_modules" / "axe-core" / "axe.min.js"
# The console's front end, and the packages that it is built with, for `npm ci --offline`.
WEB = REPOSITORY / "crates" / "kafka-console" / "web"
NPM_CACHE = LAB / "npm-cache"
CARGO_BIN = LAB / "cargo" / "bin"
RUNS = LAB / "runs"
STAMPS = LAB / "stamps"
BUILD = LAB / "build"

# KAFKA_FILTER_WASM names another build, for comparing two.
ARTIFACT = Path(os.environ.get("KAFKA_FILTER_WASM") or REPOSITORY / "dist" / "kafka_filter.wasm").resolve()
STATS_TAGS = REPOSITORY / "envoy" / "stats-tags.yaml"


class Missing(RuntimeError):
    """Something the lab needs is not there; the text says what to install or run."""


def kafka_home(version: str) -> Path:
    """The folder of one Kafka release; its jars are in `lib/`."""
    return LAB / f"kafka-{version}"


def kafka_classpath(version: str) -> str:
    """The class path of one Kafka release, for `java -cp`."""
    lib = kafka_home(version) / "lib"
    if not lib.is_dir():
        raise Missing(f"{lib} is missing: run `python3 tests/lab/lab.py setup kafka-{version}`")
    return f"{lib}/*"


def old_clients_classpath() -> str:
    """The class path of the oldest Java client that is tested with."""
    lib = LAB / f"kafka-clients-{KAFKA_CLIENTS_OLDEST}" / "lib"
    if not lib.is_dir():
        raise Missing(f"{lib} is missing: run `python3 tests/lab/lab.py setup kafka-clients-{KAFKA_CLIENTS_OLDEST}`")
    return f"{lib}/*"


def kafka_messages(version: str) -> Path:
    """The folder with the message definitions (JSON) of one Kafka release."""
    return LAB / "kafka-messages" / version


def envoy_binary() -> Path:
    """Envoy itself, not the Python wrapper, so that its process id is the one that was started."""
    found = sorted(VENV.glob("lib/python3.*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise Missing(f"no Envoy in {VENV}: run `python3 tests/lab/lab.py setup python`")
    return found[-1]


def chromium() -> Path:
    """A browser of Chromium's engine that this machine has, under the names that distributions give it."""
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise Missing("no Chromium is on PATH: Debian `apt-get install chromium`, Ubuntu `snap install chromium`")


def artifact() -> Path:
    """The built filter. Missing is an error: a test of the filter cannot pass without it."""
    if not ARTIFACT.is_file():
        raise Missing(f"{ARTIFACT} is missing: run `make wasm`")
    return ARTIFACT


def environment() -> dict[str, str]:
    """What `lab.py env` prints: names of the installed parts' places."""
    values = {
        "KAFKA_FILTER_LAB": str(LAB),
        "LAB_PYTHON": str(PYTHON),
        "LAB_NODE_MODULES": str(NODE_MODULES),
        "LAB_CARGO_BIN": str(CARGO_BIN),
        "LAB_NPM_CACHE": str(NPM_CACHE),
        "LAB_NIGHTLY": PINS["rust"]["nightly"],
        "LAB_KAFKA_CURRENT": KAFKA_CURRENT,
        "LAB_KAFKA_PREVIOUS": KAFKA_PREVIOUS,
        "LAB_KAFKA_CURRENT_LIB": str(kafka_home(KAFKA_CURRENT) / "lib"),
        "LAB_KAFKA_PREVIOUS_LIB": str(kafka_home(KAFKA_PREVIOUS) / "lib"),
        "LAB_KAFKA_CURRENT_MESSAGES": str(kafka_messages(KAFKA_CURRENT)),
        "LAB_KAFKA_PREVIOUS_MESSAGES": str(kafka_messages(KAFKA_PREVIOUS)),
    }
    try:
        values["LAB_ENVOY"] = str(envoy_binary())
    except Missing:
        values["LAB_ENVOY"] = ""
    return values
