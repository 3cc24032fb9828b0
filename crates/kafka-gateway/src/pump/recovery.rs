//! After a crash: which records of unfinished entries are in Kafka already, so that they are not sent again.
//!
//! Only records with an Idempotency-Key can be told apart, by the header that they carry and by what they are: the same
//! key of another client, or another record under the same key, is another record. A record is called found once for
//! each time it is there. What cannot be read (no right to, no broker for a long time) is sent again: at least once.
//! Why a search waits although it reached the end: docs/decisions/0018-a-restart-reads-before-it-sends.md.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use kafka_gateway_api::{Position, Record};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Known, NothingKnown};
use crate::producer::{Reader, header, is_gone, reader};
use crate::settings::KafkaSettings;
use crate::wal::Entry;

/// What is to be looked for, before it is.
pub struct Search<I> {
    kafka: KafkaSettings,
    entries: I,
    offsets: Vec<(String, i32, i64)>,
}

impl<I: Iterator<Item = (u64, Vec<u8>)> + Send + 'static> Search<I> {
    /// For these entries, that were not delivered when the process before ended. Their records lie above the offsets, in
    /// partitions that have one.
    pub fn new(kafka: &KafkaSettings, entries: I, offsets: Vec<(String, i32, i64)>) -> Self {
        Self { kafka: kafka.clone(), entries, offsets }
    }

    /// Reads what has to be read; waits for Kafka, until `stop`.
    pub async fn find(self, stop: CancellationToken) -> Arc<dyn Known> {
        let (tell, told) = oneshot::channel();
        let for_thread = stop.clone();
        // A thread of its own: the runtime would wait for it at the end, and a call to a broker takes its time.
        let thread = thread::Builder::new().name("recovery".to_owned()).spawn(move || {
            let mut wanted = Wanted::of(self.entries);
            if wanted.records > 0 {
                wanted.find(&self.kafka, &self.offsets, &for_thread);
            }
            // Who stopped does not ask.
            let _ = tell.send(wanted.found);
        });
        if let Err(error) = thread {
            error!("nothing is looked for in Kafka, for want of a thread: {error}");
            return Arc::new(NothingKnown);
        }
        tokio::select! {
            () = stop.cancelled() => Arc::new(NothingKnown),
            found = told => match found {
                Ok(found) => Arc::new(found),
                Err(_) => {
                    error!("looking for records in Kafka failed, and they are sent again");
                    Arc::new(NothingKnown)
                }
            }
        }
    }
}

/// Records that are in Kafka, by their entry and index.
#[derive(Default)]
struct Found(HashMap<(u64, u32), Position>);

impl Known for Found {
    fn skip(&self, sequence: u64, index: u32) -> Option<Position> {
        self.0.get(&(sequence, index)).copied()
    }
}

/// What is looked for.
#[derive(Default)]
struct Wanted {
    /// By what a record is; in the order of the log.
    places: HashMap<u64, VecDeque<(u64, u32)>>,
    /// Each topic with the oldest timestamp that a record of it may have.
    topics: BTreeMap<String, i64>,
    records: usize,
    found: Found,
}

impl Wanted {
    fn of(entries: impl Iterator<Item = (u64, Vec<u8>)>) -> Self {
        let mut wanted = Self::default();
        for (sequence, bytes) in entries {
            if wanted.records >= WANTED_MAX {
                warn!(records = wanted.records, "more unfinished records than are looked for");
                break;
            }
            // What is no entry is told by the pump.
            if let Ok(entry) = Entry::decode(&bytes) {
                wanted.add(sequence, &entry);
            }
        }
        wanted
    }

    fn add(&mut self, sequence: u64, entry: &Entry<'_>) {
        let head = &entry.head;
        for (index, record) in &entry.records {
            let (at, count) = (*index as usize, head.count as usize);
            let Some(key) = Entry::key_of(head.idempotency_key, at, count) else { return };
            self.places
                .entry(digest(key.as_bytes(), record))
                .or_default()
                .push_back((sequence, *index));
            self.records += 1;
            let oldest = record.timestamp_ms.unwrap_or(head.accepted_ms).min(head.accepted_ms);
            match self.topics.get_mut(&*record.topic) {
                Some(known) => *known = oldest.min(*known),
                None => drop(self.topics.insert(record.topic.clone().into_owned(), oldest)),
            }
        }
    }

    fn find(
        &mut self,
        kafka: &KafkaSettings,
        offsets: &[(String, i32, i64)],
        stop: &CancellationToken,
    ) {
        info!(
            records = self.records,
            topics = self.topics.len(),
            "looking for them in Kafka first"
        );
        let begun = Instant::now();
        for (topic, oldest_ms) in std::mem::take(&mut self.topics) {
            let known = offsets.iter().filter(|(name, _, _)| *name == topic);
            let known: HashMap<i32, i64> =
                known.map(|(_, part, offset)| (*part, *offset)).collect();
            let about = Topic { name: &topic, oldest_ms, known };
            if let Err(why) = self.find_in(kafka, &about, begun, stop) {
                warn!(
                    topic,
                    "cannot be searched, and its unfinished records are sent again: {why}"
                );
            }
            if stop.is_cancelled() {
                return;
            }
        }
        let (found, took) = (self.found.0.len(), begun.elapsed());
        info!(found, ?took, "found in Kafka, and not sent again");
    }

