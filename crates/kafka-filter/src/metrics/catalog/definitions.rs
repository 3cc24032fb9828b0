//! What each metric of the catalog is called, carries and means: the rows from which the documentation is
//! rendered.
//!
//! A `match` and not an array: the compiler then refuses a metric without a row.

mod base;
mod clients;
mod groups;
mod topics;

use super::Definition;
use super::Metric;

/// The row of a metric.
pub(super) const fn of(metric: Metric) -> &'static Definition {
    match metric {
        Metric::ConnectionsOpened => &base::CONNECTIONS_OPENED,
        Metric::ConnectionsClosed => &base::CONNECTIONS_CLOSED,
        Metric::ConnectionsActive => &base::CONNECTIONS_ACTIVE,
        Metric::ConnectionsOpaque => &base::CONNECTIONS_OPAQUE,
        Metric::Requests => &base::REQUESTS,
        Metric::RequestBytes => &base::REQUEST_BYTES,
        Metric::ResponseBytes => &base::RESPONSE_BYTES,
        Metric::Responses => &base::RESPONSES,
        Metric::RequestDuration => &base::REQUEST_DURATION,
        Metric::ResponseErrors => &base::RESPONSE_ERRORS,
        Metric::UnacknowledgedRequests => &base::UNACKNOWLEDGED_REQUESTS,
        Metric::RequestsInFlight => &base::REQUESTS_IN_FLIGHT,
        Metric::InFlightRequestBytes => &base::IN_FLIGHT_REQUEST_BYTES,
        Metric::InFlightEvicted => &base::IN_FLIGHT_EVICTED,
        Metric::ThrottledResponses => &base::THROTTLED_RESPONSES,
        Metric::ThrottleTime => &base::THROTTLE_TIME,
        Metric::TopicProducedRecords => &topics::TOPIC_PRODUCED_RECORDS,
        Metric::TopicProducedBytes => &topics::TOPIC_PRODUCED_BYTES,
        Metric::TopicProducedBatches => &topics::TOPIC_PRODUCED_BATCHES,
        Metric::TopicFetchedRecords => &topics::TOPIC_FETCHED_RECORDS,
        Metric::TopicFetchedBytes => &topics::TOPIC_FETCHED_BYTES,
        Metric::TopicFetchedBatches => &topics::TOPIC_FETCHED_BATCHES,
        Metric::TopicErrors => &topics::TOPIC_ERRORS,
        Metric::TopicRequestDuration => &topics::TOPIC_REQUEST_DURATION,
        Metric::TopicEndToEndLatency => &topics::TOPIC_END_TO_END_LATENCY,
        Metric::TopicFetchLag => &topics::TOPIC_FETCH_LAG,
        Metric::ClientProducedRecords => &clients::CLIENT_PRODUCED_RECORDS,
        Metric::ClientProducedBytes => &clients::CLIENT_PRODUCED_BYTES,
        Metric::ClientFetchedRecords => &clients::CLIENT_FETCHED_RECORDS,
        Metric::ClientFetchedBytes => &clients::CLIENT_FETCHED_BYTES,
        Metric::ClientSoftwareConnections => &clients::CLIENT_SOFTWARE_CONNECTIONS,
        Metric::ClientTelemetryPushes => &clients::CLIENT_TELEMETRY_PUSHES,
        Metric::DeprecatedRequests => &clients::DEPRECATED_REQUESTS,
        Metric::GroupRequests => &groups::GROUP_REQUESTS,
        Metric::GroupErrors => &groups::GROUP_ERRORS,
        Metric::GroupRebalances => &groups::GROUP_REBALANCES,
        Metric::GroupJoinDuration => &groups::GROUP_JOIN_DURATION,
        Metric::GroupLag => &groups::GROUP_LAG,
        Metric::LagUntrackedPartitions => &groups::LAG_UNTRACKED_PARTITIONS,
        Metric::UndecodedMessages => &base::UNDECODED_MESSAGES,
        Metric::LabelValues => &base::LABEL_VALUES,
        Metric::LabelValuesOverflowed => &base::LABEL_VALUES_OVERFLOWED,
        Metric::BuildInfo => &base::BUILD_INFO,
    }
}
