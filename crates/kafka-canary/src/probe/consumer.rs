//! Reads every partition of the topic by assignment: no group is joined, nothing is committed, no partition waits for
//! another. The loop never hangs: it ticks when nothing comes, and goes back, reads anew or makes a new client when the
//! ledgers say that something is missing.
//!
//! Partitions that exist at the start are read from their end, those made later from their beginning.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::task::{JoinHandle, coop, spawn_blocking};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::books::Books;
use super::client::{self, Consumer, why};
use crate::context::Context;
use crate::health::Loop;
use crate::ledger::Seen;
use crate::payload::Payload;
use crate::targets::Targets;
use crate::traces::{self, Traces};
use crate::workers::changed;

/// Reads until `stop`.
pub(super) async fn run(
    context: Arc<Context>,
    books: Arc<Books>,
    targets: watch::Receiver<Arc<Targets>>,
    stop: CancellationToken,
) {
    let mut reading = Reading {
        context,
        books,
        targets,
        begins: BTreeMap::new(),
        review: None,
        reviewed: None,
        counted: BTreeMap::new(),
    };
    while !stop.is_cancelled() {
        let made = tokio::select! {
            () = stop.cancelled() => return,
            made = reading.make() => made,
        };
        let Some(consumer) = made.map(Arc::new) else { continue };
        reading.read(&consumer, &stop).await;
        if let Some(review) = reading.review.take() {
            review.abort();
        }
        // Closing may wait for brokers. Nobody waits for that.
        drop(spawn_blocking(move || drop(consumer)));
    }
}

/// What outlives a client.
struct Reading {
    context: Arc<Context>,
    books: Arc<Books>,
    targets: watch::Receiver<Arc<Targets>>,
    /// The partitions that are read, and where each one was begun.
    begins: BTreeMap<i32, Offset>,
    /// A question for the bounds of logs, under way.
    review: Option<JoinHandle<Vec<Bounds>>>,
    reviewed: Option<Instant>,
    /// When an error was counted last, by reason.
    counted: BTreeMap<String, Instant>,
}

/// A partition's log: where it begins and ends, as asked at a time.
struct Bounds {
    partition: i32,
    start: i64,
    end: i64,
    asked: Instant,
}

impl Reading {
    /// Makes the client; none after a pause when that failed.
    async fn make(&self) -> Option<Consumer> {
        let context = Arc::clone(&self.context);
        match spawn_blocking(move || client::consumer(&context)).await {
            Ok(Ok(consumer)) => return Some(consumer),
            Ok(Err(error)) => error!("the consumer cannot be made: {error}"),
            Err(error) => error!("the consumer cannot be made: {error}"),
        }
        self.context.metrics.client_failed("consumer");
        self.context.health.progress(Loop::Consume);
        self.books.tick(Instant::now());
        tokio::time::sleep(PAUSE).await;
        None
    }

