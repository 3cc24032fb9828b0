"""What the demo shows, as lines of text: topics, requests, errors, and the connections behind them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from readings import Readings

Row = Sequence[str]

# Rows at most; a low terminal gets fewer.
TOPIC_ROWS, REQUEST_ROWS, ERROR_ROWS = 8, 12, 8


def page(readings: Readings, rows_max: int) -> list[str]:
    """The whole table in about `rows_max` lines."""
    above = topics(readings, TOPIC_ROWS)
    # Two headings, three empty lines, the last line, and what does not fit into the table of requests.
    left = rows_max - len(above) - 7
    for_errors = min(max(left // 3, 2), ERROR_ROWS)
    for_requests = min(max(left - for_errors, 3), REQUEST_ROWS)
    return [*above, "", *requests(readings, for_requests), "", *errors(readings, for_errors), "",
            connections(readings)]


def topics(readings: Readings, rows_max: int) -> list[str]:
    """Each topic with what goes in (produced) and out (fetched by consumers)."""
    into, out = (readings.rates(f"topic_{way}_records_total", "topic") for way in ("produced", "fetched"))
    bytes_in, bytes_out = (readings.rates(f"topic_{way}_bytes_total", "topic") for way in ("produced", "fetched"))
    codecs = readings.totals("topic_produced_batches_total", "topic", "compression")
    rows = []
    for key in sorted({*into, *out}, key=lambda key: -into.get(key, 0.0))[:rows_max]:
        (topic,) = key
        rows.append([
            topic, _count(into.get(key, 0.0)), _count(out.get(key, 0.0)), _size(bytes_in.get(key, 0.0)),
            _size(bytes_out.get(key, 0.0)),
            _time(readings.p99("topic_request_duration_microseconds", topic=topic, request="Produce")),
            _time(readings.p99("topic_request_duration_microseconds", topic=topic, request="FetchConsumer")),
            " ".join(sorted(codec for name, codec in codecs if name == topic))])
    head = ["TOPIC", "records/s in", "out", "bytes/s in", "out", "produce p99", "fetch p99", "codec"]
    return _table(head, rows, left={0, 7})


def requests(readings: Readings, rows_max: int) -> list[str]:
    """Each API with the versions that clients speak."""
    rates = readings.rates("requests_total", "request")
    totals = readings.totals("requests_total", "request")
    versions = readings.totals("requests_total", "request", "api_version")
    rows = []
    for key in sorted(totals, key=lambda key: -totals[key])[:rows_max]:
        (request,) = key
        spoken = sorted((int(version), count) for (name, version), count in versions.items() if name == request)
        rows.append([
            request, _count(rates.get(key, 0.0)), f"{totals[key]:,.0f}",
            _time(readings.p99("request_duration_microseconds", request=request)),
            "  ".join(f"v{version}: {count:,.0f}" for version, count in spoken)])
    if len(totals) > rows_max:
        rest = sorted(totals.values(), reverse=True)[rows_max:]
        rows.append([f"and {len(rest)} more", "", f"{sum(rest):,.0f}", "", ""])
    return _table(["REQUEST", "per s", "total", "p99", "versions"], rows, left={0, 4})


def errors(readings: Readings, rows_max: int) -> list[str]:
    """Error codes in responses, and to which topic they belong where there is one."""
    found = readings.totals("response_errors_total", "request", "error")
    of_topics = readings.totals("topic_errors_total", "request", "error", "topic")
    rows = []
    for (request, error), count in sorted(found.items(), key=lambda item: -item[1])[:rows_max]:
        named = sorted({topic for name, what, topic in of_topics if (name, what) == (request, error)})
        rows.append([error, request, f"{count:,.0f}", " ".join(named)])
    return _table(["ERROR", "in answer to", "total", "topic"], rows or [["none so far", "", "", ""]], left={0, 1, 3})


def connections(readings: Readings) -> str:
    """One line about the connections themselves."""
    numbers = [
        ("connections_active", "connections open"), ("connections_opened_total", "seen"),
        ("connections_opaque_total", "not decodable"), ("requests_in_flight", "requests await an answer"),
        ("unacknowledged_requests_total", "sent with acks=0")]
    return " · ".join(f"{readings.total(metric):,.0f} {what}" for metric, what in numbers)


class Screen:
    """Where the lines go: a terminal is redrawn in place, anything else gets one block after the other."""

    def __init__(self) -> None:
        self.is_live = sys.stdout.isatty()
        self._begun = False

    @property
    def rows(self) -> int:
        """Lines that fit; a text that is not redrawn may be long."""
        return shutil.get_terminal_size().lines - 1 if self.is_live else 100

    def show(self, lines: Sequence[str]) -> None:
        if self.is_live:
            # To the top left, each line cleared behind its end, and what is below: nothing flickers.
            begin = "\x1b[H" if self._begun else "\x1b[2J\x1b[H"
            width = shutil.get_terminal_size().columns
            sys.stdout.write(begin + "".join(f"{line[:width]}\x1b[K\n" for line in lines[:self.rows]) + "\x1b[J")
            self._begun = True
        else:
            sys.stdout.write("\n".join(lines) + "\n\n")
        sys.stdout.flush()


def _table(head: Row, rows: Sequence[Row], left: set[int]) -> list[str]:
    """Columns as wide as their widest cell; numbers to the right, names to the left."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    return ["  ".join(cell.ljust(width) if at in left else cell.rjust(width)
                      for at, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in [head, *rows]]


def _count(value: float) -> str:
    if 0.0 < value < 10.0:
        return f"{value:.1f}"
    return f"{value:,.0f}" if value else "-"


def _size(value: float) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 1000.0:
            return f"{value:.1f} {unit}" if 0.0 < value < 10.0 else f"{value:,.0f} {unit}" if value else "-"
        value /= 1000.0
    return f"{value:,.1f} GB"


def _time(microseconds: float | None) -> str:
    if microseconds is None:
        return "-"
    milliseconds = microseconds / 1000.0
    return f"{milliseconds:.1f} ms" if milliseconds < 100.0 else f"{milliseconds:,.0f} ms"
