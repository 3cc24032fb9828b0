//! Which brokers count as members of the cluster, as time goes by.
//!
//! A broker that does not answer stays a member for the settling time, and for longer where fewer brokers than
//! `EXPECTED_CLUSTER_SIZE` are there: restarting is not scaling down. The time counts from the first description of the
//! cluster without it, so that brokers which come back one after another after a failure of all stay members.
//!
//! A broker that lost every replica of the topic while it was there was drained by someone, most likely to be removed:
//! it gets none back as long as it stays, a day at most. That is remembered, not stored: a canary that is started anew
//! takes such a broker for a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::cluster::TopicState;
use crate::targets::Broker;

/// For so long a drained broker gets no replicas: nobody proves that it serves its users while it has none.
const DRAINED_AT_MOST: Duration = Duration::from_hours(24);

/// All members.
#[derive(Debug)]
pub(super) struct Members {
    settling: Duration,
    expected: usize,
    members: BTreeMap<i32, Member>,
    /// Dropped, though the topic may name them still.
    dropped: BTreeSet<i32>,
}

#[derive(Debug, Default)]
struct Member {
    /// As it was described last; none when only the topic names it.
    broker: Option<Broker>,
    away_since: Option<Instant>,
    holds_replicas: bool,
    drained_since: Option<Instant>,
}

impl Members {
    pub(super) fn new(settling: Duration, expected: Option<u32>) -> Self {
        let expected = expected.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        Self { settling, expected, members: BTreeMap::new(), dropped: BTreeSet::new() }
    }

    /// The cluster was described with these brokers.
    pub(super) fn described(&mut self, brokers: &[Broker], now: Instant) {
        for broker in brokers {
            self.dropped.remove(&broker.id);
            let member = self.members.entry(broker.id).or_insert_with(|| {
                info!(
                    broker = broker.id,
                    address = broker.address(),
                    rack = broker.rack,
                    "broker found"
                );
                Member::default()
            });
            if let Some(since) = member.away_since.take() {
                info!(broker = broker.id, away_seconds = (now - since).as_secs(), "broker is back");
            }
            member.broker = Some(broker.clone());
        }
        let is_there = |id: &i32| brokers.iter().any(|broker| broker.id == *id);
        for (id, member) in self.members.iter_mut().filter(|(id, _)| !is_there(id)) {
            if member.away_since.is_none() {
                member.away_since = Some(now);
                let settling_seconds = self.settling.as_secs();
                warn!(
                    broker = id,
                    settling_seconds, "broker is away; it stays in the plan until it has settled"
                );
            }
        }
        if brokers.len() >= self.expected {
            let settling = self.settling;
            let has_settled = |member: &Member| {
                member.away_since.is_some_and(|since| now.duration_since(since) >= settling)
            };
            let settled = self.members.extract_if(.., |_, member| has_settled(member));
            for (id, _) in settled {
                warn!(
                    broker = id,
                    "broker is away for longer than the settling time: the cluster is smaller now"
                );
                self.dropped.insert(id);
            }
        }
    }

    /// The topic was described. Brokers that it names and the cluster does not are away, not unheard of.
    pub(super) fn placed(&mut self, topic: &TopicState, now: Instant) {
        let named: BTreeSet<i32> = topic
            .partitions
            .values()
            .flat_map(|partition| partition.replicas.iter().copied())
            .collect();
        for id in named.difference(&self.dropped) {
            self.members.entry(*id).or_insert_with(|| {
                warn!(
                    broker = id,
                    "the topic names a broker that is away; it may come back until it has settled"
                );
                Member { away_since: Some(now), ..Member::default() }
            });
        }
        for (id, member) in &mut self.members {
            let holds = named.contains(id);
            let drained_long = member
                .drained_since
                .is_some_and(|since| now.duration_since(since) >= DRAINED_AT_MOST);
            if holds || drained_long {
                if member.drained_since.take().is_some() {
                    info!(broker = id, "broker is planned with again");
                }
            } else if member.holds_replicas && member.away_since.is_none() {
                warn!(
                    broker = id,
                    "all replicas of the topic were moved off this broker by someone else; \
                     none is put there, and it is not produced to, as long as it stays in the cluster"
                );
                member.drained_since = Some(now);
            }
            member.holds_replicas = holds;
        }
    }

    /// The topic is another than before: what it held where says nothing any more.
    pub(super) fn forget_replicas(&mut self) {
        for member in self.members.values_mut() {
            member.holds_replicas = false;
            member.drained_since = None;
        }
    }

    /// Brokers to plan with, those that settle included.
    pub(super) fn planned(&self) -> Vec<Broker> {
        let planned = self.members.iter().filter(|(_, member)| member.drained_since.is_none());
        planned.map(|(id, member)| member.broker.clone().unwrap_or_else(|| unseen(*id))).collect()
    }

    /// Those of them that are there.
    pub(super) fn planned_and_alive(&self) -> Vec<Broker> {
        let planned = self.members.values().filter(|member| member.drained_since.is_none());
        planned
            .filter(|member| member.away_since.is_none())
            .filter_map(|member| member.broker.clone())
            .collect()
    }

    /// All whose address is known, those that settle or were drained included.
    pub(super) fn addressed(&self) -> Vec<Broker> {
        self.members.values().filter_map(|member| member.broker.clone()).collect()
    }

    /// Those that are there.
    pub(super) fn alive(&self) -> BTreeSet<i32> {
        let alive = self.members.iter().filter(|(_, member)| member.away_since.is_none());
        alive.map(|(id, _)| *id).collect()
    }

    /// Whether one is away and may come back.
    pub(super) fn is_settling(&self) -> bool {
        self.members.values().any(|member| member.away_since.is_some())
    }
}

/// A broker that only the topic names.
fn unseen(id: i32) -> Broker {
    Broker { id, host: String::new(), port: 0, rack: None }
}
