//! Gives up what is damaged in a log, and keeps the rest.
//!
//! A damaged file stays beside the new one under its name with `.damaged`. Every frame that can still be read keeps its
//! number; an empty frame takes the place of each that cannot, so that numbers have no gap. What is lost is told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use serde_json::json;

use super::cli::Trouble;
use super::disk::{Disk, Real, read_some};
use super::error::OpenError;
use super::file::{LogFile, Payload};
use super::frame::{self, Frame};
use super::open::{exclusive, list};
use super::{ANSWERS, ENTRIES, LETTERS};

/// Repairs every file that needs it.
pub(super) fn salvage(folder: &Path, out: &mut dyn io::Write) -> Result<(), Trouble> {
    let _lock = exclusive(folder)?;
    for kind in [ENTRIES, LETTERS, ANSWERS] {
        let firsts = list(folder, kind)?;
        for (index, first) in firsts.iter().enumerate() {
            let successor = firsts.get(index + 1).copied();
            repair(folder, kind, *first, successor, out)?;
        }
    }
    Ok(())
}

fn repair(
    folder: &Path,
    kind: &str,
    first: u64,
    successor: Option<u64>,
    out: &mut dyn io::Write,
) -> Result<(), Trouble> {
    let path = frame::name(folder, kind, first);
    let at = |error| OpenError::Io { path: path.clone(), error };
    let file = Real.open(&path).map_err(at)?;
    let size = usize::try_from(file.size().map_err(at)?).unwrap_or(usize::MAX);
    let bytes = Bytes::from(read_some(&*file, 0, size).map_err(at)?);
    let found = frame::find_all(&bytes, first, successor);
    let header = frame::read_header(&*file).map_err(at)? == Some(first);
    let whole = found.values().map(|frame| frame.payload.len() + frame::FRAME_HEADER_BYTES);
    let whole = whole.sum::<usize>() + frame::FILE_HEADER_BYTES as usize;
    let last = found.keys().next_back().map_or(first, |last| last + 1);
    let end = successor.unwrap_or(last);
    let missing = end.saturating_sub(first).saturating_sub(found.len() as u64);
    if header && missing == 0 && (whole == bytes.len() || successor.is_some()) {
        return Ok(());
    }
    rebuild(folder, kind, (first, end), &found).map_err(at)?;
    let line = json!({
        "file": path.file_name().map(|name| name.to_string_lossy()),
        "kept": found.len(),
        "lost_known": missing,
        "bytes_unreadable": bytes.len().saturating_sub(whole),
    });
    Ok(writeln!(out, "{line}")?)
}

fn rebuild(
    folder: &Path,
    kind: &str,
    (first, end): (u64, u64),
    found: &BTreeMap<u64, Frame>,
) -> io::Result<()> {
    let path = frame::name(folder, kind, first);
    let mut aside = path.clone().into_os_string();
    aside.push(".damaged");
    Real.rename(&path, Path::new(&aside))?;
    let mut file = LogFile::create(&Real, folder, kind, first)?;
    for sequence in first..end {
        let payload = found.get(&sequence).map_or(Vec::new(), |frame| frame.payload.to_vec());
        file.append(&[Payload::new(payload)]).map_err(|(error, _)| error)?;
    }
    file.sync()?;
    Real.sync_folder(folder)
}
