//! The topic as it should be, and the steps that make it so: pure functions of brokers, settings and what is there.
//!
//! Each of N brokers is the preferred leader of exactly one of the partitions 0 to N-1, the replication factor is
//! min(N, 3), the replicas are spread over all brokers and alternate between racks where every broker has one
//! (Strimzi proposal 013). Steps converge: once they are carried out there are none left. None of them takes a
//! partition below the minimum ISR: it is lowered before replicas go and raised after they came.
//!
//! Decided beyond the proposal:
//! - Partitions that are right stay as they are, whoever placed them ([`placement`]); what has to change moves as few
//!   replicas as the even spread allows, and a partition keeps its preferred leader while that broker is there.
//! - Replicas are moved first, and partitions added once that is done: Kafka wants it so.
//! - Partitions beyond the number of brokers are left over from a larger cluster. Kafka cannot remove them: they are
//!   moved off brokers that are gone, and not produced to.
//! - A partition that is being moved, by whomever, is let alone until that is done, unless it waits for a broker that
//!   is gone.
//! - `cleanup.policy=delete` and `min.insync.replicas` are the canary's; `TOPIC_CONFIG` wins over the rest
//!   ([`TopicConfig`]).

use std::collections::{BTreeMap, BTreeSet};

mod config;
#[cfg(test)]
pub(crate) mod model;
mod placement;
#[cfg(test)]
mod tests;

pub use config::TopicConfig;
use placement::Placement;

use crate::cluster::{PartitionState, TopicState};
use crate::metrics::Operation;
use crate::settings::Topic;
use crate::targets::Broker;

/// The topic as these brokers and settings want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    placement: Placement,
    config: TopicConfig,
}

/// What is there.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// The topic; none when it does not exist.
    pub topic: Option<&'a TopicState>,
    /// What is set on the topic itself; none when that could not be read, and then it is not altered.
    pub config: Option<&'a BTreeMap<String, String>>,
    /// Brokers that answer.
    pub alive: &'a BTreeSet<i32>,
    /// Partitions that are being moved.
    pub moving: &'a BTreeSet<i32>,
}

/// Which replicas may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// Any that are not where they should be.
    Any,
    /// Only those of partitions that have too few: the others were moved by someone else a short while ago.
    Needed,
    /// None, and no partition is added: a broker is away and may come back.
    None,
}

/// One admin call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the topic.
    Create {
        /// Replicas of each partition, the preferred leader first.
        replicas: BTreeMap<i32, Vec<i32>>,
        /// Its configuration.
        config: Vec<(String, String)>,
    },
    /// Set these, let the others be.
    AlterConfig {
        /// Key and value.
        set: Vec<(String, String)>,
        /// The minimum ISR is lowered: no replicas may go while this is not done.
        lowers_min_in_sync: bool,
    },
    /// Move the replicas of these partitions.
    Reassign(BTreeMap<i32, Vec<i32>>),
    /// Extend the topic.
    AddPartitions {
        /// How many there are then.
        total: i32,
        /// Replicas of each new one, the preferred leader first.
        replicas: Vec<Vec<i32>>,
    },
    /// Let the preferred leaders of these partitions lead.
    ElectLeaders(Vec<i32>),
}

/// What `brokers` want: all that count as members of the cluster.
#[must_use]
pub fn wanted(brokers: &[Broker], topic: &Topic) -> Wanted {
    let placement = Placement::new(brokers);
    let config = TopicConfig::new(&topic.config, placement.min_in_sync());
    Wanted { placement, config }
}

/// What is to be done, in this order; nothing once all is as it should be, or when there are no brokers.
#[must_use]
pub fn steps(wanted: &Wanted, present: Present<'_>, movement: Movement) -> Vec<Step> {
    if wanted.partitions() == 0 {
        return Vec::new();
    }
    let Some(topic) = present.topic else {
        let replicas = numbered(wanted.placement.replicas(None)).collect();
        return vec![Step::Create { replicas, config: wanted.config.all() }];
    };
    let mut steps = Vec::new();
    if let Some(config) = present.config {
        steps.extend(wanted.config.differences(config, in_sync_suffices(wanted, topic)));
    }
    let moves = moves(wanted, topic, present, movement);
    let elections = elections(wanted, topic, present.alive, &moves);
    if !moves.is_empty() {
        steps.push(Step::Reassign(moves));
    } else if movement != Movement::None && may_grow(wanted, topic, present) {
        let replicas = wanted.placement.replicas(Some(topic));
        let new: Vec<Vec<i32>> = replicas.into_iter().skip(topic.partitions.len()).collect();
        if !new.is_empty() {
            steps.push(Step::AddPartitions { total: wanted.partitions(), replicas: new });
        }
    }
    // Leaders are a part of what is let alone.
    let held = movement == Movement::Needed && !wanted.placement.accepts(topic);
    if !elections.is_empty() && !held {
        steps.push(Step::ElectLeaders(elections));
    }
    steps
}

