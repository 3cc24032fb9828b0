//! `POST /topics/{topic}`: the body is the value.

use crate::response::JSON;
use crate::{Outcome, Record, Refusal, Response};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// To be written.
    pub record: Record<'a>,
    /// True unless the client says otherwise.
    pub wait: bool,
    /// -1 (all), 0 or 1; `None` is the configured.
    pub acks: Option<i16>,
}

/// Header names are compared without case.
///
/// # Errors
/// When a header or parameter is wrong.
pub fn record<'a>(
    _topic: &'a str,
    _headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    _query: Option<&'a str>,
    _body: &'a [u8],
) -> Result<Request<'a>, Refusal> {
    Err(Refusal::Malformed("not built yet".to_owned()))
}

/// The answer.
#[must_use]
pub fn respond(_topic: &str, _outcome: &Outcome) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}

/// The answer for a request that was not looked at.
#[must_use]
pub fn refuse(_refusal: &Refusal) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}
