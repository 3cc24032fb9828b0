//! `POST /topics/{topic}`: the body is the value, whatever its content type.
//!
//! Everything else is a header of the request or a parameter of its query, never both:
//!
//! | header | parameter | |
//! |---|---|---|
//! | `Kafka-Key`, `Kafka-Key-Base64` | `key`, `key_base64` | the record's key |
//! | `Kafka-Partition` | `partition` | 0 or more |
//! | `Kafka-Timestamp` | `timestamp` | milliseconds since 1970-01-01, or RFC 3339 |
//! | `Kafka-Header-<name>` | `header.<name>` | a header of the record; may repeat; names of HTTP headers lose their case |
//! | `Kafka-Acks` | `acks` | -1, all, 0 or 1 |
//! | `Kafka-Wait` | `wait` | `true` (unless said otherwise) or `false` |
//! | `Kafka-Tombstone` | `tombstone` | `true`: a null value; the body is empty |
//!
//! Parameters are percent-encoded, and `+` is a space, as forms and every client library write them. Other parameters,
//! and other headers that begin with `Kafka-`, are refused: a misspelt one would be lost without a word.

mod query;

use std::borrow::Cow;

use serde::Serialize;

use crate::json::{Place, Scalar};
use crate::response::{JSON, json};
use crate::values::{self, push_header};
use crate::{Header, Outcome, Record, Refusal, Response};

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

/// Reads a request. `topic` is decoded already; names of headers are compared without case, and others than those of
/// the module's table are passed over.
///
/// # Errors
/// [`Refusal::Malformed`] for a query that cannot be decoded, [`Refusal::Unprocessable`] for the rest.
pub fn record<'a>(
    topic: &'a str,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    query: Option<&'a str>,
    body: &'a [u8],
) -> Result<Request<'a>, Refusal> {
    let mut reader = Reader::default();
    for (name, value) in headers {
        let Some(name) = strip_prefix(name, "kafka-") else { continue };
        let option = Choice::of_header(name).ok_or_else(|| {
            Refusal::Unprocessable(
                "a header that begins with Kafka- is unknown: known are Key, Key-Base64, Partition, \
                 Timestamp, Header-<name>, Acks, Wait and Tombstone"
                    .to_owned(),
            )
        })?;
        reader.take(option, Cow::Borrowed(value), "header")?;
    }
    for (name, value) in query::Parameters::new(query.unwrap_or_default()) {
        let option = Choice::of_parameter(query::decode(name)?)?;
        reader.take(option, query::decode(value)?, "parameter")?;
    }
    reader.finish(topic, body)
}

/// The answer: 200 with the record's place, or 202 when nobody waited for Kafka.
#[must_use]
pub fn respond(topic: &str, outcome: &Outcome) -> Response {
    let (status, body) = match outcome {
        Outcome::Refused(refusal) => return refuse(refusal),
        Outcome::Written(position) => (
            200,
            json(&Written {
                topic,
                partition: position.partition,
                offset: position.offset,
                timestamp: position.timestamp_ms,
            }),
        ),
        Outcome::Accepted { durable } => (202, json(&Accepted { topic, durable: *durable })),
    };
    Response { status, content_type: JSON, body, retry_after: None }
}

/// The answer for a request that was not taken.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Response {
    let body = Refused {
        error_code: refusal.error_code(),
        name: refusal.name(),
        message: refusal.to_string(),
    };
    Response {
        status: refusal.status(),
        content_type: JSON,
        body: json(&body),
        retry_after: refusal.retry_after(),
    }
}

#[derive(Serialize)]
struct Written<'a> {
    topic: &'a str,
    partition: i32,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

#[derive(Serialize)]
struct Accepted<'a> {
    topic: &'a str,
    durable: bool,
}

#[derive(Serialize)]
struct Refused {
    error_code: i32,
    name: &'static str,
    message: String,
}

/// What a header or a parameter stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice<'a> {
    Key,
    KeyBase64,
    Partition,
    Timestamp,
    Header(Cow<'a, str>),
    Acks,
    Wait,
    Tombstone,
}

