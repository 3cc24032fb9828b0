//! Follows the writer: every entry that is not delivered, in order, once.
//!
//! It reads blocks, not entries, and never beyond what the writer committed, so that it sees no entry that is answered
//! with an error afterwards. Dropping the future of [`Reader::next`] loses nothing. A segment is removed only after all
//! of it is delivered, which is after it was read, by this process or by an earlier one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::error::OpenError;
use super::frame::{Bad, Cursor, FILE_HEADER_BYTES, Fill, Frame, Next};
use super::shared::{Shared, lock};

/// From the first entry that is not delivered, on.
pub struct Reader {
    shared: Arc<Shared>,
    committed: watch::Receiver<u64>,
    /// The next entry.
    next: u64,
    place: Place,
    /// At `place`, unless the last attempt failed.
    cursor: Option<Cursor>,
    /// The last attempt failed.
    stuck: bool,
}

/// Where an entry is. It stays there until it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first sequence of its segment.
    segment: u64,
    /// In the segment's file.
    offset: u64,
}

/// An entry, read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Its number.
    pub sequence: u64,
    /// Its bytes; they share a block with their neighbours, which lives as long as one of them does.
    pub payload: Bytes,
    /// For [`super::Wal::fetch`].
    pub place: Place,
}

/// An entry that was accepted cannot be read. It is not skipped: the next attempt is at the same entry.
#[derive(Debug)]
pub struct ReadError(OpenError);

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    pub(super) fn other(
        path: &Path,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(OpenError::Io { path: path.to_owned(), error: std::io::Error::other(error) })
    }
}

impl Reader {
    /// From `next`, which begins at `place` if it is there already.
    pub(super) fn new(shared: Arc<Shared>, next: u64, place: Option<(u64, u64)>) -> Self {
        let (segment, offset) = place.unwrap_or((next, FILE_HEADER_BYTES));
        let committed = shared.committed.subscribe();
        let place = Place { segment, offset };
        Self { shared, committed, next, place, cursor: None, stuck: false }
    }

    /// The next entry; waits until there is one.
    ///
    /// # Errors
    /// The entry cannot be read now. The next call tries it again.
    pub async fn next(&mut self) -> Result<Read, ReadError> {
        loop {
            self.something().await;
            let (frame, place) = match self.frame().await {
                Ok(read) => read,
                Err(_) if self.skip_removed() => continue,
                Err((path, bad)) => {
                    self.cursor = None;
                    self.stuck = true;
                    let error = unreadable(path, bad, self.next);
                    self.shared.failed("read", &std::io::Error::other(error.to_string()));
                    return Err(error);
                }
            };
            if std::mem::take(&mut self.stuck) {
                self.shared.works(&["read"]);
            }
            self.next = frame.sequence + 1;
            self.shared.read.store(self.next, Ordering::Release);
            if frame.payload.is_empty() {
                // What salvage put where nothing could be read.
                self.shared.delivered(frame.sequence);
            } else if frame.sequence >= self.shared.own || !self.is_delivered(frame.sequence) {
                return Ok(Read { sequence: frame.sequence, payload: frame.payload, place });
            }
        }
    }

    /// Whether an earlier process appended it.
    #[must_use]
    pub fn is_from_before(&self, sequence: u64) -> bool {
        sequence < self.shared.own
    }

