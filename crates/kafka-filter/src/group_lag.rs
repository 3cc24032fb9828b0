//! How far behind consumer groups are, for `group_lag_records`.
//!
//! The lag of a group in a topic is the sum over the partitions that it has committed of the high
//! watermark minus the committed offset, never less than zero. The two numbers of one partition
//! may pass on different workers, and so may commits of two members of a group. So the data path
//! notes what it sees in this worker's own tables, and once a second [`GroupLag::tick`] lays the
//! news into memory that all workers share and computes from what lies there. Every worker that has
//! seen a commit of a pair of group and topic computes it, from the same lists and so with the same
//! result, until nothing in the list is fresh any more.
//!
//! A committed offset is fresh while its generation (KIP-848: member epoch) is the newest one of
//! the group and the group shows life: a member that is stuck, but sends heartbeats, keeps its
//! growing lag. Others are fresh for a while after their commit: after a rebalance the partition
//! may be committed through another proxy, and an old number would grow for ever.
//!
//! Everything is bounded: partitions by [`Bounds`] and in shared lists, topics and groups by the
//! caps of their labels. What finds no room is reported to the caller, to be counted.

mod record;
mod seen;
mod shelf;

use crate::host::Host;
use crate::index_map::IndexMap;
use crate::metrics::catalog::Reporter;
use crate::metrics::series::{Party, Topic};
use record::{Commit, Life, Mark, NOTHING};
use seen::{News, OfGroup, OfTopic};
use shelf::{List, RECORDS_MAX, Shelf};

/// Lag of consumer groups, as one worker sees and computes it.
pub(crate) struct GroupLag {
    bounds: Bounds,
    topics: IndexMap<Topic, OfTopic>,
    groups: IndexMap<Party, OfGroup>,
    /// Watermarks, commits, and pairs of group and topic that are kept here.
    watermarks: u32,
    commits: u32,
    pairs: u32,
    /// When old entries were looked for.
    swept_s: u32,
    shelf: Shelf,
    marks: List<Mark>,
    committed: List<Commit>,
    lives: List<Life>,
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Watermarks of a worker, and as many committed offsets.
    pub(crate) partitions_max: u32,
    /// Pairs of group and topic of a worker.
    pub(crate) pairs_max: u32,
    /// How long a number without support by the group's newest generation is believed.
    pub(crate) stale_s: u32,
}

/// An offset of a group in a partition, as a request or an answer tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupOffset {
    pub(crate) group: Party,
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// The member's generation or epoch, below zero if there is none.
    pub(crate) generation: i32,
}

/// The texts behind label values. Those are numbers that another worker gives to other texts.
pub(crate) trait Names {
    /// The name of a topic; `None` for reserved values.
    fn topic(&self, topic: Topic) -> Option<&[u8]>;
    /// The id of a group; `None` for reserved values.
    fn group(&self, group: Party) -> Option<&[u8]>;
}

impl GroupLag {
    /// Knows no group. `namespace` separates plugin configurations; reporters are kept apart too,
    /// because a label of the gauge does so.
    pub(crate) fn new(namespace: &str, reporter: Reporter, bounds: Bounds) -> Self {
        Self {
            bounds,
            topics: IndexMap::default(),
            groups: IndexMap::default(),
            watermarks: 0,
            commits: 0,
            pairs: 0,
            swept_s: 0,
            shelf: Shelf::new(namespace, reporter.as_str()),
            marks: List::default(),
            committed: List::default(),
            lives: List::default(),
        }
    }

    /// An answer to a Fetch told the high watermark of a partition. False when there was no room
    /// for it. A negative one is none and is ignored.
    pub(crate) fn watermark(
        &mut self,
        topic: Topic,
        partition: i32,
        high_watermark: i64,
        now_s: u32,
    ) -> bool {
        if !is_topic(topic) || partition < 0 || high_watermark < 0 {
            return true;
        }
        let of_topic = self.topics.entry(topic).or_default();
        if let Some(known) = of_topic.marks.get_mut(&partition) {
            if known.record.offset == high_watermark {
                known.record.seen_s = now_s.max(known.record.seen_s);
            } else {
                known.record.seen_s = known.time_of_next(known.record.seen_s, now_s);
                known.record.offset = high_watermark;
                known.is_news = true;
                of_topic.has_news = true;
                of_topic.settles_s = now_s.saturating_add(SETTLING_S);
            }
            return true;
        }
        if self.watermarks >= self.bounds.partitions_max || of_topic.marks.len() >= RECORDS_MAX {
            return false;
        }
        self.watermarks = self.watermarks.saturating_add(1);
        let record = Mark { partition, offset: high_watermark, seen_s: now_s };
        of_topic.marks.insert(partition, News { record, is_news: true });
        of_topic.has_news = true;
        of_topic.settles_s = now_s.saturating_add(SETTLING_S);
        true
    }