    /// Reads until `stop`, or until the client is of no more use.
    async fn read(&mut self, consumer: &Arc<Consumer>, stop: &CancellationToken) {
        let again: BTreeMap<i32, Offset> = self
            .begins
            .iter()
            .map(|(partition, begin)| {
                (*partition, self.books.resume(*partition).map_or(*begin, Offset::Offset))
            })
            .collect();
        assign(&self.context, consumer, again).await;
        self.follow(consumer).await;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed(&mut self.targets) => self.follow(consumer).await,
                _ = tick.tick() => self.tick(consumer).await,
                logs = finished(&mut self.review) => {
                    self.review = None;
                    for log in logs {
                        self.books.log(log.partition, log.start, log.end, log.asked);
                    }
                }
                received = consumer.recv() => match received {
                    Ok(record) => {
                        let partition = record.partition();
                        let to = self.books.read(partition, seen(&self.context, &record), Instant::now());
                        if let Some(offset) = to {
                            move_to(&self.context, consumer, BTreeMap::from([(partition, offset)])).await;
                        }
                    }
                    Err(KafkaError::PartitionEOF(partition)) => self.books.reader_stands(partition),
                    Err(error) => {
                        self.count(&error);
                        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
                            error!("the consumer is made anew: {error}");
                            return;
                        }
                    }
                },
            }
            // Records that come without a pause must not keep a worker from everything else.
            coop::consume_budget().await;
        }
    }

    /// Reads the partitions that there are now.
    async fn follow(&mut self, consumer: &Arc<Consumer>) {
        let wanted = self.targets.borrow_and_update().topic_partitions;
        let gone: Vec<i32> =
            self.begins.keys().copied().filter(|partition| *partition >= wanted).collect();
        if wanted > 0 && !gone.is_empty() {
            self.begins.retain(|partition, _| *partition < wanted);
            unassign(&self.context, consumer, gone).await;
        }
        // Before the first time nothing was sent: what is there is others'.
        let begin = if self.begins.is_empty() { Offset::End } else { Offset::Beginning };
        let new: BTreeMap<i32, Offset> = (0..wanted)
            .filter(|partition| !self.begins.contains_key(partition))
            .map(|partition| (partition, begin))
            .collect();
        self.begins.extend(new.iter().map(|(partition, begin)| (*partition, *begin)));
        assign(&self.context, consumer, new).await;
    }

    async fn tick(&mut self, consumer: &Arc<Consumer>) {
        let now = Instant::now();
        self.context.health.progress(Loop::Consume);
        self.books.tick(now);
        let mut moves = self.books.take_moves();
        moves.retain(|partition, _| self.begins.contains_key(partition));
        move_to(&self.context, consumer, moves).await;
        let due =
            self.reviewed.is_none_or(|last| now.saturating_duration_since(last) >= REVIEW_INTERVAL);
        if self.review.is_none() && due {
            let late = self.books.late(now);
            if !late.is_empty() {
                self.reviewed = Some(now);
                let (consumer, topic) =
                    (Arc::clone(consumer), self.context.settings.topic.name.clone());
                self.review = Some(spawn_blocking(move || review(&consumer, &topic, &late)));
            }
        }
    }

    /// Counts an error, one of a kind a second: librdkafka says some of them twenty times as often.
    fn count(&mut self, error: &KafkaError) {
        debug!("consumer: {error}");
        let (reason, now) = (why(error), Instant::now());
        let last = self.counted.get(&reason);
        if last.is_some_and(|last| now.saturating_duration_since(*last) < ERROR_INTERVAL) {
            return;
        }
        self.context.metrics.consume_error(&reason);
        if error.rdkafka_error_code().is_some_and(|code| METADATA_ERRORS.contains(&code)) {
            self.context.metrics.refresh_metadata_failed();
        }
        self.counted.insert(reason, now);
    }
}

/// What a record says about itself.
fn seen(context: &Context, record: &BorrowedMessage<'_>) -> Seen {
    let own = record
        .payload()
        .and_then(Payload::read)
        .filter(|payload| payload.producer_id == context.settings.kafka.client_id)
        .map(|payload| (payload.message_id, payload.timestamp));
    if let (Some(traces), Some((_, sent))) = (&context.traces, own) {
        trace(traces, record, sent);
    }
    Seen { offset: record.offset(), own }
}

/// Goes on in the trace that the record carries.
fn trace(traces: &Traces, record: &BorrowedMessage<'_>, sent: u64) {
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    let header =
        headers.filter(|header| header.key == traces::HEADER).find_map(|header| header.value);
    if let Some(header) = header {
        traces.consumed(header, record.partition(), record.offset(), sent);
    }
}

