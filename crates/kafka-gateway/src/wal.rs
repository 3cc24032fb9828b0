//! The write-ahead log: entries that were accepted and are not in Kafka yet, on disk.
//!
//! An entry that [`Wal::append`] answered with its sequence is handed out by the [`Reader`], after every restart again,
//! until [`Wal::delivered`]; one that was answered with an error is not. Entries come out in the order they went in. The
//! folder never has more bytes than it may, and memory is bounded by names below. Damage is an error that tells file,
//! byte and remedy: nothing is skipped in silence. Format and reasons: docs/decisions/0017.
//!
//! Two threads do all that waits for the disk: the writer entries, the keeper the rest.

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use kafka_gateway_api::{Record, Refusal};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

mod answers;
mod checkpoint;
pub mod cli;
mod codec;
mod disk;
mod entry;
mod error;
mod file;
mod frame;
mod keeper;
mod letters;
mod offsets;
mod open;
mod progress;
mod reader;
mod reserve;
mod salvage;
mod shared;
mod side;
mod writer;

#[cfg(test)]
mod tests;

use crate::reply;
use crate::settings::{IdempotencySettings, LogSettings};
pub use answers::{Answered, Unfinished};
pub use codec::Corrupt;
use disk::{Disk, Real};
pub use entry::{Entry, EntryHead};
pub use error::{AppendError, Cut, OpenError};
use file::Payload;
pub use offsets::{Offsets, TopicOffsets};
pub use reader::{Place, Read, ReadError, Reader, Unread};
use shared::{Pending, Shared, lock};

/// Counts entries from 1, without gaps, over all restarts.
pub type Sequence = u64;

/// Told what the log does; metrics.
pub trait Observer: Send + Sync {
    /// A group of entries is in the log, and under [`crate::settings::Fsync::Always`] on disk.
    fn appended(&self, entries: usize, size_bytes: usize, took: Duration) {
        let _ = (entries, size_bytes, took);
    }

    /// The disk was told to sync.
    fn synced(&self, took: Duration, ok: bool) {
        let _ = (took, ok);
    }

    /// A record became a dead letter, for a refusal of this name.
    fn dead_letter(&self, refusal_name: &str) {
        let _ = refusal_name;
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// An open log.
pub struct Wal {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    /// Unlocked at last.
    _lock: File,
}

/// What was found when the log was opened.
pub struct Recovery {
    /// From the first entry that is not delivered, on.
    pub reader: Reader,
    /// The entries that are not delivered, for who looks at them first.
    pub unread: Unread,
    /// Answers within the window, each key once, the oldest first.
    pub answered: Vec<Answered>,
    /// Keys of entries that are not delivered, in their order.
    pub unfinished: Vec<Unfinished>,
    /// Records of entries that are not delivered lie above these, if they are in Kafka already.
    pub offsets: Offsets,
    /// Entries that are not delivered.
    pub waiting: u64,
    /// The last entry that is from before; 0 when the log is new.
    pub last: Sequence,
    /// Torn ends.
    pub cut: Vec<Cut>,
}

/// For metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Bytes of all files, with entries on their way.
    pub bytes_used: u64,
    /// At most.
    pub bytes_limit: u64,
    /// Accepted, and not delivered.
    pub entries_waiting: u64,
    /// When the oldest of these was accepted, to about a second: milliseconds since the epoch.
    pub oldest_accepted_ms: Option<i64>,
    /// Records that Kafka refused for good.
    pub dead_letters: u64,
    /// Why the last write failed, while none succeeded since.
    pub failing: Option<String>,
}

impl Wal {
    /// Opens the log in its folder, or makes one. Reads all that is not delivered, so it blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        settings: &LogSettings,
        idempotency: &IdempotencySettings,
        observer: Arc<dyn Observer>,
    ) -> Result<(Arc<Self>, Recovery), OpenError> {
        Self::open_on(settings, idempotency, observer, Arc::new(Real))
    }

    fn open_on(
        settings: &LogSettings,
        idempotency: &IdempotencySettings,
        observer: Arc<dyn Observer>,
        disk: Arc<dyn Disk>,
    ) -> Result<(Arc<Self>, Recovery), OpenError> {
        let opened = open::open(settings, *idempotency, observer, disk)?;
        let (writer, keeper) = (opened.writer, opened.keeper);
        let threads = Mutex::new(Some(Threads { writer, keeper, _lock: opened.lock }));
        Ok((Arc::new(Self { shared: opened.shared, threads }), opened.recovery))
    }

    /// Appends an entry and waits until the fsync policy holds for it. Whoever drops the future gives up the answer, and
    /// not the entry.
    ///
    /// # Errors
    /// The entry is not in the log and will not be.
    pub async fn append(&self, entry: Vec<u8>) -> Result<Sequence, AppendError> {
        match self.enqueue(entry)?.await {
            Ok(answer) => answer,
            Err(_) => Err(AppendError::Stopping),
        }
    }

