//! The stand-in's answers: one function for each API, written once for all versions it offers.
//!
//! Layouts: Kafka protocol guide. Offered versions stop where topics are named by id alone (Produce 13, Fetch 13).

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use super::Node;
use super::groups;
use super::store::{OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION};
use crate::wire::{Reader, Writer};

/// Key, lowest and highest version offered, first flexible version.
const OFFERED: [(i16, i16, i16, i16); 12] = [
    (PRODUCE, 3, 9, 9),
    (FETCH, 4, 12, 12),
    (LIST_OFFSETS, 1, 6, 6),
    (METADATA, 1, 9, 9),
    (groups::OFFSET_COMMIT, 8, 8, 8),
    (groups::OFFSET_FETCH, 7, 7, 6),
    (groups::JOIN_GROUP, 7, 7, 6),
    (HEARTBEAT, 0, 4, 4),
    (groups::LEAVE_GROUP, 4, 4, 4),
    (groups::SYNC_GROUP, 5, 5, 4),
    (API_VERSIONS, 0, 3, 3),
    (INIT_PRODUCER_ID, 0, 4, 2),
];

pub(crate) const PRODUCE: i16 = 0;
pub(crate) const FETCH: i16 = 1;
pub(crate) const LIST_OFFSETS: i16 = 2;
pub(crate) const METADATA: i16 = 3;
pub(crate) const HEARTBEAT: i16 = 12;
pub(crate) const API_VERSIONS: i16 = 18;
pub(crate) const INIT_PRODUCER_ID: i16 = 22;
const UNSUPPORTED_VERSION: i16 = 35;

/// Appends the response to one request; Produce with acks=0 has none.
///
/// # Errors
/// When the request is not one that the stand-in offers, or its bytes do not fit its version.
pub(super) fn answer(node: &Node, request: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut input = Reader::new(request, false);
    let (key, version, correlation) = (input.i16()?, input.i16()?, input.i32()?);
    input.classic_string()?;
    let Some(&(_, low, high, flexible_from)) = OFFERED.iter().find(|api| api.0 == key) else {
        return Err(invalid(format!("api key {key} is not offered")));
    };
    if !(low..=high).contains(&version) {
        if key != API_VERSIONS {
            return Err(invalid(format!("api key {key} version {version} is not offered")));
        }
        // The one answer to an unknown version: version 0, so that any client can read it (KIP-511).
        let mut reply = Writer::new(false);
        reply.i32(correlation);
        api_versions(0, UNSUPPORTED_VERSION, &mut reply);
        out.extend_from_slice(&reply.frame());
        return Ok(());
    }
    let flexible = version >= flexible_from;
    input.set_flexible(flexible);
    input.end()?;
    let mut reply = Writer::new(flexible);
    reply.i32(correlation);
    if key != API_VERSIONS {
        reply.end();
    }
    let mut replied = true;
    match key {
        PRODUCE => replied = produce(node, version, &mut input, &mut reply)?,
        FETCH => fetch(node, version, &mut input, &mut reply)?,
        LIST_OFFSETS => list_offsets(node, version, &mut input, &mut reply)?,
        METADATA => metadata(node, version, &mut input, &mut reply)?,
        HEARTBEAT => heartbeat(version, &mut reply),
        groups::OFFSET_COMMIT => groups::offset_commit(&mut input, &mut reply)?,
        groups::OFFSET_FETCH => groups::offset_fetch(&mut input, &mut reply)?,
        groups::JOIN_GROUP => groups::join(&mut input, &mut reply)?,
        groups::SYNC_GROUP => groups::sync(&mut reply),
        groups::LEAVE_GROUP => groups::leave(&mut input, &mut reply)?,
        INIT_PRODUCER_ID => init_producer_id(&mut reply),
        _ => api_versions(version, 0, &mut reply),
    }
    if replied {
        out.extend_from_slice(&reply.frame());
    }
    Ok(())
}

fn api_versions(version: i16, error: i16, reply: &mut Writer) {
    reply.i16(error).count(OFFERED.len());
    for (key, low, high, _) in OFFERED {
        reply.i16(key).i16(low).i16(high).end();
    }
    if version >= 1 {
        reply.i32(0);
    }
    reply.end();
}

fn heartbeat(version: i16, reply: &mut Writer) {
    if version >= 1 {
        reply.i32(0);
    }
    reply.i16(0).end();
}

fn init_producer_id(reply: &mut Writer) {
    reply.i32(0).i16(0).i64(1).i16(0).end();
}

fn produce(node: &Node, version: i16, input: &mut Reader<'_>, reply: &mut Writer) -> Result<bool> {
    input.string()?;
    let acks = input.i16()?;
    input.i32()?;
    let topics = input.count()?.unwrap_or(0);
    reply.count(topics);
    for _ in 0..topics {
        let name = input.string()?.unwrap_or_default();
        let partitions = input.count()?.unwrap_or(0);
        reply.string(name).count(partitions);
        for _ in 0..partitions {
            let index = input.i32()?;
            let size = input.count()?.unwrap_or(0);
            let records = input.take(size)?;
            input.end()?;
            let (error, (base, start)) = match node.store.append(name, index, records) {
                Ok(offsets) => (0, offsets),
                Err(code) => (code, (-1, -1)),
            };
            reply.i32(index).i16(error).i64(base).i64(-1);
            if version >= 5 {
                reply.i64(start);
            }
            if version >= 8 {
                reply.count(0).no_string();
            }
            reply.end();
        }
        input.end()?;
        reply.end();
    }
    reply.i32(0).end();
    Ok(acks != 0)
}

