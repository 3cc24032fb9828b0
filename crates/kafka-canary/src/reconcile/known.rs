//! What is to be probed, from what is known.

use crate::cluster::TopicState;
use crate::settings::Settings;
use crate::targets::{Broker, Target, Targets};

/// As Kafka writes it.
const NO_LEADER: i32 = -1;

/// What is known of the cluster and the topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Brokers to plan with.
    pub(super) planned: usize,
    /// Brokers whose address is known.
    pub(super) addressed: &'a [Broker],
    /// The topic; none when it does not exist.
    pub(super) topic: Option<&'a TopicState>,
    /// Partitions that are to be there could not be made: their probes are due all the same.
    pub(super) not_made: bool,
}

/// Before the cluster answered.
pub(super) fn before_contact(settings: &Settings) -> Targets {
    let target = |partition| Target { partition, leader: NO_LEADER };
    Targets { partitions: (0..expected(settings)).map(target).collect(), ..Targets::default() }
}

/// Partitions that are there, and those that were or should be, each with its leader or the last one; `before` is what
/// was published last.
pub(super) fn targets(settings: &Settings, known: Known<'_>, before: &Targets) -> Targets {
    let planned = i32::try_from(known.planned).unwrap_or(i32::MAX);
    let count = if known.topic.is_some() { planned } else { planned.max(expected(settings)) };
    let target = |partition: i32| {
        let last = before.leader(partition);
        let leader = match known.topic.and_then(|topic| topic.partitions.get(&partition)) {
            Some(state) => {
                let last = last.filter(|leader| *leader != NO_LEADER);
                state.leader.or(last).or_else(|| state.replicas.first().copied())
            }
            None if known.not_made => last.or(Some(NO_LEADER)),
            None => last,
        };
        leader.map(|leader| Target { partition, leader })
    };
    Targets {
        brokers: known.addressed.to_vec(),
        partitions: (0..count).filter_map(target).collect(),
        topic_partitions: known.topic.map_or(before.topic_partitions, |topic| {
            i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
        }),
    }
}

fn expected(settings: &Settings) -> i32 {
    settings.topic.expected_brokers.and_then(|count| i32::try_from(count).ok()).unwrap_or_default()
}
