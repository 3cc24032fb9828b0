"""Proxies and Prometheus that restart, vanish, or answer garbage: pages say so, and no number is impossible."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actors import Actors
from conftest import Opener, Runner, proxy_url, shipped_envoy
from console import WINDOW, Console, Page
from lab import Envoy, Kafka, wait_until
from standin import StandIn
from test_pages import settled_misfits

PAGES = ("map", "topics", "clients", "groups", "requests", "readiness", "health")
WITHOUT_FILTER = b"# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n"


def numbers(data: Any, where: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a page, with its place."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from numbers(value, f"{where}.{key}")
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from numbers(value, f"{where}[{at}]")
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        yield where, data


class Watch:
    """Asks for pages all the time, and keeps what no page may have: a negative number, an impossible rate."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.wrong: list[str] = []
        self.rates: list[tuple[float, float]] = []

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            for name in PAGES:
                page = self._console.page(name, window=f"{WINDOW}s")
                self.wrong += [f"{name}{where} is {value}" for where, value in numbers(page.data) if value < 0]
                if name == "topics":
                    self.rates.append((time.monotonic(), spare_rate(page)))


def spare_rate(page: Page) -> float:
    return page.rows("topics").get("ledger", {}).get("written_records") or 0.0 if "topics" in page.panels else 0.0


def states(page: Page) -> dict[str, str]:
    return {name: str(row) for name, row in page.rows("proxies").items()}


def test_a_proxy_that_restarts_and_one_that_vanishes(here: Path, open_tab: Opener, run_console: Runner, kafka: Kafka,
                                                     envoy: Envoy, actors: Actors, spare_port: int) -> None:
    """A real Envoy, stopped under load; its counters begin at zero again."""
    load = Actors(kafka, f"127.0.0.1:{spare_port}")
    enough = threading.Event()
    written = [0]
    writer = threading.Thread(target=_write, args=(load, written, enough), daemon=True)
    with shipped_envoy(here, "spare", spare_port, kafka.port("SPARE")) as spare:
        looks_since = time.monotonic()
        console = run_console("--proxy", proxy_url(envoy), "--proxy", proxy_url(spare))
        writer.start()
        try:
            wait_until("the burst", lambda: spare_rate(console.page("topics", window=f"{WINDOW}s")) > BURST / WINDOW, 30)
            tab = open_tab(console, "/health")
            with Watch(console) as watch:
                spare.stop()
                tab.page.wait_for_function(SAYS_DOWN, arg=f"127.0.0.1:{spare.admin_port}", timeout=10_000)
                # The other one's numbers stay.
                assert console.page("topics").rows("topics")["orders"]["written_records"] > 0
                spare.start()
                begun = len(watch.rates)
                again = f"127.0.0.1:{spare.admin_port}"
                wait_until("numbers after the restart", lambda: "'up'" in states(console.page("health"))[again], 30)
                enough_seen = len(watch.rates) + SCRAPES_SEEN
                wait_until("a few scrapes", lambda: len(watch.rates) >= enough_seen, 30)
            assert not watch.wrong, watch.wrong[:5]
        finally:
            enough.set()
            writer.join(20)
    # Nearly all was written before the restart: whoever takes what a counter begins with for growth has it twice. A
    # young console's window is as long as it has looked.
    counted = [rate * min(WINDOW, at - looks_since) for at, rate in watch.rates[begun:]]
    assert BURST * 0.5 < max(counted) < written[0] * 1.5, (max(counted), written)


SAYS_DOWN = """(address) => [...document.querySelectorAll("[data-panel=proxies] tr[data-key], [role=status]")].some(
  (one) => one.innerText.includes(address)
           && /does not answer|no answer|unreachable|refused|down/i.test(one.innerText))"""


BURST = 5000
# Looks at the pages, a scrape or more apart.
SCRAPES_SEEN = 4


def _write(load: Actors, written: list[int], enough: threading.Event) -> None:
    """Much at once, then twenty records a second."""
    producer = load.producer("spare-writer")
    while written[0] < BURST or not enough.wait(0.05):
        producer.produce("ledger", b"x" * 50)
        producer.poll(0)
        written[0] += 1
    producer.purge()


GARBAGE: dict[str, dict[str, Any]] = {
    "a page": {"body": b"<html><body>Not found</body></html>", "headers": {"content-type": "text/html"}},
    "bytes": {"body": bytes(range(256)) * 50},
    "half a line": {"body": b'kafka_filter_requests_total{request="Produce",api_ver'},
    "impossible numbers": {"body": b'kafka_filter_requests_total{request="Produce",api_version="9",reporter="proxy"} '
                                   b'-5\nkafka_filter_requests_in_flight{reporter="proxy"} NaN\n'
                                   b'kafka_filter_topic_produced_bytes_total{topic="x",reporter="proxy"} +Inf\n'},
    "an error": {"body": b"overloaded", "status": 503},
    "silence": {"silent": True},
    "without the filter": {"body": WITHOUT_FILTER},
}


