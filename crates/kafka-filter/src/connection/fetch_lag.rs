//! How far behind the partitions are that one connection fetches, for `topic_fetch_lag_records`.
//!
//! A partition contributes its high watermark minus the next offset to fetch, never less than zero.
//! Each change of a contribution is told to the caller at once, so that at any time the sum of what
//! was told for a topic is the sum of the contributions, and zero after [`FetchLag::give_back`].
//!
//! In a fetch session (KIP-227) a request lists only partitions whose position has changed, and an
//! answer only those with news: a partition that is not listed is as it was. One that a request
//! forgets is not gone either: consumers forget a partition while they still hold records of it
//! that nobody has polled, and ask for it again later. So a partition leaves the sum for one of
//! three reasons: an answer without a high watermark, which means an error (its leader has moved,
//! it was deleted); silence for a while, because then it was paused, or given to another member;
//! the end of the connection. Its position stays known, so that the next news bring it back.
//!
//! The table is a tree: clients choose topics and partition numbers, and no choice of keys makes a
//! lookup in a tree slow. It has a bound; when it is full, partitions that contribute nothing make
//! room, the longest idle first.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use crate::metrics::series::Topic;

/// The partitions that a connection fetches.
#[derive(Default)]
pub(super) struct FetchLag {
    partitions: BTreeMap<(TopicKey, i32), Partition>,
    /// When silent partitions were looked for, in seconds.
    expired_s: u32,
    /// When room was made in a full table, in seconds.
    cleared_s: Option<u32>,
}

/// Stands for the id or the name of a topic. Two topics with one key would share positions; who
/// wants that has to search for it among 2^64 and spoils the numbers of an own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TopicKey(u64);

/// What an answer says of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The value of the `topic` label.
    pub(super) label: Topic,
    pub(super) partition: i32,
    /// Below zero with an error.
    pub(super) high_watermark: i64,
    /// The offset behind the last batch, where there was a batch.
    pub(super) next_offset: Option<i64>,
}

/// State of a partition.
struct Partition {
    next_offset: i64,
    /// [`UNKNOWN`] until an answer tells it.
    high_watermark: i64,
    label: Topic,
    /// When it was asked for or answered last, in seconds.
    seen_s: u32,
}

impl FetchLag {
    /// How many partitions it keeps.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// A consumer asks for a partition from this offset on. False when it is not tracked because
    /// `max` others are; it counts as untracked each time it is asked for in vain, because nothing
    /// is kept of it. `each` is told the changes of contributions.
    pub(super) fn requested(
        &mut self,
        topic: TopicKey,
        partition: i32,
        fetch_offset: i64,
        now_s: u32,
        max: u32,
        each: impl FnMut(Topic, i64),
    ) -> bool {
        if partition < 0 || fetch_offset < 0 {
            return true;
        }
        let key = (topic, partition);
        if let Some(known) = self.partitions.get_mut(&key) {
            // A consumer that seeks may get no answer for it: the lag changes now.
            known.change(now_s, each, |known| known.next_offset = fetch_offset);
            return true;
        }
        self.insert(key, Partition::at(fetch_offset, now_s), max)
    }

    /// A broker answers for a partition. False when it is not tracked because `max` others are;
    /// one that was not asked for is tracked from here on if the answer has records, which tell
    /// the position.
    pub(super) fn answered(
        &mut self,
        topic: TopicKey,
        answer: &Answer,
        now_s: u32,
        max: u32,
        each: impl FnMut(Topic, i64),
    ) -> bool {
        if answer.partition < 0 {
            return true;
        }
        let key = (topic, answer.partition);
        let next_offset = answer.next_offset.filter(|&offset| offset >= 0);
        if let Some(known) = self.partitions.get_mut(&key) {
            known.answered(answer, next_offset, now_s, each);
            return true;
        }
        let Some(offset) = next_offset.filter(|_| answer.high_watermark >= 0) else {
            return true;
        };
        let mut new = Partition::at(offset, now_s);
        if !self.has_room(now_s, max) {
            return false;
        }
        new.answered(answer, next_offset, now_s, each);
        self.partitions.insert(key, new);
        true
    }

    /// Takes partitions out of the sum that were neither asked for nor answered within `stale_s`.
    /// Call it at each Fetch request: it looks at them only every quarter of that time.
    pub(super) fn expire(&mut self, now_s: u32, stale_s: u32, mut each: impl FnMut(Topic, i64)) {
        if now_s.saturating_sub(self.expired_s) < (stale_s / 4).max(1) {
            return;
        }
        self.expired_s = now_s;
        for partition in self.partitions.values_mut() {
            if partition.idle_s(now_s) > stale_s {
                let seen_s = partition.seen_s;
                partition.change(seen_s, &mut each, |silent| silent.high_watermark = UNKNOWN);
            }
        }
    }

