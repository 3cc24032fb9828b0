//! What holds of all series and of shared memory at the end of a script: bounds, and sums that agree.

use std::collections::{BTreeMap, BTreeSet};

use kafka_filter::config::{Config, LabelCaps};
use kafka_filter::metrics::catalog::{Label, Metric, Reporter};
use kafka_filter::metrics::groups::MetricGroup;
use kafka_wire::{error_code, schema};

use super::{MemoryHost, Stat, labels, usize_of};

impl MemoryHost {
    /// Law L3 for what outlives connections: label values, series, shared memory.
    pub fn check_bounds(&self, config: &Config) {
        self.check_values(config.labels);
        self.check_combinations(config.limits.combinations_max);
        for stat in &self.stats {
            let group = stat.metric.definition().group;
            let is_on = group.is_none_or(|group| config.metrics.contains(group));
            assert!(is_on, "{} is turned off", stat.name);
        }
        let most = series_max(config);
        assert!(self.stats.len() <= most, "L3: {} series, {most} are possible", self.stats.len());
        self.check_shared(config);
    }

    /// Gauges that sum up what is open are zero when nothing is.
    pub fn check_nothing_open(&self) {
        for (name, value) in self.gauges() {
            let stays = ["label_values.", "build_info."].iter().any(|stays| name.contains(stays));
            assert!(stays, "{name} is {value} with nothing open");
        }
    }

    /// What is counted by client sums up to what is counted by topic, where both are on.
    pub fn check_client_sums(&self, config: &Config) {
        let both = [MetricGroup::Topics, MetricGroup::Clients];
        if !both.into_iter().all(|group| config.metrics.contains(group)) {
            return;
        }
        for (by_topic, by_client) in [
            (Metric::TopicProducedRecords, Metric::ClientProducedRecords),
            (Metric::TopicProducedBytes, Metric::ClientProducedBytes),
            (Metric::TopicFetchedRecords, Metric::ClientFetchedRecords),
            (Metric::TopicFetchedBytes, Metric::ClientFetchedBytes),
        ] {
            let topics = self.sums(by_topic, Label::Topic);
            let clients = self.sums(by_client, Label::Topic);
            assert_eq!(topics, clients, "{by_topic:?} and {by_client:?} by topic");
        }
    }

    /// Sums of a metric by the values of one of its labels.
    #[must_use]
    pub fn sums(&self, metric: Metric, by: Label) -> BTreeMap<&str, i64> {
        let mut sums = BTreeMap::new();
        for stat in self.stats.iter().filter(|stat| stat.metric == metric && stat.value != 0) {
            let (_, labels) = labels(&stat.name);
            let value = labels.into_iter().find(|(label, _)| *label == by);
            let (_, value) = value.expect("a label of the metric");
            *sums.entry(value).or_default() += stat.value;
        }
        sums
    }

    fn check_values(&self, caps: LabelCaps) {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for stat in &self.stats {
            for (label, value) in labels(&stat.name).1 {
                if is_peers_choice(stat, label, value) {
                    values.entry(label.name()).or_default().insert(value);
                }
            }
        }
        for (label, values) in &values {
            let most = cap(caps, label).unwrap_or_else(|| panic!("{label} has no cap: {values:?}"));
            let count = values.len();
            assert!(count <= most, "L3: {count} values of {label}, the cap is {most}: {values:?}");
        }
        for stat in self.stats.iter().filter(|stat| stat.metric == Metric::LabelValues) {
            let (_, labels) = labels(&stat.name);
            let (_, label) = labels.first().expect("a label's name");
            let most = cap(caps, label).and_then(|most| i64::try_from(most).ok());
            assert!(Some(stat.value) <= most, "L3: {} is {}", stat.name, stat.value);
        }
    }

    /// Series that tell parties apart, in one metric and over all reporters.
    fn check_combinations(&self, combinations_max: u32) {
        let mut counts = [0_u32; Metric::ALL.len()];
        for stat in &self.stats {
            let (_, labels) = labels(&stat.name);
            let party = labels.iter().find(|(label, _)| label.is_party());
            if party.is_some_and(|(_, value)| *value != "__other__") {
                counts[stat.metric as usize] += 1;
            }
        }
        for (metric, count) in Metric::ALL.iter().zip(counts) {
            assert!(
                count <= combinations_max,
                "L3: {count} combinations of {metric:?}, the bound is {combinations_max}"
            );
        }
    }

