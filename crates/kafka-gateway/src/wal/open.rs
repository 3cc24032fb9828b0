//! Makes a log out of what is in a folder: what a crash tore is cut off, what is damaged is an error, the rest goes on.
//!
//! Every entry that was answered as accepted and is not known to be delivered is handed out again. Reading all that is
//! not delivered takes as long as the disk needs for it; nothing else is kept in memory than the bounds say.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::answers::{Answered, Unfinished, merged};
use super::checkpoint::{self, Checkpoint};
use super::disk::Disk;
use super::entry::Entry;
use super::error::{Cut, OpenError};
use super::file::{LogFile, scan};
use super::frame;
use super::keeper::Keeper;
use super::offsets::{Offsets, Positions};
use super::progress::Progress;
use super::reader::{Reader, Unread};
use super::shared::{Ages, Budget, Letters, Segment, Segments, Shared};
use super::side::Side;
use super::writer::Writer;
use super::{ANSWERS, ENTRIES, LETTERS, Observer, Recovery, reserve};
use crate::settings::{IdempotencySettings, LogSettings};

/// What runs.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: JoinHandle<()>,
    pub(super) keeper: JoinHandle<()>,
    pub(super) recovery: Recovery,
    /// Held as long as it is open.
    pub(super) lock: File,
}

/// Entries, as they were found.
#[derive(Default)]
struct Found {
    segments: Segments,
    active: Option<LogFile>,
    /// The sequence behind the last.
    next: u64,
    /// Where the first one is that is not delivered.
    start: Option<(u64, u64)>,
    unfinished: VecDeque<Unfinished>,
    ages: Ages,
    cut: Vec<Cut>,
}

pub(super) fn open(
    settings: &LogSettings,
    idempotency: IdempotencySettings,
    observer: Arc<dyn Observer>,
    disk: Arc<dyn Disk>,
) -> Result<Opened, OpenError> {
    let folder = settings.directory.as_path();
    let at = |error| OpenError::Io { path: folder.to_owned(), error };
    fs::create_dir_all(folder).map_err(at)?;
    let lock = exclusive(folder)?;
    // A checkpoint that was not finished; the one before it counts.
    let _ = fs::remove_file(folder.join(checkpoint::TEMPORARY));
    let known = Checkpoint::read(folder)?;
    let mut cut = Vec::new();
    let (answers, answers_file) = open_answers(&*disk, folder, idempotency, &mut cut)?;
    let (letters_file, letters) = open_side(&*disk, folder, LETTERS, &mut cut, &mut |_| {})?;
    let firsts = list(folder, ENTRIES)?;
    let first = firsts.first().copied();
    let mut progress = match (&known, first) {
        (Some(known), _) => known.progress(),
        (None, first) => Progress::new(first.unwrap_or(1)),
    };
    if let Some(to) = first.filter(|first| *first > progress.low()) {
        return Err(OpenError::Missing { from: progress.low(), to, folder: folder.to_owned() });
    }
    for answer in &answers {
        progress.delivered_at_open(answer.sequence);
    }
    let mut found = open_entries(&*disk, folder, &firsts, &progress, idempotency.keys_max)?;
    found.cut.append(&mut cut);
    disk.sync_folder(folder).map_err(at)?;

    let next = found.next;
    let offsets = known.map_or_else(Offsets::new, |known| known.offsets);
    let settings = LogSettings {
        segment_bytes: settings.segment_bytes.min(settings.max_bytes / 8).max(1),
        ..settings.clone()
    };
    let budget = Budget::new(settings.max_bytes, settings.segment_bytes, used(folder)?);
    let waiting = next - progress.low() - progress.above();
    let shared = Arc::new(Shared {
        folder: folder.to_owned(),
        disk,
        settings,
        observer,
        budget,
        queue: Mutex::default(),
        queued: std::sync::Condvar::new(),
        segments: Mutex::new(found.segments),
        committed: watch::Sender::new(next),
        read: AtomicU64::new(progress.low()),
        own: next,
        positions: Positions::new(offsets.clone(), next),
        ages: Mutex::new(found.ages),
        answers: Mutex::default(),
        letters: Mutex::new(Letters { count: letters, ..Letters::default() }),
        keeper: Mutex::default(),
        ordered: std::sync::Condvar::new(),
        dirty: false.into(),
        failing: Mutex::default(),
        starved: false.into(),
        progress: Mutex::new(progress.clone()),
    });
    if let Err(error) = reserve::hold(&shared) {
        // The keeper tries again; until then nothing is accepted.
        shared.starved.store(true, Ordering::Release);
        shared.failed("reserve", &error);
        shared.order_checkpoint();
    }
    // Without such an entry the next one goes to the end of the file that is written to.
    let end = found.active.as_ref().map(|file| (file.first, file.bytes));
    let reader = Reader::new(shared.clone(), progress.low(), found.start.or(end));
    let recovery = Recovery {
        unread: Unread::new(&reader),
        reader,
        answered: answers,
        unfinished: found.unfinished.into(),
        offsets,
        waiting,
        last: next.saturating_sub(1),
        cut: found.cut,
    };
    let writer = Writer::new(shared.clone(), found.active, next);
    let keeper = keeper(shared.clone(), answers_file, letters_file, idempotency)?;
    let writer = thread::Builder::new().name("wal-writer".to_owned()).spawn(|| writer.run());
    let writer = writer.map_err(at)?;
    let keeper = thread::Builder::new().name("wal-keeper".to_owned()).spawn(|| keeper.run());
    let keeper = keeper.map_err(at)?;
    Ok(Opened { shared, writer, keeper, recovery, lock })
}

