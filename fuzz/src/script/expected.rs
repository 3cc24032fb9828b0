//! What is counted in the end of a script of nothing but right messages, told without the filter's help.

use std::collections::BTreeMap;

use kafka_filter::config::Config;
use kafka_filter::metrics::catalog::Metric;

use crate::encode::Place;
use crate::records::Count;

/// Totals over all labels at the end of a script, all connections closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    totals: [i64; Metric::ALL.len()],
    /// Records and bytes produced, and fetched, of each client; `None` where caps or patterns make
    /// one of several.
    pub clients: Option<BTreeMap<&'static str, [i64; 4]>>,
    /// Before the connections close; `None` where time or bounds let the filter forget some of it.
    pub fetch_lag: Option<i64>,
    /// The same for groups, after good days only.
    pub group_lag: Option<i64>,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            totals: [0; Metric::ALL.len()],
            clients: Some(BTreeMap::new()),
            fetch_lag: Some(0),
            group_lag: None,
        }
    }
}

impl Expected {
    /// A metric's total.
    #[must_use]
    pub fn total(&self, metric: Metric) -> i64 {
        self.totals[metric as usize]
    }

    /// Every metric that is known exactly, with its total.
    pub fn totals(&self) -> impl Iterator<Item = (Metric, i64)> {
        EXACT.iter().map(|&metric| (metric, self.total(metric)))
    }

    /// Something is counted.
    pub fn add(&mut self, metric: Metric, amount: i64) {
        self.totals[metric as usize] += amount;
    }

    /// A client sends records.
    pub fn produced(&mut self, client: &'static str, count: Count) {
        self.add(Metric::TopicProducedRecords, count.records);
        self.add(Metric::TopicProducedBytes, count.bytes);
        self.add(Metric::TopicProducedBatches, count.batches);
        self.of_client(client, [count.records, count.bytes, 0, 0]);
    }

    /// A client gets records.
    pub fn fetched(&mut self, client: &'static str, count: Count) {
        self.add(Metric::TopicFetchedRecords, count.records);
        self.add(Metric::TopicFetchedBytes, count.bytes);
        self.add(Metric::TopicFetchedBatches, count.batches);
        self.of_client(client, [0, 0, count.records, count.bytes]);
    }

    /// What is left of it when some metrics are off.
    pub fn restrict(&mut self, config: &Config) {
        for (metric, total) in Metric::ALL.iter().zip(&mut self.totals) {
            let group = metric.definition().group;
            if group.is_some_and(|group| !config.metrics.contains(group)) {
                *total = 0;
            }
        }
    }

    fn of_client(&mut self, client: &'static str, counts: [i64; 4]) {
        if let Some(clients) = &mut self.clients
            && counts.iter().any(|count| *count != 0)
        {
            let sums = clients.entry(client).or_default();
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
}

/// Where the consumers of a connection are: the positions that they told, the watermarks that they were
/// told, and nothing of how the filter keeps them.
#[derive(Debug, Default)]
pub struct Positions {
    partitions: BTreeMap<(Vec<u8>, i64), Position>,
    is_follower: bool,
}

#[derive(Debug)]
struct Position {
    next_offset: i64,
    high_watermark: i64,
}

impl Positions {
    /// A Fetch request, of a broker that replicates or of a consumer.
    pub fn asked(&mut self, places: &[Place], is_follower: bool) {
        self.is_follower |= is_follower;
        if is_follower {
            self.partitions.clear();
        }
        if self.is_follower {
            return;
        }
        for place in places.iter().filter(|place| place.partition >= 0 && place.offset >= 0) {
            let key = (place.topic.clone(), place.partition);
            let position = Position { next_offset: place.offset, high_watermark: -1 };
            self.partitions.entry(key).or_insert(position).next_offset = place.offset;
        }
    }

    /// Its answer, to a consumer.
    pub fn answered(&mut self, places: &[Place]) {
        for place in places.iter().filter(|place| place.partition >= 0) {
            let next_offset = place.next_offset.filter(|offset| *offset >= 0);
            let key = (place.topic.clone(), place.partition);
            if let (Some(next_offset), true) = (next_offset, place.offset >= 0) {
                let position = Position { next_offset, high_watermark: -1 };
                self.partitions.entry(key.clone()).or_insert(position);
            }
            if let Some(position) = self.partitions.get_mut(&key) {
                position.high_watermark = place.offset.max(-1);
                position.next_offset = position.next_offset.max(next_offset.unwrap_or(0));
            }
        }
    }

    /// How far they are behind.
    pub fn lag(&self) -> i64 {
        let lag = |position: &Position| match position.high_watermark {
            ..0 => 0,
            high_watermark => (high_watermark - position.next_offset).clamp(0, LAG_MAX),
        };
        self.partitions.values().map(lag).sum()
    }

    /// How many partitions were named.
    pub fn count(&self) -> usize {
        self.partitions.len()
    }
}

/// Metrics whose totals a script tells.
const EXACT: &[Metric] = &[
    Metric::ConnectionsOpaque,
    Metric::UndecodedMessages,
    Metric::Requests,
    Metric::RequestBytes,
    Metric::Responses,
    Metric::ResponseBytes,
    Metric::RequestDuration,
    Metric::ResponseErrors,
    Metric::ThrottledResponses,
    Metric::ThrottleTime,
    Metric::UnacknowledgedRequests,
    Metric::InFlightEvicted,
    Metric::TopicProducedRecords,
    Metric::TopicProducedBytes,
    Metric::TopicProducedBatches,
    Metric::TopicFetchedRecords,
    Metric::TopicFetchedBytes,
    Metric::TopicFetchedBatches,
    Metric::TopicRequestDuration,
    Metric::TopicEndToEndLatency,
    Metric::ClientSoftwareConnections,
    Metric::ClientTelemetryPushes,
    Metric::DeprecatedRequests,
    Metric::GroupRequests,
    Metric::GroupErrors,
    Metric::GroupRebalances,
    Metric::GroupJoinDuration,
];
/// The most that one partition is counted with.
const LAG_MAX: i64 = 1 << 40;
