use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kafka_gateway_api::Record;
use tempfile::TempDir;

use super::disk::{Disk, Real};
use super::*;
use crate::settings::Fsync;

mod bounds;
mod crash;
mod faulty;
mod files;
mod model;
mod parts;
mod tool;

fn settings(folder: &Path) -> LogSettings {
    LogSettings {
        directory: folder.to_owned(),
        max_bytes: 1 << 20,
        segment_bytes: 1 << 16,
        fsync: Fsync::Always,
    }
}

const IDEMPOTENCY: IdempotencySettings =
    IdempotencySettings { window: Duration::from_secs(3600), keys_max: 100 };

fn open(settings: &LogSettings) -> Result<(Arc<Wal>, Recovery), OpenError> {
    open_on(settings, Arc::new(Real))
}

fn open_on(settings: &LogSettings, disk: Arc<dyn Disk>) -> Result<(Arc<Wal>, Recovery), OpenError> {
    Wal::open_on(settings, &IDEMPOTENCY, Arc::new(Unobserved), disk)
}

fn head<'a>(key: Option<&'a str>) -> EntryHead<'a> {
    EntryHead {
        token: 7,
        waits: key.is_some(),
        client: "client",
        idempotency_key: key,
        fingerprint: 11,
        accepted_ms: 1_700_000_000_000,
        count: 1,
    }
}

fn record(value: &[u8]) -> Record<'_> {
    Record {
        topic: "topic".into(),
        partition: None,
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

/// An entry with this value.
fn entry(value: &[u8]) -> Vec<u8> {
    keyed(None, value)
}

fn keyed(key: Option<&str>, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Entry::encode(&head(key), std::iter::once((0, &record(value))), &mut bytes);
    bytes
}

fn value_of(entry: &[u8]) -> Vec<u8> {
    let entry = Entry::decode(entry).unwrap();
    entry.records[0].1.value.clone().unwrap().into_owned()
}

/// All that is there to be read, without waiting.
async fn read_all(reader: &mut Reader) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    while !reader.is_at_end() {
        // What is left may be delivered already: then the reader comes to the end without an entry.
        let read = tokio::time::timeout(Duration::from_millis(50), reader.next());
        if let Ok(read) = read.await {
            let read = read.unwrap();
            all.push((read.sequence, value_of(&read.payload)));
        }
    }
    all
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.path().join(file.file_name())).unwrap();
    }
    to
}

/// Of a kind, in order.
fn files_of(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let firsts = super::open::list(folder, kind).unwrap();
    firsts.into_iter().map(|first| super::frame::name(folder, kind, first)).collect()
}
