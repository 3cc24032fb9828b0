//! From the write-ahead log to Kafka: the one path for normal work, for an outage of Kafka and after a crash.
//!
//! Entries are sent in order, each record once, and an entry is marked as delivered only after each of its records is in
//! Kafka or a dead letter, its key is answered, and whoever waits is told. Nothing is given up: what Kafka refuses for
//! now is sent again. What is on its way is bounded by librdkafka's queue and by [`IN_FLIGHT_BYTES_MAX`]; the rest stays
//! on disk. A record sent again comes behind what was sent meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use kafka_gateway_api::{Outcome, Position, Record};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

mod flight;
pub mod recovery;
mod settle;
#[cfg(test)]
mod tests;

use crate::idempotency::Keys;
use crate::metrics::Metrics;
use crate::producer::{Lane, Producers, SendError, Sink, Ticket};
use crate::reply::{self, Reply};
use crate::wal::{Entry, Read, Reader, Wal};
use flight::Flight;

/// Outcomes of the records of an entry, by their index in the request.
pub type Outcomes = Vec<(u32, Outcome)>;

/// What recovery found in Kafka of entries that were not known to be delivered.
pub trait Known: Send + Sync {
    /// Where this record is, if it is in Kafka already: it is not sent again.
    fn skip(&self, sequence: u64, index: u32) -> Option<Position>;
}

/// Nothing was looked for.
#[derive(Debug, Clone, Copy)]
pub struct NothingKnown;

impl Known for NothingKnown {
    fn skip(&self, _sequence: u64, _index: u32) -> Option<Position> {
        None
    }
}

type Sent = Result<(), (SendError, Box<Ticket>)>;

/// Where records go; the producers, or what a test has instead.
pub(crate) trait Outlet: Send + Sync {
    /// With others in a batch, or alone.
    fn send(&self, record: &Record<'_>, ticket: Box<Ticket>, alone: bool) -> Sent;
}

impl Outlet for Producers {
    fn send(&self, record: &Record<'_>, ticket: Box<Ticket>, alone: bool) -> Sent {
        match alone {
            false => Self::send(self, Lane::Log, record, ticket),
            true => self.send_alone(record, ticket),
        }
    }
}

/// From the write-ahead log to Kafka.
pub struct Pump {
    wal: Arc<Wal>,
    outlet: Arc<dyn Outlet>,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
    tokens: AtomicU64,
    waiters: Mutex<HashMap<u64, Reply<Outcomes>>>,
    /// Entries that need more than to be marked.
    landed: mpsc::UnboundedSender<Arc<Flight>>,
    landing: Mutex<Option<mpsc::UnboundedReceiver<Arc<Flight>>>>,
    in_flight: AtomicU64,
    in_flight_bytes: AtomicU64,
    /// Something landed.
    room: Notify,
    /// Someone waits for `room`.
    short_of_room: AtomicBool,
    /// The last one landed.
    calm: Notify,
}

impl Pump {
    /// A pump that does not run yet.
    #[must_use]
    pub fn new(
        wal: Arc<Wal>,
        producers: Arc<Producers>,
        keys: Arc<Keys>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Self::onto(wal, producers, keys, metrics)
    }

    fn onto(
        wal: Arc<Wal>,
        outlet: Arc<dyn Outlet>,
        keys: Arc<Keys>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let (landed, landing) = mpsc::unbounded_channel();
        Arc::new(Self {
            wal,
            outlet,
            keys,
            metrics,
            tokens: AtomicU64::new(1),
            waiters: Mutex::default(),
            landed,
            landing: Mutex::new(Some(landing)),
            in_flight: AtomicU64::new(0),
            in_flight_bytes: AtomicU64::new(0),
            room: Notify::new(),
            short_of_room: AtomicBool::new(false),
            calm: Notify::new(),
        })
    }

    /// A token for an entry, and who gets its outcomes. To be asked for before the entry is appended.
    pub fn expect(&self) -> (u64, oneshot::Receiver<Outcomes>) {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = reply::channel();
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).insert(token, tell);
        (token, told)
    }

    /// The entry was not appended, or nobody waits any more.
    pub fn forget(&self, token: u64) {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
    }

    /// Until `drain`, and then until the log is empty; in any case until `end`. What is left stays in the log.
    pub async fn run(
        self: Arc<Self>,
        reader: Reader,
        known: Arc<dyn Known>,
        drain: CancellationToken,
        end: CancellationToken,
    ) {
        let landing = self.landing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(landing) = landing else {
            return;
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = self.feed(reader, &*known, &drain) => {}
            () = self.settle_all(landing) => {}
        }
    }

    async fn feed(
        self: &Arc<Self>,
        mut reader: Reader,
        known: &dyn Known,
        drain: &CancellationToken,
    ) {
        let mut draining = drain.is_cancelled();
        let mut departed = None;
        while !(draining && reader.is_at_end()) {
            let is_behind = !reader.is_at_end();
            let read = tokio::select! {
                biased;
                () = drain.cancelled(), if !draining => {
                    draining = true;
                    continue;
                }
                read = reader.next() => read,
                // What is left may all be delivered already, and then nothing comes.
                () = sleep(LAST_LOOK), if draining => continue,
            };
            if !is_behind {
                self.let_land(&mut departed).await;
            }
            departed.get_or_insert_with(Instant::now);
            let sent = match read {
                Ok(read) => self.take_off(&read, reader.is_from_before(read.sequence), known).await,
                // The log told of it.
                Err(_) => Err(()),
            };
            if sent.is_err() {
                sleep(UNREADABLE_RETRY).await;
            }
        }
        while self.in_flight.load(Ordering::Acquire) > 0 {
            self.some_room().await;
        }
    }