impl<'a> Choice<'a> {
    /// Of the name behind `Kafka-`.
    fn of_header(name: &'a str) -> Option<Self> {
        if let Some(name) = strip_prefix(name, "header-") {
            return Some(Self::Header(Cow::Borrowed(name)));
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        Some(match () {
            () if is("key") => Self::Key,
            () if is("key-base64") => Self::KeyBase64,
            () if is("partition") => Self::Partition,
            () if is("timestamp") => Self::Timestamp,
            () if is("acks") => Self::Acks,
            () if is("wait") => Self::Wait,
            () if is("tombstone") => Self::Tombstone,
            () => return None,
        })
    }

    fn of_parameter(name: Cow<'a, [u8]>) -> Result<Self, Refusal> {
        let found = match &*name {
            b"key" => Self::Key,
            b"key_base64" => Self::KeyBase64,
            b"partition" => Self::Partition,
            b"timestamp" => Self::Timestamp,
            b"acks" => Self::Acks,
            b"wait" => Self::Wait,
            b"tombstone" => Self::Tombstone,
            _ => {
                return query::after(name, b"header.").map(Self::Header).ok_or_else(|| {
                    Refusal::Unprocessable(
                        "a parameter is unknown: known are key, key_base64, partition, timestamp, \
                         header.<name>, acks, wait and tombstone"
                            .to_owned(),
                    )
                });
            }
        };
        Ok(found)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Key | Self::KeyBase64 => "key",
            Self::Partition => "partition",
            Self::Timestamp => "timestamp",
            Self::Header(_) => "headers",
            Self::Acks => "acks",
            Self::Wait => "wait",
            Self::Tombstone => "tombstone",
        }
    }
}

#[derive(Default)]
struct Reader<'a> {
    key: Option<Cow<'a, [u8]>>,
    partition: Option<i32>,
    timestamp_ms: Option<i64>,
    headers: Vec<Header<'a>>,
    acks: Option<Option<i16>>,
    wait: Option<bool>,
    is_tombstone: Option<bool>,
}

impl<'a> Reader<'a> {
    fn take(
        &mut self,
        option: Choice<'a>,
        value: Cow<'a, [u8]>,
        source: &str,
    ) -> Result<(), Refusal> {
        let place = Place::default().field(option.name());
        match option {
            Choice::Key => set(&mut self.key, value, place),
            Choice::KeyBase64 => {
                let key = values::base64(&value, place)?;
                set(&mut self.key, Cow::Owned(key), place)
            }
            Choice::Header(name) => {
                push_header(&mut self.headers, Header { name, value: Some(value) }, place)
            }
            Choice::Partition => {
                set(&mut self.partition, partition(text(&value, place)?, place)?, place)
            }
            Choice::Timestamp => {
                let text = text(&value, place)?;
                let timestamp = match text.parse::<i64>() {
                    Ok(number) => values::milliseconds(number, place)?,
                    Err(_) => values::rfc_3339(text, place).map_err(|_| {
                        let plus = if source == "parameter" { "; write + as %2B" } else { "" };
                        place.unprocessable(&format!(
                            "must be milliseconds since 1970-01-01, or a time of RFC 3339{plus}"
                        ))
                    })?,
                };
                set(&mut self.timestamp_ms, timestamp, place)
            }
            Choice::Acks => {
                let text = text(&value, place)?;
                let scalar = match text.parse::<i64>() {
                    Ok(number) => Scalar::Integer(number),
                    Err(_) => Scalar::Text(Cow::Borrowed(text)),
                };
                set(&mut self.acks, values::acks(&scalar, place)?, place)
            }
            Choice::Wait => set(&mut self.wait, is_true(&value, place)?, place),
            Choice::Tombstone => set(&mut self.is_tombstone, is_true(&value, place)?, place),
        }
    }

    fn finish(self, topic: &'a str, body: &'a [u8]) -> Result<Request<'a>, Refusal> {
        let is_tombstone = self.is_tombstone.unwrap_or(false);
        if is_tombstone && !body.is_empty() {
            let place = Place::default().field("tombstone");
            return Err(place.unprocessable("a tombstone has no value: send an empty body"));
        }
        let record = Record {
            topic: Cow::Borrowed(topic),
            partition: self.partition,
            key: self.key,
            value: (!is_tombstone).then_some(Cow::Borrowed(body)),
            headers: self.headers,
            timestamp_ms: self.timestamp_ms,
        };
        Ok(Request { record, wait: self.wait.unwrap_or(true), acks: self.acks.flatten() })
    }
}

/// Twice is a conflict even with the same value: one of the two would be forgotten when the other changes.
fn set<T>(slot: &mut Option<T>, value: T, place: Place) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => {
            Err(place
                .unprocessable("is given twice, among the headers and the query: leave one out"))
        }
    }
}

fn text(value: &[u8], place: Place) -> Result<&str, Refusal> {
    std::str::from_utf8(value).map_err(|_| place.unprocessable("is not UTF-8"))
}

fn partition(text: &str, place: Place) -> Result<i32, Refusal> {
    let number = text.parse::<i32>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| place.unprocessable("must be a whole number between 0 and 2147483647"))
}

fn is_true(value: &[u8], place: Place) -> Result<bool, Refusal> {
    match value {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(place.unprocessable("must be true or false")),
    }
}

/// What is behind a prefix in any case.
fn strip_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
