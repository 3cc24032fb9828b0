//! Records to Kafka, through librdkafka: one client for each kind of acknowledgement, one for what is known of topics.
//!
//! Every ticket that was taken comes back exactly once, with a position or with a refusal that says whether the record
//! may be in Kafka. Memory is bounded by librdkafka's queue limits, and by named bounds on what is known of topics.
//! Nothing here makes a topic unless the settings allow it.

use std::sync::Arc;
use std::time::Instant;

use kafka_gateway_api::{Position, Record, Refusal};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

pub mod classify;
mod client;
mod cluster;
mod config;
mod lane;
mod native;
mod reader;
pub mod topics;

#[cfg(test)]
mod tests;

use crate::metrics::Metrics;
use crate::settings::{Acks, KafkaSettings};
pub use classify::{is_of_a_batch, is_permanent};
use client::Surroundings;
use cluster::{Ask, Cluster};
use lane::Slot;
pub(crate) use native::last_header as header;
use reader::Reading;
pub use topics::Topics;

/// Who wants to know what became of a record.
pub trait Sink: Send + Sync {
    /// Called once for each ticket, on librdkafka's polling thread: it must not block.
    fn delivered(&self, index: u64, result: Result<Position, Refusal>);

    /// Whether its records were answered for before they were sent, and nothing else holds them: one that was refused
    /// with its batch is then sent again from here, and one that fails is counted and logged as lost.
    fn is_answered(&self) -> bool {
        false
    }
}

/// A sink for records that nobody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Detached;

impl Sink for Detached {
    fn delivered(&self, _index: u64, _result: Result<Position, Refusal>) {}

    fn is_answered(&self) -> bool {
        true
    }
}

/// Goes with a record through librdkafka and comes back with its outcome.
pub struct Ticket {
    /// Told in the end.
    pub sink: Arc<dyn Sink>,
    /// Which of the sink's records.
    pub index: u64,
    /// When it was given to the producer.
    pub sent: Instant,
}

/// Which of the clients sends a record: acks are a property of a client, not of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Requests, by what they wait for.
    Acks(Acks),
    /// What comes from the write-ahead log: all replicas, idempotent, and it never gives up.
    Log,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Acks(Acks::All), Self::Acks(Acks::Leader), Self::Acks(Acks::None), Self::Log];

    /// A label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acks(Acks::All) => "all",
            Self::Acks(Acks::Leader) => "leader",
            Self::Acks(Acks::None) => "none",
            Self::Log => "log",
        }
    }
}

impl From<Acks> for Lane {
    fn from(acks: Acks) -> Self {
        Self::Acks(acks)
    }
}

/// The properties of a lane's client, as [`Producers`] makes it.
#[must_use]
pub fn lane_config(settings: &KafkaSettings, lane: Lane) -> ClientConfig {
    config::producer(settings, lane)
}

/// A consumer that reads partitions by hand, each to its end and no group for it.
pub(crate) type Reader = BaseConsumer<Reading>;

/// Makes such a consumer; connections come by themselves, later.
///
/// # Errors
/// A property that librdkafka refuses.
pub(crate) fn reader(settings: &KafkaSettings) -> Result<Reader, KafkaError> {
    config::reading(settings).create_with_context(Reading::default())
}

/// Whether an error says that there is no such topic.
pub(crate) fn is_gone(error: &KafkaError) -> bool {
    let class = error.rdkafka_error_code().map(classify::class);
    matches!(class, Some(classify::Class::UnknownTopic | classify::Class::UnknownPartition))
}

/// Why a record was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// librdkafka's queue is full; the record is welcome later.
    Full,
    /// The record will not be sent.
    Refused(Refusal),
}

/// The clients to Kafka.
pub struct Producers {
    all: Slot,
    leader: Slot,
    none: Slot,
    log: Slot,
    /// As the log's, with one record in each request.
    alone: Arc<Slot>,
    topics: Topics,
    cluster: Arc<Cluster>,
}

impl Producers {
    /// Checks the properties, and makes the client that asks about topics. Connections come by themselves, later.
    ///
    /// # Errors
    /// A property that librdkafka does not know or refuses, certificates that it cannot read.
    pub fn new(settings: &KafkaSettings, metrics: Arc<Metrics>) -> Result<Self, String> {
        let known = Arc::new(topics::Shared::new(settings.unknown_topic_ttl));
        let around = Surroundings {
            metrics,
            topics: Arc::clone(&known),
            message_max_bytes: settings.message_max_bytes,
            alone: None,
        };
        let alone = Slot::new(Lane::Log, config::alone(settings), around.clone());
        let alone = Arc::new(alone);
        let slot = |lane| {
            let around = Surroundings { alone: Some(Arc::clone(&alone)), ..around.clone() };
            Slot::new(lane, lane_config(settings, lane), around)
        };
        let lanes = Lane::ALL.map(slot);
        for lane in &lanes {
            lane.check()?;
        }
        let asking = config::asking(settings);
        let cluster = Cluster::start(asking, around.clone(), settings.auto_create_topics)?;
        let topics = Topics::start(known, Ask(Arc::clone(&cluster)))?;
        let [all, leader, none, log] = lanes;
        Ok(Self { all, leader, none, log, alone, topics, cluster })
    }

    /// Hands a record to librdkafka's queue, which copies it. It does not block, but for the making of a lane's client.
    ///
    /// # Errors
    /// The ticket comes back when the record was not taken; its sink is not told.
    pub fn send(
        &self,
        lane: Lane,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        self.slot(lane).send(record, ticket)
    }

    /// As [`Self::send`] in the log's lane, and in no batch with others: a broker refuses a whole batch for one record in
    /// it, and who was refused so is sent alone before it is given up.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_alone(
        &self,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        self.alone.send_again(record, ticket)
    }

    /// What is known of topics.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The cluster's id, once a broker told it.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.cluster.id()
    }

    /// Whether a broker answered lately, and no lane has a fatal error.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        self.cluster.ready(Instant::now())?;
        self.slots().find_map(Slot::problem).map_or(Ok(()), Err)
    }

    /// Records that are queued or on their way, in all lanes.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots().map(Slot::in_flight).sum()
    }

    /// Waits until every record was reported, at most until the deadline, and says how many were not. Blocks.
    #[must_use]
    pub fn flush(&self, deadline: Instant) -> usize {
        for slot in self.slots() {
            slot.flush(deadline);
        }
        self.in_flight()
    }

    /// Gives up what is left, each ticket with its refusal, and ends all threads. Blocks for a second or two; later
    /// records are refused.
    pub fn stop(&self) {
        // All are told before any is waited for.
        self.slots().for_each(Slot::end);
        self.cluster.end();
        self.slots().for_each(Slot::stop);
        self.topics.stop();
        self.cluster.stop();
    }

    fn slot(&self, lane: Lane) -> &Slot {
        match lane {
            Lane::Acks(Acks::All) => &self.all,
            Lane::Acks(Acks::Leader) => &self.leader,
            Lane::Acks(Acks::None) => &self.none,
            Lane::Log => &self.log,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        // The last takes from the others what was refused with its batch: it is flushed and stopped after them.
        [&self.all, &self.leader, &self.none, &self.log, &*self.alone].into_iter()
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.stop();
    }
}
