//! Failures of the generator, for the person who runs it: where, what, and what to do.

use std::fmt;

/// Why no tables could be made.
#[derive(Debug)]
pub(crate) struct Error {
    place: String,
    problem: String,
}

impl Error {
    /// `place` is a file, a file with a JSON path, or a message; `problem` ends with the remedy.
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for Error {}
