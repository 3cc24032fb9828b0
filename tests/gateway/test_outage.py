"""A broker that is down, and a disk that is full, under load; each with a broker of its own kind of trouble."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway import Gateway, with_log
from lab import Failed, Gate, Kafka, wait_until
from load import Load
from test_log import arrived
from topics import Topics

# Taken out of the environment: the gateways inherit it, and one that finds a variable that it does not know refuses to
# start.
SECONDS = float(os.environ.pop("KAFKA_GATEWAY_OUTAGE_SECONDS", "20"))


@pytest.fixture(scope="module")
def one_more(folder: Path) -> Iterator[Kafka]:
    with Kafka(folder / "harmed") as kafka:
        yield kafka


@pytest.fixture
def harmed(one_more: Kafka) -> Iterator[Kafka]:
    """One broker; a test may kill or freeze it."""
    yield one_more
    one_more.child(0).thaw()
    if not one_more.child(0).is_running():
        one_more.start_again(0)


def test_broker_down_under_load(here: Path, harmed: Kafka) -> None:
    """Nothing is lost, nobody is sent away while the log has room, and each client's records stay in their order."""
    topics = Topics(harmed.bootstrap)
    topics.make("outage")
    with Gateway(here, harmed.bootstrap, with_log(here / "log")) as gateway:
        with Load(gateway, "outage", clients=4, records=2, pause=0.01) as load:
            wait_until("load", lambda: len(load.accepted) > 500, 20, gateway.child)
            harmed.child(0).kill()
            begin, before = time.monotonic(), len(load.accepted)
            refused = gateway.push({"topic": "outage", "data": "waited for"})
            assert refused.status in (503, 504), refused
            while time.monotonic() - begin < SECONDS:
                # The log is for this: it goes on taking records, so nobody should be sent elsewhere.
                assert gateway.manage("/healthy").status == gateway.manage("/ready").status == 200
                time.sleep(0.5)
            assert len(load.accepted) > before + 20 * SECONDS, "accepted while the broker was down"
            harmed.start_again(0)
        assert not load.faults, load.faults
        assert set(load.statuses) == {200}, load.statuses
        assert load.slowest < 5, f"one answer took {load.slowest:.1f} s"
        found = arrived(topics, "outage", load.accepted)
        assert all(times == 1 for times in found.values()), "librdkafka's idempotent producer writes each once"
    order: dict[bytes, int] = {}
    for record in topics.read("outage"):
        if record.value and record.value != b"waited for":
            client, sequence, *_ = record.value.split(b"-")
            assert order.get(client, 0) <= int(sequence), f"client {client!r} sees {sequence!r} too late"
            order[client] = int(sequence)


def test_without_a_log_the_answer_is_honest(here: Path, harmed: Kafka) -> None:
    """With Kafka away and no log: what waits learns that it failed; the queue is bounded, and says so with 503."""
    topics = Topics(harmed.bootstrap)
    topics.make("unlogged")
    settings = {"kafka": {"message_timeout_ms": 2000, "queue_buffering_max_messages": 500}}
    with Gateway(here, harmed.bootstrap, settings) as gateway:
        assert gateway.push({"topic": "unlogged", "data": "before"}).status == 200
        harmed.child(0).freeze()
        try:
            begin = time.monotonic()
            answer = gateway.push({"topic": "unlogged", "data": "in vain"})
            assert answer.status in (503, 504) and answer.json["status"] == "err", answer
            assert time.monotonic() - begin < 6
            records = [{"topic": "unlogged", "data": "z"}] * 900
            flood = gateway.push(*records, wait=False)
            entries = flood.json["errors"]
            full = [entry for entry in entries if entry["error"]]
            assert len(entries) == 900 and 350 <= len(full) <= 500, f"{len(full)} of 900 were refused"
            assert flood.status != 200 and "retry-after" in flood.headers, flood.headers
        finally:
            harmed.child(0).thaw()
        wait_until("writing again", lambda: gateway.push({"topic": "unlogged", "data": "after"}).status == 200, 30)


def test_full_disk(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """503 and no crash; when there is room again everything goes on, and what was accepted is there."""
    disk = here / "disk"
    disk.mkdir()
    with Gateway(here, f"127.0.0.1:{gate.port}", with_log(disk / "log", max_bytes=256 << 20, segment_bytes=1 << 20),
                 prefix=small_disk(disk, 6)) as gateway:
        assert gateway.push({"topic": topic, "data": "warm"}).status == 200
        gate.shut()
        with Load(gateway, topic, clients=4, size=4096, pause=0.002) as load:
            wait_until("the disk to be full", lambda: load.statuses[503] > 50, 30, gateway.child)
            assert len(load.accepted) > 200
            refused = gateway.push({"topic": topic, "data": "x" * 4096}, wait=False)
            assert refused.status == 503 and "retry-after" in refused.headers, refused
            assert gateway.manage("/healthy").status == 200
            gate.open()
            before = len(load.accepted)
            wait_until("room again", lambda: len(load.accepted) > before + 300, 30, gateway.child)
        assert not load.faults, load.faults
        assert set(load.statuses) == {200, 503}, load.statuses
        arrived(topics, topic, load.accepted)
        assert "panicked" not in gateway.log


def small_disk(folder: Path, mib: int) -> Sequence[str]:
    """The words before a command that give it a file system of so many MiB at `folder`, gone when it ends.

    A mount in a namespace of its own, for which a root user is made where the caller is none.
    """
    mount = f"mount -t tmpfs -o size={mib}m tmpfs {folder}"
    for own in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        if shutil.which("unshare") and subprocess.run([*own, "sh", "-c", mount], capture_output=True, timeout=20,
                                                      check=False).returncode == 0:
            return [*own, "sh", "-c", f'{mount} && exec "$@"', "small-disk"]
    raise Failed(f"no small file system for the test, as uid {os.getuid()} on {sys.platform}: it needs `unshare` of "
                 "util-linux, and the right to mount or to make user namespaces")
