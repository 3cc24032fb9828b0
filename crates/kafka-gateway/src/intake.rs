//! From a request's records to their outcomes: one path for all dialects.
//!
//! Every record gets exactly one outcome, in the request's order, and a success is said only of what Kafka acknowledged,
//! of what the write-ahead log holds, or, without a log and when nobody waits, of what librdkafka's queue took. Checks
//! come before limits, and limits before work: what is refused costs its client nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafka_gateway_api::{Outcome, Record, Refusal};
use tokio::time::timeout;

mod batch;

use crate::auth::Client;
use crate::idempotency::{Claim, Held, Keys};
use crate::limits::Limits;
use crate::producer::{Detached, Lane, Producers, SendError, Sink, Ticket, is_of_a_batch};
use crate::pump::Pump;
use crate::settings::Acks;
use crate::wal::{AppendError, Entry, EntryHead, Wal};
use batch::Batch;

/// A request, in whatever dialect it came.
pub struct Submission<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// In the order of the request; the outcomes come in the same.
    pub records: Vec<Record<'a>>,
    /// `None` is the configured.
    pub acks: Option<Acks>,
    /// Whether to answer after Kafka did; otherwise after the write-ahead log did.
    pub wait: bool,
    /// The header Idempotency-Key.
    pub idempotency_key: Option<&'a str>,
    /// Of the whole body, to notice a key that is used for something else.
    pub fingerprint: u64,
}

/// What the request's records became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// One a record.
    pub outcomes: Vec<Outcome>,
    /// The answer of an earlier request with the same Idempotency-Key.
    pub replayed: bool,
}

/// What an intake works with.
pub struct Parts {
    /// To Kafka.
    pub producers: Arc<Producers>,
    /// For each topic.
    pub limits: Limits,
    /// Idempotency-Keys.
    pub keys: Arc<Keys>,
    /// The write-ahead log, when there is one.
    pub log: Option<Log>,
    /// For requests that name none.
    pub acks: Acks,
    /// A larger record is refused.
    pub message_max_bytes: usize,
    /// How long a request waits for what is in the log.
    pub message_timeout: Duration,
}

/// The write-ahead log and what empties it.
pub struct Log {
    /// The log.
    pub wal: Arc<Wal>,
    /// From the log to Kafka.
    pub pump: Arc<Pump>,
}

/// Takes requests from all dialects.
pub struct Intake {
    parts: Parts,
    detached: Arc<dyn Sink>,
    stopping: AtomicBool,
}

/// One a record; `None` is not decided yet.
type Slots = Vec<Option<Outcome>>;

