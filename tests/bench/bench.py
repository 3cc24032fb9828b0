#!/usr/bin/env python3
"""What the filter and the tools around it cost: runs all arms in turn, prints a report, with --write into docs/performance.md.

    bench.py run                 the whole measurement, about 15 minutes on two cores
    bench.py run --quick         about a minute, without real Kafka and memory: for a look, not for figures
    bench.py groups              what each group of metrics costs, about 8 minutes; --exact only counts operations
    bench.py attack              a hostile client that invents names, 10 minutes
    bench.py series              how many series a proxy makes, and what one costs Envoy and Prometheus, two minutes
    bench.py gateway             kafka-gateway under wrk, beside a stand-in for kprf and a bare handler, 10 minutes
    bench.py console             kafka-console in a browser: 1,000 topics beside 10, about 4 minutes
    bench.py check               the stand-in broker and the raw load against real Kafka and real clients
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

# This file lies inside the package `bench`, whose parent folder must be the one that is searched.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench import arms as roads  # noqa: E402
from bench import attack, check, console_report, console_run, gateway_report, gateway_run, groups  # noqa: E402
from bench import measures, report, run, series  # noqa: E402
from lab import Failed, Missing, end_on_signals, paths, run_folder  # noqa: E402

PAGE = paths.REPOSITORY / "docs" / "performance.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="measure")
    command.add_argument("--quick", action="store_true", help="few short rounds on the stand-in only")
    command.add_argument("--rounds", type=int, help="how often each arm takes its turn (17; quick: 3)")
    command.add_argument("--only", action="append", default=[], metavar="KEY",
                         help="only this measure, latency and memory among them; may repeat")
    command.add_argument("--arms", default=",".join(roads.ALL), help="names, with commas; default all")
    command.add_argument("--without-kafka", action="store_true", help="leave out what needs real Kafka")
    command.add_argument("--connections", type=int, default=1000, help="for the memory measure; 0 leaves it out")
    command.add_argument("--json", type=Path, help="write everything measured to this file too")
    _common(command)
    command = commands.add_parser("groups", help="what each group of metrics costs")
    command.add_argument("--quick", action="store_true", help="three rounds: for a look, not for figures")
    command.add_argument("--rounds", type=int, help="how often each arm takes its turn (11; quick: 3)")
    command.add_argument("--exact", action="store_true", help="only the exact counts, without Envoy")
    _common(command)
    command = commands.add_parser("attack", help="a hostile client that invents names; the filter's caps must hold")
    command.add_argument("--seconds", type=float, default=600.0, help="how long (600)")
    command.add_argument("--rate", type=float, default=200.0, help="connections a second, 36 requests each (200)")
    _common(command)
    command = commands.add_parser("series", help="how many series a proxy makes, and what one costs")
    _common(command)
    command = commands.add_parser("gateway", help="what the gateway costs; needs wrk and `make gateway`")
    command.add_argument("--rounds", type=int, default=3, help="how often each arm takes its turn (3)")
    command.add_argument("--seconds", type=int, default=10, help="how long a turn is (10)")
    command.add_argument("--json", type=Path, help="write everything measured to this file too")
    command.add_argument("--write", action="store_true", help=f"put the report into {PAGE.name}")
    command = commands.add_parser("console", help="how fast the console is; needs `make console` and Chromium")
    command.add_argument("--rounds", type=int, default=5, help="how often each page is opened (5)")
    command.add_argument("--json", type=Path, help="write everything measured to this file too")
    command.add_argument("--write", action="store_true", help=f"put the report into {PAGE.name}")
    commands.add_parser("check", help="is the stand-in a broker, is the load a client?")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        if arguments.command == "check":
            check.everything(roads.build())
            return 0
        if arguments.command in ("gateway", "console"):
            _finish(arguments, {"gateway": _gateway, "console": _console}[arguments.command](arguments))
            return 0
        if not arguments.filter.is_file():
            raise Failed(f"{arguments.filter} is missing: run `make wasm`")
        tools = roads.build(arguments.filter)
        _finish(arguments, {"run": _run, "groups": _groups, "attack": _attack, "series": _series}[arguments.command](arguments, tools))
        return 0
    except (Failed, Missing) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--filter", type=Path, default=paths.ARTIFACT, help="the module to measure; default dist/")
    command.add_argument("--write", action="store_true", help=f"put the report into {PAGE.name}")


def _run(arguments: argparse.Namespace, tools: roads.Tools) -> dict[str, str]:
    names = [name.strip() for name in arguments.arms.split(",")]
    if unknown := set(names) - set(roads.ALL):
        raise Failed(f"no such arm: {', '.join(sorted(unknown))}; there are {', '.join(roads.ALL)}")
    results = _measure(arguments, tools, names)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return {"measured": report.markdown(results)}


def _groups(arguments: argparse.Namespace, tools: roads.Tools) -> dict[str, str]:
    texts = {"exact": groups.exact()}
    if not arguments.exact:
        run.allow_files(8192)
        rounds = arguments.rounds or (3 if arguments.quick else 11)
        head = _when(tools.filter)
        found = groups.everything(tools, run_folder("groups"), rounds)
        texts["groups"] = f"{head} {rounds} rounds.\n\n{groups.markdown(found)}"
    print("\n\n".join(texts.values()))
    return texts


def _attack(arguments: argparse.Namespace, tools: roads.Tools) -> dict[str, str]:
    every = 1.0 if arguments.seconds <= 60 else 5.0
    found = attack.attack(tools, run_folder("attack"), arguments.seconds, arguments.rate, every)
    text = f"{_when(tools.filter)}\n\n{attack.markdown(found, arguments.rate)}"
    print(text)
    attack.say(found)
    return {"attack": text}


def _series(_: argparse.Namespace, tools: roads.Tools) -> dict[str, str]:
    found = series.costs(tools, run_folder("series"))
    texts = {"formulas": series.formulas(), "examples": series.examples(), "series": f"{_when(tools.filter)}\n\n{series.cost_table(found)}"}
    print("\n\n".join(texts.values()))
    return texts


def _gateway(arguments: argparse.Namespace) -> dict[str, str]:
    run.allow_files(8192)
    results = gateway_run.everything(run_folder("bench-gateway"), arguments.rounds, arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    text = gateway_report.markdown(results)
    print(text)
    return {"gateway": text}


def _console(arguments: argparse.Namespace) -> dict[str, str]:
    results = console_run.everything(run_folder("bench-console"), arguments.rounds)
    results["command"] = f"bench.py console --rounds {arguments.rounds}"
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, default=str))
    text = console_report.markdown(results, _artifact(results["binary"]))
    print(text)
    return {"console": text}


def _finish(arguments: argparse.Namespace, texts: dict[str, str]) -> None:
    for part, text in texts.items():
        if arguments.command == "run":
            print(text)
        if arguments.write:
            _write(part, text)


def _when(module: Path) -> str:
    """When and where something was measured, and of which build."""
    machine = run.machine()
    loads = ", ".join(f"{load:.1f}" for load in machine["load_average"])
    return (f"Measured {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}: {machine['cores']} cores "
            f"({machine['cpu']}), Envoy {machine['envoy']}; load average then {loads}. Filter: {_artifact(module)}.")


def _measure(arguments: argparse.Namespace, tools: roads.Tools, names: list[str]) -> dict[str, Any]:
    run.allow_files(8192)
    folder = run_folder("bench")
    rounds = arguments.rounds or (3 if arguments.quick else 17)
    wanted = [m for m in measures.ALL if not arguments.only or m.key in arguments.only]
    with_kafka = not (arguments.quick or arguments.without_kafka) and (
        "latency" in arguments.only or any(m.broker == "kafka" for m in wanted))
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "rounds": rounds,
                               "machine": run.machine(), "filter": _artifact(tools.filter), "outcomes": {},
                               "peak_kib": {}}
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(roads.stand_in(tools))
        run.prepare(tools, f"127.0.0.1:{broker.port}")
        with roads.envoys(folder, tools, names, broker.port) as arms:
            picked = [m for m in wanted if m.broker == "stand-in"]
            results["outcomes"] |= run.take_turns(tools, arms, broker, picked, rounds)
            run.prove_it_worked(arms, results["outcomes"])
            for arm in arms:
                if arm.envoy:
                    results["peak_kib"][arm.name] = arm.envoy.memory_kib()[1]
    if with_kafka:
        with run.kafka_broker(folder) as kafka:
            port = kafka.port("DIRECT")
            run.prepare(tools, f"127.0.0.1:{port}")
            run.warm_kafka(tools, f"127.0.0.1:{port}")
            with roads.envoys(folder / "kafka", tools, names, port) as arms:
                picked = [m for m in wanted if m.broker == "kafka"]
                results["outcomes"] |= run.take_turns(tools, arms, None, picked, rounds)
                if not arguments.only or "latency" in arguments.only:
                    results["outcomes"] |= run.latencies(tools, arms, rounds, 3.0)
                run.prove_it_worked(arms, {key: found for key, found in results["outcomes"].items()
                                           if key == "latency" or key in {m.key for m in picked}})
    if arguments.connections and not arguments.quick and (not arguments.only or "memory" in arguments.only):
        proxied = [name for name in names if name in (roads.TCP, roads.NULL, roads.FILTER)]
        results["memory"] = run.memory(tools, folder, proxied, arguments.connections)
    return results


def _artifact(module: Path) -> str:
    """Which build was measured, so that figures of two builds are not mixed up."""
    if not module.is_file():
        return "none"
    digest = hashlib.sha256(module.read_bytes()).hexdigest()
    return f"{module.name}, {module.stat().st_size:,} bytes, sha256 {digest[:12]}"


def _write(part: str, text: str) -> None:
    """Replaces one part of the page, which stands between two lines that name it."""
    page = PAGE.read_text()
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise Failed(f"{PAGE} needs the lines {begin} and {end}, once each")
    head, rest = page.split(begin)
    PAGE.write_text(f"{head}{begin}\n\n{text}\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    sys.exit(main())
