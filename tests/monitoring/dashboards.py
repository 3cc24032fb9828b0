"""What the shipped dashboards and autoscalers ask of Prometheus, and what there is to ask for.

Read from the files that users get: `envoy/dashboards/*.json`, `envoy/autoscaling/*.yaml`, the rule files, and the
catalog in `docs/metrics.md`. The queries of Grafana have variables; `substituted` puts values in their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
ENVOY = ROOT / "envoy"
DASHBOARDS = ENVOY / "dashboards"
AUTOSCALING = ENVOY / "autoscaling"
RULE_FILES = (ENVOY / "recording-rules.yaml", ENVOY / "alerts.yaml", AUTOSCALING / "rules.yaml")

Json = dict[str, Any]

# Prometheus adds these to every series that it scrapes; the latter two in Kubernetes.
SCRAPED = {"job", "instance", "namespace", "pod"}

# Of those that Istio's TCP metrics have, the ones which are asked for.
ISTIO_TCP = {"reporter", "source_workload", "destination_workload", "destination_service_name"}

# Series that are not the filter's, and their labels: Envoy's own (as envoy.yaml shows them), Istio's, and Prometheus's.
OTHERS: dict[str, set[str]] = {
    "istio_tcp_connections_opened_total": ISTIO_TCP,
    "istio_tcp_connections_closed_total": ISTIO_TCP,
    "istio_agent_wasm_remote_fetch_count": {"result"},
    "envoy_kafka_filter_absent_rbac": {"authz_enforce_result"},
    "envoy_extension_config_discovery_network_filter_istio_system_kafka_filter_config_fail": set(),
    "envoy_listener_manager_lds_update_rejected": set(),
    # The filter's, from proxies that have no tags.
    "kafka_filter_connections_opened_total_reporter___source___": set(),
    "kafka_filter_connections_opened_total_reporter___destination___": set(),
    "envoy_cluster_upstream_cx_connect_ms_bucket": {"envoy_cluster_name", "le"},
    "envoy_cluster_upstream_cx_total": {"envoy_cluster_name"},
    "envoy_server_memory_allocated": set(),
    "envoy_server_uptime": set(),
    "envoy_tcp_downstream_cx_total": {"envoy_tcp_prefix"},
    "envoy_wasm_envoy_wasm_runtime_v8_active": set(),
    "envoy_wasm_kafka_filter_vm_reload_failure": set(),
    "up": set(),
    "scrape_duration_seconds": set(),
    "ALERTS": {"alertname", "alertstate", "severity", "reporter", "request", "topic", "group", "client_id", "reason",
               "label"},
}


@dataclass(frozen=True)
class Ask:
    """One query, and where it stands: a file, and a panel or the name of an object in it."""

    file: str
    place: str
    expr: str
    legend: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.place}"


@dataclass
class Reference:
    """One selector of a query: the series' name (or a regular expression for it) and what it asks of labels."""

    name: str
    matchers: dict[str, str] = field(default_factory=dict)


def pages() -> dict[str, Json]:
    """The dashboards by file name."""
    found = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}
    assert found, f"no dashboard in {DASHBOARDS}"
    return found


def panels(page: Json) -> list[Json]:
    """The panels of a dashboard without its headlines."""
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def panel_queries() -> list[Ask]:
    return [Ask(name, f"{panel['title']} [{target['refId']}]", target["expr"], target["legendFormat"])
            for name, page in pages().items() for panel in panels(page) for target in panel["targets"]]


def variable_queries() -> list[Ask]:
    """`label_values(selector, label)` is Grafana's; what it asks Prometheus is the series of the selector."""
    found = []
    for name, page in pages().items():
        for variable in page["templating"]["list"]:
            if variable["type"] == "query":
                asked = LABEL_VALUES.fullmatch(variable["query"]["query"])
                assert asked, f"{name}: variable {variable['name']} is no label_values(...)"
                expr = f"count by ({asked['label']}) ({asked['selector']})"
                found.append(Ask(name, f"variable {variable['name']}", expr))
    return found


def autoscaling_queries() -> list[Ask]:
    """KEDA's queries, and those that prometheus-adapter makes for the metrics of each HorizontalPodAutoscaler."""
    found = []
    for path in sorted(AUTOSCALING.glob("keda-*.yaml")):
        for trigger in yaml.safe_load(path.read_text())["spec"]["triggers"]:
            found.append(Ask(path.name, trigger["name"], trigger["metadata"]["query"]))
    rules = {rule["name"]["as"]: rule for rule in adapter_rules()}
    for path in sorted(AUTOSCALING.glob("hpa-*.yaml")):
        for metric in yaml.safe_load(path.read_text())["spec"]["metrics"]:
            asked = metric["external"]["metric"]
            assert asked["name"] in rules, f"{path.name}: prometheus-adapter.yaml makes no metric {asked['name']}"
            labels = asked.get("selector", {}).get("matchLabels", {})
            found.append(Ask(path.name, asked["name"], adapted(rules[asked["name"]], labels)))
    return found


def adapter_rules() -> list[Json]:
    rules: list[Json] = yaml.safe_load((AUTOSCALING / "prometheus-adapter.yaml").read_text())["externalRules"]
    return rules


