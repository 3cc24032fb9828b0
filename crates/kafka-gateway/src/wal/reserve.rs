//! The file `reserve`: room on the disk that is the keeper's alone.
//!
//! When the disk is full, segments can go only after a checkpoint was written, and that needs room. The file is real
//! bytes, is given back when the keeper has none, and made again before entries may take any.

use std::io::{self, IoSlice};

use super::disk::write_all;
use super::shared::Shared;

/// Gives the room back to the disk.
pub(super) fn release(shared: &Shared) -> io::Result<()> {
    match shared.disk.remove(&shared.folder.join(NAME)) {
        Ok(()) => {
            shared.budget.give(size(shared));
            shared.disk.sync_folder(&shared.folder)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the room, if it is not taken.
pub(super) fn hold(shared: &Shared) -> io::Result<()> {
    let path = shared.folder.join(NAME);
    let size = size(shared);
    if let Ok(file) = std::fs::metadata(&path) {
        if file.len() == size {
            return Ok(());
        }
        // Half a reserve, or one for other settings.
        shared.disk.remove(&path)?;
        shared.budget.give(file.len());
    }
    let file = shared.disk.create(&path)?;
    let bytes = vec![0xa5; usize::try_from(size).unwrap_or_default()];
    let held = write_all(&*file, &mut [IoSlice::new(&bytes)]).and_then(|()| file.sync());
    match held {
        Ok(()) => shared.budget.add(size),
        // Half a reserve is none.
        Err(_) => drop(shared.disk.remove(&path)),
    }
    held
}

fn size(shared: &Shared) -> u64 {
    RESERVE_BYTES.min(shared.budget.limit / 16)
}

const NAME: &str = "reserve";

/// More than a checkpoint and what it lets go of usually need.
const RESERVE_BYTES: u64 = 256 << 10;
