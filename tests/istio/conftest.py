"""Fixtures: a folder for the run, and one Kafka that advertises the ports of the proxies which tests start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Kafka, Listener, free_port, paths
from lab.suite import folder, here, needs  # noqa: F401  (fixtures)
from mesh import Ports


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (paths.ARTIFACT, "make wasm"))


@pytest.fixture(scope="session")
def ports() -> Ports:
    return {"SIDECAR_OUTBOUND": free_port(), "SIDECAR_INBOUND": free_port(), "GATEWAY": free_port()}


@pytest.fixture(scope="session")
def kafka(folder: Path, ports: Ports) -> Iterator[Kafka]:
    """A broker whose listeners are called like the contexts, each advertised at the port of that context's proxy."""
    listeners = [Listener(_name(context), [port]) for context, port in ports.items()]
    with Kafka(folder / "kafka", listeners=listeners) as made:
        yield made


@pytest.fixture(scope="session")
def brokers(kafka: Kafka, ports: Ports) -> Ports:
    """The port of the broker itself behind each context's proxy."""
    return {context: kafka.port(_name(context)) for context in ports}


def _name(context: str) -> str:
    return context.replace("_", "")
