"""From raw outcomes to what a reader wants: costs, differences over tcp_proxy, noise, and bounds kept or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from . import measures
from .arms import ALL, COPY, DIRECT, FILTER, FLOOR, NULL, TCP, TCP_AGAIN
from .measures import Measure

Results = Mapping[str, Any]


def markdown(results: Results) -> str:
    """The report as Markdown, in the order in which it is read: the bounds, then the figures behind them."""
    machine = results["machine"]
    loads = ", ".join(f"{load:.1f}" for load in machine["load_average"])
    parts = [
        f"Measured {results['date']}: {machine['cores']} cores ({machine['cpu']}), Linux {machine['kernel']}, "
        f"Envoy {machine['envoy']}, Kafka {machine['kafka']}; {results['rounds']} rounds; load average at the "
        f"start {loads}. Filter: {results['filter']}.",
        "### Bounds", _bounds(results),
    ]
    if _measures(results, measures.COST):
        parts += ["### CPU time of the Envoy process", _costs(results)]
    if _measures(results, measures.THROUGHPUT):
        parts += ["### Throughput", _throughput(results)]
    if "latency" in results["outcomes"]:
        parts += ["### Latency at a fixed rate, real Kafka", _latency(results)]
    if results.get("memory"):
        parts += ["### Memory", _memory(results)]
    return "\n\n".join(parts) + "\n"


def _measures(results: Results, among: Sequence[Measure]) -> list[Measure]:
    return [m for m in among if m.key in results["outcomes"]]


def _arms(results: Results) -> list[str]:
    measured = {name for by_arm in results["outcomes"].values() for name in by_arm}
    return [name for name in ALL if name in measured]


def _figures(results: Results, key: str, arm: str, figure: Callable[[Mapping[str, float]], float]) -> list[float]:
    return [figure(outcome) for outcome in results["outcomes"].get(key, {}).get(arm, [])]


def _cost(results: Results, measure: Measure, arm: str) -> tuple[float, float] | None:
    """Least and median over the rounds."""
    found = _figures(results, measure.key, arm, measure.cost)
    return (min(found), median(found)) if found else None


def added(results: Results, measure: Measure, arm: str = FILTER, base: str = TCP) -> tuple[float, float] | None:
    """What an arm costs more than another: difference of the least, median of the rounds' differences."""
    mine, other = (_figures(results, measure.key, name, measure.cost) for name in (arm, base))
    if not mine or not other:
        return None
    return min(mine) - min(other), median(a - b for a, b in zip(mine, other, strict=True))


def _speed_ratio(results: Results, measure: Measure, arm: str, base: str) -> float | None:
    """The median of the rounds' ratios: both arms of a round had the same machine."""
    mine, other = (_figures(results, measure.key, name, measure.speed) for name in (arm, base))
    return median(a / b for a, b in zip(mine, other, strict=True)) if mine and other else None


def bounds(results: Results) -> list[tuple[str, str, str, bool]]:
    """(what, bound, measured, kept) of everything that was measured."""
    rows = []
    for measure in _measures(results, measures.COST):
        more, noise = added(results, measure), added(results, measure, TCP_AGAIN)
        if measure.bound is not None and more:
            text = f"{more[0]:.2f} (median {more[1]:.2f}"
            text += f", A/A {noise[0]:+.2f})" if noise else ")"
            rows.append((f"{measure.title}: {measure.unit} over tcp_proxy", f"{measure.bound:g}", text,
                         more[0] <= measure.bound))
    for measure in _measures(results, measures.THROUGHPUT):
        base = TCP if measure.broker == "kafka" else NULL
        ratio, noise = (_speed_ratio(results, measure, FILTER, base),
                        _speed_ratio(results, measure, TCP_AGAIN, TCP))
        if ratio is not None and measure.unit == measures.GIGABYTE:
            rows.append((f"{measure.title}: throughput of {base}'s", f"at least {measures.THROUGHPUT_BOUND:.0%}",
                         f"{ratio:.1%}" + (f" (A/A {noise:.1%})" if noise else ""),
                         ratio >= measures.THROUGHPUT_BOUND))
    rows += _latency_bound(results) + _memory_bounds(results)
    return rows


def _bounds(results: Results) -> str:
    rows = [(what, bound, found, "yes" if kept else "**no**") for what, bound, found, kept in bounds(results)]
    return _table(("what", "at most", "measured", "kept"), rows) if rows else "The filter was not measured."


