//! The one thread that writes entries: it takes whatever waits, writes it with few calls, syncs once, and answers all.
//!
//! An entry is answered with its sequence when the fsync policy holds for it, and with an error when it is not in the
//! log. After a sync that failed the entries of that group are void: the file is cut back to what was synced and never
//! written to again, and the next group goes to a new file (the kernel may forget a failed page, and report success the
//! next time). Under the policies that sync behind the answers, a failed sync makes every group sync before its answers
//! until one succeeded.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::error::AppendError;
use super::file::{LogFile, Payload};
use super::frame::FILE_HEADER_BYTES;
use super::shared::{Pending, Segment, Shared, lock};
use super::{ENTRIES, GROUP_BYTES_MAX};
use crate::settings::Fsync;

pub(super) struct Writer {
    shared: Arc<Shared>,
    active: Option<LogFile>,
    next: u64,
    /// Sync before answers whatever the policy is.
    strict: bool,
    /// When the last group was done.
    last: Instant,
    /// Groups that are taken without waiting for more: lately nobody came.
    hasty: u32,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, active: Option<LogFile>, next: u64) -> Self {
        Self { shared, active, next, strict: false, last: Instant::now(), hasty: 0 }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(entries) = self.wait() {
            let mut group = Vec::new();
            let mut bytes = 0;
            for entry in entries {
                let more = entry.payload.frame_bytes();
                if bytes + more > GROUP_BYTES_MAX && !group.is_empty() {
                    self.commit(std::mem::take(&mut group));
                    bytes = 0;
                }
                bytes += more;
                group.push(entry);
            }
            self.commit(group);
        }
        if let Some(Err(error)) = self.active.as_mut().map(LogFile::sync) {
            self.shared.failed("sync", &error);
        }
    }

    fn wait(&mut self) -> Option<Vec<Pending>> {
        let mut queue = lock(&self.shared.queue);
        loop {
            if !queue.entries.is_empty() {
                // Under load more come at once, and a group costs little more than an entry.
                if queue.entries.len() < GATHER_MAX && self.last.elapsed() < GATHER_AFTER {
                    self.hasty = self.hasty.saturating_sub(1);
                    if self.hasty == 0 {
                        drop(queue);
                        std::thread::sleep(GATHER);
                        queue = lock(&self.shared.queue);
                        if queue.entries.len() < 2 {
                            self.hasty = HASTY;
                        }
                    }
                }
                queue.bytes = 0;
                // As much room as was needed now: the next group is often as large.
                let room = queue.entries.len();
                return Some(std::mem::replace(&mut queue.entries, Vec::with_capacity(room)));
            }
            if queue.closed {
                return None;
            }
            queue.idle = true;
            queue = match self.shared.queued.wait(queue) {
                Ok(queue) => queue,
                Err(poisoned) => poisoned.into_inner(),
            };
            queue.idle = false;
        }
    }

    fn commit(&mut self, group: Vec<Pending>) {
        let started = Instant::now();
        let (mut payloads, mut tells) =
            (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for pending in group {
            payloads.push(pending.payload);
            tells.push(pending.tell);
        }
        let bytes = payloads.iter().map(Payload::frame_bytes).sum::<u64>();
        let first = self.next;
        match self.write(&payloads, bytes) {
            Ok(()) => {
                self.publish(first, &payloads);
                let took = started.elapsed();
                let size = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.shared.observer.appended(payloads.len(), size, took);
                self.shared.works(&["append", "sync"]);
                for (tell, sequence) in tells.into_iter().zip(first..) {
                    tell.send(Ok(sequence));
                }
            }
            Err(error) => {
                self.shared.budget.give(bytes);
                self.shared.failed("append", &error);
                let error = Arc::new(error);
                for tell in tells {
                    tell.send(Err(AppendError::Failed(error.clone())));
                }
            }
        }
        self.last = Instant::now();
    }

    fn write(&mut self, payloads: &[Payload], bytes: u64) -> io::Result<()> {
        if self.shared.starved.load(Ordering::Acquire) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.leave_unsynced();
        if self.active.as_ref().is_some_and(|file| {
            file.bytes > FILE_HEADER_BYTES
                && file.bytes + bytes > self.shared.settings.segment_bytes
        }) {
            self.roll();
        }
        let mut file = match self.active.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        let (good_bytes, good_next) = (file.bytes, file.next);
        if let Err((error, whole)) = file.append(payloads) {
            if whole {
                self.active = Some(file);
            } else {
                self.give_up(file.first);
            }
            return Err(error);
        }
        if self.strict || self.shared.settings.fsync == Fsync::Always {
            let started = Instant::now();
            let synced = file.sync();
            self.shared.observer.synced(started.elapsed(), synced.is_ok());
            if let Err(error) = synced {
                file.give_up(good_bytes, good_next);
                self.give_up(file.first);
                return Err(error);
            }
            self.strict = false;
        }
        self.next = file.next;
        self.active = Some(file);
        Ok(())
    }

    /// The keeper's syncs, when it has the duty.
    fn leave_unsynced(&mut self) {
        let mut segments = lock(&self.shared.segments);
        if segments.sync_failed {
            segments.sync_failed = false;
            segments.active = None;
            self.active = None;
            self.strict = true;
        } else if let Some(file) = &mut self.active {
            file.synced = file.synced.max(segments.synced);
        }
    }

    /// Ends the file that is written to.
    fn roll(&mut self) {
        let Some(mut file) = self.active.take() else {
            return;
        };
        if self.shared.settings.fsync != Fsync::Never
            && let Err(error) = file.sync()
        {
            // Its entries were answered; they are read from memory as long as the host lives.
            self.shared.failed("sync", &error);
            self.strict = true;
        }
        lock(&self.shared.segments).active = None;
    }

    fn begin(&mut self) -> io::Result<LogFile> {
        let shared = &self.shared;
        let file = LogFile::create(&*shared.disk, &shared.folder, ENTRIES, self.next)?;
        let mut segments = lock(&shared.segments);
        // An empty file that was left after a failed sync has just been replaced: who kept it in the list would remove
        // the new one, which has its name, as soon as everything before it is delivered.
        match segments.list.back() {
            Some(last) if last.first == file.first => _ = segments.list.pop_back(),
            _ => shared.budget.add(FILE_HEADER_BYTES),
        }
        segments.active = Some(file.file.clone());
        segments.synced = 0;
        let (first, next, bytes, path) =
            (file.first, file.next, file.bytes, Arc::from(file.path.as_path()));
        segments.list.push_back(Segment { first, next, bytes, path });
        Ok(file)
    }

    /// The last file is not written to any more; without a good entry it is as if it had never been.
    fn give_up(&mut self, first: u64) {
        let mut segments = lock(&self.shared.segments);
        segments.active = None;
        if segments.list.back().is_some_and(|last| last.first == first && last.next == first) {
            segments.list.pop_back();
            self.shared.budget.give(FILE_HEADER_BYTES);
        }
    }

    fn publish(&self, first: u64, payloads: &[Payload]) {
        if let Some(file) = &self.active
            && let Some(last) = lock(&self.shared.segments).list.back_mut()
        {
            (last.next, last.bytes) = (file.next, file.bytes);
        }
        if let Some(accepted_ms) =
            payloads.first().and_then(|payload| Entry::accepted_ms(&payload.bytes))
        {
            lock(&self.shared.ages).accepted(first, accepted_ms);
        }
        self.shared.committed.send_replace(self.next);
    }
}

/// How long a group waits for more.
const GATHER: Duration = Duration::from_micros(400);

/// The last group was done so lately: there is load.
const GATHER_AFTER: Duration = Duration::from_millis(2);

/// A group of so many waits for no more.
const GATHER_MAX: usize = 64;

/// When nobody came while a group waited, so many groups do not wait: whoever appends alone is not slowed down.
const HASTY: u32 = 32;
