//! When replicas may be moved, so that the canary does not fight over its topic with those who run the cluster.
//!
//! A change of the planned brokers or their racks is the canary's own reason: it moves replicas at once. Where the
//! brokers are the same and the replicas are not where they were, someone else moved them (`kafka-reassign-partitions`,
//! Cruise Control). That is let alone for the settling time, and put right then; each time that it happens again it is
//! let alone for twice as long, a day at most. Partitions with too few replicas are never let alone.

use std::time::{Duration, Instant};

use crate::plan::Movement;
use crate::targets::Broker;

const HOLD_AT_MOST: Duration = Duration::from_hours(24);

/// What the topic was placed for, and since when it is.
#[derive(Debug)]
pub(super) struct Moves {
    first_hold: Duration,
    hold: Duration,
    placed: Option<(Cause, Instant)>,
}

/// Ids and racks.
type Cause = Vec<(i32, Option<String>)>;

impl Moves {
    pub(super) fn new(settling: Duration) -> Self {
        Self { first_hold: settling, hold: settling, placed: None }
    }

    /// What may be moved for these brokers.
    pub(super) fn allowed(&self, brokers: &[Broker], now: Instant) -> Movement {
        match &self.placed {
            Some((placed, since))
                if *placed == cause(brokers) && now.duration_since(*since) < self.hold =>
            {
                Movement::Needed
            }
            _ => Movement::Any,
        }
    }

    /// All replicas are where they should be for these brokers.
    pub(super) fn right(&mut self, brokers: &[Broker], now: Instant) {
        self.placed = Some((cause(brokers), now));
    }

    /// Replicas were moved for these brokers.
    pub(super) fn moved(&mut self, brokers: &[Broker], now: Instant) {
        let again = self.placed.as_ref().is_some_and(|(placed, _)| *placed == cause(brokers));
        self.hold = if again {
            (self.hold * 2).min(HOLD_AT_MOST.max(self.first_hold))
        } else {
            self.first_hold
        };
        self.placed = Some((cause(brokers), now));
    }

    /// The topic is another than before.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.first_hold);
    }
}

fn cause(brokers: &[Broker]) -> Cause {
    brokers.iter().map(|broker| (broker.id, broker.rack.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLING: Duration = Duration::from_secs(300);

    fn brokers(ids: &[i32]) -> Vec<Broker> {
        ids.iter()
            .map(|id| Broker { id: *id, host: "b".to_owned(), port: 9092, rack: None })
            .collect()
    }

    #[test]
    fn a_change_of_brokers_or_racks_is_a_reason_at_once() {
        let now = Instant::now();
        let mut moves = Moves::new(SETTLING);
        assert_eq!(moves.allowed(&brokers(&[1, 2]), now), Movement::Any);
        moves.right(&brokers(&[1, 2]), now);
        assert_eq!(moves.allowed(&brokers(&[1, 2]), now), Movement::Needed);
        assert_eq!(moves.allowed(&brokers(&[1, 2, 3]), now), Movement::Any);
        let mut racked = brokers(&[1, 2]);
        racked[0].rack = Some("a".to_owned());
        assert_eq!(moves.allowed(&racked, now), Movement::Any);
    }

    #[test]
    fn what_others_moved_is_let_alone_for_longer_each_time() {
        let mut now = Instant::now();
        let mut moves = Moves::new(SETTLING);
        let same = brokers(&[1, 2, 3]);
        moves.right(&same, now);
        for held in [300, 600, 1200] {
            assert_eq!(moves.allowed(&same, now + Duration::from_secs(held - 1)), Movement::Needed);
            now += Duration::from_secs(held);
            assert_eq!(moves.allowed(&same, now), Movement::Any, "after {held} s");
            moves.moved(&same, now);
        }
        for _ in 0..20 {
            moves.moved(&same, now);
        }
        assert_eq!(moves.allowed(&same, now + HOLD_AT_MOST), Movement::Any);
    }

    #[test]
    fn another_topic_or_other_brokers_begin_anew() {
        let now = Instant::now();
        let mut moves = Moves::new(SETTLING);
        for _ in 0..3 {
            moves.moved(&brokers(&[1, 2]), now);
        }
        moves.moved(&brokers(&[1, 2, 3]), now);
        assert_eq!(moves.allowed(&brokers(&[1, 2, 3]), now + SETTLING), Movement::Any);
        moves.forget();
        assert_eq!(moves.allowed(&brokers(&[1, 2, 3]), now), Movement::Any);
    }
}
