//! What each metric of the catalog is called, carries and means: the rows from which the documentation is
//! rendered.
//!
//! A `match` and not an array: the compiler then refuses a metric without a row.

use super::Definition;
use super::Kind::{Counter, Gauge, Histogram};
use super::Label::{
    ApiVersion, Compression, Error, FilterRelease, KafkaRelease, LabelName, Reason, Request, Topic,
};
use super::Metric;

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
        Metric::UndecodedMessages => &UNDECODED_MESSAGES,
        Metric::LabelValues => &LABEL_VALUES,
        Metric::LabelValuesOverflowed => &LABEL_VALUES_OVERFLOWED,
        Metric::BuildInfo => &BUILD_INFO,
    }
}

const CONNECTIONS_OPENED: Definition = Definition {
    name: "connections_opened_total",
    kind: Counter,
    labels: &[],
    unit: "connections",
    help: "Connections the filter has seen, whatever they carry.",
};

const CONNECTIONS_CLOSED: Definition = Definition {
    name: "connections_closed_total",
    kind: Counter,
    labels: &[],
    unit: "connections",
    help: "Connections of `connections_opened_total` that have ended, by either side.",
};

const CONNECTIONS_ACTIVE: Definition = Definition {
    name: "connections_active",
    kind: Gauge,
    labels: &[],
    unit: "connections",
    help: "Connections open now, of all workers together. A closed connection always takes back what it added.",
};

const CONNECTIONS_OPAQUE: Definition = Definition {
    name: "connections_opaque_total",
    kind: Counter,
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
    labels: &[Request, ApiVersion],
    unit: "requests",
    help: "Requests whose header was decoded, also those whose API or version the filter does not know.",
};

const REQUEST_BYTES: Definition = Definition {
    name: "request_bytes_total",
    kind: Counter,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole requests, the four bytes of the size field included. Counted when the last byte \
           of a request has passed.",
};

const RESPONSE_BYTES: Definition = Definition {
    name: "response_bytes_total",
    kind: Counter,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole responses, the four bytes of the size field included. Counted when the last byte \
           of a response has passed.",
};

const RESPONSES: Definition = Definition {
    name: "responses_total",
    kind: Counter,
    labels: &[Request],
    unit: "responses",
    help: "Responses matched to their request.",
};

const REQUEST_DURATION: Definition = Definition {
    name: "request_duration_microseconds",
    kind: Histogram,
    labels: &[Request],
    unit: "microseconds",
    help: "From the last byte of a request to the last byte of its response, both as this proxy handled \
           them: the time the client waits, less its own way to the proxy. A fetch waits for data by \
           design (`max_wait_ms`).",
};

const RESPONSE_ERRORS: Definition = Definition {
    name: "response_errors_total",
    kind: Counter,
    labels: &[Request, Error],
    unit: "error codes",
    help: "Error codes other than 0 in responses, one for each place where one stands, nested ones \
           included: a response that refuses three partitions counts three.",
};

const UNACKNOWLEDGED_REQUESTS: Definition = Definition {
    name: "unacknowledged_requests_total",
    kind: Counter,
    labels: &[],
    unit: "requests",
    help: "Produce requests with `acks=0`: the broker answers none of them, so they never become responses.",
};

const REQUESTS_IN_FLIGHT: Definition = Definition {
    name: "requests_in_flight",
    kind: Gauge,
    labels: &[],
    unit: "requests",
    help: "Requests that await their response now, of all workers together.",
};

const IN_FLIGHT_EVICTED: Definition = Definition {
    name: "in_flight_evicted_total",
    kind: Counter,
    labels: &[],
    unit: "requests",
    help: "Requests not awaited: sent when the table was full (`limits.in_flight_max`), or still open \
           when their connection ended or was given up. `requests_total` = `responses_total` + \
           `unacknowledged_requests_total` + `in_flight_evicted_total` + `requests_in_flight`.",
};

const THROTTLED_RESPONSES: Definition = Definition {
    name: "throttled_responses_total",
    kind: Counter,
    labels: &[Request],
    unit: "responses",
    help: "Responses whose `throttle_time_ms` is above 0: a quota was exceeded.",
};

