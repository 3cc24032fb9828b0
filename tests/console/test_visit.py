"""A visit: by keyboard, by links, by an address that somebody has sent; search, sort, range, pause."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from browser import DESKTOP, PHONE, Tab
from conftest import Opener
from console import WINDOW, Console
from lab import Prometheus

FOCUSED = """() => { const one = document.activeElement, box = one.getBoundingClientRect();
  const text = [...one.childNodes].filter((child) => child.nodeName !== "KBD").map((child) => child.textContent)
    .join("");
  return {name: (one.getAttribute("aria-label") || text || one.value || "").trim().slice(0, 80),
          tag: one.tagName, shown: box.width > 0 && box.height > 0,
          outline: getComputedStyle(one).outlineStyle !== "none" || getComputedStyle(one).boxShadow !== "none"}; }"""


def asked(tab: Tab) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(tab.page.url).query).items()}


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_keyboard_reaches_every_page(open_tab: Opener, both: dict[str, Console], width: int) -> None:
    """By Tab alone to each link of the navigation, and by Enter to its page; the focus can be seen."""
    tab = open_tab(both["direct"], "/topics", width)
    named = [one["title"] for one in both["direct"].ask("/api/v1/pages").json["pages"]]
    assert len(named) == 7
    seen: dict[str, dict[str, object]] = {}
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        focused = tab.page.evaluate(FOCUSED)
        seen[focused["name"]] = focused
        if focused["name"] == named[-1]:
            break
    missing = [name for name in named if name not in seen]
    assert not missing, f"Tab does not come to {missing}; it came to {list(seen)}"
    assert all(one["shown"] and one["outline"] for name, one in seen.items() if name in named), seen
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/health*")
    tab.settle()


def test_rows_are_reached_by_keyboard_too(open_tab: Opener, both: dict[str, Console]) -> None:
    tab = open_tab(both["direct"], "/topics")
    for _ in range(80):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate(FOCUSED)["name"] == "orders":
            break
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/topics/orders*")
    tab.settle()
    tab.page.go_back()
    tab.page.wait_for_url("**/topics*")
    tab.settle()


def test_the_map_is_read_by_keyboard(open_tab: Opener, both: dict[str, Console]) -> None:
    tab = open_tab(both["direct"], "/map")
    node = tab.page.locator('[data-node="topic:orders"]').first
    node.focus()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("orders-service").first.wait_for()


def test_a_shared_address_is_the_same_view(open_tab: Opener, both: dict[str, Console], lively: None) -> None:
    """Search, sort, range and window are in the address, and come back in another browser."""
    tab = open_tab(both["direct"], "/topics")
    box = tab.page.get_by_role("searchbox").first
    box.fill("clicks")
    tab.page.wait_for_url("**search=clicks*")
    tab.page.wait_for_function(
        "() => !document.querySelector('[data-panel=topics] tbody').innerText.includes('orders')")
    tab.page.get_by_label("Range").select_option("5m")
    tab.page.wait_for_url("**range=5m*")
    tab.page.get_by_label("Window").select_option("30s")
    tab.page.wait_for_url("**window=30s*")
    tab.page.locator("[data-panel=topics] th button").nth(1).click()
    tab.page.wait_for_url("**sort=*")
    tab.settle()
    address = tab.page.url.removeprefix(tab.origin)
    other = open_tab(both["direct"], address)
    assert asked(other) == asked(tab)
    assert other.page.get_by_role("searchbox").first.input_value() == "clicks"
    for label, value in (("Range", "5m"), ("Window", "30s")):
        assert other.page.get_by_label(label).input_value() == value
    assert names(other) == names(tab) == ["clicks"]
    assert other.page.locator("[data-panel=topics] th[aria-sort]:not([aria-sort=none])").inner_text() == \
        tab.page.locator("[data-panel=topics] th[aria-sort]:not([aria-sort=none])").inner_text()


def names(tab: Tab) -> list[str]:
    return [one.strip() for one in tab.page.locator("[data-panel=topics] tbody th").all_inner_texts()]


def test_sorting_sorts(open_tab: Opener, both: dict[str, Console], lively: None) -> None:
    tab = open_tab(both["direct"], "/topics")
    heading = tab.page.locator("[data-panel=topics] th button").first
    orders = []
    for _ in range(2):
        heading.click()
        tab.settle()
        orders.append(names(tab))
    assert orders[0] == orders[1][::-1] and sorted(orders[0], key=str.lower) in orders


def test_live_numbers_move_and_pause_holds_them(open_tab: Opener, both: dict[str, Console]) -> None:
    tab = open_tab(both["direct"], "/topics/orders")
    stamp = "() => document.querySelector('main').innerText"
    before = tab.page.evaluate(stamp)
    tab.page.wait_for_function("(before) => document.querySelector('main').innerText !== before", arg=before,
                               timeout=10_000)
    tab.page.get_by_role("button", name="Pause").click()
    resume = tab.page.get_by_role("button", name="Resume")
    resume.wait_for()
    held = tab.page.evaluate(stamp)
    tab.page.wait_for_timeout(2_000)
    assert tab.page.evaluate(stamp) == held
    resume.click()
    tab.page.wait_for_function("(held) => document.querySelector('main').innerText !== held", arg=held, timeout=10_000)


def test_each_number_tells_its_promql(open_tab: Opener, both: dict[str, Console], prometheus: Prometheus,
                                      steady: None) -> None:
    """What a cell's own popover says is a query, and Prometheus answers it with the cell's number."""
    tab = open_tab(both["prometheus"], f"/topics?window={WINDOW}s")
    cell = tab.page.locator("[data-panel=topics] tbody tr", has=tab.page.locator("th", has_text="orders")).locator(
        "[data-column=written_records]").first
    value = float(cell.get_attribute("data-value") or "nan")
    cell.locator("button").first.click()
    query = told(tab)
    assert "kafka_filter_topic_produced_records_total" in query and 'topic="orders"' in query
    assert prometheus.value(query) == pytest.approx(value, rel=0.08) and value > 1


def test_the_map_answers_to_the_pointer(open_tab: Opener, both: dict[str, Console], prometheus: Prometheus,
                                        steady: None) -> None:
    """On a ribbon and on a box: numbers beside it, what belongs to it stays bright; a click says more."""
    tab = open_tab(both["prometheus"], f"/map?window={WINDOW}s")
    readout, ribbon = tab.page.locator(".map-readout"), tab.page.locator(f'[data-edge="{RIBBON}"]')
    assert "Point at" in readout.inner_text()
    x, y = ribbon.evaluate(ON_TOP)
    tab.page.mouse.move(x, y)
    tab.page.wait_for_function("() => document.querySelector('.map-readout').innerText.includes('→')")
    said = readout.inner_text()
    assert re.fullmatch(r"orders-service → orders\s+[\d.]+\s\w*B/s\s+[\d.]+\srecords/s", said), said
    lit = tab.page.locator("[data-edge].lit").evaluate_all("(all) => all.map((one) => one.dataset.edge)")
    assert RIBBON in lit and not [edge for edge in lit if "topic:clicks" in edge]
    value = float(ribbon.get_attribute("data-value") or "nan")
    tab.page.mouse.click(x, y)
    query = told(tab)
    assert 'client_id="orders-service"' in query and 'topic="orders"' in query
    assert prometheus.value(query) == pytest.approx(value, rel=0.08) and value > 1
    tab.page.keyboard.press("Escape")
    box = tab.page.locator('[data-node="topic:clicks"]')
    box.hover()
    tab.page.wait_for_function("() => document.querySelector('.map-readout').innerText.startsWith('clicks')")
    assert "B/s" in readout.inner_text()
    box.locator("a").click()
    tab.page.wait_for_url("**/topics/clicks*")
    tab.settle()


RIBBON = "client:orders-service|topic:orders"

# A place on a ribbon where no other lies over it, in the window.
ON_TOP = """(path) => {
  path.scrollIntoView({block: "center"});
  const length = path.getTotalLength(), frame = path.ownerSVGElement.getBoundingClientRect();
  for (let share = 0.1; share < 0.9; share += 0.05) {
    const at = path.getPointAtLength(length * share), x = frame.left + at.x, y = frame.top + at.y;
    if (document.elementFromPoint(x, y) === path) return [x, y];
  }
  throw new Error("covered from end to end");
}"""


def told(tab: Tab) -> str:
    """The query in the popover that is open."""
    code = tab.page.locator("[role=dialog] code")
    code.wait_for()
    return code.inner_text()


def test_light_and_dark_by_hand(open_tab: Opener, both: dict[str, Console]) -> None:
    tab = open_tab(both["direct"], "/topics")
    colour = "() => getComputedStyle(document.documentElement).backgroundColor"
    before = tab.page.evaluate(colour)
    for _ in range(3):
        tab.page.get_by_role("button", name="Theme").click()
        if tab.page.evaluate(colour) != before:
            break
    chosen = tab.page.evaluate(colour)
    assert chosen != before
    tab.page.reload()
    tab.settle()
    assert tab.page.evaluate(colour) == chosen, "the choice stays"