/// One process has the folder. The lock goes with the process, however it ends.
pub(super) fn exclusive(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let at = |error| OpenError::Io { path: path.clone(), error };
    let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(at)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(error)),
    }
}

fn open_entries(
    disk: &dyn Disk,
    folder: &Path,
    firsts: &[u64],
    progress: &Progress,
    keys_max: usize,
) -> Result<Found, OpenError> {
    let mut found = Found { next: progress.low(), ..Found::default() };
    for (index, first) in firsts.iter().enumerate() {
        let successor = firsts.get(index + 1).copied();
        let path = frame::name(folder, ENTRIES, *first);
        if successor.is_some_and(|successor| successor <= progress.low()) {
            disk.remove(&path).map_err(|error| OpenError::Io { path, error })?;
            continue;
        }
        let mut strange = None;
        let scanned = scan(disk, &path, *first, successor, &mut |frame| {
            if frame.sequence < progress.low() {
                return;
            }
            if frame.sequence == progress.low() {
                found.start = Some((*first, frame.offset));
            }
            if frame.payload.is_empty() || progress.is_delivered(frame.sequence) {
                return;
            }
            match Entry::decode(&frame.payload) {
                Ok(entry) => {
                    found.ages.accepted(frame.sequence, entry.head.accepted_ms);
                    found.unfinished.extend(Unfinished::of(frame.sequence, &entry));
                    if found.unfinished.len() > keys_max {
                        found.unfinished.pop_front();
                    }
                }
                Err(_) => strange = strange.or(Some((frame.offset, frame.sequence))),
            }
        })?;
        if let Some((offset, from)) = strange {
            let why = "an entry that this release cannot read";
            return Err(OpenError::Corrupt { path, offset, why, from, to: successor });
        }
        let Some(scanned) = scanned else { continue };
        found.cut.extend(scanned.cut);
        let (first, next, bytes) = (scanned.file.first, scanned.file.next, scanned.file.bytes);
        let path: Arc<Path> = Arc::from(path);
        found.segments.list.push_back(Segment { first, next, bytes, path });
        found.next = found.next.max(next);
        found.active = Some(scanned.file);
    }
    // Entries that were delivered were lost with the host's memory: the next one must not be written behind a gap.
    if found.active.as_ref().is_some_and(|last| last.next < progress.low()) {
        for segment in std::mem::take(&mut found.segments.list) {
            let path = segment.path.to_path_buf();
            disk.remove(&path).map_err(|error| OpenError::Io { path, error })?;
        }
        found.active = None;
    }
    found.segments.active = found.active.as_ref().map(|file| file.file.clone());
    found.segments.synced = found.active.as_ref().map_or(0, |file| file.synced);
    Ok(found)
}

