"""What was answered with success is in Kafka, whatever happens to the gateway: the topics are read back."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from gateway import BINARY, Gateway, with_log
from lab import Failed, Gate, Kafka, wait_until
from load import Load
from topics import Topics, missing


def arrived(topics: Topics, topic: str, accepted: set[bytes], timeout: float = 40.0) -> dict[bytes, int]:
    """Waits until everything that was answered with success is in the topic; how often each value is."""
    last: list[bytes] = []

    def probe() -> dict[bytes, int] | None:
        if topics.count(topic) < len(accepted):
            return None
        found = topics.values(topic)
        last[:] = missing(accepted, found)
        return None if last else dict(found)

    try:
        return wait_until(f"{len(accepted)} accepted records in {topic}", probe, timeout, interval=0.3)
    except Failed as failed:
        found = topics.values(topic)
        lost = accepted - set(found)
        raise Failed(f"{failed}: {len(lost)} of {len(accepted)} are lost, such as {sorted(lost)[:3]}") from None


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def wal(command: str, folder: Path, *more: str) -> str:
    """`kafka-gateway wal`: what operators have for the log's folder."""
    done = subprocess.run([BINARY, "wal", command, "--directory", folder, *more], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 0, done
    return done.stdout


def restarted(gateway: Gateway) -> None:
    gateway.kill()
    gateway.start()


def test_kill_9_under_load(here: Path, single: Kafka, topics: Topics, topic: str) -> None:
    with Gateway(here, single.bootstrap, with_log(here / "log")) as gateway:
        with Load(gateway, topic, clients=8, records=3) as load:
            for _ in range(3):
                before = len(load.accepted)
                wait_until("load", lambda: len(load.accepted) > before + 500, 20, gateway.child)
                restarted(gateway)
        assert not load.faults, load.faults
        assert set(load.statuses) <= {200, 503}, load.statuses
        arrived(topics, topic, load.accepted)


def test_kill_9_with_kafka_away(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """Nothing of it was in Kafka when the process died."""
    with Gateway(here, f"127.0.0.1:{gate.port}", with_log(here / "log")) as gateway:
        gateway.push({"topic": topic, "data": "first"})
        gate.shut()
        with Load(gateway, topic, clients=4) as load:
            wait_until("load", lambda: len(load.accepted) > 1000, 20, gateway.child)
            gateway.kill()
            load.end()
        gate.open()
        gateway.start()
        found = arrived(topics, topic, load.accepted)
        assert found[b"first"] >= 1


def test_keys_make_it_exactly_once(here: Path, single: Kafka, topics: Topics, topic: str) -> None:
    """Clients that repeat a request with its Idempotency-Key until it is answered, across three crashes."""
    waiting = f"{topic}-waiting"
    topics.make(waiting, partitions=3)
    with Gateway(here, single.bootstrap, with_log(here / "log")) as gateway:
        with (Load(gateway, topic, clients=4, records=2, keyed=True) as load,
              Load(gateway, waiting, clients=4, records=2, keyed=True, wait=True) as patient):
            for _ in range(3):
                before, waited = len(load.accepted), len(patient.accepted)
                wait_until("load", lambda: len(load.accepted) > before + 300 and len(patient.accepted) > waited + 40,
                           30, gateway.child)
                restarted(gateway)
        for one in (load, patient):
            assert not one.faults, one.faults
            # 504 while a restarted process looks in Kafka for what a crash left in doubt; the client asks again.
            assert set(one.statuses) <= {200, 409, 503, 504}, one.statuses
            found = arrived(topics, one.topic, one.accepted)
            assert set(found) == one.accepted
            twice = {value: times for value, times in found.items() if times > 1}
            assert not twice, f"{len(twice)} of {len(found)} are there twice, such as {sorted(twice)[:3]}"


def test_the_same_key_again_after_a_crash(here: Path, single: Kafka, topics: Topics, topic: str) -> None:
    record = {"topic": topic, "data": "once"}
    with Gateway(here, single.bootstrap, with_log(here / "log")) as gateway:
        headers = {"idempotency-key": "the-same"}
        first = gateway.push(record, headers=headers)
        assert first.status == 200, first
        restarted(gateway)
        # The crash may have come before its answer was noted: then it is looked for in the topic first.
        second = wait_until("the answer", lambda: (
            found if (found := gateway.push(record, headers=headers)).status != 409 else None), 20)
        assert second.status == 200, second
        assert second.json == first.json
        other = gateway.push({"topic": topic, "data": "another"}, headers=headers)
        assert other.status == 422, other
    assert topics.values(topic) == {b"once": 1}


def test_torn_tail(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """A crash in the middle of a write leaves half an entry: it was never answered, and what is before it counts."""
    folder = here / "log"
    with Gateway(here, f"127.0.0.1:{gate.port}", with_log(folder)) as gateway:
        gateway.push({"topic": topic, "data": "warm"})
        gate.shut()
        accepted = {b"warm"}
        for number in range(50):
            answer = gateway.push({"topic": topic, "data": f"value {number}"}, wait=False)
            assert answer.status == 200, answer
            accepted.add(f"value {number}".encode())
        gateway.kill()
        segment = max((file for file in folder.rglob("*") if file.is_file() and b"value 49" in file.read_bytes()),
                      key=lambda file: file.stat().st_size)
        whole = segment.read_bytes()
        begin = whole.rindex(b"value 48")
        with segment.open("ab") as file:
            # As the next entry would begin, and end early.
            file.write(whole[begin - 40:begin + 4])
        gate.open()
        gateway.start()
        found = arrived(topics, topic, accepted)
        assert set(found) == accepted
        assert gateway.push({"topic": topic, "data": "after"}).status == 200


def test_one_process_for_a_folder(here: Path, single: Kafka) -> None:
    folder = here / "log"
    with Gateway(here / "first", single.bootstrap, with_log(folder)):
        second = Gateway(here / "second", single.bootstrap, with_log(folder))
        assert second.launch().wait(15) not in (0, -11)
        assert str(folder) in second.log and "panicked" not in second.log, second.log


def test_full_log(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """Back-pressure instead of a growing disk, and it recovers by itself."""
    folder, limit = here / "log", 4 << 20
    with Gateway(here, f"127.0.0.1:{gate.port}",
                 with_log(folder, max_bytes=limit, segment_bytes=1 << 20)) as gateway:
        gateway.push({"topic": topic, "data": "warm"})
        gate.shut()
        with Load(gateway, topic, clients=4, size=4096, pause=0.002) as load:
            wait_until("the log to be full", lambda: load.statuses[503] > 50, 30, gateway.child)
            assert size_of(folder) <= limit
            refused = gateway.push({"topic": topic, "data": "x" * 4096}, wait=False)
            assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1, refused
            assert gateway.manage("/healthy").status == 200
            assert len(load.accepted) > 500, "most of the room is used"
            gate.open()
            before = len(load.accepted)
            wait_until("room again", lambda: len(load.accepted) > before + 500, 30, gateway.child)
        assert not load.faults, load.faults
        assert set(load.statuses) == {200, 503}, load.statuses
        arrived(topics, topic, load.accepted)
        wait_until("the log to shrink", lambda: size_of(folder) < limit // 2, 20, gateway.child)


def test_deleted_topic(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate) -> None:
    """What can never be delivered is kept aside with its error, and holds up nothing else."""
    gone, strict = f"{topic}-gone", f"{topic}-strict"
    topics.make(gone)
    topics.make(strict, max_message_bytes="1000")
    folder = here / "log"
    # librdkafka believes for half a minute that a topic which it does not see will come.
    soon = {"kafka": {"properties": {"topic.metadata.propagation.max.ms": "3000"}}}
    with Gateway(here, f"127.0.0.1:{gate.port}", {**soon, **with_log(folder)}) as gateway:
        for name in (topic, gone, strict):
            assert gateway.push({"topic": name, "data": "warm"}).status == 200
        gate.shut()
        accepted = set()
        for number in range(5):
            answer = gateway.push({"topic": gone, "data": f"lost {number}"}, {"topic": strict, "data": "y" * 5000},
                                  {"topic": strict, "data": f"small {number}"},
                                  {"topic": topic, "data": f"good {number}"}, wait=False)
            assert answer.status == 200, answer
            accepted.add(f"good {number}".encode())
        topics.delete(gone)
        gate.open()
        begin = time.monotonic()
        arrived(topics, topic, accepted | {b"warm"})
        assert time.monotonic() - begin < 10, "they waited for others that cannot be delivered"
        arrived(topics, strict, {f"small {number}".encode() for number in range(5)} | {b"warm"})
        stats = wait_until("the dead letters", lambda: (
            found if (found := gateway.stats()).total("kafka_gateway_dead_letters_total") >= 10 else None),
            60, gateway.child)
        assert stats.total("kafka_gateway_dead_letters_total") == 10
        kept = [json.loads(line) for line in wal("dead-letters", folder, "--values").splitlines()]
        assert sorted(letter["topic"] for letter in kept) == [gone] * 5 + [strict] * 5
        assert {letter["value"] for letter in kept if letter["topic"] == gone} == {f"lost {n}" for n in range(5)}
        assert {letter["error"] for letter in kept if letter["topic"] == strict} == {"MESSAGE_TOO_LARGE"}
        assert "lost 1" not in gateway.log, "payloads are no matter for logs"
        assert "lost 1" not in wal("dead-letters", folder)
        assert topics.values(strict).total() == 6
        assert gateway.stop()[0] == 0
        # The reason is gone, and an operator sends them again.
        topics.make(gone)
        wal("requeue", folder)
        gateway.start()
        arrived(topics, gone, {f"lost {number}".encode() for number in range(5)})
