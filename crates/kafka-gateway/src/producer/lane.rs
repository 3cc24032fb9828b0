//! A lane's producer: made at first use, polled by a thread of its own, replaced when librdkafka says that it is lost.
//!
//! An idempotent producer ends with a fatal error when it can no longer keep its promise (a sequence that the broker
//! does not accept, rights that are missing). Its records come back with what is known of each, and the next record gets
//! a new client, which begins sequences of its own.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_gateway_api::{Record, Refusal};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use tracing::error;

use super::classify::{self, About};
use super::client::{Client, Context, Surroundings};
use super::native::Persisted;
use super::{Lane, SendError, Ticket};

/// A place for a lane's producer.
pub(super) struct Slot {
    inner: Arc<Inner>,
}

struct Inner {
    lane: Lane,
    config: ClientConfig,
    around: Surroundings,
    state: RwLock<State>,
    /// Fatal errors one after the other.
    failures: AtomicU32,
    stopping: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum State {
    /// Nobody needed it yet, or the last one is lost.
    Absent,
    Up(Arc<Client>),
    /// Lost more than once in a short time: not before then again.
    Pausing {
        until: Instant,
        refusal: Refusal,
    },
    Stopped,
}

impl Slot {
    pub(super) fn new(lane: Lane, config: ClientConfig, around: Surroundings) -> Self {
        let inner = Inner {
            lane,
            config,
            around,
            state: RwLock::new(State::Absent),
            failures: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a client and lets it go: a wrong combination of properties is known at the start.
    pub(super) fn check(&self) -> Result<(), String> {
        self.inner
            .make()
            .map(drop)
            .map_err(|error| format!("lane {}: {error}", self.inner.lane.name()))
    }

    pub(super) fn send(
        &self,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        if let State::Up(client) = &*self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
        {
            return self.inner.send(client, record, ticket);
        }
        match Inner::start(&self.inner) {
            Ok(client) => self.inner.send(&client, record, ticket),
            Err(refusal) => Err((SendError::Refused(refusal), ticket)),
        }
    }

    /// As [`Self::send`], for a record whose batch was refused.
    pub(super) fn send_again(
        &self,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        self.send(record, ticket)?;
        self.inner.around.metrics.sent_alone();
        Ok(())
    }

    /// Records that are queued or on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.inner.client().map_or(0, |client| count(&client))
    }

    /// Sends what waits for more of its kind, and waits for the reports.
    pub(super) fn flush(&self, deadline: Instant) {
        if let Some(client) = self.inner.client() {
            // What is left is counted, not told as an error.
            let _ = client.flush(deadline.saturating_duration_since(Instant::now()));
            // The last reports may be on their way from the polling thread to who waits for them.
            while count(&client) > 0 && Instant::now() < deadline {
                thread::sleep(REPORTED);
            }
        }
    }

    /// Why this lane cannot be used, when it cannot.
    pub(super) fn problem(&self) -> Option<String> {
        match &*self.inner.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Pausing { until, refusal } if *until > Instant::now() => {
                Some(format!("lane {}: {refusal}", self.inner.lane.name()))
            }
            _ => None,
        }
    }

    /// Lets the client and its thread end; no more records are taken.
    pub(super) fn end(&self) {
        // In this order: a client whose thread ends gets no new records.
        *self.inner.state.write().unwrap_or_else(PoisonError::into_inner) = State::Stopped;
        self.inner.stopping.store(true, Ordering::Release);
    }

    /// Ends the client and its thread; records that are left get their refusal.
    pub(super) fn stop(&self) {
        self.end();
        let threads =
            std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                error!(lane = self.inner.lane.name(), "the polling thread ended by a panic");
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn client(&self) -> Option<Arc<Client>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Up(client) => Some(Arc::clone(client)),
            _ => None,
        }
    }

    fn make(&self) -> Result<Client, KafkaError> {
        self.config.create_with_context(Context::new(Some(self.lane), self.around.clone()))
    }

    fn send(
        &self,
        client: &Client,
        record: &Record<'_>,
        ticket: Box<Ticket>,
    ) -> Result<(), (SendError, Box<Ticket>)> {
        // librdkafka reads zero as "now", and the protocol -1 as "none": neither is what was asked for.
        if record.timestamp_ms.is_some_and(|timestamp| timestamp <= 0) {
            let why = "a timestamp is a positive number of milliseconds since 1970".to_owned();
            return Err((SendError::Refused(Refusal::Unprocessable(why)), ticket));
        }
        // Before, because it may be back before this returns.
        client.context().gone();
        match client.send(borrowed(record, ticket)) {
            Ok(()) => {
                self.around.metrics.sent(&record.topic);
                Ok(())
            }
            Err((error, sent)) => {
                client.context().back();
                Err((self.not_queued(&error, record), sent.delivery_opaque))
            }
        }
    }

