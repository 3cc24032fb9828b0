//! What Idempotency-Keys stand for: a request that is being worked on, or the answer that it got.
//!
//! A key is its client's own: the same text from two clients is two keys. While a request holds a key nobody else does,
//! and whoever gives up without an answer releases it. Memory has three bounds: keys, the window from the answer, and
//! outcomes in all (a request may have thousands); the oldest answers go first. A call costs the same on average however
//! many keys there are, and what is forgotten is freed outside the lock.
//!
//! The meaning of the header follows the IETF draft "The Idempotency-Key HTTP Header Field": 409 while the first request
//! is at work, 422 for the same key with another body.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafka_gateway_api::Outcome;
use openssl::sha::Sha256;

mod table;
#[cfg(test)]
mod tests;

use crate::metrics::KeysState;
use crate::settings::IdempotencySettings;
use table::{Garbage, Id, Table};

/// All keys that are known.
pub struct Keys {
    table: Mutex<Table>,
}

/// What a request with a key has to do.
#[derive(Debug)]
pub enum Claim {
    /// Its work.
    New(Held),
    /// Its work for the records that were refused; the others are written, or will be.
    Again(Held, Arc<[Outcome]>),
    /// Nothing yet: another request with the key is at it.
    InProgress,
    /// Nothing ever: the key was used for something else.
    Reused,
    /// Nothing more: this is the answer.
    Answered(Arc<[Outcome]>),
    /// Nothing now: as many keys as may be are being worked on.
    Full,
}

/// What was known of a key before the process began.
#[derive(Debug, Clone)]
pub enum Restored {
    /// It got this answer, so long ago.
    Answered(Arc<[Outcome]>, Duration),
    /// Its records are in the write-ahead log, and someone waited for them.
    InProgress,
}

/// A key that is being worked on. Dropped without an answer, it is as before.
#[derive(Debug)]
pub struct Held {
    keys: Arc<Keys>,
    id: Id,
    open: bool,
}

impl Keys {
    /// None yet.
    #[must_use]
    pub fn new(settings: IdempotencySettings) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table::new(settings)) })
    }

    /// Asks for a key, for a request of `count` records whose body has this fingerprint.
    pub fn claim(
        self: &Arc<Self>,
        client: &str,
        key: &str,
        fingerprint: u64,
        count: usize,
        now: Instant,
    ) -> Claim {
        let id = id(client, key);
        let claimed = {
            let mut garbage = Garbage::new();
            self.table().claim(id, (fingerprint, count), now, &mut garbage)
        };
        let held = || Held { keys: self.clone(), id, open: true };
        match claimed {
            table::Claimed::New => Claim::New(held()),
            table::Claimed::Again(before) => Claim::Again(held(), before),
            table::Claimed::InProgress => Claim::InProgress,
            table::Claimed::Reused => Claim::Reused,
            table::Claimed::Answered(outcomes) => Claim::Answered(outcomes),
            table::Claimed::Full => Claim::Full,
        }
    }

    /// Says what became of records that were in the write-ahead log, by their index in the request.
    ///
    /// A request that waited for them is answered by this; one that was answered before gets their positions, or their
    /// refusals, so that a repetition does these again. A key that was forgotten meanwhile is known again.
    pub fn settle(
        &self,
        client: &str,
        key: &str,
        fingerprint: u64,
        count: usize,
        outcomes: &[(u32, Outcome)],
        now: Instant,
    ) {
        let id = id(client, key);
        let mut garbage = Garbage::new();
        self.table().settle(id, (fingerprint, count), outcomes, now, &mut garbage);
    }

    /// What was known before the process began: first the answers, from the oldest, then what is in progress.
    pub fn restore(
        &self,
        client: &str,
        key: &str,
        fingerprint: u64,
        count: usize,
        restored: Restored,
        now: Instant,
    ) {
        let id = id(client, key);
        let mut garbage = Garbage::new();
        let mut table = self.table();
        match restored {
            Restored::Answered(outcomes, age) => {
                let left = table.window().saturating_sub(age);
                table.restore_answer(id, (fingerprint, count), outcomes, now + left, &mut garbage);
            }
            Restored::InProgress => table.restore_logged(id, (fingerprint, count), &mut garbage),
        }
        drop(table);
    }

    /// For metrics.
    #[must_use]
    pub fn state(&self) -> KeysState {
        self.table().state()
    }

    /// No call leaves the table half changed, so a panic of another thread is no reason to stop.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Stores the answer. Where nothing is a success there is nothing to protect: the key is free again.
    pub fn answer(mut self, outcomes: Arc<[Outcome]>, now: Instant) {
        self.open = false;
        let mut garbage = Garbage::new();
        self.keys.table().answer(&self.id, outcomes, now, &mut garbage);
    }

    /// The request's records are in the write-ahead log. With outcomes it is answered by that; without, someone waits,
    /// and the key stays in progress until [`Keys::settle`], which may have been called already.
    pub fn logged(mut self, outcomes: Option<Arc<[Outcome]>>, now: Instant) {
        self.open = false;
        let mut garbage = Garbage::new();
        match outcomes {
            Some(outcomes) => self.keys.table().answer(&self.id, outcomes, now, &mut garbage),
            None => self.keys.table().logged(&self.id, now, &mut garbage),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.open {
            let mut garbage = Garbage::new();
            self.keys.table().release(&self.id, &mut garbage);
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// SHA-256 of client and key. The client's length goes before, so that no client reaches into another's keys.
fn id(client: &str, key: &str) -> Id {
    let mut hash = Sha256::new();
    hash.update(&(client.len() as u64).to_be_bytes());
    hash.update(client.as_bytes());
    hash.update(key.as_bytes());
    hash.finish()
}
