"""Dashboards and autoscalers: up to date, whole, and asking for nothing that is not there.

Whether the queries find data is for tests/e2e/test_dashboards.py, with a real Kafka behind them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import dashboards
import pytest
import yaml
from dashboards import AUTOSCALING, DASHBOARDS, ENVOY, Json
from lab.prometheus import promtool

# Grafana's own variables, and values that Prometheus can parse.
BUILT_IN = {"__rate_interval": "1m", "__range": "1h", "__interval": "15s"}

# Panels whose subject is the proxy, whatever side it is on: they never add one reporter's calls to another's.
ANY_REPORTER = {
    "Proxies with the filter", "Proxies without it", "Proxies without the filter",
    "Connections that the filter did not see", "Releases", "Series of the filter", "Memory of Envoy", "Time of a scrape",
    # In a mesh: each side of a pod for itself.
    "Share of open connections that it has", "Pods that lack it", "Pods whose image was not fetched",
    "Where it is missing", "Open connections without the filter", "New connections that only Istio counts",
    "Releases by namespace",
}


def values_for(page: Json) -> dict[str, str]:
    """A value for each variable of a dashboard."""
    return BUILT_IN | {variable["name"]: "proxy" if variable["name"] == "reporter" else ".*"
                       for variable in page["templating"]["list"]}


def parsed_queries() -> list[tuple[dashboards.Ask, str]]:
    """All queries of dashboards and autoscalers, their variables substituted."""
    pages = dashboards.pages()
    asks = dashboards.panel_queries() + dashboards.variable_queries()
    found = [(ask, dashboards.substituted(ask.expr, values_for(pages[ask.file]))) for ask in asks]
    return found + [(ask, ask.expr) for ask in dashboards.autoscaling_queries()]


def test_files_are_what_the_source_says() -> None:
    done = subprocess.run([sys.executable, "-B", DASHBOARDS / "source" / "generate.py", "--check"], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_six_pages_are_there_under_fixed_names() -> None:
    uids = {name: page["uid"] for name, page in dashboards.pages().items()}
    assert uids == {
        "overview.json": "kafka-filter-overview", "topics.json": "kafka-filter-topics",
        "clients.json": "kafka-filter-clients", "groups.json": "kafka-filter-groups",
        "kafka-4-readiness.json": "kafka-filter-kafka4", "filter-health.json": "kafka-filter-health"}


@pytest.mark.parametrize("name", dashboards.pages())
def test_every_panel_explains_itself(name: str) -> None:
    page = dashboards.pages()[name]
    faults = []
    for panel in dashboards.panels(page):
        read, _, do = panel["description"].partition("\n\n**Do:** ")
        if len(read) < 20 or len(do) < 10:
            faults.append(f"{panel['title']}: the description does not say how to read it and what to do")
        if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            faults.append(f"{panel['title']}: not the datasource of the variable")
        if not _units(panel):
            faults.append(f"{panel['title']}: a value without a unit")
    titles = [panel["title"] for panel in dashboards.panels(page)]
    faults += [f"{title}: twice" for title in set(titles) if titles.count(title) > 1]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", dashboards.pages())
def test_panels_stand_beside_each_other(name: str) -> None:
    page = dashboards.pages()[name]
    taken: dict[tuple[int, int], str] = {}
    for panel in page["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])):
            assert cell not in taken, f"{panel['title']} lies on {taken[cell]}"
            taken[cell] = panel["title"]
    ids = [panel["id"] for panel in page["panels"]]
    assert len(set(ids)) == len(ids)


def test_variables_are_declared_and_used() -> None:
    for name, page in dashboards.pages().items():
        declared = {variable["name"] for variable in page["templating"]["list"]}
        expressions = [target["expr"] for panel in dashboards.panels(page) for target in panel["targets"]]
        expressions += [ask.expr for ask in dashboards.variable_queries() if ask.file == name]
        used = set.union(*(dashboards.variables_in(expr) for expr in expressions)) - set(BUILT_IN)
        assert used <= declared, f"{name}: {used - declared} not declared"
        assert declared - used <= {"datasource", "filters", "reporter"}, f"{name}: {declared - used} not used"


def test_links_lead_to_pages_and_their_variables() -> None:
    pages = {page["uid"]: page for page in dashboards.pages().values()}
    seen = 0
    for name, page in dashboards.pages().items():
        assert [link["tags"] for link in page["links"]] == [["kafka-filter"]] and "kafka-filter" in page["tags"], name
        for uid, variable in re.findall(r'"/d/([\w-]+)\?[^"]*&var-(\w+)=', json.dumps(page)):
            seen += 1
            assert uid in pages, f"{name}: a link to {uid}"
            there = {one["name"] for one in pages[uid]["templating"]["list"]}
            assert variable in there, f"{name}: {uid} has no {variable}"
    assert seen > 8


def test_no_call_counts_twice() -> None:
    """Each selector of the filter's metrics names one reporter, but for panels about proxies."""
    faults = []
    for ask in dashboards.panel_queries():
        if ask.place.rpartition(" [")[0] in ANY_REPORTER:
            continue
        expr = dashboards.substituted(ask.expr, values_for(dashboards.pages()[ask.file]))
        faults += [f"{ask}: {one.name}" for one in dashboards.references(expr)[0]
                   if one.name.startswith("kafka_filter_") and one.matchers.get("reporter") != '="proxy"']
    assert not faults, "\n".join(faults)
    for name, page in dashboards.pages().items():
        (variable,) = [one for one in page["templating"]["list"] if one["name"] == "reporter"]
        assert not variable["multi"] and not variable["includeAll"], f"{name}: several reporters can be chosen"


