//! `records:batch`.

use std::borrow::Cow;

use super::{Produce, Sizes};
use crate::response::JSON;
use crate::{Outcome, Refusal, Response};

/// One entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The client's, unique in the batch.
    pub id: Cow<'a, str>,
    /// A wrong entry is refused alone.
    pub produce: Result<Produce<'a>, Refusal>,
}

/// What became of one entry.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The entry's.
    pub id: &'a str,
    /// The entry's.
    pub sizes: Sizes,
    /// The record's, or the refusal of a wrong entry.
    pub outcome: Outcome,
}

/// # Errors
/// When the body is no batch.
pub fn parse<'a>(
    _topic: &'a str,
    _body: &'a [u8],
    _records_max: usize,
) -> Result<Vec<Entry<'a>>, Refusal> {
    Err(Refusal::Malformed("not built yet".to_owned()))
}

/// The answer for the entries, in their order.
#[must_use]
pub fn respond(_cluster: &str, _topic: &str, _answers: &[Answer<'_>]) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}