fn open_answers(
    disk: &dyn Disk,
    folder: &Path,
    idempotency: IdempotencySettings,
    cut: &mut Vec<Cut>,
) -> Result<(Vec<Answered>, Option<LogFile>), OpenError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let oldest = now.saturating_sub(idempotency.window).as_millis();
    let oldest = i64::try_from(oldest).unwrap_or(i64::MAX);
    let mut answers = VecDeque::new();
    let (file, _) = open_side(disk, folder, ANSWERS, cut, &mut |payload| {
        // One that this release cannot read is from a later one; its key is forgotten.
        if let Ok(answer) = Answered::decode(payload)
            && answer.answered_ms >= oldest
        {
            answers.push_back(answer);
            if answers.len() > idempotency.keys_max {
                answers.pop_front();
            }
        }
    })?;
    Ok((merged(answers.into()), file))
}

/// The last file of a kind, and how many frames all have.
fn open_side(
    disk: &dyn Disk,
    folder: &Path,
    kind: &'static str,
    cut: &mut Vec<Cut>,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(Option<LogFile>, u64), OpenError> {
    let firsts = list(folder, kind)?;
    let (mut last, mut count) = (None, 0);
    for (index, first) in firsts.iter().enumerate() {
        let path = frame::name(folder, kind, *first);
        let successor = firsts.get(index + 1).copied();
        let scanned = scan(disk, &path, *first, successor, &mut |frame| {
            count += 1;
            each(&frame.payload);
        })?;
        let Some(scanned) = scanned else { continue };
        cut.extend(scanned.cut);
        last = Some(scanned.file);
    }
    Ok((last, count))
}

fn keeper(
    shared: Arc<Shared>,
    answers: Option<LogFile>,
    letters: Option<LogFile>,
    idempotency: IdempotencySettings,
) -> Result<Keeper, OpenError> {
    let folder = shared.folder.as_path();
    let now = Instant::now();
    let mut old_answers = Vec::new();
    for first in list(folder, ANSWERS)? {
        if answers.as_ref().is_some_and(|file| file.first != first) {
            let bytes = size(&frame::name(folder, ANSWERS, first));
            old_answers.push((first, now, bytes));
        }
    }
    let checkpoint_bytes = size(&folder.join(checkpoint::NAME));
    Ok(Keeper {
        answers: Side::new(ANSWERS, answers),
        letters: Side::new(LETTERS, letters),
        old_answers,
        answers_since: now,
        idempotency: IdempotencySettings {
            window: idempotency.window.max(Duration::from_secs(1)),
            ..idempotency
        },
        checkpoint_bytes,
        written: None,
        shared,
    })
}

/// The first sequences of a kind's files, in order.
pub(super) fn list(folder: &Path, kind: &str) -> Result<Vec<u64>, OpenError> {
    let at = |error| OpenError::Io { path: folder.to_owned(), error };
    let mut firsts = Vec::new();
    for file in fs::read_dir(folder).map_err(at)? {
        let name = file.map_err(at)?.file_name();
        firsts.extend(name.to_str().and_then(|name| frame::first_of(name, kind)));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Of all files in the folder, whatever they are.
pub(super) fn used(folder: &Path) -> Result<u64, OpenError> {
    let at = |error| OpenError::Io { path: folder.to_owned(), error };
    let mut bytes = 0;
    for file in fs::read_dir(folder).map_err(at)? {
        bytes += file.map_err(at)?.metadata().map_or(0, |file| file.len());
    }
    Ok(bytes)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

const LOCK: &str = "lock";
