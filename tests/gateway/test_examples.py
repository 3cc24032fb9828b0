"""The examples run as their readers would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import Gateway, check
from lab import paths
from topics import Topics

EXAMPLES = paths.REPOSITORY / "crates" / "kafka-gateway" / "examples"


def run(gateway: Gateway, *command: str | Path, stdin: str = "", scheme: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GATEWAY": f"{scheme}127.0.0.1:{gateway.port}"}
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_the_shell_script_writes_what_it_reads(plain: Gateway, topic: str, topics: Topics) -> None:
    done = run(plain, EXAMPLES / "push.sh", topic, "host-1", stdin="disk is at 91 %\n", scheme="http://")
    assert done.returncode == 0, done
    [written] = topics.read(topic)
    assert (written.key, written.value) == (b"host-1", b"disk is at 91 %\n")
    assert json.loads(done.stdout)["offset"] == 0


def test_the_shell_script_fails_where_the_record_did(plain: Gateway) -> None:
    done = run(plain, EXAMPLES / "push.sh", "no-such-topic", stdin="x", scheme="http://")
    assert done.returncode != 0 and "no-such-topic" in done.stdout, done


@pytest.mark.parametrize("kind", ["written", "logged"])
def test_the_python_client_tells_of_each_record(kind: str, topic: str, topics: Topics,
                                                request: pytest.FixtureRequest) -> None:
    gateway: Gateway = request.getfixturevalue({"written": "plain", "logged": "logged"}[kind])
    done = run(gateway, sys.executable, EXAMPLES / "push.py", topic, "one", "two")
    assert done.returncode == 0, done
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["written", "written"]
    assert topics.values(topic) == {b"one": 1, b"two": 1}


def test_the_configuration_is_right(here: Path) -> None:
    text = (EXAMPLES / "gateway.yaml").read_text()
    assert "/var/lib/kafka-gateway" in text
    file = here / "gateway.yaml"
    file.write_text(text.replace("/var/lib/kafka-gateway", str(here)))
    done = check(file)
    assert done.returncode == 0, done
