//! The one list of metrics: names, kinds, labels and what each counts, from which documentation and Envoy's
//! tag rules are rendered.
//!
//! Names and labels here are the public interface of the filter: one may be added, none is renamed.
//! `docs/metrics.md` and `envoy/stats-tags.yaml` are generated from this module, and a test compares them.

mod definitions;

use super::groups::MetricGroup;

/// What stands before every name of the catalog in a stat's name.
pub const PREFIX: &str = "kafka_filter_";

/// The first label of every metric: which side of a call this proxy is on.
///
/// A call inside a mesh passes two proxies and is counted by both; a query picks one side.
pub const REPORTER: &str = "reporter";

/// Values of the `reporter` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// The proxy of the calling side: an outbound listener.
    Source,
    /// The proxy of the called side: an inbound listener.
    Destination,
    /// A proxy of neither side, or one that does not say: a listener without a direction.
    Proxy,
}

impl Reporter {
    /// Every value, for documentation and configuration.
    pub const ALL: &[Self] = &[Self::Source, Self::Destination, Self::Proxy];

    /// The value as the label shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Proxy => "proxy",
        }
    }

    /// From Envoy's `TrafficDirection` (0 unspecified, 1 inbound, 2 outbound), as `xds.listener_direction`
    /// gives it.
    #[must_use]
    pub const fn from_listener_direction(direction: Option<i64>) -> Self {
        match direction {
            Some(1) => Self::Destination,
            Some(2) => Self::Source,
            _ => Self::Proxy,
        }
    }
}

/// What a metric is to Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls. All workers share it: each adds differences, or sets what it knows of all.
    Gauge,
    /// A distribution of whole numbers.
    Histogram,
}

impl Kind {
    /// The word for it in documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label beside `reporter`. No name is a suffix of another: Istio's tag expressions are not anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// The API, by the name that brokers use in their own metrics.
    Request,
    /// The API's version, a number.
    ApiVersion,
    /// The error code's name.
    Error,
    /// The topic's name.
    Topic,
    /// The codec of a record batch.
    Compression,
    /// What the client calls itself in its request headers.
    ClientId,
    /// The id of a consumer, share or streams group.
    Group,
    /// The client library (KIP-511).
    Software,
    /// The client library's version (KIP-511).
    SoftwareVersion,
    /// Why something was given up or left out.
    Reason,
    /// The name of a label, in metrics about labels.
    LabelName,
    /// The release of this filter.
    FilterRelease,
    /// The Kafka release whose protocol the tables describe.
    KafkaRelease,
}

impl Label {
    /// Every label, in the order in which documentation and tag rules list them.
    pub const ALL: &[Self] = &[
        Self::Request,
        Self::ApiVersion,
        Self::Error,
        Self::Topic,
        Self::Compression,
        Self::ClientId,
        Self::Group,
        Self::Software,
        Self::SoftwareVersion,
        Self::Reason,
        Self::LabelName,
        Self::FilterRelease,
        Self::KafkaRelease,
    ];

    /// The label as Prometheus shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ApiVersion => "api_version",
            Self::Error => "error",
            Self::Topic => "topic",
            Self::Compression => "compression",
            Self::ClientId => "client_id",
            Self::Group => "group",
            Self::Software => "software",
            Self::SoftwareVersion => "software_version",
            Self::Reason => "reason",
            Self::LabelName => "label",
            Self::FilterRelease => "filter_release",
            Self::KafkaRelease => "kafka_release",
        }
    }

    /// Whether it says who: a metric has one such label at most, and the combinations that it makes
    /// with others have a cap of their own.
    #[must_use]
    pub const fn is_party(self) -> bool {
        matches!(self, Self::ClientId | Self::Group | Self::Software)
    }

    /// What its values are, in one sentence.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Request => {
                "the API by the name brokers use (`Produce`, `Metadata`; Fetch is `FetchConsumer` or \
                 `FetchFollower`), `api_key_113` for a key this release does not know"
            }
            Self::ApiVersion => "the version in the request's header, a number",
            Self::Error => {
                "the error code's name as Kafka spells it (`NOT_LEADER_OR_FOLLOWER`), `error_code_250` \
                 for one this release does not know"
            }
            Self::Topic => {
                "the topic's name; a name becomes a value only when a broker's answer named it without \
                 error"
            }
            Self::Compression => "`none`, `gzip`, `snappy`, `lz4`, `zstd`, or `unknown`",
            Self::ClientId => {
                "the client id of the request's header, after the rules of `labels.client_id.rewrite`; \
                 `__none__` when it is null or empty"
            }
            Self::Group => "the id of a consumer, share or streams group",
            Self::Software => {
                "the client library by its own name (`apache-kafka-java`, `librdkafka`), from ApiVersions 3 \
                 and newer; `__none__` when the client has not told it"
            }
            Self::SoftwareVersion => "the version of the client library",
            Self::Reason => "why, from the fixed list that stands at the metric",
            Self::LabelName => "the name of one of these labels",
            Self::FilterRelease => "the release of this filter",
            Self::KafkaRelease => "the newest Kafka release whose protocol the filter knows",
        }
    }
}

