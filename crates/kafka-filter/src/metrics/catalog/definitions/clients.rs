//! Who the clients are, and which of them write and read what.

use crate::metrics::catalog::Definition;
use crate::metrics::catalog::Kind::Counter;
use crate::metrics::catalog::Label::{
    ApiVersion, ClientId, Compression, Request, Software, SoftwareVersion, Topic,
};
use crate::metrics::groups::MetricGroup;

pub(super) const CLIENT_PRODUCED_RECORDS: Definition = Definition {
    name: "client_produced_records_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "records",
    help: "Those of `topic_produced_records_total`, by the client that sent them.",
};

pub(super) const CLIENT_PRODUCED_BYTES: Definition = Definition {
    name: "client_produced_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "bytes",
    help: "Those of `topic_produced_bytes_total`, by the client that sent them.",
};

pub(super) const CLIENT_FETCHED_RECORDS: Definition = Definition {
    name: "client_fetched_records_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "records",
    help: "Those of `topic_fetched_records_total`, by the client that got them.",
};

pub(super) const CLIENT_FETCHED_BYTES: Definition = Definition {
    name: "client_fetched_bytes_total",
    kind: Counter,
    group: Some(MetricGroup::Clients),
    labels: &[Topic, ClientId],
    unit: "bytes",
    help: "Those of `topic_fetched_bytes_total`, by the client that got them.",
};

pub(super) const CLIENT_SOFTWARE_CONNECTIONS: Definition = Definition {
    name: "client_software_connections_total",
    kind: Counter,
    group: Some(MetricGroup::Software),
    labels: &[Software, SoftwareVersion],
    unit: "connections",
    help: "Connections whose client has told what library it is, in its first ApiVersions request of \
           version 3 or newer (KIP-511). Clients that never tell are the difference to \
           `connections_opened_total`.",
};

pub(super) const CLIENT_TELEMETRY_PUSHES: Definition = Definition {
    name: "client_telemetry_pushes_total",
    kind: Counter,
    group: Some(MetricGroup::Software),
    labels: &[Compression, Software],
    unit: "requests",
    help: "PushTelemetry requests (KIP-714), by codec of the payload, whose contents stay unread.",
};

pub(super) const DEPRECATED_REQUESTS: Definition = Definition {
    name: "deprecated_requests_total",
    kind: Counter,
    group: Some(MetricGroup::Deprecated),
    labels: &[Request, ApiVersion, ClientId],
    unit: "requests",
    help: "Those of `requests_total` in a version that brokers of Kafka 4 refuse (KIP-896), by client: who \
           has to be upgraded first.",
};
