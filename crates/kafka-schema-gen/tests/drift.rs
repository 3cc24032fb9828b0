//! The committed tables are what the generator makes of the definitions of the pinned releases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test says so by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn committed_tables_are_those_of_the_definitions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-schema-gen"));
    for release in releases(&root.join(".lab/kafka-messages")) {
        command.arg("--messages").arg(release);
    }
    command.arg("--out").arg(root.join("crates/kafka-wire/src/schema/generated")).arg("--check");
    let output = command.output().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
}

/// A folder for each release, newest first.
fn releases(folder: &Path) -> Vec<PathBuf> {
    let missing = || format!("no message definitions in {}: run make setup", folder.display());
    let entries = std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", missing()));
    let mut releases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    releases.sort_by_key(|release| std::cmp::Reverse(version(release)));
    assert!(releases.len() >= 2, "{}", missing());
    releases
}

fn version(release: &Path) -> Vec<u32> {
    let name = release.file_name().unwrap().to_string_lossy();
    let number = |part: &str| part.parse().unwrap_or_else(|_| panic!("{name} is no version"));
    name.split('.').map(number).collect()
}
