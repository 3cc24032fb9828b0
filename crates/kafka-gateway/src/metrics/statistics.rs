//! librdkafka's statistics under kprf's names.
//!
//! kprf added totals to totals at every report, and typed what goes up and down as counters. Here a total grows by what
//! it grew since the client's last report, and everything else is set. The gateway has up to four clients, one for each
//! kind of acknowledgement: totals and sizes are their sums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kafka_operations::metrics::{Description, Family};
use prometheus::core::{MetricVec, MetricVecBuilder};
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Registry, Result};
use rdkafka::Statistics;
use rdkafka::statistics::{Broker, Topic};

mod table;

use crate::producer::Lane;
use table::{BROKER, CLIENT, Kind, State};

/// All of them.
pub(super) struct Librdkafka {
    client: Vec<ClientMetric>,
    broker: Vec<BrokerMetric>,
    state: GaugeVec,
    state_age: GaugeVec,
    metadata_age: GaugeVec,
    batch_size: GaugeVec,
    batch_count: GaugeVec,
    reports: Mutex<Reports>,
}

enum ClientMetric {
    Total(IntCounter, fn(&Statistics) -> i64),
    Now(prometheus::Gauge, fn(&Statistics) -> i64),
}

enum BrokerMetric {
    Total(IntCounterVec, fn(&Broker) -> i64),
    Now(GaugeVec, fn(&Broker) -> i64),
}

/// The last report of each client, and the labels that have series.
#[derive(Default)]
struct Reports {
    last: BTreeMap<Lane, Statistics>,
    brokers: BTreeSet<String>,
    topics: BTreeSet<String>,
}

impl Librdkafka {
    pub(super) fn register(
        registry: &Registry,
        descriptions: &mut Vec<Description>,
    ) -> Result<Self> {
        let mut into = Family::new(registry, "kafka_producer", descriptions);
        let mut client = Vec::new();
        for (name, help, kind, read) in CLIENT {
            client.push(match kind {
                Kind::Total => ClientMetric::Total(into.counter(name, help)?, read),
                Kind::Now => ClientMetric::Now(into.gauge(name, help)?, read),
            });
        }
        let mut broker = Vec::new();
        for (name, help, kind, read) in BROKER {
            broker.push(match kind {
                Kind::Total => BrokerMetric::Total(into.counters(name, help, &["broker"])?, read),
                Kind::Now => BrokerMetric::Now(into.gauges(name, help, &["broker"])?, read),
            });
        }
        Ok(Self {
            client,
            broker,
            state: into.gauges("broker_state", table::STATE_HELP, &["broker"])?,
            state_age: into.gauges(
                "broker_state_age",
                "Microseconds since the connection got into that state",
                &["broker"],
            )?,
            metadata_age: into.gauges(
                "topic_metadata_age",
                "Milliseconds since a client learnt about the topic, of the client that did longest ago",
                &["topic"],
            )?,
            batch_size: into.gauges(
                "topic_batchsize_avg",
                "Bytes of a batch on average, lately",
                &["topic"],
            )?,
            batch_count: into.gauges(
                "topic_batchcount_avg",
                "Records of a batch on average, lately",
                &["topic"],
            )?,
            reports: Mutex::new(Reports::default()),
        })
    }

    /// One client's report; `known` are the topics that may have series.
    pub(super) fn update(&self, lane: Lane, now: &Statistics, known: impl Fn(&str) -> bool) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let before = reports.last.insert(lane, now.clone()).unwrap_or_default();
        let lanes: Vec<&Statistics> = reports.last.values().collect();
        self.update_client(&before, now, &lanes);
        let brokers: BTreeSet<String> =
            lanes.iter().flat_map(|lane| lane.brokers.keys().cloned()).collect();
        for name in &brokers {
            let of = |statistics: &Statistics| statistics.brokers.get(name).cloned();
            let all: Vec<Broker> = lanes.iter().filter_map(|lane| of(lane)).collect();
            self.update_broker(name, of(&before), of(now), &all);
        }
        let topics: BTreeSet<String> = lanes
            .iter()
            .flat_map(|lane| lane.topics.keys())
            .filter(|name| known(name))
            .cloned()
            .collect();
        for name in &topics {
            let all: Vec<&Topic> = lanes.iter().filter_map(|lane| lane.topics.get(name)).collect();
            self.update_topic(name, &all);
        }
        for gone in reports.brokers.difference(&brokers) {
            self.forget_broker(gone);
        }
        for gone in reports.topics.difference(&topics) {
            for series in [&self.metadata_age, &self.batch_size, &self.batch_count] {
                forget(series, gone);
            }
        }
        reports.brokers = brokers;
        reports.topics = topics;
    }

    fn update_client(&self, before: &Statistics, now: &Statistics, lanes: &[&Statistics]) {
        for metric in &self.client {
            match metric {
                ClientMetric::Total(total, read) => total.inc_by(grown(read(before), read(now))),
                ClientMetric::Now(gauge, read) => {
                    gauge.set(lanes.iter().map(|lane| read(lane)).sum::<i64>() as f64);
                }
            }
        }
    }

    fn update_broker(
        &self,
        name: &str,
        before: Option<Broker>,
        now: Option<Broker>,
        lanes: &[Broker],
    ) {
        for metric in &self.broker {
            match metric {
                BrokerMetric::Total(totals, read) => {
                    if let Some(now) = &now {
                        let before = before.as_ref().map_or(0, read);
                        totals.with_label_values(&[name]).inc_by(grown(before, read(now)));
                    }
                }
                BrokerMetric::Now(gauges, read) => {
                    let sum: i64 = lanes.iter().map(read).sum();
                    gauges.with_label_values(&[name]).set(sum as f64);
                }
            }
        }
        // A client that has nothing for a broker keeps no connection to it, which is no fault.
        let best = lanes.iter().max_by_key(|broker| State::of(&broker.state));
        if let Some(best) = best {
            self.state.with_label_values(&[name]).set(State::of(&best.state).number());
            self.state_age.with_label_values(&[name]).set(best.stateage as f64);
        }
    }

    fn update_topic(&self, name: &str, lanes: &[&Topic]) {
        let age = lanes.iter().map(|topic| topic.metadata_age).max().unwrap_or_default();
        self.metadata_age.with_label_values(&[name]).set(age as f64);
        let average = |series: &GaugeVec, sum: i64, count: i64| {
            let average = if count > 0 { sum as f64 / count as f64 } else { 0.0 };
            series.with_label_values(&[name]).set(average);
        };
        let of = |read: fn(&Topic) -> i64| lanes.iter().map(|topic| read(topic)).sum::<i64>();
        average(&self.batch_size, of(|topic| topic.batchsize.sum), of(|topic| topic.batchsize.cnt));
        average(&self.batch_count, of(|topic| topic.batchcnt.sum), of(|topic| topic.batchcnt.cnt));
    }

    fn forget_broker(&self, name: &str) {
        for metric in &self.broker {
            match metric {
                BrokerMetric::Total(series, _) => forget(series, name),
                BrokerMetric::Now(series, _) => forget(series, name),
            }
        }
        forget(&self.state, name);
        forget(&self.state_age, name);
    }
}

/// What a total grew by; from nothing, when the client is another one.
fn grown(before: i64, now: i64) -> u64 {
    let grown = if now >= before { now - before } else { now };
    u64::try_from(grown).unwrap_or_default()
}

fn forget<T: MetricVecBuilder>(series: &MetricVec<T>, label: &str) {
    // Some have none.
    let _ = series.remove_label_values(&[label]);
}
