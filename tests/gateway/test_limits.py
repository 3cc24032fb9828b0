"""Rate limits: for topics and for clients, in records and in bytes; only what passes counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway, Json
from lab import Gate, Kafka, wait_until
from lab.web import Answer
from load import together
from topics import Topics

RULES: list[Json] = [
    {"topic_name": "limit-kprf", "max_requests_per_minute": 20},
    {"topic_name": "limit-none", "max_requests_per_minute": 0},
    {"topic_name": "limit-hammered", "max_requests_per_minute": 60},
    {"topic_name": "limit-records", "max_records_per_second": 5, "records_burst": 5},
    {"topic_name": "limit-bytes", "max_bytes_per_second": 1000, "bytes_burst": 2000},
]
CLIENTS: list[Json] = [
    {"name": "narrow", "keys_in_clear_text": ["narrow-key-0123456789"], "max_records_per_second": 4, "records_burst": 4},
    {"name": "heavy", "keys_in_clear_text": ["heavy-key-0123456789"], "max_bytes_per_second": 1000, "bytes_burst": 1000},
    {"name": "other", "keys_in_clear_text": ["other-key-0123456789"]},
]


@pytest.fixture(scope="module")
def limited(folder: Path, single: Kafka, topics: Topics) -> Iterator[Gateway]:
    topics.make("limit-free", "limit-shared", *(rule["topic_name"] for rule in RULES))
    # A burst must let the largest record through.
    settings = {"kafka": {"message_max_bytes": 1000}, "ratelimit": {"enabled": True, "rules": RULES},
                "access": {"anonymous": {"allowed": True}, "clients": CLIENTS}}
    with Gateway(folder / "limited", single.bootstrap, settings) as gateway:
        yield gateway


def records(topic: str, count: int, size: int = 1) -> list[Json]:
    return [{"topic": topic, "data": "x" * size}] * count


def passed(answer: Answer) -> int:
    """How many records were taken."""
    assert "errors" in answer.json, answer
    if answer.status == 200:
        return -1
    return sum(not entry["error"] for entry in answer.json["errors"])


def obeyed(gateway: Gateway, topic: str, size: int = 1, **how: dict[str, str]) -> None:
    """After the time that Retry-After names the same request passes."""
    for _ in range(200):
        answer = gateway.push(*records(topic, 1, size), **how)
        if answer.status == 429:
            break
        assert answer.status == 200, answer
    assert answer.status == 429 and answer.json["status"] == "err", answer
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 60
    time.sleep(seconds)
    assert gateway.push(*records(topic, 1, size), **how).status == 200


def test_kprf_s_rule(limited: Gateway, topics: Topics) -> None:
    """It counts records, not requests, as kprf did: of thirty in one request, twenty pass."""
    answer = limited.push(*records("limit-kprf", 30))
    assert passed(answer) == 20, answer
    assert [entry["error"] for entry in answer.json["errors"]] == [False] * 20 + [True] * 10
    assert "retry-after" in answer.headers
    assert topics.count("limit-kprf") == 20
    stats = limited.stats()
    assert stats.total("ratelimit_messages_count", topic="limit-kprf") == 10


def test_zero_is_no_limit(limited: Gateway) -> None:
    assert limited.push(*records("limit-none", 500)).status == 200


def test_a_topic_without_a_rule_has_no_limit(limited: Gateway) -> None:
    assert limited.push(*records("limit-free", 500)).status == 200


def test_hammering_does_not_eat_the_budget(limited: Gateway, topics: Topics) -> None:
    """kprf never let anything through again while rejected attempts went on."""
    assert limited.push(*records("limit-hammered", 60)).status == 200
    begin, tried, taken = time.monotonic(), 0, 0
    while time.monotonic() - begin < 5:
        answer = limited.push(*records("limit-hammered", 1))
        tried += 1
        taken += answer.status == 200
        assert answer.status in (200, 429)
    assert 4 <= taken <= 6, f"one a second: {taken} in 5 s, {tried} tried"
    assert topics.count("limit-hammered") == 60 + taken


def test_records_of_a_topic(limited: Gateway) -> None:
    obeyed(limited, "limit-records")


def test_bytes_of_a_topic(limited: Gateway) -> None:
    obeyed(limited, "limit-bytes", 500)
    assert limited.push(*records("limit-bytes", 1, 1)).status in (200, 429)


def test_records_of_a_client(limited: Gateway) -> None:
    obeyed(limited, "limit-shared", headers={"x-api-key": "narrow-key-0123456789"})
    for _ in range(20):
        assert limited.push(*records("limit-shared", 1), headers={"x-api-key": "other-key-0123456789"}).status == 200
        assert limited.push(*records("limit-shared", 1)).status == 200


def test_bytes_of_a_client(limited: Gateway) -> None:
    obeyed(limited, "limit-shared", 400, headers={"x-api-key": "heavy-key-0123456789"})


def test_the_other_dialects_say_429_too(limited: Gateway, topics: Topics) -> None:
    limited.push(*records("limit-records", 20))
    raw = limited.send("POST", "/topics/limit-records", b"x", {"content-type": "text/plain"})
    assert raw.status == 429 and int(raw.headers["retry-after"]) >= 1, raw
    document = b'{"value":{"type":"STRING","data":"x"}}'
    streamed = limited.send("POST", f"/v3/clusters/{topics.cluster}/topics/limit-records/records", document,
                            {"content-type": "application/json"})
    assert streamed.status == 429 or streamed.json["error_code"] == 429, streamed


def test_limits_switched_off(here: Path, single: Kafka, topics: Topics) -> None:
    settings = {"ratelimit": {"enabled": False, "rules": [{"topic_name": "limit-free", "max_requests_per_minute": 1}]}}
    with Gateway(here, single.bootstrap, settings) as gateway:
        assert gateway.push(*records("limit-free", 50)).status == 200


@pytest.mark.parametrize("held", ["queue", "log"])
def test_a_record_that_is_refused_later_costs_nothing(here: Path, single: Kafka, topics: Topics, topic: str, gate: Gate,
                                                      held: str) -> None:
    """Limits are taken from before the queue, or the log, says that it is full: what it then refuses is given back, or a
    client that is told to come again would use up its whole rate with that."""
    size, burst = 100_000, 30
    rule = {"topic_name": topic, "max_records_per_second": 0.001, "records_burst": burst,
            "max_bytes_per_second": 1, "bytes_burst": (burst + 10) * size}
    settings: Json = {"ratelimit": {"enabled": True, "rules": [rule]},
                      "kafka": {"message_timeout_ms": 60_000, "queue_buffering_max_messages": 10}}
    if held == "log":
        settings["wal"] = {"directory": str(here / "log"), "max_bytes": 2 << 20, "segment_bytes": 1 << 20}
    with Gateway(here, f"127.0.0.1:{gate.port}", settings) as gateway:
        def push() -> Answer:
            return gateway.push(*records(topic, 1, size), wait=False)

        assert push().status == 200, "and the topic is known"
        wait_until("the first", lambda: topics.count(topic) == 1, 20)
        gate.shut()
        gate.reset()
        taken = 1
        while (answer := push()).status == 200:
            taken += 1
            assert taken < burst, "full before the limit is reached"
        assert 2 <= taken < burst - 5 and answer.status == 503, (taken, answer)
        statuses = {push().status for _ in range(3 * burst)}
        assert statuses == {503}, "never 429: these attempts cost neither records nor bytes"
        gate.open()
        wait_until("what was taken", lambda: topics.count(topic) == taken, 60)
        for at in range(burst - taken):
            again = wait_until("room", lambda: found if (found := push()).status != 503 else None, 20)
            assert again.status == 200, f"{at} of {burst - taken} that are left: {again}"
        assert wait_until("room", lambda: found if (found := push()).status != 503 else None, 20).status == 429
    wait_until("all of them", lambda: topics.count(topic) == burst, 20)


def test_at_once_from_many(limited: Gateway, topics: Topics) -> None:
    """What passes is what is in the topic, with sixteen connections at the same moment."""
    time.sleep(2)
    before = topics.count("limit-records")
    answers = together(16, lambda _: limited.push(*records("limit-records", 3)))
    taken = sum(3 if answer.status == 200 else passed(answer) for answer in answers if isinstance(answer, Answer))
    assert 5 <= taken <= 10, taken
    assert topics.count("limit-records") - before == taken