impl Intake {
    /// An intake over these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts, detached: Arc::new(Detached), stopping: AtomicBool::new(false) }
    }

    /// Refuses what comes from now on; what was taken goes on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Decides about every record. Dropping the future gives up the answer, and no record that was taken.
    pub async fn submit(&self, submission: &Submission<'_>) -> Submitted {
        let count = submission.records.len();
        if self.stopping.load(Ordering::Acquire) {
            return whole(count, Refusal::Stopping);
        }
        let Some(key) = submission.idempotency_key else {
            return fresh(self.work(submission, vec![None; count], None).await);
        };
        let (client, fingerprint) = (&submission.client.name, submission.fingerprint);
        match self.parts.keys.claim(client, key, fingerprint, count, Instant::now()) {
            Claim::InProgress => whole(count, Refusal::InProgress),
            Claim::Reused => whole(count, Refusal::KeyReused),
            Claim::Full => {
                let what = "the table of idempotency keys";
                whole(count, Refusal::Full { what, retry_after: FULL_RETRY })
            }
            Claim::Answered(outcomes) => Submitted { outcomes: outcomes.to_vec(), replayed: true },
            Claim::New(held) => fresh(self.work(submission, vec![None; count], Some(held)).await),
            Claim::Again(held, before) => {
                let left = |outcome: &Outcome| outcome.is_success().then(|| outcome.clone());
                let slots = before.iter().map(left).collect();
                fresh(self.work(submission, slots, Some(held)).await)
            }
        }
    }

    async fn work(
        &self,
        submission: &Submission<'_>,
        mut slots: Slots,
        held: Option<Held>,
    ) -> Vec<Outcome> {
        let begun = Instant::now();
        self.admit(submission, &mut slots).await;
        match &self.parts.log {
            Some(log) if held.is_some() || !submission.wait => {
                self.to_log(log, submission, &mut slots, held, begun).await;
                decided(slots)
            }
            _ => {
                self.to_kafka(submission, &mut slots, begun).await;
                let outcomes = decided(slots);
                if let Some(held) = held {
                    held.answer(outcomes.as_slice().into(), Instant::now());
                }
                outcomes
            }
        }
    }

    /// Fills the slots of records that are not to be written.
    async fn admit(&self, submission: &Submission<'_>, slots: &mut Slots) {
        for (record, slot) in submission.records.iter().zip(slots) {
            if slot.is_none()
                && let Err(refusal) = self.check(submission.client, record).await
            {
                *slot = Some(Outcome::Refused(refusal));
            }
        }
    }

    async fn check(&self, client: &Client, record: &Record<'_>) -> Result<(), Refusal> {
        if !client.may_write(&record.topic) {
            return Err(Refusal::Forbidden(record.topic.clone().into_owned()));
        }
        let (size_bytes, limit_bytes) = (record.size_bytes(), self.parts.message_max_bytes);
        if size_bytes > limit_bytes {
            return Err(Refusal::TooLarge { size_bytes, limit_bytes });
        }
        let topics = self.parts.producers.topics();
        let partitions = match topics.known(&record.topic) {
            Some(known) => known,
            None => topics.partitions(&record.topic).await,
        }?;
        if let Some(partition) = record.partition
            && !(0..partitions).contains(&partition)
        {
            let topic = record.topic.clone().into_owned();
            return Err(Refusal::UnknownPartition { topic, partition });
        }
        self.parts.limits.take(client, &record.topic, size_bytes as u64, Instant::now())
    }

    /// Straight to librdkafka: everything at once, so that one request costs one linger and not one for each record.
    async fn to_kafka(&self, submission: &Submission<'_>, slots: &mut Slots, begun: Instant) {
        let lane = Lane::from(submission.acks.unwrap_or(self.parts.acks));
        if !submission.wait {
            for (index, slot) in slots.iter_mut().enumerate() {
                if slot.is_none() {
                    let sink = self.detached.clone();
                    *slot = Some(match self.send(Some(lane), submission, index, sink, begun) {
                        Ok(()) => Outcome::Accepted { durable: false },
                        Err(refusal) => Outcome::Refused(refusal),
                    });
                }
            }
            return;
        }
        let open: Vec<usize> =
            slots.iter().enumerate().filter_map(|(i, slot)| slot.is_none().then_some(i)).collect();
        if open.is_empty() {
            return;
        }
        let (batch, done) = Batch::new(slots.len(), open.len());
        for index in open {
            if let Err(refusal) = self.send(Some(lane), submission, index, batch.clone(), begun) {
                batch.decide(index, Outcome::Refused(refusal));
            }
        }
        drop(batch);
        fill(slots, done.await.unwrap_or_default());
        self.alone(submission, slots, begun).await;
    }

    /// Once more, and without neighbours, what was refused with a batch that others were in too.
    async fn alone(&self, submission: &Submission<'_>, slots: &mut Slots, begun: Instant) {
        let of_a_batch = |slot: &Option<Outcome>| match slot {
            Some(Outcome::Refused(refusal)) => is_of_a_batch(refusal),
            _ => false,
        };
        let again = slots.iter().filter(|slot| of_a_batch(slot)).count();
        if again == 0 {
            return;
        }
        let (batch, done) = Batch::new(slots.len(), again);
        for (index, slot) in slots.iter_mut().enumerate().filter(|(_, slot)| of_a_batch(slot)) {
            *slot = None;
            if let Err(refusal) = self.send(None, submission, index, batch.clone(), begun) {
                batch.decide(index, Outcome::Refused(refusal));
            }
        }
        drop(batch);
        if let Ok(decided) = timeout(self.parts.message_timeout, done).await {
            fill(slots, decided.unwrap_or_default());
        }
        fill_open(slots, &Outcome::Refused(not_yet()));
    }

    /// In a lane, or alone.
    fn send(
        &self,
        lane: Option<Lane>,
        submission: &Submission<'_>,
        index: usize,
        sink: Arc<dyn Sink>,
        begun: Instant,
    ) -> Result<(), Refusal> {
        let Some(record) = submission.records.get(index) else {
            return Err(Refusal::Stopping);
        };
        let ticket = Box::new(Ticket { sink, index: index as u64, sent: Instant::now() });
        let sent = match Entry::key_of(submission.idempotency_key, index, submission.records.len())
        {
            None => self.hand_over(lane, record, ticket),
            Some(key) => self.hand_over(lane, &record.clone().keyed(&key), ticket),
        };
        sent.map_err(|(error, _ticket)| {
            self.give_back(submission.client, record, begun);
            match error {
                SendError::Full => Refusal::Full { what: "queue", retry_after: FULL_RETRY },
                SendError::Refused(refusal) => refusal,
            }
        })
    }

    fn hand_over(
        &self,
        lane: Option<Lane>,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        match lane {
            Some(lane) => self.parts.producers.send(lane, record, ticket),
            None => self.parts.producers.send_alone(record, ticket),
        }
    }

    /// What a record took of its limits, when it was then not taken further.
    fn give_back(&self, client: &Client, record: &Record<'_>, begun: Instant) {
        let size_bytes = record.size_bytes() as u64;
        self.parts.limits.give_back(client, &record.topic, size_bytes, begun, Instant::now());
    }

    /// Through the log: one entry for what is left of the request.
    async fn to_log(
        &self,
        log: &Log,
        submission: &Submission<'_>,
        slots: &mut Slots,
        held: Option<Held>,
        begun: Instant,
    ) {
        let open = || {
            let records = submission.records.iter().enumerate().zip(slots.iter());
            records.filter_map(|((index, record), slot)| match slot {
                None => u32::try_from(index).ok().map(|index| (index, record)),
                Some(_) => None,
            })
        };
        if open().next().is_none() {
            if let Some(held) = held {
                held.answer(decided(slots.clone()).into(), Instant::now());
            }
            return;
        }
        let waiter = submission.wait.then(|| log.pump.expect());
        let head = EntryHead {
            token: waiter.as_ref().map_or(0, |(token, _)| *token),
            waits: submission.wait,
            client: &submission.client.name,
            idempotency_key: submission.idempotency_key,
            fingerprint: submission.fingerprint,
            accepted_ms: now_ms(),
            count: u32::try_from(submission.records.len()).unwrap_or(u32::MAX),
        };
        let mut entry = Vec::new();
        Entry::encode(&head, open(), &mut entry);
        if let Err(error) = log.wal.append(entry).await {
            if let Some((token, _)) = waiter {
                log.pump.forget(token);
            }
            for (_, record) in open() {
                self.give_back(submission.client, record, begun);
            }
            let refusal = match error {
                AppendError::Full => Refusal::Full { what: "log", retry_after: FULL_RETRY },
                AppendError::Failed(error) => Refusal::LogFailed(error.to_string()),
                AppendError::Stopping => Refusal::Stopping,
            };
            fill_open(slots, &Outcome::Refused(refusal));
            return;
        }
        let Some((token, outcomes)) = waiter else {
            fill_open(slots, &Outcome::Accepted { durable: true });
            if let Some(held) = held {
                held.logged(Some(decided(slots.clone()).into()), Instant::now());
            }
            return;
        };
        if let Some(held) = held {
            held.logged(None, Instant::now());
        }
        match timeout(self.parts.message_timeout, outcomes).await {
            Ok(Ok(outcomes)) => {
                for (index, outcome) in outcomes {
                    if let Some(slot) = slots.get_mut(index as usize) {
                        *slot = Some(outcome);
                    }
                }
            }
            Ok(Err(_)) | Err(_) => log.pump.forget(token),
        }
        fill_open(slots, &Outcome::Refused(not_yet()));
    }
}