    /// Sends the records of an entry.
    async fn take_off(
        self: &Arc<Self>,
        read: &Read,
        from_before: bool,
        known: &dyn Known,
    ) -> Result<(), ()> {
        let Ok(entry) = Entry::decode(&read.payload) else {
            tracing::error!(sequence = read.sequence, "an entry of the write-ahead log is none");
            return Err(());
        };
        while self.in_flight_bytes.load(Ordering::Acquire) >= IN_FLIGHT_BYTES_MAX {
            self.some_room().await;
        }
        if from_before {
            self.metrics.log_replayed(1);
        }
        let flight = Flight::new(self, read, &entry, from_before);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.in_flight_bytes.fetch_add(flight.bytes, Ordering::AcqRel);
        for (slot, (index, record)) in (0_u64..).zip(&entry.records) {
            match known.skip(read.sequence, *index).filter(|_| from_before) {
                Some(position) => {
                    self.metrics.log_skipped(1);
                    flight.delivered(slot, Ok(position));
                }
                None => self.send(&flight, slot, *index, record, &entry).await,
            }
        }
        flight.boarded();
        Ok(())
    }

    /// Hands one record to the producer; waits while that has no room.
    async fn send(
        &self,
        flight: &Arc<Flight>,
        slot: u64,
        index: u32,
        record: &Record<'_>,
        entry: &Entry<'_>,
    ) {
        let (head, mut record) = (&entry.head, record.clone());
        record.timestamp_ms = record.timestamp_ms.or(Some(head.accepted_ms));
        if let Some(key) = Entry::key_of(head.idempotency_key, index as usize, head.count as usize)
        {
            record = record.keyed(&key);
        }
        let sink: Arc<dyn Sink> = flight.clone();
        let mut ticket = Box::new(Ticket { sink, index: slot, sent: Instant::now() });
        loop {
            match self.outlet.send(&record, ticket, flight.is_alone()) {
                Ok(()) => return,
                Err((SendError::Full, back)) => {
                    ticket = back;
                    self.some_room().await;
                    ticket.sent = Instant::now();
                }
                Err((SendError::Refused(refusal), _)) => {
                    return flight.delivered(slot, Err(refusal));
                }
            }
        }
    }

    /// Until nothing is on its way, or for a while, when the first of it departed longer ago than records are collected.
    ///
    /// librdkafka has one request of an idempotent producer under way for each partition. While records wait behind it
    /// for longer than they are collected, its thread asks for the answer without a pause, and uses up a core. So what
    /// comes meanwhile waits in the log, and goes with the next request all the same. Whoever is far behind does not
    /// wait here: there is more than one request's worth.
    async fn let_land(&self, departed: &mut Option<Instant>) {
        let is_calm = || self.in_flight.load(Ordering::Acquire) == 0;
        if !is_calm() {
            if departed.is_some_and(|departed| departed.elapsed() < COLLECT) {
                return;
            }
            let landed = async {
                while !is_calm() {
                    self.calm.notified().await;
                }
            };
            // What does not land, because a partition has no leader, holds up others this long and no longer.
            let _ = timeout(LAND_MAX, landed).await;
        }
        *departed = None;
    }

    /// Until something landed, or for a moment: librdkafka's queue is shared with what else the client does.
    async fn some_room(&self) {
        self.short_of_room.store(true, Ordering::Release);
        let _ = timeout(ROOM_RETRY, self.room.notified()).await;
    }

    async fn settle_all(&self, mut landing: mpsc::UnboundedReceiver<Arc<Flight>>) {
        let mut settling = FuturesUnordered::new();
        loop {
            tokio::select! {
                flight = landing.recv() => match flight {
                    Some(flight) => settling.push(self.settle(flight)),
                    None => return,
                },
                Some(()) = settling.next(), if !settling.is_empty() => {}
            }
        }
    }

    /// An entry is done with.
    fn done(&self, flight: &Flight) {
        self.wal.delivered(flight.sequence);
        self.in_flight_bytes.fetch_sub(flight.bytes, Ordering::AcqRel);
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.calm.notify_one();
        }
        if self.short_of_room.swap(false, Ordering::AcqRel) {
            self.room.notify_one();
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Entries on their way to Kafka; more would be in memory and no faster.
pub const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;

const ROOM_RETRY: Duration = Duration::from_millis(20);

/// kprf's default for how long records are collected.
const COLLECT: Duration = Duration::from_millis(10);

/// Longer than a broker takes for an answer, mostly.
const LAND_MAX: Duration = Duration::from_millis(50);

/// For an entry, while the log is being emptied.
const LAST_LOOK: Duration = Duration::from_millis(50);

const UNREADABLE_RETRY: Duration = Duration::from_secs(5);
