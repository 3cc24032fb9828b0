//! The journal of answers and the dead letters: small things that are kept beside the segments.
//!
//! They are collected in memory and written by the keeper, always before the checkpoint that lets go of the entries they
//! came from: after a crash an entry is there, or what became of it, or both.

use std::io;
use std::path::Path;

use super::disk::Disk;
use super::file::{LogFile, Payload};

/// The files of one kind, and what is still to be written to them.
pub(super) struct Side {
    kind: &'static str,
    /// The one that is written to, once there is one.
    file: Option<LogFile>,
    /// The next sequence of the kind, over all its files.
    next: u64,
    waiting: Vec<Payload>,
}

impl Side {
    pub(super) fn new(kind: &'static str, file: Option<LogFile>) -> Self {
        let next = file.as_ref().map_or(1, |file| file.next);
        Self { kind, file, next, waiting: Vec::new() }
    }

    /// Takes these to the next flush.
    pub(super) fn take(&mut self, payloads: Vec<Payload>) {
        if self.waiting.is_empty() {
            self.waiting = payloads;
        } else {
            self.waiting.extend(payloads);
        }
    }

    /// The file that is written to has so many frames.
    pub(super) fn frames(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.next - file.first)
    }

    /// Writes and syncs all that waits.
    ///
    /// # Errors
    /// Everything still waits, and is tried again by the next call.
    pub(super) fn flush(&mut self, disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => LogFile::create(disk, folder, self.kind, self.next)?,
        };
        let (bytes, next) = (file.bytes, file.next);
        match file.append(&self.waiting) {
            Err((error, true)) => {
                self.file = Some(file);
                return Err(error);
            }
            // The next file begins where this one was good.
            Err((error, false)) => return Err(error),
            Ok(()) => {}
        }
        if let Err(error) = file.sync() {
            file.give_up(bytes, next);
            return Err(error);
        }
        self.next = file.next;
        self.file = Some(file);
        self.waiting = Vec::new();
        Ok(())
    }

    /// The next flush begins a new file. The one before stays; its first sequence is returned.
    pub(super) fn rotate(&mut self) -> Option<u64> {
        self.file.take().map(|file| file.first)
    }
}
