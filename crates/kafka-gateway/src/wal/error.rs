//! What can go wrong with the log, told so that an operator knows the file, the byte and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log cannot be opened, or read.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has the folder.
    Locked(PathBuf),
    /// The operating system refused something.
    Io {
        /// To this file or folder.
        path: PathBuf,
        /// Its error.
        error: io::Error,
    },
    /// A file is not as it was written.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// From there on it cannot be read.
        offset: u64,
        /// What is there.
        why: &'static str,
        /// The first entry that cannot be read.
        from: u64,
        /// The first one of the next file, if there is one.
        to: Option<u64>,
    },
    /// The checkpoint is not as it was written.
    Checkpoint(PathBuf),
    /// Entries that were accepted and not delivered are in no file.
    Missing {
        /// The first one missing.
        from: u64,
        /// The first one there.
        to: u64,
        /// The log's folder.
        folder: PathBuf,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => write!(
                out,
                "{}: another process has this write-ahead log; give each its own folder, or stop the other",
                path.display()
            ),
            Self::Io { path, error } => write!(out, "{}: {error}", path.display()),
            Self::Corrupt { path, offset, why, from, to } => {
                let entries = match to {
                    Some(to) => format!("entries {from} to {} are", to.saturating_sub(1)),
                    None => format!("entry {from} and what follows are"),
                };
                write!(
                    out,
                    "{}: byte {offset}: {why}; {entries} not readable from there. Restore the file from a copy, or \
                     give up what is damaged and keep the rest: kafka-gateway wal salvage --directory {}",
                    path.display(),
                    path.parent().unwrap_or(path).display(),
                )
            }
            Self::Checkpoint(path) => write!(
                out,
                "{}: damaged. Remove it: entries still in the log are then sent again, some of them twice",
                path.display()
            ),
            Self::Missing { from, to, folder } => write!(
                out,
                "{}: entries {from} to {} were accepted and not delivered, and no file has them. Restore the files, or \
                 remove the file checkpoint to go on without them",
                folder.display(),
                to.saturating_sub(1)
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why an entry is not in the log. It is not, and will not be: another attempt cannot write it twice.
#[derive(Debug, Clone)]
pub enum AppendError {
    /// No room in the log, or in the queue to it.
    Full,
    /// The operating system could not write or sync.
    Failed(Arc<io::Error>),
    /// The log is closed.
    Stopping,
}

impl fmt::Display for AppendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(out, "the write-ahead log is full"),
            Self::Failed(error) => write!(out, "the write-ahead log cannot be written: {error}"),
            Self::Stopping => write!(out, "the write-ahead log is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// A torn end that was cut off at open: bytes of entries that nobody was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: PathBuf,
    /// Its new end.
    pub offset: u64,
    /// What went.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, bytes } = self;
        write!(
            out,
            "{}: byte {offset}: cut {bytes} bytes of a write that was never finished",
            path.display()
        )
    }
}
