"""How fast the console is to look at: a cluster of ten topics and one of a thousand, in a real browser, in turn.

What is timed is timed inside the page, from the navigation or the key on, to the frame that shows the result. Nothing
asks the page in between.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import Failed, paths, wait_until

from .run import machine

sys.path.append(str(paths.REPOSITORY / "tests" / "console"))

from console import BINARY, SCRAPE_SECONDS, Console  # noqa: E402
from crowd import Crowd  # noqa: E402
from standin import StandIn  # noqa: E402

if TYPE_CHECKING:
    from browser import Tab
    from playwright.sync_api import Browser

# Small first: the others are compared with it.
CLUSTERS = {"10 topics": Crowd(topics=10, clients=10, groups=5), "1,000 topics": Crowd()}
# As many scrapes make rates, and lines to draw.
SCRAPES_BEFORE = 8
# Live updates of each page that are watched, one a second.
UPDATES = 4

Outcome = dict[str, float]


@dataclass(frozen=True)
class Place:
    """A page, and what is done there once it is drawn: by name, the script that does it and waits for the result."""

    path: str
    page: str
    key: str = ""
    acts: tuple[tuple[str, str], ...] = ()


def everything(folder: Path, rounds: int) -> dict[str, Any]:
    """Both clusters in the same run, so that a slow minute of the machine meets both."""
    if not BINARY.is_file():
        raise Failed(f"{BINARY} is missing: run `make console`")
    # Here and not above: without Playwright the other benchmarks run all the same.
    from browser import chromium

    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "rounds": rounds,
                               "machine": machine(), "commit": _commit(), "binary": BINARY, "clusters": list(CLUSTERS),
                               "places": {}}
    with contextlib.ExitStack() as stack:
        consoles = {name: stack.enter_context(_cluster(folder, name, crowd)) for name, crowd in CLUSTERS.items()}
        browser = stack.enter_context(chromium())
        results["browser"] = browser.version
        for place in PLACES:
            results["places"][place.path] = {
                name: {"bytes": _size(console, place), "visits": [], "updates": []}
                for name, console in consoles.items()}
        for console in consoles.values():
            with _tab(browser, console) as warm:  # what the very first visitor pays for
                _open(warm, PLACES[0])
        for number in range(rounds):
            order = list(consoles.items())[::1 if number % 2 else -1]
            for place in PLACES:
                for name, console in order:
                    found = results["places"][place.path][name]
                    with _tab(browser, console) as tab:
                        found["visits"].append(_visit(tab, place))
                        if number == rounds - 1:
                            found["updates"] = _updates(tab, place, UPDATES)
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    results["load_at_end"] = machine()["load_average"]
    return results


@contextlib.contextmanager
def _cluster(folder: Path, name: str, crowd: Crowd) -> Iterator[Console]:
    with StandIn(grow=crowd.text) as proxy, Console(folder / name.replace(" ", "-"), ["--proxy", proxy.url]) as console:
        wait_until(f"{SCRAPES_BEFORE} scrapes of {name}", lambda: len(proxy.asked) >= SCRAPES_BEFORE,
                   20 * SCRAPES_BEFORE * SCRAPE_SECONDS)
        last = f"topic-{crowd.topics - 1:04}"
        wait_until(f"rates of {name}", lambda: last in str(console.page("topics").data["panels"][0]), 20)
        yield console


@contextlib.contextmanager
def _tab(browser: Browser, console: Console) -> Iterator[Tab]:
    from browser import tab
    from playwright.sync_api import Error

    try:
        with tab(browser, console.url) as made:
            made.page.context.add_init_script(WATCH)
            yield made
    except (AssertionError, Error) as problem:
        raise Failed(f"the browser complains: {problem}") from problem


def _open(tab: Tab, place: Place) -> Outcome:
    tab.page.goto(tab.origin + place.path, wait_until="commit")
    found: Outcome = tab.page.evaluate("() => bench.opened")
    return found


def _visit(tab: Tab, place: Place) -> Outcome:
    """As a new visitor, with nothing in the browser's cache."""
    found = _open(tab, place)
    for name, script in place.acts:
        found[name] = tab.page.evaluate(f"() => bench.timed({script})")
    return found


