//! A disk whose calls fail when they are told to, and what the log makes of it.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::super::disk::{Disk, DiskFile, Real};
use super::super::frame::FILE_HEADER_BYTES;
use super::*;

/// What is to fail.
#[derive(Default)]
pub(super) struct Faults {
    /// So many syncs of files fail.
    pub(super) syncs: AtomicU32,
    /// Bytes until the disk is full; negative is never.
    pub(super) room: AtomicI64,
    pub(super) truncate: AtomicBool,
    /// Files that are removed make room.
    pub(super) frees: AtomicBool,
    /// Syncs of files that were asked for.
    pub(super) synced: AtomicU64,
    /// Under which names.
    pub(super) only: Mutex<Option<&'static str>>,
}

pub(super) struct Faulty(pub(super) Arc<Faults>);

impl Faulty {
    pub(super) fn new() -> (Arc<Self>, Arc<Faults>) {
        let faults = Arc::new(Faults { room: AtomicI64::new(-1), ..Faults::default() });
        (Arc::new(Self(faults.clone())), faults)
    }

    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let only = self.0.only.lock().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        match *only {
            Some(kind) if !name.starts_with(kind) => file,
            _ => Arc::new(FaultyFile { file, faults: self.0.clone() }),
        }
    }
}

struct FaultyFile {
    file: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, Real.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, Real.open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let size = fs::metadata(path).map_or(0, |file| file.len());
        Real.remove(path)?;
        if self.0.frees.load(Ordering::SeqCst) {
            self.0.room.fetch_add(i64::try_from(size).unwrap(), Ordering::SeqCst);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Real.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Real.sync_folder(folder)
    }
}

impl DiskFile for FaultyFile {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let room = self.faults.room.load(Ordering::SeqCst);
        if room < 0 {
            return self.file.write(slices);
        }
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let some = wanted.min(usize::try_from(room).unwrap());
        if some == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = self.file.write(&[IoSlice::new(&bytes[..some])])?;
        self.faults.room.fetch_sub(i64::try_from(written).unwrap(), Ordering::SeqCst);
        Ok(written)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.synced.fetch_add(1, Ordering::SeqCst);
        let less = |left: u32| left.checked_sub(1);
        match self.faults.syncs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(io::Error::from_raw_os_error(5)),
            Err(_) => self.file.sync(),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        match self.faults.truncate.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(5)),
            false => self.file.truncate(size),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}

fn failed<T: std::fmt::Debug>(result: Result<T, AppendError>) -> String {
    match result {
        Err(AppendError::Failed(error)) => error.to_string(),
        other => panic!("should have failed: {other:?}"),
    }
}

/// Appends "good", lets one fail, appends "later": the reader and the next process see the first and the last.
async fn fails_once(fault: impl Fn(&Faults), mend: impl Fn(&Faults)) {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let (wal, mut recovery) = open_on(&settings(folder.path()), disk).unwrap();
    assert_eq!(wal.append(entry(b"good")).await.unwrap(), 1);
    let used = wal.state().bytes_used;
    fault(&faults);
    failed(wal.append(entry(&[b'x'; 5000])).await);
    failed(wal.append(entry(b"also")).await);
    assert!(wal.state().failing.is_some());
    // Without a file that is written to, even the header of the next is not there.
    assert!(wal.state().bytes_used <= used);
    // A process that is killed here leaves nothing of what was told to have failed, where truncation worked.
    if !faults.truncate.load(Ordering::SeqCst) {
        let copy = copy(folder.path());
        let (_, mut after) = open(&settings(copy.path())).unwrap();
        assert_eq!(read_all(&mut after.reader).await, [(1, b"good".to_vec())]);
    }
    mend(&faults);
    assert_eq!(wal.append(entry(b"later")).await.unwrap(), 2);
    assert_eq!(wal.state().failing, None);
    let expected = [(1, b"good".to_vec()), (2, b"later".to_vec())];
    assert_eq!(read_all(&mut recovery.reader).await, expected);
    let copy = copy(folder.path());
    let (_, mut after) = open(&settings(copy.path())).unwrap();
    assert_eq!(read_all(&mut after.reader).await, expected);
}

