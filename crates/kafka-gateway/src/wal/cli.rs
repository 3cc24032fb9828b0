//! `kafka-gateway wal`: what an operator does with a log's folder.
//!
//! Looking changes nothing and works while the gateway runs; what changes the folder needs it for itself. Values of
//! records are shown on request only.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, Real};
use super::entry::Entry;
use super::error::OpenError;
use super::frame::{self, Bad, Cursor, Frame};
use super::open::{exclusive, list};
use super::progress::Progress;
use super::{ENTRIES, LETTERS, file, letters, salvage};

/// The subcommand and its own.
#[must_use]
pub fn command() -> Command {
    let directory = Arg::new("directory")
        .long("directory")
        .value_name("DIR")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The folder of the write-ahead log");
    let sub = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).arg(directory.clone())
    };
    let values = Arg::new("values")
        .long("values")
        .action(ArgAction::SetTrue)
        .help("Also keys and values of the records, as text where they are UTF-8");
    Command::new("wal")
        .about("Look into a write-ahead log, and repair it")
        .subcommand_required(true)
        .subcommand(sub("inspect", "What waits, since when, and how many bytes there are"))
        .subcommand(
            sub("dead-letters", "Records that Kafka refused for good, as JSON lines").arg(values),
        )
        .subcommand(sub(
            "requeue",
            "Put all dead letters behind what waits; the gateway must be stopped",
        ))
        .subcommand(sub("discard", "Delete all dead letters; the gateway must be stopped"))
        .subcommand(sub(
            "salvage",
            "Set damaged files aside and keep what can be read; the gateway must be stopped",
        ))
}

/// Does what was asked for.
///
/// # Errors
/// What went wrong, for an operator.
pub fn run(matches: &ArgMatches) -> Result<(), String> {
    run_to(matches, &mut io::stdout().lock())
}

pub(super) fn run_to(matches: &ArgMatches, out: &mut dyn io::Write) -> Result<(), String> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err("write what to do; see kafka-gateway wal --help".to_owned());
    };
    let Some(folder) = matches.get_one::<PathBuf>("directory") else {
        return Err("write --directory".to_owned());
    };
    if !folder.is_dir() {
        return Err(format!("{} is no folder", folder.display()));
    }
    let done = match name {
        "inspect" => inspect(folder, out),
        "dead-letters" => dead_letters(folder, matches.get_flag("values"), out),
        "requeue" => requeue(folder, out),
        "discard" => discard(folder, out),
        "salvage" => salvage::salvage(folder, out),
        other => return Err(format!("no such thing: {other}")),
    };
    match done {
        // Whoever reads had enough.
        Err(Trouble::Out(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|trouble| trouble.to_string()),
    }
}

