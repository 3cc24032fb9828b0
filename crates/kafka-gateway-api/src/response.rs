//! An HTTP response without HTTP: what every dialect renders.

use std::time::Duration;

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
