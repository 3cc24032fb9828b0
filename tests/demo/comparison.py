"""The filter's counts beside what others tell: tables, and whether they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lab import Stats

from readings import PREFIX
from tabular import table

# A code that librdkafka does not send a record again for.
REFUSED_FOR_GOOD = "MESSAGE_TOO_LARGE"

# Records by group and topic.
Lag = dict[tuple[str, str], int]


@dataclass
class Verdict:
    """Tables of comparisons, and whether all of them agree."""

    agrees: bool = True
    lines: list[str] = field(default_factory=list)

    def compare(self, is_equal: bool, excuse: str = "") -> str:
        self.agrees = self.agrees and (is_equal or bool(excuse))
        return "equal" if is_equal else excuse or "DIFFERENT"


def records(verdict: Verdict, stats: Stats, stored: dict[str, int]) -> None:
    """What was counted as produced was stored or refused."""
    rows = []
    for topic in sorted(stored):
        counted = int(stats.total(PREFIX + "topic_produced_records_total", topic=topic))
        found = stats.by(PREFIX + "topic_errors_total", "error", topic=topic, request="Produce")
        # Only single records are refused for good here, so that one error code is one record.
        refused = int(found.pop((REFUSED_FOR_GOOD,), 0))
        again = "sent again after " + ", ".join(sorted(error for error, in found)) \
            if found and counted > stored[topic] + refused else ""
        rows.append([topic, f"{counted:,}", f"{stored[topic]:,}", f"{refused:,}",
                     verdict.compare(counted == stored[topic] + refused, again)])
    head = ["RECORDS", "counted by the filter", "stored by the broker", "refused", ""]
    verdict.lines += ["", *table(head, rows, left={0, 4})]


def sums(verdict: Verdict, stats: Stats) -> None:
    """What clients produced and fetched is what topics took and gave, topic by topic."""
    rows = []
    for what in ("produced_records", "produced_bytes", "fetched_records", "fetched_bytes"):
        of_topics = stats.by(f"{PREFIX}topic_{what}_total", "topic")
        of_clients = stats.by(f"{PREFIX}client_{what}_total", "topic")
        rows.append([what.replace("_", " "), f"{sum(of_topics.values()):,.0f}", f"{sum(of_clients.values()):,.0f}",
                     verdict.compare(of_topics == of_clients)])
    verdict.lines += ["", *table(["SUMS", "of all topics", "of all clients", ""], rows, left={0, 3})]


def groups(verdict: Verdict, counted: Lag, told: Lag) -> None:
    """How far a group is behind is what its offsets at the broker say."""
    rows = [[group, topic, f"{counted.get((group, topic), 0):,}", f"{told.get((group, topic), 0):,}",
             verdict.compare(counted.get((group, topic), 0) == told.get((group, topic), 0))]
            for group, topic in sorted({*counted, *told})]
    head = ["RECORDS BEHIND", "topic", "by the filter", "by offsets at the broker", ""]
    verdict.lines += ["", *table(head, rows, left={0, 1, 4})]


def ended(verdict: Verdict, stats: Stats, logged: Counter[str]) -> None:
    """Each connection that ended has its line in the access log, with the reason for which it was given up."""
    opaque = stats.by(PREFIX + "connections_opaque_total", "reason")
    given_up = {reason: int(count) for (reason,), count in opaque.items()}
    closed = int(stats.total(PREFIX + "connections_closed_total"))
    pairs = [("all", closed, logged.total())]
    pairs += [(reason, given_up.get(reason, 0), logged[reason]) for reason in sorted({*given_up, *logged} - {""})]
    rows = [[name, f"{count:,}", f"{lines:,}", verdict.compare(count == lines)] for name, count, lines in pairs]
    verdict.lines += ["", *table(["CONNECTIONS ENDED", "by the filter", "in the access log", ""], rows, left={0, 3})]


def behind(committed: dict[str, dict[tuple[str, int], int]], ends: dict[str, list[tuple[int, int]]]) -> Lag:
    """Records between committed offsets (group to partition to offset) and the ends of partitions."""
    found: Lag = {}
    for group, offsets in committed.items():
        for (topic, partition), offset in offsets.items():
            _, high = ends[topic][partition]
            found[group, topic] = found.get((group, topic), 0) + max(0, high - offset)
    return found
