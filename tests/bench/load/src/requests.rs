//! The requests that the load sends, and what it checks in each answer.
//!
//! Versions are the last ones that name topics by name, which Kafka 2.8 to 4.x all speak.

use std::io::{Error, ErrorKind, Result};

use crate::batch;
use crate::wire::{Reader, Writer};

/// What one request-response pair is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Heartbeat 4, as each member of a group sends it.
    Heartbeat,
    /// Produce 9 with acks=1 and one batch.
    Produce,
    /// Fetch 12 of one partition from its start.
    Fetch,
    /// ApiVersions 3, with which clients begin a connection.
    ApiVersions,
    /// Metadata 9 of one topic, creating it.
    Metadata,
}

/// The parameters of a load's requests.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) topic: String,
    /// Bytes of the batch in a Produce request.
    pub(crate) batch: usize,
    /// Bytes of each record's value in it.
    pub(crate) value: usize,
    /// Most bytes in a Fetch response.
    pub(crate) fetch_bytes: i32,
    /// An error code that is no failure, for a Heartbeat of a member that a real broker does not know.
    pub(crate) allowed_error: i16,
}

impl Plan {
    /// The same conversation with another request.
    pub(crate) fn with_kind(&self, kind: Kind) -> Self {
        Self { kind, topic: self.topic.clone(), ..*self }
    }

    /// The request's frame; its correlation id is at [`CORRELATION`].
    pub(crate) fn request(&self) -> Vec<u8> {
        let (key, version) = match self.kind {
            Kind::Heartbeat => (12, 4),
            Kind::Produce => (0, 9),
            Kind::Fetch => (1, 12),
            Kind::ApiVersions => (18, 3),
            Kind::Metadata => (3, 9),
        };
        let mut out = Writer::new(true);
        out.i16(key).i16(version).i32(0);
        // The client id is classic in every header, the tags after it are not.
        out.i16(CLIENT_ID.len() as i16).raw(CLIENT_ID.as_bytes()).end();
        match self.kind {
            Kind::Heartbeat => {
                out.string("bench-group").i32(7).string("kafka-bench-3f6c9a52-member").no_string();
            }
            Kind::Produce => self.produce(&mut out),
            Kind::Fetch => self.fetch(&mut out),
            Kind::ApiVersions => {
                out.string(CLIENT_ID).string(env!("CARGO_PKG_VERSION"));
            }
            Kind::Metadata => {
                out.count(1).string(&self.topic).end().i8(1).i8(0).i8(0);
            }
        }
        out.end();
        out.frame()
    }

    fn produce(&self, out: &mut Writer) {
        let records = batch::batch(self.batch, self.value);
        out.no_string().i16(1).i32(30_000).count(1).string(&self.topic);
        out.count(1).i32(0).count(records.len()).raw(&records).end().end();
    }

    fn fetch(&self, out: &mut Writer) {
        // Replica -1 is a consumer; epoch -1 asks for no fetch session (KIP-227).
        out.i32(-1).i32(500).i32(1).i32(self.fetch_bytes).i8(0).i32(0).i32(-1);
        out.count(1).string(&self.topic).count(1);
        out.i32(0).i32(-1).i64(0).i32(-1).i64(-1).i32(self.fetch_bytes).end().end();
        out.count(0).string("");
    }

    /// Checks one response and returns its correlation id and the bytes of records in it.
    ///
    /// # Errors
    /// When the response does not parse or carries an error code.
    pub(crate) fn check(&self, response: &[u8]) -> Result<(i32, usize)> {
        let mut input = Reader::new(response, true);
        let correlation = input.i32()?;
        let mut payload = 0;
        let error = match self.kind {
            // The only response with a classic header whatever its body is (KIP-511).
            Kind::ApiVersions => input.i16()?,
            Kind::Heartbeat => {
                input.end()?;
                input.i32()?;
                input.i16()?
            }
            Kind::Produce => {
                input.end()?;
                partition(&mut input)?
            }
            Kind::Fetch => {
                input.end()?;
                input.i32()?;
                let whole = input.i16()?;
                input.i32()?;
                let part = partition(&mut input)?;
                input.take(3 * 8)?;
                if input.count()?.unwrap_or(0) > 0 {
                    return Err(wrong("aborted transactions where none were".into()));
                }
                input.i32()?;
                payload = input.count()?.unwrap_or(0);
                input.take(payload)?;
                if whole != 0 { whole } else { part }
            }
            Kind::Metadata => metadata_error(&mut input)?,
        };
        if error != 0 && error != self.allowed_error {
            return Err(wrong(format!("{:?} was answered with error {error}", self.kind)));
        }
        Ok((correlation, payload))
    }
}

/// Where a frame carries its correlation id.
pub(crate) const CORRELATION: std::ops::Range<usize> = 8..12;

const CLIENT_ID: &str = "kafka-bench";

/// The error of the only partition of the only topic; the reader stands behind it.
fn partition(input: &mut Reader<'_>) -> Result<i16> {
    let topics = input.count()?;
    input.string()?;
    let partitions = input.count()?;
    if (topics, partitions) != (Some(1), Some(1)) {
        return Err(wrong(format!(
            "{topics:?} topics with {partitions:?} partitions, not one of one"
        )));
    }
    input.i32()?;
    input.i16()
}

/// The first error among the topic and its partitions: a topic just created has no leader for a moment.
fn metadata_error(input: &mut Reader<'_>) -> Result<i16> {
    input.end()?;
    input.i32()?;
    for _ in 0..input.count()?.unwrap_or(0) {
        input.i32()?;
        input.string()?;
        input.i32()?;
        input.string()?;
        input.end()?;
    }
    input.string()?;
    input.i32()?;
    let topics = input.count()?.unwrap_or(0);
    let error = input.i16()?;
    input.string()?;
    input.i8()?;
    if topics != 1 || error != 0 {
        return Ok(error);
    }
    match input.count()? {
        None | Some(0) => Ok(LEADER_NOT_AVAILABLE),
        Some(_) => input.i16(),
    }
}

const LEADER_NOT_AVAILABLE: i16 = 5;

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}
