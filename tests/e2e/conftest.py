"""Fixtures: one Kafka 4 and one Envoy for the whole run, further ones where a test needs them for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from java_clients import JavaClients
from lab import Kafka, Listener, free_port, paths
from lab.suite import folder, needs  # noqa: F401  (a fixture)
from oracle import Oracle
from stage import Route, Stage, stage

# Users of the SASL listener; none may do anything until a test makes an ACL.
USERS = {"alice": "alice-secret", "mallory": "mallory-secret"}

# Routes of Kafka 4. The first two belong to the shared Envoy, the others each to one test's own.
SHARED = ("MAIN", "SASL")
OWN = ("LEFT", "RIGHT", "UPDATED", "REPLACED", "PATTERNS", "GONE", "REFUSING", "WORKERS", "LAG",
       "LAGCAP", "REPLACEDLAG", "LOGS", "SILENT")

# Brokers ask for a heartbeat every five seconds, and rebalance with the next one: too slow for tests.
HEARTBEATS = {f"group.{protocol}.{least}heartbeat.interval.ms": "300"
              for protocol in ("consumer", "share") for least in ("", "min.")}


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (paths.ARTIFACT, "make wasm"), (paths.STATS_TAGS, "make generate"))


@pytest.fixture(scope="session")
def oracle(folder: Path) -> Iterator[Oracle]:
    with Oracle(folder) as made:
        yield made


@pytest.fixture(scope="session")
def java(folder: Path) -> Iterator[JavaClients]:
    with JavaClients(folder) as made:
        yield made


@pytest.fixture(scope="session")
def jmx_port() -> int:
    """Where the shared broker tells its own metrics."""
    return free_port()


@pytest.fixture(scope="session")
def routes() -> dict[str, Route]:
    return {name: Route(name) for name in (*SHARED, *OWN)}


@pytest.fixture(scope="session")
def kafka(folder: Path, routes: dict[str, Route], jmx_port: int) -> Iterator[Kafka]:
    """Kafka 4 with a listener for each route, advertised at the route's own port."""
    listeners = [Listener(name, [route.port], "SCRAM-SHA-256" if name == "SASL" else None)
                 for name, route in routes.items()]
    listeners.append(Listener("EXAMPLE", [free_port()]))
    properties = {"message.max.bytes": str(12 << 20), "socket.request.max.bytes": str(32 << 20), **HEARTBEATS}
    jmx = [f"-Dcom.sun.management.jmxremote.{key}" for key in (
        f"port={jmx_port}", f"rmi.port={jmx_port}", "host=127.0.0.1", "authenticate=false", "ssl=false")]
    with Kafka(folder / "kafka", listeners=listeners, users=USERS, acls=True, properties=properties,
               jvm=["-XX:TieredStopAtLevel=1", "-Djava.rmi.server.hostname=127.0.0.1", *jmx]) as made:
        yield made


@pytest.fixture(scope="session")
def main_stage(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> Iterator[Stage]:
    """The Envoy that most tests share: the routes MAIN and SASL, concurrency 2, default configuration."""
    with stage(folder / "main", [routes[name] for name in SHARED], kafka, oracle) as made:
        yield made


@pytest.fixture(scope="module", params=[paths.KAFKA_CURRENT, paths.KAFKA_PREVIOUS])
def either(request: pytest.FixtureRequest, folder: Path, oracle: Oracle) -> Iterator[Stage]:
    """The shared stage, then one over the previous Kafka, which runs only as long as it is used."""
    if request.param == paths.KAFKA_CURRENT:
        yield request.getfixturevalue("main_stage")
        return
    route = Route("MAIN")
    own = folder / "previous"
    with Kafka(own / "kafka", version=request.param, listeners=[Listener("MAIN", [route.port])]) as previous:
        with stage(own / "envoy", [route], previous, oracle) as made:
            yield made
