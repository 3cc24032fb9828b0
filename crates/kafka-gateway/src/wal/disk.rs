//! The few calls to the file system that the log makes, as a trait, so that tests can make any of them fail.
//!
//! Nothing is remembered here; what a failed call means is decided by who called.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::path::Path;
use std::sync::Arc;

/// A folder's files.
pub(super) trait Disk: Send + Sync {
    /// A new file for appending and reading; it must not exist.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// An existing file for appending and reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Away with it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Replaces what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes names durable: those created, renamed and removed.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file; writes go to its end.
pub(super) trait DiskFile: Send + Sync {
    /// Some of the bytes.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// The data, and what is needed to find it.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the end off.
    fn truncate(&self, size: u64) -> io::Result<()>;
    /// Some bytes from there.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Real;

impl Disk for Real {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).append(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl DiskFile for File {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut file = self;
        file.write_vectored(slices)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Everything the slices have, however often it takes.
pub(super) fn write_all(file: &dyn DiskFile, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(size) => IoSlice::advance_slices(&mut slices, size),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// As much as is there, up to `size` bytes.
pub(super) fn read_some(file: &dyn DiskFile, offset: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(size) => filled += size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}