def test_rates_and_quantiles_are_taken_as_they_must_be() -> None:
    for ask in dashboards.panel_queries():
        windows = set(re.findall(r"\b(?:rate|irate)\([^\[]*\[([^\]]+)\]", ask.expr))
        assert windows <= {"$__rate_interval", "$__range"}, f"{ask}: rate over {windows}"
        for inner in re.findall(r"histogram_quantile\([\d.]+, (.{0,30})", ask.expr):
            assert re.match(r"sum by \((?:\w+, )*le\b", inner), f"{ask}: buckets are not summed by le"


def test_metrics_and_labels_are_in_the_catalog() -> None:
    queries = parsed_queries()
    assert len(queries) > 120
    faults = [fault for ask, expr in queries for fault in dashboards.unknown(ask, expr)]
    assert not faults, "\n".join(faults)


def test_legends_and_columns_name_labels_of_their_query() -> None:
    for ask, expr in parsed_queries():
        selectors, grouping = dashboards.references(expr)
        for label in re.findall(r"\{\{(\w+)\}\}", ask.legend):
            plain = set.union(*(labels for labels in dashboards.OTHERS.values())) | dashboards.SCRAPED
            assert label in grouping or (not grouping and label in plain), f"{ask}: legend of {label}"
        assert selectors, f"{ask}: no series"


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{at}", "expr": expr} for at, (_, expr) in enumerate(parsed_queries())]
    written = tmp_path / "queries.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", written)


def test_expected_errors_are_those_of_the_rules() -> None:
    """What is left out of error rates is one list, in recording-rules.yaml; the dashboards have a copy."""
    rules = yaml.safe_load((ENVOY / "recording-rules.yaml").read_text())
    healthy = {rule["labels"]["error"] for group in rules["groups"] for rule in group["rules"]
               if rule.get("labels", {}).get("kind") == "protocol"}
    filters = {found for ask in dashboards.panel_queries() for found in re.findall(r'error!~"([^"]+)"', ask.expr)}
    assert [set(one.split("|")) for one in filters] == [healthy]


def _units(panel: Json) -> bool:
    """Whether each value that the panel shows has a unit: by default, or by column in tables."""
    if panel["type"] == "heatmap":
        return bool(panel["options"]["yAxis"]["unit"])
    if panel["type"] != "table":
        return bool(panel["fieldConfig"]["defaults"]["unit"])
    return all(any(one["id"] == "unit" for one in override["properties"])
               for override in panel["fieldConfig"]["overrides"] if override["matcher"]["options"].startswith("Value"))
