//! Confluent REST v3: produce one record for each JSON object of a body, and `records:batch`.
//!
//! `{"partition_id":0,"headers":[{"name":"n","value":"base64"}],"key":{"type":..,"data":..},"value":{..},
//! "timestamp":"RFC 3339"}`, every field optional. `type` is BINARY (base64), JSON (any value, written without the space
//! between its tokens and otherwise as it was sent; Confluent also writes numbers and escapes anew) or STRING. Schemas
//! are refused. Unknown fields are errors, as there.

pub mod batch;
pub mod clusters;
mod compact;
mod documents;
mod produce;

pub use documents::Documents;

use serde::Serialize;

use crate::response::{self, JSON};
use crate::{Outcome, Record, Refusal, Response, json, values};

/// One record, and what its delivery report says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produce<'a> {
    /// To be written.
    pub record: Record<'a>,
    /// For [`report`], when the record itself is gone.
    pub sizes: Sizes,
}

/// Formats and sizes of key and value, as a delivery report repeats them; `None` was not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Of the key; zero for null.
    pub key: Option<(Format, usize)>,
    /// Of the value; zero for null.
    pub value: Option<(Format, usize)>,
}

/// How a client writes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
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
pub fn record<'a>(topic: &'a str, document: &'a [u8]) -> Result<Produce<'a>, Refusal> {
    produce::read(topic, json::text(document)?, None).map(|(produce, _)| produce)
}

/// Appends one delivery report, or error, with a line's end.
pub fn report(cluster: &str, topic: &str, sizes: Sizes, outcome: &Outcome, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Refused(refusal) => out.extend(response::json(&error(refusal))),
        _ => out.extend(response::json(&Report::of(None, cluster, topic, sizes, outcome))),
    }
    out.extend(b"\r\n");
}

/// The answer for a request of which no record was looked at: `{error_code, message}`.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Response {
    Response {
        status: refusal.status(),
        content_type: JSON,
        body: response::json(&error(refusal)),
        retry_after: refusal.retry_after(),
    }
}

fn error(refusal: &Refusal) -> response::Error {
    response::Error { error_code: refusal.error_code(), message: refusal.to_string() }
}

/// A record that was written, with the names of Confluent's response.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// 200; 202 when nobody waited for Kafka, and then there is no partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u16>,
    cluster_id: &'a str,
    topic_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_id: Option<i32>,
    /// -1 with acks=0, as Kafka's own producer has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Size>,
}

#[derive(Serialize)]
struct Size {
    r#type: Format,
    size: usize,
}

impl<'a> Report<'a> {
    fn of(
        id: Option<&'a str>,
        cluster: &'a str,
        topic: &'a str,
        sizes: Sizes,
        outcome: &Outcome,
    ) -> Self {
        let position = match outcome {
            Outcome::Written(position) => Some(position),
            _ => None,
        };
        let size = |size: Option<(Format, usize)>| size.map(|(r#type, size)| Size { r#type, size });
        Self {
            id,
            // Entries of a batch have none.
            error_code: id.is_none().then_some(if position.is_some() { 200 } else { 202 }),
            cluster_id: cluster,
            topic_name: topic,
            partition_id: position.map(|position| position.partition),
            offset: position.map(|position| position.offset.unwrap_or(-1)),
            timestamp: position.and_then(|position| position.timestamp_ms).map(values::to_rfc_3339),
            key: size(sizes.key),
            value: size(sizes.value),
        }
    }
}

#[cfg(test)]
mod tests;
