//! The file `checkpoint`: which entries are delivered, and how far Kafka's partitions were written.
//!
//! It is replaced as a whole (a temporary file, sync, rename, sync of the folder), so that it is either the old one or
//! the new one. JSON, and a line with its CRC-32, so that people can read it and damage is noticed.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, write_all};
use super::error::OpenError;
use super::offsets::Offsets;
use super::progress::Progress;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// Entries below it are delivered.
    pub(super) low: u64,
    /// So are these.
    delivered: Vec<Range<u64>>,
    pub(super) offsets: Offsets,
}

impl Checkpoint {
    pub(super) fn new(progress: &Progress, ranges_max: usize, offsets: Offsets) -> Self {
        let delivered = progress.ranges(ranges_max);
        Self { version: VERSION, low: progress.low(), delivered, offsets }
    }

    /// `None` where there is none yet.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, OpenError> {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(OpenError::Checkpoint(path));
            }
            Err(error) => return Err(OpenError::Io { path, error }),
        };
        let body = text.split_once('\n').filter(|(body, crc)| *crc == checksum(body));
        let checkpoint = body.and_then(|(body, _)| serde_json::from_str(body).ok());
        match checkpoint {
            Some(Self { version, .. }) if version != VERSION => Err(OpenError::Checkpoint(path)),
            None => Err(OpenError::Checkpoint(path)),
            some => Ok(some),
        }
    }

    /// Replaces the file, and tells its size.
    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path) -> io::Result<u64> {
        let body = serde_json::to_string(self)?;
        let text = format!("{body}\n{}", checksum(&body));
        let temporary = folder.join(TEMPORARY);
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&temporary)?;
        write_all(&*file, &mut [IoSlice::new(text.as_bytes())])?;
        file.sync()?;
        disk.rename(&temporary, &folder.join(NAME))?;
        disk.sync_folder(folder)?;
        Ok(text.len() as u64)
    }

    /// As it was.
    pub(super) fn progress(&self) -> Progress {
        let mut progress = Progress::new(self.low);
        for sequence in self.delivered.iter().flat_map(Clone::clone) {
            progress.delivered(sequence);
        }
        progress
    }
}

fn checksum(body: &str) -> String {
    format!("{:08x}\n", crc32fast::hash(body.as_bytes()))
}

const VERSION: u32 = 1;
pub(super) const NAME: &str = "checkpoint";
pub(super) const TEMPORARY: &str = "checkpoint.new";

/// Ranges that are kept in a checkpoint while the log is in use. What is not in it is sent again after a crash.
pub(super) const RANGES: usize = 1024;

/// The same when the log is closed.
pub(super) const RANGES_AT_CLOSE: usize = 1 << 16;
