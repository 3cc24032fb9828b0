"""Numbers on the page are those that others have counted: the clients themselves, and the brokers' offsets."""

from __future__ import annotations

import re
import time
from itertools import takewhile
from typing import Any

import pytest

from actors import CLICKS_RATE, ORDERS_RATE, Actors
from browser import Tab
from conftest import Opener
from console import BEHIND_SECONDS, SCRAPE_SECONDS, WINDOW, Console, Page
from lab import wait_until

FACTORS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "µs": 1e-6,
           "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "%": 0.01}


def shown(tab: Tab, panel: str, row: str, column: str) -> tuple[float, float]:
    """A cell's number as it is written, with its unit, and the number that the page was sent."""
    cells = tab.page.locator(f"[data-panel={panel}] tbody tr[data-key]")
    found: dict[str, Any] = cells.evaluate_all("""(rows, [name, column]) => {
      const row = rows.find((one) => one.querySelector("th").innerText.trim() === name);
      const cell = row && row.querySelector(`[data-column=${column}]`);
      return cell ? {text: cell.innerText, value: cell.dataset.value} : null; }""", [row, column])
    assert found, f"no {row} / {column} in {panel}"
    return parsed(found["text"]), float(found["value"])


def parsed(text: str) -> float:
    """`1.23 k/s`, `12.4 KiB/s`, `250 ms`: three digits and a unit."""
    match = re.match(r"([\d.]+)\s*([A-Za-zµ%]*)(/s)?", text.strip())
    assert match and match[2] in FACTORS, text
    return float(match[1]) * FACTORS[match[2]]


def test_numbers_are_written_as_people_write_them() -> None:
    assert [parsed(text) for text in ("0", "12.3 /s", "1.5 k/s", "2 KiB/s", "250 ms", "3 min")] == \
        [0, 12.3, 1500, 2048, 0.25, 180]
    with pytest.raises(AssertionError):
        parsed("–")


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_rates_are_what_clients_count(open_tab: Opener, actors: Actors, both: dict[str, Console], steady: None,
                                      source: str) -> None:
    tab = open_tab(both[source], f"/topics?window={WINDOW}s")
    page = both[source].page("topics", window=f"{WINDOW}s")
    for topic, rate in (("orders", ORDERS_RATE), ("clicks", CLICKS_RATE)):
        for column, tally in (("written_records", actors.produced[topic]), ("read_records", actors.consumed[topic])):
            written, sent = shown(tab, "topics", topic, column)
            assert written == pytest.approx(sent, rel=0.006), "three digits of the number that was sent"
            counted = tally.between(page.data["at"] - WINDOW, page.data["at"]) / WINDOW
            # What lies between a client's count and the page: hand-over and scrape, out of a window of 30 s.
            slack = rate * BEHIND_SECONDS / WINDOW
            assert sent == pytest.approx(counted, abs=slack), (topic, column)


def test_a_batch_is_counted_to_the_record(actors: Actors, both: dict[str, Console], steady: None) -> None:
    """So many records within a window are exactly so many, also when they are the first of their client."""
    count = actors.write("exact-writer", "ledger", 3000)
    assert count == 3000
    direct = both["direct"]

    def written() -> float:
        row = direct.page("clients", window=f"{WINDOW}s").rows("clients").get("exact-writer")
        return (row["written_records"] or 0) * WINDOW if row else 0

    begun = time.monotonic()
    # What is left is how far thirty scrapes are from thirty seconds.
    wait_until("the batch", lambda: written() == pytest.approx(3000, rel=0.01), 10)
    assert time.monotonic() - begun < BEHIND_SECONDS + 2


def test_errors_are_counted_to_the_code(actors: Actors, both: dict[str, Console]) -> None:
    """Those that the client was told of, on the pages of the topic and of requests."""
    places = {"topic": ("topic", {"key": "exports"}), "requests": ("requests", {})}

    def counted() -> dict[str, float]:
        found = {}
        for name, (page, given) in places.items():
            table = both["direct"].page(page, range="15m", **given).panels["errors"]
            columns = [column["key"] for column in table["columns"]]
            rows = [dict(zip(columns, row, strict=True)) for row in table["rows"]]
            found[name] = sum(row["in_range"] for row in rows if row["error"] == "MESSAGE_TOO_LARGE")
        return found

    # A console never counts what a series begins with, so the first ones only make it known.
    actors.errors("refused-writer", 2)
    wait_until("the error's name", lambda: all(counted().values()), 10)
    time.sleep(BEHIND_SECONDS)
    before = counted()
    told = actors.errors("refused-writer", 7)
    assert told == 7
    wait_until("seven more", lambda: counted() == {name: before[name] + told for name in places}, 10)


