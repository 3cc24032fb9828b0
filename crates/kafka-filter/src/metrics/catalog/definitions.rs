//! What each metric of the catalog is called, carries and means: the rows from which the documentation is
//! rendered.
//!
//! A `match` and not an array: the compiler then refuses a metric without a row.

use super::Definition;
use super::Kind::{Counter, Gauge, Histogram};
use super::Label::{
    ApiVersion, ClientId, Compression, Error, FilterRelease, Group, KafkaRelease, LabelName,
    Reason, Request, Software, SoftwareVersion, Topic,
};
use super::Metric;
use crate::metrics::groups::MetricGroup;

/// The row of a metric.
pub(super) const fn of(metric: Metric) -> &'static Definition {
    match metric {
        Metric::ConnectionsOpened => &CONNECTIONS_OPENED,
        Metric::ConnectionsClosed => &CONNECTIONS_CLOSED,
        Metric::ConnectionsActive => &CONNECTIONS_ACTIVE,
        Metric::ConnectionsOpaque => &CONNECTIONS_OPAQUE,
        Metric::Requests => &REQUESTS,
        Metric::RequestBytes => &REQUEST_BYTES,
        Metric::ResponseBytes => &RESPONSE_BYTES,
        Metric::Responses => &RESPONSES,
        Metric::RequestDuration => &REQUEST_DURATION,
        Metric::ResponseErrors => &RESPONSE_ERRORS,
        Metric::UnacknowledgedRequests => &UNACKNOWLEDGED_REQUESTS,
        Metric::RequestsInFlight => &REQUESTS_IN_FLIGHT,
        Metric::InFlightRequestBytes => &IN_FLIGHT_REQUEST_BYTES,
        Metric::InFlightEvicted => &IN_FLIGHT_EVICTED,
        Metric::ThrottledResponses => &THROTTLED_RESPONSES,
        Metric::ThrottleTime => &THROTTLE_TIME,
        Metric::TopicProducedRecords => &TOPIC_PRODUCED_RECORDS,
        Metric::TopicProducedBytes => &TOPIC_PRODUCED_BYTES,
        Metric::TopicProducedBatches => &TOPIC_PRODUCED_BATCHES,
        Metric::TopicFetchedRecords => &TOPIC_FETCHED_RECORDS,
        Metric::TopicFetchedBytes => &TOPIC_FETCHED_BYTES,
        Metric::TopicFetchedBatches => &TOPIC_FETCHED_BATCHES,
        Metric::TopicErrors => &TOPIC_ERRORS,
        Metric::TopicRequestDuration => &TOPIC_REQUEST_DURATION,
        Metric::TopicEndToEndLatency => &TOPIC_END_TO_END_LATENCY,
        Metric::TopicFetchLag => &TOPIC_FETCH_LAG,
        Metric::ClientProducedRecords => &CLIENT_PRODUCED_RECORDS,
        Metric::ClientProducedBytes => &CLIENT_PRODUCED_BYTES,
        Metric::ClientFetchedRecords => &CLIENT_FETCHED_RECORDS,
        Metric::ClientFetchedBytes => &CLIENT_FETCHED_BYTES,
        Metric::ClientSoftwareConnections => &CLIENT_SOFTWARE_CONNECTIONS,
        Metric::ClientTelemetryPushes => &CLIENT_TELEMETRY_PUSHES,
        Metric::DeprecatedRequests => &DEPRECATED_REQUESTS,
        Metric::GroupRequests => &GROUP_REQUESTS,
        Metric::GroupErrors => &GROUP_ERRORS,
        Metric::GroupRebalances => &GROUP_REBALANCES,
        Metric::GroupJoinDuration => &GROUP_JOIN_DURATION,
        Metric::GroupLag => &GROUP_LAG,
        Metric::LagUntrackedPartitions => &LAG_UNTRACKED_PARTITIONS,
        Metric::UndecodedMessages => &UNDECODED_MESSAGES,
        Metric::LabelValues => &LABEL_VALUES,
        Metric::LabelValuesOverflowed => &LABEL_VALUES_OVERFLOWED,
        Metric::BuildInfo => &BUILD_INFO,
    }
}

const CONNECTIONS_OPENED: Definition = Definition {
    name: "connections_opened_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections the filter has seen, whatever they carry.",
};

