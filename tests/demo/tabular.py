"""Numbers and tables as a person reads them: a few digits with a unit, columns as wide as they must be."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], left: set[int], width_max: int = 0) -> list[str]:
    """Columns as wide as their widest cell; numbers to the right, names (the columns in `left`) to the left."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = ["  ".join(cell.ljust(width) if at in left else cell.rjust(width)
                       for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in [head, *rows]]
    return [cut(line, width_max) for line in lines] if width_max else lines


def cut(text: str, width: int) -> str:
    """The text, or as much as fits with a mark that something is missing."""
    return text if len(text) <= width else text[:max(width - 1, 0)] + "…"


def whole(value: float) -> str:
    return f"{value:,.0f}" if value else "-"


def rate(value: float) -> str:
    """With a digit more where it is small."""
    if 0.0 < value < 9.95:
        return f"{value:.1f}"
    return f"{value:,.0f}" if value else "-"


def size(value: float) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 1000.0:
            return f"{value:.1f} {unit}" if 0.0 < value < 9.95 else f"{value:,.0f} {unit}" if value else "-"
        value /= 1000.0
    return f"{value:,.1f} GB"


def duration(microseconds: float | None) -> str:
    if microseconds is None:
        return "-"
    milliseconds = microseconds / 1000.0
    if milliseconds >= 10_000.0:
        return f"{milliseconds / 1000.0:,.0f} s"
    return f"{milliseconds:.1f} ms" if milliseconds < 100.0 else f"{milliseconds:,.0f} ms"
