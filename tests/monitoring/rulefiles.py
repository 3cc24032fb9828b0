"""The shipped rules as data: what each is called, what it reads, and which metrics the catalog has for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import paths

ENVOY = paths.REPOSITORY / "envoy"
RECORDING, ALERTS = ENVOY / "recording-rules.yaml", ENVOY / "alerts.yaml"
SERIES_TESTS = sorted((Path(__file__).parent / "rules").glob("*.yaml"))

# What Prometheus and these rules add to a series.
TARGET_LABELS = frozenset({"job", "instance"})


@dataclass(frozen=True)
class Rule:
    """One recording rule or alert."""

    name: str
    expression: str
    is_alert: bool
    labels: dict[str, str]
    annotations: dict[str, str]

    def reads(self) -> set[str]:
        """Names of the metrics and recorded series in its expression."""
        bare = re.sub(r"\{[^{}]*\}", "", _STRING.sub('""', self.expression))
        return {name for name in re.findall(r"(?<![\w:])([a-z_][\w:]*)(?!\s*\()(?![\w:])", bare)
                if name.startswith(("kafka_filter", "envoy_")) or name == "up"}

    def selectors(self) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        """Each `name{...}` with its matchers as (label, operator, value)."""
        for name, inside in re.findall(r"([a-z_][\w:]*)\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}", self.expression):
            yield name, re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', inside)

    def listed_labels(self) -> set[str]:
        """The labels of every `by`, `on`, `without`, `group_left` and `ignoring`."""
        bare = _STRING.sub('""', self.expression)
        lists = re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare)
        return {label.strip() for listed in lists for label in listed.split(",") if label.strip()}


@dataclass(frozen=True)
class Metric:
    """One line of docs/metrics.md."""

    name: str
    kind: str
    labels: frozenset[str]

    def series(self) -> dict[str, frozenset[str]]:
        """Its series as Prometheus has them, with their labels."""
        own = self.labels | TARGET_LABELS | {"reporter"}
        if self.kind != "histogram":
            return {self.name: own}
        return {f"{self.name}_bucket": own | {"le"}, f"{self.name}_sum": own, f"{self.name}_count": own}


def groups() -> list[dict[str, Any]]:
    """The groups of both files, as they are written."""
    return [group for path in (RECORDING, ALERTS) for group in yaml.safe_load(path.read_text())["groups"]]


def rules() -> list[Rule]:
    return [Rule(rule.get("record") or rule["alert"], str(rule["expr"]), "alert" in rule, rule.get("labels", {}),
                 rule.get("annotations", {})) for group in groups() for rule in group["rules"]]


def alerts() -> list[Rule]:
    return [rule for rule in rules() if rule.is_alert]


def catalog() -> dict[str, Metric]:
    """The metrics of docs/metrics.md, which is generated from the catalog in the code."""
    text = (paths.REPOSITORY / "docs" / "metrics.md").read_text()
    lines = re.findall(r"^\| `(kafka_filter_\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", text, re.M)
    found = {name: Metric(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in lines}
    if len(found) < 20:
        raise AssertionError(f"docs/metrics.md lists {len(found)} metrics: its table reads otherwise than expected")
    return found


def catalog_series() -> dict[str, frozenset[str]]:
    """Every series that the filter can have, with its labels."""
    return {name: labels for metric in catalog().values() for name, labels in metric.series().items()}


def base_series(name: str) -> set[str]:
    """The scraped series that a recorded series or an alert comes from in the end."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules():
        by_name.setdefault(rule.name, []).append(rule)
    found: set[str] = set()
    todo, seen = [name], set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in by_name:
            todo.extend(read for rule in by_name[one] for read in rule.reads())
        else:
            found.add(one)
    return found


def series_tests() -> list[tuple[Path, dict[str, Any]]]:
    """Each test with hand-made series, and the file that it stands in."""
    return [(path, test) for path in SERIES_TESTS for test in yaml.safe_load(path.read_text())["tests"]]


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
