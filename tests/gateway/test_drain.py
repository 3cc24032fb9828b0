"""SIGTERM under load: no record that was answered with success is lost, and the end comes in time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gateway import Gateway, with_log
from lab import Gate, Kafka, wait_until
from load import Load
from test_log import arrived
from topics import Topics


@pytest.mark.parametrize("log", [False, True], ids=["in-memory", "with-log"])
@pytest.mark.parametrize("wait", [False, True], ids=["asynchronous", "waiting"])
def test_sigterm_under_load(here: Path, single: Kafka, topics: Topics, topic: str, log: bool, wait: bool) -> None:
    settings = with_log(here / "log") if log else {}
    with Gateway(here, single.bootstrap, settings) as gateway:
        with Load(gateway, topic, clients=16, records=5, wait=wait) as load:
            wait_until("load", lambda: len(load.accepted) > (500 if wait else 2000), 20, gateway.child)
            status, seconds = gateway.stop()
        assert status == 0, gateway.log[-2000:]
        assert seconds < 10
        assert not load.faults, load.faults
        assert set(load.statuses) <= {200, 503}, load.statuses
    # Nothing runs any more that could write.
    found = topics.values(topic)
    if log:
        with Gateway(here, single.bootstrap, settings):
            found.update(arrived(topics, topic, load.accepted))
    lost = load.accepted - set(found)
    assert not lost, f"{len(lost)} of {len(load.accepted)} accepted records are lost"


def test_draining_is_told(here: Path, single: Kafka, topic: str, gate: Gate) -> None:
    """From SIGTERM on it is not ready, while what was begun is finished."""
    with Gateway(here, f"127.0.0.1:{gate.port}", {"kafka": {"message_timeout_ms": 20000}}) as gateway:
        assert gateway.push({"topic": topic, "data": "warm"}).status == 200
        gate.shut()
        with Load(gateway, topic, clients=2, wait=True) as load:
            wait_until("both requests under way", lambda: gateway.stats().total("kafka_internal_queue_size") >= 2, 20,
                       gateway.child)
            os.kill(gateway.pid, signal.SIGTERM)
            wait_until("to be called not ready", lambda: gateway.manage("/ready").status == 503, 5, gateway.child)
            assert gateway.child and gateway.child.is_running()
            gate.open()
            assert gateway.child.wait(20) == 0
            load.end()
        assert load.statuses[200] >= 2, f"what was begun before is answered: {load.statuses}"


def test_kafka_away_at_the_end(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """With the log on the process need not wait for Kafka: it ends in time, and the next one delivers."""
    settings = {**with_log(here / "log"), "drain_timeout_ms": 3000}
    with Gateway(here, f"127.0.0.1:{gate.port}", settings) as gateway:
        assert gateway.push({"topic": topic, "data": "warm"}).status == 200
        gate.shut()
        accepted = set()
        for number in range(100):
            assert gateway.push({"topic": topic, "data": f"{number}"}, wait=False).status == 200
            accepted.add(f"{number}".encode())
        status, seconds = gateway.stop()
        assert status == 0 and seconds < 6, f"{status} after {seconds:.1f} s"
        gate.open()
        gateway.start()
        arrived(topics, topic, accepted | {b"warm"})
