//! A cluster as far as the plan sees it: reassignments grow the replicas, wait for those added to be in sync, and shrink
//! them then, as KIP-455 has it. It refuses what Kafka refuses, and asserts after every step that acks=all goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Movement, Present, Step, steps, wanted};
use crate::cluster::{PartitionState, TopicState};
use crate::settings::Topic;
use crate::targets::Broker;

/// Brokers without racks.
pub(crate) fn brokers(ids: &[i32]) -> Vec<Broker> {
    racked(&ids.iter().map(|id| (*id, "")).collect::<Vec<_>>())
}

/// Brokers with racks; an empty name is none.
pub(crate) fn racked(ids: &[(i32, &str)]) -> Vec<Broker> {
    let rack = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    ids.iter()
        .map(|(id, name)| Broker {
            id: *id,
            host: format!("broker-{id}"),
            port: 9092,
            rack: rack(name),
        })
        .collect()
}

/// `0:[1,2,3]>2~2,3` is partition 0 on brokers 1 to 3, led by 2, with 2 and 3 in sync; led by the first, and with all
/// in sync, where that is left out. `>-` is without a leader.
pub(crate) fn topic(text: &str) -> TopicState {
    let ids =
        |text: &str| text.split(',').map(|id| id.parse().expect("a broker")).collect::<Vec<i32>>();
    let partition = |text: &str| {
        let (number, rest) = text.split_once(":[").expect("number:[replicas]");
        let (replicas, rest) = rest.split_once(']').expect("number:[replicas]");
        let (leader, in_sync) = rest.split_once('~').unwrap_or((rest, replicas));
        let leader = match leader.strip_prefix('>') {
            None => ids(replicas).first().copied(),
            Some(leader) => leader.parse().ok(),
        };
        let state = PartitionState { replicas: ids(replicas), in_sync: ids(in_sync), leader };
        (number.parse().expect("a number"), state)
    };
    TopicState { partitions: text.split_whitespace().map(partition).collect() }
}

/// A step on one line.
pub(crate) fn show(step: &Step) -> String {
    let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(key, value)| format!(" {key}={value}")).collect::<String>()
    };
    let numbered = |replicas: &BTreeMap<i32, Vec<i32>>| {
        replicas
            .iter()
            .map(|(number, ids)| format!(" {number}:[{}]", list(ids)))
            .collect::<String>()
    };
    match step {
        Step::Create { replicas, config } => {
            format!("create{}{}", numbered(replicas), pairs(config))
        }
        Step::AlterConfig { set, .. } => format!("config{}", pairs(set)),
        Step::Reassign(replicas) => format!("reassign{}", numbered(replicas)),
        Step::AddPartitions { total, replicas } => {
            let new = replicas.iter().map(|ids| format!(" [{}]", list(ids))).collect::<String>();
            format!("add {total}{new}")
        }
        Step::ElectLeaders(partitions) => format!("elect {}", list(partitions)),
    }
}

/// Brokers, the topic, and its configuration.
pub(crate) struct Cluster {
    brokers: BTreeMap<i32, Broker>,
    topic: Option<TopicState>,
    config: BTreeMap<String, String>,
    /// Where the replicas of a partition are going.
    moving: BTreeMap<i32, Vec<i32>>,
}

impl Cluster {
    pub(crate) fn new(brokers: Vec<Broker>) -> Self {
        let brokers = brokers.into_iter().map(|broker| (broker.id, broker)).collect();
        Self { brokers, topic: None, config: BTreeMap::new(), moving: BTreeMap::new() }
    }

    pub(crate) fn topic(&self) -> &TopicState {
        self.topic.as_ref().expect("it was made")
    }

    pub(crate) fn brokers(&self) -> Vec<Broker> {
        self.brokers.values().cloned().collect()
    }

    /// The topic, its configuration, and the partitions that are being moved; none when it does not exist.
    pub(crate) fn state(&self) -> Option<(TopicState, BTreeMap<String, String>, BTreeSet<i32>)> {
        Some((self.topic.clone()?, self.config.clone(), self.moving.keys().copied().collect()))
    }

    /// Replaces the topic, as someone else would.
    pub(crate) fn replace(&mut self, topic: Option<TopicState>) {
        self.topic = topic;
        self.config.clear();
        self.moving.clear();
        self.follow();
    }

    pub(crate) fn add(&mut self, broker: Broker) {
        self.brokers.insert(broker.id, broker);
        self.follow();
    }

    /// The broker does not answer any more.
    pub(crate) fn remove(&mut self, id: i32) {
        self.brokers.remove(&id);
        self.follow();
    }

    /// Plans and carries out until there is nothing left to do; how many replicas moved to a broker meanwhile.
    pub(crate) fn settle(&mut self, settings: &Topic) -> usize {
        let mut moved = 0;
        for _ in 0..10 {
            let brokers: Vec<Broker> = self.brokers.values().cloned().collect();
            let alive: BTreeSet<i32> = self.brokers.keys().copied().collect();
            let moving: BTreeSet<i32> = self.moving.keys().copied().collect();
            let present = Present {
                topic: self.topic.as_ref(),
                config: Some(&self.config),
                alive: &alive,
                moving: &moving,
            };
            let steps = steps(&wanted(&brokers, settings), present, Movement::Any);
            if steps.is_empty() && self.moving.is_empty() {
                return moved;
            }
            for step in &steps {
                moved += self.apply(step);
                self.assert_writable(step);
            }
            // In the next round replicas have caught up.
            self.catch_up();
        }
        panic!("no end of steps: {:?} {:?}", self.topic, self.config);
    }

