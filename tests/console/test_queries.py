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
# Counts of a range of minutes are asked for a second or two apart.
COUNT_SLACK = 20.0


class Number(NamedTuple):
    """A number that is shown, and the query that it leads to."""

    place: str
    promql: str
    # None: more than one number, which nobody compares.
    value: float | None
    # How far apart two looks may be, where a number is compared whatever its place is called.
    slack: float | None = None


def numbers(page: Page) -> Iterator[Number]:
    """All of a page that lead somewhere. A panel over time or of many bars has also one query for all of it."""
    for title, tile in page.tiles.items():
        yield Number(title, tile["promql"], tile["value"])
    for panel in page.panels.values():
        yield from _OF[panel["kind"]](panel)


def filled(promql: str, places: dict[str, Any]) -> str:
    """A query with the names of a row, or of a row and a column, in their places; the longest places first."""
    for place in sorted(places, key=len, reverse=True):
        promql = promql.replace(place, str(places[place]).translate(ESCAPES))
    return promql


def test_longer_places_are_filled_first() -> None:
    assert filled('{a="$row", b="$row2"}', {"$row": 'x"', "$row2": "y"}) == '{a="x\\"", b="y"}'


def _table(panel: dict[str, Any]) -> Iterator[Number]:
    for row in panel["rows"]:
        names = [cell["text"] if isinstance(cell, dict) and "text" in cell else cell for cell in row]
        places = dict(zip(("$row", "$row2", "$row3"), names, strict=False))
        for column, cell in zip(panel["columns"], row, strict=True):
            place = f"{panel['id']} / {names[0]} / {column['key']}"
            if isinstance(cell, dict) and "promql" in cell:
                yield Number(place, cell["promql"], cell["value"])
            elif column["promql"] and isinstance(cell, (int, float)):
                yield Number(place, filled(column["promql"], places), cell)


def _whole(panel: dict[str, Any]) -> Iterator[Number]:
    yield Number(panel["id"], panel["promql"], None)


def _lines(panel: dict[str, Any]) -> Iterator[Number]:
    yield from _whole(panel)
    for line in panel["lines"]:
        if line["promql"] and line["points"]:
            yield Number(f"{panel['id']} / {line['name']} / lines", line["promql"], line["points"][-1])


def _heat(panel: dict[str, Any]) -> Iterator[Number]:
    yield from _whole(panel)
    for row, values in zip(panel["rows"], panel["values"], strict=True):
        for column, value in zip(panel["columns"], values, strict=True):
            if value is not None:
                yield Number(f"{panel['id']} / {row} / {column}",
                             filled(panel["cell_promql"], {"$row": row, "$column": column}), value)


def _bars(panel: dict[str, Any]) -> Iterator[Number]:
    yield from _whole(panel)
    for mark in panel["marks"]:
        yield Number(f"{panel['id']} {mark['name']}", mark["promql"], mark["value"])
    for bar in panel["bars"]:
        yield Number(f"{panel['id']} / {bar['label']}", bar["promql"], bar["count"], COUNT_SLACK)


def _map(panel: dict[str, Any]) -> Iterator[Number]:
    for node in panel["writers"] + panel["topics"] + panel["readers"]:
        for query, value in (("promql", "bytes_per_second"), ("lag_promql", "lag_records"),
                             ("error_promql", "error_share")):
            if node[query]:
                yield Number(f"{node['id']} {value}", node[query], node[value])
    for edge in panel["edges"]:
        if edge["promql"]:
            value = "bytes_per_second" if edge["lag_records"] is None else "lag_records"
            yield Number(f"{edge['from']} -> {edge['to']} {value}", edge["promql"], edge[value])


_OF = {"table": _table, "lines": _lines, "heat": _heat, "bars": _bars, "map": _map}


@pytest.mark.parametrize(("name", "key"), PAGES)
def test_prometheus_answers_each_query(both: dict[str, Console], prometheus: Prometheus, lively: None, steady: None,
                                       name: str, key: str) -> None:
    asked = {"window": f"{WINDOW}s", "range": "5m"} | ({"key": key} if key else {})
    for _ in range(LOOKS):
        wrong = untrue(both["prometheus"].page(name, **asked), prometheus)
        if not wrong:
            return
    assert not wrong, "\n".join(wrong)


# A page's moment is told to the second: what enters or leaves the window within it does so once.
LOOKS = 3


def untrue(page: Page, prometheus: Prometheus) -> list[str]:
    """Numbers that Prometheus does not give for the page's moment."""
    found = list(numbers(page))
    assert len(found) > 3 and sum(one.value is not None for one in found) > 1, page.data
    wrong = []
    for place, promql, value, slack in found:
        # A query that Prometheus refuses fails the test by itself.
        series = prometheus.query(promql, at=page.data["at"])
        answer = [point for one in series if math.isfinite(point := one.value)]
        compared = slack is not None or (STEADY.search(place) and not MOVING.search(place))
        if value and not answer:
            wrong.append(f"{place}: {value} here, nothing from {promql}")
        elif value is not None and len(answer) > 1:
            wrong.append(f"{place}: one number here, {len(answer)} from {promql}")
        elif value is not None and compared and sum(answer) != pytest.approx(value, rel=0.08, abs=slack or 0.2):
            wrong.append(f"{place}: {value} here, {sum(answer)} from {promql}")
    return wrong