#[tokio::test]
async fn a_full_disk_fails_appends_until_there_is_room() {
    let full = |faults: &Faults| faults.room.store(10, Ordering::SeqCst);
    let room = |faults: &Faults| faults.room.store(-1, Ordering::SeqCst);
    fails_once(full, room).await;
}

#[tokio::test]
async fn a_tail_that_cannot_be_cut_is_left_behind() {
    let break_it = |faults: &Faults| {
        faults.room.store(4000, Ordering::SeqCst);
        faults.truncate.store(true, Ordering::SeqCst);
        // The next file cannot be begun either.
    };
    let mend = |faults: &Faults| faults.room.store(-1, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let (wal, mut recovery) = open_on(&settings(folder.path()), disk).unwrap();
    assert_eq!(wal.append(entry(b"good")).await.unwrap(), 1);
    break_it(&faults);
    failed(wal.append(entry(&[b'x'; 5000])).await);
    mend(&faults);
    assert_eq!(wal.append(entry(b"later")).await.unwrap(), 2);
    assert_eq!(files_of(folder.path(), ENTRIES).len(), 2);
    let expected = [(1, b"good".to_vec()), (2, b"later".to_vec())];
    assert_eq!(read_all(&mut recovery.reader).await, expected);
    let copy = copy(folder.path());
    let (_, mut after) = open(&settings(copy.path())).unwrap();
    assert_eq!(read_all(&mut after.reader).await, expected);
}

#[tokio::test]
async fn after_a_failed_sync_the_file_is_given_up() {
    let fault = |faults: &Faults| faults.syncs.store(2, Ordering::SeqCst);
    fails_once(fault, |_| {}).await;
}

#[tokio::test]
async fn a_whole_frame_behind_a_failed_sync_is_void_even_when_it_cannot_be_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let (wal, mut recovery) = open_on(&settings(folder.path()), disk).unwrap();
    wal.append(entry(b"good")).await.unwrap();
    faults.truncate.store(true, Ordering::SeqCst);
    faults.syncs.store(1, Ordering::SeqCst);
    failed(wal.append(entry(b"void")).await);
    assert_eq!(wal.append(entry(b"later")).await.unwrap(), 2);
    let expected = [(1, b"good".to_vec()), (2, b"later".to_vec())];
    assert_eq!(read_all(&mut recovery.reader).await, expected);
    let copy = copy(folder.path());
    let (_, mut after) = open(&settings(copy.path())).unwrap();
    assert_eq!(read_all(&mut after.reader).await, expected);
}

#[tokio::test]
async fn requests_of_a_moment_share_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let (wal, mut recovery) = open_on(&settings(folder.path()), disk).unwrap();
    wal.append(entry(b"first")).await.unwrap();
    let before = faults.synced.load(Ordering::SeqCst);
    // All are in the queue before the runtime is back to hear an answer.
    let told: Vec<_> =
        (0..1000_u32).map(|n| wal.enqueue(entry(&n.to_be_bytes())).unwrap()).collect();
    let mut sequences = Vec::new();
    for told in told {
        sequences.push(told.await.unwrap().unwrap());
    }
    assert_eq!(sequences, (2..1002).collect::<Vec<u64>>());
    let syncs = faults.synced.load(Ordering::SeqCst) - before;
    assert!((1..500).contains(&syncs), "{syncs} syncs for 1000 entries");
    let read = read_all(&mut recovery.reader).await;
    assert_eq!(read.len(), 1001);
    assert_eq!(read[1000].1, 999_u32.to_be_bytes());
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let (wal, _recovery) = open_on(&settings(folder.path()), disk).unwrap();
    for n in 0..20_u64 {
        let before = faults.synced.load(Ordering::SeqCst);
        wal.append(entry(&n.to_be_bytes())).await.unwrap();
        assert!(faults.synced.load(Ordering::SeqCst) > before);
    }
}