fn fetch(node: &Node, version: i16, input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    input.i32()?;
    let mut wait = Duration::from_millis(u64::try_from(input.i32()?).unwrap_or(0));
    input.i32()?;
    let mut left = usize::try_from(input.i32()?).unwrap_or(0);
    input.i8()?;
    if version >= 7 {
        input.i64()?;
    }
    let topics = input.count()?.unwrap_or(0);
    reply.i32(0);
    if version >= 7 {
        // Session id 0: no fetch session is kept, so clients go on sending full requests (KIP-227).
        reply.i16(0).i32(0);
    }
    reply.count(topics);
    for _ in 0..topics {
        let name = input.string()?.unwrap_or_default();
        let partitions = input.count()?.unwrap_or(0);
        reply.string(name).count(partitions);
        for _ in 0..partitions {
            let wanted = Wanted::read(version, input)?;
            let limit = left.min(wanted.limit);
            let found = node.store.fetch(name, wanted.index, wanted.offset, limit, wait);
            // One partition waits at most: with several, the first empty one has used the time up.
            wait = Duration::ZERO;
            left -= fetched(version, wanted.index, found, reply).min(left);
        }
        input.end()?;
        reply.end();
    }
    reply.end();
    Ok(())
}

struct Wanted {
    index: i32,
    offset: i64,
    limit: usize,
}

impl Wanted {
    fn read(version: i16, input: &mut Reader<'_>) -> Result<Self> {
        let index = input.i32()?;
        if version >= 9 {
            input.i32()?;
        }
        let offset = input.i64()?;
        if version >= 12 {
            input.i32()?;
        }
        if version >= 5 {
            input.i64()?;
        }
        let limit = usize::try_from(input.i32()?).unwrap_or(0);
        input.end()?;
        Ok(Self { index, offset, limit })
    }
}

/// Writes one partition's answer and returns the bytes of its records.
fn fetched(
    version: i16,
    index: i32,
    found: std::result::Result<super::store::Found, i16>,
    reply: &mut Writer,
) -> usize {
    let (error, start, end, batches) = match found {
        Ok(found) => (0, found.start, found.end, found.batches),
        Err(code) => (code, -1, -1, Vec::new()),
    };
    reply.i32(index).i16(error).i64(end).i64(end);
    if version >= 5 {
        reply.i64(start);
    }
    reply.no_array();
    if version >= 11 {
        reply.i32(-1);
    }
    let size = batches.iter().map(|b| b.len()).sum();
    reply.count(size);
    for batch in &batches {
        reply.raw(batch);
    }
    reply.end();
    size
}

fn list_offsets(
    node: &Node,
    version: i16,
    input: &mut Reader<'_>,
    reply: &mut Writer,
) -> Result<()> {
    input.i32()?;
    if version >= 2 {
        input.i8()?;
        reply.i32(0);
    }
    let topics = input.count()?.unwrap_or(0);
    reply.count(topics);
    for _ in 0..topics {
        let name = input.string()?.unwrap_or_default();
        let partitions = input.count()?.unwrap_or(0);
        reply.string(name).count(partitions);
        for _ in 0..partitions {
            let index = input.i32()?;
            if version >= 4 {
                input.i32()?;
            }
            let time = input.i64()?;
            input.end()?;
            let (error, offset) = match (node.store.range(name, index), time) {
                (Some((start, _)), -2) => (0, start),
                (Some((_, end)), -1) => (0, end),
                // Only "earliest" and "latest" are kept; there is no index by time.
                (Some(_), _) => (OFFSET_OUT_OF_RANGE, -1),
                (None, _) => (UNKNOWN_TOPIC_OR_PARTITION, -1),
            };
            reply.i32(index).i16(error).i64(-1).i64(offset);
            if version >= 4 {
                reply.i32(0);
            }
            reply.end();
        }
        input.end()?;
        reply.end();
    }
    reply.end();
    Ok(())
}

fn metadata(node: &Node, version: i16, input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    let names = match input.count()? {
        None => node.store.names(),
        Some(count) => {
            let mut names = Vec::new();
            for _ in 0..count {
                names.push(input.string()?.unwrap_or_default().to_owned());
                input.end()?;
            }
            names
        }
    };
    if version >= 3 {
        reply.i32(0);
    }
    reply.count(1).i32(NODE_ID).string("127.0.0.1").i32(i32::from(node.port)).no_string().end();
    if version >= 2 {
        reply.string("stand-in");
    }
    reply.i32(NODE_ID).count(names.len());
    for name in &names {
        let known = node.store.create(name);
        reply.i16(if known { 0 } else { UNKNOWN_TOPIC_OR_PARTITION }).string(name).i8(0);
        let partitions = if known { node.store.partitions() } else { 0 };
        reply.count(partitions);
        for index in 0..partitions {
            reply.i16(0).i32(index as i32).i32(NODE_ID);
            if version >= 7 {
                reply.i32(0);
            }
            reply.count(1).i32(NODE_ID).count(1).i32(NODE_ID);
            if version >= 5 {
                reply.count(0);
            }
            reply.end();
        }
        if version >= 8 {
            reply.i32(i32::MIN);
        }
        reply.end();
    }
    if version >= 8 {
        reply.i32(i32::MIN);
    }
    reply.end();
    Ok(())
}

/// The id of the only broker.
const NODE_ID: i32 = 1;

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}
