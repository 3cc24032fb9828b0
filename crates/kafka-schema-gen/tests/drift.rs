//! The committed tables are what the generator makes of the definitions of the pinned releases.

#![expect(clippy::panic, reason = "a failed test says so by panicking")]

use std::path::Path;
use std::process::Command;

#[test]
fn committed_tables_are_those_of_the_definitions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pins = std::fs::read_to_string(root.join("tests/lab/versions.toml")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-schema-gen"));
    for release in [pin(&pins, "current"), pin(&pins, "previous")] {
        let messages = root.join(".lab/kafka-messages").join(release);
        assert!(
            messages.is_dir(),
            "Kafka {release} is not in {}: run make setup",
            messages.display()
        );
        command.arg("--messages").arg(messages);
    }
    command.arg("--out").arg(root.join("crates/kafka-wire/src/schema/generated")).arg("--check");
    let output = command.output().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
}

/// A value of the section `kafka`, which holds one text a line.
fn pin<'a>(pins: &'a str, key: &str) -> &'a str {
    let mut lines = pins.lines().skip_while(|line| !line.starts_with("[kafka]")).skip(1);
    let line = lines.find(|line| line.starts_with(key) || line.starts_with('['));
    let value = line.and_then(|line| line.split('"').nth(1));
    value.unwrap_or_else(|| panic!("tests/lab/versions.toml has no {key} under [kafka]"))
}
