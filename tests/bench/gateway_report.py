"""From the outcomes of `bench.py gateway` to what a reader wants: bounds kept or not, and the figures behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from .gateway_arms import ALL, ASYNC, BARE, LOGS, QUEUE_MIB, STAND_IN_ASYNC, STAND_IN_WAITS, WAITS, Arm

# kprf itself, measured once: 75 and 92 ms of CPU time for 1,000 requests where the bare handler had 26 to 29. Half of
# that, over the bare handler of the same run, holds on any machine.
KPRF_MS, BARE_MS = {False: 75.0, True: 92.0}, 27.5
CPU_BOUND, LATENCY_BOUND_MS, LOG_BOUND, MEMORY_BOUND_MIB = 0.5, 100.0, 0.75, 100.0

Results = Mapping[str, Any]
Row = tuple[str, str, str, bool]


def markdown(results: Results) -> str:
    """The report as Markdown: the bounds, then the figures."""
    told = results["machine"]
    loads = ", ".join(f"{load:.1f}" for load in told["load_average"])
    head = (f"Measured {results['date']}: {told['cores']} cores ({told['cpu']}), Linux {told['kernel']}, Kafka "
            f"{told['kafka']} on the same cores; {results['rounds']} rounds of {results['seconds']} s; load average at "
            f"the start {loads}.")
    return "\n\n".join([head, "### Bounds of the gateway", _bounds(results), "### Cost of a request, as fast as it goes",
                        _turns(results), "### Latency at 80 % of each one's most", _rates(results)]) + "\n"


def bounds(results: Results) -> list[Row]:
    """(what, bound, measured, kept) of what was measured."""
    rows: list[Row] = []
    for mine, other, what in ((ASYNC, STAND_IN_ASYNC, "Asynchronous"), (WAITS, STAND_IN_WAITS, "Waiting")):
        ratio = _ratio(results, mine, other, "cpu_ms")
        if ratio is not None:
            rows.append((f"{what}: CPU time of a request, of the stand-in's", f"at most {CPU_BOUND:.0%}", f"{ratio:.0%}",
                         ratio <= CPU_BOUND))
        ratio, bound = _ratio(results, mine, BARE, "cpu_ms"), CPU_BOUND * KPRF_MS[mine.waits] / BARE_MS
        if ratio is not None:
            rows.append((f"{what}: the same, of the bare handler's; half of kprf's was", f"at most {bound:.2f}",
                         f"{ratio:.2f}", ratio <= bound))
    for arm in (ASYNC, WAITS, LOGS[0]):
        if found := results["rates"].get(arm.name):
            worst = median(outcome["p999_us"] for outcome in found) / 1e3
            rows.append((f"{arm.name}: p99.9 at 80 % of the most, ms", f"at most {LATENCY_BOUND_MS:g}", f"{worst:.1f}",
                         worst <= LATENCY_BOUND_MS))
    for arm in LOGS:
        ratio = _ratio(results, arm, ASYNC, "per_second")
        if ratio is not None:
            rows.append((f"{arm.name}: requests/s, of those without a log", f"at least {LOG_BOUND:.0%}", f"{ratio:.0%}",
                         ratio >= LOG_BOUND))
    if found := results["turns"].get(WAITS.name):
        peak = max(outcome["peak_mib"] for outcome in found)
        rows.append((f"{WAITS.name}: peak of resident memory, MiB", f"at most {MEMORY_BOUND_MIB:g}", f"{peak:.0f}",
                     peak <= MEMORY_BOUND_MIB))
    return rows


def _ratio(results: Results, mine: Arm, other: Arm, key: str) -> float | None:
    """The median of the rounds' ratios: both arms of a round had the same machine."""
    a, b = (results["turns"].get(arm.name) for arm in (mine, other))
    return median(x[key] / y[key] for x, y in zip(a, b, strict=True)) if a and b else None


def _bounds(results: Results) -> str:
    rows = [(what, bound, found, "yes" if kept else "**no**") for what, bound, found, kept in bounds(results)]
    return _table(("what", "bound", "measured", "kept"), rows)


def _turns(results: Results) -> str:
    rows = []
    for arm in ALL:
        found = results["turns"].get(arm.name)
        if not found:
            continue
        def middle(key: str, found: Sequence[Mapping[str, float]] = found) -> float:
            return median(outcome[key] for outcome in found)
        requests = sum(outcome["requests"] for outcome in found)
        refused = sum(outcome["refused"] for outcome in found) / requests
        rows.append((arm.name, f"{min(outcome['cpu_ms'] for outcome in found):.1f} ({middle('cpu_ms'):.1f})",
                     f"{middle('per_second'):,.0f}", f"{middle('settled_per_second'):,.0f}",
                     *(f"{middle(key) / 1e3:.1f}" for key in ("p50_us", "p99_us", "p999_us")),
                     f"{max(outcome['peak_mib'] for outcome in found):.0f}", f"{refused:.1%}", _lost(results, arm)))
    heads = ("", "CPU ms for 1,000", "accepted/s", "accepted/s until all is in Kafka", "p50 ms", "p99 ms", "p99.9 ms",
             "peak MiB", "refused", "accepted, not in Kafka")
    note = (f"CPU time of the server's process for 1,000 accepted requests, least over the rounds (median), until it was "
            f"quiet again; medians otherwise. The peak holds up to {QUEUE_MIB} MiB of librdkafka's queue.\n\n")
    return note + _table(heads, rows)


def _lost(results: Results, arm: Arm) -> str:
    """Of all that the arm accepted in the whole run, what its topic lacks."""
    if arm is BARE:
        return ""
    answered, there = results["answered"][arm.name], results["in_kafka"][arm.name]
    return f"{max(0, answered - there):,} of {answered:,}"


def _rates(results: Results) -> str:
    rows = []
    for arm in ALL:
        found = results["rates"].get(arm.name)
        if not found:
            continue
        cell: Callable[[str], str] = lambda key, found=found: f"{median(each[key] for each in found) / 1e3:.1f}"
        refused = sum(count for each in found for status, count in each["statuses"].items() if status >= "300")
        rows.append((arm.name, f"{median(each['asked_per_second'] for each in found):,.0f}", cell("p50_us"), cell("p99_us"), cell("p999_us"),
                     cell("max_us"), f"{refused / sum(each['requests'] for each in found):.1%}"))
    note = ("Milliseconds from when a request was due to the end of its answer, so that a pause is charged with all "
            "requests that it delayed; medians of the rounds.\n\n")
    return note + _table(("", "requests/s", "p50", "p99", "p99.9", "longest", "refused"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
