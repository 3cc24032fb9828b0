//! Confluent REST v3: produce.

pub mod batch;
mod documents;

pub use documents::Documents;

use crate::response::JSON;
use crate::{Outcome, Record, Refusal, Response};

/// One record, and what its delivery report says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produce<'a> {
    /// To be written.
    pub record: Record<'a>,
    /// For [`report`], when the record itself is gone.
    pub sizes: Sizes,
}

/// Formats and sizes of key and value, as a delivery report repeats them; `None` is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Of the key.
    pub key: Option<(Format, usize)>,
    /// Of the value.
    pub value: Option<(Format, usize)>,
}

/// How a client writes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Base64.
    Binary,
    /// Any JSON value: its text.
    Json,
    /// A JSON string: what it says, in UTF-8.
    String,
}

/// One document of the stream.
///
/// # Errors
/// When it is no produce request.
pub fn record<'a>(_topic: &'a str, _document: &'a [u8]) -> Result<Produce<'a>, Refusal> {
    Err(Refusal::Malformed("not built yet".to_owned()))
}

/// Appends one delivery report, or error, with a line's end.
pub fn report(_cluster: &str, _topic: &str, _sizes: Sizes, _outcome: &Outcome, _out: &mut Vec<u8>) {
}

/// The answer for a request of which no record was looked at: `{error_code, message}`.
#[must_use]
pub fn refuse(_refusal: &Refusal) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}
