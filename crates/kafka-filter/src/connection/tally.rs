//! What was produced to a topic, and topics whose names may not be label values yet.
//!
//! A name that a client writes is a wish: it becomes a label value when a broker's answer names it
//! without error. Until then the counts wait here, a few topics a connection.

use kafka_wire::{Batch, Codec};

use crate::filter::Meter;
use crate::host::Host;
use crate::metrics::catalog::Metric;
use crate::metrics::series::Topic;

/// Records, bytes and batches of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    records: u64,
    bytes: u64,
    batches: [u32; CODECS.len()],
}

/// Which three metrics a tally goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Produced,
    Fetched,
}

/// Tallies of topics that no broker has named yet; never more than [`UNNAMED_MAX`].
#[derive(Default)]
pub(super) struct Unnamed {
    topics: Vec<(Box<[u8]>, Tally)>,
}

impl Tally {
    /// Bytes of a record set or a batch on the wire.
    pub(super) fn add_bytes(&mut self, bytes: u32) {
        self.bytes = self.bytes.saturating_add(u64::from(bytes));
    }

    pub(super) fn add_batch(&mut self, batch: &Batch) {
        self.records = self.records.saturating_add(u64::from(batch.records));
        let codec = batch.codec();
        let count = self.batches.iter_mut().zip(CODECS).find(|(_, other)| *other == codec);
        if let Some((count, _)) = count {
            *count = count.saturating_add(1);
        }
    }

    /// Counts it all for this topic.
    pub(super) fn count<H: Host>(self, meter: &mut Meter<'_, H>, way: Way, topic: Topic) {
        let (records, bytes, batches) = match way {
            Way::Produced => (
                Metric::TopicProducedRecords,
                Metric::TopicProducedBytes,
                Metric::TopicProducedBatches,
            ),
            Way::Fetched => (
                Metric::TopicFetchedRecords,
                Metric::TopicFetchedBytes,
                Metric::TopicFetchedBatches,
            ),
        };
        meter.add_size(meter.series(records).topic(topic), self.records);
        meter.add_size(meter.series(bytes).topic(topic), self.bytes);
        for (count, codec) in self.batches.into_iter().zip(CODECS) {
            meter.add(meter.series(batches).topic(topic).detail(codec), count);
        }
    }

    fn merge(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (count, more) in self.batches.iter_mut().zip(other.batches) {
            *count = count.saturating_add(more);
        }
    }
}

impl Unnamed {
    /// Keeps a tally until the topic is named. False when there is no room.
    pub(super) fn keep(&mut self, name: &[u8], tally: Tally) -> bool {
        if let Some((_, kept)) = self.topics.iter_mut().find(|(other, _)| **other == *name) {
            kept.merge(tally);
            return true;
        }
        if self.topics.len() >= UNNAMED_MAX {
            return false;
        }
        self.topics.push((name.into(), tally));
        true
    }

    /// The tally of a topic that is being named, or has failed to be.
    pub(super) fn take(&mut self, name: &[u8]) -> Option<Tally> {
        let index = self.topics.iter().position(|(other, _)| **other == *name)?;
        let (_, tally) = self.topics.swap_remove(index);
        if self.topics.is_empty() {
            self.topics = Vec::new();
        }
        Some(tally)
    }

    /// Counts what is left as topics without a name.
    pub(super) fn give_up<H: Host>(&mut self, meter: &mut Meter<'_, H>) {
        for (_, tally) in std::mem::take(&mut self.topics) {
            let topic = meter.topic_overflow();
            tally.count(meter, Way::Produced, topic);
        }
    }
}

const CODECS: [Codec; 6] =
    [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd, Codec::Unknown];
/// Topics of one connection that wait for their name; more are counted without it.
const UNNAMED_MAX: usize = 8;
