//! What is wrong with what was given: each with where it was given, what it is and what to write instead; all at once.

use std::fmt;

/// One value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of its key, `kafka.brokers`.
    pub path: String,
    /// The line of the file or the variable that gave it, if something did.
    pub source: Option<String>,
    /// What was given, if it may be shown.
    pub given: Option<String>,
    /// What is wrong and what to write.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.path)?;
        if let Some(source) = &self.source {
            write!(out, " ({source})")?;
        }
        match &self.given {
            Some(given) => write!(out, ": {given:?} {}", self.remedy),
            None => write!(out, ": {}", self.remedy),
        }
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// One that has no place in the file.
    pub(super) fn of(path: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(vec![Problem { path: path.into(), source: None, given: None, remedy: remedy.into() }])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in self.0.iter().enumerate() {
            if line > 0 {
                writeln!(out)?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Errors stay on a line, even if a certificate was given where something else belongs.
pub(super) fn shortened(value: &str) -> String {
    let mut short: String = value.chars().take(SHOWN_MAX).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

const SHOWN_MAX: usize = 80;
