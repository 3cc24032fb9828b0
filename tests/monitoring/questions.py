#!/usr/bin/env python3
"""Reruns every query of docs/questions.md and writes its answer into the page, so that the page cannot rot.

    .lab/venv/bin/python tests/monitoring/questions.py             # writes the answers anew
    .lab/venv/bin/python tests/monitoring/questions.py --check     # compares their shape instead

The shipped Envoy and Prometheus configurations, a real Kafka, and the demo's clients. Numbers differ from run to run;
the columns of an answer, and at least one of its rows, do not.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# The lab and the demo are packages beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import Envoy, Failed, Kafka, Listener, Missing, Prometheus, end_on_signals, free_port, paths, run_folder  # noqa: E402

PAGE = paths.REPOSITORY / "docs" / "questions.md"
ENVOY = paths.REPOSITORY / "envoy"

# Queries look back a minute, and the demo's clients need some seconds to settle.
TRAFFIC_SECONDS = 80.0
SCRAPE_SECONDS = 1.0
ROWS_MAX = 12

# What is the same in every row of the demo and no part of an answer.
HIDDEN = {"__name__", "job", "instance", "reporter"}
NOTHING = "(nothing)"

Answer = list[tuple[dict[str, str], float]]


@dataclass(frozen=True)
class Question:
    """A query of the page, under the anchor of its heading, and the answer that stands below it."""

    anchor: str
    expression: str
    answer: str

    @property
    def columns(self) -> list[str]:
        """The labels that the answer on the page shows."""
        head = self.answer.splitlines()[0] if self.answer != NOTHING else ""
        return head.split()[:-1]

    @property
    def rows(self) -> set[tuple[str, ...]]:
        """The label values of each row on the page."""
        width = len(self.columns)
        return {tuple(line.split()[:width]) for line in self.answer.splitlines()[1:] if not line.startswith("and ")}


def main() -> int:
    parser = argparse.ArgumentParser(prog="questions.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, and leave the page as it is")
    arguments = parser.parse_args()
    end_on_signals()
    folder = run_folder("questions")
    try:
        answers = ask([question.expression for question in questions(PAGE.read_text())], folder)
    except (Failed, Missing, OSError) as problem:
        print(f"questions: {problem}\nlogs: {folder}", file=sys.stderr)
        return 1
    if arguments.check:
        faults = [fault for question in questions(PAGE.read_text())
                  for fault in differences(question, rendered(answers[question.expression]))]
        print("\n".join(faults) or f"{len(answers)} answers look as they do in {PAGE.name}")
        return 1 if faults else 0
    PAGE.write_text(rewritten(PAGE.read_text(), lambda expression: rendered(answers[expression])))
    print(f"{PAGE.relative_to(paths.REPOSITORY)}: {len(answers)} answers written")
    return 0


def questions(text: str) -> list[Question]:
    """Every query of the page with its answer. ValueError for a query that stands without one."""
    found, anchor = [], ""
    for match in _PARTS.finditer(text):
        if match["anchor"]:
            anchor = match["anchor"]
        elif match["answer"] is None:
            raise ValueError(f"no answer below this query (write an empty block of text there):\n{match['expression']}")
        else:
            found.append(Question(anchor, match["expression"].strip(), match["answer"].strip()))
    return found


def anchors(text: str) -> set[str]:
    """The names by which links lead into the page."""
    return {match["anchor"] for match in _PARTS.finditer(text) if match["anchor"]}


def rewritten(text: str, answer: Callable[[str], str]) -> str:
    """The page with other answers."""
    def one(match: re.Match[str]) -> str:
        if match["anchor"]:
            return match[0]
        return f"```promql\n{match['expression']}```\n\n```text\n{answer(match['expression'].strip())}\n```\n"

    questions(text)
    return _PARTS.sub(one, text)


def rendered(answer: Answer) -> str:
    """An answer as a table: a column for each label, the greatest value first."""
    rows = sorted(answer, key=lambda row: (-row[1], sorted(row[0].items())))
    if not rows:
        return NOTHING
    labels = sorted({label for row, _ in rows for label in row} - HIDDEN, key=_place)
    table = [[*labels, "value"],
             *([*(row.get(label) or "-" for label in labels), number(value)] for row, value in rows[:ROWS_MAX])]
    widths = [max(len(line[at]) for line in table) for at in range(len(labels) + 1)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(line[:-1], widths)), line[-1].rjust(widths[-1])])
             for line in table]
    return "\n".join(lines + ([f"and {len(rows) - ROWS_MAX} more"] if len(rows) > ROWS_MAX else []))


def number(value: float) -> str:
    """Whole numbers as they are, others with three digits that count."""
    if value == round(value):
        return f"{value:,.0f}"
    if abs(value) >= 100.0:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def differences(question: Question, now: str) -> list[str]:
    """What is not as it was: the columns, or not one row that was there before."""
    new = Question(question.anchor, question.expression, now)
    where = f"#{question.anchor}: {question.expression}"
    if (question.answer == NOTHING) != (now == NOTHING):
        return [f"{where}\n  the page says {question.answer!r}, now it is {now!r}"]
    if question.columns != new.columns:
        return [f"{where}\n  columns {question.columns} on the page, now {new.columns}"]
    if question.rows and not question.rows & new.rows:
        return [f"{where}\n  rows {sorted(question.rows)} on the page, now {sorted(new.rows)}"]
    return []


def ask(expressions: Sequence[str], folder: Path) -> dict[str, Answer]:
    """The answers of a Prometheus that has watched the demo's clients for a while."""
    # Needs the lab's packages, which reading the page does not.
    from demo.traffic import Traffic

    port = free_port()
    print(f"starting Kafka, Envoy and Prometheus; then {TRAFFIC_SECONDS:.0f} s of traffic ...", flush=True)
    with Kafka(folder / "kafka", listeners=[Listener("ENVOY", [port])]) as kafka:
        ports = {"port_value: 19092}": f"port_value: {port}}}",
                 "port_value: 9092}": f"port_value: {kafka.port('ENVOY')}}}"}
        with Envoy(folder, ENVOY / "envoy.yaml", substitutions=ports) as envoy, \
                Prometheus(folder, ENVOY / "prometheus.yaml", {"127.0.0.1:9901": f"127.0.0.1:{envoy.admin_port}"},
                           interval_seconds=SCRAPE_SECONDS) as prometheus, \
                Traffic(kafka, f"127.0.0.1:{port}", folder) as traffic:
            time.sleep(TRAFFIC_SECONDS)
            if traffic.failures:
                raise Failed(f"clients failed: {traffic.failures}")
            at = time.time()
            return {expression: [(one.labels, one.value) for one in prometheus.query(expression, at)
                                 if math.isfinite(one.value)] for expression in expressions}


def _place(label: str) -> tuple[int, str]:
    order = ("client_id", "group", "topic", "request", "api_version", "error")
    return (order.index(label) if label in order else len(order), label)


_PARTS = re.compile(
    r"^<a id=\"(?P<anchor>[a-z0-9-]+)\"></a>$"
    r"|^```promql\n(?P<expression>(?:(?!```).*\n)+)```\n(?:\n*```text\n(?P<answer>(?:(?!```).*\n)*)```\n)?", re.M)


if __name__ == "__main__":
    sys.exit(main())
