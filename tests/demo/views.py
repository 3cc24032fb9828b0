"""What the demo shows, as tables: topics, clients, groups, errors, old versions, requests, and ended connections.

Each view has a height that it never exceeds, so that the layout stands still while numbers change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access import AccessLog
from readings import Readings
from tabular import Row, cut, duration, rate, size, table, whole

WIDTH = 100


@dataclass(frozen=True)
class View:
    """A table: its lines, and how many there may ever be."""

    lines: list[str]
    height: int


def views(readings: Readings, log: AccessLog) -> list[View]:
    """All of them, in the order in which they are read."""
    return [
        _view(topics(readings, 6), 6),
        _view(clients(readings, log, 12), 12),
        _view(groups(readings, 5), 5),
        _view(old_versions(readings, 2), 2),
        _view(errors(readings, 9), 9),
        _view(requests(readings, 9), 10),
        _view(ended(log, 6), 6),
    ]


def topics(readings: Readings, rows_max: int) -> list[str]:
    """Each topic with what goes in (produced) and out (fetched by consumers), and how late it is read."""
    into, out = (readings.rates(f"topic_{way}_records_total", "topic") for way in ("produced", "fetched"))
    bytes_in, bytes_out = (readings.rates(f"topic_{way}_bytes_total", "topic") for way in ("produced", "fetched"))
    codecs = readings.totals("topic_produced_batches_total", "topic", "compression")
    unread = readings.totals("topic_fetch_lag_records", "topic")
    rows = []
    for key in sorted({*into, *out}, key=lambda key: (-into.get(key, 0.0), key))[:rows_max]:
        (topic,) = key
        rows.append([
            topic, rate(into.get(key, 0.0)), rate(out.get(key, 0.0)), size(bytes_in.get(key, 0.0)),
            size(bytes_out.get(key, 0.0)),
            duration(readings.p99("topic_request_duration_microseconds", topic=topic, request="Produce")),
            _age(readings.mean("topic_end_to_end_latency_milliseconds", topic=topic)), whole(unread.get(key, 0.0)),
            " ".join(sorted(codec for name, codec in codecs if name == topic))])
    head = ["TOPIC", "records/s in", "out", "bytes/s in", "out", "produce p99", "age read", "to fetch", "codec"]
    return table(head, rows, left={0, 8}, width_max=WIDTH)


def clients(readings: Readings, log: AccessLog, rows_max: int) -> list[str]:
    """Who writes and who reads which topic, in records for each second, and with what library."""
    writes = readings.rates("client_produced_records_total", "client_id", "topic")
    reads = readings.rates("client_fetched_records_total", "client_id", "topic")
    busiest: dict[str, float] = {}
    for (client, _), records in [*writes.items(), *reads.items()]:
        busiest[client] = busiest.get(client, 0.0) + records
    rows = []
    for client in sorted(busiest, key=lambda client: (-busiest[client], client))[:rows_max]:
        ways = [f"{way}  {_of(client, rates, rate)}" for way, rates in (("writes", writes), ("reads ", reads))
                if any(name == client for name, _ in rates)]
        rows.append([client, cut(log.software(client), 30), "  ".join(ways)])
    if len(busiest) > rows_max:
        rows[-1] = [f"and {len(busiest) - rows_max + 1} more", "", ""]
    return table(["CLIENT", "software", "records/s"], rows, left={0, 1, 2}, width_max=WIDTH)


def groups(readings: Readings, rows_max: int) -> list[str]:
    """How far each group is behind, where, and how often its members had to share the work anew."""
    lag = readings.totals("group_lag_records", "group", "topic")
    asked = readings.totals("group_requests_total", "group")
    rebalances = readings.totals("group_rebalances_total", "group")
    behind = {group: sum(records for (name, _), records in lag.items() if name == group) for group, in asked}
    rows = []
    for group in sorted(behind, key=lambda group: (-behind[group], group))[:rows_max]:
        rows.append([
            group, whole(behind[group]), whole(rebalances.get((group,), 0.0)),
            duration(readings.p99("group_join_duration_microseconds", group=group)), _of(group, lag, whole)])
    head = ["GROUP", "records behind", "rebalances", "join p99", "behind in"]
    return table(head, rows or [_NOBODY], left={0, 4}, width_max=WIDTH)


def old_versions(readings: Readings, rows_max: int) -> list[str]:
    """Who speaks versions that a Kafka 4 broker refuses (KIP-896)."""
    found = readings.totals("deprecated_requests_total", "client_id", "request", "api_version")
    rows = [[client, f"{request} v{version}", f"{total:,.0f}"]
            for (client, request, version), total in sorted(found.items(), key=lambda item: (-item[1], item[0]))]
    return table(["KAFKA 4 REFUSES", "request", "total"], rows[:rows_max] or [["nobody so far", "", ""]],
                 left={0, 1}, width_max=WIDTH)


def errors(readings: Readings, rows_max: int) -> list[str]:
    """Error codes in responses, and to which topic or group they belong where there is one."""
    found = readings.totals("response_errors_total", "request", "error")
    named = readings.totals("topic_errors_total", "request", "error", "topic") | \
        readings.totals("group_errors_total", "request", "error", "group")
    rows = []
    for (request, error), total in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:rows_max]:
        about = sorted({name for what, code, name in named if (what, code) == (request, error)})
        rows.append([error, request, f"{total:,.0f}", " ".join(about)])
    head = ["ERROR", "in answer to", "total", "topic or group"]
    return table(head, rows or [["none so far", "", "", ""]], left={0, 1, 3}, width_max=WIDTH)


def requests(readings: Readings, rows_max: int) -> list[str]:
    """Each API with the versions that clients speak, and how many answers told them to slow down."""
    rates = readings.rates("requests_total", "request")
    totals = readings.totals("requests_total", "request")
    throttled = readings.totals("throttled_responses_total", "request")
    versions = readings.totals("requests_total", "request", "api_version")
    rows = []
    for key in sorted(totals, key=lambda key: (-totals[key], key))[:rows_max]:
        (request,) = key
        spoken = sorted((int(version), total) for (name, version), total in versions.items() if name == request)
        rows.append([
            request, rate(rates.get(key, 0.0)), f"{totals[key]:,.0f}",
            duration(readings.p99("request_duration_microseconds", request=request)), whole(throttled.get(key, 0.0)),
            "  ".join(f"v{version}: {total:,.0f}" for version, total in spoken)])
    if len(totals) > rows_max:
        rest = sorted(totals.values(), reverse=True)[rows_max:]
        rows.append([f"and {len(rest)} more", "", f"{sum(rest):,.0f}", "", "", ""])
    head = ["REQUEST", "per s", "total", "p99", "throttled", "versions"]
    return table(head, rows, left={0, 5}, width_max=WIDTH)


def ended(log: AccessLog, rows_max: int) -> list[str]:
    """The newest ended connections as the access log has them."""
    rows = [[line.client_id or "-", cut(line.software or "-", 26), cut(line.topics or "-", 22), size(line.received),
             size(line.sent), line.opaque_reason or "-"] for line in log.ended(rows_max)]
    head = ["ACCESS LOG", "software", "topics", "sent", "got", "not decoded: why"]
    return table(head, rows or [["nobody has left yet", "", "", "", "", ""]], left={0, 1, 2, 5}, width_max=WIDTH)


def connections(readings: Readings) -> str:
    """One line about the connections themselves."""
    numbers = [
        ("connections_active", "connections open"), ("connections_opened_total", "seen"),
        ("connections_opaque_total", "not decodable"), ("requests_in_flight", "requests await an answer"),
        ("unacknowledged_requests_total", "sent with acks=0")]
    return " · ".join(f"{readings.total(metric):,.0f} {what}" for metric, what in numbers)


def _view(lines: list[str], rows_max: int) -> View:
    return View(lines, rows_max + 1)


def _of(who: str, numbers: dict[tuple[str, ...], float], written: Callable[[float], str]) -> str:
    """The topics of a client or a group, the greatest number first."""
    own = {topic: number for (name, topic), number in numbers.items() if name == who}
    return "  ".join(f"{topic} {written(own[topic])}" for topic in sorted(own, key=lambda topic: (-own[topic], topic)))


def _age(milliseconds: float | None) -> str:
    return duration(None if milliseconds is None else milliseconds * 1000.0)


_NOBODY: Row = ["none so far", "", "", "", ""]
