//! A process of workers in memory: stats by name, and what workers share.

mod bounds;

use std::collections::{BTreeMap, HashMap};

use kafka_filter::metrics::cardinality::TOPIC_NAME_SIZE_MAX;
use kafka_filter::metrics::catalog::{Kind, Label, Metric, PREFIX, REPORTER, Reporter};
use kafka_filter::metrics::name::VALUE_SIZE_MAX;
use kafka_filter::{Expect, Fact, Host};

/// The hosting process, all workers in one, for Envoy's stats and shared data belong to the process.
#[derive(Debug)]
pub struct MemoryHost {
    stats: Vec<Stat>,
    ids: HashMap<String, u32>,
    /// Sums over all labels, by the metric's place in the catalog.
    totals: [i64; Metric::ALL.len()],
    shared: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    facts: Vec<(Fact, String)>,
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
        Self {
            stats: Vec::new(),
            ids: HashMap::new(),
            totals: [0; Metric::ALL.len()],
            shared: HashMap::new(),
            facts: Vec::new(),
            faults,
            calls: 0,
            shares: 0,
            defines: 0,
        }
    }

    /// The sum of a metric over all label values; of a histogram, how many samples it has.
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

    /// Every gauge that is not zero, by stat name.
    #[must_use]
    pub fn gauges(&self) -> BTreeMap<String, i64> {
        let gauges = self.stats.iter().filter(|stat| stat.kind == Kind::Gauge && stat.value != 0);
        gauges.map(|stat| (stat.name.clone(), stat.value)).collect()
    }

    /// What the access log was told since the last call.
    pub fn take_facts(&mut self) -> Vec<(Fact, String)> {
        std::mem::take(&mut self.facts)
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
        let (_, found) = labels(name);
        let found = found.iter().map(|(label, _)| label);
        assert!(found.eq(metric.definition().labels), "labels of {name}");
        assert!(!name.chars().any(char::is_control), "control characters in {name:?}");
        self.stats.push(stat);
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    fn add(&mut self, metric: u32, amount: i64) {
        self.calls += 1;
        let stat = self.stat(metric);
        assert_ne!(stat.kind, Kind::Histogram, "{} has samples", stat.name);
        assert_ne!(amount, 0, "{} moves by nothing", stat.name);
        assert!(stat.kind == Kind::Gauge || amount > 0, "{} falls by {amount}", stat.name);
        stat.value = stat.value.checked_add(amount).expect("a count within 64 bits");
        assert!(stat.value >= 0, "{} is {}", stat.name, stat.value);
        let metric = stat.metric;
        self.totals[metric as usize] += amount;
    }

    fn record(&mut self, metric: u32, value: u64) {
        self.calls += 1;
        let stat = self.stat(metric);
        let change = match stat.kind {
            Kind::Gauge => {
                let value = i64::try_from(value).expect("a gauge within 63 bits");
                value - std::mem::replace(&mut stat.value, value)
            }
            Kind::Histogram => {
                *stat.samples.entry(value).or_default() += 1;
                1
            }
            Kind::Counter => panic!("{} is a counter", stat.name),
        };
        let metric = stat.metric;
        self.totals[metric as usize] += change;
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

    fn note(&mut self, fact: Fact, text: &str) {
        assert!(!text.is_empty(), "{fact:?} says nothing");
        assert!(!text.chars().any(char::is_control), "control characters in {fact:?}: {text:?}");
        let most = fact_size_max(fact);
        assert!(text.len() <= most, "L3: {fact:?} of {} bytes, the bound is {most}", text.len());
        self.facts.push((fact, text.to_owned()));
    }
}

/// The metric whose name the stat name begins with.
fn metric_of(name: &str) -> Metric {
    let name = name.strip_prefix(PREFIX).unwrap_or_else(|| panic!("{name} has no prefix"));
    let (name, _) = name.split_once('.').unwrap_or_else(|| panic!("{name} has no labels"));
    let metric = Metric::ALL.iter().find(|metric| metric.definition().name == name);
    *metric.unwrap_or_else(|| panic!("{name} is not in the catalog"))
}

/// The reporter of a stat and its other labels, taken out of its name as Envoy's tag rules do.
fn labels(name: &str) -> (&str, Vec<(Label, &str)>) {
    let (_, text) = name.split_once('.').unwrap_or_default();
    let mut parts = text.split(";.;").filter(|part| !part.is_empty()).map(|part| {
        part.split_once("=.=").unwrap_or_else(|| panic!("{part} is no label with a value"))
    });
    let (label, reporter) = parts.next().expect("a first label");
    assert_eq!(label, REPORTER, "first label of {name}");
    assert!(Reporter::ALL.iter().any(|known| known.as_str() == reporter), "{reporter}");
    let found = parts.map(|(label, value)| {
        let label = Label::ALL.iter().find(|known| known.name() == label);
        (*label.expect("a label of the catalog"), value)
    });
    (reporter, found.collect())
}

/// The longest text of a fact, in bytes.
///
/// A byte of a peer's word takes three at most once it is escaped, and no word of more than 255 is
/// shown; software is two words with a slash between. Topics are eight at most with commas between;
/// of a topic only dots are escaped, and of those only one at the end or behind a word such as `tag`.
fn fact_size_max(fact: Fact) -> usize {
    const WORD: usize = 3 * VALUE_SIZE_MAX;
    const TOPIC: usize = TOPIC_NAME_SIZE_MAX + 2 * TOPIC_NAME_SIZE_MAX.div_ceil("tag.".len());
    match fact {
        Fact::ClientId => WORD,
        Fact::ClientSoftware => WORD + "/".len() + WORD,
        Fact::Topics => TOPICS_NOTED_MAX * TOPIC + (TOPICS_NOTED_MAX - 1) * ",".len(),
        Fact::OpaqueReason => "not_kafka".len(),
    }
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("a target of 32 bits or more")
}

/// Topics that the access log is told of one connection.
const TOPICS_NOTED_MAX: usize = 8;