def adapted(rule: Json, labels: Mapping[str, str]) -> str:
    """The query that the adapter makes of a rule for the labels in an autoscaler's selector."""
    series = rule["name"]["matches"].strip("^$")
    matchers = ",".join(f'{label}="{value}"' for label, value in labels.items())
    query: str = rule["metricsQuery"]
    for template, text in (("<<.Series>>", series), ("<<.LabelMatchers>>", matchers)):
        assert template in query, f"{query} has no {template}"
        query = query.replace(template, text)
    return query


def recorded() -> dict[str, str]:
    """The recording rules of all rule files: name to expression."""
    found = {}
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            found.update({rule["record"]: rule["expr"] for rule in group["rules"] if "record" in rule})
    return found


def catalog() -> dict[str, set[str]]:
    """Every series of the filter with its labels, from the table in docs/metrics.md."""
    found: dict[str, set[str]] = {}
    for name, kind, labels in CATALOG_LINE.findall((ROOT / "docs" / "metrics.md").read_text()):
        own = {"reporter", *re.findall(r"`(\w+)`", labels)}
        if kind == "histogram":
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
        else:
            found[name] = own
    assert len(found) > 20, "docs/metrics.md has no table of metrics"
    return found


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """The query with values for `$name` and `${name}`. AssertionError for a variable without a value."""
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        assert name in values, f"no value for ${name} in {expr}"
        return values[name]

    return VARIABLE.sub(value, expr)


def variables_in(expr: str) -> set[str]:
    return {first or second for first, second in VARIABLE.findall(expr)}


def references(expr: str) -> tuple[list[Reference], set[str]]:
    """The selectors of a query without variables, and the labels which it groups or joins by."""
    tokens = [match for match in TOKEN.finditer(expr) if match.lastgroup != "space"]
    assert "".join(match[0] for match in TOKEN.finditer(expr)) == expr, f"not understood: {expr}"
    found, labels, at = [], set(), 0
    while at < len(tokens):
        kind, text = tokens[at].lastgroup, tokens[at][0]
        following = tokens[at + 1][0] if at + 1 < len(tokens) else ""
        at += 1
        if kind == "word" and text in GROUPING:
            if following == "(":
                end = next(i for i in range(at, len(tokens)) if tokens[i][0] == ")")
                labels |= {token[0] for token in tokens[at:end] if token.lastgroup == "word"}
                at = end + 1
        elif kind == "word" and text not in KEYWORDS and following not in ("(", "by", "without"):
            reference = Reference(text)
            if following == "{":
                at = _matchers(tokens, at, reference)
            found.append(reference)
        elif text == "{":
            reference = Reference("")
            at = _matchers(tokens, at - 1, reference)
            reference.name = reference.matchers.pop("__name__").strip('=~"')
            found.append(reference)
    return found, labels


def is_of_a_mesh(ask: Ask) -> bool:
    """Whether it asks for what only proxies of Istio have. tests/istio/test_missing.py has some, the demo has none."""
    return any(name in ask.expr for name in ("istio_", "envoy_kafka_filter_absent", "extension_config_discovery"))


def made_labels(expr: str) -> set[str]:
    """The labels that a query makes by itself: the second argument of each label_replace and label_join."""
    found, open_calls = set(), []
    tokens = [match[0] for match in TOKEN.finditer(expr) if match.lastgroup != "space"]
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token == "(":
            open_calls.append([before, 0])
        elif token == ")":
            open_calls.pop()
        elif token == "," and open_calls:
            open_calls[-1][1] += 1
        elif token.startswith('"') and open_calls and open_calls[-1] in (["label_replace", 1], ["label_join", 1]):
            found.add(token.strip('"'))
    return found


def unknown(ask: Ask, expr: str) -> Iterator[str]:
    """What a query (its variables substituted) names that neither catalog nor list has."""
    known = {name: labels | SCRAPED for name, labels in (catalog() | OTHERS).items()}
    rules = recorded()
    selectors, grouping = references(expr)
    available = made_labels(expr)
    for selector in selectors:
        if selector.name in rules:
            available |= set.union(*known.values())
            continue
        named = {name: labels for name, labels in known.items() if re.fullmatch(selector.name, name)}
        if not named:
            yield f"{ask}: no metric {selector.name}"
            continue
        common = set.intersection(*named.values())
        available |= common
        strange = sorted(set(selector.matchers) - common)
        yield from (f"{ask}: {selector.name} has no label {label}" for label in strange)
    yield from (f"{ask}: nothing here has a label {label}" for label in sorted(grouping - available))


def _matchers(tokens: list[re.Match[str]], at: int, reference: Reference) -> int:
    """Reads `{label="value", ...}` from the brace at `at`, and returns the place behind it."""
    end = next(i for i in range(at, len(tokens)) if tokens[i][0] == "}")
    inner = [token[0] for token in tokens[at + 1:end] if token[0] != ","]
    for label, operator, value in zip(inner[::3], inner[1::3], inner[2::3], strict=True):
        reference.matchers[label] = operator + value
    return end + 1


LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")
CATALOG_LINE = re.compile(r"^\| `(kafka_filter_\w+)` \| (\w+) \|([^|]*)\|", re.M)
# Not `$1`, which is a group of an expression in label_replace.
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "Inf", "NaN"}
TOKEN = re.compile(
    r'(?P<space>\s+|#[^\n]*)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<window>\[[^\]]*\])|(?P<number>\d[\w.]*)'
    r"|(?P<word>[A-Za-z_][\w:]*)|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},@])")