def _costs(results: Results) -> str:
    names = [name for name in _arms(results) if name != DIRECT]
    rows = []
    for measure in _measures(results, measures.COST):
        row = [f"{measure.title}, {measure.unit}"]
        for name in names:
            found = _cost(results, measure, name)
            row.append(f"{found[0]:.{_digits(measure)}f} ({found[1]:.{_digits(measure)}f})" if found else "")
        for arm in (NULL, COPY, FLOOR, FILTER):
            more = added(results, measure, arm)
            if arm in names:
                row.append(f"{more[0]:+.{_digits(measure)}f}" if more else "")
        rows.append(row)
    heads = [*names, *(f"{arm} − tcp" for arm in (NULL, COPY, FLOOR, FILTER) if arm in names)]
    note = "Least over the rounds (median); one worker, on one core with both ends.\n\n"
    return note + _table(("measure", *heads), rows)


def _throughput(results: Results) -> str:
    names = _arms(results)
    rows = []
    for measure in _measures(results, measures.THROUGHPUT):
        row = [f"{measure.title}, {measure.speed_unit}"]
        for name in names:
            found = _figures(results, measure.key, name, measure.speed)
            row.append(f"{median(found):,.0f}" if found else "")
        rows.append(row)
    return "Medians; one worker, alone on its core for the stand-in.\n\n" + _table(("measure", *names), rows)


def _latency(results: Results) -> str:
    rows = []
    for name in _arms(results):
        found = results["outcomes"]["latency"].get(name, [])
        if found:
            rows.append([name, *(f"{median(o[key] for o in found):,.0f} ({min(o[key] for o in found):,.0f})"
                                 for key in ("p50_us", "p90_us", "p99_us"))])
    return (f"Microseconds, median over the rounds (least); {measures.LATENCY_RATE} requests a second through each "
            "arm, the arms taking turns request by request.\n\n" + _table(("arm", "p50", "p90", "p99"), rows))


def _latency_bound(results: Results) -> list[tuple[str, str, str, bool]]:
    by_arm = results["outcomes"].get("latency", {})
    if FILTER not in by_arm or TCP not in by_arm:
        return []
    more = {arm: median(a["p99_us"] - b["p99_us"] for a, b in zip(by_arm[arm], by_arm[TCP], strict=True))
            for arm in (FILTER, TCP_AGAIN) if arm in by_arm}
    noise = f" (A/A {more[TCP_AGAIN]:+.0f})" if TCP_AGAIN in more else ""
    return [("Added p99 at a fixed rate against real Kafka, us", f"{measures.LATENCY_BOUND_US:g}",
             f"{more[FILTER]:+.0f}{noise}", more[FILTER] <= measures.LATENCY_BOUND_US)]


def _memory(results: Results) -> str:
    rows = []
    for name, by_workers in results["memory"].items():
        row = [name]
        for held in by_workers.values():
            each = (held["held_kib"] - held["before_kib"]) / held["connections"]
            row += [f"{held['before_kib'] / 1024:.1f}", f"{held['held_kib'] / 1024:.1f}", f"{each:.1f}"]
        rows.append([*row, f"{results['peak_kib'][name] / 1024:.0f}" if name in results["peak_kib"] else ""])
    heads = [f"{workers} worker{'s' if workers == '2' else ''}: {what}" for workers in ("1", "2")
             for what in ("before, MiB", "with connections, MiB", "each, KiB")]
    return ("Resident memory of an Envoy, fresh, and with 1,000 idle connections after ApiVersions, Metadata and "
            "Produce to a topic of each one's own, so that the topic label is full; the peak is that of the whole run "
            "above, one worker.\n\n"
            + _table(("arm", *heads, "peak, MiB"), rows))


def _memory_bounds(results: Results) -> list[tuple[str, str, str, bool]]:
    found = results.get("memory") or {}
    if FILTER not in found or NULL not in found:
        return []
    rows = []
    for workers in ("1", "2"):
        mine, null = found[FILTER][workers], found[NULL][workers]
        each = (mine["held_kib"] - null["held_kib"]) / 1024 / int(workers)
        rows.append((f"MiB for each worker over null wasm, {workers} worker(s), {mine['connections']} connections",
                     f"{measures.MEMORY_BOUND_MIB:g}", f"{each:.1f}", each <= measures.MEMORY_BOUND_MIB))
    grown = {arm: found[arm]["1"]["held_kib"] - found[arm]["1"]["before_kib"] for arm in (FILTER, NULL)}
    state = (grown[FILTER] - grown[NULL]) * 1024 / found[FILTER]["1"]["connections"]
    rows.append(("Bytes for an idle connection over null wasm", f"{measures.IDLE_BOUND_BYTES}", f"{state:,.0f}",
                 state <= measures.IDLE_BOUND_BYTES))
    return rows


def _digits(measure: Measure) -> int:
    return {measures.GIGABYTE: 3, measures.CONNECTION: 0}.get(measure.unit, 2)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
