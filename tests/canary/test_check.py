"""`kafka-canary check --once`: one round, a table for people, JSON for scripts, an exit status for both."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from canary import BINARY
from lab import Gate, Kafka, Listener, free_port


def _check(bootstrap: str, *arguments: str, timeout: float = 60.0, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": bootstrap, **settings}
    return subprocess.run([BINARY, "check", "--once", *arguments], env=environment, capture_output=True, text=True,
                          timeout=timeout, check=False)


def test_a_table(three: Kafka) -> None:
    done = _check(three.bootstrap, TOPIC="checked")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    head = lines[0].lower()
    for column in ("broker", "partition", "produce ms", "end to end ms", "verdict"):
        assert column in head
    rows = [line for line in lines[1:] if line.strip() and line.split()[0].isdigit()]
    assert len(rows) == 3 and {row.split()[0] for row in rows} == {"1", "2", "3"}
    assert all(len(line) <= 100 and "\x1b" not in line for line in lines)


def test_json(three: Kafka) -> None:
    done = _check(three.bootstrap, "--output", "json", TOPIC="checked-json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["partitions"]) == 3
    for row in found["partitions"]:
        assert {"broker", "partition", "produce_ms", "end_to_end_ms", "verdict"} <= set(row)
        assert 0 < row["produce_ms"] <= row["end_to_end_ms"] + 50 < 20_000


def test_a_cluster_that_is_not_there() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    done = _check(nobody, KAFKA_CANARY_REQUEST_TIMEOUT_MS="2000")
    assert done.returncode == 3 and nobody in done.stderr and done.stdout == ""


def test_a_broker_that_is_not_reached(here: Path) -> None:
    ports = [free_port(), free_port()]
    with Kafka(here / "kafka", brokers=2, controllers=1, listeners=[Listener("GATED", ports)], heap="384m") as kafka, \
            Gate(ports[0], kafka.port("GATED", 0)), Gate(ports[1], kafka.port("GATED", 1)) as second:
        bootstrap = f"127.0.0.1:{ports[0]}"
        assert _check(bootstrap, TOPIC="partly").returncode == 0
        second.shut()
        done = _check(bootstrap, "--output", "json", TOPIC="partly", KAFKA_CANARY_ACK_TIMEOUT_MS="2000",
                      KAFKA_CANARY_REQUEST_TIMEOUT_MS="2000", KAFKA_CANARY_LATE_AFTER_MS="3000")
        assert done.returncode == 1, done.stderr
        verdicts = {row["broker"]: row["verdict"] for row in json.loads(done.stdout)["partitions"]}
        assert len(verdicts) == 2 and verdicts[1] != verdicts[2]


def test_what_cannot_be_configured_is_named() -> None:
    done = _check("localhost:9092", SASL_MECHANISM="KERBEROS")
    assert done.returncode == 2 and "SASL_MECHANISM" in done.stderr and "SCRAM-SHA-512" in done.stderr


def test_a_broker_that_is_replaced_meanwhile_is_not_called_served(three: Kafka) -> None:
    assert _check(three.bootstrap, TOPIC="replaced").returncode == 0
    three.child(2).freeze()
    try:
        done = _check(three.bootstrap, "--output", "json", TOPIC="replaced", KAFKA_CANARY_ACK_TIMEOUT_MS="30000",
                      KAFKA_CANARY_LATE_AFTER_MS="30000", timeout=120)
    finally:
        three.child(2).thaw()
    three.wait_for(2)
    assert done.returncode == 1, done.stdout + done.stderr
    (row,) = [row for row in json.loads(done.stdout)["partitions"] if row["broker"] == 3]
    assert row["verdict"] != "served", row