    /// A group committed an offset and the broker accepted it. False when there was no room for it.
    pub(crate) fn committed(&mut self, offset: &GroupOffset, now_s: u32) -> bool {
        if offset.offset < 0 {
            return true;
        }
        self.alive(offset.group, offset.generation, now_s);
        self.note(offset, now_s)
    }

    /// An answer to an OffsetFetch told what a group has committed, or by an offset below zero that
    /// it has committed nothing. False when there was no room for it. Members of classic groups do
    /// not say in which generation they ask: they do so once they have joined, in the newest one.
    pub(crate) fn told(&mut self, offset: &GroupOffset, now_s: u32) -> bool {
        let newest = || self.groups.get(&offset.group).map_or(-1, |group| group.life.generation);
        let generation = if offset.generation < 0 { newest() } else { offset.generation };
        self.note(&GroupOffset { offset: offset.offset.max(NOTHING), generation, ..*offset }, now_s)
    }

    /// A member of this generation took part in its group, and the coordinator accepted it.
    pub(crate) fn alive(&mut self, group: Party, generation: i32, now_s: u32) {
        if !is_group(group) || generation < 0 {
            return;
        }
        let of_group = self.groups.entry(group).or_default();
        let seen = Life { generation, alive_s: now_s };
        let life = of_group.life.newest(seen, self.bounds.stale_s);
        of_group.has_news |= life != of_group.life;
        of_group.life = life;
    }

    /// Publishes what this worker saw, and sets the gauge of every pair that it follows to what
    /// all workers saw: call it every second. Setting is not left out when nothing has changed,
    /// because another worker may have set another number in between. Returns how many partitions
    /// found no room in a shared list.
    pub(crate) fn tick<H: Host>(
        &mut self,
        host: &mut H,
        names: &impl Names,
        now_s: u32,
        mut set: impl FnMut(&mut H, Party, Topic, u64),
    ) -> u32 {
        self.exchange_lives(host, names);
        let Self { bounds, topics, groups, commits, pairs, shelf, marks, committed, .. } = self;
        let mut refused: u32 = 0;
        for (&topic, of_topic) in topics {
            let is_settled = of_topic.settles_s < now_s;
            if is_settled && !of_topic.has_news && of_topic.pairs.is_empty() {
                continue;
            }
            let Some(topic_name) = names.topic(topic) else { continue };
            shelf.go_to_topic(topic_name);
            refused = refused.saturating_add(of_topic.exchange(host, shelf, marks));
            of_topic.pairs.retain(|&group, pair| {
                let Some(group_name) = names.group(group) else { return true };
                shelf.go_to_pair(topic_name, group_name);
                let life = groups.get(&group).map_or(Life::NONE, |of_group| of_group.life);
                let is_fresh = |commit: &Commit| commit.is_fresh(life, now_s, bounds.stale_s);
                let (is_stored, more) = pair.exchange(host, shelf, committed, is_fresh);
                refused = refused.saturating_add(more);
                let lag = lag(committed.records(), marks);
                if lag.is_some() || pair.shown {
                    pair.shown = true;
                    set(host, group, topic, lag.unwrap_or(0));
                }
                let counted = pair.count(committed.records().len());
                *commits = commits.saturating_sub(pair.counted).saturating_add(counted);
                pair.counted = counted;
                let is_over = is_stored && committed.records().is_empty();
                if is_over {
                    *commits = commits.saturating_sub(counted);
                    *pairs = pairs.saturating_sub(1);
                    if let Some(of_group) = groups.get_mut(&group) {
                        of_group.pairs = of_group.pairs.saturating_sub(1);
                    }
                }
                !is_over
            });
        }
        self.sweep(now_s);
        refused
    }

    /// Sets the gauges that this worker has set to zero and forgets everything: call it before the
    /// filter ends. Whoever else follows a pair sets it again within a second.
    pub(crate) fn give_up<H: Host>(
        &mut self,
        host: &mut H,
        mut set: impl FnMut(&mut H, Party, Topic, u64),
    ) {
        for (topic, of_topic) in self.topics.drain() {
            for (group, pair) in of_topic.pairs {
                if pair.shown {
                    set(host, group, topic, 0);
                }
            }
        }
        self.groups.clear();
        (self.watermarks, self.commits, self.pairs) = (0, 0, 0);
    }

