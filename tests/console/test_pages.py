"""Every page in a real browser: nothing goes wrong, nothing is cut off, and nobody is kept out."""

from __future__ import annotations

import time

import pytest

from browser import DESKTOP, PHONE, Tab
from conftest import Opener
from console import Console

# Each page, and what must be on it when the load of these tests runs.
PAGES = {
    "/map": ["orders-service", "orders", "billing"],
    "/topics": ["orders", "clicks"],
    "/topics/orders": ["orders-service", "billing"],
    "/clients": ["orders-service", "web-shop"],
    "/clients/orders-service": ["orders"],
    "/groups": ["billing", "search-index"],
    "/groups/billing": ["orders"],
    "/requests": ["Produce", "FetchConsumer"],
    "/readiness": ["from-2015", "FetchConsumer"],
    "/health": ["4.3"],
}
LIGHTNESS = """() => getComputedStyle(document.documentElement).backgroundColor
  .match(/[\\d.]+/g).slice(0, 3).map(Number)"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole(open_tab: Opener, both: dict[str, Console], lively: None, path: str) -> None:
    tab = open_tab(both["direct"], path)
    for word in PAGES[path]:
        tab.page.get_by_text(word, exact=False).first.wait_for(state="attached", timeout=10_000)
    assert tab.page.get_by_role("heading", level=1).count() == 1
    assert tab.page.title() not in ("", "kafka-console"), "each page has a title of its own"
    for width in (DESKTOP, PHONE):
        tab.size(width)
        for scheme in ("light", "dark"):
            tab.scheme(scheme)
            found = settled_misfits(tab)
            assert not found, f"{path} at {width} px, {scheme}:\n  " + "\n  ".join(found)
            assert (sum(tab.page.evaluate(LIGHTNESS)) / 3 > 127) == (scheme == "light")
        # One width with each scheme: contrast does not depend on the width, nor the menu on colours.
        tab.scheme("light" if width == DESKTOP else "dark")
        barriers = tab.barriers()
        assert not barriers, f"{path} at {width} px:\n  " + "\n  ".join(barriers)


def test_the_other_source_has_the_same_pages(open_tab: Opener, both: dict[str, Console], lively: None) -> None:
    tab = open_tab(both["prometheus"], "/map")
    for path, words in PAGES.items():
        tab.go(path)
        for word in words:
            tab.page.get_by_text(word, exact=False).first.wait_for(state="attached", timeout=10_000)
        found = settled_misfits(tab)
        assert not found, f"{path}:\n  " + "\n  ".join(found)


def test_what_is_not_there_is_said(open_tab: Opener, both: dict[str, Console]) -> None:
    tab = open_tab(both["direct"], "/topics/no-such-topic")
    for path in ("/topics/no-such-topic", "/clients/nobody", "/groups/none", "/no-such-page"):
        tab.go(path)
        assert len(tab.page.inner_text("main")) > 20, path
        assert not settled_misfits(tab)
    assert any("404" in one for one in tab.complaints), "the browser tells of the last, and it is no fault"
    tab.complaints[:] = [one for one in tab.complaints if "404" not in one]


def settled_misfits(tab: Tab, seconds: float = 2.0) -> list[str]:
    """What does not fit once the drawings have followed the window."""
    deadline = time.monotonic() + seconds
    while True:
        tab.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found = tab.misfits()
        if not found or time.monotonic() > deadline:
            return found
