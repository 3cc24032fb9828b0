"""What the filter must have counted for recorded connections, computed from the recordings alone.

Frames and sizes come from frames.py, everything inside bodies from Kafka's own classes. The meaning of each metric is
the catalog's (docs/metrics.md); nothing here is taken from the filter's code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import groups
from frames import Exchange
from lab import Stats
from oracle import Json, Oracle

PREFIX = "kafka_filter_"
NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"
# What a label reads when the peer said nothing.
NOTHING = "__none__"
# The codecs by the number that stands in PushTelemetry.
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

# Metrics that are compared series by series, with the labels that distinguish them.
EXACT: Mapping[str, tuple[str, ...]] = {
    "connections_opened_total": (),
    "connections_closed_total": (),
    "connections_opaque_total": ("reason",),
    "requests_total": ("request", "api_version"),
    "request_bytes_total": ("request",),
    "response_bytes_total": ("request",),
    "responses_total": ("request",),
    "request_duration_microseconds_count": ("request",),
    "response_errors_total": ("request", "error"),
    "unacknowledged_requests_total": (),
    "in_flight_evicted_total": (),
    "throttled_responses_total": ("request",),
    "throttle_time_milliseconds_total": ("request",),
    # By topic too, but for names that no broker has confirmed yet: the tests of errors look at those.
    "topic_errors_total": ("request", "error"),
    "topic_request_duration_microseconds_count": ("topic", "request"),
    "topic_produced_records_total": ("topic",),
    "topic_produced_bytes_total": ("topic",),
    "topic_produced_batches_total": ("topic", "compression"),
    "topic_fetched_records_total": ("topic",),
    "topic_fetched_bytes_total": ("topic",),
    "topic_fetched_batches_total": ("topic", "compression"),
    "undecoded_messages_total": ("reason", "request"),
    "topic_end_to_end_latency_milliseconds_count": ("topic",),
    "client_produced_records_total": ("topic", "client_id"),
    "client_produced_bytes_total": ("topic", "client_id"),
    "client_fetched_records_total": ("topic", "client_id"),
    "client_fetched_bytes_total": ("topic", "client_id"),
    "client_software_connections_total": ("software", "software_version"),
    "client_telemetry_pushes_total": ("compression", "software"),
    "deprecated_requests_total": ("request", "api_version", "client_id"),
    "group_requests_total": ("request", "group"),
    "group_errors_total": ("request", "error", "group"),
    "group_rebalances_total": ("group",),
    "group_join_duration_microseconds_count": ("group",),
}

# Where a response speaks of one topic after another: the arrays whose elements are topics.
TOPIC_ARRAYS: Mapping[str, tuple[str, ...]] = {
    "Produce": ("responses",),
    "Fetch": ("responses",),
    "ListOffsets": ("topics",),
    "Metadata": ("topics",),
    "OffsetCommit": ("topics",),
    "OffsetFetch": ("topics",),
    "CreateTopics": ("topics",),
    "DeleteTopics": ("responses",),
    "DeleteRecords": ("topics",),
    "OffsetForLeaderEpoch": ("topics",),
    "AddPartitionsToTxn": ("topicResults", "resultsByTopicV3AndBelow"),
    "TxnOffsetCommit": ("topics",),
    "CreatePartitions": ("results",),
    "DescribeTopicPartitions": ("topics",),
    "ShareFetch": ("responses",),
    "ShareAcknowledge": ("responses",),
}

# KIP-511, for names and versions of software.
SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?")

# The requests whose answers bring records to consumers.
FETCHING = ("FetchConsumer", "ShareFetch")


@dataclass
class Expected:
    """Values for each metric of EXACT, keyed by its labels' values."""

    counts: dict[str, Counter[tuple[str, ...]]] = field(default_factory=lambda: {name: Counter() for name in EXACT})

    def add(self, metric: str, value: int, *labels: str) -> None:
        if value:
            self.counts[metric][labels] += value

    def differences(self, stats: Stats, **labels: str) -> list[str]:
        """One line for each series that is not what it should be; `stats` holds changes, not totals."""
        lines = []
        for name, label_names in EXACT.items():
            found = stats.by(PREFIX + name, *label_names, **labels)
            for key in sorted(set(found) | set(self.counts[name])):
                if found.get(key, 0) != self.counts[name][key]:
                    shown = ",".join(f"{k}={v}" for k, v in zip(label_names, key, strict=True))
                    lines.append(f"{name}{{{shown}}}: counted {found.get(key, 0):g}, true {self.counts[name][key]:g}")
        return lines


def expect(connections: int, exchanges: list[Exchange], oracle: Oracle, topic_names: dict[str, str]) -> Expected:
    """The true counts.

    `topic_names` (id to name) is extended by what the responses tell, and used for messages by id.
    """
    expected = Expected()
    expected.add("connections_opened_total", connections)
    expected.add("connections_closed_total", connections)
    requests, responses = oracle.decode(exchanges)
    answers = iter(responses)
    learn_topics(responses, topic_names)
    software: dict[int, str] = {}
    for exchange, request in zip(exchanges, requests, strict=True):
        name = request_name(request)
        response = next(answers) if exchange.response is not None else None
        expected.add("requests_total", 1, name, str(exchange.api_version))
        expected.add("request_bytes_total", len(exchange.request) + 4, name)
        if oracle.is_dropped(request["api"], exchange.api_version):
            expected.add("deprecated_requests_total", 1, name, str(exchange.api_version), client_id(request))
        _records(expected, "produced", request, client_id(request), topic_names)
        _software(expected, exchange.connection, request, software)
        groups.count(expected.add, name, request, response)
        if response is not None and exchange.response is not None:
            _response(expected, name, request, exchange.response, response, topic_names)
        elif exchange.acknowledged:
            expected.add("in_flight_evicted_total", 1)
        else:
            expected.add("unacknowledged_requests_total", 1)
    return expected


