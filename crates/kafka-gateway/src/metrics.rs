//! Every metric, as the events that move them: kprf's with its names and units, and `kafka_gateway_*` in seconds beside
//! them.
//!
//! Labels are what code bounds (dialects, statuses, names of refusals), what the configuration bounds (limits), brokers,
//! and topics: of these only such as are known to exist, and at most [`TOPICS_MAX`], so that nobody who invents names
//! makes series. Series on the path of every record are looked up once and kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kafka_gateway_api::{Outcome, Position, Refusal};
use kafka_operations::metrics::Description;
use prometheus::Registry;
use rdkafka::Statistics;

mod codes;
mod kprf;
mod native;
mod statistics;
#[cfg(test)]
mod tests;
mod topics;

use crate::producer::Lane;
use crate::wal::Observer;
pub use topics::TOPICS_MAX;
use topics::Topic;

/// All families and the process's own.
pub struct Metrics {
    registry: Registry,
    descriptions: Vec<Description>,
    kprf: kprf::Kprf,
    native: native::Native,
    statistics: statistics::Librdkafka,
    topics: topics::Topics,
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// kprf's `/push`.
    Push,
    /// A stream of Confluent REST v3.
    Records,
    /// A batch of Confluent REST v3.
    Batch,
    /// A raw body.
    Topic,
    /// Everything else: the description of the API, preflight requests, paths that nobody serves.
    Other,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Push, Self::Records, Self::Batch, Self::Topic, Self::Other];

    /// The value of the label `api`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Records => "records",
            Self::Batch => "batch",
            Self::Topic => "topic",
            Self::Other => "other",
        }
    }
}

/// The write-ahead log as it is now. Totals are since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LogState {
    /// All its files.
    pub bytes: u64,
    /// As many as it may have.
    pub limit_bytes: u64,
    /// Entries that are not wholly in Kafka, or refused for good.
    pub entries_waiting: u64,
    /// How long the oldest of these waits.
    pub oldest_age: Duration,
    /// Records in the file of dead letters.
    pub dead_letters: u64,
    /// Whether the last write or sync failed.
    pub failing: bool,
}

/// Idempotency-Keys as they are now. Totals are since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysState {
    /// Keys that are remembered.
    pub keys: usize,
    /// Those whose request is not answered yet.
    pub in_progress: usize,
    /// Outcomes of records that are remembered with them.
    pub outcomes: usize,
    /// In all, requests with a key not seen before.
    pub claims_new: u64,
    /// Repetitions of requests of which some records had been refused.
    pub claims_again: u64,
    /// Repetitions while the first is at work.
    pub claims_in_progress: u64,
    /// Keys that were used for another body.
    pub claims_reused: u64,
    /// Repetitions that got the first one's answer.
    pub claims_answered: u64,
    /// Refused, because too many keys were in progress.
    pub claims_full: u64,
    /// Answers that went before their window was over, for want of room.
    pub forgotten_early: u64,
}

