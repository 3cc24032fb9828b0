//! What is written to topics and read from them.

use crate::metrics::catalog::Definition;
use crate::metrics::catalog::Kind::{Counter, Gauge, Histogram};
use crate::metrics::catalog::Label::{Compression, Error, Request, Topic};
use crate::metrics::groups::MetricGroup;

pub(super) const TOPIC_PRODUCED_RECORDS: Definition = Definition {
    name: "topic_produced_records_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "records",
    help: "Records in the batches of Produce requests, as the batch headers count them; sent, not yet \
           accepted: see `topic_errors_total`. A compressed message of the old formats (magic 0 and 1, \
           before Kafka 0.11) counts as one record, because what it wraps is not unpacked.",
};

pub(super) const TOPIC_PRODUCED_BYTES: Definition = Definition {
    name: "topic_produced_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of record sets in Produce requests as they are on the wire: compressed, batch headers \
           included, the rest of the request left out.",
};

pub(super) const TOPIC_PRODUCED_BATCHES: Definition = Definition {
    name: "topic_produced_batches_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches in Produce requests. In the old formats each outer message is one batch.",
};

pub(super) const TOPIC_FETCHED_RECORDS: Definition = Definition {
    name: "topic_fetched_records_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "records",
    help: "Records in the batches of Fetch and ShareFetch responses to consumers; followers and control \
           batches (transaction markers) are left out. A batch that starts before the offset asked for is counted \
           whole although the consumer skips its first records, and one that the response cuts off at its \
           end is not counted. Records that a share group did not acquire, and those of aborted \
           transactions, are on the wire and counted. A compressed message of the old formats counts as \
           one record.",
};

pub(super) const TOPIC_FETCHED_BYTES: Definition = Definition {
    name: "topic_fetched_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of those batches as they are on the wire; control batches, and a batch cut off at the \
           end, are left out.",
};

pub(super) const TOPIC_FETCHED_BATCHES: Definition = Definition {
    name: "topic_fetched_batches_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches of Fetch responses to consumers, without control batches and without one that is \
           cut off at the end. In the old formats each outer message is one batch.",
};

pub(super) const TOPIC_ERRORS: Definition = Definition {
    name: "topic_errors_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Request, Error],
    unit: "error codes",
    help: "Those of `response_errors_total` that belong to a topic or a partition. The name of a topic \
           that no broker has confirmed (`UNKNOWN_TOPIC_OR_PARTITION`) reads `__other__`, a topic id not \
           known yet `__unresolved__`.",
};

pub(super) const TOPIC_REQUEST_DURATION: Definition = Definition {
    name: "topic_request_duration_microseconds",
    kind: Histogram,
    group: Some(MetricGroup::TopicDuration),
    labels: &[Topic, Request],
    unit: "microseconds",
    help: "The duration of `request_duration_microseconds`, once for each topic: of Produce for every \
           topic in the request, of FetchConsumer and ShareFetch for every topic in the response (a fetch session's \
           request names only what changed, and its response only what has news).",
};

pub(super) const TOPIC_END_TO_END_LATENCY: Definition = Definition {
    name: "topic_end_to_end_latency_milliseconds",
    kind: Histogram,
    group: Some(MetricGroup::EndToEndLatency),
    labels: &[Topic],
    unit: "milliseconds",
    help: "The clock at this proxy minus the newest timestamp of a batch, for each batch that a consumer \
           fetched: how old data is when it is read. Only batches whose producer set the time \
           (`CreateTime`); exact as far as the clocks of producer and proxy agree, and never below 0. A \
           consumer that reads old data shows how old it is.",
};

pub(super) const TOPIC_FETCH_LAG: Definition = Definition {
    name: "topic_fetch_lag_records",
    kind: Gauge,
    group: Some(MetricGroup::Lag),
    labels: &[Topic],
    unit: "records",
    help: "High watermark minus the next offset to fetch, summed over the partitions that consumers fetch \
           through this proxy on connections that are open. Offsets, so what compaction or transactions \
           removed counts too. A partition that nobody asks for any more (paused, moved to another \
           consumer) is left out after `limits.lag_stale_seconds` at the connection's next Fetch, and all \
           of a connection when it closes: one that stays open and fetches nothing keeps its last number.",
};
