"""Envoy's statistics as numbers: reads the Prometheus text of the admin port and answers questions about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Labels = frozenset[tuple[str, str]]


class Stats:
    """One reading: a value for each (name, labels). Readings subtract: `after - before` is what happened between."""

    def __init__(self, samples: Mapping[tuple[str, Labels], float]) -> None:
        self.samples = dict(samples)

    @classmethod
    def parse(cls, text: str) -> Stats:
        """Raises ValueError on a line that is not Prometheus text, or on one series given twice."""
        samples: dict[tuple[str, Labels], float] = {}
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SAMPLE.fullmatch(line)
            if not match:
                raise ValueError(f"not a Prometheus sample: {line!r}")
            labels = frozenset((key, _unescape(value)) for key, value in _LABEL.findall(match["labels"] or ""))
            key = (match["name"], labels)
            if key in samples:
                raise ValueError(f"series given twice: {line!r}")
            samples[key] = float(match["value"])
        return cls(samples)

    def __sub__(self, older: Stats) -> Stats:
        """The differences, without the series that did not change."""
        changes = {key: value - older.samples.get(key, 0.0) for key, value in self.samples.items()}
        return Stats({key: change for key, change in changes.items() if change != 0.0})

    def series(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every series of that name whose labels include the given ones."""
        wanted = set(labels.items())
        for (series_name, series_labels), value in self.samples.items():
            if series_name == name and wanted <= series_labels:
                yield dict(series_labels), value

    def total(self, name: str, **labels: str) -> float:
        """The sum of the matching series; 0 when there is none."""
        return sum(value for _, value in self.series(name, **labels))

    def by(self, name: str, *label_names: str, **labels: str) -> dict[tuple[str, ...], float]:
        """Sums of the matching series, keyed by the values of the named labels; zero sums are left out."""
        sums: dict[tuple[str, ...], float] = {}
        for found, value in self.series(name, **labels):
            key = tuple(found.get(label, "") for label in label_names)
            sums[key] = sums.get(key, 0.0) + value
        return {key: value for key, value in sums.items() if value}

    def metric(self, name: str) -> Query:
        """The start of an assertion: `stats.metric("x_total").label(topic="t").value(3)`."""
        return Query(self, name)

    def names(self, prefix: str = "") -> set[str]:
        return {name for name, _ in self.samples if name.startswith(prefix)}

    def describe(self, prefix: str) -> str:
        """The matching series as sorted text, for a failure message."""
        lines = [f"  {name}{_render(labels)} {value:g}" for (name, labels), value in self.samples.items()
                 if name.startswith(prefix)]
        return "\n".join(sorted(lines)) or f"  (no series starts with {prefix})"


@dataclass(frozen=True)
class Query:
    """A metric name with the labels asked for; fails with the candidates in the message."""

    stats: Stats
    name: str
    labels: dict[str, str] = field(default_factory=dict)

    def label(self, **labels: str) -> Query:
        return Query(self.stats, self.name, self.labels | labels)

    def read(self) -> float:
        """The sum of the matching series; AssertionError when there is none."""
        values = [value for _, value in self.stats.series(self.name, **self.labels)]
        if not values:
            raise AssertionError(f"no series {self.name}{self.labels}; there are:\n{self._candidates()}")
        return sum(values)

    def value(self, expected: float) -> None:
        found = self.read()
        if found != expected:
            raise AssertionError(f"{self.name}{self.labels} is {found:g}, expected {expected:g}; there are:\n"
                                 f"{self._candidates()}")

    def at_least(self, least: float) -> None:
        found = self.read()
        if found < least:
            raise AssertionError(f"{self.name}{self.labels} is {found:g}, expected at least {least:g}; there are:\n"
                                 f"{self._candidates()}")

    def absent(self) -> None:
        """No matching series, or only zeros."""
        found = self.stats.by(self.name, *sorted(self.labels), **self.labels)
        if found:
            raise AssertionError(f"{self.name}{self.labels} should not be counted; there are:\n{self._candidates()}")

    def _candidates(self) -> str:
        if self.name in self.stats.names():
            return self.stats.describe(self.name)
        return "\n".join(f"  {name}" for name in sorted(self.stats.names(self.name.split("_")[0]))[:80])


def _render(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels)) + "}"


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)


_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)'
    r'(?:\{(?P<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*)\})?'
    r' (?P<value>[-+0-9.eEinfNa]+)(?: -?\d+)?')