    /// Takes all partitions out of the sum: the connection ends, or is given up.
    pub(super) fn give_back(self, mut each: impl FnMut(Topic, i64)) {
        for partition in self.partitions.into_values() {
            let lag = partition.lag();
            if lag != 0 {
                each(partition.label, lag.saturating_neg());
            }
        }
    }

    fn insert(&mut self, key: (TopicKey, i32), partition: Partition, max: u32) -> bool {
        let has_room = self.has_room(partition.seen_s, max);
        if has_room {
            self.partitions.insert(key, partition);
        }
        has_room
    }

    /// Whether one more partition may be tracked.
    fn has_room(&mut self, now_s: u32, max: u32) -> bool {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if self.partitions.len() >= max {
            self.make_room(now_s);
        }
        self.partitions.len() < max
    }

    /// Forgets partitions without lag: the longest idle, and those at least half as long idle. At
    /// most once a second, so that a client cannot have the table searched for each partition.
    fn make_room(&mut self, now_s: u32) {
        if self.cleared_s == Some(now_s) {
            return;
        }
        self.cleared_s = Some(now_s);
        let without_lag = self.partitions.values().filter(|partition| partition.lag() == 0);
        let longest_s = without_lag.map(|partition| partition.idle_s(now_s)).max().unwrap_or(0);
        if longest_s > 0 {
            let spared_s = longest_s.div_ceil(2);
            let stays =
                |partition: &Partition| partition.lag() > 0 || partition.idle_s(now_s) < spared_s;
            self.partitions.retain(|_, partition| stays(partition));
        }
    }
}

impl TopicKey {
    /// The key of a topic that is named by its id.
    pub(super) fn of_id(id: &[u8; 16]) -> Self {
        Self::of(b'i', id)
    }

    /// The key of a topic that is named by its name.
    pub(super) fn of_name(name: &[u8]) -> Self {
        Self::of(b'n', name)
    }

    fn of(mark: u8, bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(mark);
        hasher.write(bytes);
        Self(hasher.finish())
    }
}

impl Partition {
    fn at(next_offset: i64, seen_s: u32) -> Self {
        Self { next_offset, high_watermark: UNKNOWN, label: Topic::UNRESOLVED, seen_s }
    }

    /// A broker has answered for it; `next_offset` is the one behind the last batch, if there was one.
    fn answered(
        &mut self,
        answer: &Answer,
        next_offset: Option<i64>,
        now_s: u32,
        each: impl FnMut(Topic, i64),
    ) {
        self.change(now_s, each, |known| {
            known.label = answer.label;
            known.high_watermark = answer.high_watermark.max(UNKNOWN);
            // Whole batches are sent: the first one may begin, but none ends, before the
            // offset that was asked for.
            if let Some(next_offset) = next_offset {
                known.next_offset = next_offset.max(known.next_offset);
            }
        });
    }

    /// What it contributes.
    fn lag(&self) -> i64 {
        if self.high_watermark < 0 {
            return 0;
        }
        self.high_watermark.saturating_sub(self.next_offset).clamp(0, LAG_MAX)
    }

    fn idle_s(&self, now_s: u32) -> u32 {
        now_s.saturating_sub(self.seen_s)
    }

    /// Changes the state and tells what that changes in the sums.
    fn change(
        &mut self,
        now_s: u32,
        mut each: impl FnMut(Topic, i64),
        change: impl FnOnce(&mut Self),
    ) {
        let (label, lag) = (self.label, self.lag());
        change(self);
        self.seen_s = now_s;
        if label == self.label {
            if lag != self.lag() {
                each(label, self.lag().saturating_sub(lag));
            }
            return;
        }
        // The name of a topic id became known: the contribution moves to another series.
        if lag != 0 {
            each(label, lag.saturating_neg());
        }
        if self.lag() != 0 {
            each(self.label, self.lag());
        }
    }
}

/// No answer has told the high watermark, or the last one was an error.
const UNKNOWN: i64 = -1;
/// The most that one partition contributes, more than any real one can have: a sum over the
/// partitions of a thousand hostile connections still fits into a gauge.
const LAG_MAX: i64 = 1 << 40;

#[cfg(test)]
mod tests;
