//! What was produced to a topic, and topics whose names may not be label values yet.
//!
//! A name that a client writes is a wish: it becomes a label value when a broker's answer names it
//! without error. Until then the counts wait here, a few topics a connection.

use kafka_wire::{Batch, Codec};

use crate::filter::Meter;
use crate::host::Host;
use crate::metrics::catalog::Metric;
use crate::metrics::groups::MetricGroup;
use crate::metrics::series::{Party, Topic};

/// Records, bytes and batches of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    records: u64,
    bytes: u64,
    batches: [u32; CODECS.len()],
}

/// Which metrics a tally goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Produced,
    Fetched,
}

/// Tallies of topics that no broker has named yet; never more than [`UNNAMED_MAX`].
#[derive(Default)]
pub(super) struct Unnamed {
    topics: Vec<(Box<[u8]>, Party, Tally)>,
}

impl Way {
    /// Records, bytes and batches of a topic.
    const fn of_topic(self) -> (Metric, Metric, Metric) {
        match self {
            Self::Produced => (
                Metric::TopicProducedRecords,
                Metric::TopicProducedBytes,
                Metric::TopicProducedBatches,
            ),
            Self::Fetched => (
                Metric::TopicFetchedRecords,
                Metric::TopicFetchedBytes,
                Metric::TopicFetchedBatches,
            ),
        }
    }

    /// Records and bytes of a client.
    const fn of_client(self) -> (Metric, Metric) {
        match self {
            Self::Produced => (Metric::ClientProducedRecords, Metric::ClientProducedBytes),
            Self::Fetched => (Metric::ClientFetchedRecords, Metric::ClientFetchedBytes),
        }
    }
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

    /// Counts it all for this topic and this client.
    pub(super) fn count<H: Host>(
        self,
        meter: &mut Meter<'_, H>,
        way: Way,
        topic: Topic,
        client: Party,
    ) {
        if meter.counts(MetricGroup::Topics) {
            let (records, bytes, batches) = way.of_topic();
            meter.add_size(meter.series(records).topic(topic), self.records);
            meter.add_size(meter.series(bytes).topic(topic), self.bytes);
            for (count, codec) in self.batches.into_iter().zip(CODECS) {
                meter.add(meter.series(batches).topic(topic).detail(codec), count);
            }
        }
        if meter.counts(MetricGroup::Clients) {
            let (records, bytes) = way.of_client();
            meter.add_size(meter.series(records).topic(topic).party(client), self.records);
            meter.add_size(meter.series(bytes).topic(topic).party(client), self.bytes);
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
    pub(super) fn keep(&mut self, name: &[u8], client: Party, tally: Tally) -> bool {
        let same =
            |(other, by, _): &&mut (Box<[u8]>, Party, Tally)| **other == *name && *by == client;
        if let Some((_, _, kept)) = self.topics.iter_mut().find(same) {
            kept.merge(tally);
            return true;
        }
        if self.topics.len() >= UNNAMED_MAX {
            return false;
        }
        self.topics.push((name.into(), client, tally));
        true
    }

    /// A tally of a topic that is being named, or has failed to be; each call gives another.
    pub(super) fn take(&mut self, name: &[u8]) -> Option<(Party, Tally)> {
        let index = self.topics.iter().position(|(other, _, _)| **other == *name)?;
        let (_, client, tally) = self.topics.swap_remove(index);
        if self.topics.is_empty() {
            self.topics = Vec::new();
        }
        Some((client, tally))
    }

    /// Counts what is left as topics without a name.
    pub(super) fn give_up<H: Host>(&mut self, meter: &mut Meter<'_, H>) {
        for (_, client, tally) in std::mem::take(&mut self.topics) {
            let topic = meter.topic_overflow();
            tally.count(meter, Way::Produced, topic, client);
        }
    }
}

const CODECS: [Codec; 6] =
    [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd, Codec::Unknown];
/// Topics of one connection that wait for their name; more are counted without it.
const UNNAMED_MAX: usize = 8;
