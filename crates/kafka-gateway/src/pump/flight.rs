//! One entry on its way: which of its records are where.
//!
//! The usual entry (nobody waits, no key, everything acknowledged) is marked as delivered right where its last record is
//! reported, on librdkafka's thread, and wakes nobody; the others go to the pump's task.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kafka_gateway_api::{Position, Refusal};

use super::Pump;
use crate::producer::Sink;
use crate::wal::{Entry, Place, Read, TopicOffsets};

/// One entry on its way.
pub(super) struct Flight {
    pump: Arc<Pump>,
    /// Itself: a sink is told by reference.
    this: Weak<Self>,
    pub(super) sequence: u64,
    pub(super) place: Place,
    pub(super) bytes: u64,
    /// By which its waiter is found; 0 for nobody.
    pub(super) token: u64,
    pub(super) key: Option<Box<Key>>,
    /// Of each slot's record in the request; where nobody asks for it, none.
    pub(super) indexes: Vec<u32>,
    /// Where the offsets of each record's topic are told.
    first: Option<Arc<TopicOffsets>>,
    others: Vec<Arc<TopicOffsets>>,
    /// Records that are not reported, and one until all are sent.
    left: AtomicU32,
    /// Records that are sent again go in no batch with others.
    alone: AtomicBool,
    /// By slot: refusals always, positions where someone asks for them.
    results: Mutex<Vec<(u64, Result<Position, Refusal>)>>,
}

/// The Idempotency-Key of an entry.
pub(super) struct Key {
    pub(super) client: String,
    pub(super) key: String,
    pub(super) fingerprint: u64,
    pub(super) count: u32,
}

impl Flight {
    pub(super) fn new(
        pump: &Arc<Pump>,
        read: &Read,
        entry: &Entry<'_>,
        from_before: bool,
    ) -> Arc<Self> {
        let head = &entry.head;
        let key = head.idempotency_key.map(|key| {
            Box::new(Key {
                client: head.client.to_owned(),
                key: key.to_owned(),
                fingerprint: head.fingerprint,
                count: head.count,
            })
        });
        // Another process' token means nothing here.
        let token = if from_before { 0 } else { head.token };
        let is_asked_for = token != 0 || key.is_some();
        let indexes = entry.records.iter().map(|(index, _)| *index).filter(|_| is_asked_for);
        let indexes = indexes.collect();
        let mut topics = entry.records.iter().map(|(_, record)| pump.wal.offsets(&record.topic));
        Arc::new_cyclic(|this| Self {
            pump: pump.clone(),
            this: this.clone(),
            sequence: read.sequence,
            place: read.place,
            bytes: read.payload.len() as u64,
            token,
            key,
            indexes,
            first: topics.next(),
            others: topics.collect(),
            left: AtomicU32::new(u32::try_from(entry.records.len()).unwrap_or(u32::MAX - 1) + 1),
            alone: AtomicBool::new(false),
            results: Mutex::default(),
        })
    }

    /// All records are sent.
    pub(super) fn boarded(&self) {
        self.less();
    }

    /// Some records are sent once more: so many.
    pub(super) fn board_again(&self, records: usize) {
        let records = u32::try_from(records).unwrap_or(u32::MAX - 1);
        self.left.store(records.saturating_add(1), Ordering::Release);
    }

    pub(super) fn be_alone(&self) {
        self.alone.store(true, Ordering::Release);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Acquire)
    }

    pub(super) fn take_results(&self) -> Vec<(u64, Result<Position, Refusal>)> {
        std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn keep_results(&self, results: Vec<(u64, Result<Position, Refusal>)>) {
        *self.results.lock().unwrap_or_else(PoisonError::into_inner) = results;
    }

    fn is_usual(&self) -> bool {
        self.token == 0 && self.key.is_none()
    }

    fn offsets(&self, slot: u64) -> Option<&Arc<TopicOffsets>> {
        match slot.checked_sub(1) {
            None => self.first.as_ref(),
            Some(other) => self.others.get(usize::try_from(other).ok()?),
        }
    }

    /// One thing less to wait for.
    fn less(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let clean = self.results.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if clean && self.is_usual() {
            self.pump.done(self);
        } else if let Some(this) = self.this.upgrade() {
            // The pump that does not run any more leaves the entry in the log.
            let _ = self.pump.landed.send(this);
        }
    }
}

impl Sink for Flight {
    fn delivered(&self, slot: u64, result: Result<Position, Refusal>) {
        if let Ok(Position { partition, offset: Some(offset), .. }) = result
            && let Some(offsets) = self.offsets(slot)
        {
            offsets.acknowledged(partition, offset);
        }
        if result.is_err() || !self.is_usual() {
            let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push((slot, result));
        }
        self.less();
    }
}
