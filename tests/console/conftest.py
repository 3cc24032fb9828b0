"""Fixtures: one cluster behind one Envoy with the filter, one Prometheus, a console for each source, one browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actors import Actors
from browser import DESKTOP, Tab, chromium, tab
from console import BEHIND_SECONDS, BINARY, SCRAPE_SECONDS, WINDOW, Console
from lab import Envoy, Kafka, Listener, Prometheus, free_port, paths, wait_until
from lab.prometheus import scrape
from lab.suite import folder, here, needs  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Brokers wait for further members before they share partitions out: not in a test.
QUICK = {"group.initial.rebalance.delay.ms": "0"}


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (BINARY, "make console"), (paths.ARTIFACT, "make wasm"))


# Envoy's address must be known before the broker tells it to clients.
@pytest.fixture(scope="session")
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def spare_port() -> int:
    """Of a second Envoy, which tests stop and start."""
    return free_port()


@pytest.fixture(scope="session")
def kafka(folder: Path, port: int, spare_port: int) -> Iterator[Kafka]:
    listeners = [Listener("ENVOY", advertised=[port]), Listener("SPARE", advertised=[spare_port])]
    with Kafka(folder / "kafka", listeners=listeners, properties=QUICK) as made:
        yield made


@pytest.fixture(scope="session")
def envoy(folder: Path, kafka: Kafka, port: int) -> Iterator[Envoy]:
    with shipped_envoy(folder, "envoy", port, kafka.port("ENVOY")) as made:
        yield made


def shipped_envoy(folder: Path, name: str, port: int, broker_port: int) -> Envoy:
    """The example that people start with, on free ports."""
    return Envoy(folder, paths.REPOSITORY / "envoy" / "envoy.yaml", name=name, substitutions={
        "port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {broker_port}}}"})


@pytest.fixture(scope="session")
def actors(kafka: Kafka, envoy: Envoy, port: int) -> Iterator[Actors]:
    with Actors(kafka, f"127.0.0.1:{port}") as made:
        yield made
        assert not made.failures


@pytest.fixture(scope="session")
def prometheus(folder: Path, envoy: Envoy) -> Iterator[Prometheus]:
    config = scrape("kafka-filter", [envoy.admin_port], "/stats/prometheus")
    with Prometheus(folder, config, interval_seconds=SCRAPE_SECONDS) as made:
        yield made


@pytest.fixture(scope="session")
def direct(folder: Path, envoy: Envoy, prometheus: Prometheus, actors: Actors) -> Iterator[Console]:
    """Scrapes Envoy itself. Looks from the same time on as Prometheus."""
    with Console(folder / "direct", ["--proxy", proxy_url(envoy)]) as made:
        yield made


@pytest.fixture(scope="session")
def asking(folder: Path, prometheus: Prometheus, actors: Actors) -> Iterator[Console]:
    """Asks Prometheus, which scrapes the same Envoy."""
    with Console(folder / "asking", ["--prometheus", prometheus.url]) as made:
        yield made


def proxy_url(envoy: Envoy) -> str:
    return f"http://127.0.0.1:{envoy.admin_port}"


@pytest.fixture(scope="session")
def watching(direct: Console, asking: Console) -> float:
    """Since when each console has had numbers, in seconds since 1970."""
    for console in (direct, asking):
        wait_until("numbers", lambda console=console: console.page("topics").source["state"] == "ok", 30)
    return time.time()


@pytest.fixture(scope="session")
def both(direct: Console, asking: Console, watching: float) -> dict[str, Console]:
    """The consoles by their source, when each has numbers."""
    return {"direct": direct, "prometheus": asking}


@pytest.fixture(scope="session")
def lively(actors: Actors, both: dict[str, Console]) -> None:
    """Beside the steady load: errors, an old client, a group that is behind and gone."""
    actors.errors("bulk-export", 3)
    for _ in range(2):
        actors.from_2015("from-2015")
    wait_until("what went wrong", lambda: all("from-2015" in str(console.page("readiness").data)
                                              for console in both.values()), 15)


@pytest.fixture(scope="session")
def steady(actors: Actors, watching: float) -> None:
    """The load has run for longer than a window, and both sources have watched it: a window that is longer than what
    they have seen is taken as far as it reaches."""
    begun = max(watching, *(tally.times[0] for tally in actors.produced.values()))
    wait_until("a whole window", lambda: time.time() - begun > WINDOW + 2 * BEHIND_SECONDS, WINDOW + 20, interval=0.5)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


Runner = Callable[..., Console]
Opener = Callable[..., Tab]


@pytest.fixture
def run_console(here: Path) -> Iterator[Runner]:
    """Starts a console for one test, with these arguments."""
    with ExitStack() as stack:
        def run(*arguments: str) -> Console:
            folder = here / f"console-{len(list(here.iterdir()))}"
            return stack.enter_context(Console(folder, arguments))

        yield run


# Tabs are closed before the consoles end: a browser would complain, and rightly.
@pytest.fixture
def open_tab(browser: Browser, run_console: Runner) -> Iterator[Opener]:
    """Opens a console's page as a new visitor. What goes wrong in a tab fails the test at its end."""
    with ExitStack() as stack:
        def opened(console: Console, path: str, width: int = DESKTOP, scheme: str = "light") -> Tab:
            made = stack.enter_context(tab(browser, console.url, width, scheme))
            made.go(path)
            return made

        yield opened
