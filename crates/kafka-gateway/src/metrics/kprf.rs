//! kprf's own metrics, with its names, labels and units (milliseconds), so that its dashboards and alerts go on working.

use std::time::Duration;

use kafka_gateway_api::Refusal;
use kafka_operations::metrics::{Description, Family};
use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Registry, Result};

use super::codes::ByCode;
use super::milliseconds;
use super::topics::Topic;

/// In milliseconds.
const BUCKETS: [f64; 5] = [5.0, 10.0, 20.0, 40.0, 80.0];

pub(super) struct Kprf {
    requests: HistogramVec,
    waiting: ByCode<Histogram>,
    asynchronous: ByCode<Histogram>,
    pub(super) queue: IntGaugeVec,
    pub(super) send_duration: HistogramVec,
    pub(super) sent: IntCounterVec,
    errors: IntCounterVec,
    pub(super) rate_limited: IntCounterVec,
}

impl Kprf {
    pub(super) fn register(
        registry: &Registry,
        descriptions: &mut Vec<Description>,
    ) -> Result<Self> {
        let mut into = Family::new(registry, "", descriptions);
        let topic = ["topic"];
        into.gauges("kprf_app_metadata", "Always 1; the gateway's version", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        Ok(Self {
            requests: into.histogram(
                "http_requests_duration",
                "Time until a well-formed /push was answered, in milliseconds; push/sync waited for Kafka, push/async did not",
                &["code", "method"],
                &BUCKETS,
            )?,
            waiting: ByCode::new(),
            asynchronous: ByCode::new(),
            queue: into.integers(
                "kafka_internal_queue_size",
                "Records that librdkafka took and has not reported yet",
                &topic,
            )?,
            send_duration: into.histogram(
                "kafka_message_send_duration",
                "Time until librdkafka reported what became of a record, in milliseconds",
                &topic,
                &BUCKETS,
            )?,
            sent: into.counters(
                "kafka_sent_messages",
                "Records that were given to librdkafka, those that failed included",
                &topic,
            )?,
            errors: into.counters(
                "kafka_errors_count",
                "Records that librdkafka did not take or reported as failed, by its error code",
                &["topic", "error_code"],
            )?,
            rate_limited: into.counters(
                "ratelimit_messages_count",
                "Records that a rate limit of their topic or client refused",
                &topic,
            )?,
        })
    }

    pub(super) fn push(&self, wait: bool, status: u16, took: Duration) {
        let (series, method) =
            if wait { (&self.waiting, "push/sync") } else { (&self.asynchronous, "push/async") };
        series
            .get(status, |code| self.requests.with_label_values(&[code, method]))
            .observe(milliseconds(took));
    }

    pub(super) fn error(&self, topic: &Topic, code: i32) {
        self.errors.with_label_values(&[topic.label.as_str(), &code.to_string()]).inc();
    }
}

/// The protocol's code of a refusal: the gateway has words of its own for some.
pub(super) fn code(refusal: &Refusal) -> i32 {
    match refusal {
        Refusal::UnknownTopic(_) | Refusal::UnknownPartition { .. } => 3,
        Refusal::TooLarge { .. } => 10,
        Refusal::Forbidden(_) => 29,
        // -199 is librdkafka's `_FAIL`.
        other => other.kafka().map_or(-199, |(code, _)| code),
    }
}
