"""Every number leads to a query, and Prometheus answers each of them with that number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from console import WINDOW, Console, Page
from lab import Prometheus
from test_numbers import MOVING, STEADY

PAGES = [("map", ""), ("topics", ""), ("topic", "orders"), ("topic", "exports"), ("clients", ""),
         ("client", "orders-service"), ("client", "billing"), ("groups", ""), ("group", "billing"), ("requests", ""),
         ("readiness", ""), ("health", "")]
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
# What no query could give: the console's own knowledge of its targets.
OWN = ("Targets up", "proxies /")


class Number(NamedTuple):
    """A number that is shown, and the query that it leads to."""

    place: str
    promql: str
    value: float | None


def numbers(page: Page) -> Iterator[Number]:
    """All of a page that lead somewhere. A panel over time or of many bars has one query for all of it."""
    for title, tile in page.tiles.items():
        yield Number(title, tile["promql"], tile["value"])
    for panel in page.panels.values():
        yield from _OF[panel["kind"]](panel)


def _table(panel: dict[str, Any]) -> Iterator[Number]:
    for row in panel["rows"]:
        name = row[0]["text"] if isinstance(row[0], dict) else row[0]
        for column, cell in zip(panel["columns"], row, strict=True):
            if column["promql"] and isinstance(cell, (int, float)):
                yield Number(f"{panel['id']} / {name} / {column['key']}",
                             column["promql"].replace("$row", name.translate(ESCAPES)), cell)


def _whole(panel: dict[str, Any]) -> Iterator[Number]:
    yield Number(panel["id"], panel["promql"], None)
    for mark in panel.get("marks", ()):
        yield Number(f"{panel['id']} {mark['name']}", mark["promql"], mark["value"])


def _map(panel: dict[str, Any]) -> Iterator[Number]:
    for node in panel["writers"] + panel["topics"] + panel["readers"]:
        for query, value in (("promql", "bytes_per_second"), ("lag_promql", "lag_records"),
                             ("error_promql", "error_share")):
            if node[query]:
                yield Number(f"{node['id']} {value}", node[query], node[value])
    for edge in panel["edges"]:
        if edge["promql"]:
            yield Number(f"{edge['from']} -> {edge['to']}", edge["promql"], edge["bytes_per_second"] or None)


_OF = {"table": _table, "lines": _whole, "heat": _whole, "bars": _whole, "map": _map}


@pytest.mark.parametrize(("name", "key"), PAGES)
def test_prometheus_answers_each_query(both: dict[str, Console], prometheus: Prometheus, lively: None, steady: None,
                                       name: str, key: str) -> None:
    page = both["prometheus"].page(name, window=f"{WINDOW}s", range="5m", **({"key": key} if key else {}))
    found = [one for one in numbers(page) if not one.place.startswith(OWN)]
    assert len(found) > 3 and sum(one.value is not None for one in found) > 1, page.data
    wrong = []
    for place, promql, value in found:
        # A query that Prometheus refuses fails the test by itself.
        answer = [point for one in prometheus.query(promql) if math.isfinite(point := one.value)]
        if value and not answer:
            wrong.append(f"{place}: {value} here, nothing from {promql}")
        elif value is not None and STEADY.search(place) and not MOVING.search(place) \
                and sum(answer) != pytest.approx(value, rel=0.08, abs=0.2):
            wrong.append(f"{place}: {value} here, {sum(answer)} from {promql}")
    assert not wrong, "\n".join(wrong)