/// One metric of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Metric {
    /// `connections_opened_total`
    ConnectionsOpened,
    /// `connections_closed_total`
    ConnectionsClosed,
    /// `connections_active`
    ConnectionsActive,
    /// `connections_opaque_total`
    ConnectionsOpaque,
    /// `requests_total`
    Requests,
    /// `request_bytes_total`
    RequestBytes,
    /// `response_bytes_total`
    ResponseBytes,
    /// `responses_total`
    Responses,
    /// `request_duration_microseconds`
    RequestDuration,
    /// `response_errors_total`
    ResponseErrors,
    /// `unacknowledged_requests_total`
    UnacknowledgedRequests,
    /// `requests_in_flight`
    RequestsInFlight,
    /// `in_flight_request_bytes`
    InFlightRequestBytes,
    /// `in_flight_evicted_total`
    InFlightEvicted,
    /// `throttled_responses_total`
    ThrottledResponses,
    /// `throttle_time_milliseconds_total`
    ThrottleTime,
    /// `topic_produced_records_total`
    TopicProducedRecords,
    /// `topic_produced_bytes_total`
    TopicProducedBytes,
    /// `topic_produced_batches_total`
    TopicProducedBatches,
    /// `topic_fetched_records_total`
    TopicFetchedRecords,
    /// `topic_fetched_bytes_total`
    TopicFetchedBytes,
    /// `topic_fetched_batches_total`
    TopicFetchedBatches,
    /// `topic_errors_total`
    TopicErrors,
    /// `topic_request_duration_microseconds`
    TopicRequestDuration,
    /// `topic_end_to_end_latency_milliseconds`
    TopicEndToEndLatency,
    /// `topic_fetch_lag_records`
    TopicFetchLag,
    /// `client_produced_records_total`
    ClientProducedRecords,
    /// `client_produced_bytes_total`
    ClientProducedBytes,
    /// `client_fetched_records_total`
    ClientFetchedRecords,
    /// `client_fetched_bytes_total`
    ClientFetchedBytes,
    /// `client_software_connections_total`
    ClientSoftwareConnections,
    /// `client_telemetry_pushes_total`
    ClientTelemetryPushes,
    /// `deprecated_requests_total`
    DeprecatedRequests,
    /// `group_requests_total`
    GroupRequests,
    /// `group_errors_total`
    GroupErrors,
    /// `group_rebalances_total`
    GroupRebalances,
    /// `group_join_duration_microseconds`
    GroupJoinDuration,
    /// `group_lag_records`
    GroupLag,
    /// `lag_untracked_partitions_total`
    LagUntrackedPartitions,
    /// `undecoded_messages_total`
    UndecodedMessages,
    /// `label_values`
    LabelValues,
    /// `label_values_overflowed_total`
    LabelValuesOverflowed,
    /// `build_info`
    BuildInfo,
}

/// What the catalog says of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name without [`PREFIX`].
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Which switch of the configuration turns it off; `None` for what is always counted.
    pub group: Option<MetricGroup>,
    /// Labels after `reporter`, in the order in which they stand in a stat's name.
    pub labels: &'static [Label],
    /// What one is: `requests`, `bytes`, `microseconds`.
    pub unit: &'static str,
    /// What is counted, and where the number is not exact, how it differs.
    pub help: &'static str,
}

impl Metric {
    /// Every metric, in the order of the documentation; the position of each is its discriminant.
    pub const ALL: &[Self] = &[
        Self::ConnectionsOpened,
        Self::ConnectionsClosed,
        Self::ConnectionsActive,
        Self::ConnectionsOpaque,
        Self::Requests,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::Responses,
        Self::RequestDuration,
        Self::ResponseErrors,
        Self::UnacknowledgedRequests,
        Self::RequestsInFlight,
        Self::InFlightRequestBytes,
        Self::InFlightEvicted,
        Self::ThrottledResponses,
        Self::ThrottleTime,
        Self::TopicProducedRecords,
        Self::TopicProducedBytes,
        Self::TopicProducedBatches,
        Self::TopicFetchedRecords,
        Self::TopicFetchedBytes,
        Self::TopicFetchedBatches,
        Self::TopicErrors,
        Self::TopicRequestDuration,
        Self::TopicEndToEndLatency,
        Self::TopicFetchLag,
        Self::ClientProducedRecords,
        Self::ClientProducedBytes,
        Self::ClientFetchedRecords,
        Self::ClientFetchedBytes,
        Self::ClientSoftwareConnections,
        Self::ClientTelemetryPushes,
        Self::DeprecatedRequests,
        Self::GroupRequests,
        Self::GroupErrors,
        Self::GroupRebalances,
        Self::GroupJoinDuration,
        Self::GroupLag,
        Self::LagUntrackedPartitions,
        Self::UndecodedMessages,
        Self::LabelValues,
        Self::LabelValuesOverflowed,
        Self::BuildInfo,
    ];

    /// Name, kind, labels, unit and meaning.
    #[must_use]
    pub const fn definition(self) -> &'static Definition {
        definitions::of(self)
    }

    /// The upper bounds of a histogram's buckets, as the shipped configurations set them; `None` for other kinds.
    ///
    /// From below a local broker's answer to the longest wait of a client. Those that come once for each topic are
    /// fewer, because each bound is one more series.
    #[must_use]
    pub const fn buckets(self) -> Option<&'static [u32]> {
        match self {
            Self::RequestDuration => Some(&[
                100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
                500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
            ]),
            Self::TopicEndToEndLatency => Some(&[
                5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
                3_600_000,
            ]),
            Self::GroupJoinDuration => Some(&[
                10_000,
                100_000,
                500_000,
                1_000_000,
                3_000_000,
                5_000_000,
                10_000_000,
                30_000_000,
                60_000_000,
                300_000_000,
            ]),
            Self::TopicRequestDuration => Some(&[
                500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
                1_000_000, 5_000_000, 30_000_000,
            ]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
