//! A process of workers in memory: stats by name, and what workers share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kafka_filter::config::LabelCaps;
use kafka_filter::metrics::catalog::{Kind, Label, Metric, PREFIX, REPORTER, Reporter};
use kafka_filter::{Expect, Host};
use kafka_wire::{error_code, schema};

/// The hosting process, all workers in one, for Envoy's stats and shared data belong to the process.
#[derive(Debug, Default)]
pub struct MemoryHost {
    stats: Vec<Stat>,
    ids: HashMap<String, u32>,
    /// Sums over all labels, by the metric's place in the catalog.
    totals: [i64; Metric::ALL.len()],
    shared: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    faults: Faults,
    calls: u64,
    shares: u32,
    defines: u32,
}

/// What this host fails at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Every so manieth change of a shared value finds that another worker was faster; 0 is never.
    pub lost_races: u32,
    /// Every so manieth metric is refused; 0 is none.
    pub refused_metrics: u32,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its stat name.
    pub name: String,
    metric: Metric,
    kind: Kind,
    value: i64,
    samples: BTreeMap<u64, u64>,
}

/// What was counted, by stat name; series that never moved are left out.
pub type Snapshot = BTreeMap<String, (i64, BTreeMap<u64, u64>)>;

impl MemoryHost {
    /// A process that fails like this.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// The sum of a metric over all label values.
    #[must_use]
    pub fn total(&self, metric: Metric) -> i64 {
        self.totals[metric as usize]
    }

    /// How often something was counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// All that was counted.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let moved = self.stats.iter().filter(|stat| stat.value != 0 || !stat.samples.is_empty());
        moved.map(|stat| (stat.name.clone(), (stat.value, stat.samples.clone()))).collect()
    }

    /// Law L3 for what outlives connections: label values, series, shared memory.
    pub fn check_bounds(&self, caps: LabelCaps, topic_ids_max: u32) {
        let mut topics = BTreeSet::new();
        let mut requests = BTreeSet::new();
        let mut versions = BTreeSet::new();
        let mut errors = BTreeSet::new();
        for stat in &self.stats {
            for (label, value) in labels(stat) {
                match label {
                    Label::Topic if !matches!(value, "__other__" | "__unresolved__") => {
                        assert!(value.len() <= 249, "L3: topic of {} bytes", value.len());
                        topics.insert(value);
                    }
                    Label::Request if value.starts_with("api_key_") => {
                        requests.insert(value);
                    }
                    Label::ApiVersion if is_unknown_version(stat, value) => {
                        versions.insert(value);
                    }
                    Label::Error if value.starts_with("error_code_") => {
                        errors.insert(value);
                    }
                    _ => {}
                }
            }
        }
        let counted = [
            ("topic", topics.len(), caps.topic),
            ("request", requests.len(), caps.request),
            ("api_version", versions.len(), caps.api_version),
            ("error", errors.len(), caps.error),
        ];
        for (label, count, cap) in counted {
            assert!(count <= usize_of(cap), "L3: {count} values of {label}, the cap is {cap}");
        }
        let most = series_max(caps);
        assert!(self.stats.len() <= most, "L3: {} series, {most} are possible", self.stats.len());
        self.check_shared(caps, topic_ids_max);
    }

    fn check_shared(&self, caps: LabelCaps, topic_ids_max: u32) {
        // A value and a count for each label, and sets of eight entries for twice the topic ids.
        let values = caps.topic + caps.request + caps.api_version + caps.error + 4;
        let sets = (topic_ids_max * 2).div_ceil(8).max(1);
        let most = usize_of(values + sets);
        let keys = self.shared.len();
        assert!(keys <= most, "L3: {keys} shared keys, {most} are possible");
        for (key, (value, _)) in &self.shared {
            assert!(key.len() <= 300, "L3: a shared key of {} bytes", key.len());
            assert!(value.len() <= 8 * (17 + 255), "L3: a shared value of {} bytes", value.len());
        }
    }

    fn stat(&mut self, metric: u32) -> &mut Stat {
        let index = usize_of(metric);
        self.stats.get_mut(index).expect("an id that the host gave")
    }
}

