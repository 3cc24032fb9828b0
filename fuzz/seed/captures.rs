//! Recorded conversations of real clients as scripts of the `connection` target.
//!
//! The format is that of `tests/captures/`: `open`, `client`, `broker` and `close` with the number of the
//! connection, the bytes under them in hexadecimal.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use kafka_filter_fuzz::input::write_bytes;

/// For each recording its longest connections that fit into a seed, by name.
pub fn connection_seeds(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut seeds = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    paths.sort_by_key(fs::DirEntry::path);
    for path in paths.into_iter().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut scripts: Vec<(u32, Vec<u8>)> = scripts(&fs::read_to_string(&path)?)
            .into_iter()
            .filter(|(_, script)| script.len() <= SEED_SIZE_MAX)
            .collect();
        scripts.sort_by_key(|(connection, script)| (usize::MAX - script.len(), *connection));
        for (connection, script) in scripts.into_iter().take(CONNECTIONS_MAX) {
            seeds.push((format!("{name}-{connection}"), script));
        }
    }
    Ok(seeds)
}

/// A script for every connection of a recording.
fn scripts(text: &str) -> BTreeMap<u32, Vec<u8>> {
    let mut scripts: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut current = None;
    let mut bytes = Vec::new();
    for line in text.lines().chain(["end 0"]) {
        if let Some(hexadecimal) = line.strip_prefix("  ") {
            bytes.extend(decode(hexadecimal));
            continue;
        }
        if let Some((is_downstream, connection)) = current.take() {
            let script = scripts.entry(connection).or_insert_with(|| BEGINNING.to_vec());
            pass(script, is_downstream, &std::mem::take(&mut bytes));
        }
        let (word, number) = line.split_once(' ').unwrap_or_default();
        let connection = number.parse::<u32>().unwrap_or_default();
        match word {
            "client" => current = Some((true, connection)),
            "broker" => current = Some((false, connection)),
            "close" => {
                scripts.entry(connection).or_default().push(CLOSE);
            }
            _ => {}
        }
    }
    scripts
}

fn decode(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hexadecimal.chars().filter_map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Writes bytes that pass, whole.
fn pass(script: &mut Vec<u8>, is_downstream: bool, bytes: &[u8]) {
    for piece in bytes.chunks(PIECE_MAX) {
        script.extend([PASS, u8::from(!is_downstream)]);
        assert!(write_bytes(script, piece), "a piece that fits");
        script.push(0);
    }
}

/// Large caps and bounds, and a host that does not fail.
const BEGINNING: [u8; 7] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
/// The steps of `Script` that are used here.
const PASS: u8 = 180;
const CLOSE: u8 = 195;
const PIECE_MAX: usize = 8_000;
/// Longer inputs are cut by `fuzz/run`.
const SEED_SIZE_MAX: usize = 4_096;
/// Seeds of one recording.
const CONNECTIONS_MAX: usize = 3;