    /// Until there is an entry that was not read. Behind the last one it first looks away for a moment: to be woken for
    /// each entry would cost more than to read it, and what comes meanwhile is read at once.
    async fn something(&mut self) {
        if self.next < *self.committed.borrow_and_update() {
            return;
        }
        tokio::time::sleep(MOMENT).await;
        while self.next >= *self.committed.borrow_and_update() {
            if self.committed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Goes on behind files that are wholly delivered. What an earlier process delivered need not be read to be removed:
    /// it is, as soon as all before it is delivered too.
    fn skip_removed(&mut self) -> bool {
        let low = lock(&self.shared.progress).low();
        let segments = lock(&self.shared.segments);
        let left = segments.list.iter().find(|segment| segment.next > low);
        let Some(first) = left.or(segments.list.back()).map(|segment| segment.first) else {
            return false;
        };
        let is_behind = first > self.next;
        if is_behind {
            self.next = first;
            self.cursor = None;
            self.shared.read.store(first, Ordering::Release);
        }
        is_behind
    }

    /// Whether every entry that is in the log now was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.next >= *self.committed.borrow()
    }

    fn is_delivered(&self, sequence: u64) -> bool {
        lock(&self.shared.progress).is_delivered(sequence)
    }

    async fn frame(&mut self) -> Result<(Frame, Place), (PathBuf, Bad)> {
        loop {
            let Some(segment) = lock(&self.shared.segments).with(self.next).cloned() else {
                let why = "no file with this entry";
                return Err((self.shared.folder.clone(), Bad::Frame { offset: 0, why }));
            };
            if segment.first != self.place.segment {
                self.place = Place { segment: segment.first, offset: FILE_HEADER_BYTES };
                self.cursor = None;
            }
            if self.cursor.is_none() {
                let (shared, path) = (self.shared.clone(), segment.path.clone());
                let file = blocking(move || shared.disk.open(&path)).await;
                let file = file.map_err(|error| (segment.path.to_path_buf(), Bad::Io(error)))?;
                self.cursor = Some(Cursor::at(file, self.place.offset, self.next));
            }
            let Some(cursor) = &mut self.cursor else { continue };
            match cursor.next(segment.bytes).map_err(|bad| (segment.path.to_path_buf(), bad))? {
                Next::Frame(frame) => {
                    let place = Place { segment: segment.first, offset: frame.offset };
                    self.place.offset = frame.end();
                    return Ok((frame, place));
                }
                Next::End => {
                    let why = "the end of the file, too early";
                    return Err((
                        segment.path.to_path_buf(),
                        Bad::Frame { offset: self.place.offset, why },
                    ));
                }
                Next::Fill(fill) => {
                    // What was written just now is in memory, and another thread costs more than to copy it.
                    let read = match segment.bytes.saturating_sub(fill.offset()) < RECENT_BYTES {
                        true => fill.read().map(|block| (block, fill)),
                        false => blocking(move || Ok((fill.read()?, fill))).await,
                    };
                    read.map_err(Bad::Io)
                        .and_then(|(block, fill): (Bytes, Fill)| cursor.filled(block, &fill))
                        .map_err(|bad| (segment.path.to_path_buf(), bad))?;
                }
            }
        }
    }
}

/// How long the reader looks away when it has read everything.
const MOMENT: Duration = Duration::from_millis(1);

/// So near to the end of its file a block was written lately, or its file is not the last one and was read ahead.
const RECENT_BYTES: u64 = 4 << 20;

/// Reads one entry again. Blocks.
pub(super) fn fetch(shared: &Shared, sequence: u64, place: Place) -> Result<Bytes, ReadError> {
    let Some(segment) = lock(&shared.segments).with(sequence).cloned() else {
        let bad = Bad::Frame { offset: place.offset, why: "no file with this entry" };
        return Err(unreadable(shared.folder.clone(), bad, sequence));
    };
    let read = shared.disk.open(&segment.path).map_err(Bad::Io).and_then(|file| {
        let frame = Cursor::one(file, place.offset, sequence).read(segment.bytes)?;
        frame.ok_or(Bad::Frame { offset: place.offset, why: "the end of the file, too early" })
    });
    read.map(|frame| frame.payload)
        .map_err(|bad| unreadable(segment.path.to_path_buf(), bad, sequence))
}

fn unreadable(path: PathBuf, bad: Bad, from: u64) -> ReadError {
    ReadError(match bad {
        Bad::Io(error) => OpenError::Io { path, error },
        Bad::Frame { offset, why } => OpenError::Corrupt { path, offset, why, from, to: None },
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(std::io::Error::other(error)),
    }
}

/// What was not delivered when the log was opened, once more and from the beginning: for who looks into Kafka before
/// anything is sent. Blocks. It ends at what cannot be read; the [`Reader`] tells of that.
pub struct Unread {
    shared: Arc<Shared>,
    next: u64,
    place: Place,
    cursor: Option<Cursor>,
}

impl Unread {
    pub(super) fn new(reader: &Reader) -> Self {
        Self { shared: reader.shared.clone(), next: reader.next, place: reader.place, cursor: None }
    }

    fn frame(&mut self) -> Option<Frame> {
        let segment = lock(&self.shared.segments).with(self.next).cloned()?;
        if segment.first != self.place.segment {
            self.place = Place { segment: segment.first, offset: FILE_HEADER_BYTES };
            self.cursor = None;
        }
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            None => {
                let file = self.shared.disk.open(&segment.path).ok()?;
                self.cursor.insert(Cursor::at(file, self.place.offset, self.next))
            }
        };
        let frame = cursor.read(segment.bytes).ok()??;
        self.next = frame.sequence + 1;
        Some(frame)
    }
}

impl Iterator for Unread {
    type Item = (u64, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.shared.own {
            let Frame { sequence, payload, .. } = self.frame()?;
            let delivered = lock(&self.shared.progress).is_delivered(sequence);
            if !payload.is_empty() && !delivered {
                return Some((sequence, payload.to_vec()));
            }
        }
        None
    }
}
