"""The shipped rules say what they mean: against hand-made series, and against the catalog of metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Failed, paths
from lab.prometheus import promtool
from rulefiles import (ALERTS, ENVOY, RECORDING, SERIES_TESTS, TARGET_LABELS, Rule, alerts, base_series, catalog,
                       catalog_series, groups, rules, series_tests)

ALERT_NAMES = [alert.name for alert in alerts()]


def test_promtool_accepts_them() -> None:
    promtool("check", "config", ENVOY / "prometheus.yaml")
    promtool("check", "rules", RECORDING, ALERTS)


@pytest.mark.parametrize("file", SERIES_TESTS, ids=lambda file: file.stem)
def test_hand_made_series(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("file", SERIES_TESTS, ids=lambda file: file.stem)
def test_series_are_tested_with_all_rules_in_order(file: Path) -> None:
    """A group that is left out would be evaluated at any place, one minute late or not."""
    written = yaml.safe_load(file.read_text())
    assert written["group_eval_order"] == [group["name"] for group in groups()]
    assert [(file.parent / name).resolve() for name in written["rule_files"]] == [RECORDING, ALERTS]


@pytest.mark.parametrize("name", ALERT_NAMES)
def test_each_alert_is_seen_firing(name: str) -> None:
    expected = [found["exp_alerts"] for _, _, found in _cases(name) if found["exp_alerts"]]
    assert expected, f"no test in tests/monitoring/rules expects {name} to fire"


@pytest.mark.parametrize("name", ALERT_NAMES)
def test_each_alert_is_seen_silent_because_of_its_conditions(name: str, tmp_path: Path) -> None:
    """A silent case has data that the alert tells once its conditions are weaker: it is not silent for want of any."""
    file, silent = _silent_cases(name)
    assert silent, f"no test in tests/monitoring/rules expects {name} to be silent"
    with pytest.raises(Failed, match=f"alertname: {name}"):
        promtool("test", "rules", _with_weaker(tmp_path, name, file, silent))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_names_and_labels_are_the_catalog_s(rule: Rule) -> None:
    known, recorded = catalog_series(), {one.name for one in rules()}
    base = base_series(rule.name)
    missing = {name for name in base if name.startswith("kafka_filter") and name not in known}
    assert not missing, f"neither in docs/metrics.md nor recorded: {sorted(missing)}"
    own = {label for one in rules() if one.name in rule.reads() for label in one.labels}
    there = TARGET_LABELS | own | {label for name in base for label in known.get(name, ())}
    # Of Envoy's own metrics the catalog knows nothing; the run with a real Envoy does.
    selected = {label for name, matchers in rule.selectors() if name in known or name in recorded
                for label, _, _ in matchers}
    assert rule.listed_labels() | selected <= there, sorted((rule.listed_labels() | selected) - there)


def test_each_metric_is_asked_for_by_exact_labels() -> None:
    """A selector on a scraped series names labels of that very series."""
    known = catalog_series()
    found = [f"{rule.name}: {name} has no label {label}" for rule in rules() for name, matchers in rule.selectors()
             if name in known for label, _, _ in matchers if label not in known[name]]
    assert not found, found


def test_values_asked_for_exist() -> None:
    """Reasons stand in the catalog's text, errors in the filter's table, and the objective at a bucket's edge."""
    document = (paths.REPOSITORY / "docs" / "metrics.md").read_text()
    errors = (paths.REPOSITORY / "crates" / "kafka-wire" / "src" / "error_code.rs").read_text()
    assert '"MEMBER_ID_REQUIRED"' in errors
    for rule in rules():
        if "error" in rule.labels:
            assert f'"{rule.labels["error"]}"' in errors, rule.labels
        for name, matchers in rule.selectors():
            for label, _, value in matchers:
                if label == "reason":
                    assert all(f"`{reason}`" in document for reason in value.split("|")), (rule.name, value)
    objective = next(rule for rule in rules() if rule.name == "kafka_filter:produce_in_time:count")
    edge = next(value for _, matchers in objective.selectors() for label, _, value in matchers if label == "le")
    buckets = re.search(r"^- `kafka_filter_request_duration_microseconds`: ([\d, ]+)$", document, re.M)
    assert buckets and re.fullmatch(r"(\d+)\(\\\\\.0\)\?", edge), (buckets, edge)
    assert edge.partition("(")[0] in buckets[1].split(", ")
    assert int(edge.partition("(")[0]) <= 500000