def _updates(tab: Tab, place: Place, count: int) -> list[Outcome]:
    """CPU time of the page's main thread for each of so many live updates, that of the header's clock included.

    Scripts, and style with layout, are by the clock; layout that a script waits for is in both.
    """
    if place.acts:
        _open(tab, place)  # the view as it was: a search leaves a smaller one
    asking = tab.page.context.new_cdp_session(tab.page)
    asking.send("Performance.enable")

    def used() -> Outcome:
        tab.page.evaluate("() => bench.updated()")
        return {one["name"]: one["value"] * 1000 for one in asking.send("Performance.getMetrics")["metrics"]}

    used()
    before, found = used(), []
    for _ in range(count):
        now = used()
        grown = {name: now[name] - before[name] for name in now}
        found.append({"update": grown["ThreadTime"], "script": grown["ScriptDuration"],
                      "layout": grown["LayoutDuration"] + grown["RecalcStyleDuration"]})
        before = now
    return found


def _size(console: Console, place: Place) -> int:
    """Bytes of the page's JSON, which a live update sends anew."""
    answer = console.ask(f"/api/v1/page/{place.page}" + (f"?key={place.key}" if place.key else ""))
    if answer.status != 200:
        raise Failed(f"{place.path}: {answer.status} {answer.text[:500]}")
    return len(answer.body)


def _commit() -> str:
    done = subprocess.run(["git", "-C", str(paths.REPOSITORY), "rev-parse", "--short", "HEAD"], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "none"


# Runs before the page's own scripts. A frame is on the screen when the task after its drawing runs.
WATCH = r"""
(() => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const late = (what) => new Promise((_, fail) => setTimeout(() => fail(new Error(`${what} after a minute`)), 60_000));
  const until = (holds) => Promise.race([late("nothing"), new Promise((done) => {
    const look = () => holds() && (watch.disconnect(), done());
    const watch = new MutationObserver(look);
    watch.observe(document, {subtree: true, childList: true, characterData: true,
                             attributeFilter: ["data-ready", "aria-sort"]});
    look();
  })]);
  const drawn = () => document.querySelector("main[data-ready=true]") !== null;
  let told = () => undefined;
  window.EventSource = class extends EventSource {
    constructor(...given) {
      super(...given);
      this.addEventListener("page", () => told());
    }
  };
  const rows = () => [...document.querySelectorAll("main table tr[data-key]")];
  window.bench = {
    opened: until(drawn).then(painted).then(() => ({
      drawn: performance.now(),
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? performance.now(),
      answer: performance.getEntriesByType("resource").find(({name}) => name.includes("/api/v1/page/")).duration,
    })),
    // An update, its drawing, and a while for what comes after it.
    updated: () => Promise.race([late("no update"), new Promise((done) => { told = done; })]).then(painted)
      .then(() => new Promise((done) => setTimeout(done, 300))),
    timed: async ([act, holds]) => {
      if (holds()) throw new Error("there is nothing to wait for");
      const begun = performance.now();
      act();
      await until(() => drawn() && holds());
      await painted();
      return performance.now() - begun;
    },
    search: (text, holds) => [() => {
      const box = document.querySelector("input[type=search]");
      box.value = text;
      box.dispatchEvent(new Event("input", {bubbles: true}));
    }, holds],
    rowsWith: (text) => () => rows().length > 0 && rows().every((row) => row.textContent.includes(text)),
    sort: () => {
      const button = document.querySelector("main table th button"), way = () => button.closest("th").ariaSort;
      const before = way();
      return [() => button.click(), () => way() !== before && way() !== "none"];
    },
  };
})();
"""

SEARCH, SORT = "search", "sort"


def _table(found: str) -> tuple[tuple[str, str], ...]:
    return ((SORT, "bench.sort()"), (SEARCH, f"bench.search('{found}', bench.rowsWith('{found}'))"))


_MAP = ((SEARCH, "bench.search('topic-0007', () => document.querySelectorAll('[data-node^=\"topic:\"]').length === 1)"),)
PLACES = (Place("/map", "map", acts=_MAP), Place("/topics", "topics", acts=_table("topic-0007")),
          Place("/topics/topic-0007", "topic", "topic-0007"), Place("/clients", "clients", acts=_table("client-007")),
          Place("/groups", "groups", acts=_table("group-003")), Place("/requests", "requests"),
          Place("/readiness", "readiness"), Place("/health", "health"))
