//! The generated files on disk: written, or compared with what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::emit::File;
use crate::error::Error;

/// Writes the files whose text differs, removes those that are no longer generated, and says how
/// many changed.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn write(out: &Path, files: &[File]) -> Result<usize, Error> {
    let failed = |path: &Path, error| Error::new(path.display().to_string(), format!("{error}"));
    std::fs::create_dir_all(out).map_err(|error| failed(out, error))?;
    let mut changed = 0_usize;
    for file in files {
        let path = place(out, &file.path);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&file.text) {
            std::fs::write(&path, &file.text).map_err(|error| failed(&path, error))?;
            changed = changed.saturating_add(1);
        }
    }
    for path in stale(out, files)? {
        std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        changed = changed.saturating_add(1);
    }
    Ok(changed)
}

/// Compares the files with what is on disk.
///
/// # Errors
/// Names the first file that differs and the command that writes it.
pub(crate) fn check(out: &Path, files: &[File]) -> Result<(), Error> {
    let refuse = |path: &Path, problem: &str| {
        let place = path.display().to_string();
        Err(Error::new(place, format!("{problem}: run `make kafka-tables` and review the diff")))
    };
    for file in files {
        let path = place(out, &file.path);
        match std::fs::read_to_string(&path) {
            Ok(found) if found == file.text => {}
            Ok(_) => return refuse(&path, "differs from what the definitions say"),
            Err(_) => return refuse(&path, "is missing"),
        }
    }
    match stale(out, files)?.first() {
        Some(path) => refuse(path, "is not generated any more"),
        None => Ok(()),
    }
}

/// `generated.rs` stands beside the folder, everything else inside it.
fn place(out: &Path, path: &str) -> PathBuf {
    match path.strip_prefix("generated/") {
        Some(inside) => out.join(inside),
        None => out.with_file_name(path),
    }
}

fn stale(out: &Path, files: &[File]) -> Result<Vec<PathBuf>, Error> {
    let expected: BTreeSet<PathBuf> = files.iter().map(|file| place(out, &file.path)).collect();
    let failed = |error: std::io::Error| Error::new(out.display().to_string(), error.to_string());
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(out).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !expected.contains(&path) {
            stale.push(path);
        }
    }
    Ok(stale)
}
