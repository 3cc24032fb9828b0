//! The ledgers of all partitions behind one lock, and the metrics that their outcomes move.
//!
//! The lock is held for microseconds and never while waiting. It is taken by three: the producer's loop, librdkafka's
//! thread that tells of deliveries, and the consumer's loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::context::Context;
use crate::ledger::{Ledger, Limits, Outcome, Seen};
use crate::metrics::Anomaly;
use crate::targets::Targets;

/// All that is known of records.
pub(super) struct Books {
    context: Arc<Context>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    targets: Arc<Targets>,
    ledgers: BTreeMap<i32, Ledger>,
    /// Partitions whose reader is to go elsewhere.
    moves: BTreeMap<i32, i64>,
    /// What the gauge says, to set it only when it changes.
    outstanding: BTreeMap<i32, u64>,
    /// Partitions that were read to their end, or from, at least once.
    readers: BTreeSet<i32>,
    /// What was noticed and not logged yet.
    notes: BTreeMap<(i32, &'static str), Note>,
}

/// How often something was noticed since it was logged last.
#[derive(Default)]
struct Note {
    records: u64,
    logged: Option<Instant>,
}

impl Books {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context, inner: Mutex::default() }
    }

    /// Goes by these targets from now on; records of partitions that are no more are forgotten.
    pub(super) fn follow(&self, targets: Arc<Targets>) {
        let mut inner = self.lock();
        let exists = |partition: &i32| {
            *partition < targets.topic_partitions || targets.leader(*partition).is_some()
        };
        inner.ledgers.retain(|partition, _| exists(partition));
        inner.moves.retain(|partition, _| exists(partition));
        inner.readers.retain(|partition| exists(partition));
        inner.notes.retain(|(partition, _), _| exists(partition));
        // Series of partitions that are no targets any more are gone; those that come back begin anew.
        inner.outstanding.retain(|partition, _| targets.leader(*partition).is_some());
        inner.targets = targets;
    }

    /// A record is handed to the producer.
    pub(super) fn sent(&self, partition: i32, id: u64, timestamp: u64, now: Instant) {
        self.apply(partition, |ledger, out| ledger.sent(id, timestamp, now, out));
    }

    /// A probe is due.
    pub(super) fn due(&self, partition: i32) {
        self.context.metrics.produce_due(partition);
    }

    /// It was acknowledged, so long after it was sent.
    pub(super) fn acknowledged(
        &self,
        partition: i32,
        id: u64,
        offset: Option<i64>,
        latency: Duration,
    ) {
        if let Some(leader) = self.lock().targets.leader(partition) {
            self.context.metrics.produced(partition, leader, latency);
            self.context.health.produced(partition, true);
        }
        self.apply(partition, |ledger, out| ledger.acknowledged(id, offset, out));
    }

    /// It was refused or timed out.
    pub(super) fn failed(&self, partition: i32, id: u64, reason: &str) {
        self.not_produced(partition, reason);
        self.apply(partition, |ledger, out| ledger.failed(id, out));
    }

    /// It never was a record: nobody was there to send it.
    pub(super) fn not_produced(&self, partition: i32, reason: &str) {
        self.context.metrics.produce_failed(partition, reason);
        self.context.health.produced(partition, false);
    }

    /// A record was read. If the reader is to go elsewhere, the record is of a time before it was told so and is not
    /// looked at; or it is the reason for going.
    pub(super) fn read(&self, partition: i32, seen: Seen, now: Instant) -> Option<i64> {
        if let Some(offset) = self.lock().moves.remove(&partition) {
            return Some(offset);
        }
        self.apply(partition, |ledger, out| ledger.read(seen, now, out));
        let mut inner = self.lock();
        inner.readers.insert(partition);
        if partition == 0
            && let Some(position) = inner.ledgers.get(&partition).and_then(Ledger::position)
        {
            self.context.position.set(position);
        }
        inner.moves.remove(&partition)
    }

    /// A partition was read to its end.
    pub(super) fn reader_stands(&self, partition: i32) {
        self.lock().readers.insert(partition);
    }

    /// Whether somebody reads a partition.
    pub(super) fn has_reader(&self, partition: i32) -> bool {
        self.lock().readers.contains(&partition)
    }

    /// The log's bounds, as asked at `asked`.
    pub(super) fn log(&self, partition: i32, start: i64, end: i64, asked: Instant) {
        self.apply(partition, |ledger, _| ledger.log(start, end, asked));
    }

    /// Time has passed.
    pub(super) fn tick(&self, now: Instant) {
        let partitions: Vec<i32> = self.lock().ledgers.keys().copied().collect();
        for partition in partitions {
            self.apply(partition, |ledger, out| ledger.tick(now, out));
        }
        let mut inner = self.lock();
        let Inner { targets, ledgers, outstanding, notes, .. } = &mut *inner;
        log(notes, now);
        for (partition, ledger) in ledgers {
            let now = ledger.tally().outstanding;
            if targets.leader(*partition).is_some()
                && outstanding.insert(*partition, now) != Some(now)
            {
                self.context
                    .metrics
                    .outstanding(*partition, usize::try_from(now).unwrap_or(usize::MAX));
            }
        }
    }

    /// Partitions with records that should have been read by now.
    pub(super) fn late(&self, now: Instant) -> Vec<i32> {
        let inner = self.lock();
        inner
            .ledgers
            .iter()
            .filter(|(_, ledger)| ledger.is_late(now))
            .map(|(partition, _)| *partition)
            .collect()
    }

    /// Where readers are to go.
    pub(super) fn take_moves(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut self.lock().moves)
    }

    /// Where a reader that is made anew begins, if anything is known of the partition.
    pub(super) fn resume(&self, partition: i32) -> Option<i64> {
        self.lock().ledgers.get_mut(&partition).and_then(Ledger::resume)
    }

    fn apply(&self, partition: i32, event: impl FnOnce(&mut Ledger, &mut Vec<Outcome>)) {
        let mut out = Vec::new();
        let mut inner = self.lock();
        let limits = Limits::new(self.context.settings.probe.late_after);
        let ledger =
            inner.ledgers.entry(partition).or_insert_with(|| Ledger::new(limits, Instant::now()));
        event(ledger, &mut out);
        if out.is_empty() {
            return;
        }
        for outcome in &out {
            if let Outcome::ReadFrom(offset) = outcome {
                debug!(partition, offset, "reading goes on elsewhere");
                inner.moves.insert(partition, *offset);
            }
        }
        for text in out.iter().filter_map(note) {
            inner.notes.entry((partition, text)).or_default().records += 1;
        }
        // A partition that is read but not produced to any more has no series: it would be there for ever.
        let leader = inner.targets.leader(partition);
        drop(inner);
        if let Some(leader) = leader {
            self.count(partition, leader, &out);
        }
    }

    fn count(&self, partition: i32, leader: i32, outcomes: &[Outcome]) {
        let Context { metrics, health, .. } = &*self.context;
        for outcome in outcomes {
            match outcome {
                Outcome::Consumed(latency) => {
                    metrics.consumed(partition, leader, *latency);
                    health.consumed(partition);
                }
                Outcome::Noticed(anomaly) => metrics.anomaly(*anomaly, partition, 1),
                Outcome::Found(_) | Outcome::Forgotten(_) | Outcome::ReadFrom(_) => (),
            }
        }
    }

    /// A thread that panicked with the lock held left numbers behind, nothing torn: they go on being counted.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the log says of an outcome, if anything.
