//! An HTTP response without HTTP: what every dialect renders.

use std::time::Duration;

use serde::Serialize;

/// A response to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The whole body.
    pub body: Vec<u8>,
    /// `Retry-After`, to be rounded up to whole seconds; `None` sends no such header.
    pub retry_after: Option<Duration>,
}

/// What all dialects answer in.
pub const JSON: &str = "application/json";

/// What all dialects refuse with, kprf's with more besides.
#[derive(Serialize)]
pub(crate) struct Error {
    pub(crate) error_code: i32,
    pub(crate) message: String,
}

/// A body. Its types have no maps and no numbers that JSON lacks, so writing it to memory cannot fail.
pub(crate) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}