def test_proxies_that_answer_garbage(open_tab: Opener, run_console: Runner, envoy: Envoy, actors: Actors) -> None:
    """One of each kind beside a real one, which none of them delays or spoils."""
    with ExitStack() as stack:
        broken = {kind: stack.enter_context(StandIn(**what)) for kind, what in GARBAGE.items()}
        console = run_console("--proxy", proxy_url(envoy), *(word for one in broken.values()
                                                             for word in ("--proxy", one.url)))
        wait_until("the real proxy's rates", lambda: rate_of(console, "orders") > 50, 15)
        real = f"127.0.0.1:{envoy.admin_port}"
        addresses = {f"127.0.0.1:{one.port}": kind for kind, one in broken.items()}
        wait_until("a word about each", lambda: {*addresses, real} <= set(states(console.page("health"))), 10)
        for name in PAGES:
            assert not [found for found in numbers(console.page(name).data) if found[1] < 0]
        said = {address: row["state"] for address, row in console.page("health").rows("proxies").items()}
        assert said[real] == "up"
        assert not [kind for address, kind in addresses.items() if said[address] == "up"], said
        tab = open_tab(console, "/health")
        for address in addresses:
            tab.page.locator("[data-panel=proxies]").get_by_text(address).first.wait_for()
        assert not settled_misfits(tab)


def test_nobody_is_sent_elsewhere(run_console: Runner) -> None:
    """A proxy, or a Prometheus, may not make the console ask others in its name."""
    with StandIn(b"x 1\n") as secret, StandIn(status=302, headers={"location": f"{secret.url}/secret"}) as sender:
        for kind in ("--proxy", "--prometheus"):
            console = run_console(kind, sender.url)
            sender.asked.clear()
            wait_until("it to ask", lambda: len(sender.asked) > 1, 10)
            assert console.page("map").source["state"] in ("unreachable", "starting")
        assert secret.asked == []


def rate_of(console: Console, topic: str) -> float:
    page = console.page("topics", window="30s")
    row = page.rows("topics").get(topic) if "topics" in page.panels else None
    return row["written_records"] or 0.0 if row else 0.0


@pytest.mark.parametrize("kind", ["--proxy", "--prometheus"])
def test_nobody_answers(open_tab: Opener, run_console: Runner, kind: str) -> None:
    """Neither a proxy nor a Prometheus: each page says what to do."""
    with StandIn() as gone:
        pass
    console = run_console(kind, gone.url)
    wait_until("the console to have tried", lambda: console.page("map").source["state"] == "unreachable", 15)
    source = console.page("topics").source
    assert source["message"] and source["remedy"], source
    for path in ("/map", "/health"):
        tab = open_tab(console, path)
        tab.page.locator("[role=status][data-state=unreachable]").first.wait_for(state="attached")
        assert source["remedy"].lower() in " ".join(tab.text.lower().split())
        assert not settled_misfits(tab) and not tab.barriers()
    assert console.ask("/ready").status == 503 and console.ask("/healthy").status == 200


def test_a_proxy_without_the_filter(open_tab: Opener, run_console: Runner) -> None:
    with StandIn(WITHOUT_FILTER) as plain:
        console = run_console("--proxy", plain.url)
        wait_until("scrapes", lambda: console.page("map").source["state"] == "empty", 15)
        tab = open_tab(console, "/topics")
        tab.page.locator("[role=status][data-state=empty]").first.wait_for(state="attached")
        assert console.page("topics").source["remedy"]
        assert not settled_misfits(tab) and not tab.barriers()


@pytest.mark.parametrize("body", [
    b"<html>no</html>", b'{"status":"error","error":"out of memory"}', b'{"status":"success"}',
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}'])
def test_a_prometheus_that_answers_garbage(open_tab: Opener, run_console: Runner, body: bytes) -> None:
    with StandIn(body, headers={"content-type": "application/json"}) as broken:
        console = run_console("--prometheus", broken.url)
        wait_until("a word about it", lambda: console.page("map").source["state"] in ("unreachable", "empty"), 15)
        tab = open_tab(console, "/map")
        assert tab.page.locator("[role=status]").first.get_attribute("data-state") in ("unreachable", "empty")


def test_what_was_seen_grows_old(open_tab: Opener, run_console: Runner) -> None:
    """The only proxy falls silent: the numbers stay for a while, and are called old."""
    body = b'kafka_filter_build_info{filter_release="0.1.0",kafka_release="4.3",reporter="proxy"} 1\n' \
        b'kafka_filter_topic_produced_records_total{topic="t",reporter="proxy"} %d\n'
    with StandIn(body % 1) as proxy:
        console = run_console("--proxy", proxy.url)
        for count in range(1, 5):
            asked = len(proxy.asked)
            wait_until("a scrape", lambda asked=asked: len(proxy.asked) > asked, 10)
            proxy.body = body % (count * 10)
        tab = open_tab(console, "/topics")
        proxy.status, proxy.body = 503, b""
        begun = time.monotonic()
        tab.page.locator("[role=status][data-state=stale], [role=status][data-state=unreachable]").first.wait_for(
            state="attached", timeout=15_000)
        assert time.monotonic() - begun < 15
