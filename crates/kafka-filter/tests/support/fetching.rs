//! Fetch and ShareFetch field by field, with the offsets and sessions that lag is made of.

use super::messages::{FETCH, Topic, topic};
use super::wire::{Wire, flexible_part, request, response};

pub const SHARE_FETCH: i16 = 78;

/// A Fetch, 4 to 18. `topics` are asked for, partition and offset each; `forgotten` no longer.
pub struct Ask<'a> {
    pub version: i16,
    /// -1 for a consumer.
    pub replica: i32,
    pub epoch: i32,
    pub topics: &'a [(Topic, &'a [(i32, i64)])],
    pub forgotten: &'a [(Topic, &'a [i32])],
}

impl Ask<'_> {
    pub fn frame(&self, correlation_id: i32) -> Vec<u8> {
        let Self { version, replica, epoch, topics, forgotten } = *self;
        let wire = request(FETCH, version, correlation_id, version >= 12)
            .when(version <= 14, |wire| wire.i32(replica))
            .i32(500)
            .i32(1)
            .i32(50 << 20)
            .i8(0)
            .when(version >= 7, |wire| wire.i32(77).i32(epoch))
            .each(topics, |wire, (name, partitions)| {
                topic(wire, *name)
                    .each(partitions, |wire, &(partition, offset)| {
                        wire.i32(partition)
                            .when(version >= 9, |wire| wire.i32(-1))
                            .i64(offset)
                            .when(version >= 12, |wire| wire.i32(-1))
                            .when(version >= 5, |wire| wire.i64(-1))
                            .i32(1 << 20)
                            .end()
                    })
                    .end()
            })
            .when(version >= 7, |wire| {
                wire.each(forgotten, |wire, (name, partitions)| {
                    topic(wire, *name)
                        .each(partitions, |wire, &partition| wire.i32(partition))
                        .end()
                })
            })
            .when(version >= 11, |wire| wire.text(""));
        if version >= 15 && replica >= 0 {
            wire.end_with(&[(1, flexible_part().i32(replica).i64(4).end())]).frame()
        } else {
            wire.end().frame()
        }
    }
}

/// What a broker tells of a partition.
#[derive(Clone, Default)]
pub struct Part {
    pub partition: i32,
    pub error: i16,
    pub high_watermark: i64,
    pub records: Vec<u8>,
}

/// A partition with records, perhaps none.
pub fn part(partition: i32, high_watermark: i64, records: Vec<u8>) -> Part {
    Part { partition, error: 0, high_watermark, records }
}

/// A partition with an error, and so without a high watermark.
pub fn failed_part(partition: i32, error: i16) -> Part {
    Part { partition, error, high_watermark: -1, records: Vec::new() }
}

/// The answer to a Fetch 4 to 18.
pub fn fetch_told(version: i16, correlation_id: i32, topics: &[(Topic, Vec<Part>)]) -> Vec<u8> {
    response(correlation_id, version >= 12)
        .i32(0)
        .when(version >= 7, |wire| wire.i16(0).i32(77))
        .each(topics, |wire, (name, parts)| {
            topic(wire, *name)
                .each(parts, |wire, part| {
                    wire.i32(part.partition)
                        .i16(part.error)
                        .i64(part.high_watermark)
                        .i64(part.high_watermark)
                        .when(version >= 5, |wire| wire.i64(0))
                        .null_array()
                        .when(version >= 11, |wire| wire.i32(-1))
                        .bytes(&part.records)
                        .end()
                })
                .end()
        })
        .end()
        .frame()
}

/// A ShareFetch 1 (KIP-932) of this group for partition 0 of topics by id.
pub fn share_fetch(correlation_id: i32, group: Option<&str>, topics: &[u8]) -> Vec<u8> {
    let wire = request(SHARE_FETCH, 1, correlation_id, true);
    let wire = match group {
        Some(group) => wire.text(group),
        None => wire.null_text(),
    };
    wire.text("member-1")
        .i32(0)
        .i32(500)
        .i32(1)
        .i32(50 << 20)
        .i32(500)
        .i32(100)
        .each(topics, |wire, &byte| {
            wire.raw(&[byte; 16])
                .each(&[0], |wire, &partition| {
                    let acknowledged = wire.i32(partition).array(1).i64(0).i64(9);
                    acknowledged.array(1).i8(1).end().end()
                })
                .end()
        })
        .array(0)
        .end()
        .frame()
}

/// Its answer: topics by id with the records of partition 0, or an error code.
pub fn share_told(correlation_id: i32, topics: &[(u8, i16, Vec<u8>)]) -> Vec<u8> {
    let each = |wire: Wire, (byte, error, records): &(u8, i16, Vec<u8>)| {
        let part = wire.raw(&[*byte; 16]).array(1).i32(0).i16(*error).null_text();
        let part = part.i16(0).null_text().i32(1).i32(3).end().bytes(records);
        part.array(1).i64(0).i64(1).i16(1).end().end().end()
    };
    response(correlation_id, true)
        .i32(0)
        .i16(0)
        .null_text()
        .i32(30_000)
        .each(topics, each)
        .array(0)
        .end()
        .frame()
}