fn note(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Noticed(Anomaly::Lost) => Some("acknowledged records are lost"),
        Outcome::Noticed(Anomaly::Late) => Some("acknowledged records are not read in time"),
        Outcome::Noticed(Anomaly::OutOfOrder) => Some("records came after one that was sent later"),
        Outcome::Noticed(Anomaly::Duplicated) => Some("records were read again"),
        Outcome::Noticed(Anomaly::Unacknowledged) => {
            Some("records were written although the producer got an error")
        }
        Outcome::Noticed(Anomaly::Foreign) => Some("records are not this canary's"),
        Outcome::Found(_) => Some("records that were counted as lost were read after all"),
        Outcome::Forgotten(_) => Some(
            "more records wait than are remembered; what becomes of the oldest will not be known",
        ),
        Outcome::Consumed(_) | Outcome::ReadFrom(_) => None,
    }
}

/// One line for a partition and kind, however many records there are of it, and not again for [`LOG_INTERVAL`].
fn log(notes: &mut BTreeMap<(i32, &'static str), Note>, now: Instant) {
    for ((partition, text), note) in notes {
        let quiet =
            note.logged.is_some_and(|last| now.saturating_duration_since(last) < LOG_INTERVAL);
        if note.records > 0 && !quiet {
            warn!(partition, records = note.records, "{text}");
            *note = Note { records: 0, logged: Some(now) };
        }
    }
}

/// Between two lines of a kind.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
