//! kprf's `POST /push`.

use crate::response::JSON;
use crate::{Outcome, Record, Refusal, Response};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// In the order of the body.
    pub records: Vec<Record<'a>>,
    /// kprf's `wait_for_send`.
    pub wait: bool,
    /// -1 (all), 0 or 1; `None` is the configured.
    pub acks: Option<i16>,
}

/// # Errors
/// When the body is not such a request.
pub fn parse(_body: &[u8], _records_max: usize) -> Result<Request<'_>, Refusal> {
    Err(Refusal::Malformed("not built yet".to_owned()))
}

/// The answer for the records, in their order.
#[must_use]
pub fn respond(_outcomes: &[Outcome]) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}

/// The answer for a request of which no record was looked at.
#[must_use]
pub fn refuse(_refusal: &Refusal) -> Response {
    Response { status: 500, content_type: JSON, body: Vec::new(), retry_after: None }
}