impl Host for MemoryHost {
    fn define_metric(&mut self, kind: Kind, name: &str) -> Option<u32> {
        self.defines += 1;
        if self.faults.refused_metrics > 0
            && self.defines.is_multiple_of(self.faults.refused_metrics)
        {
            return None;
        }
        if let Some(&id) = self.ids.get(name) {
            return Some(id);
        }
        let id = u32::try_from(self.stats.len()).expect("few series");
        let metric = metric_of(name);
        assert_eq!(metric.definition().kind, kind, "{name} is defined as another kind");
        let stat =
            Stat { name: name.to_owned(), metric, kind, value: 0, samples: BTreeMap::default() };
        let expected = metric.definition().labels.len();
        assert_eq!(labels(&stat).len(), expected, "labels of {name}");
        assert!(!name.chars().any(char::is_control), "control characters in {name:?}");
        self.stats.push(stat);
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    fn add(&mut self, metric: u32, amount: i64) {
        self.calls += 1;
        let stat = self.stat(metric);
        assert_ne!(stat.kind, Kind::Histogram, "{} has samples", stat.name);
        assert!(stat.kind == Kind::Gauge || amount > 0, "{} falls by {amount}", stat.name);
        stat.value = stat.value.checked_add(amount).expect("a count within 64 bits");
        assert!(stat.value >= 0, "{} is {}", stat.name, stat.value);
        let metric = stat.metric;
        self.totals[metric as usize] += amount;
    }

    fn record(&mut self, metric: u32, value: u64) {
        self.calls += 1;
        let stat = self.stat(metric);
        match stat.kind {
            Kind::Gauge => stat.value = i64::try_from(value).expect("a gauge within 63 bits"),
            Kind::Histogram => *stat.samples.entry(value).or_default() += 1,
            Kind::Counter => panic!("{} is a counter", stat.name),
        }
    }

    fn shared(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.shared.get(key).cloned()
    }

    fn share(&mut self, key: &[u8], value: &[u8], expect: Expect) -> bool {
        let version = match (self.shared.get_mut(key), expect) {
            (None, Expect::Absent) => 1,
            (Some((_, version)), Expect::Version(expected)) if *version == expected => {
                *version += 1;
                self.shares += 1;
                if self.faults.lost_races > 0 && self.shares.is_multiple_of(self.faults.lost_races)
                {
                    return false;
                }
                expected + 1
            }
            _ => return false,
        };
        self.shared.insert(key.to_vec(), (value.to_vec(), version));
        true
    }
}

/// The metric whose name the stat name begins with.
fn metric_of(name: &str) -> Metric {
    let name = name.strip_prefix(PREFIX).unwrap_or_else(|| panic!("{name} has no prefix"));
    let (name, _) = name.split_once('.').unwrap_or_else(|| panic!("{name} has no labels"));
    let metric = Metric::ALL.iter().find(|metric| metric.definition().name == name);
    *metric.unwrap_or_else(|| panic!("{name} is not in the catalog"))
}

/// The labels of a stat beside `reporter`, taken out of its name as Envoy's tag rules do.
fn labels(stat: &Stat) -> Vec<(Label, &str)> {
    let (_, text) = stat.name.split_once('.').unwrap_or_default();
    let mut found = Vec::new();
    let parts = text.split(";.;").filter(|part| !part.is_empty());
    for (index, part) in parts.enumerate() {
        let (label, value) = part.split_once("=.=").expect("a label and its value");
        if index == 0 {
            assert_eq!(label, REPORTER, "first label of {}", stat.name);
            assert!(Reporter::ALL.iter().any(|reporter| reporter.as_str() == value), "{value}");
            continue;
        }
        let label = Label::ALL.iter().find(|known| known.name() == label);
        found.push((*label.expect("a label of the catalog"), value));
    }
    found
}

/// Whether no API of the tables has this version, or not the one that the series is about.
fn is_unknown_version(stat: &Stat, version: &str) -> bool {
    let Ok(version) = version.parse::<i16>() else {
        return false;
    };
    let request = labels(stat).into_iter().find(|(label, _)| *label == Label::Request);
    let name = request.map_or("", |(_, name)| name);
    let name = if name.starts_with("Fetch") && name != "FetchSnapshot" { "Fetch" } else { name };
    let api = schema::apis().find(|api| api.name == name);
    !api.is_some_and(|api| api.request.versions.contains(version))
}

/// Series that can exist at all when labels keep to their caps.
fn series_max(caps: LabelCaps) -> usize {
    let versions = schema::apis().map(|api| usize::from(api.request.versions.last) + 1).max();
    let values = |label: &Label| match label {
        Label::Topic => usize_of(caps.topic) + 2,
        Label::Request => schema::apis().count() + 2 + usize_of(caps.request),
        Label::ApiVersion => versions.unwrap_or(0) + usize_of(caps.api_version) + 1,
        Label::Error => error_code::codes().count() + usize_of(caps.error) + 1,
        Label::Compression | Label::Reason | Label::LabelName => 10,
        Label::FilterRelease | Label::KafkaRelease => 1,
    };
    let of_metric =
        |metric: &Metric| metric.definition().labels.iter().map(values).product::<usize>();
    Metric::ALL.iter().map(of_metric).sum::<usize>() * Reporter::ALL.len()
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("a target of 32 bits or more")
}
