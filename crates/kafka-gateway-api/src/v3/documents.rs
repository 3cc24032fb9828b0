//! Cuts concatenated JSON into documents.

use crate::Refusal;

/// Cuts concatenated JSON into documents, over any split.
#[derive(Debug)]
pub struct Documents {
    _limit_bytes: usize,
}

impl Documents {
    /// No document may be longer than `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { _limit_bytes: limit_bytes }
    }

    /// Takes more of the body; call [`Self::next`] until it has none before the next push.
    pub fn push(&mut self, _chunk: &[u8]) {}

    /// The next whole document. After an error there is nothing more: the rest of the body cannot be read.
    #[expect(clippy::should_implement_trait, reason = "none now is not none for ever")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        None
    }

    /// At the body's end. A number at the end of the body is a document only now, and comes as `Ok(Some)`.
    ///
    /// # Errors
    /// When it ends within a document.
    pub fn finish(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(None)
    }
}