const CONNECTIONS_CLOSED: Definition = Definition {
    name: "connections_closed_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections of `connections_opened_total` that have ended, by either side.",
};

const CONNECTIONS_ACTIVE: Definition = Definition {
    name: "connections_active",
    kind: Gauge,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections open now, of all workers together. A closed connection always takes back what it added.",
};

const CONNECTIONS_OPAQUE: Definition = Definition {
    name: "connections_opaque_total",
    kind: Counter,
    group: None,
    labels: &[Reason],
    unit: "connections",
    help: "Connections given up as not decodable, each once; they are forwarded all the same and counted \
           in nothing further but `connections_*`. Reasons: `tls` (Kafka's own TLS: ciphertext), \
           `not_kafka` (the first bytes are another protocol's, or no request), `malformed` (a frame or \
           header against the protocol), `desync` (a response that answers no request), `limit` (a bound \
           of the filter was reached).",
};

const REQUESTS: Definition = Definition {
    name: "requests_total",
    kind: Counter,
    group: None,
    labels: &[Request, ApiVersion],
    unit: "requests",
    help: "Requests whose header was decoded, also those whose API or version the filter does not know.",
};

const REQUEST_BYTES: Definition = Definition {
    name: "request_bytes_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole requests, the four bytes of the size field included. Counted when the last byte \
           of a request has passed.",
};

const RESPONSE_BYTES: Definition = Definition {
    name: "response_bytes_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole responses, the four bytes of the size field included. Counted when the last byte \
           of a response has passed.",
};

const RESPONSES: Definition = Definition {
    name: "responses_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "responses",
    help: "Responses matched to their request.",
};

const REQUEST_DURATION: Definition = Definition {
    name: "request_duration_microseconds",
    kind: Histogram,
    group: None,
    labels: &[Request],
    unit: "microseconds",
    help: "From the last byte of a request to the last byte of its response, both as this proxy handled \
           them: the time the client waits, less its own way to the proxy. A fetch waits for data by \
           design (`max_wait_ms`).",
};

const RESPONSE_ERRORS: Definition = Definition {
    name: "response_errors_total",
    kind: Counter,
    group: None,
    labels: &[Request, Error],
    unit: "error codes",
    help: "Error codes other than 0 in responses, one for each place where one stands, nested ones \
           included: a response that refuses three partitions counts three.",
};

const UNACKNOWLEDGED_REQUESTS: Definition = Definition {
    name: "unacknowledged_requests_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Produce requests with `acks=0`: the broker answers none of them, so they never become responses.",
};

const REQUESTS_IN_FLIGHT: Definition = Definition {
    name: "requests_in_flight",
    kind: Gauge,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Requests that await their response now, of all workers together.",
};

const IN_FLIGHT_REQUEST_BYTES: Definition = Definition {
    name: "in_flight_request_bytes",
    kind: Gauge,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of the requests of `requests_in_flight`: what the brokers have been sent and have not \
           answered. A cluster near its limits shows here first.",
};

const IN_FLIGHT_EVICTED: Definition = Definition {
    name: "in_flight_evicted_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Requests not awaited: sent when the table was full (`limits.in_flight_max`), or still open \
           when their connection ended or was given up. `requests_total` = `responses_total` + \
           `unacknowledged_requests_total` + `in_flight_evicted_total` + `requests_in_flight`.",
};

const THROTTLED_RESPONSES: Definition = Definition {
    name: "throttled_responses_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "responses",
    help: "Responses whose `throttle_time_ms` is above 0: a quota was exceeded.",
};

const THROTTLE_TIME: Definition = Definition {
    name: "throttle_time_milliseconds_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "milliseconds",
    help: "Sum of `throttle_time_ms` of those responses: what clients were told to wait, not what they waited.",
};

const TOPIC_PRODUCED_RECORDS: Definition = Definition {
    name: "topic_produced_records_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "records",
    help: "Records in the batches of Produce requests, as the batch headers count them; sent, not yet \
           accepted: see `topic_errors_total`. A compressed message of the old formats (magic 0 and 1, \
           before Kafka 0.11) counts as one record, because what it wraps is not unpacked.",
};

