"""Who may read, and what a browser is told to refuse: token, trusted header, host names, policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import tab
from conftest import Opener, proxy_url
from console import Console
from lab import Envoy
from standin import StandIn

TOKEN = "correct-horse-battery-staple"
API = "/api/v1/page/topics"


@pytest.fixture(scope="module")
def locked(folder: Path, envoy: Envoy) -> Iterator[Console]:
    """Wants a token."""
    home = folder / "locked"
    home.mkdir()
    (home / "token").write_text(TOKEN + "\n")
    with Console(home, ["--proxy", proxy_url(envoy), "--token-file", str(home / "token")]) as console:
        yield console


def test_what_every_answer_forbids(direct: Console) -> None:
    for path in ("/", "/topics/orders", API, "/nothing/here"):
        headers = direct.ask(path).headers
        policy = dict((part.strip().split(" ", 1) + [""])[:2]
                      for part in headers["content-security-policy"].split(";") if part.strip())
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'", policy
        assert policy["connect-src"] == "'self'" and policy["base-uri"] == "'none'", policy
        assert policy["frame-ancestors"] == policy["form-action"] == "'none'", policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "no-store" in direct.ask(API).headers["cache-control"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_there_is_nothing_to_write(direct: Console, method: str) -> None:
    assert direct.ask(API, method=method).status == 405


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8085", "127.0.0.1.evil.example", "169.254.169.254", ""])
def test_other_names_for_the_loopback_address_are_refused(direct: Console, host: str) -> None:
    """A page on the web may give itself a name that leads to 127.0.0.1, and would read this one by it."""
    for path in ("/", API, "/api/v1/live?page=map"):
        answer = direct.ask(path, {"host": host})
        assert 400 <= answer.status < 500 and b"orders" not in answer.body, (path, answer)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
def test_its_own_names_are_answered(direct: Console, host: str) -> None:
    assert direct.ask(API, {"host": host.format(port=direct.port)}).status == 200


def test_probes_come_by_any_name(locked: Console) -> None:
    for path in ("/healthy", "/metrics"):
        assert locked.ask(path, {"host": "10.1.2.3:8085"}).status == 200


def test_no_request_names_a_target(direct: Console) -> None:
    with StandIn(b"x 1\n") as elsewhere:
        for name in ("proxy", "target", "url", "prometheus", "proxies-dns", "key"):
            direct.ask(f"/api/v1/page/topic?key=orders&{name}={elsewhere.url}")
            direct.ask(f"/{elsewhere.url}")
        assert elsewhere.asked == []


@pytest.mark.parametrize("path", ["/assets/../Cargo.toml", "/assets/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                                  "/assets/nothing.js"])
def test_files_are_those_of_the_build(direct: Console, path: str) -> None:
    answer = direct.ask(path)
    assert answer.status in (200, 400, 404) and b"root:" not in answer.body and b"[package]" not in answer.body
    assert answer.status != 200 or answer.headers["content-type"].startswith("text/html")


def test_without_the_token_there_are_no_numbers(locked: Console) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {TOKEN}x"},
                    {"authorization": f"Basic {TOKEN}"}, {"cookie": "kafka-console=1"}):
        for path in (API, "/api/v1/live?page=map", "/api/v1/pages"):
            answer = locked.ask(path, headers)
            assert answer.status == 401 and b"orders" not in answer.body, (headers, path, answer)
    assert locked.ask(API, {"authorization": f"Bearer {TOKEN}"}).status == 200


def test_a_person_shows_the_token_once(browser: object, locked: Console) -> None:
    with tab(browser, locked.url) as visitor:  # type: ignore[arg-type]
        page = visitor.page
        page.goto(locked.url + "/topics", wait_until="load")
        field = page.wait_for_selector("input[type=password]")
        field.fill("not-the-token-at-all")
        field.press("Enter")
        page.wait_for_selector("[role=alert]")
        field = page.wait_for_selector("input[type=password]")
        field.fill(TOKEN)
        field.press("Enter")
        page.wait_for_selector("[data-panel]")
        assert TOKEN not in page.url and TOKEN not in page.content()
        kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert TOKEN not in kept
        page.reload()
        page.wait_for_selector("[data-panel]")
        # What it was refused before is no fault of the page.
        visitor.complaints[:] = [one for one in visitor.complaints if "401" not in one]
    with tab(browser, locked.url) as other:  # type: ignore[arg-type]
        other.page.goto(locked.url + "/topics", wait_until="load")
        other.page.wait_for_selector("input[type=password]")
        other.complaints[:] = [one for one in other.complaints if "401" not in one]


def test_a_proxy_in_front_says_who_it_is(here: Path, envoy: Envoy) -> None:
    arguments = ["--proxy", proxy_url(envoy), "--trusted-header", "X-Forwarded-User", "--trusted-proxy"]
    with Console(here / "near", [*arguments, "127.0.0.1/32"]) as console:
        assert console.ask(API).status == 401
        assert console.ask(API, {"x-forwarded-user": ""}).status == 401
        assert console.ask(API, {"x-forwarded-user": "ada"}).status == 200
    with Console(here / "far", [*arguments, "10.0.0.0/8"]) as console:
        assert console.ask(API, {"x-forwarded-user": "ada"}).status == 401


def test_tabs_open_without_a_token_where_none_is_wanted(open_tab: Opener, direct: Console) -> None:
    assert not open_tab(direct, "/topics").page.query_selector("input[type=password]")
