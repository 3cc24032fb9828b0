"""A program's recording rules and alerts against hand-made series, its runbooks, and the metrics that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import paths
from .prometheus import promtool


@dataclass(frozen=True)
class Case:
    """Series, and the alerts that fire on them `minutes` after they began: name to the labels of each."""

    name: str
    series: dict[str, str]
    minutes: int
    fires: dict[str, list[dict[str, str]]]


@dataclass(frozen=True)
class Rules:
    """What a folder `deploy/` has for Prometheus. `metric` is a pattern of the program's own names."""

    deploy: Path
    reference: Path
    metric: str

    @property
    def recording(self) -> Path:
        return self.deploy / "recording-rules.yaml"

    @property
    def alerts(self) -> Path:
        return self.deploy / "alerts.yaml"

    def listed(self, path: Path) -> list[dict[str, Any]]:
        return [rule for group in _groups(path) for rule in group["rules"]]

    def check(self) -> None:
        promtool("check", "rules", self.recording, self.alerts)
        promtool("check", "config", self.deploy / "prometheus.yaml")

    def fire(self, case: Case, scratch: Path) -> None:
        """Annotations are left out: their text is checked by `says_what_is_next`."""
        groups = _groups(self.alerts)
        severities = {}
        for rule in (rule for group in groups for rule in group["rules"]):
            del rule["annotations"]
            severities[rule["alert"]] = rule["labels"]
        plain = scratch / "alerts.json"
        plain.write_text(json.dumps({"groups": groups}))
        expected = [{"alertname": name, "eval_time": f"{case.minutes}m",
                     "exp_alerts": [{"exp_labels": severities[name] | labels} for labels in fires]}
                    for name, fires in case.fires.items()]
        _try(scratch, [self.recording, plain], case.series, {"alert_rule_test": expected})

    def record(self, series: Mapping[str, str], expected: list[dict[str, Any]], scratch: Path) -> None:
        """`expected` as promtool's `promql_expr_test` has it."""
        _try(scratch, [self.recording], series, {"promql_expr_test": expected})

    def name_what_there_is(self) -> None:
        """Every metric and label that a rule names is in the reference page, which is generated from the program."""
        row = re.compile(r"^\| `(\w+)` \| (?:counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)
        known = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in row.findall(self.reference.read_text())}
        recorded = {rule["record"] for rule in self.listed(self.recording)}
        assert known and recorded
        for rule in self.listed(self.recording) + self.listed(self.alerts):
            text = rule["expr"] + " " + rule.get("annotations", {}).get("description", "")
            for name, selector in re.findall(rf"\b({self.metric})(?:\{{([^}}]*)\}})?", text):
                base = name if name in known else re.sub(r"_(bucket|count|sum)$", "", name)
                assert name in recorded or base in known, f"{name} is neither a metric nor recorded"
                labels = set(re.findall(r"(\w+)\s*[=!]", selector)) - {"job", "le"}
                assert name in recorded or labels <= known[base], f"{name} has no {labels - known[base]}"


def seen_both_ways(name: str, cases: Iterable[Case]) -> bool:
    """Whether an alert fires in one case, and is silent in another that is about it."""
    return {bool(case.fires[name]) for case in cases if name in case.fires} == {True, False}


def says_what_is_next(alert: dict[str, Any]) -> None:
    """Severity, the number that it is about, the next step, and a runbook that is there."""
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert "Next: " in alert["annotations"]["description"] and "$value" in alert["annotations"]["description"]
    path, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (paths.REPOSITORY / path).read_text(), re.MULTILINE)
    assert anchor == alert["alert"].lower() and alert["alert"] in headings


def _groups(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"]
    return groups


def _try(scratch: Path, files: list[Path], series: Mapping[str, str], expected: dict[str, Any]) -> None:
    """A value of each series every minute, from the first on."""
    given = [{"series": name, "values": values} for name, values in series.items()]
    order = [group["name"] for path in files for group in _groups(path)]
    suite = {"rule_files": [str(path) for path in files], "evaluation_interval": "1m", "group_eval_order": order,
             "tests": [{"interval": "1m", "input_series": given, **expected}]}
    (scratch / "tests.json").write_text(json.dumps(suite))
    assert "SUCCESS" in promtool("test", "rules", scratch / "tests.json")
