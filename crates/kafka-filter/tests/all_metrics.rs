//! All conversations with all metrics on, and with each group of them turned off: what belongs
//! together sums up, gauges are given back, and a switch turns off its own group and nothing else.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "cases/cases.rs"]
#[allow(unreachable_pub, missing_docs, reason = "shared between the tests of this folder only")]
mod cases;
#[path = "support/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use kafka_filter::config::{Config, KEYS, Shape};
use kafka_filter::metrics::catalog::Metric;
use kafka_filter::metrics::groups::{MetricGroup, MetricGroups};
use support::play::{Case, Process, Split, differences};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Snapshot = BTreeMap<String, i64>;

/// The process when all connections of the case are closed.
fn played(case: &Case, split: Split) -> Process {
    let mut process = case.play(split);
    process.close_all();
    process.settle();
    process
}

#[test]
fn clients_sum_up_to_their_topics() {
    let mut seen = 0;
    for case in cases::with_all_metrics() {
        let found = played(&case, Split::Whole).snapshot();
        for way in ["produced", "fetched"] {
            for unit in ["records", "bytes"] {
                let clients = by_topic(&found, &format!("client_{way}_{unit}_total"));
                let topics = by_topic(&found, &format!("topic_{way}_{unit}_total"));
                assert_eq!(clients, topics, "{}: {way} {unit}", case.name);
                seen += topics.len();
            }
        }
    }
    assert!(seen > 100, "{seen} sums");
}

/// Sums of a metric over all labels but the topic.
fn by_topic(found: &Snapshot, metric: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (name, value) in found {
        let Some(labels) = name.strip_prefix(metric).and_then(|rest| rest.strip_prefix("{topic="))
        else {
            continue;
        };
        let topic = labels.split([',', '}']).next().expect("a value");
        *sums.entry(topic.to_owned()).or_insert(0) += value;
    }
    sums
}

#[test]
fn every_request_is_accounted_for_and_gauges_are_given_back() {
    for case in cases::with_all_metrics() {
        let process = played(&case, Split::Whole);
        let total = |name| process.host.total(name);
        assert_eq!(
            total("requests_total"),
            total("responses_total")
                + total("unacknowledged_requests_total")
                + total("in_flight_evicted_total"),
            "{}",
            case.name
        );
        for (name, value) in process.snapshot() {
            let is_kept = name.starts_with("label_values{") || name.starts_with("build_info");
            let metric = name.split('{').next().expect("a name");
            let is_gauge = metric_of(metric).definition().kind.as_str() == "gauge";
            assert!(!is_gauge || is_kept, "{}: {name} is {value} at the end", case.name);
        }
    }
}

/// Group errors are response errors, and deprecated requests are requests.
#[test]
fn parts_are_never_more_than_the_whole() {
    for case in cases::with_all_metrics() {
        let found = played(&case, Split::Whole).snapshot();
        for (part, label, whole) in [
            ("group_errors_total{", ",group=", "response_errors_total{"),
            ("deprecated_requests_total{", ",client_id=", "requests_total{"),
        ] {
            let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
            for (name, value) in &found {
                if let Some(labels) = name.strip_prefix(part) {
                    let (labels, _) = labels.split_once(label).expect("the label at the end");
                    *sums.entry(labels).or_insert(0) += value;
                }
            }
            for (labels, sum) in sums {
                let all = found.get(&format!("{whole}{labels}}}")).copied().unwrap_or(0);
                assert!(sum <= all, "{}: {part}{labels}: {sum} of {all}", case.name);
            }
        }
    }
}

#[test]
fn splits_change_nothing_with_all_metrics_on() {
    for case in cases::with_all_metrics() {
        let whole = case.play(Split::Whole).snapshot();
        let sizes: &[usize] = if case.size() > 20_000 { &[61] } else { &[1, 7, 61] };
        let splits = sizes.iter().map(|&size| Split::Every(size));
        for split in splits.chain((1..=3).map(Split::Random)) {
            let wrong = differences(&case.play(split).snapshot(), &whole);
            assert!(wrong.is_empty(), "{}, {split:?}:\n{}", case.name, wrong.join("\n"));
        }
    }
}

/// What a switch turns off is not there, and what it leaves is as it was. Label values are a
/// matter of their own: a value is admitted by whoever counts for it first.
#[test]
fn each_switch_turns_off_its_own_metrics_alone() {
    let mut never: BTreeSet<&str> =
        Metric::ALL.iter().map(|metric| metric.definition().name).collect();
    for case in cases::with_all_metrics() {
        let all = played(&case, Split::Whole).snapshot();
        never.retain(|name| !all.keys().any(|key| key.split('{').next() == Some(name)));
        for &group in MetricGroup::ALL {
            let config = without(group, case.config);
            let case = Case { config, steps: case.steps.clone(), expected: String::new(), ..case };
            let found = played(&case, Split::Whole).snapshot();
            let rest = |snapshot: &Snapshot| -> Snapshot {
                let is_other = |name: &str| {
                    let metric = metric_of(name.split('{').next().expect("a name"));
                    metric.definition().group != Some(group)
                        && !matches!(metric, Metric::LabelValues | Metric::LabelValuesOverflowed)
                };
                let others = snapshot.iter().filter(|(name, _)| is_other(name));
                others.map(|(name, value)| (name.clone(), *value)).collect()
            };
            let own: Vec<&String> = found
                .keys()
                .filter(|name| {
                    let metric = metric_of(name.split('{').next().expect("a name"));
                    metric.definition().group == Some(group)
                })
                .collect();
            assert!(own.is_empty(), "{} without {group:?}: {own:?}", case.name);
            let wrong = differences(&rest(&found), &rest(&all));
            assert!(wrong.is_empty(), "{} without {group:?}:\n{}", case.name, wrong.join("\n"));
        }
    }
    // Gauges are at zero by now, and a connection here is never given up for a bound of memory.
    let gauges = [
        "connections_active",
        "requests_in_flight",
        "in_flight_request_bytes",
        "topic_fetch_lag_records",
        "group_lag_records",
        "build_info",
    ];
    assert_eq!(never, BTreeSet::from(gauges), "metrics that no conversation shows");
}

/// The case's configuration with this group turned off too.
fn without(group: MetricGroup, config: &str) -> &'static str {
    let governs = |set: fn(&mut Config, bool)| {
        let mut config = Config::default();
        set(&mut config, false);
        config.metrics == MetricGroups::ALL.with(group, false)
    };
    let key = KEYS
        .iter()
        .find(|key| matches!(key.shape, Shape::Switch { set, .. } if governs(set)))
        .expect("a switch for each group");
    let name = key.path.strip_prefix("metrics.").expect("a switch of metrics");
    let rest = config.trim_start().strip_prefix('{').unwrap_or("}");
    let rest = rest.replace("\"metrics\": {}", "").trim_start().to_owned();
    let rest = rest.strip_prefix(',').unwrap_or(&rest).trim_start();
    let comma = if rest.starts_with('}') { "" } else { ", " };
    format!("{{\"metrics\": {{\"{name}\": false}}{comma}{rest}").leak()
}

fn metric_of(name: &str) -> Metric {
    let found = Metric::ALL.iter().find(|metric| metric.definition().name == name);
    *found.unwrap_or_else(|| panic!("{name} is no metric"))
}