/// Asks the leaders where logs begin and end: some of the partitions, others the next time, within a bounded time.
fn review(consumer: &Consumer, topic: &str, late: &[i32]) -> Vec<Bounds> {
    let begun = Instant::now();
    // Another one first each time, so that partitions without a leader do not keep the others from being asked.
    let first = usize::try_from(begun.elapsed().as_nanos()).unwrap_or(0) % late.len().max(1);
    let mut found = Vec::new();
    for partition in late.iter().cycle().skip(first).take(late.len()) {
        let asked = Instant::now();
        if asked.saturating_duration_since(begun) > REVIEW_MAX {
            break;
        }
        match consumer.fetch_watermarks(topic, *partition, REVIEW_TIMEOUT) {
            Ok((start, end)) => found.push(Bounds { partition: *partition, start, end, asked }),
            Err(error) => debug!(partition, "the log's bounds are not known: {error}"),
        }
    }
    found
}

/// Reads these partitions from these offsets, the others as before.
async fn assign(context: &Context, consumer: &Arc<Consumer>, partitions: BTreeMap<i32, Offset>) {
    change(context, consumer, partitions, |consumer, list| consumer.incremental_assign(list)).await;
}

/// Reads these partitions no more.
async fn unassign(context: &Context, consumer: &Arc<Consumer>, partitions: Vec<i32>) {
    let partitions = partitions.into_iter().map(|partition| (partition, Offset::Invalid)).collect();
    change(context, consumer, partitions, |consumer, list| consumer.incremental_unassign(list))
        .await;
}

/// Reads these partitions from elsewhere. What was fetched of them and not handed out yet is dropped by librdkafka.
async fn move_to(context: &Context, consumer: &Arc<Consumer>, partitions: BTreeMap<i32, i64>) {
    if !partitions.is_empty() {
        unassign(context, consumer, partitions.keys().copied().collect()).await;
        let partitions = partitions
            .into_iter()
            .map(|(partition, offset)| (partition, Offset::Offset(offset)))
            .collect();
        assign(context, consumer, partitions).await;
    }
}

/// These calls wait for librdkafka's own thread, which is not to be waited for here.
async fn change(
    context: &Context,
    consumer: &Arc<Consumer>,
    partitions: BTreeMap<i32, Offset>,
    call: impl FnOnce(&Consumer, &TopicPartitionList) -> KafkaResult<()> + Send + 'static,
) {
    if partitions.is_empty() {
        return;
    }
    debug!(?partitions, "the assignment changes");
    let (consumer, topic) = (Arc::clone(consumer), context.settings.topic.name.clone());
    let changed = spawn_blocking(move || {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, offset) in partitions {
            list.add_partition_offset(&topic, partition, offset)?;
        }
        call(&consumer, &list)
    });
    match changed.await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => {
            warn!("the assignment of partitions was refused: {error}");
            context.metrics.consume_error("assignment");
        }
        Err(error) => error!("the assignment of partitions failed: {error}"),
    }
}

/// The review's result, when there is one under way.
async fn finished(review: &mut Option<JoinHandle<Vec<Bounds>>>) -> Vec<Bounds> {
    match review {
        Some(review) => review.await.unwrap_or_default(),
        None => pending().await,
    }
}

/// Errors that say that the topic or its leaders are not known.
const METADATA_ERRORS: [RDKafkaErrorCode; 6] = [
    RDKafkaErrorCode::UnknownTopic,
    RDKafkaErrorCode::UnknownPartition,
    RDKafkaErrorCode::UnknownTopicOrPartition,
    RDKafkaErrorCode::LeaderNotAvailable,
    RDKafkaErrorCode::NotLeaderForPartition,
    RDKafkaErrorCode::AllBrokersDown,
];

/// How often the ledgers are told the time, and the loop shows that it is alive.
const TICK: Duration = Duration::from_millis(500);

/// Between two errors of a kind that are counted.
const ERROR_INTERVAL: Duration = Duration::from_secs(1);

/// Between two attempts to make the client.
const PAUSE: Duration = Duration::from_secs(5);

/// Between two questions for the bounds of logs, while some record is late.
const REVIEW_INTERVAL: Duration = Duration::from_secs(5);

/// For all partitions of a review, and for one.
const REVIEW_MAX: Duration = Duration::from_secs(4);
const REVIEW_TIMEOUT: Duration = Duration::from_secs(1);
