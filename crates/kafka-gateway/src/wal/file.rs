//! One file of frames: appended to, and gone through at open.
//!
//! After an append that failed, the file ends with the last good frame again, or it is never appended to any more: then
//! the next file takes over at the sequence that failed, and what this one has from there on is void. After a sync that
//! failed the file is always given up: the kernel may have dropped the pages and say "done" the next time, although
//! nothing reached the disk.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;

use super::disk::{Disk, DiskFile, read_some, write_all};
use super::error::{Cut, OpenError};
use super::frame::{self, Bad, Cursor, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, Frame};

/// What is to become a frame.
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) checksum: Hasher,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let checksum = frame::checksum(&bytes);
        Self { bytes, checksum }
    }

    /// On disk.
    pub(super) fn frame_bytes(&self) -> u64 {
        (self.bytes.len() + FRAME_HEADER_BYTES) as u64
    }
}

/// A file that is appended to.
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    /// The first sequence that it may hold.
    pub(super) first: u64,
    /// The sequence of the next frame.
    pub(super) next: u64,
    /// Up to the end of the last good frame.
    pub(super) bytes: u64,
    /// Known to be on disk.
    pub(super) synced: u64,
}

impl LogFile {
    /// An empty file, its name durable. What a crash or failed attempt left under the name is removed first: it has no
    /// good frame, or it would not be made again.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        kind: &str,
        first: u64,
    ) -> io::Result<Self> {
        let path = frame::name(folder, kind, first);
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&path)?;
        let begun = write_all(&*file, &mut [IoSlice::new(&frame::file_header(first))])
            .and_then(|()| file.sync())
            .and_then(|()| disk.sync_folder(folder));
        if let Err(error) = begun {
            // Best effort: a file without a whole header is removed at the next attempt, or at open.
            let _ = disk.remove(&path);
            return Err(error);
        }
        let (bytes, synced) = (FILE_HEADER_BYTES, FILE_HEADER_BYTES);
        Ok(Self { path, file, first, next: first, bytes, synced })
    }

    /// Writes all payloads, or none.
    ///
    /// # Errors
    /// With `true` the file is as it was and may be used again; with `false` it must be given up.
    pub(super) fn append(&mut self, payloads: &[Payload]) -> Result<(), (io::Error, bool)> {
        let mut written = self.bytes;
        let mut next = self.next;
        for payloads in payloads.chunks(FRAMES_AT_ONCE) {
            let mut headers = Vec::with_capacity(payloads.len());
            for payload in payloads {
                let length = super::codec::size(payload.bytes.len());
                let checksum = payload.checksum.clone();
                headers.push(frame::frame_header(length, next, self.synced, checksum));
                next += 1;
                written += payload.frame_bytes();
            }
            let mut slices: Vec<IoSlice<'_>> = headers
                .iter()
                .zip(payloads)
                .flat_map(|(header, payload)| [&header[..], &payload.bytes])
                .filter(|bytes| !bytes.is_empty())
                .map(IoSlice::new)
                .collect();
            if let Err(error) = write_all(&*self.file, &mut slices) {
                let whole = self.file.truncate(self.bytes).is_ok();
                return Err((error, whole));
            }
        }
        (self.bytes, self.next) = (written, next);
        Ok(())
    }

    /// Makes what was appended durable. After an error the file must be given up.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.synced < self.bytes {
            self.file.sync()?;
            self.synced = self.bytes;
        }
        Ok(())
    }

    /// Back to an earlier end, for a file that is given up: so that a crash does not bring back what was told to have
    /// failed. Where even that fails, the next file's first sequence says the same.
    pub(super) fn give_up(&mut self, bytes: u64, next: u64) {
        let _ = self.file.truncate(bytes);
        (self.bytes, self.next) = (bytes, next);
    }
}

/// Linux takes 1024 slices in one call; a frame is two.
const FRAMES_AT_ONCE: usize = 512;

/// What was found in a file.
pub(super) struct Scanned {
    pub(super) file: LogFile,
    pub(super) cut: Option<Cut>,
}

/// Goes through a file. `successor` is the first sequence of the next file; the newest has none, and alone may have a
/// torn tail. `None` is a newest file that was never begun; it is removed.
pub(super) fn scan(
    disk: &dyn Disk,
    path: &Path,
    first: u64,
    successor: Option<u64>,
    each: &mut dyn FnMut(&Frame),
) -> Result<Option<Scanned>, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let corrupt =
        |offset, why, from, to| OpenError::Corrupt { path: path.to_owned(), offset, why, from, to };
    let file = disk.open(path).map_err(io)?;
    let size = file.size().map_err(io)?;
    if frame::read_header(&*file).map_err(io)? != Some(first) {
        if size > FILE_HEADER_BYTES || successor.is_some() {
            return Err(corrupt(0, "not the header of such a file", first, successor));
        }
        disk.remove(path).map_err(io)?;
        return Ok(None);
    }
    let mut cursor = Cursor::new(file.clone(), first);
    let mut cut = None;
    while successor.is_none_or(|successor| cursor.expected() < successor) {
        match cursor.read(size) {
            Ok(Some(frame)) => each(&frame),
            Ok(None) if successor.is_none() => break,
            Ok(None) => {
                let (at, from) = (cursor.offset(), cursor.expected());
                return Err(corrupt(at, "the end of the file, too early", from, successor));
            }
            Err(Bad::Io(error)) => return Err(io(error)),
            Err(Bad::Frame { offset, why }) => {
                let (from, left) = (cursor.expected(), size.saturating_sub(offset));
                let torn = successor.is_none() && {
                    let left = usize::try_from(left).unwrap_or(usize::MAX);
                    let rest = read_some(&*file, offset, left).map_err(io)?;
                    !frame::was_on_disk(rest, offset, from)
                };
                if !torn {
                    return Err(corrupt(offset, why, from, successor));
                }
                file.truncate(offset).and_then(|()| file.sync()).map_err(io)?;
                cut = Some(Cut { path: path.to_owned(), offset, bytes: left });
                break;
            }
        }
    }
    let (bytes, next) = (cursor.offset(), cursor.expected());
    // Whether the tail was synced before the crash is not known; it is made so before anything is promised again.
    file.sync().map_err(io)?;
    let file = LogFile { path: path.to_owned(), file, first, next, bytes, synced: bytes };
    Ok(Some(Scanned { file, cut }))
}