const TOPIC_PRODUCED_BYTES: Definition = Definition {
    name: "topic_produced_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of record sets in Produce requests as they are on the wire: compressed, batch headers \
           included, the rest of the request left out.",
};

const TOPIC_PRODUCED_BATCHES: Definition = Definition {
    name: "topic_produced_batches_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches in Produce requests. In the old formats each outer message is one batch.",
};

const TOPIC_FETCHED_RECORDS: Definition = Definition {
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

const TOPIC_FETCHED_BYTES: Definition = Definition {
    name: "topic_fetched_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of those batches as they are on the wire; control batches, and a batch cut off at the \
           end, are left out.",
};

const TOPIC_FETCHED_BATCHES: Definition = Definition {
    name: "topic_fetched_batches_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches of Fetch responses to consumers, without control batches and without one that is \
           cut off at the end. In the old formats each outer message is one batch.",
};

const TOPIC_ERRORS: Definition = Definition {
    name: "topic_errors_total",
    kind: Counter,
    group: Some(MetricGroup::Topics),
    labels: &[Topic, Request, Error],
    unit: "error codes",
    help: "Those of `response_errors_total` that belong to a topic or a partition. The name of a topic \
           that no broker has confirmed (`UNKNOWN_TOPIC_OR_PARTITION`) reads `__other__`, a topic id not \
           known yet `__unresolved__`.",
};

const TOPIC_REQUEST_DURATION: Definition = Definition {
    name: "topic_request_duration_microseconds",
    kind: Histogram,
    group: Some(MetricGroup::TopicDuration),
    labels: &[Topic, Request],
    unit: "microseconds",
    help: "The duration of `request_duration_microseconds`, once for each topic: of Produce for every \
           topic in the request, of FetchConsumer and ShareFetch for every topic in the response (a fetch session's \
           request names only what changed, and its response only what has news).",
};

const TOPIC_END_TO_END_LATENCY: Definition = Definition {
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

const TOPIC_FETCH_LAG: Definition = Definition {
    name: "topic_fetch_lag_records",
    kind: Gauge,
    group: Some(MetricGroup::Lag),
    labels: &[Topic],
    unit: "records",
    help: "High watermark minus the next offset to fetch, summed over the partitions that consumers fetch \
           through this proxy on connections that are open. Offsets, so what compaction or transactions \
           removed counts too. A partition that nobody asks for any more (paused, moved to another \
           consumer) is left out after `limits.lag_stale_seconds`, and all of a connection when it closes.",
};

const CLIENT_PRODUCED_RECORDS: Definition = Definition {
    name: "client_produced_records_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "records",
    help: "Those of `topic_produced_records_total`, by the client that sent them.",
};

const CLIENT_PRODUCED_BYTES: Definition = Definition {
    name: "client_produced_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "bytes",
    help: "Those of `topic_produced_bytes_total`, by the client that sent them.",
};

const CLIENT_FETCHED_RECORDS: Definition = Definition {
    name: "client_fetched_records_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "records",
    help: "Those of `topic_fetched_records_total`, by the client that got them.",
};

const CLIENT_FETCHED_BYTES: Definition = Definition {
    name: "client_fetched_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "bytes",
    help: "Those of `topic_fetched_bytes_total`, by the client that got them.",
};

const CLIENT_SOFTWARE_CONNECTIONS: Definition = Definition {
    name: "client_software_connections_total",
    kind: Counter,
    group: Some(MetricGroup::Software),
    labels: &[Software, SoftwareVersion],
    unit: "connections",
    help: "Connections whose client has told what library it is, in its first ApiVersions request of \
           version 3 or newer (KIP-511). Clients that never tell are the difference to \
           `connections_opened_total`.",
};

const CLIENT_TELEMETRY_PUSHES: Definition = Definition {
    name: "client_telemetry_pushes_total",
    kind: Counter,
    group: Some(MetricGroup::Software),
    labels: &[Compression, Software],
    unit: "requests",
    help: "PushTelemetry requests (KIP-714), by codec of the payload, whose contents stay unread.",
};

const DEPRECATED_REQUESTS: Definition = Definition {
    name: "deprecated_requests_total",
    kind: Counter,
    group: Some(MetricGroup::Deprecated),
    labels: &[Request, ApiVersion, ClientId],
    unit: "requests",
    help: "Those of `requests_total` in a version that brokers of Kafka 4 refuse (KIP-896), by client: who \
           has to be upgraded first.",
};

const GROUP_REQUESTS: Definition = Definition {
    name: "group_requests_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Request, Group],
    unit: "requests",
    help: "Requests that name a group, one for each group named, of all group protocols: classic, consumer \
           (KIP-848), share (KIP-932), streams (KIP-1071). Counted when the name has passed.",
};

const GROUP_ERRORS: Definition = Definition {
    name: "group_errors_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Request, Error, Group],
    unit: "error codes",
    help: "Those of `response_errors_total` that belong to a group: of the group that the request named, or \
           in an answer that lists groups, of the entry. `MEMBER_ID_REQUIRED`, `REBALANCE_IN_PROGRESS` and \
           `NOT_COORDINATOR` occur in healthy groups.",
};

const GROUP_REBALANCES: Definition = Definition {
    name: "group_rebalances_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Group],
    unit: "rebalances",
    help: "Classic protocol: JoinGroup answers that make a member the leader, one for each rebalance. Other \
           protocols (KIP-848, KIP-932, KIP-1071): heartbeat answers with a higher member epoch than the \
           request had, one for each member that is moved on, its joining included; a rebalance of five \
           members counts five. Seen through this proxy: a classic group counts where its leader is.",
};

const GROUP_JOIN_DURATION: Definition = Definition {
    name: "group_join_duration_microseconds",
    kind: Histogram,
    group: Some(MetricGroup::Groups),
    labels: &[Group],
    unit: "microseconds",
    help: "From the last byte of a JoinGroup request to the last byte of its answer without error: how long \
           a member of a classic group waited for the others.",
};

const GROUP_LAG: Definition = Definition {
    name: "group_lag_records",
    kind: Gauge,
    group: Some(MetricGroup::Lag),
    labels: &[Topic, Group],
    unit: "records",
    help: "High watermark minus committed offset, summed over partitions: the watermark from Fetch answers, \
           the offset from OffsetCommit and TxnOffsetCommit requests that were answered without error, or \
           from OffsetFetch answers, of all connections and workers of this Envoy. Refreshed each second. \
           It knows what passed this proxy only: without a Fetch of the topic the watermark stands still, \
           and what a group commits elsewhere is not seen. An offset counts while its group is alive in the \
           generation that committed it, else for `limits.lag_stale_seconds`; 0 when nothing is left.",
};

const LAG_UNTRACKED_PARTITIONS: Definition = Definition {
    name: "lag_untracked_partitions_total",
    kind: Counter,
    group: Some(MetricGroup::Lag),
    labels: &[],
    unit: "partitions",
    help: "Partitions left out of `topic_fetch_lag_records` or `group_lag_records`, once for each time one \
           was to be added: `limits.lag_partitions_max` was reached.",
};

const UNDECODED_MESSAGES: Definition = Definition {
    name: "undecoded_messages_total",
    kind: Counter,
    group: None,
    labels: &[Reason, Request],
    unit: "messages",
    help: "Requests and responses whose body was not read, or not to its end; headers, bytes and durations \
           are counted all the same. Reasons: `unknown_api_key`, `unknown_api_version` (newer than this \
           release), `malformed` (the body contradicts its schema), `over_limit` (longer than \
           `limits.walk_size_bytes`).",
};

const LABEL_VALUES: Definition = Definition {
    name: "label_values",
    kind: Gauge,
    group: None,
    labels: &[LabelName],
    unit: "values",
    help: "Values that have been admitted for a label with a cap. Envoy never forgets a stat, so they are \
           never taken back.",
};

const LABEL_VALUES_OVERFLOWED: Definition = Definition {
    name: "label_values_overflowed_total",
    kind: Counter,
    group: None,
    labels: &[LabelName],
    unit: "events",
    help: "Events counted under `__other__`: the label's cap (`labels.*.values_max`) was reached, a \
           metric's (`limits.combinations_max`), or no broker has confirmed the topic.",
};

const BUILD_INFO: Definition = Definition {
    name: "build_info",
    kind: Gauge,
    group: None,
    labels: &[FilterRelease, KafkaRelease],
    unit: "constant",
    help: "Always 1; its labels say what runs.",
};
