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
    /// Produce 9 with acks=1 and one batch for each of the first partitions of each topic.
    Produce,
    /// Fetch 12 of the first partitions of one topic from their start.
    Fetch,
    /// OffsetCommit 8 of the first partitions of each topic.
    Commit,
    /// OffsetFetch 7 of the same.
    Committed,
    /// JoinGroup 7 as the only member.
    Join,
    /// SyncGroup 5 with an empty assignment.
    Sync,
    /// LeaveGroup 4.
    Leave,
    /// ApiVersions 3, with which clients begin a connection.
    ApiVersions,
    /// Metadata 9 of all topics, creating them.
    Metadata,
}

/// The parameters of a load's requests.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// What the client calls itself, and in ApiVersions its software.
    pub(crate) client_id: String,
    pub(crate) group: String,
    /// The topic; where there are several, what their names begin with.
    pub(crate) topic: String,
    /// How many topics a Produce, a commit or a Metadata request names.
    pub(crate) topics: usize,
    /// How many partitions of each topic a Produce, a Fetch or a commit names.
    pub(crate) partitions: i32,
    /// Bytes of the batch in a Produce request.
    pub(crate) batch: usize,
    /// Bytes of each record's value in it.
    pub(crate) value: usize,
    /// Most bytes in a Fetch response, and of each partition in it.
    pub(crate) fetch_bytes: i32,
    pub(crate) partition_bytes: i32,
    /// An error code that is no failure, for a Heartbeat of a member that a real broker does not know.
    pub(crate) allowed_error: i16,
}

impl Plan {
    /// The same conversation with another request.
    pub(crate) fn with_kind(&self, kind: Kind) -> Self {
        Self { kind, ..self.clone() }
    }

    /// The names of the topics.
    pub(crate) fn topic_names(&self) -> Vec<String> {
        match self.topics {
            1 => vec![self.topic.clone()],
            count => (0..count).map(|number| format!("{}-{number}", self.topic)).collect(),
        }
    }

    /// The request's frame; its correlation id is at [`CORRELATION`].
    pub(crate) fn request(&self) -> Vec<u8> {
        let (key, version) = match self.kind {
            Kind::Heartbeat => (12, 4),
            Kind::Produce => (0, 9),
            Kind::Fetch => (1, 12),
            Kind::Commit => (8, 8),
            Kind::Committed => (9, 7),
            Kind::Join => (11, 7),
            Kind::Sync => (14, 5),
            Kind::Leave => (13, 4),
            Kind::ApiVersions => (18, 3),
            Kind::Metadata => (3, 9),
        };
        let mut out = Writer::new(true);
        out.i16(key).i16(version).i32(0);
        // The client id is classic in every header, the tags after it are not.
        out.i16(self.client_id.len() as i16).raw(self.client_id.as_bytes()).end();
        match self.kind {
            Kind::Heartbeat => {
                out.string(&self.group).i32(7).string(MEMBER).no_string();
            }
            Kind::Produce => self.produce(&mut out),
            Kind::Fetch => self.fetch(&mut out),
            // Generation -1 without a member: a consumer that manages its partitions by itself.
            Kind::Commit => {
                out.string(&self.group).i32(-1).string("").no_string();
                self.each_partition(&mut out, |out, index| {
                    out.i32(index).i64(1).i32(-1).string("").end();
                });
            }
            Kind::Committed => {
                out.string(&self.group);
                self.each_partition(&mut out, |out, index| {
                    out.i32(index);
                });
                out.i8(0);
            }
            Kind::Join => {
                out.string(&self.group).i32(10_000).i32(10_000).string(MEMBER).no_string();
                out.string("consumer").count(1).string("range").count(0).end();
            }
            Kind::Sync => {
                out.string(&self.group).i32(1).string(MEMBER).no_string();
                out.string("consumer").string("range").count(0);
            }
            Kind::Leave => {
                out.string(&self.group).count(1).string(MEMBER).no_string().end();
            }
            Kind::ApiVersions => {
                out.string(SOFTWARE).string(env!("CARGO_PKG_VERSION"));
            }
            Kind::Metadata => {
                out.count(self.topics);
                for topic in self.topic_names() {
                    out.string(&topic).end();
                }
                out.i8(1).i8(0).i8(0);
            }
        }
        out.end();
        out.frame()
    }

    fn produce(&self, out: &mut Writer) {
        let records = batch::batch(self.batch, self.value);
        out.no_string().i16(1).i32(30_000).count(self.topics);
        for topic in self.topic_names() {
            out.string(&topic).count(self.partitions as usize);
            for index in 0..self.partitions {
                out.i32(index).count(records.len()).raw(&records).end();
            }
            out.end();
        }
    }

    fn fetch(&self, out: &mut Writer) {
        // Replica -1 is a consumer; epoch -1 asks for no fetch session (KIP-227).
        out.i32(-1).i32(500).i32(1).i32(self.fetch_bytes).i8(0).i32(0).i32(-1);
        out.count(1).string(&self.topic).count(self.partitions as usize);
        for index in 0..self.partitions {
            out.i32(index).i32(-1).i64(0).i32(-1).i64(-1).i32(self.partition_bytes).end();
        }
        out.end();
        out.count(0).string("");
    }

