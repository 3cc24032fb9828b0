//! Secrets: from files, and kept out of what is shown.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use super::{ClientSettings, KafkaSettings};

/// The first line of a file.
///
/// # Errors
/// Why it cannot be had, to stand behind the file's name.
pub(super) fn first_line(file: &Path) -> Result<String, String> {
    let text = text(file)?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err("has no first line; write the secret there".to_owned()),
    }
}

/// All lines of a file that are not empty, without blanks around them.
///
/// # Errors
/// Why they cannot be had, to stand behind the file's name.
pub(super) fn lines(file: &Path) -> Result<Vec<String>, String> {
    let lines: Vec<String> = text(file)?
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() { Err("is empty; write one API key a line".to_owned()) } else { Ok(lines) }
}

fn text(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| format!("cannot be read: {error}"))?;
    opened
        .take(SECRET_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    Ok(text)
}

/// Whether a property of librdkafka holds a secret, or may.
#[must_use]
pub fn is_secret(property: &str) -> bool {
    SECRET_PARTS.iter().any(|part| property.contains(part))
}

/// As it may be shown.
#[must_use]
pub fn shown<'a>(property: &str, value: &'a str) -> &'a str {
    if is_secret(property) { HIDDEN } else { value }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Vec<(&str, &str)> = self
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), shown(name, value)))
            .collect();
        out.debug_struct("KafkaSettings")
            .field("properties", &properties)
            .field("acks", &self.acks)
            .field("idempotence", &self.idempotence)
            .field("message_max_bytes", &self.message_max_bytes)
            .field("message_timeout", &self.message_timeout)
            .field("statistics_interval", &self.statistics_interval)
            .field("auto_create_topics", &self.auto_create_topics)
            .field("unknown_topic_ttl", &self.unknown_topic_ttl)
            .finish()
    }
}

/// A hash of a weak key may be guessed.
impl fmt::Debug for ClientSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientSettings")
            .field("name", &self.name)
            .field("keys", &self.key_sha256.len())
            .field("certificate", &self.certificate)
            .field("grant", &self.grant)
            .finish()
    }
}

/// What stands for a secret.
pub const HIDDEN: &str = "(hidden)";

/// Parts of the names of librdkafka's secrets; a name too many costs a line of `--check`, one too few a secret.
const SECRET_PARTS: [&str; 9] = [
    "password",
    "passphrase",
    "secret",
    "ssl.key.pem",
    "ssl_key",
    "private.key.pem",
    "oauthbearer.config",
    "jaas",
    "token",
];

/// A password, or a few hundred API keys.
const SECRET_MAX_BYTES: u64 = 64 * 1024;
