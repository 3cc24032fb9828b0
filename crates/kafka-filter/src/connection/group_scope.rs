//! The group that a response is about: the one that its request named, or in a response that lists
//! groups, the one that is being read.

use std::hash::{DefaultHasher, Hasher};

use super::topic_scope::ErrorCounts;
use crate::metrics::series::Party;

/// What was seen of the group so far.
#[derive(Default)]
pub(super) struct GroupScope {
    /// Of the request.
    asked: Option<Party>,
    /// Of the entry that is being read.
    listed: Option<Party>,
    in_list: bool,
    /// Of the entry, or of the response where it lists none.
    errors: ErrorCounts,
    /// The response has said whether it is an error, and what it said last.
    failed: Option<bool>,
    pub(super) generation: i32,
    /// A hash of the leader's member id.
    leader: Option<u64>,
}

impl GroupScope {
    /// A response begins, to a request that named this group.
    pub(super) fn of_request(asked: Option<Party>) -> Self {
        Self { asked, generation: -1, ..Self::default() }
    }

    /// An entry of a list of groups begins.
    pub(super) fn begin(&mut self) {
        self.in_list = true;
        self.listed = None;
        self.errors = ErrorCounts::default();
    }

    pub(super) fn set_group(&mut self, group: Party) {
        self.listed = Some(group);
    }

    /// The group that is being read.
    pub(super) fn group(&self) -> Option<Party> {
        if self.in_list { self.listed } else { self.asked }
    }

    /// The group of a request that was answered without error.
    pub(super) fn answered_group(&self) -> Option<Party> {
        self.asked.filter(|_| self.failed != Some(true))
    }

    /// An error code, of whatever is being read.
    pub(super) fn saw_error_code(&mut self, code: i16) {
        // The first one is the response's own, in those that have one; the rest are of its parts.
        self.failed.get_or_insert(code != 0);
    }

    /// Notes an error; false when there are too many different ones to keep.
    pub(super) fn note_error(&mut self, code: i16) -> bool {
        self.errors.note(code)
    }

    /// The entry or the response ends: its group, and its errors.
    pub(super) fn end(&mut self) -> (Option<Party>, ErrorCounts) {
        let group = self.group();
        self.in_list = false;
        (group, std::mem::take(&mut self.errors))
    }

    pub(super) fn set_leader(&mut self, member: &[u8]) {
        self.leader = Some(hash(member));
    }

    /// Whether a JoinGroup response without error is the leader's.
    pub(super) fn is_leader(&self, member: &[u8]) -> bool {
        self.failed == Some(false) && self.leader == Some(hash(member))
    }
}

fn hash(member: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(member);
    hasher.finish()
}
