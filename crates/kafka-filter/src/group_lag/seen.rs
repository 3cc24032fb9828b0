//! What one worker saw of topics and groups, and how it comes to the lists that all workers share.
//!
//! What was published stays here too, so that it is found again without allocating, and as long as
//! it does it counts in the bounds.

use std::collections::BTreeMap;

use super::record::{Commit, Life, Mark};
use super::shelf::{List, Shelf};
use crate::host::Host;
use crate::index_map::IndexMap;
use crate::metrics::series::Party;

/// What this worker saw of a topic.
#[derive(Default)]
pub(super) struct OfTopic {
    pub(super) marks: BTreeMap<i32, News<Mark>>,
    pub(super) has_news: bool,
    /// Until when the shared list is looked at without news: see [`OfTopic::exchange`].
    pub(super) settles_s: u32,
    pub(super) pairs: IndexMap<Party, OfPair>,
}

/// What this worker saw of a group in a topic.
#[derive(Default)]
pub(super) struct OfPair {
    pub(super) commits: BTreeMap<i32, News<Commit>>,
    pub(super) has_news: bool,
    /// Partitions that it counts for in the bound: here or in the shared list, whichever has more.
    pub(super) counted: u32,
    /// The gauge was set.
    pub(super) shown: bool,
}

/// What this worker saw of a group.
pub(super) struct OfGroup {
    pub(super) life: Life,
    pub(super) has_news: bool,
    /// Topics that it has pairs with.
    pub(super) pairs: u32,
}

/// A record, and whether it awaits the next tick.
pub(super) struct News<R> {
    pub(super) record: R,
    pub(super) is_news: bool,
}

impl OfTopic {
    /// Publishes watermarks and learns those of other workers; `marks` has them all afterwards.
    /// Returns how many found no room.
    ///
    /// An answer that was under way for long tells an old watermark late, on another worker as the
    /// newest one. Who has seen the partition since, although with nothing new, says so once more:
    /// else the old number stood until somebody writes to the partition.
    pub(super) fn exchange<H: Host>(
        &mut self,
        host: &mut H,
        shelf: &mut Shelf,
        marks: &mut List<Mark>,
    ) -> u32 {
        let mut refused = 0;
        let is_stored = shelf.change(host, marks, |marks| {
            refused = marks.merge(news(&self.marks, self.has_news), Mark::newest);
        });
        if is_stored && self.has_news {
            self.has_news = false;
            self.marks.values_mut().for_each(|mark| mark.is_news = false);
        }
        for (&partition, mark) in &mut self.marks {
            if let Some(&told) = marks.get(partition)
                && told.offset != mark.record.offset
                && told.newest(mark.record) == mark.record
            {
                mark.is_news = true;
                self.has_news = true;
            }
        }
        refused
    }
}

impl OfPair {
    /// Publishes commits and learns those of other workers; `committed` has the fresh ones
    /// afterwards. Returns whether that is what is stored now, and how many found no room.
    pub(super) fn exchange<H: Host>(
        &mut self,
        host: &mut H,
        shelf: &mut Shelf,
        committed: &mut List<Commit>,
        is_fresh: impl Fn(&Commit) -> bool,
    ) -> (bool, u32) {
        let mut refused = 0;
        let is_stored = shelf.change(host, committed, |committed| {
            refused = committed.merge(news(&self.commits, self.has_news), Commit::newest);
            committed.retain(&is_fresh);
        });
        if is_stored && self.has_news {
            self.has_news = false;
            self.commits.retain(|_, commit| {
                commit.is_news = false;
                commit.record.offset >= 0
            });
        }
        (is_stored, refused)
    }

    /// What it counts for in the bound, with so many partitions in the shared list.
    pub(super) fn count(&self, shared: usize) -> u32 {
        u32::try_from(self.commits.len().max(shared)).unwrap_or(u32::MAX)
    }
}

impl Default for OfGroup {
    fn default() -> Self {
        Self { life: Life::NONE, has_news: false, pairs: 0 }
    }
}

impl<R> News<R> {
    /// The time of what replaces this record, which is from `before_s`. What was published is not
    /// replaced by something from the same second, so that it is the newer one on every worker.
    pub(super) fn time_of_next(&self, before_s: u32, now_s: u32) -> u32 {
        now_s.max(if self.is_news { before_s } else { before_s.saturating_add(1) })
    }
}

/// The records that await the tick.
fn news<R: Copy>(kept: &BTreeMap<i32, News<R>>, has_news: bool) -> impl Iterator<Item = R> {
    let kept = has_news.then(|| kept.values()).into_iter().flatten();
    kept.filter(|news| news.is_news).map(|news| news.record)
}