def test_no_sum_mixes_reporters() -> None:
    """What both sides of a call count is never added: each sum keeps the side, or stays within one proxy."""
    sums = re.compile(r"(?<![\w:])(sum|max|min|avg|count)\b(?:\s*(by|without)\s*\(([^)]*)\))?")
    found = []
    for rule in rules():
        for operator, kind, listed in sums.findall(rule.expression):
            labels = {label.strip() for label in listed.split(",")}
            keeps = bool(labels & {"reporter", "instance"}) == (kind == "by")
            if not kind or not keeps:
                found.append(f"{rule.name}: {operator} {kind} ({listed})")
    assert not found, found


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_what_is_next(alert: Rule) -> None:
    assert alert.labels.get("severity") in ("critical", "warning", "info")
    assert set(alert.annotations) == {"summary", "description", "runbook"}
    assert "$value" in alert.annotations["description"]
    assert "Next: " in alert.annotations["description"]
    path, _, anchor = alert.annotations["runbook"].partition("#")
    page = paths.REPOSITORY / path
    assert page.is_file(), f"{path} is not there"
    assert anchor in _anchors(page.read_text()), f"{path} has no place called {anchor}"
    # What it tells to look at must be there too.
    named = set(re.findall(r"kafka_filter[_:][\w:]*\w", alert.annotations["description"]))
    known = set(catalog()) | {rule.name for rule in rules()}
    assert named <= known, f"neither in docs/metrics.md nor recorded: {sorted(named - known)}"


def test_keys_of_the_configuration_are_its_own() -> None:
    """What an alert tells to raise can be raised, and a full label means the default."""
    document = (paths.REPOSITORY / "docs" / "configuration.md").read_text()
    keys = dict(re.findall(r"^\| `([a-z_.]+)` \| `([^`]*)` \|", document, re.M))
    texts = " ".join(alert.annotations["description"] for alert in alerts())
    named = set(re.findall(r"\b(?:limits|metrics)\.[a-z_]+", texts))
    assert len(named) >= 3 and named <= set(keys), sorted(named - set(keys))
    assert "labels.{{ $labels.label }}.values_max" in texts and "labels.client_id.values_max" in keys
    topics = next(rule for rule in rules() if rule.name == "kafka_filter:topic_values_max:values")
    assert topics.expression == f"vector({keys['labels.topic.values_max']})"


def test_names_are_given_once() -> None:
    assert len(set(ALERT_NAMES)) == len(ALERT_NAMES)
    recorded = [(rule.name, tuple(sorted(rule.labels.items()))) for rule in rules() if not rule.is_alert]
    assert len(set(recorded)) == len(recorded)
    assert all(name.startswith("kafka_filter:") for name, _ in recorded)


def _cases(name: str) -> list[tuple[Path, dict[str, Any], dict[str, Any]]]:
    """Every expectation about an alert: its file, the test around it, and itself."""
    return [(file, test, found) for file, test in series_tests() for found in test.get("alert_rule_test", [])
            if found["alertname"] == name]


def _silent_cases(name: str) -> tuple[Path, list[dict[str, Any]]]:
    """Those of the first file that has any: files differ in how often they evaluate."""
    silent = [(file, {**test, "alert_rule_test": [found], "promql_expr_test": []})
              for file, test, found in _cases(name) if not found["exp_alerts"]]
    return (silent[0][0], [test for file, test in silent if file == silent[0][0]]) if silent else (Path(), [])


def _with_weaker(folder: Path, name: str, file: Path, tests: list[dict[str, Any]]) -> Path:
    """A test file in which the alert tells whatever it has data for."""
    written = yaml.safe_load(ALERTS.read_text())
    for rule in (rule for group in written["groups"] for rule in group["rules"] if rule["alert"] == name):
        weaker = re.sub(r"\s+unless .*", "", rule["expr"], flags=re.S)
        weaker = re.sub(r">=?\s*(?:[\d.]+|scalar\([^)]*\))", "> -1e12", weaker)
        weaker = re.sub(r"== [\d.]+", "> -1e12", weaker)
        assert weaker != rule["expr"], f"{name} has no condition that this test knows to weaken"
        rule["expr"] = weaker
    rule_file = folder / f"{name}.rules.json"
    rule_file.write_text(json.dumps(written))
    test_file = folder / f"{name}.tests.json"
    suite = {**yaml.safe_load(file.read_text()), "rule_files": [str(RECORDING), str(rule_file)], "tests": tests}
    test_file.write_text(json.dumps(suite))
    return test_file


def _anchors(text: str) -> set[str]:
    """The anchors of a page: those of its headings as GitHub makes them, and written ones."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
