//! Dead letters: records that were accepted and that Kafka refused for good, with the reason.
//!
//! They stay in the log's folder, within its bytes, until an operator sends them again or discards them.

use super::codec::{Corrupt, Take, put};
use super::entry::{Entry, EntryHead};
use kafka_gateway_api::{Record, Refusal};

/// Why a record is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LetterHead<'a> {
    /// Milliseconds since the epoch.
    pub(super) refused_ms: i64,
    /// The entry it was in.
    pub(super) sequence: u64,
    /// Of Kafka or librdkafka, 0 where the gateway refused.
    pub(super) code: i32,
    /// The error's name.
    pub(super) name: &'a str,
    /// Its text.
    pub(super) message: &'a str,
}

/// Appends a letter's bytes: why, then an entry with the one record.
pub(super) fn encode(
    refused_ms: i64,
    sequence: u64,
    refusal: &Refusal,
    head: &EntryHead<'_>,
    (index, record): (u32, &Record<'_>),
    out: &mut Vec<u8>,
) {
    let (code, name) = match refusal {
        Refusal::Kafka { code, name, .. } | Refusal::Unknown { code, name, .. } => (*code, *name),
        other => (0, other.name()),
    };
    out.push(VERSION);
    out.extend_from_slice(&refused_ms.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&code.to_le_bytes());
    put(out, name.as_bytes());
    put(out, refusal.to_string().as_bytes());
    Entry::encode(head, std::iter::once((index, record)), out);
}

/// The reason, and the bytes of the entry.
pub(super) fn decode(bytes: &[u8]) -> Result<(LetterHead<'_>, &[u8]), Corrupt> {
    let mut take = Take::new(bytes);
    if take.u8("version")? != VERSION {
        return Err(Corrupt { what: "version of this release", at: 0 });
    }
    let head = LetterHead {
        refused_ms: take.i64("time")?,
        sequence: take.u64("sequence")?,
        code: take.i32("code")?,
        name: take.text("name")?,
        message: take.text("message")?,
    };
    Ok((head, take.rest()))
}

const VERSION: u8 = 1;
