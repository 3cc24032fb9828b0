//! When each partition's next record is due: on a grid of its own, without drift, and without a burst after a stall.
//!
//! Records whose time passed while the program could not run (a frozen container, a starved node) are *missed*: they are
//! counted as due and failed, for a probe that should have happened is never a missing one, but they are not sent late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::workers::stagger;

/// The partitions and their next due times.
pub(super) struct Schedule {
    interval: Duration,
    next: BTreeMap<i32, Instant>,
}

/// A partition whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) partition: i32,
    /// How many further records were due since then.
    pub(super) missed: u32,
}

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval: interval.max(INTERVAL_MIN), next: BTreeMap::new() }
    }

    /// Takes up partitions that are new and drops those that are gone; the others keep their times.
    pub(super) fn follow(&mut self, partitions: impl Iterator<Item = i32>, now: Instant) {
        let mut before = std::mem::take(&mut self.next);
        for partition in partitions {
            let due = before
                .remove(&partition)
                .unwrap_or_else(|| now + stagger(partition, self.interval));
            self.next.insert(partition, due);
        }
    }

    /// When to look again.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.next.values().min().copied()
    }

    /// The partitions whose time has come, and moves their times on.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut turns = Vec::new();
        for (partition, next) in &mut self.next {
            if *next > now {
                continue;
            }
            let late = now.saturating_duration_since(*next);
            let missed = late.as_nanos() / self.interval.as_nanos().max(1);
            let missed = u32::try_from(missed).unwrap_or(u32::MAX);
            *next += self.interval * missed.saturating_add(1);
            turns.push(Due { partition: *partition, missed: missed.min(MISSED_MAX) });
        }
        turns
    }
}

/// No partition is probed more often.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Missed records that are counted at most after one stall of the program.
const MISSED_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(now: Instant) -> Schedule {
        let mut schedule = Schedule::new(SECOND);
        schedule.follow([0, 1].into_iter(), now);
        schedule
    }

    #[test]
    fn keeps_the_grid_however_late_it_is_asked() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        let mut turns = [0_u32; 2];
        for step in 0..1000 {
            // Asked with a jitter of up to 90 ms.
            let now = start + Duration::from_millis(10 * step + (step * 37) % 90);
            for due in schedule.due(now) {
                assert_eq!(due.missed, 0);
                turns[usize::try_from(due.partition).unwrap()] += 1;
            }
        }
        assert_eq!(turns, [11, 10], "once a second from 0 s and 0.618 s on, ten seconds long");
    }

    #[test]
    fn a_stall_is_counted_and_not_made_up_for() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        assert_eq!(schedule.due(start), [Due { partition: 0, missed: 0 }]);
        let late = start + SECOND * 10 + SECOND / 2;
        assert_eq!(
            schedule.due(late),
            [Due { partition: 0, missed: 9 }, Due { partition: 1, missed: 9 }],
            "due at 1..=10 s and at 0.618..=9.618 s"
        );
        assert!(schedule.due(late).is_empty());
        assert_eq!(schedule.wake(), Some(start + stagger(1, SECOND) + SECOND * 10));
    }

    #[test]
    fn counts_a_very_long_stall_up_to_the_limit() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        let due = schedule.due(start + SECOND * 100_000);
        assert!(due.iter().all(|due| due.missed == MISSED_MAX), "{due:?}");
        assert!(schedule.wake() > Some(start + SECOND * 100_000));
    }

    #[test]
    fn partitions_that_stay_keep_their_turn() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        let before = schedule.next.clone();
        schedule.follow([1, 2].into_iter(), start + SECOND / 3);
        assert_eq!(schedule.next.get(&1), before.get(&1));
        assert_eq!(schedule.next.keys().copied().collect::<Vec<_>>(), [1, 2]);
    }
}
