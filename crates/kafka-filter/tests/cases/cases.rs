//! Conversations with what must be counted at their end, by what they are about.

use crate::support::play::{Case, Step};

pub mod broken;
pub mod fetch;
pub mod flow;
pub mod groups;
pub mod produce;
pub mod sasl;
pub mod topics;

/// Every conversation.
pub fn all() -> Vec<Case> {
    families().into_iter().flat_map(|(_, cases)| cases).collect()
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
    ]
}

fn topics_only(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(Case::topics_only).collect()
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
