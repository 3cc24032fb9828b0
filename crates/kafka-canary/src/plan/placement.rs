//! Which broker holds which replica.
//!
//! The brokers form a circle. A partition's replicas are its leader and those that follow it there, so that every
//! broker leads one partition and holds as many replicas as any other, and a broker that is put into the circle
//! moves one replica of each of its neighbours only.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::TopicState;
use crate::targets::Broker;

/// More copies prove nothing more (proposal 013).
const MAX_REPLICATION_FACTOR: usize = 3;

/// The circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// Broker ids, neighbours in different racks where that is possible.
    circle: Vec<i32>,
    /// Rack of each broker; empty unless every one has a rack.
    racks: BTreeMap<i32, String>,
}

impl Placement {
    pub(super) fn new(brokers: &[Broker]) -> Self {
        let racks: BTreeMap<i32, String> =
            brokers.iter().filter_map(|broker| Some((broker.id, broker.rack.clone()?))).collect();
        let ids: BTreeSet<i32> = brokers.iter().map(|broker| broker.id).collect();
        if racks.len() < ids.len() {
            return Self { circle: ids.into_iter().collect(), racks: BTreeMap::new() };
        }
        Self { circle: alternated(&racks), racks }
    }

    pub(super) fn partitions(&self) -> i32 {
        i32::try_from(self.circle.len()).unwrap_or(i32::MAX)
    }

    pub(super) fn replication_factor(&self) -> usize {
        self.circle.len().min(MAX_REPLICATION_FACTOR)
    }

    pub(super) fn min_in_sync(&self) -> usize {
        self.replication_factor().saturating_sub(1).max(1)
    }

    /// Replicas of the partitions that are produced to, by number, the preferred leader first. A partition of `topic`
    /// keeps its preferred leader if that is a member and leads no partition before it.
    pub(super) fn replicas(&self, topic: Option<&TopicState>) -> Vec<Vec<i32>> {
        self.leaders(topic)
            .into_iter()
            .map(|leader| self.window(leader, self.replication_factor()))
            .collect()
    }

    /// Replicas of a partition that is not produced to: those on members stay, others are filled up.
    pub(super) fn surplus(&self, number: i32, replicas: &[i32]) -> Vec<i32> {
        let mut kept: Vec<i32> =
            replicas.iter().copied().filter(|id| self.circle.contains(id)).collect();
        let start = usize::try_from(number).unwrap_or_default() % self.circle.len().max(1);
        for id in self.circle.iter().cycle().skip(start).take(self.circle.len()) {
            if kept.len() < self.replication_factor() && !kept.contains(id) {
                kept.push(*id);
            }
        }
        kept.truncate(self.replication_factor());
        kept
    }

    /// Whether the partitions that are produced to are as good as what this would make of them: one preferred leader
    /// for each broker, as many replicas as wanted, spread as evenly and over as many racks.
    pub(super) fn accepts(&self, topic: &TopicState) -> bool {
        let produced_to = topic.partitions.range(0..self.partitions());
        let replicas: Vec<&[i32]> =
            produced_to.map(|(_, partition)| partition.replicas.as_slice()).collect();
        let leaders: BTreeSet<i32> =
            replicas.iter().filter_map(|replicas| replicas.first().copied()).collect();
        let own = self.replicas(None);
        let own: Vec<&[i32]> = own.iter().map(Vec::as_slice).collect();

        leaders.len() == self.circle.len()
            && replicas.iter().all(|replicas| self.fits(replicas))
            && self.is_even(&replicas)
            && self.racks_of(&replicas) >= self.racks_of(&own)
    }

    /// As many as wanted, different, and all on members.
    pub(super) fn fits(&self, replicas: &[i32]) -> bool {
        let different: BTreeSet<i32> = replicas.iter().copied().collect();
        replicas.len() == self.replication_factor()
            && different.len() == replicas.len()
            && self.has(replicas)
    }

    /// Whether all of these are on members.
    pub(super) fn has(&self, replicas: &[i32]) -> bool {
        replicas.iter().all(|id| self.circle.contains(id))
    }

    /// No broker holds two replicas more than another.
    fn is_even(&self, replicas: &[&[i32]]) -> bool {
        let held = |id: &i32| replicas.iter().filter(|replicas| replicas.contains(id)).count();
        let least = self.circle.iter().map(held).min().unwrap_or_default();
        self.circle.iter().all(|id| held(id) <= least + 1)
    }

    /// Racks of each partition, summed up.
    fn racks_of(&self, replicas: &[&[i32]]) -> usize {
        let racks = |ids: &&[i32]| {
            ids.iter().filter_map(|id| self.racks.get(id)).collect::<BTreeSet<_>>().len()
        };
        replicas.iter().map(racks).sum()
    }

    /// The leader of each partition that is produced to.
    fn leaders(&self, topic: Option<&TopicState>) -> Vec<i32> {
        let mut free = self.circle.clone();
        let mut take = |wanted: &dyn Fn(i32) -> bool| {
            let at = free.iter().position(|id| wanted(*id))?;
            Some(free.remove(at))
        };
        let replicas = |number: i32| {
            topic
                .and_then(|topic| topic.partitions.get(&number))
                .map_or(&[][..], |partition| &partition.replicas)
        };
        let mut leaders: BTreeMap<i32, i32> = BTreeMap::new();
        for number in 0..self.partitions() {
            if let Some(id) = take(&|id| replicas(number).first() == Some(&id)) {
                leaders.insert(number, id);
            }
        }
        for number in 0..self.partitions() {
            if !leaders.contains_key(&number) {
                // One that holds the data already, else the next.
                let holds = take(&|id| replicas(number).contains(&id));
                leaders.extend(holds.or_else(|| take(&|_| true)).map(|id| (number, id)));
            }
        }
        leaders.into_values().collect()
    }

    fn window(&self, leader: i32, count: usize) -> Vec<i32> {
        self.circle.iter().copied().cycle().skip_while(|id| *id != leader).take(count).collect()
    }
}

/// The first broker of each rack, then the second of each, and so on, as strimzi-canary has it. Where racks differ in
/// size, the last of the largest ones are neighbours.
fn alternated(racks: &BTreeMap<i32, String>) -> Vec<i32> {
    let mut by_rack: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: BTreeMap<(usize, &str), i32> = BTreeMap::new();
    for (id, rack) in racks {
        let row = by_rack.entry(rack).or_default();
        rows.insert((*row, rack), *id);
        *row += 1;
    }
    rows.into_values().collect()
}