impl Wanted {
    /// How many partitions are produced to: 0 to this, exclusive.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.placement.partitions()
    }

    /// Replicas of each partition, each on another broker.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.placement.replication_factor()
    }

    /// Configuration of the topic.
    #[must_use]
    pub fn config(&self) -> &TopicConfig {
        &self.config
    }
}

impl Step {
    /// What it counts as.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::CreateTopic,
            Self::AlterConfig { .. } => Operation::AlterConfiguration,
            Self::Reassign(_) => Operation::AlterAssignments,
            Self::AddPartitions { .. } => Operation::CreatePartitions,
            Self::ElectLeaders(_) => Operation::ElectLeaders,
        }
    }
}

/// Whether the minimum ISR may be raised to what is wanted: every partition has the replicas for it, and they are in
/// sync. Before that acks=all would be refused where nothing is wrong.
fn in_sync_suffices(wanted: &Wanted, topic: &TopicState) -> bool {
    topic.partitions.values().all(|partition| {
        partition.replicas.len() >= wanted.replication_factor()
            && partition.in_sync.len() >= wanted.placement.min_in_sync()
    })
}

/// Whether partitions can be added: Kafka refuses it where those that are there have another number of replicas than the
/// new ones, be it only while they are moved.
fn may_grow(wanted: &Wanted, topic: &TopicState, present: Present<'_>) -> bool {
    let factor = wanted.replication_factor();
    present.moving.is_empty()
        && topic.partitions.values().all(|partition| partition.replicas.len() == factor)
}

/// Partitions that are to be moved, and where to.
fn moves(
    wanted: &Wanted,
    topic: &TopicState,
    present: Present<'_>,
    movement: Movement,
) -> BTreeMap<i32, Vec<i32>> {
    let placement = &wanted.placement;
    let mut moves = BTreeMap::new();
    if !placement.accepts(topic) {
        moves.extend(numbered(placement.replicas(Some(topic))));
    }
    for (&number, partition) in topic.partitions.range(wanted.partitions()..) {
        if !placement.fits(&partition.replicas) {
            moves.insert(number, placement.surplus(number, &partition.replicas));
        }
    }
    moves.retain(|number, target| {
        topic.partitions.get(number).is_some_and(|PartitionState { replicas, .. }| {
            let may = match movement {
                Movement::Any => true,
                Movement::Needed => replicas.len() < wanted.replication_factor(),
                Movement::None => false,
            };
            let is_moving = present.moving.contains(number) && placement.has(replicas);
            // Where the minimum ISR is not known none may have fewer replicas.
            let is_safe = present.config.is_some() || target.len() >= replicas.len();
            may && is_safe && !is_moving && !is_same(replicas, target)
        })
    });
    moves
}

/// Whether the same broker is preferred and the same hold it: the order of the others decides nothing.
fn is_same(replicas: &[i32], target: &[i32]) -> bool {
    replicas.len() == target.len()
        && replicas.first() == target.first()
        && target.iter().all(|id| replicas.contains(id))
}

/// Partitions that are produced to, whose preferred leader could lead and does not.
fn elections(
    wanted: &Wanted,
    topic: &TopicState,
    alive: &BTreeSet<i32>,
    moves: &BTreeMap<i32, Vec<i32>>,
) -> Vec<i32> {
    let away = |number: i32, partition: &PartitionState| {
        partition.replicas.first().is_some_and(|preferred| {
            partition.leader.is_some_and(|leader| leader != *preferred)
                && partition.in_sync.contains(preferred)
                && alive.contains(preferred)
                && !moves.contains_key(&number)
        })
    };
    let produced_to = topic.partitions.range(0..wanted.partitions());
    produced_to
        .filter(|(number, partition)| away(**number, partition))
        .map(|(number, _)| *number)
        .collect()
}

/// With its number, from 0.
fn numbered(replicas: Vec<Vec<i32>>) -> impl Iterator<Item = (i32, Vec<i32>)> {
    (0..).zip(replicas)
}
