"""A real browser, and what it says of a page: errors, broken policies, what does not fit, what keeps people out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lab import Missing, paths

if not paths.PLAYWRIGHT.is_dir():
    raise Missing("Playwright is missing: run `python3 tests/lab/lab.py setup console`")
sys.path.append(str(paths.PLAYWRIGHT))

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright  # noqa: E402

DESKTOP, PHONE = 1280, 375
HEIGHTS = {DESKTOP: 800, PHONE: 740}


@contextmanager
def chromium() -> Iterator[Browser]:
    # Root's browser has no sandbox to hide in; nobody else has to do without.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=paths.chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One page in a context of its own, as a new visitor has it. What goes wrong in it gathers in `complaints`."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Returns when the numbers are there, or what stands for them."""
        self.page.goto(self.origin + path, wait_until="load")
        self.settle()

    def settle(self) -> None:
        """Until the page that the address names is drawn."""
        self.page.wait_for_selector(READY, timeout=10_000)

    def size(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})

    def scheme(self, name: str) -> None:
        self.page.emulate_media(color_scheme="dark" if name == "dark" else "light")

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    def misfits(self) -> list[str]:
        """What is wider than the window, and text that is cut off."""
        found: list[str] = self.page.evaluate(_MISFITS)
        return found

    def barriers(self) -> list[str]:
        """What axe-core finds serious or critical."""
        if not paths.AXE.is_file():
            raise Missing(f"{paths.AXE} is missing: run `python3 tests/lab/lab.py setup console`")
        if not self.page.evaluate("() => 'axe' in window"):
            # Not by a <script>, which the page's own policy forbids.
            self.page.evaluate(paths.AXE.read_text())
        found: list[dict[str, Any]] = self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
        return [f"{one['id']} ({one['impact']}): {one['help']}: "
                + "; ".join(f"{node['target']} {node['html'][:160]}" for node in one["nodes"][:4])
                for one in found if one["impact"] in ("serious", "critical")]

    def hacked(self) -> bool:
        """Whether a name has run as a script."""
        return bool(self.page.evaluate("() => 'hacked' in window"))


@contextmanager
def tab(browser: Browser, origin: str, width: int = DESKTOP, scheme: str = "light",
        headers: dict[str, str] | None = None) -> Iterator[Tab]:
    """A tab whose complaints fail the test when it is closed."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHTS[width]}, reduced_motion="reduce",
                                  color_scheme="dark" if scheme == "dark" else "light", locale="en-GB",
                                  extra_http_headers=headers or {})
    try:
        page = context.new_page()
        made = Tab(page, origin)
        context.add_init_script(_REPORT_VIOLATIONS)
        page.on("console", lambda message: _console(made, message))
        page.on("pageerror", lambda error: made.complaints.append(f"uncaught: {error}"))
        page.on("request", lambda request: _request(made, request))
        page.on("response", lambda response: _response(made, response))
        yield made
        assert not made.complaints, "\n".join(made.complaints)
    finally:
        context.close()


def _console(made: Tab, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning", "assert"):
        made.complaints.append(f"console {message.type}: {message.text}")


def _request(made: Tab, request: Request) -> None:
    asked = urlsplit(request.url)
    if asked.scheme not in ("data", "blob") and f"{asked.scheme}://{asked.netloc}" != made.origin:
        made.complaints.append(f"a request to another host: {request.url}")


def _response(made: Tab, response: Response) -> None:
    if response.status >= 400:
        made.complaints.append(f"{response.status} for {response.url}")


# The page named in the address is drawn: its numbers, its "nothing there yet", or what is wrong.
READY = "main[data-ready=true]"

# A policy that is broken shows in the console too; this names what broke it.
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} refuses ${event.blockedURI} ${event.sample}`));
"""