@pytest.mark.parametrize("source", ["direct", "prometheus"])
def test_lag_is_what_the_broker_says(open_tab: Opener, actors: Actors, both: dict[str, Console], source: str) -> None:
    group = f"late-{source}"
    with actors.behind(group, "audit"):
        written = actors.write(f"{group}-feed", "audit", 1234)
        lag = actors.lag(group, "audit")
        assert lag == written == 1234
        tab = open_tab(both[source], "/groups")
        begun = time.monotonic()
        tab.page.wait_for_function(_HAS_LAG, arg=[group, lag], timeout=10_000)
        assert time.monotonic() - begun < 10
        text, sent = shown(tab, "groups", group, "group_lag")
        assert sent == 1234 and text == 1230


_HAS_LAG = """([group, lag]) => [...document.querySelectorAll("[data-panel=groups] tr[data-key]")].some((row) =>
  row.querySelector("th").innerText.trim() === group
  && row.querySelector("[data-column=group_lag]").dataset.value === String(lag))"""


def cells(page: Page) -> dict[str, float]:
    """Every number in the page's tiles and tables, by place."""
    found: dict[str, float] = {f"tile {name}": tile["value"] for name, tile in page.tiles.items()
                               if tile["value"] is not None}
    for panel in page.panels.values():
        if panel["kind"] == "table":
            keys = [column["key"] for column in panel["columns"]]
            for row in panel["rows"]:
                # Labels come first; what is said in words later may be of one batch that Prometheus cannot count.
                name = " ".join(takewhile(lambda cell: isinstance(cell, str), row))
                found |= {f"{panel['id']} / {name} / {key}": value for key, value in zip(keys, row, strict=True)
                          if isinstance(value, (int, float))}
        if panel["kind"] == "map":
            # None leads to groups: a Fetch names none.
            found |= {f"edge {edge['from']} -> {edge['to']}": edge["records_per_second"] for edge in panel["edges"]
                      if edge["records_per_second"] is not None}
    return found


# Names of steady clients: what came for a moment only is extrapolated by Prometheus, and counted by the direct source.
STEADY = re.compile(r"orders|clicks|billing|search-index|web-shop|Produce|FetchConsumer")
STEADY_PAGES = [("topics", ""), ("topic", "orders"), ("topic", "clicks"), ("clients", ""), ("client", "orders-service"),
                ("client", "billing"), ("groups", ""), ("requests", ""), ("map", "")]
# Where one look differs from the next: lag moves all the time, and a time is when it was.
MOVING = re.compile(r"lag|behind|since|last|age|flight|open|latency|p50|p99|join|in_range|errors|rebalances",
                    re.IGNORECASE)


@pytest.mark.parametrize(("name", "key"), STEADY_PAGES)
def test_both_sources_say_the_same(both: dict[str, Console], steady: None, name: str, key: str) -> None:
    asked = {"window": f"{WINDOW}s", "range": "5m"} | ({"key": key} if key else {})

    def differences() -> list[str]:
        one, other = (cells(console.page(name, **asked)) for console in both.values())
        places = [place for place in {**one, **other} if STEADY.search(place) and not MOVING.search(place)]
        assert len(places) >= 3, sorted(one)
        # A scrape more or less, of a window of thirty.
        return [f"{place}: direct {one.get(place)}, Prometheus {other.get(place)}" for place in places
                if one.get(place, 0) != pytest.approx(other.get(place, 0), rel=0.06, abs=0.05)]

    found = differences()
    for _ in range(4):
        if not found:
            return
        time.sleep(SCRAPE_SECONDS)
        found = differences()
    assert not found, "\n".join(found)