def client_id(request: Json) -> str:
    """The value of the label `client_id`."""
    return request["clientId"] or NOTHING


def request_name(request: Json) -> str:
    """The value of the label `request`: the broker's own name, Fetch split by who asks."""
    if request["api"] != "Fetch":
        return request["api"]
    data = request["data"]
    replica = data.get("replicaState", {}).get("replicaId", data.get("replicaId", -1))
    return "FetchFollower" if replica >= 0 else "FetchConsumer"


def learn_topics(responses: Iterable[Json], topic_names: dict[str, str]) -> None:
    """Takes over what brokers said about topic ids without an error."""
    for response in responses:
        if response["api"] not in ("Metadata", "CreateTopics", "DescribeTopicPartitions"):
            continue
        for topic in response["data"].get("topics", []):
            if topic.get("topicId", NO_TOPIC_ID) != NO_TOPIC_ID and topic["errorCode"] == 0 and topic.get("name"):
                topic_names[topic["topicId"]] = topic["name"]


def _response(expected: Expected, name: str, request: Json, message: bytes, response: Json,
              topic_names: dict[str, str]) -> None:
    expected.add("responses_total", 1, name)
    expected.add("request_duration_microseconds_count", 1, name)
    expected.add("response_bytes_total", len(message) + 4, name)
    for error in response["errors"]:
        expected.add("response_errors_total", 1, name, error)
    for code in _topic_errors(response["data"], TOPIC_ARRAYS.get(response["api"], ()), False):
        expected.add("topic_errors_total", 1, name, response["errorNames"][str(code)])
    timed = {"Produce": request, **dict.fromkeys(FETCHING, response)}.get(name, {})
    for topic in {_topic_of(record_set, topic_names) for record_set in timed.get("sets", [])}:
        expected.add("topic_request_duration_microseconds_count", 1, topic, name)
    throttled = response["data"].get("throttleTimeMs", 0)
    if throttled > 0:
        expected.add("throttled_responses_total", 1, name)
        expected.add("throttle_time_milliseconds_total", throttled, name)
    if name in FETCHING:
        _records(expected, "fetched", response, client_id(request), topic_names)
        _latencies(expected, response, topic_names)


def _records(expected: Expected, direction: str, message: Json, client: str, topic_names: dict[str, str]) -> None:
    """The records, bytes and batches of a topic, and the first two once more for the client."""
    for record_set in message.get("sets", []):
        topic = _topic_of(record_set, topic_names)
        data = [batch for batch in record_set["batches"] if not batch["control"]]
        size = record_set["bytes"] if direction == "produced" else sum(batch["bytes"] for batch in data)
        for kind, value in (("records", sum(batch["records"] for batch in data)), ("bytes", size)):
            expected.add(f"topic_{direction}_{kind}_total", value, topic)
            expected.add(f"client_{direction}_{kind}_total", value, topic, client)
        for batch in data:
            expected.add(f"topic_{direction}_batches_total", 1, topic, batch["codec"])


def _latencies(expected: Expected, response: Json, topic_names: dict[str, str]) -> None:
    """One sample for each fetched batch of users' records that carries the time of its making."""
    for record_set in response["sets"]:
        for batch in record_set["batches"]:
            if not batch["control"] and batch["createTime"] and batch["maxTimestamp"] > 0:
                expected.add("topic_end_to_end_latency_milliseconds_count", 1, _topic_of(record_set, topic_names))


def _software(expected: Expected, connection: int, request: Json, known: dict[int, str]) -> None:
    """What clients say of themselves (KIP-511), once a connection, and what they push (KIP-714)."""
    data = request["data"]
    if request["api"] == "ApiVersions" and request["version"] >= 3 and connection not in known:
        known[connection] = _sound(data["clientSoftwareName"])
        expected.add("client_software_connections_total", 1, known[connection],
                     _sound(data["clientSoftwareVersion"]))
    if request["api"] == "PushTelemetry":
        expected.add("client_telemetry_pushes_total", 1, CODECS[data["compressionType"]],
                     known.get(connection, NOTHING))


def _sound(text: str) -> str:
    """What names of software read as: brokers refuse those that KIP-511 does not allow."""
    return text if SOFTWARE.fullmatch(text) else "__other__"


def _topic_of(record_set: Json, topic_names: dict[str, str]) -> str:
    return record_set["topic"] or topic_names[record_set["topicId"]]


def _topic_errors(node: object, arrays: tuple[str, ...], inside: bool) -> Iterator[int]:
    """The error codes at and below elements of the arrays."""
    if isinstance(node, list):
        for element in node:
            yield from _topic_errors(element, arrays, inside)
    elif isinstance(node, dict):
        for key, value in node.items():
            if inside and key.lower().endswith("errorcode") and value != 0:
                yield value
            yield from _topic_errors(value, arrays, inside or key in arrays)
