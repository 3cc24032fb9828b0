//! One request in the log: who, under which key, when, and the records that were taken of it.
//!
//! Decoding borrows from the bytes read and survives any bytes: it gives an entry or [`Corrupt`]. The first byte is the
//! version, so that a later release reads what an earlier one left behind.

use std::borrow::Cow;

use kafka_gateway_api::{Header, Record};

use super::codec::{Corrupt, Take, put, size};

/// All of an entry but its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHead<'a> {
    /// By which the pump finds who waits; 0 is nobody. Means something to the process that wrote it alone.
    pub token: u64,
    /// Whether the request is answered after Kafka did.
    pub waits: bool,
    /// Who asked.
    pub client: &'a str,
    /// Of the request.
    pub idempotency_key: Option<&'a str>,
    /// Of the request's body.
    pub fingerprint: u64,
    /// Milliseconds since the epoch.
    pub accepted_ms: i64,
    /// Records of the request, those included that were refused and are not in the entry.
    pub count: u32,
}

/// One request, or what was taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What the records have in common.
    pub head: EntryHead<'a>,
    /// Each with its index in the request.
    pub records: Vec<(u32, Record<'a>)>,
}

impl<'a> Entry<'a> {
    /// Appends the entry's bytes.
    pub fn encode<'r>(
        head: &EntryHead<'_>,
        records: impl Iterator<Item = (u32, &'r Record<'r>)>,
        out: &mut Vec<u8>,
    ) {
        out.push(VERSION);
        out.extend_from_slice(&head.accepted_ms.to_le_bytes());
        out.push(flag(head.waits, WAITS) | flag(head.idempotency_key.is_some(), KEYED));
        out.extend_from_slice(&head.token.to_le_bytes());
        out.extend_from_slice(&head.fingerprint.to_le_bytes());
        out.extend_from_slice(&head.count.to_le_bytes());
        put(out, head.client.as_bytes());
        if let Some(key) = head.idempotency_key {
            put(out, key.as_bytes());
        }
        let count_at = out.len();
        out.extend_from_slice(&0_u32.to_le_bytes());
        let mut count = 0_u32;
        for (index, record) in records {
            put_record(out, index, record);
            count = count.saturating_add(1);
        }
        if let Some(place) = out.get_mut(count_at..).and_then(<[u8]>::first_chunk_mut) {
            *place = count.to_le_bytes();
        }
    }

    /// What [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Anything else.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new(bytes);
        if take.u8("version")? != VERSION {
            return Err(Corrupt { what: "version of this release", at: 0 });
        }
        let accepted_ms = take.i64("time")?;
        let flags = take.u8("flags")?;
        if flags & !(WAITS | KEYED) != 0 {
            return Err(take.corrupt("known flags"));
        }
        let head = EntryHead {
            token: take.u64("token")?,
            fingerprint: take.u64("fingerprint")?,
            count: take.u32("count")?,
            client: take.text("client")?,
            idempotency_key: match flags & KEYED {
                0 => None,
                _ => Some(take.text("key")?),
            },
            waits: flags & WAITS != 0,
            accepted_ms,
        };
        let count = take.count(RECORD_BYTES_MIN, "number of records")?;
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(take_record(&mut take)?);
        }
        take.end()?;
        Ok(Self { head, records })
    }

    /// When an entry was accepted, without decoding the rest.
    #[must_use]
    pub fn accepted_ms(bytes: &[u8]) -> Option<i64> {
        Some(i64::from_le_bytes(*bytes.get(1..)?.first_chunk()?))
    }

    /// The value of the header `idempotency-key` of one record: the key, with the record's index where the request had
    /// several.
    #[must_use]
    pub fn key_of(idempotency_key: Option<&str>, index: usize, count: usize) -> Option<String> {
        match (idempotency_key, count) {
            (None, _) => None,
            (Some(key), 1) => Some(key.to_owned()),
            (Some(key), _) => Some(format!("{key}#{index}")),
        }
    }
}

fn put_record(out: &mut Vec<u8>, index: u32, record: &Record<'_>) {
    out.extend_from_slice(&index.to_le_bytes());
    let flags = flag(record.partition.is_some(), PARTITION)
        | flag(record.key.is_some(), KEY)
        | flag(record.value.is_some(), VALUE)
        | flag(record.timestamp_ms.is_some(), TIMESTAMP);
    out.push(flags);
    put(out, record.topic.as_bytes());
    if let Some(partition) = record.partition {
        out.extend_from_slice(&partition.to_le_bytes());
    }
    if let Some(timestamp_ms) = record.timestamp_ms {
        out.extend_from_slice(&timestamp_ms.to_le_bytes());
    }
    if let Some(key) = &record.key {
        put(out, key);
    }
    if let Some(value) = &record.value {
        put(out, value);
    }
    out.extend_from_slice(&size(record.headers.len()).to_le_bytes());
    for header in &record.headers {
        put(out, header.name.as_bytes());
        out.push(flag(header.value.is_some(), VALUE));
        if let Some(value) = &header.value {
            put(out, value);
        }
    }
}

fn take_record<'a>(take: &mut Take<'a>) -> Result<(u32, Record<'a>), Corrupt> {
    let index = take.u32("index")?;
    let flags = take.u8("flags")?;
    if flags & !(PARTITION | KEY | VALUE | TIMESTAMP) != 0 {
        return Err(take.corrupt("known flags"));
    }
    let mut record = Record {
        topic: Cow::Borrowed(take.text("topic")?),
        partition: None,
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp_ms: None,
    };
    if flags & PARTITION != 0 {
        record.partition = Some(take.i32("partition")?);
    }
    if flags & TIMESTAMP != 0 {
        record.timestamp_ms = Some(take.i64("timestamp")?);
    }
    if flags & KEY != 0 {
        record.key = Some(Cow::Borrowed(take.bytes("key")?));
    }
    if flags & VALUE != 0 {
        record.value = Some(Cow::Borrowed(take.bytes("value")?));
    }
    let headers = take.count(HEADER_BYTES_MIN, "number of headers")?;
    record.headers.reserve_exact(headers);
    for _ in 0..headers {
        let name = Cow::Borrowed(take.text("name of a header")?);
        let value = match take.u8("flags")? {
            0 => None,
            VALUE => Some(Cow::Borrowed(take.bytes("value of a header")?)),
            _ => return Err(take.corrupt("known flags")),
        };
        record.headers.push(Header { name, value });
    }
    Ok((index, record))
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

const VERSION: u8 = 1;

const WAITS: u8 = 1;
const KEYED: u8 = 2;

const PARTITION: u8 = 1;
const KEY: u8 = 2;
const VALUE: u8 = 4;
const TIMESTAMP: u8 = 8;

/// Index, flags, an empty topic, no headers.
const RECORD_BYTES_MIN: usize = 13;

/// An empty name, and flags.
const HEADER_BYTES_MIN: usize = 5;
