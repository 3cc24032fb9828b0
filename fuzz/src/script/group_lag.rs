//! How far groups are behind, told from the messages of good days alone: a map of what was fetched and
//! a map of what was committed, without clocks, workers, shared lists or bounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::encode::{Found, Place, TOPICS};

/// What one script's groups have committed and its consumers were told.
#[derive(Debug, Default)]
pub struct GroupLags {
    /// Topics that a broker has named for sure, and ids that it has told.
    names: BTreeSet<Vec<u8>>,
    ids: BTreeSet<Vec<u8>>,
    marks: Offsets,
    /// By group.
    committed: BTreeMap<Vec<u8>, Offsets>,
    is_lost: bool,
}

/// By reporter, topic and partition.
type Offsets = BTreeMap<(usize, Vec<u8>, i64), i64>;

impl GroupLags {
    /// Something happened of which this model does not know what it does.
    pub fn lose(&mut self) {
        self.is_lost = true;
    }

    /// A broker names topics without an error.
    pub fn named(&mut self, found: &Found) {
        for (name, id) in &found.named {
            self.names.insert(name.clone());
            if id.iter().any(|&byte| byte != 0) {
                self.ids.insert(id.to_vec());
            }
        }
    }

    /// A broker answers a consumer.
    pub fn fetched(&mut self, reporter: usize, places: &[Place]) {
        for place in places {
            if !is_id(&place.topic) {
                self.names.insert(place.topic.clone());
            }
            let Some(topic) = self.topic(&place.topic) else { return self.lose() };
            self.marks.insert((reporter, topic, place.partition), place.offset);
        }
    }

    /// A group commits offsets, and the coordinator agrees.
    pub fn committed(&mut self, reporter: usize, group: &[u8], places: &[Place]) {
        for place in places {
            let Some(topic) = self.topic(&place.topic) else { return self.lose() };
            let committed = self.committed.entry(group.to_vec()).or_default();
            committed.insert((reporter, topic, place.partition), place.offset);
        }
    }

    /// A coordinator tells what groups have committed: those that it lists, or the one that was asked
    /// for.
    pub fn told(&mut self, reporter: usize, asked: &[u8], places: &[Place]) {
        for place in places {
            if !is_id(&place.topic) {
                self.names.insert(place.topic.clone());
            }
            let group = place.group.as_deref().unwrap_or(asked);
            self.committed(reporter, group, std::slice::from_ref(place));
        }
    }

    /// The sum over all groups; `None` when it is not known.
    pub fn total(&self) -> Option<i64> {
        let lag = |(place, offset): (_, &i64)| {
            self.marks.get(place).map_or(0, |mark| mark.saturating_sub(*offset).max(0))
        };
        let total = self.committed.values().flatten().map(lag).fold(0, i64::saturating_add);
        (!self.is_lost).then_some(total)
    }

    /// The name of a topic that is known for sure.
    fn topic(&self, topic: &[u8]) -> Option<Vec<u8>> {
        if is_id(topic) {
            let index = usize::from(*topic.first()?).checked_sub(1)?;
            return self.ids.contains(topic).then(|| TOPICS[index].to_vec());
        }
        self.names.contains(topic).then(|| topic.to_vec())
    }
}

/// No topic of a good day has so long a name.
fn is_id(topic: &[u8]) -> bool {
    topic.len() == 16
}