    fn each_partition(&self, out: &mut Writer, partition: impl Fn(&mut Writer, i32)) {
        out.count(self.topics);
        for topic in self.topic_names() {
            out.string(&topic).count(self.partitions as usize);
            for index in 0..self.partitions {
                partition(out, index);
            }
            out.end();
        }
    }

    /// Checks one response and returns its correlation id and the bytes of records in it.
    ///
    /// # Errors
    /// When the response does not parse or carries an error code.
    pub(crate) fn check(&self, response: &[u8]) -> Result<(i32, usize)> {
        let mut input = Reader::new(response, true);
        let correlation = input.i32()?;
        // The only response with a classic header whatever its body is (KIP-511).
        if self.kind != Kind::ApiVersions {
            input.end()?;
        }
        let mut payload = 0;
        let error = match self.kind {
            Kind::ApiVersions => input.i16()?,
            Kind::Heartbeat | Kind::Join | Kind::Sync | Kind::Leave => {
                input.i32()?;
                input.i16()?
            }
            Kind::Produce => {
                self.partitions(&mut input, self.topics, self.partitions, |input| {
                    let error = input.i16()?;
                    input.take(3 * 8)?;
                    if input.count()?.unwrap_or(0) > 0 {
                        return Err(wrong("errors of records where none were wrong".into()));
                    }
                    input.string()?;
                    input.end()?;
                    Ok(error)
                })?
            }
            Kind::Fetch => {
                input.i32()?;
                let whole = input.i16()?;
                input.i32()?;
                let part = self.partitions(&mut input, 1, self.partitions, |input| {
                    let (error, size) = fetched(input)?;
                    payload += size;
                    Ok(error)
                })?;
                if whole != 0 { whole } else { part }
            }
            Kind::Commit => {
                input.i32()?;
                self.partitions(&mut input, self.topics, self.partitions, |input| {
                    let error = input.i16()?;
                    input.end()?;
                    Ok(error)
                })?
            }
            Kind::Committed => {
                input.i32()?;
                let part = self.partitions(&mut input, self.topics, self.partitions, |input| {
                    input.i64()?;
                    input.i32()?;
                    input.string()?;
                    let error = input.i16()?;
                    input.end()?;
                    Ok(error)
                })?;
                if part != 0 { part } else { input.i16()? }
            }
            Kind::Metadata => metadata_error(&mut input, self.topics)?,
        };
        if error != 0 && error != self.allowed_error {
            return Err(wrong(format!("{:?} was answered with error {error}", self.kind)));
        }
        Ok((correlation, payload))
    }

    /// Reads topics with partitions, each behind its index by `read`; the first error among them.
    fn partitions(
        &self,
        input: &mut Reader<'_>,
        topics: usize,
        partitions: i32,
        mut read: impl FnMut(&mut Reader<'_>) -> Result<i16>,
    ) -> Result<i16> {
        expect("topics", input.count()?, topics)?;
        let mut first = 0;
        for _ in 0..topics {
            input.string()?;
            expect("partitions", input.count()?, partitions as usize)?;
            for _ in 0..partitions {
                input.i32()?;
                let error = read(input)?;
                first = if first == 0 { error } else { first };
            }
            input.end()?;
        }
        Ok(first)
    }
}

/// Where a frame carries its correlation id.
pub(crate) const CORRELATION: std::ops::Range<usize> = 8..12;

/// What the load's software calls itself, and its clients where nothing else is said.
pub(crate) const SOFTWARE: &str = "kafka-bench";
const MEMBER: &str = "kafka-bench-3f6c9a52-member";

/// The error of a partition in a Fetch response, and the bytes of its records.
fn fetched(input: &mut Reader<'_>) -> Result<(i16, usize)> {
    let error = input.i16()?;
    input.take(3 * 8)?;
    if input.count()?.unwrap_or(0) > 0 {
        return Err(wrong("aborted transactions where none were".into()));
    }
    input.i32()?;
    let size = input.count()?.unwrap_or(0);
    input.take(size)?;
    input.end()?;
    Ok((error, size))
}

/// The first error among topics and partitions: a topic just created has no leader for a moment.
fn metadata_error(input: &mut Reader<'_>, topics: usize) -> Result<i16> {
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
    expect("topics", input.count()?, topics)?;
    for _ in 0..topics {
        let error = input.i16()?;
        input.string()?;
        input.i8()?;
        let partitions = input.count()?.unwrap_or(0);
        if error != 0 || partitions == 0 {
            return Ok(if error != 0 { error } else { LEADER_NOT_AVAILABLE });
        }
        for _ in 0..partitions {
            let error = input.i16()?;
            if error != 0 {
                return Ok(error);
            }
            input.take(3 * 4)?;
            for _ in 0..3 {
                let count = input.count()?.unwrap_or(0);
                input.take(count * 4)?;
            }
            input.end()?;
        }
        input.i32()?;
        input.end()?;
    }
    Ok(0)
}

const LEADER_NOT_AVAILABLE: i16 = 5;

fn expect(what: &str, found: Option<usize>, expected: usize) -> Result<()> {
    if found == Some(expected) {
        return Ok(());
    }
    Err(wrong(format!("{found:?} {what} where {expected} were due")))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}
