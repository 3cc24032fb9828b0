"""Dashboards, the compose file and autoscalers: up to date, whole, and asking for nothing that is not there.

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
from dashboards import AUTOSCALING, DASHBOARDS, ENVOY, ROOT, Json
from lab import paths
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


def test_images_are_pinned_as_the_tests_run_them() -> None:
    images = {name: service["image"] for name, service in _compose()["services"].items()}
    for name, image in images.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", image), f"{name}: {image} is not pinned"
    assert images["kafka"].split("@")[0] == f"apache/kafka:{paths.KAFKA_CURRENT}"
    assert images["envoy"].split("@")[0] == f"envoyproxy/envoy:v{paths.PINS['envoy']['version']}"


def test_mounts_exist_and_rules_are_mounted() -> None:
    mounts: dict[str, dict[str, Path]] = {}
    for name, service in _compose()["services"].items():
        for volume in service.get("volumes", []):
            source, target, mode = volume.split(":")
            path = (ENVOY / source).resolve()
            assert mode == "ro", f"{name}: {volume} can be written to"
            # The module is built, not committed.
            assert path.exists() or path == ROOT / "dist" / "kafka_filter.wasm", f"{name}: no {source}"
            mounts.setdefault(name, {})[target] = path
    assert mounts["envoy"]["/etc/kafka-filter/dist/kafka_filter.wasm"] == ROOT / "dist" / "kafka_filter.wasm"
    rules = yaml.safe_load((ENVOY / "prometheus.yaml").read_text())["rule_files"]
    assert {f"/etc/prometheus/{name}" for name in rules} < set(mounts["prometheus"])
    provider = yaml.safe_load((ENVOY / "grafana/provisioning/dashboards/kafka-filter.yaml").read_text())["providers"][0]
    assert mounts["grafana"][provider["options"]["path"]] == DASHBOARDS
    assert mounts["grafana"]["/etc/grafana/provisioning"] == ENVOY / "grafana" / "provisioning"
    home = _compose()["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DASHBOARDS / Path(home).relative_to(provider["options"]["path"])).is_file()


def test_the_containers_meet_where_the_files_say() -> None:
    services = _compose()["services"]
    assert {service.get("network_mode") for name, service in services.items() if name != "kafka"} == {"service:kafka"}
    published = {port.split(":")[1] for port in services["kafka"]["ports"]}
    assert all(port.startswith("127.0.0.1:") for port in services["kafka"]["ports"])
    (source,) = yaml.safe_load((ENVOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    scrape = yaml.safe_load((ENVOY / "prometheus.yaml").read_text())
    target = scrape["scrape_configs"][0]["static_configs"][0]["targets"][0]
    assert {source["url"].rpartition(":")[2], target.rpartition(":")[2], "19092", "3000"} == published
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    environment = services["kafka"]["environment"]
    assert "ENVOY://127.0.0.1:19092" in environment["KAFKA_ADVERTISED_LISTENERS"]
    assert "ENVOY://127.0.0.1:9092" in environment["KAFKA_LISTENERS"]


def test_envoy_in_a_container_differs_only_where_it_listens(tmp_path: Path) -> None:
    """The command's own sed over the shipped configuration."""
    service = _compose()["services"]["envoy"]
    program = re.fullmatch(r'exec /docker-entrypoint.sh envoy --config-yaml "\$\$\((sed .*)\)"', service["command"][0])
    assert program and service["entrypoint"] == ["/bin/sh", "-c"]
    done = subprocess.run(["/bin/sh", "-c", program[1]], cwd=ENVOY, capture_output=True, text=True, check=True)
    before, after = (ENVOY / "envoy.yaml").read_text().splitlines(), done.stdout.splitlines()
    changed = [(old.strip(), new.strip()) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [(f"socket_address: {{address: 127.0.0.1, port_value: {port}}}",
                        f"socket_address: {{address: 0.0.0.0, port_value: {port}}}") for port in (9901, 19092)]


def _compose() -> Json:
    compose: Json = yaml.safe_load((ENVOY / "docker-compose.yaml").read_text())
    return compose


def _units(panel: Json) -> bool:
    """Whether each value that the panel shows has a unit: by default, or by column in tables."""
    if panel["type"] == "heatmap":
        return bool(panel["options"]["yAxis"]["unit"])
    if panel["type"] != "table":
        return bool(panel["fieldConfig"]["defaults"]["unit"])
    return all(any(one["id"] == "unit" for one in override["properties"])
               for override in panel["fieldConfig"]["overrides"] if override["matcher"]["options"].startswith("Value"))
