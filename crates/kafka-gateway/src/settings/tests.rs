//! Files and environments as operators write them; each expected value is written by hand.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Problems, Settings, load};

mod access;
mod environment;
mod errors;
mod kafka;
mod kprf;
mod shown;
mod values;

/// Loads a text as a file, with variables.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, text).unwrap();
    load(Some(&path), environment(variables))
}

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn settings(text: &str) -> Settings {
    loaded(text, &[]).unwrap_or_else(|problems| panic!("{problems}\nof\n{text}"))
}

/// All problems, a line each.
fn problems(text: &str) -> Vec<String> {
    match loaded(text, &[]) {
        Ok(settings) => panic!("taken: {settings:?}\nof\n{text}"),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

/// The one problem of what is added to a file that is right.
fn problem(more: &str) -> String {
    let mut problems = problems(&format!("{BROKERS}{more}"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

/// What librdkafka is given under a name.
fn property<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    let found: Vec<_> =
        settings.kafka.properties.iter().filter(|(known, _)| known == name).collect();
    assert!(found.len() <= 1, "{name} is set twice: {found:?}");
    found.first().map(|(_, value)| value.as_str())
}

/// A file with a secret, which is deleted with the folder.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const BROKERS: &str = "kafka: {brokers: [broker:9092]}\n";
