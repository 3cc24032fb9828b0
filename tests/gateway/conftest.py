"""Fixtures: a folder for the run, and the cluster and gateways that tests share because they leave them as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import BINARY, Gateway, with_log
from lab import Gate, Kafka, Listener, free_port
from lab.suite import folder, here, needs, plain_name  # noqa: F401  (fixtures)
from topics import Topics


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (BINARY, "make gateway"))


@pytest.fixture
def topic(request: pytest.FixtureRequest, topics: Topics) -> str:
    """A topic of one partition for one test."""
    name = plain_name(request, 80)
    topics.make(name)
    return name


@pytest.fixture(scope="session")
def single(folder: Path) -> Iterator[Kafka]:
    """One broker that nobody harms. Its listener GATED is behind the fixture `gate`."""
    with Kafka(folder / "single", listeners=[Listener("GATED", advertised=[free_port()])]) as kafka:
        yield kafka


@pytest.fixture
def gate(single: Kafka) -> Iterator[Gate]:
    """A way to the broker that can be shut: bootstrap from `gate.port`."""
    advertised = single.listeners[0].advertised[0]
    with Gate(advertised, single.port("GATED")) as gate:
        yield gate


@pytest.fixture(scope="session")
def topics(single: Kafka) -> Topics:
    return Topics(single.bootstrap)


@pytest.fixture(scope="session")
def plain(folder: Path, single: Kafka) -> Iterator[Gateway]:
    """A gateway as kprf was: no log, no limits, everybody may write."""
    with Gateway(folder / "plain", single.bootstrap) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def logged(folder: Path, single: Kafka) -> Iterator[Gateway]:
    """A gateway with a write-ahead log."""
    home = folder / "logged"
    with Gateway(home, single.bootstrap, with_log(home / "log")) as gateway:
        yield gateway
