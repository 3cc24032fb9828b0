"""Pieces of Grafana dashboards as plain dicts: panels, rows, variables, and the dashboard around them.

The output is Grafana's classic dashboard model, schema version 42, which Grafana 12.2 and later read as it is. Panels
flow from left to right and wrap at 24 columns. Each says how to read it (`read`) and what to do about it (`do`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

COLUMNS = 24
TAG = "kafka-filter"
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

GREEN, ORANGE, RED = "green", "orange", "red"
COLOURS: Json = {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange",
                 "reverse": False}

# What a link must carry along so that the next dashboard shows the same time and the same proxies.
CARRY = "${__url_time_range}&${datasource:queryparam}&${reporter:queryparam}"


@dataclass(frozen=True)
class Query:
    """One PromQL expression of a panel. In tables `column` heads its values, and `unit` formats them."""

    expr: str
    legend: str = ""
    column: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Link:
    """A link in a table's cell to another dashboard, with the cell's value as the variable there."""

    uid: str
    variable: str


@dataclass
class Panel:
    """A panel with its size in columns and rows of the grid; `body` is what Grafana's JSON has beside these."""

    title: str
    description: str
    body: Json
    width: int
    height: int

    def placed(self, number: int, x: int, y: int) -> Json:
        return {"id": number, "title": self.title, "description": self.description, "datasource": DATASOURCE,
                "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height}, **self.body}


@dataclass
class Row:
    """A headline with the panels below it."""

    title: str
    panels: Sequence[Panel]


@dataclass
class Dashboard:
    """A page: its variables beside the common ones, and its rows."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    variables: Sequence[Json] = field(default_factory=list)
    since: str = "now-1h"

    def json(self) -> Json:
        return {
            "annotations": {"list": []},
            "description": self.about,
            "editable": True,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "links": [_links()],
            "panels": _laid_out(self.rows),
            "preload": False,
            "refresh": "30s",
            "schemaVersion": 42,
            "tags": [TAG],
            "templating": {"list": [datasource(), reporter(), *self.variables, filters()]},
            "time": {"from": self.since, "to": "now"},
            "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m"]},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        }


def stat(title: str, expr: str, unit: str, read: str, do: str, steps: Sequence[tuple[float, str]] = (),
         decimals: int | None = None, width: int = 3, base: str = GREEN) -> Panel:
    """One number. `steps` are (from this value on, colour) above `base`; without any it has no colour of its own."""
    defaults: Json = {"unit": unit, "noValue": "no data", "color": {"mode": "thresholds"},
                      "thresholds": _steps(steps, base)}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"colorMode": "value" if steps else "none", "graphMode": "area", "justifyMode": "auto",
               "orientation": "auto", "textMode": "auto", "wideLayout": True,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    body = {"type": "stat", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
            "targets": [_target(Query(expr), 0)]}
    return Panel(title, _description(read, do), body, width, 4)


def graph(title: str, queries: Sequence[Query] | str, unit: str, read: str, do: str, legend: str = "",
          steps: Sequence[tuple[float, str]] = (), stack: bool = False, bars: bool = False, width: int = 12,
          height: int = 8) -> Panel:
    """Lines over time. `steps` are drawn as dashed lines where a value becomes a matter of concern."""
    asked = [Query(queries, legend)] if isinstance(queries, str) else queries
    custom: Json = {
        "drawStyle": "bars" if bars else "line", "fillOpacity": 60 if bars else 25 if stack else 8, "lineWidth": 1,
        "showPoints": "never", "spanNulls": False, "axisSoftMin": 0,
        "stacking": {"group": "A", "mode": "normal" if stack else "none"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"}}
    defaults = {"unit": unit, "min": 0, "color": {"mode": "palette-classic"}, "custom": custom,
                "thresholds": _steps(steps)}
    options = {"legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom",
                          "showLegend": True, "sortBy": "Last *", "sortDesc": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    body = {"type": "timeseries", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
            "targets": [_target(query, at) for at, query in enumerate(asked)]}
    return Panel(title, _description(read, do), body, width, height)


def heatmap(title: str, expr: str, unit: str, read: str, do: str, width: int = 12, height: int = 8) -> Panel:
    """The buckets of a histogram over time; `expr` sums them by `le`."""
    target = {**_target(Query(expr, "{{le}}"), 0), "format": "heatmap"}
    options = {"calculate": False, "cellGap": 1, "color": COLOURS,
               "filterValues": {"le": 1e-9}, "legend": {"show": True}, "rowsFrame": {"layout": "auto"},
               "showValue": "never", "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
               "yAxis": {"axisPlacement": "left", "unit": unit}}
    body = {"type": "heatmap", "fieldConfig": {"defaults": {"custom": {"scaleDistribution": {"type": "linear"}}},
                                               "overrides": []},
            "options": options, "targets": [target]}
    return Panel(title, _description(read, do), body, width, height)


def table(title: str, keys: Sequence[str], queries: Sequence[Query], read: str, do: str, links: dict[str, Link]
          | None = None, steps: Sequence[tuple[float, str]] = (), width: int = 12, height: int = 9) -> Panel:
    """A line for each set of `keys` (labels), a column for each query; sorted by the first query's values.

    Queries are instant ones and all give the same keys. `steps` colour the first query's column.
    """
    targets = [{**_target(query, at), "format": "table", "instant": True, "range": False}
               for at, query in enumerate(queries)]
    # A single query's values are called "Value"; merged ones carry the query's letter.
    values = [f"Value #{_letter(at)}" if len(queries) > 1 else "Value" for at in range(len(queries))]
    overrides = [_override(value, [("displayName", query.column), ("unit", query.unit)])
                 for value, query in zip(values, queries, strict=True)]
    if steps:
        overrides[0]["properties"] += [{"id": "thresholds", "value": _steps(steps)},
                                       {"id": "custom.cellOptions", "value": {"type": "color-text"}}]
    for key, link in (links or {}).items():
        url = f"/d/{link.uid}?{CARRY}&var-{link.variable}=${{__value.raw}}"
        overrides.append(_override(key, [("links", [{"title": "Show in detail", "url": url}])]))
    order = [*keys, *values]
    organize = {"excludeByName": {"Time": True}, "includeByName": {}, "renameByName": {},
                "indexByName": {name: at for at, name in enumerate(order)}}
    body = {
        "type": "table",
        "fieldConfig": {"defaults": {"custom": {"align": "auto", "filterable": True}, "noValue": "-"},
                        "overrides": overrides},
        "options": {"cellHeight": "sm", "showHeader": True,
                    "sortBy": [{"displayName": queries[0].column, "desc": True}]},
        "targets": targets,
        "transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]}
    return Panel(title, _description(read, do), body, width, height)


def datasource() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "regex": "",
            "hide": 0, "includeAll": False, "multi": False, "refresh": 1, "options": [],
            "skipUrlSync": False, "description": "Where the proxies' metrics are."}


def reporter() -> Json:
    """One side only, never all: an in-mesh call is counted by both, and a sum over them would count it twice.

    Sorted downwards: `source` stands first where it exists, and where there is but one kind of proxy it is that one.
    """
    made = label_variable("reporter", "kafka_filter_build_info", (), multi=False, sort=2)
    return {**made, "label": "Reported by", "description":
            "source: proxies of clients. destination: proxies of brokers. proxy: listeners without a direction. "
            "One at a time, because a call in a mesh passes two proxies and both count it."}


def filters() -> Json:
    """Any further label, for all queries: cluster, namespace, pod, whatever the scrape adds."""
    return {"name": "filters", "label": "Filters", "type": "adhoc", "datasource": DATASOURCE,
            "filters": [], "hide": 0, "skipUrlSync": False, "description":
            "Narrow every panel by any label that your scrape adds: cluster, namespace, pod, instance."}


def label_variable(label: str, metric: str, matchers: Sequence[str], multi: bool = True, sort: int = 1,
                   name: str = "", regex: str = "") -> Json:
    """The values of a label on a metric (or, with matchers alone, on all that match them)."""
    selector = metric + ("{" + ", ".join(matchers) + "}" if matchers else "")
    query = f"label_values({selector}, {label})"
    made: Json = {"name": name or label, "label": (name or label).replace("_", " "), "type": "query",
                  "datasource": DATASOURCE,
                  "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
                  "regex": regex, "sort": sort, "refresh": 2, "hide": 0, "includeAll": multi, "multi": multi,
                  "options": [], "skipUrlSync": False}
    if multi:
        # "All" is all that the list offers.
        made |= {"allValue": regex or ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    return made


def _links() -> Json:
    return {"title": "Kafka, seen by its proxies", "type": "dashboards", "tags": [TAG], "asDropdown": False,
            "icon": "external link", "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "",
            "url": ""}


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    """All panels with their places: rows one below the other, panels side by side until a line is full."""
    panels: list[Json] = []
    y = 0
    for row in rows:
        panels.append({"id": len(panels) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y, x, line = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y, x, line = y + line, 0, 0
            panels.append(panel.placed(len(panels) + 1, x, y))
            x, line = x + panel.width, max(line, panel.height)
        y += line
    return panels


def _target(query: Query, at: int) -> Json:
    return {"refId": _letter(at), "datasource": DATASOURCE, "editorMode": "code", "expr": query.expr,
            "legendFormat": query.legend or "__auto", "range": True}


def _letter(at: int) -> str:
    return "ABCDEFGH"[at]


def _steps(steps: Sequence[tuple[float, str]], base: str = GREEN) -> Json:
    return {"mode": "absolute", "steps": [{"color": base if steps else "text", "value": None},
                                          *({"color": colour, "value": value} for value, colour in steps)]}


def _override(name: str, properties: Sequence[tuple[str, Any]]) -> Json:
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties if value]}


def _description(read: str, do: str) -> str:
    return f"{read}\n\n**Do:** {do}"