fn fresh(outcomes: Vec<Outcome>) -> Submitted {
    Submitted { outcomes, replayed: false }
}

fn whole(count: usize, refusal: Refusal) -> Submitted {
    fresh(vec![Outcome::Refused(refusal); count])
}

fn fill(slots: &mut Slots, outcomes: Vec<Option<Outcome>>) {
    for (slot, outcome) in slots.iter_mut().zip(outcomes) {
        if slot.is_none() {
            *slot = outcome;
        }
    }
}

fn fill_open(slots: &mut Slots, outcome: &Outcome) {
    for slot in slots.iter_mut().filter(|slot| slot.is_none()) {
        *slot = Some(outcome.clone());
    }
}

/// A slot that nobody filled was sent and never reported, which only the end of the process explains.
fn decided(slots: Slots) -> Vec<Outcome> {
    slots.into_iter().map(|slot| slot.unwrap_or_else(|| Outcome::Refused(not_yet()))).collect()
}

fn not_yet() -> Refusal {
    Refusal::Unknown {
        code: TIMED_OUT,
        name: "_TIMED_OUT",
        message: "not acknowledged in time; it may be in Kafka, or come there later".to_owned(),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A queue of a second's work is a large one.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// librdkafka's `RD_KAFKA_RESP_ERR__TIMED_OUT`.
const TIMED_OUT: i32 = -185;
