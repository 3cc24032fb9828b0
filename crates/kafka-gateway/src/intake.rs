//! From a request's records to their outcomes: one path for all dialects.

use kafka_gateway_api::{Outcome, Record};

use crate::auth::Client;
use crate::settings::Acks;

/// A request, in whatever dialect it came.
pub struct Submission<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// In the order of the request; the outcomes come in the same.
    pub records: Vec<Record<'a>>,
    /// `None` is the configured.
    pub acks: Option<Acks>,
    /// Whether to answer after Kafka did; otherwise after the write-ahead log did.
    pub wait: bool,
    /// The header Idempotency-Key.
    pub idempotency_key: Option<&'a str>,
    /// Of the whole body, to notice a key that is used for something else.
    pub fingerprint: u64,
}

/// What the request's records became.
pub struct Submitted {
    /// One a record.
    pub outcomes: Vec<Outcome>,
    /// The answer of an earlier request with the same Idempotency-Key.
    pub replayed: bool,
}
