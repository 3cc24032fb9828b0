//! The stand-in's answers to members of groups: each request is granted, and nothing is remembered.
//!
//! One version of each API, the one that the load speaks: OffsetCommit 8, OffsetFetch 7, JoinGroup 7, SyncGroup 5,
//! LeaveGroup 4. Layouts: Kafka protocol guide.

use std::io::Result;

use crate::wire::{Reader, Writer};

pub(crate) const OFFSET_COMMIT: i16 = 8;
pub(crate) const OFFSET_FETCH: i16 = 9;
pub(crate) const JOIN_GROUP: i16 = 11;
pub(crate) const LEAVE_GROUP: i16 = 13;
pub(crate) const SYNC_GROUP: i16 = 14;

/// Every offset is taken.
pub(super) fn offset_commit(input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    input.string()?;
    input.i32()?;
    input.string()?;
    input.string()?;
    reply.i32(0);
    topics(input, reply, |input, reply| {
        let index = input.i32()?;
        input.i64()?;
        input.i32()?;
        input.string()?;
        input.end()?;
        reply.i32(index).i16(0).end();
        Ok(())
    })?;
    reply.end();
    Ok(())
}

/// No group has committed anything.
pub(super) fn offset_fetch(input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    input.string()?;
    reply.i32(0);
    topics(input, reply, |input, reply| {
        let index = input.i32()?;
        reply.i32(index).i64(-1).i32(-1).string("").i16(0).end();
        Ok(())
    })?;
    reply.i16(0).end();
    Ok(())
}

/// Whoever joins leads the first generation, alone.
pub(super) fn join(input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    input.string()?;
    input.i32()?;
    input.i32()?;
    let member = input.string()?.unwrap_or_default();
    input.string()?;
    let kind = input.string()?.unwrap_or_default();
    reply.i32(0).i16(0).i32(GENERATION).string(kind).string("range").string(member).string(member);
    reply.count(1).string(member).no_string().count(0).end().end();
    Ok(())
}

/// An empty assignment.
pub(super) fn sync(reply: &mut Writer) {
    reply.i32(0).i16(0).no_string().no_string().count(0).end();
}

/// Every member may go.
pub(super) fn leave(input: &mut Reader<'_>, reply: &mut Writer) -> Result<()> {
    input.string()?;
    let members = input.count()?.unwrap_or(0);
    reply.i32(0).i16(0).count(members);
    for _ in 0..members {
        let member = input.string()?.unwrap_or_default();
        input.string()?;
        input.end()?;
        reply.string(member).no_string().i16(0).end();
    }
    reply.end();
    Ok(())
}

/// Copies an array of topics with their partitions, each of which `partition` reads and answers.
fn topics(
    input: &mut Reader<'_>,
    reply: &mut Writer,
    mut partition: impl FnMut(&mut Reader<'_>, &mut Writer) -> Result<()>,
) -> Result<()> {
    let count = input.count()?.unwrap_or(0);
    reply.count(count);
    for _ in 0..count {
        let name = input.string()?.unwrap_or_default();
        let partitions = input.count()?.unwrap_or(0);
        reply.string(name).count(partitions);
        for _ in 0..partitions {
            partition(input, reply)?;
        }
        input.end()?;
        reply.end();
    }
    Ok(())
}

const GENERATION: i32 = 1;