/// Why it did not work.
#[derive(Debug)]
pub(super) enum Trouble {
    Log(OpenError),
    Out(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log(error) => error.fmt(out),
            Self::Out(error) => write!(out, "standard output: {error}"),
        }
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self::Log(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}

/// The frames of a kind. A torn end, or one that is being written, is no error here.
fn frames(
    folder: &Path,
    kind: &str,
    each: &mut dyn FnMut(&Frame) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let firsts = list(folder, kind)?;
    for (index, first) in firsts.iter().enumerate() {
        let path = frame::name(folder, kind, *first);
        let successor = firsts.get(index + 1).copied();
        let file = match Real.open(&path) {
            Ok(file) => file,
            // Delivered and removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(OpenError::Io { path, error }.into()),
        };
        let size = file.size().map_err(|error| OpenError::Io { path: path.clone(), error })?;
        let mut cursor = Cursor::new(file, *first);
        while successor.is_none_or(|successor| cursor.expected() < successor) {
            match cursor.read(size) {
                Ok(Some(frame)) => each(&frame)?,
                Ok(None) => break,
                Err(Bad::Io(error)) => return Err(OpenError::Io { path, error }.into()),
                Err(Bad::Frame { .. }) if successor.is_none() => break,
                Err(Bad::Frame { offset, why }) => {
                    let from = cursor.expected();
                    return Err(
                        OpenError::Corrupt { path, offset, why, from, to: successor }.into()
                    );
                }
            }
        }
    }
    Ok(())
}

fn inspect(folder: &Path, out: &mut dyn io::Write) -> Result<(), Trouble> {
    let first = list(folder, ENTRIES)?.first().copied().unwrap_or(1);
    let checkpoint = Checkpoint::read(folder)?;
    let progress = checkpoint.map_or_else(|| Progress::new(first), |known| known.progress());
    let (mut entries, mut records, mut entry_bytes) = (0_u64, 0_u64, 0_u64);
    let (mut oldest, mut letters) = (None, 0_u64);
    frames(folder, ENTRIES, &mut |frame| {
        if !progress.is_delivered(frame.sequence) && !frame.payload.is_empty() {
            entries += 1;
            entry_bytes += frame.payload.len() as u64;
            if let Ok(entry) = Entry::decode(&frame.payload) {
                records += entry.records.len() as u64;
                oldest = oldest.or(Some(entry.head.accepted_ms));
            }
        }
        Ok(())
    })?;
    frames(folder, LETTERS, &mut |_| {
        letters += 1;
        Ok(())
    })?;
    let line = json!({
        "entries_waiting": entries,
        "records_waiting": records,
        "bytes_waiting": entry_bytes,
        "oldest_accepted_ms": oldest,
        "bytes_used": super::open::used(folder)?,
        "first_waiting": progress.low(),
        "dead_letters": letters,
    });
    Ok(writeln!(out, "{line}")?)
}

fn dead_letters(folder: &Path, values: bool, out: &mut dyn io::Write) -> Result<(), Trouble> {
    frames(folder, LETTERS, &mut |frame| {
        let Ok((head, rest)) = letters::decode(&frame.payload) else {
            return Ok(writeln!(out, "{}", json!({"letter": frame.sequence, "unreadable": true}))?);
        };
        let Ok(entry) = Entry::decode(rest) else {
            return Ok(writeln!(out, "{}", json!({"letter": frame.sequence, "unreadable": true}))?);
        };
        for (index, record) in &entry.records {
            let mut line = json!({
                "letter": frame.sequence,
                "entry": head.sequence,
                "index": index,
                "client": entry.head.client,
                "topic": record.topic,
                "partition": record.partition,
                "size_bytes": record.size_bytes(),
                "accepted_ms": entry.head.accepted_ms,
                "refused_ms": head.refused_ms,
                "error_code": head.code,
                "error": head.name,
                "message": head.message,
            });
            if values && let Some(line) = line.as_object_mut() {
                let text = |bytes: &Option<std::borrow::Cow<'_, [u8]>>| {
                    bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                };
                line.insert("key".to_owned(), json!(text(&record.key)));
                line.insert("value".to_owned(), json!(text(&record.value)));
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    })
}

/// Entries first, durable, then the letters away: a crash between leaves both, and the records come twice.
fn requeue(folder: &Path, out: &mut dyn io::Write) -> Result<(), Trouble> {
    let _lock = exclusive(folder)?;
    let mut payloads = Vec::new();
    frames(folder, LETTERS, &mut |frame| {
        match letters::decode(&frame.payload) {
            // Salvage could not read it.
            _ if frame.payload.is_empty() => {}
            Ok((_, entry)) => payloads.push(file::Payload::new(entry.to_vec())),
            Err(_) => {
                let path = folder.to_owned();
                let why = "a dead letter that this release cannot read";
                let (offset, from) = (frame.offset, frame.sequence);
                return Err(OpenError::Corrupt { path, offset, why, from, to: None }.into());
            }
        }
        Ok(())
    })?;
    let count = payloads.len();
    if count > 0 {
        let firsts = list(folder, ENTRIES)?;
        let low = Checkpoint::read(folder)?.map_or(1, |known| known.low);
        let mut next = low;
        if let Some(last) = firsts.last() {
            let path = frame::name(folder, ENTRIES, *last);
            if let Some(scanned) = file::scan(&Real, &path, *last, None, &mut |_| {})? {
                next = next.max(scanned.file.next);
            }
        }
        let at = |error| OpenError::Io { path: folder.to_owned(), error };
        let mut file = match firsts.last() {
            Some(last) if *last == next => {
                let path = frame::name(folder, ENTRIES, next);
                file::scan(&Real, &path, next, None, &mut |_| {})?.map(|scanned| scanned.file)
            }
            _ => None,
        };
        if file.is_none() {
            file = Some(file::LogFile::create(&Real, folder, ENTRIES, next).map_err(at)?);
        }
        if let Some(file) = &mut file {
            file.append(&payloads).map_err(|(error, _)| at(error))?;
            file.sync().map_err(at)?;
        }
        remove(folder)?;
    }
    Ok(writeln!(out, "{}", json!({ "requeued": count }))?)
}

fn discard(folder: &Path, out: &mut dyn io::Write) -> Result<(), Trouble> {
    let _lock = exclusive(folder)?;
    let mut count = 0_u64;
    frames(folder, LETTERS, &mut |_| {
        count += 1;
        Ok(())
    })?;
    remove(folder)?;
    Ok(writeln!(out, "{}", json!({ "discarded": count }))?)
}

fn remove(folder: &Path) -> Result<(), OpenError> {
    for first in list(folder, LETTERS)? {
        let path = frame::name(folder, LETTERS, first);
        Real.remove(&path).map_err(|error| OpenError::Io { path, error })?;
    }
    let at = |error| OpenError::Io { path: folder.to_owned(), error };
    Real.sync_folder(folder).map_err(at)
}