    fn not_queued(&self, error: &KafkaError, record: &Record<'_>) -> SendError {
        // A zero in the topic's name has no code.
        let Some(code) = error.rdkafka_error_code() else {
            return SendError::Refused(Refusal::Unprocessable(error.to_string()));
        };
        self.around.metrics.send_failed(&record.topic, code as i32);
        if code == RDKafkaErrorCode::QueueFull {
            return SendError::Full;
        }
        let about = About {
            topic: &record.topic,
            partition: record.partition.unwrap_or(-1),
            size_bytes: record.size_bytes(),
            limit_bytes: self.around.message_max_bytes,
        };
        let text = classify::text_of(code);
        SendError::Refused(classify::refusal(code, Persisted::No, text, about))
    }

    /// Makes the client, unless another thread was quicker.
    fn start(inner: &Arc<Self>) -> Result<Arc<Client>, Refusal> {
        let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Up(client) => return Ok(Arc::clone(client)),
            State::Stopped => return Err(Refusal::Stopping),
            State::Pausing { until, refusal } if *until > Instant::now() => {
                return Err(refusal.clone());
            }
            State::Absent | State::Pausing { .. } => {}
        }
        let client = inner.make().map(Arc::new).map_err(|error| {
            classify::unsent(RDKafkaErrorCode::Fail, &format!("the client cannot be made: {error}"))
        });
        let started = client.and_then(|client| {
            let (to_poll, holder) = (Arc::clone(&client), Arc::clone(inner));
            let thread = thread::Builder::new()
                .name(format!("producer-{}", inner.lane.name()))
                .spawn(move || holder.poll(to_poll))
                .map_err(|error| classify::unsent(RDKafkaErrorCode::Fail, &error.to_string()))?;
            let mut threads = inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
            threads.retain(|thread| !thread.is_finished());
            threads.push(thread);
            Ok(client)
        });
        *state = match &started {
            Ok(client) => State::Up(Arc::clone(client)),
            Err(refusal) => {
                error!(lane = inner.lane.name(), "{refusal}");
                State::Pausing { until: Instant::now() + PAUSE_MAX, refusal: refusal.clone() }
            }
        };
        started
    }

    /// Reports until the lane stops or the client is lost, then what is left of its records.
    fn poll(&self, client: Arc<Client>) {
        let begun = Instant::now();
        while !self.stopping.load(Ordering::Acquire) {
            client.poll(POLL);
            if let Some((code, text)) = client.client().fatal_error() {
                self.replace(&client, code, &text, begun.elapsed());
                break;
            }
        }
        // From here on nobody gives it new records: the lane's state knows it no more.
        client.purge(PurgeConfig::default().queue().inflight());
        let until = Instant::now() + PURGE;
        while count(&client) > 0 && Instant::now() < until {
            client.poll(POLL_PURGED);
        }
        let left = count(&client);
        if left > 0 {
            error!(
                lane = self.lane.name(),
                left, "records were not reported when their client ended"
            );
        }
    }

    /// Takes a lost client out of use.
    fn replace(&self, client: &Arc<Client>, code: RDKafkaErrorCode, text: &str, lived: Duration) {
        let name = classify::name(code);
        error!(lane = self.lane.name(), error = name, "the client is lost, and replaced: {text}");
        self.around.metrics.fatal(self.lane, name);
        let before = if lived > STEADY { 0 } else { self.failures.load(Ordering::Relaxed) };
        self.failures.store(before.saturating_add(1), Ordering::Relaxed);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Up(current) = &*state
            && Arc::ptr_eq(current, client)
        {
            *state = State::Pausing {
                until: Instant::now() + pause(before),
                refusal: classify::unsent(code, text),
            };
        }
    }
}

/// How long to wait after so many fatal errors one after the other.
fn pause(before: u32) -> Duration {
    match before {
        0 => Duration::ZERO,
        _ => PAUSE_MIN.saturating_mul(1 << before.min(16)).min(PAUSE_MAX),
    }
}

/// librdkafka's own count has its events in it, too.
fn count(client: &Client) -> usize {
    client.context().tickets()
}

/// The record as librdkafka takes it: it copies the bytes when it does.
fn borrowed<'a>(record: &'a Record<'_>, ticket: Box<Ticket>) -> Borrowed<'a> {
    let mut sent: Borrowed<'a> = BaseRecord::with_opaque_to(&record.topic, ticket);
    sent.partition = record.partition;
    sent.key = record.key.as_deref();
    sent.payload = record.value.as_deref();
    sent.timestamp = record.timestamp_ms;
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        sent.headers = Some(record.headers.iter().fold(headers, |headers, header| {
            headers.insert(Header { key: &header.name, value: header.value.as_deref() })
        }));
    }
    sent
}

type Borrowed<'a> = BaseRecord<'a, [u8], [u8], Box<Ticket>>;

/// The longest wait before a polling thread looks whether it is to stop, or has lost its client. The wrapper
/// spends the last millisecond of each wait in a loop, so shorter ones are felt.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// How often a flush looks whether the last report was told.
const REPORTED: Duration = Duration::from_millis(1);

/// Purged records are reported at once.
const POLL_PURGED: Duration = Duration::from_millis(10);

/// How long that may take all the same.
const PURGE: Duration = Duration::from_secs(5);

/// A client that lived so long was well.
const STEADY: Duration = Duration::from_secs(60);

/// Between clients that are lost one after the other.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(10);
