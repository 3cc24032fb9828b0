"""Topics: errors, traffic, latency and shape of each topic, and who writes and reads it."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Link, Query, Row, graph, heatmap, label_variable, table
from promql import REPORTER, alongside, increase, quantile, rate, series, top, total

TOPIC = 'topic=~"$topic"'
WRITES = 'request="Produce"'


def fastest_and_slowest() -> list[Query]:
    """p99 and p50 of writes over the time shown, of the 15 topics with the highest p99."""
    p99, p50 = (quantile(q, "topic_request_duration_microseconds", TOPIC, WRITES, by=["topic"], over="$__range")
                for q in (0.99, 0.5))
    return [Query(top(15, p99), column="p99", unit="µs"),
            Query(alongside(p50, ["topic"], top(15, p99)), column="p50", unit="µs")]


def users(verb: str) -> list[Query]:
    """Who writes (`produced`) or reads (`fetched`): bytes and records a second, and bytes in the time shown."""
    keys = ["client_id", "topic"]
    chosen = top(25, total(rate(f"client_{verb}_bytes_total", TOPIC), keys))
    records = total(rate(f"client_{verb}_records_total", TOPIC), keys)
    size = total(increase(f"client_{verb}_bytes_total", TOPIC), keys)
    return [Query(chosen, column="Bytes", unit="Bps"),
            Query(alongside(records, keys, chosen), column="Records", unit="cps"),
            Query(alongside(size, keys, chosen), column="In this time", unit="bytes")]


def by_topic(metric: str) -> str:
    return top(10, total(rate(metric, TOPIC), ["topic"]))


def per(numerator: str, denominator: str) -> str:
    """A ratio of two counters for each topic, of the ten greatest."""
    return top(10, f"{total(rate(numerator, TOPIC), ['topic'])} / {total(rate(denominator, TOPIC), ['topic'])}")


DASHBOARD = Dashboard(
    uid="kafka-filter-topics",
    title="Kafka / Topics",
    about="One topic or all: is it healthy, how much passes, how long does it take, and who uses it.",
    variables=[
        label_variable("topic", "", ['__name__=~"kafka_filter_topic_(produced|fetched)_records_total"', REPORTER])],
    rows=[
        Row("Is it healthy?", [
            table("Errors", ["topic", "request", "error"],
                  [Query(top(25, total(increase("topic_errors_total", TOPIC), ["topic", "request", "error"])),
                         column="In this time", unit="short")], steps=[(1, ORANGE), (1000, RED)],
                  read="Error codes that belong to a topic or partition, in the time shown. `__other__` is a "
                       "topic that no broker has confirmed (misspelt, deleted) or that came after the label's cap.",
                  do="`NOT_LEADER_OR_FOLLOWER` for a moment: a leader moved. `MESSAGE_TOO_LARGE`: the topic's "
                     "max.message.bytes. `NOT_ENOUGH_REPLICAS`: followers are out of sync and writes refused, "
                     "page the cluster's owner."),
            table("Slowest writes", ["topic"], fastest_and_slowest(), steps=[(100_000, ORANGE), (500_000, RED)],
                  links={"topic": Link("kafka-filter-topics", "topic")},
                  read="Produce requests that named the topic, over the time shown. A request that names several "
                       "topics counts for each with its whole time.",
                  do="One topic among fast ones: the leaders or followers of its partitions. All: the cluster, "
                     "see Overview."),
            graph("Errors over time", top(10, total(rate("topic_errors_total", TOPIC), ["topic", "error"])), "cps",
                  legend="{{topic}} {{error}}", stack=True,
                  read="The same errors, a second, the ten most frequent.",
                  do="A peak at one moment is a restart or a leader's move; a plateau is a client that keeps "
                     "asking."),
            graph("Records not fetched yet", top(10, total(series("topic_fetch_lag_records", TOPIC), ["topic"])),
                  "short", legend="{{topic}}",
                  read="High watermark minus next offset to fetch, summed over the partitions that open "
                       "connections fetch; two readers of a partition count both. Needs no commits.",
                  do="Rising: readers are slower than writers. Groups says which group; a reader without a group "
                     "shows here alone."),
        ]),
        Row("How much?", [
            graph("Records written", by_topic("topic_produced_records_total"), "cps", legend="{{topic}}",
                  read="Records a second in writes, sent and not yet accepted: refused ones are under Errors.",
                  do="A drop to nothing without an error: the producer is silent. Look at its own logs."),
            graph("Records read", by_topic("topic_fetched_records_total"), "cps", legend="{{topic}}",
                  read="Records a second in answers to consumers, all of them together; followers are left out.",
                  do="Far above what is written, without more consumers: somebody replays."),
            graph("Bytes written", by_topic("topic_produced_bytes_total"), "Bps", legend="{{topic}}",
                  read="Record sets as they are on the wire: compressed.",
                  do="Compare with the topic's retention to know the disk it needs, times the replicas."),
            graph("Bytes read", by_topic("topic_fetched_bytes_total"), "Bps", legend="{{topic}}",
                  read="Record sets in answers to consumers.",
                  do="The brokers' outgoing network is this plus replication."),
        ]),
        Row("How long?", [
            graph("Write: p99", top(10, quantile(0.99, "topic_request_duration_microseconds", TOPIC, WRITES,
                                                 by=["topic"])), "µs", legend="{{topic}}", width=8,
                  steps=[(100_000, ORANGE), (500_000, RED)],
                  read="99 of 100 writes that named the topic were answered within this time.",
                  do="See Slowest writes above."),
            graph("Fetch: p99", top(10, quantile(0.99, "topic_request_duration_microseconds", TOPIC,
                                                 'request=~"FetchConsumer|ShareFetch"', by=["topic"])), "µs",
                  legend="{{topic}}", width=8,
                  read="A fetch waits for data by design, as long as the consumer allows (fetch.max.wait.ms, 0.5 "
                       "s by default): on a quiet topic this is that setting and no fault.",
                  do="Above the wait that consumers ask for: the broker reads from disk, old data most often."),
            graph("From producer to consumer: p99",
                  top(10, quantile(0.99, "topic_end_to_end_latency_milliseconds", TOPIC, by=["topic"])), "ms",
                  legend="{{topic}}", width=8,
                  read="Age of batches when consumers fetch them, by the producer's timestamp. One sample a batch.",
                  do="High for one topic: its consumers are behind. High by a constant for one producer: its "
                     "clock."),
            heatmap("From producer to consumer: all",
                    total(rate("topic_end_to_end_latency_milliseconds_bucket", TOPIC),
                          ["le"]), "ms",
                    read="Two bands are two groups of consumers: one that keeps up and one that does not.",
                    do="Choose one topic above, then find the group under Groups."),
            graph("Reads and writes refused",
                  top(10, total(rate("topic_errors_total", TOPIC, 'request=~"Produce|FetchConsumer|ShareFetch"'),
                                ["topic", "request"])), "cps", legend="{{topic}} {{request}}",
                  read="The errors of Produce and Fetch alone, a second: what applications notice.",
                  do="Reads refused and writes fine: ACLs of readers, or offsets beyond retention "
                     "(`OFFSET_OUT_OF_RANGE`)."),
        ]),
        Row("What shape?", [
            graph("Size of a record", per("topic_produced_bytes_total", "topic_produced_records_total"), "bytes",
                  legend="{{topic}}", width=6,
                  read="Bytes on the wire for each record, so after compression and with the batch header's share.",
                  do="A jump after a release: a new field, or compression turned off."),
            graph("Records in a batch", per("topic_produced_records_total", "topic_produced_batches_total"), "short",
                  legend="{{topic}}", width=6,
                  read="How well producers batch. 1 is a request's work for every record.",
                  do="Near 1 with a high rate: linger.ms 5 to 20 and a larger batch.size cost little and save "
                     "much."),
            graph("Batches by compression", total(rate("topic_produced_batches_total", TOPIC), ["compression"]),
                  "cps", legend="{{compression}}", stack=True, width=6,
                  read="Batches written a second, by codec.",
                  do="`none` on a busy topic of text: lz4 or zstd."),
            graph("Read for each byte written", per("topic_fetched_bytes_total", "topic_produced_bytes_total"),
                  "short", legend="{{topic}}", width=6,
                  read="Fan-out: how many consumers' worth of reading the topic has.",
                  do="Below 1 for long: readers are behind, or read only some partitions."),
        ]),
        Row("Who?", [
            table("Who writes", ["client_id", "topic"], users("produced"),
                  links={"client_id": Link("kafka-filter-clients", "client_id")},
                  read="Clients by the bytes they write, the 25 greatest; sums over clients equal the topic's own.",
                  do="The owner of a client id that nobody knows: Envoy's access log has its address."),
            table("Who reads", ["client_id", "topic"], users("fetched"),
                  links={"client_id": Link("kafka-filter-clients", "client_id")},
                  read="Clients by the bytes they read, the 25 greatest.",
                  do="None at all: is the topic still needed?"),
        ]),
    ])
