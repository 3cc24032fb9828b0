"""PromQL in the few shapes that the dashboards need, always for one reporter.

Rates are taken over Grafana's $__rate_interval, totals over $__range, the time that the picker shows.
"""

from __future__ import annotations

from collections.abc import Sequence

PREFIX = "kafka_filter_"
REPORTER = 'reporter="$reporter"'

# Error codes that are steps of a healthy conversation: a member is told its id this way, a rebalance announces itself
# this way, a session that a broker forgot begins anew. The list is that of recording-rules.yaml (`kind: protocol`).
EXPECTED_ERRORS = (
    "MEMBER_ID_REQUIRED", "REBALANCE_IN_PROGRESS", "CONCURRENT_TRANSACTIONS", "UNSTABLE_OFFSET_COMMIT",
    "FETCH_SESSION_ID_NOT_FOUND", "INVALID_FETCH_SESSION_EPOCH", "SHARE_SESSION_NOT_FOUND",
    "INVALID_SHARE_SESSION_EPOCH")
UNEXPECTED = f'error!~"{"|".join(EXPECTED_ERRORS)}"'

# Requests that a broker answers at once: nothing to wait for but its queue and threads.
AT_ONCE = "Metadata|ApiVersions|FindCoordinator|OffsetCommit|OffsetFetch|Heartbeat|ListOffsets"


def series(metric: str, *matchers: str) -> str:
    """A metric of the filter, named without its prefix, of the chosen reporter."""
    return f"{PREFIX}{metric}{{{', '.join((REPORTER, *matchers))}}}"


def rate(metric: str, *matchers: str) -> str:
    return f"rate({series(metric, *matchers)}[$__rate_interval])"


def increase(metric: str, *matchers: str, over: str = "$__range") -> str:
    """How often it happened. Envoy's series begin with their first count, which `increase` alone would not see: a
    series that was not there at the beginning of the time counts whole."""
    counter = series(metric, *matchers)
    return f"(({counter} unless {counter} offset {over}) or increase({counter}[{over}]))"


def total(expr: str, by: Sequence[str] = ()) -> str:
    return f"sum by ({', '.join(by)}) ({expr})" if by else f"sum({expr})"


def quantile(q: float, metric: str, *matchers: str, by: Sequence[str] = (), over: str = "$__rate_interval") -> str:
    """A quantile of a histogram; over all proxies, so their buckets are summed first."""
    buckets = f"rate({series(metric + '_bucket', *matchers)}[{over}])"
    return f"histogram_quantile({q:g}, {total(buckets, ('le', *by))})"


def top(count: int, expr: str) -> str:
    """The greatest few, without those that are nothing: a panel never draws hundreds of lines."""
    return f"topk({count}, {expr} > 0)"


def alongside(expr: str, keys: Sequence[str], chosen: str) -> str:
    """A further column of a table: only the lines that the first query chose."""
    return f"{expr} and on ({', '.join(keys)}) {chosen}"


def or_zero(expr: str) -> str:
    """0 where nothing was counted while the filter reports, and no data where no filter does: not the same thing."""
    return f"{expr} or 0 * sum({series('build_info')})"
