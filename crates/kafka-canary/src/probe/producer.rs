//! Sends each partition's record when it is due. Sending never waits: librdkafka queues for each partition, and what
//! became of a record comes by its thread. A record that cannot even be queued has failed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::producer::BaseRecord;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::books::Books;
use super::client::{self, Producer, Sent, why};
use super::schedule::{Due, Schedule};
use crate::health::Loop;
use crate::payload::Payload;
use crate::run::Context;
use crate::targets::Targets;
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
        let idle = Instant::now() + AWAKE;
        let wake = schedule.wake().map_or(idle, |due| due.min(idle));
        tokio::select! {
            () = stop.cancelled() => break,
            () = changed(&mut targets) => follow(&context, &mut schedule, &mut sender, &books, &mut targets),
            producer = &mut making, if sender.producer.is_none() => sender.producer = Some(producer),
            () = tokio::time::sleep_until(wake.into()) => (),
        }
        context.health.progress(Loop::Produce);
        for due in schedule.due(Instant::now()) {
            sender.probe(&due);
        }
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
    let expected = context.settings.topic.expected_brokers.filter(|_| targets.partitions.is_empty());
    let expected = expected.and_then(|brokers| i32::try_from(brokers).ok()).unwrap_or(0);
    let known = targets.partitions.iter().map(|target| target.partition);
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
}

impl Sender {
    fn new(context: Arc<Context>, books: Arc<Books>) -> Self {
        Self { context, books, producer: None, known: false, next_id: 0, value: Vec::new() }
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

fn send(context: &Context, books: &Books, producer: &Producer, partition: i32, id: u64, value: &mut Vec<u8>) {
    let settings = &context.settings;
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let timestamp = u64::try_from(timestamp).unwrap_or(u64::MAX);
    let payload =
        Payload { producer_id: settings.kafka.client_id.as_str().into(), message_id: id, timestamp };
    if let Err(error) = payload.write(settings.probe.value_bytes, value) {
        error!("a record cannot be written as JSON: {error}");
        return books.not_produced(partition, "payload");
    }
    let at = Instant::now();
    books.sent(partition, id, timestamp, at);
    let record: BaseRecord<'_, (), [u8], Box<Sent>> =
        BaseRecord::with_opaque_to(&settings.topic.name, Box::new(Sent { partition, id, at }))
            .partition(partition)
            .payload(value);
    if let Err((error, _)) = producer.send(record) {
        debug!(partition, "not sent: {error}");
        books.failed(partition, id, &why(&error));
    }
}

/// How often the loop shows that it is alive when nothing is due.
const AWAKE: Duration = Duration::from_secs(1);

/// Between two attempts to make the client.
const PAUSE: Duration = Duration::from_secs(5);
