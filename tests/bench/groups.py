"""What each group of metrics costs: CPU time with each one alone over what is always on, and exact counts.

The noise of a shared machine is larger than what most groups cost. So the arms take turns as in the other run, and the
operations and host calls of each exchange, which are the same everywhere, are counted beside it (tests/wasm).
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from lab import Failed, paths

from . import arms as roads
from . import measures, run
from .arms import Tools
from .measures import Measure
from .run import Outcomes


def everything(tools: Tools, folder: Path, rounds: int) -> Outcomes:
    """Every arm once a round at each measure, all of them alive during the whole run."""
    with roads.stand_in(tools, measures.PARTITIONS) as broker:
        run.prepare_groups(tools, f"127.0.0.1:{broker.port}")
        with roads.envoys(folder, tools, roads.GROUP_ARMS, broker.port) as arms:
            outcomes = run.take_turns(tools, arms, broker, measures.GROUPS, rounds)
            run.prove_it_worked(arms, outcomes)
    return outcomes


def markdown(outcomes: Outcomes) -> str:
    """A row for each arm and a column for each measure: the difference of the least, and the median of the rounds'."""
    rows: list[tuple[str, str | None, str]] = [
        ("tcp_proxy", None, roads.TCP), ("tcp_proxy again, over tcp_proxy", roads.TCP, roads.TCP_AGAIN),
        ("floor wasm, over tcp_proxy", roads.TCP, roads.FLOOR), ("base only, over tcp_proxy", roads.TCP, roads.BASE),
        *((f"`{switch}`, over base only", roads.BASE, name) for name, switch in roads.ALONE.items()),
        ("everything, over base only", roads.BASE, roads.FILTER), ("everything, over tcp_proxy", roads.TCP, roads.FILTER)]
    table = [["", *(each.title for each in measures.GROUPS)], ["---", *("---:" for _ in measures.GROUPS)]]
    for title, base, arm in rows:
        table.append([title, *(_cell(outcomes, each, arm, base) for each in measures.GROUPS)])
    return ("Microseconds of Envoy's CPU time for each pair of request and response, or each connection: least over the "
            "rounds (median). What is over another arm is the difference of the least, and the median of the rounds' "
            "differences.\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in table) + "\n")


def exact() -> str:
    """The table of operations and host calls, from the small host in tests/wasm."""
    command = ["cargo", "run", "--quiet", "--locked", "-p", "kafka-filter-wasm-tests", "--bin", "group-costs"]
    done = subprocess.run(command, cwd=paths.REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def _cell(outcomes: Outcomes, measure: Measure, arm: str, base: str | None) -> str:
    mine = _costs(outcomes, measure, arm)
    if base is None:
        return f"{min(mine):.2f} ({median(mine):.2f})"
    other = _costs(outcomes, measure, base)
    paired = median(a - b for a, b in zip(mine, other, strict=True))
    return f"{min(mine) - min(other):+.2f} ({paired:+.2f})"


def _costs(outcomes: Outcomes, measure: Measure, arm: str) -> Sequence[float]:
    return [measure.cost(outcome) for outcome in outcomes[measure.key][arm]]
