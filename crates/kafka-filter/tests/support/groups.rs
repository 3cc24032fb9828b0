//! Messages of groups: classic, consumer, share and streams, field by field from the protocol guide.

use super::messages::{Topic, topic};
use super::wire::{Wire, request, response};

pub const OFFSET_COMMIT: i16 = 8;
pub const OFFSET_FETCH: i16 = 9;
pub const JOIN_GROUP: i16 = 11;
pub const LEAVE_GROUP: i16 = 13;
pub const SYNC_GROUP: i16 = 14;
pub const DESCRIBE_GROUPS: i16 = 15;
pub const LIST_GROUPS: i16 = 16;
pub const TXN_OFFSET_COMMIT: i16 = 28;
pub const DELETE_GROUPS: i16 = 42;
pub const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
pub const SHARE_GROUP_HEARTBEAT: i16 = 76;
pub const STREAMS_GROUP_HEARTBEAT: i16 = 88;

pub const ILLEGAL_GENERATION: i16 = 22;
pub const UNKNOWN_MEMBER_ID: i16 = 25;
pub const REBALANCE_IN_PROGRESS: i16 = 27;
pub const GROUP_AUTHORIZATION_FAILED: i16 = 30;
pub const NON_EMPTY_GROUP: i16 = 68;
pub const GROUP_ID_NOT_FOUND: i16 = 69;
pub const MEMBER_ID_REQUIRED: i16 = 79;

/// JoinGroup 0 to 9.
pub fn join(version: i16, correlation_id: i32, group: &str, member: &str) -> Vec<u8> {
    request(JOIN_GROUP, version, correlation_id, version >= 6)
        .text(group)
        .i32(45_000)
        .when(version >= 1, |wire| wire.i32(300_000))
        .text(member)
        .when(version >= 5, Wire::null_text)
        .text("consumer")
        .each(&["range", "cooperative-sticky"], |wire, name| {
            wire.text(name).bytes(&[0, 1, 0, 0, 0, 9]).end()
        })
        .when(version >= 8, |wire| wire.text("the consumer is being opened"))
        .end()
        .frame()
}

/// An answer to JoinGroup, 0 to 9.
pub struct Joined<'a> {
    pub version: i16,
    pub error: i16,
    pub generation: i32,
    pub leader: &'a str,
    pub member: &'a str,
}

impl Joined<'_> {
    /// The leader alone is told who the others are.
    pub fn frame(&self, correlation_id: i32) -> Vec<u8> {
        let Self { version, error, generation, leader, member } = *self;
        let is_leader = leader == member && error == 0;
        let members: &[&str] = if is_leader { &["member-1", "member-2"] } else { &[] };
        response(correlation_id, version >= 6)
            .when(version >= 2, |wire| wire.i32(0))
            .i16(error)
            .i32(generation)
            .when(
                version >= 7,
                |wire| if error == 0 { wire.text("consumer") } else { wire.null_text() },
            )
            .text(if error == 0 { "range" } else { "" })
            .text(leader)
            .when(version >= 9, |wire| wire.i8(0))
            .text(member)
            .each(members, |wire, other| {
                wire.text(other)
                    .when(version >= 5, Wire::null_text)
                    .bytes(&[0, 1, 0, 0, 0, 9])
                    .end()
            })
            .end()
            .frame()
    }
}

/// SyncGroup 0 to 5.
pub fn sync(version: i16, correlation_id: i32, group: &str, generation: i32) -> Vec<u8> {
    request(SYNC_GROUP, version, correlation_id, version >= 4)
        .text(group)
        .i32(generation)
        .text("member-1")
        .when(version >= 3, Wire::null_text)
        .when(version >= 5, |wire| wire.text("consumer").text("range"))
        .each(&["member-1", "member-2"], |wire, member| wire.text(member).bytes(&[7; 20]).end())
        .end()
        .frame()
}

/// An answer to SyncGroup, 0 to 5.
pub fn synced(version: i16, correlation_id: i32, error: i16) -> Vec<u8> {
    response(correlation_id, version >= 4)
        .when(version >= 1, |wire| wire.i32(0))
        .i16(error)
        .when(version >= 5, |wire| wire.text("consumer").text("range"))
        .bytes(if error == 0 { &[7; 20] } else { &[] })
        .end()
        .frame()
}

/// LeaveGroup 3 to 5 of so many members.
pub fn leave(version: i16, correlation_id: i32, group: &str, members: usize) -> Vec<u8> {
    request(LEAVE_GROUP, version, correlation_id, version >= 4)
        .text(group)
        .each(&vec!["member"; members], |wire, member| {
            wire.text(member).null_text().when(version >= 5, Wire::null_text).end()
        })
        .end()
        .frame()
}

