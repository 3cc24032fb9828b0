//! Conversations with what must be counted at their end, by what they are about.

use kafka_filter::config::{KEYS, Shape};

use crate::support::play::{Case, Step};

pub mod broken;
pub mod clients;
pub mod deprecated;
pub mod fetch;
pub mod flow;
pub mod group_labels;
pub mod groups;
pub mod lag;
pub mod latency;
pub mod produce;
pub mod sasl;
pub mod share;
pub mod software;
pub mod topics;

/// Every conversation.
pub fn all() -> Vec<Case> {
    families().into_iter().flat_map(|(_, cases)| cases).collect()
}

/// Every conversation with all metrics on: nobody has written down what is counted then.
#[allow(dead_code, reason = "one of the tests that share this plays them")]
pub fn with_all_metrics() -> Vec<Case> {
    all().into_iter().map(Case::with_all_metrics).collect()
}

/// Conversations by what they are about. Those that show what is counted for topics, and what at
/// all, have the other groups of metrics turned off.
pub fn families() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("what is produced", topics_only(produce::cases())),
        ("what is fetched", topics_only(fetch::cases())),
        ("which topics there are", topics_only(topics::cases())),
        ("how requests and responses flow", topics_only(flow::cases())),
        ("how clients authenticate", topics_only(sasl::cases())),
        ("what cannot be decoded", topics_only(broken::cases())),
        ("what groups do", groups::cases()),
        ("what groups are called", group_labels::cases()),
        ("which clients there are", clients::cases()),
        ("which software clients are", software::cases()),
        ("which versions are deprecated", deprecated::cases()),
        ("what is fetched by shares", share::cases()),
        ("how old records are", latency::cases()),
        ("how far behind connections are", lag::cases()),
    ]
}

fn topics_only(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(Case::topics_only).collect()
}

/// A configuration with these groups of metrics on and the others off, and with `more` keys.
pub fn only(groups: &[&str], more: &str) -> &'static str {
    let switches = KEYS.iter().filter(|key| matches!(key.shape, Shape::Switch { .. }));
    let known: Vec<&str> = switches.filter_map(|key| key.path.strip_prefix("metrics.")).collect();
    assert!(groups.iter().all(|group| known.contains(group)), "{groups:?} of {known:?}");
    let each: Vec<String> =
        known.iter().map(|group| format!("\"{group}\": {}", groups.contains(group))).collect();
    let comma = if more.is_empty() { "" } else { ", " };
    format!("{{\"metrics\": {{{}}}{comma}{more}}}", each.join(", ")).leak()
}

/// One connection: each request with its response, then it closes.
pub fn talk(exchanges: &[(&[u8], &[u8])]) -> Vec<Step> {
    let mut steps = vec![Step::Open(0, 0)];
    for (asked, answered) in exchanges {
        steps.push(Step::Client(0, asked.to_vec()));
        steps.push(Step::Wait(700));
        steps.push(Step::Broker(0, answered.to_vec()));
    }
    steps.push(Step::Close(0));
    steps
}