# Boxes which can be scrolled are no cut; those for screen readers alone are a point on the screen by intention.
_MISFITS = r"""
() => {
  const found = [];
  const root = document.scrollingElement;
  const name = (one) => one.tagName.toLowerCase() + (one.className && one.className.baseVal === undefined
    ? "." + [...one.classList].join(".") : "") + " " + JSON.stringify((one.textContent ?? "").trim().slice(0, 60));
  const inScroller = (one) => {
    for (let up = one.parentElement; up && up !== document.body; up = up.parentElement)
      if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  const forReadersAlone = (one) => {
    for (let up = one; up && up !== document.body; up = up.parentElement)
      if (up.getBoundingClientRect().width <= 2 && getComputedStyle(up).overflowX !== "visible") return true;
    return false;
  };
  if (root.scrollWidth > root.clientWidth)
    found.push(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
  for (const one of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    if (!one.checkVisibility({visibilityProperty: true, opacityProperty: true}) || forReadersAlone(one))
      continue;
    if (one instanceof SVGElement) {
      if (one.tagName !== "text" || !one.textContent.trim()) continue;
      const frame = one.ownerSVGElement.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
          || box.bottom > frame.bottom + 1) found.push(`leaves its drawing: ${name(one)}`);
      continue;
    }
    if ((box.right > root.clientWidth + 1 || box.left < -1) && !inScroller(one))
      found.push(`leaves the window (${box.left.toFixed()} to ${box.right.toFixed()}): ${name(one)}`);
    if (!one.textContent.trim() || one.tagName === "SELECT" || one.tagName === "OPTION") continue;
    const cut = /hidden|clip/;
    if (cut.test(style.overflowX) && one.scrollWidth > one.clientWidth + 1)
      found.push(`cut off (${one.scrollWidth} px in ${one.clientWidth}): ${name(one)}`);
    if (cut.test(style.overflowY) && one.scrollHeight > one.clientHeight + 2)
      found.push(`cut off below (${one.scrollHeight} px in ${one.clientHeight}): ${name(one)}`);
  }
  found.push(...overlaps(root));
  return found.slice(0, 12);

  // Words over words, or an icon over words: each line of each text, as far as it can be seen.
  function overlaps(root) {
    const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, owner = node.parentElement;
      if (!node.data.trim() || !owner.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) texts.push({box: seen(box, owner), what: node.data.trim(), owner});
    }
    const icons = [...document.querySelectorAll("svg")].filter((one) => one.getBoundingClientRect().width < 40)
      .map((one) => ({box: seen(one.getBoundingClientRect(), one), what: "an icon", owner: one}));
    const all = [...texts, ...icons].filter(({box}) => box.right - box.left > 3 && box.bottom - box.top > 3)
      .sort((a, b) => a.box.top - b.box.top);
    const wrong = [];
    for (let i = 0; i < all.length; i++)
      for (let j = i + 1; j < all.length && all[j].box.top < all[i].box.bottom; j++) {
        const a = all[i].box, b = all[j].box;
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 2 && high > 4 && layer(all[i].owner) === layer(all[j].owner))
          wrong.push(`${JSON.stringify(all[i].what.slice(0, 40))} over ${JSON.stringify(all[j].what.slice(0, 40))}`);
      }
    return wrong;
  }
  // What covers others on purpose: a bar that stays, an open box.
  function layer(one) {
    for (let up = one; up; up = up.parentElement)
      if (/fixed|sticky/.test(getComputedStyle(up).position)) return up;
    return null;
  }
  function seen(box, one) {
    let {left, right, top, bottom} = box;
    for (let up = one; up && up !== document.body; up = up.parentElement) {
      if (getComputedStyle(up).overflowX === "visible" && getComputedStyle(up).overflowY === "visible") continue;
      const frame = up.getBoundingClientRect();
      left = Math.max(left, frame.left); right = Math.min(right, frame.right);
      top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
    }
    return {left, right, top, bottom};
  }
}
"""


def quoted(text: str) -> str:
    """As a string in a CSS selector."""
    return json.dumps(text, ensure_ascii=False)