/// An answer to LeaveGroup 3 to 5, with the error code of each member.
pub fn left(version: i16, correlation_id: i32, error: i16, members: &[i16]) -> Vec<u8> {
    response(correlation_id, version >= 4)
        .i32(0)
        .i16(error)
        .each(members, |wire, &error| wire.text("member").null_text().i16(error).end())
        .end()
        .frame()
}

/// A topic with partitions and an offset of each.
pub type Offsets<'a> = (Topic, &'a [(i32, i64)]);
/// A topic with partitions and an error code of each.
pub type Errors<'a> = (Topic, &'a [(i32, i16)]);

/// OffsetCommit 2 to 10.
pub fn commit(
    version: i16,
    correlation_id: i32,
    (group, generation): (&str, i32),
    topics: &[Offsets<'_>],
) -> Vec<u8> {
    request(OFFSET_COMMIT, version, correlation_id, version >= 8)
        .text(group)
        .i32(generation)
        .text("member-1")
        .when(version >= 7, Wire::null_text)
        .when((2..=4).contains(&version), |wire| wire.i64(-1))
        .each(topics, |wire, (name, partitions)| {
            topic(wire, *name)
                .each(partitions, |wire, &(partition, offset)| {
                    wire.i32(partition)
                        .i64(offset)
                        .when(version >= 6, |wire| wire.i32(-1))
                        .text("metadata")
                        .end()
                })
                .end()
        })
        .end()
        .frame()
}

/// An answer to OffsetCommit 2 to 10.
pub fn committed(version: i16, correlation_id: i32, topics: &[Errors<'_>]) -> Vec<u8> {
    let head = response(correlation_id, version >= 8).when(version >= 3, |wire| wire.i32(0));
    refusals(head, topics)
}

/// TxnOffsetCommit 0 to 5.
pub fn commit_in_transaction(
    version: i16,
    correlation_id: i32,
    (group, generation): (&str, i32),
    topics: &[Offsets<'_>],
) -> Vec<u8> {
    request(TXN_OFFSET_COMMIT, version, correlation_id, version >= 3)
        .text("transaction-1")
        .text(group)
        .i64(4_000)
        .i16(1)
        .when(version >= 3, |wire| wire.i32(generation).text("member-1").null_text())
        .each(topics, |wire, (name, partitions)| {
            topic(wire, *name)
                .each(partitions, |wire, &(partition, offset)| {
                    wire.i32(partition)
                        .i64(offset)
                        .when(version >= 2, |wire| wire.i32(-1))
                        .null_text()
                        .end()
                })
                .end()
        })
        .end()
        .frame()
}

/// An answer to TxnOffsetCommit 0 to 5.
pub fn committed_in_transaction(
    version: i16,
    correlation_id: i32,
    topics: &[Errors<'_>],
) -> Vec<u8> {
    refusals(response(correlation_id, version >= 3).i32(0), topics)
}

fn refusals(head: Wire, topics: &[Errors<'_>]) -> Vec<u8> {
    head.each(topics, |wire, (name, partitions)| {
        topic(wire, *name)
            .each(partitions, |wire, &(partition, error)| wire.i32(partition).i16(error).end())
            .end()
    })
    .end()
    .frame()
}

/// OffsetFetch 1 to 7 of one group, or 8 to 10 of several, for all their topics.
pub fn fetch_offsets(version: i16, correlation_id: i32, groups: &[&str]) -> Vec<u8> {
    let wire = request(OFFSET_FETCH, version, correlation_id, version >= 6);
    let wire = if version >= 8 {
        wire.each(groups, |wire, group| {
            wire.text(group).when(version >= 9, |wire| wire.null_text().i32(-1)).null_array().end()
        })
    } else {
        wire.text(groups[0]).null_array()
    };
    wire.when(version >= 7, |wire| wire.i8(0)).end().frame()
}

/// A topic with partitions, and of each the offset that is committed and an error code.
pub type Held<'a> = (Topic, &'a [(i32, i64, i16)]);
/// What an OffsetFetch tells of a group: its error code, and what is committed.
pub type Told<'a> = (&'a str, i16, &'a [Held<'a>]);

/// An answer to OffsetFetch, 3 to 10.
pub fn told_offsets(version: i16, correlation_id: i32, groups: &[Told<'_>]) -> Vec<u8> {
    let wire = response(correlation_id, version >= 6).i32(0);
    let topics = |wire: Wire, topics: &[Held<'_>]| {
        wire.each(topics, |wire, (name, partitions)| {
            topic(wire, *name)
                .each(partitions, |wire, &(partition, offset, error)| {
                    wire.i32(partition)
                        .i64(offset)
                        .when(version >= 5, |wire| wire.i32(-1))
                        .text("")
                        .i16(error)
                        .end()
                })
                .end()
        })
    };
    let wire = if version >= 8 {
        wire.each(groups, |wire, (group, error, of_group)| {
            topics(wire.text(group), of_group).i16(*error).end()
        })
    } else {
        let (_, error, of_group) = groups[0];
        topics(wire, of_group).i16(error)
    };
    wire.end().frame()
}

/// DescribeGroups 5, flexible.
pub fn describe(correlation_id: i32, groups: &[&str]) -> Vec<u8> {
    request(DESCRIBE_GROUPS, 5, correlation_id, true)
        .each(groups, |wire, group| wire.text(group))
        .i8(0)
        .end()
        .frame()
}

/// An answer to DescribeGroups 5: the error code stands in front of the group's name.
pub fn described(correlation_id: i32, groups: &[(&str, i16)]) -> Vec<u8> {
    response(correlation_id, true)
        .i32(0)
        .each(groups, |wire, &(group, error)| {
            let members: &[&str] = if error == 0 { &["member-1"] } else { &[] };
            wire.i16(error)
                .text(group)
                .text("Stable")
                .text("consumer")
                .text("range")
                .each(members, |wire, member| {
                    wire.text(member)
                        .null_text()
                        .text("client-1")
                        .text("/10.0.0.1")
                        .bytes(&[1; 9])
                        .bytes(&[2; 9])
                        .end()
                })
                .i32(i32::MIN)
                .end()
        })
        .end()
        .frame()
}

/// DeleteGroups 1.
pub fn delete(correlation_id: i32, groups: &[&str]) -> Vec<u8> {
    request(DELETE_GROUPS, 1, correlation_id, false)
        .each(groups, |wire, group| wire.text(group))
        .frame()
}

/// An answer to DeleteGroups 1.
pub fn deleted(correlation_id: i32, groups: &[(&str, i16)]) -> Vec<u8> {
    response(correlation_id, false)
        .i32(0)
        .each(groups, |wire, &(group, error)| wire.text(group).i16(error))
        .frame()
}

/// ListGroups 2, and its answer.
pub fn list(correlation_id: i32) -> Vec<u8> {
    request(LIST_GROUPS, 2, correlation_id, false).frame()
}

pub fn listed(correlation_id: i32, groups: &[&str]) -> Vec<u8> {
    response(correlation_id, false)
        .i32(0)
        .i16(0)
        .each(groups, |wire, group| wire.text(group).text("consumer"))
        .frame()
}

/// A heartbeat of a consumer (KIP-848), share (KIP-932) or streams group (KIP-1071).
pub fn epoch_heartbeat(key: i16, correlation_id: i32, group: &str, epoch: i32) -> Vec<u8> {
    let version = i16::from(key != STREAMS_GROUP_HEARTBEAT);
    let wire = request(key, version, correlation_id, true).text(group).text("member-1").i32(epoch);
    match key {
        SHARE_GROUP_HEARTBEAT => wire.null_text().null_array(),
        STREAMS_GROUP_HEARTBEAT => {
            let wire = wire.i32(0).null_text().null_text().i32(-1).i8(-1);
            let wire = wire.null_array().null_array().null_array().null_text().i8(-1);
            wire.null_array().null_array().null_array().i8(0)
        }
        _ => {
            let wire = wire.null_text().null_text().i32(-1).null_array().null_text();
            wire.null_text().null_array()
        }
    }
    .end()
    .frame()
}

/// An answer to it, with an assignment where it says nothing wrong.
pub fn epoch_told(key: i16, correlation_id: i32, error: i16, epoch: i32) -> Vec<u8> {
    let wire = response(correlation_id, true).i32(0).i16(error).null_text();
    let wire = wire.text("member-1").i32(epoch).i32(5_000);
    if key == STREAMS_GROUP_HEARTBEAT {
        let wire = wire.i32(10_000).i32(60_000).null_array().null_array().null_array();
        return wire.null_array().i32(0).null_array().end().frame();
    }
    if error != 0 {
        return wire.i8(-1).end().frame();
    }
    wire.i8(1)
        .each(&[1_u8], |wire, &byte| {
            wire.raw(&[byte; 16]).each(&[0, 1], |wire, &partition| wire.i32(partition)).end()
        })
        .end()
        .end()
        .frame()
}
