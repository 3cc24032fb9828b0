"""Pages over filters that are configured otherwise than the example: what they do not count must not read as 0."""

from __future__ import annotations

from pathlib import Path

from actors import Actors
from conftest import Opener, Runner, proxy_url
from console import Page
from lab import Envoy, Kafka, paths, wait_until


def configured(folder: Path, kafka: Kafka, port: int, text: str) -> Envoy:
    """The example with another configuration of the filter."""
    return Envoy(folder, paths.REPOSITORY / "envoy" / "envoy.yaml", name="configured", substitutions={
        "port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {kafka.port('SPARE')}}}",
        'value: "{}"': f"value: '{text}'"})


def notes(page: Page) -> str:
    return " ".join(f"{note['text']} {note['remedy'] or ''}" for note in page.data["notes"])


def test_what_is_not_counted_is_not_zero(here: Path, open_tab: Opener, run_console: Runner, kafka: Kafka,
                                         actors: Actors, spare_port: int) -> None:
    through = Actors(kafka, f"127.0.0.1:{spare_port}")
    switches = '{"metrics": {"topics": false, "deprecated": false}}'
    with configured(here, kafka, spare_port, switches) as envoy:
        console = run_console("--proxy", proxy_url(envoy))
        # A proxy's first look counts nothing: what comes after it does.
        through.write("known", "ledger", 10)
        wait_until("numbers", lambda: console.page("map").tiles["Requests"]["value"] is not None, 20)

        def spoken() -> Page | None:
            through.from_2015("from-2015")
            through.write("known", "ledger", 100)
            page = console.page("readiness")
            return page if "metrics.deprecated" in notes(page) else None

        readiness = wait_until("versions without a client", spoken, 30)
        assert readiness.tiles["Clients to upgrade"]["value"] is None
        assert readiness.tiles["Requests that are refused"]["tone"] == "plain"
        tab = open_tab(console, "/readiness")
        tile = tab.page.locator(".tile", has_text="Clients to upgrade")
        assert "0" not in tile.inner_text(), tile.inner_text()
        assert "metrics.deprecated" in tab.page.locator("main").inner_text()

        topics = console.page("map")
        assert "metrics.topics" in notes(topics) and topics.tiles["Written"]["value"] is None
        # The topic weighs what its client has moved.
        ledger = next(node for node in topics.panels["map"]["topics"] if node["name"] == "ledger")
        assert ledger["bytes_per_second"] > 0
        marked = console.page("requests").panels["versions"]
        assert any(any(row) for row in marked["marked"]), "versions are known all the same"
    assert not actors.failures


def test_proxies_at_brokers_alone_are_found(here: Path, open_tab: Opener, run_console: Runner, kafka: Kafka,
                                            actors: Actors, spare_port: int) -> None:
    """As istio/overlays/broker-side: the pages are of the clients' side unless somebody chooses."""
    through = Actors(kafka, f"127.0.0.1:{spare_port}")
    with configured(here, kafka, spare_port, '{"reporter": "destination"}') as envoy:
        console = run_console("--proxy", proxy_url(envoy))

        def warned() -> Page | None:
            through.write("known", "ledger", 10)
            page = console.page("topics")
            return page if "Choose \"brokers\" at Seen by" in notes(page) else None

        page = wait_until("the note", warned, 20)
        assert page.tiles["Written"]["value"] is None and not page.rows("topics")
        tab = open_tab(console, "/topics")
        tab.page.get_by_label("Seen by").select_option("destination")
        tab.page.locator("[data-panel=topics] tbody tr", has_text="ledger").wait_for()
        assert "Seen by" not in notes(console.page("topics", reporter="destination"))
    assert not actors.failures
