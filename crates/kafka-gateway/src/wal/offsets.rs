//! How far each partition was written, as it may be used after a crash: no record of an entry that is not delivered lies
//! below the offset that is told for its partition.
//!
//! The highest acknowledged offsets are copied together with the newest entry that was read by then. When all entries up
//! to that one are delivered, whatever is not delivered was sent after the copy, and lies above it. What was left by an
//! earlier process may already be in Kafka, so nothing moves before all of that is delivered.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

/// The highest acknowledged offsets of one topic, by partition.
#[derive(Debug, Default)]
pub struct TopicOffsets {
    partitions: Mutex<HashMap<i32, i64>>,
}

impl TopicOffsets {
    /// A record was acknowledged there.
    pub fn acknowledged(&self, partition: i32, offset: i64) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = partitions.entry(partition).or_insert(offset);
        *highest = offset.max(*highest);
    }
}

/// A list of topic, partition and offset.
pub type Offsets = Vec<(String, i32, i64)>;

/// Of all topics.
#[derive(Debug)]
pub(super) struct Positions {
    topics: Mutex<HashMap<String, Arc<TopicOffsets>>>,
    copies: Mutex<Copies>,
}

#[derive(Debug)]
struct Copies {
    /// What may be told.
    safe: Offsets,
    /// What may be told when everything below this entry is delivered.
    next: Option<(u64, Offsets)>,
    /// The first entry that this process appended.
    own: u64,
}

impl Positions {
    pub(super) fn new(safe: Offsets, own: u64) -> Self {
        let topics: Mutex<HashMap<String, Arc<TopicOffsets>>> = Mutex::default();
        let copies = Mutex::new(Copies { safe: safe.clone(), next: None, own });
        let positions = Self { topics, copies };
        for (topic, partition, offset) in safe {
            positions.topic(&topic).acknowledged(partition, offset);
        }
        positions
    }

    pub(super) fn topic(&self, name: &str) -> Arc<TopicOffsets> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        match topics.get(name) {
            Some(topic) => topic.clone(),
            None => match topics.entry(name.to_owned()) {
                Slot::Occupied(topic) => topic.get().clone(),
                Slot::Vacant(slot) => slot.insert(Arc::default()).clone(),
            },
        }
    }

    /// What may be told when everything below `low` is delivered; entries below `read` were handed out.
    pub(super) fn safe(&self, low: u64, read: u64) -> Offsets {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if low < copies.own {
            return copies.safe.clone();
        }
        match copies.next.take() {
            Some((entry, offsets)) if entry <= low => copies.safe = offsets,
            Some(waiting) => copies.next = Some(waiting),
            None => {}
        }
        if copies.next.is_none() {
            copies.next = Some((read, self.copy()));
        }
        copies.safe.clone()
    }

    fn copy(&self) -> Offsets {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets = Offsets::new();
        for (name, topic) in topics.iter() {
            let partitions = topic.partitions.lock().unwrap_or_else(PoisonError::into_inner);
            offsets.extend(partitions.iter().map(|(at, offset)| (name.clone(), *at, *offset)));
        }
        offsets.sort_unstable();
        offsets
    }
}
