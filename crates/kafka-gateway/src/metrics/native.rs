//! `kafka_gateway_*`: what an alert needs, in seconds and bytes, with labels that code or configuration bounds.

use std::time::Duration;

use kafka_gateway_api::Outcome;
use kafka_operations::metrics::{Description, Family};
use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, Registry, Result};

mod keys;
mod log;

use super::Api;
use super::codes::ByCode;
use crate::producer::Lane;

/// Values of the label `outcome`: acknowledged by Kafka, in the write-ahead log, in librdkafka's queue alone, refused.
pub(super) const KINDS: [&str; 4] = ["written", "logged", "queued", "refused"];
/// In seconds: a waiting request takes a linger and a round trip, one that waits for a broken cluster its timeout.
const REQUEST_SECONDS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// In seconds: from the log, records wait as long as the cluster is away.
const DELIVERY_SECONDS: [f64; 12] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

pub(super) struct Native {
    requests: IntCounterVec,
    apis: [ApiSeries; 5],
    lanes: [LaneSeries; 4],
    pub(super) refusals: IntCounterVec,
    pub(super) kafka_errors: IntCounterVec,
    pub(super) lost: IntCounterVec,
    pub(super) sent_alone: IntCounter,
    pub(super) fatal: IntCounterVec,
    pub(super) client_errors: IntCounterVec,
    pub(super) rate_limited: IntCounterVec,
    pub(super) topic_records: IntCounterVec,
    pub(super) topic_bytes: IntCounterVec,
    pub(super) connections: Gauge,
    pub(super) bodies: Gauge,
    pub(super) certificates: Gauge,
    pub(super) ready: Gauge,
    pub(super) log: log::Log,
    pub(super) keys: keys::Keys,
}

/// Of one way in.
struct ApiSeries {
    api: Api,
    requests: ByCode<IntCounter>,
    duration: Histogram,
    records: [IntCounter; 4],
    bytes: IntCounter,
}

/// Of one client to Kafka.
struct LaneSeries {
    lane: Lane,
    duration: Histogram,
    failed: IntCounter,
}

impl Native {
    pub(super) fn register(
        registry: &Registry,
        descriptions: &mut Vec<Description>,
    ) -> Result<Self> {
        let mut into = Family::new(registry, "kafka_gateway", descriptions);
        into.gauges(
            "build_info",
            "Always 1; the gateway's version and librdkafka's",
            &["version", "librdkafka"],
        )?
        .with_label_values(&[env!("CARGO_PKG_VERSION"), &rdkafka::util::get_rdkafka_version().1])
        .set(1.0);
        let ready = into.gauge("ready", "1 when /ready says yes, else 0")?;
        let requests =
            into.counters("requests_total", "Requests that were answered", &["api", "code"])?;
        let apis = Self::apis(&mut into)?;
        let lanes = Self::lanes(&mut into)?;
        Ok(Self {
            requests,
            apis,
            lanes,
            refusals: into.counters(
                "refusals_total",
                "Records that were refused, and requests that were refused as a whole, each as one",
                &["reason"],
            )?,
            kafka_errors: into.counters(
                "kafka_errors_total",
                "Records that were answered with an error of Kafka or librdkafka, by its name",
                &["error"],
            )?,
            lost: into.counters(
                "lost_records_total",
                "Records that were answered as accepted, in memory alone, and then failed: Kafka refused them, or did not \
                 answer in time",
                &["error"],
            )?,
            sent_alone: into.counter(
                "sent_alone_records_total",
                "Records that were sent in a request of their own, because a broker had refused the batch that they were in",
            )?,
            fatal: into.counters(
                "clients_lost_total",
                "Clients to Kafka that got an error they cannot go on from, and were replaced",
                &["acks", "error"],
            )?,
            client_errors: into.counters(
                "client_errors_total",
                "Errors of clients to Kafka that are about no record: a broker away, a login refused",
                &["client", "error"],
            )?,
            rate_limited: into.counters(
                "rate_limited_records_total",
                "Records that a rate limit refused",
                &["limit"],
            )?,
            topic_records: into.counters(
                "topic_records_total",
                "Records that were answered for, of topics that exist",
                &["topic", "outcome"],
            )?,
            topic_bytes: into.counters(
                "topic_record_bytes_total",
                "Keys, values and headers of records that were not refused",
                &["topic"],
            )?,
            connections: into.gauge("connections", "Open connections of producers")?,
            bodies: into.gauge("body_bytes", "Bodies that are being read or answered, in bytes")?,
            certificates: into.gauge(
                "certificates_failing",
                "1 when the server's certificates could not be read the last time, so that those before are served; else 0",
            )?,
            ready,
            log: log::Log::register(&mut into)?,
            keys: keys::Keys::register(&mut into)?,
        })
    }

