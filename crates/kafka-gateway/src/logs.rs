//! Log lines to standard error, standard output or a file that is opened anew after a rotation. No payload and no
//! secret reaches them: events carry names, numbers and errors, and what holds a secret has a `Debug` without it.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use kafka_operations::logs::{filter, start};
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::OutputSettings;

/// Where log lines go. Clones are the same logs.
#[derive(Clone, Debug)]
pub struct Logs {
    output: Output,
}

#[derive(Clone, Debug)]
enum Output {
    Error,
    Standard,
    File { path: PathBuf, file: Arc<RwLock<Arc<File>>> },
}

impl Logs {
    /// Starts logging; to be called once.
    ///
    /// # Errors
    /// The file cannot be opened, the filter cannot be read, or something else logs already.
    pub fn start(settings: &OutputSettings) -> Result<Self, String> {
        let output = Output::open(settings.file.as_deref())?;
        let colours = output.is_terminal();
        start(filter(&settings.filter)?, output.clone(), colours, settings.json)?;
        Ok(Self { output })
    }

    /// Opens the file anew, as after a rotation; nothing for standard error.
    ///
    /// # Errors
    /// The file cannot be opened; the old one goes on.
    pub fn reopen(&self) -> Result<(), String> {
        self.output.reopen()
    }
}

impl Output {
    fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self::Error) };
        // Opening these by name fails where they are sockets, as under systemd.
        match path.to_str() {
            Some("/dev/stdout") => return Ok(Self::Standard),
            Some("/dev/stderr") => return Ok(Self::Error),
            _ => {}
        }
        let file = Arc::new(RwLock::new(Arc::new(append(path)?)));
        Ok(Self::File { path: path.to_owned(), file })
    }

    fn reopen(&self) -> Result<(), String> {
        if let Self::File { path, file } = self {
            let opened = Arc::new(append(path)?);
            *file.write().unwrap_or_else(PoisonError::into_inner) = opened;
        }
        Ok(())
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Error => io::stderr().is_terminal(),
            Self::Standard => io::stdout().is_terminal(),
            Self::File { .. } => false,
        }
    }
}

fn append(path: &Path) -> Result<File, String> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| format!("output_file {}: {error}", path.display()))
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        match self {
            Self::Error => Line::Error,
            Self::Standard => Line::Standard,
            Self::File { file, .. } => {
                Line::File(file.read().unwrap_or_else(PoisonError::into_inner).clone())
            }
        }
    }
}

/// Takes one line, which comes in one piece.
#[derive(Debug)]
enum Line {
    Error,
    Standard,
    File(Arc<File>),
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Error => io::stderr().write(bytes),
            Self::Standard => io::stdout().write(bytes),
            Self::File(file) => (&**file).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Error => io::stderr().flush(),
            Self::Standard => io::stdout().flush(),
            Self::File(file) => (&**file).flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_is_left_and_a_new_one_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        std::fs::write(&path, "before\n").unwrap();
        let output = Output::open(Some(&path)).unwrap();
        output.make_writer().write_all(b"one\n").unwrap();
        let rotated = folder.path().join("gateway.log.1");
        std::fs::rename(&path, &rotated).unwrap();
        output.make_writer().write_all(b"two\n").unwrap();
        output.reopen().unwrap();
        output.make_writer().write_all(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(rotated).unwrap(), "before\none\ntwo\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_anew_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let output = Output::open(Some(&inner.join("gateway.log"))).unwrap();
        let moved = folder.path().join("moved");
        std::fs::rename(&inner, &moved).unwrap();
        let error = output.reopen().unwrap_err();
        assert!(
            error.starts_with("output_file ") && error.contains("inner/gateway.log"),
            "{error}"
        );
        output.make_writer().write_all(b"still\n").unwrap();
        assert_eq!(std::fs::read_to_string(moved.join("gateway.log")).unwrap(), "still\n");
    }

    #[test]
    fn the_names_of_the_standard_streams_are_not_opened() {
        assert!(matches!(Output::open(Some(Path::new("/dev/stdout"))), Ok(Output::Standard)));
        assert!(matches!(Output::open(Some(Path::new("/dev/stderr"))), Ok(Output::Error)));
        assert!(matches!(Output::open(None), Ok(Output::Error)));
    }
}