const THROTTLE_TIME: Definition = Definition {
    name: "throttle_time_milliseconds_total",
    kind: Counter,
    labels: &[Request],
    unit: "milliseconds",
    help: "Sum of `throttle_time_ms` of those responses: what clients were told to wait, not what they waited.",
};

const TOPIC_PRODUCED_RECORDS: Definition = Definition {
    name: "topic_produced_records_total",
    kind: Counter,
    labels: &[Topic],
    unit: "records",
    help: "Records in the batches of Produce requests, as the batch headers count them; sent, not yet \
           accepted: see `topic_errors_total`. A compressed message of the old formats (magic 0 and 1, \
           before Kafka 0.11) counts as one record, because what it wraps is not unpacked.",
};

const TOPIC_PRODUCED_BYTES: Definition = Definition {
    name: "topic_produced_bytes_total",
    kind: Counter,
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of record sets in Produce requests as they are on the wire: compressed, batch headers \
           included, the rest of the request left out.",
};

const TOPIC_PRODUCED_BATCHES: Definition = Definition {
    name: "topic_produced_batches_total",
    kind: Counter,
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches in Produce requests. In the old formats each outer message is one batch.",
};

const TOPIC_FETCHED_RECORDS: Definition = Definition {
    name: "topic_fetched_records_total",
    kind: Counter,
    labels: &[Topic],
    unit: "records",
    help: "Records in the batches of Fetch responses to consumers; followers and control batches \
           (transaction markers) are left out. A batch that starts before the offset asked for is counted \
           whole although the consumer skips its first records, and one that the response cuts off at its \
           end is not counted. Records of aborted transactions are on the wire and counted. A compressed \
           message of the old formats counts as one record.",
};

const TOPIC_FETCHED_BYTES: Definition = Definition {
    name: "topic_fetched_bytes_total",
    kind: Counter,
    labels: &[Topic],
    unit: "bytes",
    help: "Bytes of those batches as they are on the wire; control batches, and a batch cut off at the \
           end, are left out.",
};

const TOPIC_FETCHED_BATCHES: Definition = Definition {
    name: "topic_fetched_batches_total",
    kind: Counter,
    labels: &[Topic, Compression],
    unit: "batches",
    help: "Record batches of Fetch responses to consumers, without control batches and without one that is \
           cut off at the end. In the old formats each outer message is one batch.",
};

const TOPIC_ERRORS: Definition = Definition {
    name: "topic_errors_total",
    kind: Counter,
    labels: &[Topic, Request, Error],
    unit: "error codes",
    help: "Those of `response_errors_total` that belong to a topic or a partition. The name of a topic \
           that no broker has confirmed (`UNKNOWN_TOPIC_OR_PARTITION`) reads `__other__`, a topic id not \
           known yet `__unresolved__`.",
};

const TOPIC_REQUEST_DURATION: Definition = Definition {
    name: "topic_request_duration_microseconds",
    kind: Histogram,
    labels: &[Topic, Request],
    unit: "microseconds",
    help: "The duration of `request_duration_microseconds`, once for each topic: of Produce for every \
           topic in the request, of FetchConsumer for every topic in the response (a fetch session's \
           request names only what changed, and its response only what has news).",
};

const UNDECODED_MESSAGES: Definition = Definition {
    name: "undecoded_messages_total",
    kind: Counter,
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
    labels: &[LabelName],
    unit: "values",
    help: "Values that have been admitted for a label with a cap. Envoy never forgets a stat, so they are \
           never taken back.",
};

const LABEL_VALUES_OVERFLOWED: Definition = Definition {
    name: "label_values_overflowed_total",
    kind: Counter,
    labels: &[LabelName],
    unit: "events",
    help: "Events counted under `__other__`: the label's cap (`labels.*.values_max`) was reached, or no \
           broker has confirmed the topic.",
};

const BUILD_INFO: Definition = Definition {
    name: "build_info",
    kind: Gauge,
    labels: &[FilterRelease, KafkaRelease],
    unit: "constant",
    help: "Always 1; its labels say what runs.",
};
