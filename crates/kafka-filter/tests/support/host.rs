//! A host in memory: metrics by stat name, and one shared memory for all workers of a process.
//!
//! It is strict where Envoy would be silently wrong: a counter that falls, a kind that is used as
//! another, an id that nobody defined.

use std::collections::{BTreeMap, HashMap};

use kafka_filter::metrics::catalog::{Kind, PREFIX};
use kafka_filter::{Expect, Fact, Host};

/// The part of a process that all its workers share.
#[derive(Default)]
pub struct FakeHost {
    ids: HashMap<String, u32>,
    metrics: Vec<Metric>,
    shared: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    /// Metrics that were asked for and refused, as a host that is out of memory would.
    pub refuses_metrics: bool,
    /// How many of the next stores lose against another worker.
    pub stores_lost: u32,
    /// Runs once, before the next store: another worker in between.
    pub before_store: Option<Interruption>,
    /// Calls to the shared memory so far.
    pub shared_calls: usize,
    /// What the access log was told last, of whichever connection.
    pub facts: BTreeMap<Fact, String>,
}

/// What another worker does between a worker's look and its store.
pub type Interruption = Box<dyn FnOnce(&mut FakeHost)>;

struct Metric {
    kind: Kind,
    name: String,
    value: i64,
    samples: Vec<u64>,
}

impl Metric {
    fn value(&self) -> i64 {
        match self.kind {
            Kind::Histogram => i64::try_from(self.samples.len()).unwrap(),
            Kind::Counter | Kind::Gauge => self.value,
        }
    }
}

impl FakeHost {
    /// Every metric that is not zero, by its name as Prometheus would show it. Histograms show how
    /// many samples they have, because a sample's value is a time and depends on how bytes came.
    pub fn snapshot(&self) -> BTreeMap<String, i64> {
        let mut values = BTreeMap::new();
        for metric in &self.metrics {
            if metric.value() != 0 {
                values.insert(readable(&metric.name), metric.value());
            }
        }
        values
    }

    /// The value of one metric, by its readable name.
    pub fn value(&self, name: &str) -> i64 {
        self.snapshot().get(name).copied().unwrap_or(0)
    }

    /// The sum over all series of a metric; of a histogram, how many samples it has.
    pub fn total(&self, name: &str) -> i64 {
        let is_series = |full: &str| {
            let metric = full.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(name));
            metric.is_some_and(|labels| labels.starts_with('.'))
        };
        self.metrics.iter().filter(|metric| is_series(&metric.name)).map(Metric::value).sum()
    }

    /// The samples of one histogram, by its readable name.
    pub fn samples(&self, name: &str) -> Vec<u64> {
        let found = self.metrics.iter().find(|metric| readable(&metric.name) == name);
        found.map(|metric| metric.samples.clone()).unwrap_or_default()
    }

    /// Stat names that were defined.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.metrics.iter().map(|metric| metric.name.as_str())
    }

    /// Entries in the shared memory.
    pub fn shared_len(&self) -> usize {
        self.shared.len()
    }

    fn metric(&mut self, id: u32) -> &mut Metric {
        self.metrics.get_mut(usize::try_from(id).unwrap()).expect("an id that was defined")
    }
}

impl Host for FakeHost {
    fn define_metric(&mut self, kind: Kind, name: &str) -> Option<u32> {
        if self.refuses_metrics {
            return None;
        }
        if let Some(&id) = self.ids.get(name) {
            assert_eq!(self.metric(id).kind, kind, "{name} is defined as two kinds");
            return Some(id);
        }
        let id = u32::try_from(self.metrics.len()).unwrap();
        self.ids.insert(name.to_owned(), id);
        self.metrics.push(Metric { kind, name: name.to_owned(), value: 0, samples: Vec::new() });
        Some(id)
    }

    fn add(&mut self, id: u32, amount: i64) {
        let metric = self.metric(id);
        match metric.kind {
            Kind::Counter => assert!(amount > 0, "{} falls by {amount}", metric.name),
            Kind::Gauge => {}
            Kind::Histogram => panic!("{} is a histogram and cannot be added to", metric.name),
        }
        metric.value += amount;
        assert!(metric.value >= 0, "{} is {}", metric.name, metric.value);
    }

    fn record(&mut self, id: u32, value: u64) {
        let metric = self.metric(id);
        match metric.kind {
            Kind::Counter => panic!("{} is a counter and cannot be set", metric.name),
            Kind::Gauge => metric.value = i64::try_from(value).unwrap(),
            Kind::Histogram => metric.samples.push(value),
        }
    }

    fn shared(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.shared_calls += 1;
        self.shared.get(key).cloned()
    }

    fn share(&mut self, key: &[u8], value: &[u8], expect: Expect) -> bool {
        self.shared_calls += 1;
        if let Some(interruption) = self.before_store.take() {
            interruption(self);
        }
        if self.stores_lost > 0 {
            self.stores_lost -= 1;
            return false;
        }
        let version = self.shared.get(key).map(|(_, version)| *version);
        match (expect, version) {
            (Expect::Absent, None) => {
                self.shared.insert(key.to_vec(), (value.to_vec(), 1));
                true
            }
            (Expect::Version(expected), Some(version)) if expected == version => {
                self.shared.insert(key.to_vec(), (value.to_vec(), version + 1));
                true
            }
            _ => false,
        }
    }

    fn note(&mut self, fact: Fact, text: &str) {
        self.facts.insert(fact, text.to_owned());
    }
}

/// `kafka_filter_x_total.reporter=.=proxy;.;topic=.=t;.;` as `x_total{topic=t}`. The reporter is
/// left out where it is the usual `proxy`.
pub fn readable(name: &str) -> String {
    let name = name.strip_prefix(PREFIX).expect("the prefix of all metrics");
    let (metric, rest) = name.split_once('.').expect("a dot behind the metric");
    let labels: Vec<String> = rest
        .split_terminator(";.;")
        .map(|label| label.replacen("=.=", "=", 1))
        .filter(|label| label != "reporter=proxy")
        .collect();
    if labels.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", labels.join(",")) }
}