    fn apis(into: &mut Family<'_>) -> Result<[ApiSeries; 5]> {
        let duration = into.histogram(
            "request_duration_seconds",
            "Time from a request's headers to its answer",
            &["api"],
            &REQUEST_SECONDS,
        )?;
        let records = into.counters(
            "records_total",
            "Records that were answered for: written to Kafka, logged (in the write-ahead log), queued (in memory alone), or refused",
            &["api", "outcome"],
        )?;
        let bytes = into.counters(
            "record_bytes_total",
            "Keys, values and headers of records that were not refused",
            &["api"],
        )?;
        Ok(Api::ALL.map(|api| ApiSeries {
            api,
            requests: ByCode::new(),
            duration: duration.with_label_values(&[api.name()]),
            records: KINDS.map(|kind| records.with_label_values(&[api.name(), kind])),
            bytes: bytes.with_label_values(&[api.name()]),
        }))
    }

    fn lanes(into: &mut Family<'_>) -> Result<[LaneSeries; 4]> {
        let duration = into.histogram(
            "delivery_duration_seconds",
            "Time from giving a record to librdkafka to its report; of acks=none it says nothing about Kafka",
            &["acks"],
            &DELIVERY_SECONDS,
        )?;
        let failed = into.counters(
            "deliveries_failed_total",
            "Records that librdkafka reported as failed",
            &["acks"],
        )?;
        Ok(Lane::ALL.map(|lane| LaneSeries {
            lane,
            duration: duration.with_label_values(&[lane.name()]),
            failed: failed.with_label_values(&[lane.name()]),
        }))
    }

    pub(super) fn request(&self, api: Api, status: u16, took: Duration) {
        if let Some(series) = self.api(api) {
            let make = |code: &str| self.requests.with_label_values(&[api.name(), code]);
            series.requests.get(status, make).inc();
            series.duration.observe(took.as_secs_f64());
        }
    }

    pub(super) fn record(&self, api: Api, size_bytes: usize, outcome: &Outcome) {
        if let Some(series) = self.api(api) {
            kind(&series.records, outcome).inc();
            if outcome.is_success() {
                series.bytes.inc_by(size_bytes as u64);
            }
        }
    }

    pub(super) fn delivery(&self, lane: Lane, took: Duration, ok: bool) {
        if let Some(series) = self.lanes.iter().find(|series| series.lane == lane) {
            series.duration.observe(took.as_secs_f64());
            if !ok {
                series.failed.inc();
            }
        }
    }

    /// Every way in has one: the list is short, and all its members are made at the start.
    fn api(&self, api: Api) -> Option<&ApiSeries> {
        self.apis.iter().find(|series| series.api == api)
    }
}

/// The series of an outcome, of those in the order of [`KINDS`].
pub(super) fn kind<'a>(series: &'a [IntCounter; 4], outcome: &Outcome) -> &'a IntCounter {
    let [written, logged, queued, refused] = series;
    match outcome {
        Outcome::Written(_) => written,
        Outcome::Accepted { durable: true } => logged,
        Outcome::Accepted { durable: false } => queued,
        Outcome::Refused(_) => refused,
    }
}