    /// Notes an offset, or that there is none.
    fn note(&mut self, offset: &GroupOffset, now_s: u32) -> bool {
        let &GroupOffset { group, topic, partition, offset, generation } = offset;
        if !is_topic(topic) || !is_group(group) || partition < 0 {
            return true;
        }
        let is_full = self.commits >= self.bounds.partitions_max;
        let of_topic = self.topics.entry(topic).or_default();
        let pair = match of_topic.pairs.get_mut(&group) {
            Some(pair) => pair,
            None if offset < 0 => return true,
            None if is_full || self.pairs >= self.bounds.pairs_max => return false,
            None => {
                self.pairs = self.pairs.saturating_add(1);
                let of_group = self.groups.entry(group).or_default();
                of_group.pairs = of_group.pairs.saturating_add(1);
                of_topic.pairs.entry(group).or_default()
            }
        };
        let mut record = Commit { partition, offset, generation, at_s: now_s };
        if let Some(known) = pair.commits.get_mut(&partition) {
            record.at_s = known.time_of_next(known.record.at_s, now_s);
            if record.confirms(&known.record) {
                record.generation = known.record.generation;
            }
            *known = News { record, is_news: true };
            pair.has_news = true;
            return true;
        }
        if is_full || pair.commits.len() >= RECORDS_MAX {
            return false;
        }
        pair.commits.insert(partition, News { record, is_news: true });
        pair.has_news = true;
        let counted = pair.count(0).max(pair.counted);
        self.commits = self.commits.saturating_sub(pair.counted).saturating_add(counted);
        pair.counted = counted;
        true
    }

    /// Tells other workers of the groups' life, and learns of it from them.
    fn exchange_lives<H: Host>(&mut self, host: &mut H, names: &impl Names) {
        let Self { bounds, groups, shelf, lives, .. } = self;
        // How late other workers hear of a heartbeat; the store changes the less often.
        let delay_s = bounds.stale_s / 8;
        for (&group, of_group) in groups {
            if !of_group.has_news && of_group.pairs == 0 {
                continue;
            }
            let Some(group_name) = names.group(group) else { continue };
            shelf.go_to_group(group_name);
            let mine = of_group.life;
            let is_stored = shelf.change(host, lives, |lives| {
                let seen = Some(mine).filter(|life| life.generation >= 0);
                lives.merge(seen.into_iter(), |stored, mine| {
                    let newest = stored.newest(mine, bounds.stale_s);
                    let later_s = newest.alive_s.saturating_sub(stored.alive_s);
                    let is_known = newest.generation == stored.generation && later_s <= delay_s;
                    if is_known { stored } else { newest }
                });
            });
            if let Some(stored) = lives.records().first() {
                of_group.life = stored.newest(mine, bounds.stale_s);
            }
            of_group.has_news &= !is_stored;
        }
    }

    /// Forgets, now and then, what was published and has not been seen again.
    fn sweep(&mut self, now_s: u32) {
        let stale_s = self.bounds.stale_s;
        if now_s.saturating_sub(self.swept_s) < (stale_s / 4).max(1) {
            return;
        }
        self.swept_s = now_s;
        let is_young = |since_s: u32| now_s.saturating_sub(since_s) <= stale_s;
        let mut watermarks: usize = 0;
        self.topics.retain(|_, of_topic| {
            of_topic.marks.retain(|_, mark| mark.is_news || is_young(mark.record.seen_s));
            watermarks = watermarks.saturating_add(of_topic.marks.len());
            for pair in of_topic.pairs.values_mut() {
                pair.commits.retain(|_, commit| commit.is_news || is_young(commit.record.at_s));
            }
            !of_topic.marks.is_empty() || !of_topic.pairs.is_empty()
        });
        self.watermarks = u32::try_from(watermarks).unwrap_or(u32::MAX);
        self.groups.retain(|_, of_group| {
            of_group.pairs > 0 || of_group.has_news || is_young(of_group.life.alive_s)
        });
    }
}

/// How long a worker makes sure that no older watermark has replaced what it told. Answers are not under way for longer,
/// and consumers ask again before that is over.
const SETTLING_S: u32 = 30;

/// The lag of a group in a topic; `None` while no watermark of its partitions is known.
fn lag(committed: &[Commit], marks: &List<Mark>) -> Option<u64> {
    let mut sum: Option<i64> = None;
    for commit in committed {
        if let Some(mark) = marks.get(commit.partition) {
            let lag = mark.offset.saturating_sub(commit.offset).max(0);
            sum = Some(sum.unwrap_or(0).saturating_add(lag));
        }
    }
    sum.map(|sum| u64::try_from(sum).unwrap_or(0))
}

/// Topics that the label tells apart.
fn is_topic(topic: Topic) -> bool {
    topic != Topic::OTHER && topic != Topic::UNRESOLVED
}

/// Groups that the label tells apart.
fn is_group(group: Party) -> bool {
    group != Party::OTHER && group != Party::NONE
}

#[cfg(test)]
mod tests;
