"""Names are chosen by strangers: whatever they are, they are shown as text, and fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from actors import Actors, make_topics
from browser import DESKTOP, PHONE, Tab
from conftest import Opener
from console import Console
from lab import wait_until
from standin import StandIn, metrics
from test_pages import settled_misfits

# Kafka allows letters, digits, dots, underscores and dashes in a topic, 249 of them; it allows anything in a client id
# and in a group. The filter writes `%`, `=` and `;` as %25, %3D and %3B, and takes a client id with control
# characters for no Kafka at all.
LONG_TOPIC = "W" * 249
CLIENTS = [
    "<script>Object.assign(window,{hacked:1})</script>",
    "<img/src/onerror=Object.assign(window,{hacked:1})>",
    "\"'`><svg><script>Object.assign(window,{hacked:1})</script>",
    "javascript:Object.assign(window,{hacked:1})",
    "</script></style></title></textarea><b>bold</b>",
    "{{constructor.constructor('hacked')()}}${7*7}",
    "\u202egpj.exe\u2066 \u200f\u05d0",
    "a/../b?c#d&e%2Fg h\\i",
    "M" * 249,
]
# Not from a broker or through the filter: what somebody who owns an endpoint could say.
RAW = [
    "<img src=x onerror=\"window.hacked=1\">",
    "\"><svg onload=window.hacked=1>",
    "' onmouseover='window.hacked=1' style='position:fixed;inset:0",
    "<iframe srcdoc=\"<script>parent.hacked=1</script>\"></iframe>",
    "__proto__", "constructor", "\u0000\u0007\u001b[31mred",
]
PATHS = ("/map", "/topics", "/clients", "/groups", "/requests", "/readiness", "/health")


@pytest.fixture(scope="module")
def strangers(actors: Actors, both: dict[str, Console]) -> None:
    make_topics(actors.kafka.bootstrap, {LONG_TOPIC: (1, {})})
    for name in CLIENTS:
        assert actors.write(name, LONG_TOPIC, 20) == 20
    reader = actors.consumer(CLIENTS[0], CLIENTS[0])
    try:
        reader.subscribe([LONG_TOPIC])
        wait_until("the stranger to read", lambda: any(one.error() is None for one in reader.consume(100, 0.2)), 20)
        reader.commit(asynchronous=False)
    finally:
        reader.close()
    for console in both.values():
        wait_until("all strangers", lambda console=console: len(shown(console, CLIENTS)) == len(CLIENTS), 15)


def shown(console: Console, names: list[str]) -> set[str]:
    """Which of the names the page of clients has, as the filter writes them."""
    rows = console.page("clients").rows("clients")
    return {name for name in names if written(name) in rows}


def written(name: str) -> str:
    return name.replace("%", "%25").replace(";", "%3B").replace("=", "%3D")


def harmless(tab: Tab, names: list[str]) -> None:
    text = " ".join(tab.page.evaluate("() => document.body.textContent").split())
    for name in names:
        assert " ".join(written(name).split()) in text, f"{name!r} is not shown as it is"
    assert not tab.hacked()
    # Nothing in the page came from a name: no element of theirs, no handler.
    assert tab.page.evaluate("""() => [...document.querySelectorAll("body *")].filter((one) =>
        ["SCRIPT", "IFRAME", "IMG", "B"].includes(one.tagName) && one.getAttribute("src") !== null
        && !one.getAttribute("src").startsWith("/assets/") || [...one.attributes].some((at) => at.name.startsWith("on"))
        ).map((one) => one.outerHTML.slice(0, 200))""") == []


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_clients_of_any_name(open_tab: Opener, both: dict[str, Console], strangers: None, source: str) -> None:
    tab = open_tab(both[source], "/clients")
    harmless(tab, CLIENTS)


@pytest.mark.parametrize("path", ["/map", f"/topics/{LONG_TOPIC}", "/groups", "/clients"])
def test_long_and_strange_names_fit(open_tab: Opener, both: dict[str, Console], strangers: None, path: str) -> None:
    tab = open_tab(both["direct"], path)
    for width in (DESKTOP, PHONE):
        tab.size(width)
        found = settled_misfits(tab)
        assert not found, f"{path} at {width} px:\n  " + "\n  ".join(found)
    assert not tab.hacked()


@pytest.mark.parametrize("name", [CLIENTS[1], *CLIENTS[6:8]])
def test_a_name_has_a_page_of_its_own(open_tab: Opener, both: dict[str, Console], strangers: None, name: str) -> None:
    """By clicking on it, and by its address in a new browser."""
    tab = open_tab(both["direct"], "/clients")
    tab.page.evaluate("""(name) => [...document.querySelectorAll("a")].find((a) => a.textContent === name).click()""",
                      written(name))
    tab.page.wait_for_function("() => location.pathname.startsWith('/clients/')")
    tab.settle()
    address = tab.page.evaluate("() => location.pathname + location.search")
    assert address.split("?")[0] == "/clients/" + quote(written(name), safe="!'()*-._~"), "its own letters, escaped"
    for where in (tab, open_tab(both["direct"], address)):
        where.page.locator(f"[data-panel] >> text={LONG_TOPIC}").first.wait_for(state="attached", timeout=10_000)
        assert written(name).strip() in where.page.evaluate("() => document.querySelector('h1').textContent")
        assert not where.hacked()


def test_a_group_may_be_called_so_too(open_tab: Opener, both: dict[str, Console], strangers: None) -> None:
    harmless(open_tab(both["direct"], "/groups"), CLIENTS[:1])


@pytest.fixture(scope="module")
def liar(folder: Path) -> Iterator[Console]:
    """Before an endpoint that makes every label a name of its own."""
    count = 0.0
    with StandIn() as proxy:
        def grow() -> bytes:
            pairs = {(client, topic): count * 10 for client in RAW for topic in RAW[:3]}
            topics = {(topic,): count * 30 for topic in RAW}
            return metrics(
                {"kafka_filter_client_produced_bytes_total": pairs, "kafka_filter_client_produced_records_total": pairs,
                 "kafka_filter_topic_produced_bytes_total": topics, "kafka_filter_topic_produced_records_total": topics,
                 "kafka_filter_group_lag_records": {(RAW[0], name): count for name in RAW},
                 "kafka_filter_deprecated_requests_total": {("Fetch" + name, name, name): count for name in RAW},
                 "kafka_filter_response_errors_total": {(RAW[0], name): count for name in RAW},
                 "kafka_filter_requests_total": {(name, "1"): count * 100 for name in RAW}},
                {"kafka_filter_client_produced_bytes_total": ("client_id", "topic"),
                 "kafka_filter_client_produced_records_total": ("client_id", "topic"),
                 "kafka_filter_topic_produced_bytes_total": ("topic",),
                 "kafka_filter_topic_produced_records_total": ("topic",),
                 "kafka_filter_group_lag_records": ("topic", "group"),
                 "kafka_filter_deprecated_requests_total": ("request", "api_version", "client_id"),
                 "kafka_filter_response_errors_total": ("request", "error"),
                 "kafka_filter_requests_total": ("request", "api_version")})

        proxy.body = grow()
        with Console(folder / "liar", ["--proxy", proxy.url]) as console:
            for _ in range(3):
                asked = len(proxy.asked)
                wait_until("a scrape", lambda asked=asked: len(proxy.asked) > asked, 10)
                count += 1
                proxy.body = grow()
            wait_until("rates", lambda: console.page("topics").source["state"] == "ok", 10)
            yield console


@pytest.mark.parametrize("path", PATHS)
def test_labels_of_a_liar(open_tab: Opener, liar: Console, path: str) -> None:
    tab = open_tab(liar, path)
    tab.page.mouse.move(300, 300)
    assert not tab.hacked()
    assert not settled_misfits(tab)
    if path == "/topics":
        text = tab.page.evaluate("() => document.body.textContent")
        assert all(name in text for name in RAW[:6])
        for name in RAW[:3]:
            tab.page.get_by_text(name, exact=True).first.hover()
        assert not tab.hacked()
