"""What goes wrong is on the page within ten seconds, in a tab that is open already."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from actors import Actors
from conftest import Opener
from console import Console

LIMIT_SECONDS = 10.0


def appears(is_there: Callable[[], bool], what: str) -> None:
    begun = time.monotonic()
    while not is_there():
        assert time.monotonic() - begun < LIMIT_SECONDS, f"{what} is not on the page after {LIMIT_SECONDS:.0f} s"
        time.sleep(0.1)


CELL = """([panel, name, column]) => {
  const row = [...document.querySelectorAll(`[data-panel="${panel}"] tr[data-key]`)].find(
    (one) => one.querySelector("th").innerText.trim() === name);
  const cell = row && row.querySelector(`[data-column="${column}"]`);
  return cell ? (cell.dataset.value ?? cell.innerText.trim()) : null; }"""


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_a_rebalance(open_tab: Opener, actors: Actors, both: dict[str, Console], source: str) -> None:
    tab = open_tab(both[source], "/groups?window=30s&range=5m")
    before = float(tab.page.evaluate(CELL, ["groups", "billing", "rebalances"]) or 0)
    with actors.another_member("billing", "orders"):
        appears(lambda: float(tab.page.evaluate(CELL, ["groups", "billing", "rebalances"]) or 0) > before + 0.5,
                "the rebalance")


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_an_error_burst(open_tab: Opener, actors: Actors, both: dict[str, Console], source: str) -> None:
    tab = open_tab(both[source], "/topics?window=30s")
    # Prometheus knows nothing of what was before a series' first sample: the second burst is the one to be seen.
    actors.errors(f"too-large-{source}", 3)
    appears(lambda: tab.page.evaluate(CELL, ["topics", "exports", "error"]) is not None, "the topic")
    time.sleep(1.5)
    actors.errors(f"too-large-{source}", 5)
    appears(lambda: tab.page.evaluate(CELL, ["topics", "exports", "error"]) == "MESSAGE_TOO_LARGE", "the error's name")
    appears(lambda: float(tab.page.evaluate(CELL, ["topics", "exports", "errors"]) or 0) > 0, "the rate of errors")
    # And first of all, before what is well.
    first = tab.page.locator("[data-panel=topics] tbody tr[data-key] th").first.inner_text().strip()
    assert first == "exports"


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_an_old_client(open_tab: Opener, actors: Actors, both: dict[str, Console], source: str) -> None:
    tab = open_tab(both[source], "/readiness")
    name = f"left-behind-{source}"

    def tries_again() -> bool:
        """As such clients do. Prometheus knows nothing of what was before a series' first sample."""
        found = name in tab.text and "FetchConsumer" in tab.text
        if not found:
            actors.from_2015(name)
        return found

    appears(tries_again, "the old client")


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_a_lagging_consumer(open_tab: Opener, actors: Actors, both: dict[str, Console], source: str) -> None:
    tab = open_tab(both[source], "/map")
    group = f"sleepy-{source}"
    with actors.behind(group, "audit"):
        actors.write(f"{group}-feed", "audit", 500)
        appears(lambda: tab.page.locator(f'[data-node="group:{group}"]').count() > 0, "the group on the map")
        appears(lambda: "500" in tab.page.locator(f'[data-node="group:{group}"]').first.text_content(), "its lag")
