//! The thread that keeps what is delivered: dead letters, answers and checkpoints to disk, then old segments away.
//!
//! The order is the invariant: first it looks which entries are delivered, then it writes what became of them, then the
//! checkpoint that lets go of them, then it removes their segments. A step that fails is tried again with all after it;
//! meanwhile the entries stay. Under the policy `Every` it also syncs the segment that is written to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, RANGES, RANGES_AT_CLOSE};
use super::shared::{Shared, lock};
use super::side::Side;
use super::{ANSWERS, frame, reserve};
use crate::settings::{Fsync, IdempotencySettings};

pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) answers: Side,
    pub(super) letters: Side,
    /// Files of answers that are not written to any more, with when that began and their size.
    pub(super) old_answers: Vec<(u64, Instant, u64)>,
    /// When the file of answers that is written to was begun.
    pub(super) answers_since: Instant,
    pub(super) idempotency: IdempotencySettings,
    /// Of the file.
    pub(super) checkpoint_bytes: u64,
    pub(super) written: Option<Checkpoint>,
}

impl Keeper {
    /// Until it is told to stop; then once more.
    pub(super) fn run(mut self) {
        let every = match self.shared.settings.fsync {
            Fsync::Every(interval) => Some(interval.max(Duration::from_millis(1))),
            Fsync::Always | Fsync::Never => None,
        };
        let mut synced = Instant::now();
        loop {
            let stop = self.wait(every.map(|interval| interval.saturating_sub(synced.elapsed())));
            if let Some(interval) = every
                && (stop || synced.elapsed() >= interval)
            {
                self.sync();
                synced = Instant::now();
            }
            let ordered = self.shared.dirty.swap(false, Ordering::AcqRel);
            if ordered || stop {
                match self.keep_with_reserve(if stop { RANGES_AT_CLOSE } else { RANGES }) {
                    Ok(()) => self.shared.works(&["checkpoint", "reserve"]),
                    Err(error) => {
                        self.shared.failed("checkpoint", &error);
                        self.shared.order_checkpoint();
                    }
                }
            }
            if stop {
                return;
            }
            let left = every.map_or(PERIOD, |interval| interval.saturating_sub(synced.elapsed()));
            std::thread::sleep(left.min(PERIOD));
        }
    }

