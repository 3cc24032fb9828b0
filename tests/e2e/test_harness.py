"""The instruments themselves: they see a difference when there is one, and leave nothing running."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import groups
from expected import Expected
from frames import acks, exchanges, frames
from lab import Recording, Stats, paths, unexpected_log_lines, wait_until
from oracle import Oracle
from raw import EchoServer, api_versions, connect, exactly
from stage import Seen, Stage


def test_stats_read_labels_and_escapes() -> None:
    stats = Stats.parse('# TYPE a counter\na{x="1",y="q\\"\\\\"} 3\na{x="2"} 4.5\nb 0\nh_bucket{le="+Inf"} 7\n')
    assert stats.total("a") == 7.5
    assert stats.by("a", "x") == {("1",): 3, ("2",): 4.5}
    assert stats.total("a", y='q"\\') == 3
    stats.metric("h_bucket").label(le="+Inf").value(7)
    with pytest.raises(AssertionError, match=r'a\{x="2"\} 4\.5'):
        stats.metric("a").label(x="1").value(4)
    with pytest.raises(AssertionError, match="no series"):
        stats.metric("c").read()


@pytest.mark.parametrize("text", ["a{x=1} 3\n", "a\n", "a 1\na 2\n"])
def test_stats_refuse_what_is_not_prometheus(text: str) -> None:
    with pytest.raises(ValueError):
        Stats.parse(text)


def test_stats_subtract() -> None:
    change = Stats.parse("a 5\nb 2\nnew 1\n") - Stats.parse("a 3\nb 2\n")
    assert change.samples == {("a", frozenset()): 2, ("new", frozenset()): 1}


def test_frames_and_acks_by_hand() -> None:
    old = bytes.fromhex("0000 0003 00000001 0001 61 ffff 0000 000003e8")  # client "a", no transaction, acks 0
    # client null, one tag of two bytes, transaction "tx", acks -1
    flexible = bytes.fromhex("0000 0009 00000001 ffff 01 05 02 0102 03 7478 ffff")
    assert acks(old, 3) == 0
    assert frames(struct.pack(">i", len(old)) + old + b"\0\0") == ([old], 2)
    assert acks(flexible, 9) == -1


def test_exchanges_must_fit_together() -> None:
    asked = api_versions(5) + api_versions(6)
    answer = struct.pack(">iih", 6, 5, 0)
    (first, second) = exchanges(asked, answer)
    assert (first.correlation_id, first.response) == (5, answer[4:])
    assert second.response is None and second.acknowledged
    with pytest.raises(AssertionError, match="response 9 to request 5"):
        list(exchanges(asked, struct.pack(">iih", 6, 9, 0)))
    with pytest.raises(AssertionError, match="without a request"):
        list(exchanges(b"", answer))


def test_versions_that_kafka_4_dropped(oracle: Oracle) -> None:
    """By hand, from KIP-896."""
    dropped = (("Produce", 2), ("Fetch", 3), ("OffsetFetch", 0), ("CreateTopics", 1), ("LeaderAndIsr", 7))
    kept = (("Produce", 3), ("Fetch", 4), ("Metadata", 0), ("JoinGroup", 0), ("Produce", 99), ("NoSuchApi", 0))
    assert all(oracle.is_dropped(*one) for one in dropped)
    assert not any(oracle.is_dropped(*one) for one in kept)


def test_groups_that_requests_name() -> None:
    assert groups.named({"groupId": "one", "topics": []}) == ["one"]
    assert groups.named({"groups": [{"groupId": "one"}, {"groupId": "two"}]}) == ["one", "two"]
    assert groups.named({"groups": ["one", "two"]}) == groups.named({"groupIds": ["one", "two"]}) == ["one", "two"]
    assert groups.named({"groupsNames": ["one"]}) == ["one"]
    assert groups.named({"topics": [{"name": "one"}]}) == []


def test_errors_belong_to_the_group_of_their_entry() -> None:
    counted = Counter[tuple[object, ...]]()
    request = {"data": {"groups": ["one", "two"]}}
    entries = [{"groupId": "one", "errorCode": 0}, {"groupId": "two", "errorCode": 69}]
    response = {"data": {"errorCode": 15, "groups": entries}, "errorNames": {"15": "A", "69": "B"}}
    groups.count(lambda name, value, *labels: counted.update({(name, *labels): value}), "X", request, response)
    assert counted == {("group_requests_total", "X", "one"): 1, ("group_requests_total", "X", "two"): 1,
                       ("group_errors_total", "X", "A", "one"): 1, ("group_errors_total", "X", "B", "two"): 1}


def test_a_wrong_count_is_named() -> None:
    expected = Expected()
    expected.add("requests_total", 2, "Produce", "9")
    found = Stats.parse('kafka_filter_requests_total{request="Produce",api_version="9"} 3\n'
                        'kafka_filter_responses_total{request="Fetch"} 1\n')
    assert expected.differences(found) == ["requests_total{request=Produce,api_version=9}: counted 3, true 2",
                                           "responses_total{request=Fetch}: counted 1, true 0"]


def test_a_changed_byte_is_named() -> None:
    before, after = Recording(3, 1, 2), Recording(3, 2, 4)
    before.responses += b"abcdef"
    after.responses += b"abcxef"
    with pytest.raises(AssertionError, match="connection 3: responses differ at byte 3"):
        Stage.assert_transparent(Seen(connections=[(before, after)]))


def test_warnings_of_a_log_are_found() -> None:
    line = "[2026-01-01 00:00:00.000][1][{}][wasm] [source/x.cc:1] wasm log kafka_filter: text"
    assert unexpected_log_lines([line.format("info"), line.format("warning")]) == [line.format("warning")]
    assert unexpected_log_lines([line.format("error")], [("wasm log", "asked for")]) == []


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    program = ("import sys, time; from pathlib import Path; from lab import Child\n"
               f"child = Child('sleeper', ['sleep', '600'], Path({str(tmp_path / 'log')!r}))\n"
               "print(child.pid, flush=True); time.sleep(600)")
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": str(paths.HERE.parent)})
    with parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert _is_running(child)
        parent.send_signal(signal.SIGKILL)
    wait_until("the child to be gone", lambda: not _is_running(child), 5)


def test_the_echo_server_echoes() -> None:
    with EchoServer() as server, connect(f"127.0.0.1:{server.port}") as connection:
        connection.sendall(b"hello")
        assert exactly(connection, 5) == b"hello"


def test_pins_agree() -> None:
    """The Rust lock file and the lab name one wasm-bindgen: its test runner refuses any other."""
    lock = (paths.REPOSITORY / "Cargo.lock").read_text()
    locked = re.search(r'name = "wasm-bindgen"\nversion = "([^"]+)"', lock)
    assert locked, "Cargo.lock holds no wasm-bindgen"
    assert locked[1] == paths.PINS["cargo"]["wasm-bindgen-cli"]


def _is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
