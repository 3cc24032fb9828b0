"""Fixtures: a folder for the run, and the clusters that several tests can share because they leave them as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary import BINARY
from lab import Kafka, end_on_signals, run_folder


def pytest_sessionstart(session: pytest.Session) -> None:
    end_on_signals()
    if not BINARY.is_file() and not session.config.option.collectonly:
        pytest.exit(f"{BINARY} is missing: run `make canary` first", returncode=1)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    made = run_folder("canary")
    print(f"\nlogs: {made}")
    yield made


@pytest.fixture
def here(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder for one test."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    made = folder / name[:100]
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def single(folder: Path) -> Iterator[Kafka]:
    """One broker that nobody harms."""
    with Kafka(folder / "single") as kafka:
        yield kafka


@pytest.fixture(scope="session")
def three(folder: Path) -> Iterator[Kafka]:
    """Three brokers in three racks, one of them the controller; a test that harms one mends it."""
    with Kafka(folder / "three", brokers=3, controllers=1, racks=["a", "b", "c"], heap="384m",
               properties={"auto.leader.rebalance.enable": "false"}) as kafka:
        yield kafka
