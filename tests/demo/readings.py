"""Readings of the filter's metrics over time: rates over the last seconds, and quantiles out of histogram buckets."""

from __future__ import annotations

import math
from collections import deque

from lab import Stats

PREFIX = "kafka_filter_"


class Readings:
    """The newest reading, and rates over the last `window` seconds of readings. Nothing else knows a number."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._kept: deque[tuple[float, Stats]] = deque()

    def add(self, now: float, stats: Stats) -> None:
        """Keeps as much history as the window needs: one reading at or before its beginning."""
        self._kept.append((now, stats))
        while len(self._kept) > 2 and self._kept[1][0] <= now - self._window:
            self._kept.popleft()

    def totals(self, metric: str, *labels: str, **having: str) -> dict[tuple[str, ...], float]:
        """The newest values of a metric, by the values of the named labels."""
        return self._kept[-1][1].by(PREFIX + metric, *labels, **having) if self._kept else {}

    def total(self, metric: str, **having: str) -> float:
        return sum(self.totals(metric, **having).values())

    def rates(self, metric: str, *labels: str, **having: str) -> dict[tuple[str, ...], float]:
        """Increase for each second of the window, by the values of the named labels."""
        if len(self._kept) < 2:
            return {}
        (begin, older), (end, newest) = self._kept[0], self._kept[-1]
        before = older.by(PREFIX + metric, *labels, **having)
        after = newest.by(PREFIX + metric, *labels, **having)
        return {key: (value - before.get(key, 0.0)) / (end - begin) for key, value in after.items()}

    def mean(self, histogram: str, **having: str) -> float | None:
        """The average of the window's samples, which unlike a quantile does not depend on buckets."""
        if not self._kept:
            return None
        (total, count), (total_before, count_before) = (
            (stats.total(f"{PREFIX}{histogram}_sum", **having), stats.total(f"{PREFIX}{histogram}_count", **having))
            for stats in (self._kept[-1][1], self._kept[0][1]))
        samples = count - count_before
        return (total - total_before) / samples if samples else total / count if count else None

    def p99(self, histogram: str, **having: str) -> float | None:
        """The 99th percentile of the window, in the histogram's unit; of all time when the window is empty."""
        if not self._kept:
            return None
        newest = _buckets(self._kept[-1][1], histogram, having)
        older = _buckets(self._kept[0][1], histogram, having)
        recent = {bound: count - older.get(bound, 0.0) for bound, count in newest.items()}
        return quantile(0.99, recent) or quantile(0.99, newest)


def quantile(q: float, buckets: dict[float, float]) -> float | None:
    """As Prometheus' histogram_quantile: linear inside the bucket; the last finite bound when it is beyond that.

    `buckets` has the cumulative count for each upper bound, infinity among them. None when there is no sample.
    """
    bounds = sorted(buckets)
    samples = buckets.get(math.inf, 0.0)
    if samples <= 0:
        return None
    rank = q * samples
    lower, below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower


def _buckets(stats: Stats, histogram: str, having: dict[str, str]) -> dict[float, float]:
    summed = stats.by(f"{PREFIX}{histogram}_bucket", "le", **having)
    return {float(bound): count for (bound,), count in summed.items()}
