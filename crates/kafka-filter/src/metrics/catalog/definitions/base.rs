//! What is counted always: connections, requests and responses, and the filter itself.

use crate::metrics::catalog::Definition;
use crate::metrics::catalog::Kind::{Counter, Gauge, Histogram};
use crate::metrics::catalog::Label::{
    ApiVersion, Error, FilterRelease, KafkaRelease, LabelName, Reason, Request,
};

pub(super) const CONNECTIONS_OPENED: Definition = Definition {
    name: "connections_opened_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections the filter has seen, whatever they carry.",
};

pub(super) const CONNECTIONS_CLOSED: Definition = Definition {
    name: "connections_closed_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections of `connections_opened_total` that have ended, by either side.",
};

pub(super) const CONNECTIONS_ACTIVE: Definition = Definition {
    name: "connections_active",
    kind: Gauge,
    group: None,
    labels: &[],
    unit: "connections",
    help: "Connections open now, of all workers together. A closed connection always takes back what it added.",
};

pub(super) const CONNECTIONS_OPAQUE: Definition = Definition {
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

pub(super) const REQUESTS: Definition = Definition {
    name: "requests_total",
    kind: Counter,
    group: None,
    labels: &[Request, ApiVersion],
    unit: "requests",
    help: "Requests whose header was decoded, also those whose API or version the filter does not know.",
};

pub(super) const REQUEST_BYTES: Definition = Definition {
    name: "request_bytes_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole requests, the four bytes of the size field included. Counted when the last byte \
           of a request has passed.",
};

pub(super) const RESPONSE_BYTES: Definition = Definition {
    name: "response_bytes_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of whole responses, the four bytes of the size field included. Counted when the last byte \
           of a response has passed.",
};

pub(super) const RESPONSES: Definition = Definition {
    name: "responses_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "responses",
    help: "Responses matched to their request.",
};

pub(super) const REQUEST_DURATION: Definition = Definition {
    name: "request_duration_microseconds",
    kind: Histogram,
    group: None,
    labels: &[Request],
    unit: "microseconds",
    help: "From the last byte of a request to the last byte of its response, both as this proxy handled \
           them: the time the client waits, less its own way to the proxy. A fetch waits for data by \
           design (`max_wait_ms`).",
};

pub(super) const RESPONSE_ERRORS: Definition = Definition {
    name: "response_errors_total",
    kind: Counter,
    group: None,
    labels: &[Request, Error],
    unit: "error codes",
    help: "Error codes other than 0 in responses, one for each place where one stands, nested ones \
           included: a response that refuses three partitions counts three.",
};

pub(super) const UNACKNOWLEDGED_REQUESTS: Definition = Definition {
    name: "unacknowledged_requests_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Produce requests with `acks=0`: the broker answers none of them, so they never become responses.",
};

pub(super) const REQUESTS_IN_FLIGHT: Definition = Definition {
    name: "requests_in_flight",
    kind: Gauge,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Requests that await their response now, of all workers together.",
};

pub(super) const IN_FLIGHT_REQUEST_BYTES: Definition = Definition {
    name: "in_flight_request_bytes",
    kind: Gauge,
    group: None,
    labels: &[Request],
    unit: "bytes",
    help: "Bytes of the requests of `requests_in_flight`: what the brokers have been sent and have not \
           answered. A cluster near its limits shows here first.",
};

pub(super) const IN_FLIGHT_EVICTED: Definition = Definition {
    name: "in_flight_evicted_total",
    kind: Counter,
    group: None,
    labels: &[],
    unit: "requests",
    help: "Requests not awaited: sent when the table was full (`limits.in_flight_max`), or still open \
           when their connection ended or was given up. `requests_total` = `responses_total` + \
           `unacknowledged_requests_total` + `in_flight_evicted_total` + `requests_in_flight`.",
};

pub(super) const THROTTLED_RESPONSES: Definition = Definition {
    name: "throttled_responses_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "responses",
    help: "Responses whose `throttle_time_ms` is above 0: a quota was exceeded.",
};

pub(super) const THROTTLE_TIME: Definition = Definition {
    name: "throttle_time_milliseconds_total",
    kind: Counter,
    group: None,
    labels: &[Request],
    unit: "milliseconds",
    help: "Sum of `throttle_time_ms` of those responses: what clients were told to wait, not what they waited.",
};

pub(super) const UNDECODED_MESSAGES: Definition = Definition {
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

pub(super) const LABEL_VALUES: Definition = Definition {
    name: "label_values",
    kind: Gauge,
    group: None,
    labels: &[LabelName],
    unit: "values",
    help: "Values that have been admitted for a label with a cap. Envoy never forgets a stat, so they are \
           never taken back.",
};

pub(super) const LABEL_VALUES_OVERFLOWED: Definition = Definition {
    name: "label_values_overflowed_total",
    kind: Counter,
    group: None,
    labels: &[LabelName],
    unit: "events",
    help: "Events counted under `__other__`: the label's cap (`labels.*.values_max`) was reached, a \
           metric's (`limits.combinations_max`), or no broker has confirmed the topic.",
};

pub(super) const BUILD_INFO: Definition = Definition {
    name: "build_info",
    kind: Gauge,
    group: None,
    labels: &[FilterRelease, KafkaRelease],
    unit: "constant",
    help: "Always 1; its labels say what runs.",
};
