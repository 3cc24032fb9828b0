//! The one list of metrics: names, kinds, labels and what each counts, from which documentation and Envoy's
//! tag rules are rendered.
//!
//! Names and labels here are the public interface of the filter: one may be added, none is renamed.
//! `docs/metrics.md` and `envoy/stats-tags.yaml` are generated from this module, and a test compares them.

mod definitions;

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
    /// Rises and falls; the filter only ever adds differences, because all workers share it.
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
            Self::Reason => "reason",
            Self::LabelName => "label",
            Self::FilterRelease => "filter_release",
            Self::KafkaRelease => "kafka_release",
        }
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
