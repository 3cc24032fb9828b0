"""Is the stand-in a broker, and the load a client? Both are held against the real ones.

Real clients produce to the stand-in and consume from it; the load's requests go to real Kafka, and the answers of the
two brokers to the same bytes must be equal, but for what each broker names differently.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from lab import Failed, run_folder
from lab.tools import PRODUCER_PERFORMANCE, java, kcat

from . import arms as roads
from . import measures, run
from .arms import Tools

# Bytes of the batches whose answers are compared.
SIZES = (100, 1024, 16 << 10, 128 << 10)


def everything(tools: Tools) -> None:
    """Raises Failed at the first difference."""
    folder = run_folder("bench-check")
    with roads.stand_in(tools) as broker:
        _real_clients(f"127.0.0.1:{broker.port}", folder)
    with roads.stand_in(tools, measures.PARTITIONS) as broker, run.kafka_broker(folder, measures.PARTITIONS) as kafka:
        own, real = f"127.0.0.1:{broker.port}", f"127.0.0.1:{kafka.port('DIRECT')}"
        _create_topics(tools, real)
        _same_answers(tools, own, real)
        _load_on_kafka(tools, real)
    print("the stand-in is a broker, and the load is a client", file=sys.stderr)


def _real_clients(address: str, folder: Path) -> None:
    """kcat and Java produce and consume; every line must come back in order."""
    lines = [f"{number} {hashlib.sha256(str(number).encode()).hexdigest()}" for number in range(2000)]
    for codec in ("none", "gzip", "snappy", "lz4"):
        topic = f"kcat-{codec}"
        kcat("-P", "-b", address, "-t", topic, "-z", codec, stdin="\n".join(lines))
        read = kcat("-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q")
        _equal(f"what kcat read back ({codec})", read.splitlines(), lines)
    last = kcat("-Q", "-b", address, "-t", "kcat-none:0:-1")
    _equal("the offset after the last", last.split()[-1], str(len(lines)))
    config = folder / "producer.properties"
    config.write_text("acks=all\nenable.idempotence=true\n")
    java(PRODUCER_PERFORMANCE, "--topic", "java", "--num-records", "5000", "--record-size", "500", "--throughput",
         "-1", "--bootstrap-server", address, "--command-config", str(config))
    read = kcat("-C", "-b", address, "-t", "java", "-o", "beginning", "-e", "-q", "-f", "%S\n")
    _equal("sizes of Java's records", read.split(), ["500"] * 5000)


def _create_topics(tools: Tools, real: str) -> None:
    """Every topic that the loads use. Kafka names the leader of a partition some moments before it is one."""
    arguments = [measure.arguments for measure in (*measures.ALL, *measures.GROUPS)]
    named = {(each[each.index("--topic") + 1], each[each.index("--topics") + 1] if "--topics" in each else "1")
             for each in arguments if "--topic" in each}
    named |= {(f"same-{size}", "1") for size in SIZES} | {("bench", "1"), ("latency", "1")}
    for topic, count in sorted(named):
        roads.load(tools, ["answer", "--kind", "metadata", "--topic", topic, "--topics", count, "--address", real])
    time.sleep(3)


def _same_answers(tools: Tools, own: str, real: str) -> None:
    """The load's requests get the same answers from both brokers, byte by byte.

    Metadata and ApiVersions differ by nature; the load parses them at each connection. A Heartbeat of a member that
    the coordinator does not know ends in error 25 where the stand-in says 0, in the last two bytes before the tags.
    """
    for batch in SIZES:
        produce = ["answer", "--kind", "produce", "--topic", f"same-{batch}", "--batch", str(batch)]
        for _ in range(2):
            mine, other = (roads.load(tools, [*produce, "--address", address]) for address in (own, real))
            _equal(f"answers to Produce of {batch} bytes", mine, other)
    for address in (own, real):
        run.prepare(tools, address)
    for topic, _, batches in measures.FETCHED:
        fetch = ["answer", "--kind", "fetch", "--topic", topic]
        mine, other = (_without_times(roads.load(tools, [*fetch, "--address", address]), batches)
                       for address in (own, real))
        _equal(f"answers to Fetch of {topic}", mine, other)
    _same_answers_of_groups(tools, own, real)
    mine, other = (roads.load(tools, ["answer", "--kind", "heartbeat", "--allow-error", "25", "--address", address])
                   for address in (own, real))
    _equal("answers to Heartbeat", (mine[:-7], mine[-3:]), (other[:-7], other[-3:]))


def _same_answers_of_groups(tools: Tools, own: str, real: str) -> None:
    """Several topics and partitions in one request, and offsets of a group.

    Kafka answers topics in an order of its own: the load parses every answer, here their bytes are compared in any order.
    """
    several = ["--topic", "several", "--topics", "8"]
    mine, other = (roads.load(tools, ["answer", "--kind", "produce", *several, "--address", address])
                   for address in (own, real))
    _equal("answers to Produce to 8 topics", sorted(bytes.fromhex(mine)), sorted(bytes.fromhex(other)))
    # The topic with the groups' offsets comes with the first consumer of any group.
    kcat("-G", "first", "-b", real, "-X", "auto.offset.reset=earliest", "-c", "1", "-q", "several-0")
    commit = ["answer", "--kind", "commit", *several, "--partitions", str(measures.PARTITIONS), "--group", "same"]
    mine, other = (roads.load(tools, [*commit, "--address", address]) for address in (own, real))
    _equal("answers to OffsetCommit of 8 topics", sorted(bytes.fromhex(mine)), sorted(bytes.fromhex(other)))
    for address in (own, real):
        run.prepare_groups(tools, address)
    fetch = ["answer", "--kind", "fetch", "--topic", "fetch-8x1k", "--partitions", str(measures.PARTITIONS),
             "--partition-fetch", "1024"]
    mine, other = (roads.load(tools, [*fetch, "--address", address]) for address in (own, real))
    _equal("bytes of answers to Fetch of 8 partitions", len(mine), len(other))


def _without_times(answer: str, batches: int) -> bytes:
    """A Fetch answer with the timestamps of its batches, and the checksums over them, set to zero."""
    data = bytearray.fromhex(answer)
    # Every batch in the log has offset, size, epoch 0 and magic 2 in front: the first one is where the records begin.
    at = data.index(b"\0\0\0\0\x02", 40) - 12
    for _ in range(batches):
        data[at + 17:at + 21] = bytes(4)
        data[at + 27:at + 43] = bytes(16)
        at += 12 + int.from_bytes(data[at + 8:at + 12])
    _equal("bytes behind the last batch", len(data) - at, 3)
    return bytes(data)


def _load_on_kafka(tools: Tools, real: str) -> None:
    """Every load of the benchmark runs against real Kafka; the load itself checks each answer."""
    for measure in (*measures.ALL, *measures.GROUPS):
        roads.load(tools, [measure.command, "--address", real, "--seconds", "0.3", "--allow-error", "25",
                           *measure.arguments])
    roads.load(tools, ["rate", "--address", f"{real},{real}", "--seconds", "1", "--rate", "100",
                       *measures.LATENCY_ARGUMENTS])


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Failed(f"{what}: {str(found)[:600]}\nexpected: {str(expected)[:600]}")
    print(f"ok  {what}", file=sys.stderr)
