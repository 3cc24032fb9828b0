//! Random operations against what must hold: what was answered as appended is there until it is delivered, once and in
//! order, over restarts and crashes and on a disk that fails; what was answered with an error is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::faulty::Faulty;
use super::*;

/// Numbers that look random, from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

async fn run(seed: u64) {
    let mut random = Random(seed);
    let mut folder = tempfile::tempdir().unwrap();
    let fsync = match seed % 3 {
        0 => Fsync::Always,
        1 => Fsync::Every(Duration::from_millis(5)),
        _ => Fsync::Never,
    };
    let small = |folder: &Path| LogSettings {
        max_bytes: 1 << 18,
        segment_bytes: 2000,
        fsync,
        ..settings(folder)
    };
    let mut waiting: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut read: BTreeSet<u64> = BTreeSet::new();
    let mut number = 0_u64;
    for _ in 0..12 {
        let (disk, faults) = Faulty::new();
        let (wal, mut recovery) = open_on(&small(folder.path()), disk).unwrap();
        assert_eq!(recovery.waiting, waiting.len() as u64, "seed {seed}");
        for _ in 0..random.below(60) {
            match random.below(10) {
                0 => faults.syncs.store(1, Ordering::SeqCst),
                1 => faults.room.store(random.below(3000) as i64, Ordering::SeqCst),
                2 => faults.room.store(-1, Ordering::SeqCst),
                3..=6 => {
                    let mut told = Vec::new();
                    for _ in 0..=random.below(5) {
                        number += 1;
                        let size = random.below(600) as usize;
                        let value = [&number.to_be_bytes()[..], &vec![1; size]].concat();
                        told.push((wal.enqueue(entry(&value)), value));
                    }
                    for (told, value) in told {
                        if let Ok(told) = told
                            && let Ok(sequence) = told.await.unwrap()
                        {
                            assert!(waiting.insert(sequence, value).is_none(), "seed {seed}");
                        }
                    }
                }
                _ => {
                    for (sequence, value) in read_all(&mut recovery.reader).await {
                        assert_eq!(waiting.get(&sequence), Some(&value), "seed {seed}");
                        assert!(read.insert(sequence), "seed {seed}: {sequence} was read twice");
                    }
                    let some: Vec<u64> =
                        read.iter().copied().filter(|_| random.below(2) == 0).collect();
                    for sequence in some {
                        wal.delivered(sequence);
                        waiting.remove(&sequence);
                        read.remove(&sequence);
                    }
                }
            }
        }
        faults.room.store(-1, Ordering::SeqCst);
        faults.syncs.store(0, Ordering::SeqCst);
        assert_eq!(wal.state().entries_waiting, waiting.len() as u64, "seed {seed}");
        read.clear();
        let crash = random.below(2) == 0;
        let copied = crash.then(|| copy_while_open(folder.path()));
        wal.close();
        drop((wal, recovery));
        if let Some(copied) = copied {
            // What was delivered since the last checkpoint comes again; nothing that waits may be missing.
            folder = copied;
            let (wal, mut recovery) = open(&small(folder.path())).unwrap();
            let again: BTreeMap<u64, Vec<u8>> =
                read_all(&mut recovery.reader).await.into_iter().collect();
            for (sequence, value) in &waiting {
                assert_eq!(again.get(sequence), Some(value), "seed {seed}: {sequence} is lost");
            }
            for sequence in again.keys().filter(|sequence| !waiting.contains_key(sequence)) {
                wal.delivered(*sequence);
            }
            wal.close();
        }
    }
}

/// A segment can be removed between two looks.
fn copy_while_open(from: &Path) -> TempDir {
    loop {
        let to = tempfile::tempdir().unwrap();
        // The checkpoint first: entries that it does not let go of are there when it is read, and later.
        let mut names: Vec<_> =
            fs::read_dir(from).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort_by_key(|name| name != "checkpoint");
        let copied = names.iter().all(|name| {
            name == "checkpoint.new" || fs::copy(from.join(name), to.path().join(name)).is_ok()
        });
        if copied {
            return to;
        }
    }
}

#[tokio::test]
async fn what_was_appended_is_there_until_it_is_delivered() {
    for seed in 1..=9 {
        run(seed).await;
    }
}