    fn find_in(
        &mut self,
        kafka: &KafkaSettings,
        topic: &Topic<'_>,
        begun: Instant,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let text = |error: KafkaError| error.to_string();
        let consumer = reader(kafka).map_err(text)?;
        let assignment = loop {
            match topic.starts(&consumer) {
                Ok(assignment) => break assignment,
                // Without a topic nothing is in it, and the pump says what becomes of its records.
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) if is_final(&error) => return Err(error.to_string()),
                // Nothing can be sent either, so there is no hurry.
                Err(_) if !stop.is_cancelled() => thread::sleep(AGAIN),
                Err(error) => return Err(error.to_string()),
            }
        };
        let open: BTreeSet<i32> =
            assignment.elements().iter().map(|part| part.partition()).collect();
        consumer.assign(&assignment).map_err(text)?;
        self.read(&consumer, topic.name, open, begun, stop)
    }

    /// Reads until each partition's end was seen after the time that requests of a dead process may take.
    fn read(
        &mut self,
        consumer: &Reader,
        topic: &str,
        mut open: BTreeSet<i32>,
        begun: Instant,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let (settled, until) = (begun + SETTLE, Instant::now() + TOPIC_MAX);
        let mut at_end: BTreeSet<i32> = BTreeSet::new();
        while !open.is_empty() && !stop.is_cancelled() {
            if Instant::now() >= until {
                return Err(format!("it takes longer than {} s", TOPIC_MAX.as_secs()));
            }
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    at_end.remove(&message.partition());
                    self.seen(topic, &message);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    at_end.insert(partition);
                }
                Some(Err(error)) if is_final(&error) || is_gone(&error) => {
                    return Err(error.to_string());
                }
                // A broker that is away comes back, or the time is over.
                Some(Err(_)) | None => {}
            }
            if Instant::now() >= settled {
                open.retain(|partition| !at_end.contains(partition));
            }
        }
        Ok(())
    }

    fn seen(&mut self, topic: &str, message: &BorrowedMessage<'_>) {
        let Some(Some(key)) = header(message, c"idempotency-key") else { return };
        let what = digest_of(key, topic, message.key(), message.payload());
        let Some(places) = self.places.get_mut(&what) else { return };
        if let Some(place) = places.pop_front() {
            let position = Position {
                partition: message.partition(),
                offset: Some(message.offset()),
                timestamp_ms: message.timestamp().to_millis(),
            };
            self.found.0.insert(place, position);
        }
    }
}

/// Where a topic is searched.
struct Topic<'a> {
    name: &'a str,
    oldest_ms: i64,
    /// The highest offsets below which nothing is.
    known: HashMap<i32, i64>,
}

impl Topic<'_> {
    /// Every partition, and where it is read from.
    fn starts(&self, consumer: &Reader) -> Result<TopicPartitionList, KafkaError> {
        let metadata = consumer.fetch_metadata(Some(self.name), TIMEOUT)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.name);
        let gone = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
        let topic = topic.ok_or(gone)?;
        if let Some(error) = topic.error() {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let (mut starts, mut by_time) = (TopicPartitionList::new(), TopicPartitionList::new());
        let from_ms = self.oldest_ms.saturating_sub(MARGIN_MS).max(0);
        for partition in topic.partitions().iter().map(|partition| partition.id()) {
            match self.known.get(&partition) {
                Some(offset) => starts.add_partition_offset(
                    self.name,
                    partition,
                    Offset::Offset(offset.saturating_add(1)),
                )?,
                None => {
                    by_time.add_partition_offset(self.name, partition, Offset::Offset(from_ms))?;
                }
            }
        }
        if by_time.count() > 0 {
            for part in consumer.offsets_for_times(by_time, TIMEOUT)?.elements() {
                part.error()?;
                starts.add_partition_offset(self.name, part.partition(), part.offset())?;
            }
        }
        Ok(starts)
    }
}

/// Whether it stays as it is until an operator changes something. Rights to a group are not needed: none is joined.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::InvalidTopic)
    )
}

fn digest(key: &[u8], record: &Record<'_>) -> u64 {
    digest_of(key, &record.topic, record.key.as_deref(), record.value.as_deref())
}

/// What a record is: two of the same digest are the same for whoever reads them.
fn digest_of(header: &[u8], topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (header, topic, key, value).hash(&mut hasher);
    hasher.finish()
}

/// Records that are looked for, at most: 64 bytes each. More are never on their way at once.
const WANTED_MAX: usize = 500_000;

/// How long a broker may need for requests of a process that is gone, counted from the start of this one.
const SETTLE: Duration = Duration::from_secs(3);

/// How long one topic may take.
const TOPIC_MAX: Duration = Duration::from_secs(300);

/// Clocks of the gateway and of brokers differ by less.
const MARGIN_MS: i64 = 60_000;

const TIMEOUT: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