#[tokio::test]
async fn entries_stay_while_what_became_of_them_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    *faults.only.lock().unwrap() = Some(LETTERS);
    faults.room.store(0, Ordering::SeqCst);
    let (wal, recovery) = open_on(&settings(folder.path()), disk).unwrap();
    let sequence = wal.append(entry(b"refused")).await.unwrap();
    let refusal = kafka_gateway_api::Refusal::UnknownTopic("topic".to_owned());
    wal.dead_letter(sequence, &refusal, &head(None), (0, &record(b"refused")), 1).unwrap();
    wal.delivered(sequence);
    wal.close();
    drop((wal, recovery));
    let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
    assert_eq!(wal.state().dead_letters, 0);
    assert_eq!(read_all(&mut recovery.reader).await, [(1, b"refused".to_vec())]);
}

#[tokio::test]
async fn a_full_disk_is_left_by_delivering_what_is_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let small = LogSettings { segment_bytes: 4000, ..settings(folder.path()) };
    let (wal, mut recovery) = open_on(&small, disk).unwrap();
    for number in 0..20_u8 {
        wal.append(entry(&[number; 1000])).await.unwrap();
    }
    // What is removed makes room.
    faults.room.store(100, Ordering::SeqCst);
    faults.frees.store(true, Ordering::SeqCst);
    failed(wal.append(entry(&[99; 1000])).await);
    for (sequence, _) in read_all(&mut recovery.reader).await {
        wal.delivered(sequence);
    }
    let began = std::time::Instant::now();
    while wal.append(entry(b"again")).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", wal.state());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(folder.path().join("reserve").exists());
    assert_eq!(read_all(&mut recovery.reader).await, [(21, b"again".to_vec())]);
    assert_eq!(wal.state().failing, None);
}

#[tokio::test]
async fn a_sync_behind_the_answers_that_fails_ends_the_file_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    let every =
        LogSettings { fsync: Fsync::Every(Duration::from_millis(5)), ..settings(folder.path()) };
    let (wal, mut recovery) = open_on(&every, disk).unwrap();
    wal.append(entry(b"one")).await.unwrap();
    let wait = async |what: &dyn Fn() -> bool| {
        for _ in 0..2000 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("did not happen: {:?}", wal.state());
    };
    let before = faults.synced.load(Ordering::SeqCst);
    wal.append(entry(b"two")).await.unwrap();
    wait(&|| faults.synced.load(Ordering::SeqCst) > before).await;
    faults.syncs.store(1, Ordering::SeqCst);
    wal.append(entry(b"three")).await.unwrap();
    wait(&|| wal.state().failing.is_some()).await;
    // The next one is synced before its answer, into another file.
    wal.append(entry(b"four")).await.unwrap();
    assert_eq!(wal.state().failing, None);
    assert_eq!(files_of(folder.path(), ENTRIES).len(), 2);
    let expected: Vec<_> = (1..).zip(["one", "two", "three", "four"].map(Vec::from)).collect();
    assert_eq!(read_all(&mut recovery.reader).await, expected);
    let copy = copy(folder.path());
    let (_, mut after) = open(&settings(copy.path())).unwrap();
    assert_eq!(read_all(&mut after.reader).await, expected);
}

/// A file with nothing but its header is made anew under the same name; who kept both would remove the new one as the old.
#[tokio::test]
async fn an_empty_file_whose_sync_fails_takes_no_entries_along() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, faults) = Faulty::new();
    *faults.only.lock().unwrap() = Some(ENTRIES);
    let small = LogSettings {
        segment_bytes: 4000,
        fsync: Fsync::Every(Duration::from_secs(1)),
        ..settings(folder.path())
    };
    let (wal, recovery) = open_on(&small, disk).unwrap();
    faults.room.store(i64::try_from(FILE_HEADER_BYTES).unwrap(), Ordering::SeqCst);
    failed(wal.append(entry(b"no room")).await);
    assert_eq!(files_of(folder.path(), ENTRIES).len(), 1, "begun, and empty");
    faults.syncs.store(1, Ordering::SeqCst);
    while faults.syncs.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    faults.room.store(-1, Ordering::SeqCst);
    for sequence in 1..=2 {
        assert_eq!(wal.append(entry(&[7; 3000])).await.unwrap(), sequence);
    }
    assert_eq!(files_of(folder.path(), ENTRIES).len(), 2);
    wal.close();
    drop((wal, recovery));
    let (_, mut after) = open(&small).unwrap();
    assert_eq!(read_all(&mut after.reader).await.len(), 2);
}
