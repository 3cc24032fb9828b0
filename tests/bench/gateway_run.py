"""What the gateway costs and how fast it is: all programs take turns under wrk, then under a fixed rate.

A turn ends when the program is quiet again: what was answered and still has to reach Kafka is paid for by the turn that
brought it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from lab import Failed, Missing, tools

from . import gateway_arms as roads
from .gateway_arms import Arm, Program
from .run import kafka_broker, machine

CONNECTIONS = 256
RECORD_BYTES = 4096
PARTITIONS = 4
# Of the most requests a second that an arm answered to the same load, in the part with a fixed rate.
SHARE = 0.8

Outcome = dict[str, float]


def everything(folder: Path, rounds: int, seconds: int, arms: tuple[Arm, ...] = roads.ALL) -> dict[str, Any]:
    """Both parts, with a broker of their own."""
    if not shutil.which("wrk"):
        raise Missing("wrk is not on PATH: `apt-get install wrk`")
    tool = roads.build()
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "rounds": rounds,
                               "seconds": seconds, "machine": machine()}
    answered: Counter[str] = Counter()
    with kafka_broker(folder) as kafka:
        for arm in arms:
            tools.java(tools.TOPICS, "--bootstrap-server", kafka.bootstrap, "--create", "--topic", arm.topic,
                       "--partitions", str(PARTITIONS))
        with roads.running(tool, folder, kafka.bootstrap, arms) as programs:
            _say("warming up ")
            for arm in arms:
                answered[arm.name] += int(_turn(programs[arm.program], arm, 5)["accepted"])
            _say(f"\nwrk, {CONNECTIONS} connections ")
            results["turns"] = turns(programs, arms, rounds, seconds, answered)
            _say("\nfixed rate ")
            results["rates"] = rates(tool, folder, programs, arms, rounds, seconds, answered)
            _say("\n")
        results["answered"], results["in_kafka"] = dict(answered), _written(kafka.bootstrap, arms)
    return results


def turns(programs: Mapping[str, Program], arms: tuple[Arm, ...], rounds: int, seconds: int,
          answered: Counter[str]) -> dict[str, list[Outcome]]:
    """Every arm once a round, as fast as it can; each round begins with another arm."""
    found: dict[str, list[Outcome]] = {arm.name: [] for arm in arms}
    for number in range(rounds):
        shift = number % len(arms)
        for arm in (*arms[shift:], *arms[:shift]):
            outcome = _turn(programs[arm.program], arm, seconds)
            found[arm.name].append(outcome)
            answered[arm.name] += int(outcome["accepted"])
            _say(".")
    return found


def _turn(program: Program, arm: Arm, seconds: int) -> Outcome:
    program.forget_peak()
    before, begin = program.cpu_seconds(), time.monotonic()
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(roads.PUSH_LUA),
               f"http://127.0.0.1:{program.port}", "--", arm.topic, "true" if arm.waits else "false"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    told = [line for line in done.stdout.splitlines() if line.startswith("JSON ")]
    if done.returncode != 0 or not told:
        raise Failed(f"wrk against {arm.name}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    outcome: Outcome = json.loads(told[0].removeprefix("JSON "))
    wait_until_quiet(program, arm.name)
    accepted = outcome["requests"] - outcome["refused"]
    if not accepted:
        raise Failed(f"{arm.name} accepted nothing: {outcome}")
    return {**outcome, "accepted": accepted, "per_second": accepted / outcome["seconds"],
            "settled_per_second": accepted / (time.monotonic() - begin - QUIET_SECONDS),
            "cpu_ms": (program.cpu_seconds() - before) / accepted * 1e6, "peak_mib": program.peak_mib()}


def rates(tool: Path, folder: Path, programs: Mapping[str, Program], arms: tuple[Arm, ...], rounds: int, seconds: int,
          answered: Counter[str]) -> dict[str, list[dict[str, Any]]]:
    """Latencies at a share of what each arm can do under the same load, counted from when a request was due."""
    asking = [arm for arm in arms if arm is not roads.BARE]
    most: dict[str, list[float]] = {arm.name: [] for arm in asking}
    outcomes: dict[str, list[dict[str, Any]]] = {arm.name: [] for arm in asking}
    for number in range(rounds):
        shift = number % len(asking)
        for arm in (*asking[shift:], *asking[:shift]):
            at_once = _asked(tool, folder, programs[arm.program], arm, 0, seconds / 2, answered)
            most[arm.name].append(sum(at_once["statuses"].get(status, 0) for status in ("200", "202")) / (seconds / 2))
            rate = SHARE * median(most[arm.name])
            outcomes[arm.name].append(_asked(tool, folder, programs[arm.program], arm, rate, seconds, answered))
            _say(".")
    return outcomes


def _asked(tool: Path, folder: Path, program: Program, arm: Arm, rate: float, seconds: float,
           answered: Counter[str]) -> dict[str, Any]:
    """One run of the load at a fixed rate; 0 is as fast as answers come."""
    body = folder / f"{arm.topic}.json"
    record = {"topic": arm.topic, "data": "0123456789abcdef" * (RECORD_BYTES // 16)}
    body.write_text(json.dumps({"records": [record], "wait_for_send": arm.waits}))
    command = [str(tool), "rate", "--port", str(program.port), "--path", "/push", "--body-file", str(body), "--rate",
               f"{rate:.0f}", "--seconds", f"{seconds:g}", "--connections", str(CONNECTIONS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    if done.returncode != 0:
        raise Failed(f"the load at a fixed rate against {arm.name}: {done.stderr}")
    outcome: dict[str, Any] = json.loads(done.stdout)
    answered[arm.name] += sum(count for status, count in outcome["statuses"].items() if status < "300")
    wait_until_quiet(program, arm.name)
    return outcome


def wait_until_quiet(program: Program, name: str) -> None:
    """Until it has used no more than a tick in each of the last looks; two minutes at most."""
    deadline, used, calm = time.monotonic() + 120, program.cpu_seconds(), 0
    while calm < QUIET_LOOKS:
        time.sleep(QUIET_SECONDS / QUIET_LOOKS)
        now = program.cpu_seconds()
        calm = calm + 1 if now - used <= 0.011 else 0
        used = now
        if time.monotonic() > deadline:
            raise Failed(f"{name} is still busy two minutes after the load ended")


def _written(bootstrap: str, arms: tuple[Arm, ...]) -> dict[str, int]:
    """How many records each arm's topic has had."""
    counted: Counter[str] = Counter()
    listed = tools.java("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", bootstrap)
    for line in listed.splitlines():
        topic, _, offset = line.split(":")
        counted[topic] += int(offset or 0)
    return {arm.name: counted[arm.topic] for arm in arms if arm is not roads.BARE}


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


QUIET_LOOKS, QUIET_SECONDS = 3, 0.9
