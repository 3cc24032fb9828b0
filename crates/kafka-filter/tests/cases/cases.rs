//! Conversations with what must be counted at their end, by what they are about.

use crate::support::play::{Case, Step};

pub mod broken;
pub mod fetch;
pub mod flow;
pub mod produce;
pub mod sasl;
pub mod topics;

/// Every conversation.
pub fn all() -> Vec<Case> {
    let families = [
        produce::cases(),
        fetch::cases(),
        topics::cases(),
        flow::cases(),
        sasl::cases(),
        broken::cases(),
    ];
    families.into_iter().flatten().collect()
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
