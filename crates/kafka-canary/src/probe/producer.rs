//! Sends each partition's record when it is due. Sending never waits: librdkafka queues for each partition, and what
//! became of a record comes by its thread. A record that cannot even be queued has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::books::Books;
use super::client::{self, Producer, Sent, why};
use super::schedule::{Due, Schedule};
use crate::context::Context;
use crate::health::Loop;
use crate::payload::Payload;
use crate::targets::Targets;
use crate::traces;
use crate::workers::changed;

/// Sends until `stop`.
pub(super) async fn run(
    context: Arc<Context>,
    books: Arc<Books>,
    mut targets: watch::Receiver<Arc<Targets>>,
    stop: CancellationToken,
) {
    let mut schedule = Schedule::new(context.settings.probe.interval);
    let mut sender = Sender::new(Arc::clone(&context), Arc::clone(&books));
    follow(&context, &mut schedule, &mut sender, &books, &mut targets);
    let making = make(Arc::clone(&context), books.clone());
    tokio::pin!(making);
    loop {
        let idle = Instant::now() + if sender.held.is_empty() { AWAKE } else { HELD_LOOK };
        let wake = schedule.wake().map_or(idle, |due| due.min(idle));
        tokio::select! {
            () = stop.cancelled() => break,
            () = changed(&mut targets) => follow(&context, &mut schedule, &mut sender, &books, &mut targets),
            producer = &mut making, if sender.producer.is_none() => sender.producer = Some(producer),
            () = tokio::time::sleep_until(wake.into()) => (),
        }
        context.health.progress(Loop::Produce);
        let now = Instant::now();
        for due in schedule.due(now) {
            sender.due(&due, now);
        }
        sender.release(now);
    }
    if let Some(producer) = sender.producer.take() {
        // Waits for brokers, for half a second at most.
        let _ = tokio::task::spawn_blocking(move || drop(producer)).await;
    }
}

/// Partitions as the targets have them; before anything is known, as many as brokers are expected.
fn follow(
    context: &Context,
    schedule: &mut Schedule,
    sender: &mut Sender,
    books: &Books,
    targets: &mut watch::Receiver<Arc<Targets>>,
) {
    let targets = Arc::clone(&targets.borrow_and_update());
    sender.known = !targets.brokers.is_empty();
    let expected =
        context.settings.topic.expected_brokers.filter(|_| targets.partitions.is_empty());
    let expected = expected.and_then(|brokers| i32::try_from(brokers).ok()).unwrap_or(0);
    let known = targets.partitions.iter().map(|target| target.partition);
    sender.held.retain(|partition, _| targets.leader(*partition).is_some());
    schedule.follow(known.chain(0..expected), Instant::now());
    books.follow(targets);
}

/// Makes the client, however often that takes.
async fn make(context: Arc<Context>, books: Arc<Books>) -> Producer {
    loop {
        let (for_client, books) = (Arc::clone(&context), Arc::clone(&books));
        match tokio::task::spawn_blocking(move || client::producer(&for_client, books)).await {
            Ok(Ok(producer)) => return producer,
            Ok(Err(error)) => error!("the producer cannot be made: {error}"),
            Err(error) => error!("the producer cannot be made: {error}"),
        }
        context.metrics.client_failed("producer");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes records, with one message id over all partitions.
struct Sender {
    context: Arc<Context>,
    books: Arc<Books>,
    producer: Option<Producer>,
    /// Whether the cluster was ever reached, so that there is something to send to.
    known: bool,
    next_id: u64,
    value: Vec<u8>,
    /// Partitions that wait for their reader before their first record, and until when.
    held: BTreeMap<i32, Instant>,
    begun: BTreeSet<i32>,
}

impl Sender {
    fn new(context: Arc<Context>, books: Arc<Books>) -> Self {
        Self {
            context,
            books,
            producer: None,
            known: false,
            next_id: 0,
            value: Vec::new(),
            held: BTreeMap::new(),
            begun: BTreeSet::new(),
        }
    }

    /// A partition's time has come. Its first record waits until somebody reads there, for a while: the canary's own
    /// start is no latency of the cluster.
    fn due(&mut self, due: &Due, now: Instant) {
        if self.known && self.begun.insert(due.partition) {
            self.held.insert(due.partition, now + READER_WAIT);
        }
        if !self.held.contains_key(&due.partition) {
            self.probe(due);
        }
    }

    /// Sends the first records of partitions whose reader stands, or is not waited for any more.
    fn release(&mut self, now: Instant) {
        let books = Arc::clone(&self.books);
        let ready: Vec<i32> = self
            .held
            .extract_if(.., |partition, until| *until <= now || books.has_reader(*partition))
            .map(|(partition, _)| partition)
            .collect();
        for partition in ready {
            self.probe(&Due { partition, missed: 0 });
        }
    }

    fn probe(&mut self, due: &Due) {
        for _ in 0..due.missed {
            self.books.due(due.partition);
            self.books.not_produced(due.partition, "missed");
        }
        self.books.due(due.partition);
        match &self.producer {
            _ if !self.known => self.books.not_produced(due.partition, "no_cluster"),
            None => self.books.not_produced(due.partition, "no_client"),
            Some(producer) => {
                let id = self.next_id;
                self.next_id += 1;
                send(&self.context, &self.books, producer, due.partition, id, &mut self.value);
            }
        }
    }
}

fn send(
    context: &Context,
    books: &Books,
    producer: &Producer,
    partition: i32,
    id: u64,
    value: &mut Vec<u8>,
) {
    let settings = &context.settings;
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let timestamp = u64::try_from(timestamp).unwrap_or(u64::MAX);
    let payload = Payload {
        producer_id: settings.kafka.client_id.as_str().into(),
        message_id: id,
        timestamp,
    };
    if let Err(error) = payload.write(settings.probe.value_bytes, value) {
        error!("a record cannot be written as JSON: {error}");
        return books.not_produced(partition, "payload");
    }
    let at = Instant::now();
    books.sent(partition, id, timestamp, at);
    let trace = context.traces.as_ref().and_then(|traces| traces.begin());
    let mut record: BaseRecord<'_, (), [u8], Box<Sent>> = BaseRecord::with_opaque_to(
        &settings.topic.name,
        Box::new(Sent { partition, id, at, trace }),
    )
    .partition(partition)
    .payload(value);
    if let Some(place) = trace {
        let value = Some(&place.header());
        record = record.headers(
            OwnedHeaders::new_with_capacity(1).insert(Header { key: traces::HEADER, value }),
        );
    }
    if let Err((error, _)) = producer.send(record) {
        debug!(partition, "not sent: {error}");
        books.failed(partition, id, &why(&error));
    }
}

/// How often the loop shows that it is alive when nothing is due.
const AWAKE: Duration = Duration::from_secs(1);

/// How long a partition's first record waits for its reader, and how often that is looked at.
const READER_WAIT: Duration = Duration::from_secs(5);
const HELD_LOOK: Duration = Duration::from_millis(50);

/// Between two attempts to make the client.
const PAUSE: Duration = Duration::from_secs(5);