    /// For an order, or for the time of the next sync.
    fn wait(&self, until_sync: Option<Duration>) -> bool {
        let mut orders = lock(&self.shared.keeper);
        if !orders.checkpoint && !orders.stop {
            let waited = self.shared.ordered.wait_timeout(orders, until_sync.unwrap_or(IDLE));
            orders = match waited {
                Ok((orders, _)) => orders,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        orders.checkpoint = false;
        orders.stop
    }

    fn sync(&mut self) {
        let (file, first, bytes, synced) = {
            let segments = lock(&self.shared.segments);
            match (&segments.active, segments.list.back()) {
                (Some(file), Some(last)) => (file.clone(), last.first, last.bytes, segments.synced),
                _ => return,
            }
        };
        if synced >= bytes {
            return;
        }
        let started = Instant::now();
        let result = file.sync();
        self.shared.observer.synced(started.elapsed(), result.is_ok());
        let mut segments = lock(&self.shared.segments);
        match result {
            Ok(()) if segments.list.back().is_some_and(|last| last.first == first) => {
                segments.synced = bytes;
            }
            Ok(()) => {}
            // Also when the writer went on to another file: the kernel tells one caller of the error, and it was this.
            Err(error) => {
                segments.sync_failed = true;
                drop(segments);
                self.shared.failed("sync", &error);
            }
        }
    }

    /// One round. On a full disk it needs room before it can make room: the reserve, which entries cannot take.
    fn keep_with_reserve(&mut self, ranges_max: usize) -> io::Result<()> {
        let mut kept = self.keep(ranges_max);
        if kept.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            self.shared.starved.store(true, Ordering::Release);
            reserve::release(&self.shared)?;
            kept = self.keep(ranges_max);
        }
        if kept.is_ok() && self.shared.starved.load(Ordering::Acquire) {
            reserve::hold(&self.shared)?;
            self.shared.starved.store(false, Ordering::Release);
        }
        kept
    }

    /// One round, in the order that keeps everything.
    fn keep(&mut self, ranges_max: usize) -> io::Result<()> {
        let shared = self.shared.clone();
        // What an earlier round could not write comes first, and nothing is added to it until it is written.
        self.letters.flush(&*shared.disk, &shared.folder)?;
        self.answers.flush(&*shared.disk, &shared.folder)?;
        let progress = lock(&shared.progress).clone();
        let read = shared.read.load(Ordering::Acquire);
        let offsets = shared.positions.safe(progress.low(), read);
        // Whoever hands in both does the letter first; so the answers that are taken here have theirs.
        self.answers.take(std::mem::take(&mut *lock(&shared.answers)));
        let letters = {
            let mut letters = lock(&shared.letters);
            letters.waiting_bytes = 0;
            std::mem::take(&mut letters.waiting)
        };
        self.letters.take(letters);
        self.letters.flush(&*shared.disk, &shared.folder)?;
        self.answers.flush(&*shared.disk, &shared.folder)?;
        let checkpoint = Checkpoint::new(&progress, ranges_max, offsets);
        if self.written.as_ref() != Some(&checkpoint) {
            let bytes = checkpoint.write(&*shared.disk, &shared.folder)?;
            shared.budget.add(bytes);
            shared.budget.give(self.checkpoint_bytes);
            self.checkpoint_bytes = bytes;
            self.written = Some(checkpoint);
        }
        self.remove_segments(progress.low())?;
        self.remove_answers()
    }

    fn remove_segments(&self, low: u64) -> io::Result<()> {
        let mut removed = false;
        loop {
            // The last one stays: it is written to, and it tells the next sequence.
            let old = {
                let segments = lock(&self.shared.segments);
                let last = segments.list.len() < 2;
                segments.list.front().filter(|first| !last && first.next <= low).cloned()
            };
            let Some(old) = old else { break };
            self.shared.disk.remove(&old.path).or_else(gone)?;
            lock(&self.shared.segments).list.pop_front();
            self.shared.budget.give(old.bytes);
            removed = true;
        }
        if removed { self.shared.disk.sync_folder(&self.shared.folder) } else { Ok(()) }
    }

    /// Two files of answers, each with as many as are remembered or from as long: together they have all that counts.
    fn remove_answers(&mut self) -> io::Result<()> {
        let (window, keys) = (self.idempotency.window, self.idempotency.keys_max as u64);
        let full = self.answers.frames() >= keys.max(1);
        if full || (self.answers.frames() > 0 && self.answers_since.elapsed() >= window) {
            let Some(first) = self.answers.rotate() else {
                return Ok(());
            };
            let path = frame::name(&self.shared.folder, ANSWERS, first);
            let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
            if full {
                for (first, _, bytes) in std::mem::take(&mut self.old_answers) {
                    self.remove_answer_file(first, bytes)?;
                }
            }
            self.old_answers.push((first, Instant::now(), bytes));
            self.answers_since = Instant::now();
        }
        while let Some((first, since, bytes)) = self.old_answers.first().copied() {
            if since.elapsed() < window {
                break;
            }
            self.remove_answer_file(first, bytes)?;
            self.old_answers.remove(0);
        }
        Ok(())
    }

    fn remove_answer_file(&self, first: u64, bytes: u64) -> io::Result<()> {
        let path = frame::name(&self.shared.folder, ANSWERS, first);
        self.shared.disk.remove(&path).or_else(gone)?;
        self.shared.budget.give(bytes);
        Ok(())
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Between two rounds, at least.
const PERIOD: Duration = Duration::from_millis(100);

/// Without an order; answers grow old all the same.
const IDLE: Duration = Duration::from_secs(60);