    fn enqueue(
        &self,
        entry: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<Sequence, AppendError>>, AppendError> {
        let shared = &self.shared;
        let payload = Payload::new(entry);
        let bytes = payload.frame_bytes();
        if bytes > ENTRY_BYTES_MAX || !shared.budget.take(bytes, shared.budget.entries) {
            return Err(AppendError::Full);
        }
        let (tell, told) = reply::channel();
        let mut queue = lock(&shared.queue);
        let refused = if queue.closed {
            Some(AppendError::Stopping)
        } else if queue.bytes + bytes > QUEUE_BYTES_MAX && !queue.entries.is_empty() {
            Some(AppendError::Full)
        } else {
            queue.bytes += bytes;
            queue.entries.push(Pending { payload, tell });
            None
        };
        // A writer at work looks into the queue when it is done: only one that sleeps is woken.
        let wake = std::mem::take(&mut queue.idle);
        drop(queue);
        if wake {
            shared.queued.notify_one();
        }
        match refused {
            None => Ok(told),
            Some(error) => {
                shared.budget.give(bytes);
                Err(error)
            }
        }
    }

    /// The entry is done with: its records are in Kafka, or dead letters, and its key has been answered. In any order.
    pub fn delivered(&self, sequence: Sequence) {
        self.shared.delivered(sequence);
    }

    /// Where to tell the offsets of a topic's records when they are acknowledged.
    #[must_use]
    pub fn offsets(&self, topic: &str) -> Arc<TopicOffsets> {
        self.shared.positions.topic(topic)
    }

    /// Keeps what became of an entry with an Idempotency-Key; to be called before [`Self::delivered`].
    pub fn remember(&self, answered: &Answered) {
        let mut bytes = Vec::new();
        answered.encode(&mut bytes);
        let payload = Payload::new(bytes);
        // It takes less than its entry, which goes for it.
        self.shared.budget.add(payload.frame_bytes());
        lock(&self.shared.answers).push(payload);
    }

    /// Keeps a record that Kafka refused for good; to be called before [`Self::remember`] and [`Self::delivered`].
    ///
    /// # Errors
    /// There is no room. The entry must stay; room comes when others are delivered, or letters taken away.
    pub fn dead_letter(
        &self,
        sequence: Sequence,
        refusal: &Refusal,
        head: &EntryHead<'_>,
        record: (u32, &Record<'_>),
        now_ms: i64,
    ) -> Result<(), AppendError> {
        let mut bytes = Vec::new();
        letters::encode(now_ms, sequence, refusal, head, record, &mut bytes);
        let payload = Payload::new(bytes);
        let bytes = payload.frame_bytes();
        let mut letters = lock(&self.shared.letters);
        if letters.waiting_bytes > LETTERS_WAITING_MAX
            || !self.shared.budget.take(bytes, self.shared.budget.limit)
        {
            // What waits is written at the next checkpoint, which nothing else might ask for.
            drop(letters);
            self.shared.order_checkpoint();
            return Err(AppendError::Full);
        }
        letters.waiting_bytes += bytes;
        letters.count += 1;
        letters.waiting.push(payload);
        drop(letters);
        self.shared.observer.dead_letter(refusal.name());
        Ok(())
    }

    /// Reads an entry again that is not delivered.
    ///
    /// # Errors
    /// It cannot be read now.
    pub async fn fetch(&self, sequence: Sequence, place: Place) -> Result<Bytes, ReadError> {
        let shared = self.shared.clone();
        match spawn_blocking(move || reader::fetch(&shared, sequence, place)).await {
            Ok(read) => read,
            Err(error) => Err(ReadError::other(&self.shared.folder, error)),
        }
    }

    /// For metrics.
    #[must_use]
    pub fn state(&self) -> State {
        let shared = &self.shared;
        let next = *shared.committed.borrow();
        let (low, above) = {
            let progress = lock(&shared.progress);
            (progress.low(), progress.above())
        };
        let entries_waiting = next.saturating_sub(low).saturating_sub(above);
        State {
            bytes_used: shared.budget.used(),
            bytes_limit: shared.budget.limit,
            entries_waiting,
            oldest_accepted_ms: match entries_waiting {
                0 => None,
                _ => lock(&shared.ages).oldest(low),
            },
            dead_letters: lock(&shared.letters).count,
            failing: lock(&shared.failing).last().map(|(_, text)| text.clone()),
        }
    }

    /// Whether every entry is delivered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.shared.progress).low() >= *self.shared.committed.borrow()
    }

    /// Refuses appends, writes what waits, a last checkpoint, and lets the folder go. Blocks; once is enough.
    pub fn close(&self) {
        let Some(threads) = lock(&self.threads).take() else {
            return;
        };
        lock(&self.shared.queue).closed = true;
        self.shared.queued.notify_one();
        let writer = threads.writer.join();
        lock(&self.shared.keeper).stop = true;
        self.shared.ordered.notify_one();
        let keeper = threads.keeper.join();
        if writer.is_err() || keeper.is_err() {
            tracing::error!("a thread of the write-ahead log panicked");
        }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Wal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Wal").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

/// Kinds of files.
const ENTRIES: &str = "entries";
const ANSWERS: &str = "answers";
const LETTERS: &str = "letters";

/// An entry with its frame; more is refused.
pub const ENTRY_BYTES_MAX: u64 = 1 << 30;

/// Entries on their way to the writer; more are refused as if the log were full, which to its callers it is.
const QUEUE_BYTES_MAX: u64 = 64 << 20;

/// What is written and synced at once, so that the first of many need not wait for the last.
const GROUP_BYTES_MAX: u64 = 4 << 20;

/// Dead letters on their way to the keeper.
const LETTERS_WAITING_MAX: u64 = 8 << 20;