    /// All is as it should be for these brokers.
    pub(crate) fn check(&self) {
        let count = self.brokers.len();
        let numbers = 0..i32::try_from(count).expect("a few");
        let produced_to: Vec<&PartitionState> = numbers
            .map(|number| self.topic().partitions.get(&number).expect("one for each broker"))
            .collect();
        let leaders: BTreeSet<i32> = produced_to.iter().filter_map(|state| state.leader).collect();
        assert_eq!(
            leaders,
            self.brokers.keys().copied().collect(),
            "each broker leads one partition"
        );
        for id in self.brokers.keys() {
            let held = produced_to.iter().filter(|state| state.replicas.contains(id)).count();
            assert_eq!(held, count.min(3), "replicas on broker {id}");
        }
        for state in self.topic().partitions.values() {
            assert_eq!(state.replicas.len(), count.min(3));
            assert!(state.replicas.iter().all(|id| self.brokers.contains_key(id)), "{state:?}");
        }
        assert_eq!(self.min_in_sync(), count.min(3).saturating_sub(1).max(1));
    }

    fn min_in_sync(&self) -> usize {
        self.config.get("min.insync.replicas").map_or(1, |value| value.parse().expect("a number"))
    }

    /// Carries out one step; how many replicas it moves to a broker.
    pub(crate) fn apply(&mut self, step: &Step) -> usize {
        let fresh = |ids: &Vec<i32>| {
            assert!(
                ids.iter().all(|id| self.brokers.contains_key(id)),
                "a broker that is not there"
            );
            PartitionState {
                replicas: ids.clone(),
                in_sync: ids.clone(),
                leader: ids.first().copied(),
            }
        };
        match step {
            Step::Create { replicas, config } => {
                assert!(self.topic.is_none(), "the topic exists");
                let partitions =
                    replicas.iter().map(|(number, ids)| (*number, fresh(ids))).collect();
                self.topic = Some(TopicState { partitions });
                self.config = config.iter().cloned().collect();
                0
            }
            Step::AlterConfig { set, .. } => {
                self.config.extend(set.iter().cloned());
                0
            }
            Step::AddPartitions { total, replicas } => {
                let new: Vec<PartitionState> = replicas.iter().map(fresh).collect();
                let partitions = &mut self.topic.as_mut().expect("it exists").partitions;
                let factor =
                    new.iter().chain(partitions.values()).map(|state| state.replicas.len());
                assert_eq!(
                    factor.collect::<BTreeSet<_>>().len(),
                    1,
                    "not as many replicas as the others"
                );
                let first = i32::try_from(partitions.len()).expect("a few");
                partitions.extend((first..).zip(new));
                assert_eq!(partitions.len(), usize::try_from(*total).expect("a few"));
                0
            }
            Step::Reassign(replicas) => self.reassign(replicas),
            Step::ElectLeaders(partitions) => {
                for number in partitions {
                    let state = self.partition(*number);
                    let preferred = state.replicas[0];
                    assert!(state.in_sync.contains(&preferred), "the preferred leader cannot lead");
                    assert_ne!(state.leader, Some(preferred), "it leads already");
                    state.leader = Some(preferred);
                }
                0
            }
        }
    }

    fn reassign(&mut self, replicas: &BTreeMap<i32, Vec<i32>>) -> usize {
        let mut moved = 0;
        for (number, target) in replicas {
            assert!(
                target.iter().all(|id| self.brokers.contains_key(id)),
                "a broker that is not there"
            );
            let state = self.partition(*number);
            let added = target.iter().filter(|id| !state.replicas.contains(id)).count();
            moved += added;
            let others = state.replicas.iter().filter(|id| !target.contains(id)).copied();
            state.replicas = target.iter().copied().chain(others.collect::<Vec<_>>()).collect();
            self.moving.insert(*number, target.clone());
        }
        moved
    }

    /// Those that are there catch up; moves whose target is in sync are done.
    pub(crate) fn catch_up(&mut self) {
        let alive: BTreeSet<i32> = self.brokers.keys().copied().collect();
        for (number, state) in self.topic.iter_mut().flat_map(|topic| &mut topic.partitions) {
            state.in_sync =
                state.replicas.iter().copied().filter(|id| alive.contains(id)).collect();
            let Some(target) = self.moving.get(number) else { continue };
            if target.iter().all(|id| state.in_sync.contains(id)) {
                state.replicas.clone_from(target);
                state.in_sync.clone_from(target);
                self.moving.remove(number);
            }
        }
        self.follow();
    }

    /// Brokers that are gone leave the ISR, and another leads.
    fn follow(&mut self) {
        let Some(topic) = &mut self.topic else { return };
        for state in topic.partitions.values_mut() {
            state.in_sync.retain(|id| self.brokers.contains_key(id));
            if state.leader.is_none_or(|leader| !state.in_sync.contains(&leader)) {
                state.leader = state.in_sync.first().copied();
            }
        }
    }

    pub(crate) fn partition(&mut self, number: i32) -> &mut PartitionState {
        self.topic.as_mut().and_then(|topic| topic.partitions.get_mut(&number)).expect("it exists")
    }

    fn assert_writable(&self, step: &Step) {
        let min = self.min_in_sync();
        for (number, state) in &self.topic().partitions {
            let target = self.moving.get(number).unwrap_or(&state.replicas);
            let after = target.len();
            let now = state.in_sync.len();
            assert!(
                now >= min && after >= min,
                "{number}: {state:?} to {target:?}, minimum {min}, by {step:?}"
            );
        }
    }
}
