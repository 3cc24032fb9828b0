"""What peers choose is bounded: an honest proxy has as many series as docs/performance.md says, a hostile client gains
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import arms, attack, series
from lab import Envoy, bootstrap, cluster, free_port, listener, paths, wasm_filter

# Small, so that a short attack reaches every cap; and no unknown versions, which have the most combinations.
CAPS = {"labels": {"topic": {"values_max": 10}, "client_id": {"values_max": 10}, "group": {"values_max": 10},
                   "software": {"values_max": 4}, "software_version": {"values_max": 4}, "request": {"values_max": 2},
                   "api_version": {"values_max": 0}, "error": {"values_max": 2}},
        "limits": {"combinations_max": 20}}
CONNECTIONS = 3000
# Label sets that those caps leave to metrics with more than one label that a client chooses: 20 combinations, and those
# that take what comes later: one for each topic (10 and `__other__`), API or version. A gauge of pairs has none.
CEILINGS = {"client_produced_records_total": 20 + 11, "client_produced_bytes_total": 20 + 11,
            "client_fetched_records_total": 20 + 11, "client_fetched_bytes_total": 20 + 11,
            "group_requests_total": 20 + 6, "deprecated_requests_total": 20 + 6, "group_lag_records": 20,
            "client_software_connections_total": 4 * 4 + 1, "topic_produced_records_total": 11,
            "topic_fetched_records_total": 11, "topic_request_duration_microseconds": 11 * 2,
            "group_rebalances_total": 11, "group_join_duration_microseconds": 11}


@pytest.fixture(scope="module")
def tools() -> Iterator[arms.Tools]:
    yield arms.build(paths.artifact())


def test_every_metric_has_a_formula() -> None:
    assert set(series.LABEL_SETS) | series.OCCASIONAL == set(series.catalog())


def test_the_page_shows_the_formulas() -> None:
    page = (paths.REPOSITORY / "docs" / "performance.md").read_text()
    assert series.formulas() in page and series.examples() in page, "run `make bench-series`"


@pytest.mark.parametrize(("topics", "clients", "groups"), [(1, 1, 1), (3, 4, 5), (40, 4, 2)])
def test_series_are_as_many_as_the_formulas_say(folder: Path, tools: arms.Tools, topics: int, clients: int,
                                                groups: int) -> None:
    port = free_port()
    here = folder / f"census-{topics}-{clients}-{groups}"
    with arms.stand_in(tools) as broker:
        config = bootstrap([listener("census", port, "broker", [wasm_filter({})])], [cluster("broker", broker.port)])
        with Envoy(here, config, overlays=[paths.STATS_TAGS]) as envoy:
            arms.load(tools, ["census", "--address", f"127.0.0.1:{port}", "--topics", str(topics),
                              "--clients", str(clients), "--groups", str(groups)])
            stats = series.settled_series(envoy)
            kept = sum("kafka_filter_" in line for line in envoy.admin("/stats?filter=kafka_filter_").splitlines())
    expected_stats, expected_series = series.predicted(series.census_traffic(topics, clients, groups))
    assert series.observed(stats) == expected_series
    assert kept == sum(expected_stats.values())


def test_a_hostile_client_gains_nothing(folder: Path, tools: arms.Tools) -> None:
    """Every name and number that a client may choose is invented, until long after the caps are reached."""
    found = attack.attack(tools, folder / "attack", seconds=120, per_second=300, every=0.5, configuration=CAPS,
                          further=("--count", str(CONNECTIONS), "--pool", "12"))
    last = found.samples[-1]
    assert last.connections >= CONNECTIONS, f"{last.connections} connections in two minutes prove nothing"
    # A pair of admitted names that is rare comes late: seldom, and within the ceilings.
    assert not (growth := found.growth(late_share=0.01)), "\n".join(growth)
    told = last.stats_by_metric()
    over = {name: told[name] for name, most in CEILINGS.items() if told[name] > most}
    assert not over, f"more than the caps leave: {over}"
    assert told["client_produced_bytes_total"] == 20 + 11, "the cap was not reached"
    assert last.label_values == {"topic": 10, "client_id": 10, "group": 10, "software": 4, "software_version": 4,
                                 "request": 2}
    assert 300 < last.stats < 1_500, "that is not what these caps come to"
