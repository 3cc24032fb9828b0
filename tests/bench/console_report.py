"""From the outcomes of `bench.py console` to what a reader wants: bounds kept or not, and both clusters side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

Results = Mapping[str, Any]
# Of one page of one cluster.
Found = Mapping[str, Any]

# Of the large cluster, on a machine with nothing else to do: medians.
PAINT_BOUND_MS, DRAWN_BOUND_MS, ACT_BOUND_MS, MAP_SEARCH_BOUND_MS, UPDATE_BOUND_MS = 300.0, 1000.0, 100.0, 600.0, 50.0
BYTES_BOUND = 200_000


def markdown(results: Results, build: str) -> str:
    """The report as Markdown: the bounds, then the figures."""
    told = results["machine"]
    begin, end = (", ".join(f"{load:.1f}" for load in loads) for loads in (told["load_average"], results["load_at_end"]))
    head = (f"Measured {results['date']} by `{results['command']}`: {told['cores']} cores ({told['cpu']}), Linux "
            f"{told['kernel']}, Chromium {results['browser']}; {results['rounds']} rounds; load average at the start "
            f"{begin}, at the end {end}. Commit {results['commit']}, {build}.")
    return "\n\n".join([head, "### Bounds of the console", _bounds(results), "### Each page with few and many topics",
                        _figures(results)]) + "\n"


def _visits(key: str) -> Callable[[Found], list[float]]:
    return lambda found: [visit[key] for visit in found["visits"] if key in visit]


def _updates(key: str) -> Callable[[Found], list[float]]:
    return lambda found: [update[key] for update in found["updates"]]


# What it is called, and its values in the outcomes; the kinds in the order of the report.
PAINT, DRAWN = ("first paint, ms", _visits("paint")), ("drawn, ms", _visits("drawn"))
SEARCH, SORT = ("search to result, ms", _visits("search")), ("sort to result, ms", _visits("sort"))
UPDATE = ("live update, CPU ms", _updates("update"))
SIZE = ("JSON, KB", lambda found: [found["bytes"] / 1e3])
MEASURES = (PAINT, DRAWN, ("of it until the JSON was there, ms", _visits("answer")), SIZE, SEARCH, SORT, UPDATE,
            ("of it scripts, ms", _updates("script")), ("of it style and layout, ms", _updates("layout")))


def bounds(results: Results) -> list[tuple[str, float, float, str]]:
    """(what, bound, measured, the page that was worst) of the large cluster."""
    large = {path: found[results["clusters"][-1]] for path, found in results["places"].items()}
    tables = {path: found for path, found in large.items() if path != "/map"}
    rows = []
    for what, bound, (_, values), pages in (
            ("First paint, ms", PAINT_BOUND_MS, PAINT, large), ("Drawn, ms", DRAWN_BOUND_MS, DRAWN, large),
            ("Search in a table, ms", ACT_BOUND_MS, SEARCH, tables), ("Sort of a table, ms", ACT_BOUND_MS, SORT, tables),
            ("Search on the map, the pause of typing included, ms", MAP_SEARCH_BOUND_MS, SEARCH,
             {"/map": large["/map"]} if "/map" in large else {}),
            ("Live update, CPU ms of the main thread", UPDATE_BOUND_MS, UPDATE, large),
            ("JSON of a page, KB", BYTES_BOUND / 1e3, SIZE, large)):
        medians = {path: median(values(found)) for path, found in pages.items() if values(found)}
        if medians:
            worst = max(medians, key=lambda path: medians[path])
            rows.append((what, bound, medians[worst], worst))
    return rows


def _bounds(results: Results) -> str:
    rows = [(what, f"at most {bound:,.0f}", f"{found:,.0f}", f"`{path}`", "yes" if found <= bound else "**no**")
            for what, bound, found, path in bounds(results)]
    return f"Of the page where it is most, with {results['clusters'][-1]}.\n\n" + _table(
        ("what", "bound", "measured", "page", "kept"), rows)


def _figures(results: Results) -> str:
    small, large = results["clusters"]
    rows = []
    for path, found in results["places"].items():
        for what, values in MEASURES:
            few, many = values(found[small]), values(found[large])
            if few and many:
                ratio = median(many) / median(few) if median(few) else 0.0
                rows.append((f"`{path}`: {what}", *_pair(few), *_pair(many), f"{ratio:.1f}" if ratio else ""))
    heads = ("", *(f"{name}: {what}" for name in (small, large) for what in ("median", "worst")), "ratio of medians")
    return _table(heads, rows)


def _pair(values: Sequence[float]) -> tuple[str, str]:
    digits = 1 if max(values) < 100 else 0
    middle = f"{median(values):,.{digits}f}"
    return (middle, f"{max(values):,.{digits}f}" if len(values) > 1 else "")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