impl Metrics {
    /// Registers all of them; those whose labels are known are there at 0 from the start.
    ///
    /// # Errors
    /// Never in practice: two metrics of one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let mut descriptions = Vec::new();
        let kprf = kprf::Kprf::register(&registry, &mut descriptions)?;
        let statistics = statistics::Librdkafka::register(&registry, &mut descriptions)?;
        let native = native::Native::register(&registry, &mut descriptions)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            registry,
            descriptions,
            kprf,
            native,
            statistics,
            topics: topics::Topics::default(),
        })
    }

    /// Every metric but the process's own, also those without series yet, in the order of their registration.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// The text format 0.0.4.
    ///
    /// # Errors
    /// As the encoder.
    pub fn text(&self) -> prometheus::Result<Vec<u8>> {
        kafka_operations::metrics::text(&self.registry)
    }

    /// A request was answered.
    pub fn request(&self, api: Api, status: u16, took: Duration) {
        self.native.request(api, status, took);
    }

    /// A well-formed `/push` was answered: kprf's histogram counts these only.
    pub fn push(&self, wait: bool, status: u16, took: Duration) {
        self.kprf.push(wait, status, took);
    }

    /// A request was refused as a whole, before anything was known of its records.
    pub fn refusal(&self, refusal: &Refusal) {
        self.native.refusals.with_label_values(&[refusal.name()]).inc();
    }

    /// A record was answered for.
    pub fn record(&self, api: Api, topic: &str, size_bytes: usize, outcome: &Outcome) {
        self.native.record(api, size_bytes, outcome);
        if let Some(topic) = self.topics.of(topic, outcome, || self.series(topic), || self.other())
        {
            topic.record(size_bytes, outcome);
        }
        if let Outcome::Refused(refusal) = outcome {
            self.native.refusals.with_label_values(&[refusal.name()]).inc();
            if let Some((_, error)) = refusal.kafka() {
                self.native.kafka_errors.with_label_values(&[error]).inc();
            }
            if let Refusal::RateLimited { limit, .. } = refusal {
                self.native.rate_limited.with_label_values(&[limit]).inc();
            }
        }
    }

    /// The series of a topic that was found to exist; of all others together when there are too many.
    fn topic(&self, name: &str) -> Arc<Topic> {
        self.topics.get_or_add(name, || self.series(name), || self.other())
    }

    /// librdkafka took a record: from now on it is in its queue, until [`Self::delivery`].
    pub fn sent(&self, topic: &str) {
        let topic = self.topic(topic);
        topic.sent.inc();
        topic.queue.inc();
    }

    /// librdkafka did not take a record; its error code.
    pub fn send_failed(&self, topic: &str, code: i32) {
        let topic = self.topic(topic);
        topic.sent.inc();
        self.kprf.error(&topic, code);
    }

    /// librdkafka reported what became of a record, so long after it took it.
    pub fn delivery(
        &self,
        lane: Lane,
        topic: &str,
        took: Duration,
        result: &Result<Position, Refusal>,
    ) {
        let topic = self.topic(topic);
        topic.queue.dec();
        topic.send_duration.observe(milliseconds(took));
        self.native.delivery(lane, took, result.is_ok());
        if let Err(refusal) = result {
            self.kprf.error(&topic, kprf::code(refusal));
        }
    }

    /// librdkafka reported a record that was refused with its batch, and that another client took since.
    pub fn taken_back(&self, topic: &str) {
        self.topic(topic).queue.dec();
    }

    /// A record whose batch was refused is sent once more, in a request of its own.
    pub fn sent_alone(&self) {
        self.native.sent_alone.inc();
    }

    /// A record that was answered as accepted, in memory alone, failed; Kafka's name of the error, or the gateway's.
    pub fn lost(&self, error: &str) {
        self.native.lost.with_label_values(&[error]).inc();
    }

    /// A client to Kafka got an error that it cannot go on from, and is replaced.
    pub fn fatal(&self, lane: Lane, error: &'static str) {
        self.native.fatal.with_label_values(&[lane.name(), error]).inc();
    }

    /// A client to Kafka reported an error that is about no record: a broker away, a login refused.
    pub fn client_error(&self, client: &'static str, error: &'static str) {
        self.native.client_errors.with_label_values(&[client, error]).inc();
    }

    /// What librdkafka says of one lane's client. Totals that went back are those of a new client.
    pub fn statistics(&self, lane: Lane, statistics: &Statistics) {
        let known = |topic: &str| self.topics.is_known(topic);
        self.statistics.update(lane, statistics, known);
    }

    /// An entry from before the start was sent again.
    pub fn log_replayed(&self, entries: u64) {
        self.native.log.replayed.inc_by(entries);
    }

    /// Records from before the start were found in Kafka, and not sent again.
    pub fn log_skipped(&self, records: u64) {
        self.native.log.skipped.inc_by(records);
    }

    /// The log as it is now.
    pub fn log(&self, state: &LogState) {
        self.native.log.set(state);
    }

    /// Idempotency-Keys as they are now.
    pub fn keys(&self, state: &KeysState) {
        self.native.keys.set(state);
    }

    /// Open connections of producers.
    pub fn connections(&self, open: usize) {
        self.native.connections.set(number(open as u64));
    }

    /// Bytes of bodies that are being read or answered.
    pub fn bodies(&self, size_bytes: usize) {
        self.native.bodies.set(number(size_bytes as u64));
    }

    /// Whether the server's certificates could not be read the last time.
    pub fn certificates(&self, failing: bool) {
        self.native.certificates.set(if failing { 1.0 } else { 0.0 });
    }

    /// Whether `/ready` says yes.
    pub fn ready(&self, ready: bool) {
        self.native.ready.set(if ready { 1.0 } else { 0.0 });
    }

    fn series(&self, topic: &str) -> Topic {
        Topic {
            sent: self.kprf.sent.with_label_values(&[topic]),
            queue: self.kprf.queue.with_label_values(&[topic]),
            send_duration: self.kprf.send_duration.with_label_values(&[topic]),
            rate_limited: self.kprf.rate_limited.with_label_values(&[topic]),
            records: native::KINDS
                .map(|kind| self.native.topic_records.with_label_values(&[topic, kind])),
            bytes: self.native.topic_bytes.with_label_values(&[topic]),
            label: topic.to_owned(),
        }
    }

    fn other(&self) -> Topic {
        self.series(topics::OTHER)
    }
}

impl Observer for Metrics {
    fn appended(&self, entries: usize, size_bytes: usize, took: Duration) {
        self.native.log.appended(entries, size_bytes, took);
    }

    fn synced(&self, took: Duration, ok: bool) {
        self.native.log.synced(took, ok);
    }

    fn dead_letter(&self, refusal_name: &str) {
        self.native.log.dead_letters.with_label_values(&[refusal_name]).inc();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Exact up to 2^53: nine petabytes.
fn number(value: u64) -> f64 {
    value as f64
}
