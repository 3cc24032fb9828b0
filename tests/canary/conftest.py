"""Fixtures: a folder for the run, and the clusters that several tests can share because they leave them as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary import BINARY
from lab import Kafka
from lab.suite import folder, here, needs  # noqa: F401  (fixtures)


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (BINARY, "make canary"))


@pytest.fixture(scope="session")
def single(folder: Path) -> Iterator[Kafka]:
    """One broker that nobody harms. Its quotas look at two seconds: with the eleven that are usual a reader that reads
    once too much waits half a minute, and more when the machine is busy."""
    with Kafka(folder / "single", properties={"quota.window.num": "2"}) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def three(folder: Path) -> Iterator[Kafka]:
    """Three brokers in three racks, one of them the controller; a test that harms one mends it."""
    with Kafka(folder / "three", brokers=3, controllers=1, racks=["a", "b", "c"], heap="384m",
               properties={"auto.leader.rebalance.enable": "false"}) as kafka:
        yield kafka
