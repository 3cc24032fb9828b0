//! What the log's threads and callers share, each part behind its own short lock.
//!
//! No lock is held while the disk is waited for. A lock whose holder panicked is taken all the same: every change under
//! a lock is whole.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Observer;
use super::disk::{Disk, DiskFile};
use super::error::AppendError;
use super::file::Payload;
use super::offsets::Positions;
use super::progress::Progress;
use crate::reply::Reply;
use crate::settings::LogSettings;

pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) settings: LogSettings,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) budget: Budget,
    pub(super) queue: Mutex<Queue>,
    /// The queue has something, or is closed.
    pub(super) queued: Condvar,
    pub(super) segments: Mutex<Segments>,
    /// The sequence behind the last entry that is in the log.
    pub(super) committed: watch::Sender<u64>,
    /// The sequence behind the last entry that was read.
    pub(super) read: AtomicU64,
    /// The first entry that this process appended.
    pub(super) own: u64,
    pub(super) progress: Mutex<Progress>,
    pub(super) positions: Positions,
    pub(super) ages: Mutex<Ages>,
    /// For the keeper to write.
    pub(super) answers: Mutex<Vec<Payload>>,
    pub(super) letters: Mutex<Letters>,
    pub(super) keeper: Mutex<Orders>,
    /// There is an order.
    pub(super) ordered: Condvar,
    /// Whether an order to write the checkpoint was given and not yet begun.
    pub(super) dirty: AtomicBool,
    /// What fails and why, while it did not succeed since.
    pub(super) failing: Mutex<Vec<(&'static str, String)>>,
    /// The disk is full and the keeper has no room for itself: no entry may take what comes free.
    pub(super) starved: AtomicBool,
}

/// Entries on their way to the writer.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) entries: Vec<Pending>,
    pub(super) bytes: u64,
    pub(super) closed: bool,
    /// The writer sleeps.
    pub(super) idle: bool,
}

/// An entry on its way to the writer.
pub(super) struct Pending {
    pub(super) payload: Payload,
    pub(super) tell: Reply<Result<u64, AppendError>>,
}

/// Letters on their way to the keeper.
#[derive(Default)]
pub(super) struct Letters {
    pub(super) waiting: Vec<Payload>,
    pub(super) waiting_bytes: u64,
    /// All there are, those on their way included.
    pub(super) count: u64,
}

/// What the keeper is to do.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) checkpoint: bool,
    pub(super) stop: bool,
}

/// A file of entries.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// The sequence behind its last good entry.
    pub(super) next: u64,
    /// Up to the end of its last good entry.
    pub(super) bytes: u64,
    pub(super) path: Arc<Path>,
}

#[derive(Default)]
pub(super) struct Segments {
    /// In order and without gaps.
    pub(super) list: VecDeque<Segment>,
    /// The last one's file, while it is written to.
    pub(super) active: Option<Arc<dyn DiskFile>>,
    /// So much of the last one was synced behind the writer's back.
    pub(super) synced: u64,
    /// A sync behind the writer's back failed: it must begin a new file.
    pub(super) sync_failed: bool,
}

impl Segments {
    /// The one with this entry.
    pub(super) fn with(&self, sequence: u64) -> Option<&Segment> {
        let index = self.list.partition_point(|segment| segment.next <= sequence);
        self.list.get(index).filter(|segment| segment.first <= sequence)
    }
}

/// The bytes of the folder.
pub(super) struct Budget {
    used: AtomicU64,
    /// Of everything.
    pub(super) limit: u64,
    /// Entries leave the rest to what lets entries go: dead letters, answers, checkpoints.
    pub(super) entries: u64,
}

impl Budget {
    pub(super) fn new(limit: u64, rest: u64, used: u64) -> Self {
        Self { used: AtomicU64::new(used), limit, entries: limit.saturating_sub(rest) }
    }

    /// Takes bytes if no more than `limit` are used then.
    pub(super) fn take(&self, bytes: u64, limit: u64) -> bool {
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Takes bytes that are used already.
    pub(super) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn give(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }
}

/// When entries were accepted, to about a second.
#[derive(Default)]
pub(super) struct Ages {
    samples: VecDeque<(u64, i64)>,
}

impl Ages {
    pub(super) fn accepted(&mut self, sequence: u64, accepted_ms: i64) {
        if self.samples.back().is_some_and(|(_, last)| accepted_ms < last.saturating_add(1000)) {
            return;
        }
        self.samples.push_back((sequence, accepted_ms));
        if self.samples.len() > SAMPLES_MAX {
            // Half as exact, for days of entries that nobody takes.
            let mut number = 0_usize;
            self.samples.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
    }

    /// Of the entry `low`, which is the oldest.
    pub(super) fn oldest(&mut self, low: u64) -> Option<i64> {
        while self.samples.get(1).is_some_and(|(sequence, _)| *sequence <= low) {
            self.samples.pop_front();
        }
        self.samples.front().map(|(_, accepted_ms)| *accepted_ms)
    }
}

const SAMPLES_MAX: usize = 4096;

impl Shared {
    /// An entry is done with.
    pub(super) fn delivered(&self, sequence: u64) {
        lock(&self.progress).delivered(sequence);
        self.order_checkpoint();
    }

    /// Lets the keeper write a checkpoint soon.
    pub(super) fn order_checkpoint(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            lock(&self.keeper).checkpoint = true;
            self.ordered.notify_one();
        }
    }

    /// Once for each text, and not for each of the appends that fail the same way.
    pub(super) fn failed(&self, what: &'static str, error: &std::io::Error) {
        let text = format!("{what}: {error}");
        let mut failing = lock(&self.failing);
        if failing.iter().any(|(_, known)| *known == text) {
            return;
        }
        failing.retain(|(other, _)| *other != what);
        failing.push((what, text.clone()));
        drop(failing);
        tracing::error!(folder = %self.folder.display(), error = text, "the write-ahead log fails");
    }

    pub(super) fn works(&self, what: &[&'static str]) {
        let mut failing = lock(&self.failing);
        let before = failing.len();
        failing.retain(|(other, _)| !what.contains(other));
        if failing.len() < before && failing.is_empty() {
            drop(failing);
            tracing::info!(folder = %self.folder.display(), "the write-ahead log works again");
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
