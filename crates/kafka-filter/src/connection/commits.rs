//! Offsets that a client commits, until the coordinator has answered.
//!
//! A commit counts when its answer says so partition by partition. Answers come in the order of the
//! requests, so the offsets wait in a queue, and a request only remembers how many are its own.

use std::collections::VecDeque;

use crate::metrics::series::Topic;

/// Offsets of requests that await their answer, and of one that is still passing.
#[derive(Default)]
pub(super) struct Commits {
    queue: VecDeque<Commit>,
}

/// One partition's offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) topic: Topic,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Commits {
    /// Keeps an offset; false when there are too many already.
    pub(super) fn push(&mut self, commit: Commit) -> bool {
        if self.queue.len() >= COMMITS_MAX {
            return false;
        }
        self.queue.push_back(commit);
        true
    }

    /// Forgets the last `count`: their request will not be seen answered.
    pub(super) fn forget_last(&mut self, count: u16) {
        let kept = self.queue.len().saturating_sub(usize::from(count));
        self.queue.truncate(kept);
        self.release();
    }

    /// One of the first `count` was refused.
    pub(super) fn refuse(&mut self, count: u16, topic: Topic, partition: i32) {
        let own = self.queue.iter_mut().take(usize::from(count));
        for commit in own.filter(|commit| commit.topic == topic && commit.partition == partition) {
            commit.offset = REFUSED;
        }
    }

    /// Takes the first `count`, which were answered: `each` gets those that count.
    pub(super) fn answered(&mut self, count: u16, mut each: impl FnMut(Commit)) {
        for _ in 0..count {
            if let Some(commit) = self.queue.pop_front()
                && commit.offset >= 0
            {
                each(commit);
            }
        }
        self.release();
    }

    fn release(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > IDLE_CAPACITY {
            self.queue = VecDeque::new();
        }
    }
}

/// No commit has an offset below zero.
const REFUSED: i64 = -1;
/// Offsets that a connection keeps.
const COMMITS_MAX: usize = 4096;
/// Offsets for which an idle connection keeps memory.
const IDLE_CAPACITY: usize = 32;

#[cfg(test)]
mod tests {
    use super::{COMMITS_MAX, Commit, Commits};
    use crate::metrics::series::Topic;
    #[cfg(target_family = "wasm")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn commit(partition: i32, offset: i64) -> Commit {
        Commit { topic: Topic::admitted(0), partition, offset }
    }

    fn answered(commits: &mut Commits, count: u16) -> Vec<(i32, i64)> {
        let mut seen = Vec::new();
        commits.answered(count, |commit| seen.push((commit.partition, commit.offset)));
        seen
    }

    #[test]
    fn offsets_count_in_the_order_of_their_requests() {
        let mut commits = Commits::default();
        for (partition, offset) in [(0, 5), (1, 6), (0, 9)] {
            assert!(commits.push(commit(partition, offset)));
        }
        assert_eq!(answered(&mut commits, 2), [(0, 5), (1, 6)]);
        assert_eq!(answered(&mut commits, 1), [(0, 9)]);
        assert_eq!(answered(&mut commits, 1), []);
    }

    #[test]
    fn a_refused_partition_is_left_out_of_its_own_request_only() {
        let mut commits = Commits::default();
        for (partition, offset) in [(0, 5), (1, 6), (0, 9)] {
            assert!(commits.push(commit(partition, offset)));
        }
        commits.refuse(2, Topic::admitted(0), 0);
        commits.refuse(2, Topic::admitted(1), 1);
        assert_eq!(answered(&mut commits, 2), [(1, 6)]);
        assert_eq!(answered(&mut commits, 1), [(0, 9)]);
    }

    #[test]
    fn a_request_that_is_not_awaited_takes_its_offsets_along() {
        let mut commits = Commits::default();
        assert!(commits.push(commit(0, 5)) && commits.push(commit(1, 6)));
        commits.forget_last(1);
        assert_eq!(answered(&mut commits, 1), [(0, 5)]);
        commits.forget_last(7);
        assert_eq!(answered(&mut commits, 1), []);
    }

    #[test]
    fn more_offsets_than_are_kept_are_refused() {
        let mut commits = Commits::default();
        for partition in 0..i32::try_from(COMMITS_MAX).unwrap() {
            assert!(commits.push(commit(partition, 0)));
        }
        assert!(!commits.push(commit(-1, 0)));
    }
}
