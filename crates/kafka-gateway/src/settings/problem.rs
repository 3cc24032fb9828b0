//! What is wrong with what was given: each with where it was given, what it is and what to write instead; all at once.

use std::fmt;

/// One value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path in the file, `kafka.brokers`, or the environment variable that gave the value.
    pub place: String,
    /// What was given, if there is something and it may be shown.
    pub given: Option<String>,
    /// What is wrong and what to write.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            Some(given) => write!(out, "{}: {given} {}", self.place, self.remedy),
            None => write!(out, "{}: {}", self.place, self.remedy),
        }
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

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