    fn check_shared(&self, config: &Config) {
        // A value and a count for each label, and for each metric that tells parties apart; sets of
        // eight entries for twice the topic ids; for each reporter the lists of topics and groups.
        let caps = config.labels;
        let values: usize = Label::ALL.iter().filter_map(|label| cap(caps, label.name())).sum();
        let labels = Label::ALL.iter().filter(|label| cap(caps, label.name()).is_some()).count();
        let party = |metric: &&Metric| metric.definition().labels.iter().any(|l| l.is_party());
        let combinations = usize_of(config.limits.combinations_max) + 1;
        let sets = usize_of((config.limits.topic_ids_max * 2).div_ceil(8).max(1));
        let (topics, groups) = (usize_of(caps.topic), usize_of(caps.group));
        let most = values
            + labels
            + combinations * Metric::ALL.iter().filter(party).count()
            + sets
            + Reporter::ALL.len() * (topics + groups + topics * groups);
        let keys = self.shared.len();
        assert!(keys <= most, "L3: {keys} shared keys, {most} are possible");
        for (key, (value, _)) in &self.shared {
            assert!(key.len() <= KEY_MAX, "L3: a shared key of {} bytes", key.len());
            let most = VALUE_MAX;
            assert!(value.len() <= most, "L3: a shared value of {} bytes", value.len());
        }
    }
}

/// Whether a value is one of those that a label's cap bounds.
fn is_peers_choice(stat: &Stat, label: Label, value: &str) -> bool {
    match label {
        Label::Topic
        | Label::ClientId
        | Label::Group
        | Label::Software
        | Label::SoftwareVersion => {
            assert!(value.len() <= 3 * 255, "L3: a value of {label:?} of {} bytes", value.len());
            !matches!(value, "__other__" | "__unresolved__" | "__none__")
        }
        Label::Request => value.starts_with("api_key_"),
        Label::ApiVersion => is_unknown_version(stat, value),
        Label::Error => value.starts_with("error_code_"),
        _ => false,
    }
}

fn cap(caps: LabelCaps, label: &str) -> Option<usize> {
    let label = Label::ALL.iter().find(|known| known.name() == label)?;
    let cap = match label {
        Label::Topic => caps.topic,
        Label::ClientId => caps.client_id,
        Label::Group => caps.group,
        Label::Software => caps.software,
        Label::SoftwareVersion => caps.software_version,
        Label::Request => caps.request,
        Label::ApiVersion => caps.api_version,
        Label::Error => caps.error,
        _ => return None,
    };
    Some(usize_of(cap))
}

/// Whether no API of the tables has this version, or not the one that the series is about.
fn is_unknown_version(stat: &Stat, version: &str) -> bool {
    let Ok(version) = version.parse::<i16>() else {
        return false;
    };
    let (_, labels) = labels(&stat.name);
    let request = labels.into_iter().find(|(label, _)| *label == Label::Request);
    let name = request.map_or("", |(_, name)| name);
    let name = if name.starts_with("Fetch") && name != "FetchSnapshot" { "Fetch" } else { name };
    let api = schema::apis().find(|api| api.name == name);
    !api.is_some_and(|api| api.request.versions.contains(version))
}

/// Series that can exist at all when labels keep to their caps and metrics to their combinations.
fn series_max(config: &Config) -> usize {
    let caps = config.labels;
    let versions = schema::apis().map(|api| usize::from(api.request.versions.last) + 1).max();
    let values = |label: &Label| match label {
        Label::Topic => usize_of(caps.topic) + 2,
        Label::Request => schema::apis().count() + 2 + usize_of(caps.request),
        Label::ApiVersion => versions.unwrap_or(0) + usize_of(caps.api_version) + 1,
        Label::Error => error_code::codes().count() + usize_of(caps.error) + 1,
        Label::SoftwareVersion => usize_of(caps.software_version) + 2,
        // Those who are not told apart.
        Label::ClientId | Label::Group | Label::Software => 1,
        Label::Compression | Label::Reason | Label::LabelName => 10,
        Label::FilterRelease | Label::KafkaRelease => 1,
    };
    let of_metric = |metric: &Metric| {
        let labels = metric.definition().labels;
        let told_apart = labels.iter().any(|label| label.is_party());
        let combinations = if told_apart { config.limits.combinations_max } else { 0 };
        let rest = labels.iter().map(values).product::<usize>();
        rest * Reporter::ALL.len() + usize_of(combinations)
    };
    Metric::ALL.iter().map(of_metric).sum()
}

/// A stat name with a topic and a party, every byte of them escaped, and the names around.
const KEY_MAX: usize = 3 * (249 + 255) + 300;
/// A list of 4096 partitions: a number, an offset, a generation and a time each.
const VALUE_MAX: usize = 4096 * (4 + 8 + 4 + 4);
