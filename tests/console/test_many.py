"""A large cluster: 1,000 topics and 200 clients fit, are found and sorted rightly, and nothing is cut unsaid.

How fast that is, `make bench-console` measures: a test cannot know how busy the machine is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import DESKTOP, PHONE, Tab
from conftest import Opener
from console import Console
from crowd import Crowd
from lab import wait_until
from standin import StandIn
from test_pages import settled_misfits

CROWD = Crowd()
ROWS = "[...document.querySelectorAll('[data-panel=topics] tr[data-key] th')].map((one) => one.innerText.trim())"


@pytest.fixture(scope="module")
def crowd(folder: Path) -> Iterator[Console]:
    with StandIn(grow=CROWD.text) as proxy, Console(folder / "crowd", ["--proxy", proxy.url]) as console:
        wait_until("scrapes", lambda: len(proxy.asked) > 3, 30)
        wait_until("rates", lambda: "topic-0999" in str(console.page("topics").data["panels"][0]), 30)
        yield console


def until(tab: Tab, holds: str) -> None:
    """However long it takes: within a minute."""
    tab.page.wait_for_function(holds, timeout=60_000)


@pytest.mark.parametrize("path", ["/map", "/topics", "/topics/topic-0999", "/clients", "/groups", "/requests",
                                  "/readiness", "/health"])
def test_it_fits(open_tab: Opener, crowd: Console, path: str) -> None:
    tab = open_tab(crowd, path)
    for width in (DESKTOP, PHONE):
        tab.size(width)
        assert not settled_misfits(tab)


def test_tables_find_and_sort(open_tab: Opener, crowd: Console) -> None:
    tab = open_tab(crowd, "/topics")
    box = tab.page.get_by_role("searchbox").first
    box.fill("topic-0777")
    until(tab, f"() => {ROWS}.join() === 'topic-0777'")
    box.fill("")
    until(tab, f"() => {ROWS}.length > 10")
    heading = tab.page.locator("[data-panel=topics] th button").first
    for order in ("ascending", "descending"):
        heading.click()
        until(tab, f"() => document.querySelector('[data-panel=topics] th').ariaSort === '{order}'")
        names = tab.page.evaluate(f"() => {ROWS}")
        everything = sorted((f"topic-{n:04}" for n in range(CROWD.topics)), reverse=order == "descending")
        assert len(names) > 10 and names == everything[:len(names)]
    # Not all are drawn; how many there are is said.
    panel = crowd.page("topics").panels["topics"]
    said = [int(number) for number in re.findall(
        r"\d+", tab.page.locator("[data-panel=topics] .foot").inner_text().replace(",", ""))]
    assert len(panel["rows"]) + panel["left_out"] == CROWD.topics == sum(said)


def test_all_rows_come_into_sight(open_tab: Opener, crowd: Console) -> None:
    """Scrolled from its first row to its last, a table has shown each row, and each in its place."""
    tab = open_tab(crowd, "/topics?sort=topics:topic:a")
    seen: set[str] = set()
    box = tab.page.locator("[data-rows=topics]")
    for _ in range(200):
        names = tab.page.evaluate(f"() => {ROWS}")
        assert names == sorted(names)
        seen.update(names)
        if len(seen) == CROWD.topics:
            break
        box.evaluate("(box) => { box.scrollTop += box.clientHeight / 2; }")
        until(tab, f"() => {ROWS}.at(-1) !== '{names[-1]}' || {ROWS}[0] !== '{names[0]}'")
    assert seen == {f"topic-{n:04}" for n in range(CROWD.topics)}


def test_the_map_names_what_it_leaves_out(open_tab: Opener, crowd: Console) -> None:
    panel = next(panel for panel in crowd.page("map").panels.values() if panel["kind"] == "map")
    shown = [node for node in panel["topics"] if node["kind"] != "rest"]
    left = panel["left_out"]["topics"]
    assert 5 <= len(shown) <= 60 and len(shown) + left == CROWD.topics
    # The greatest are named, and nothing of the sum is lost.
    assert "topic-0999" in {node["name"] for node in shown}
    everything = sum(node["bytes_per_second"] for node in panel["topics"])
    by_topics = sum(row["written_bytes"] + row["read_bytes"] for row in crowd.page("topics").rows("topics").values())
    assert everything == pytest.approx(by_topics, rel=0.35), "within what a scrape changes"
    tab = open_tab(crowd, "/map")
    assert re.search(rf"\b{left}\b", tab.text.replace(",", "")), "how many are left out is said"
    tab.page.get_by_role("searchbox").first.fill("topic-0007")
    until(tab, "() => document.querySelector('[data-node=\"topic:topic-0007\"]') !== null")
