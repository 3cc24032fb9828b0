//! Conversations between clients and brokers, and exactly what is counted at their end.

#[path = "cases/cases.rs"]
#[allow(unreachable_pub, missing_docs, reason = "shared between the tests of this folder only")]
mod cases;
#[path = "support/support.rs"]
mod support;

use support::play::check;

#[test]
fn what_is_produced() {
    check(&cases::produce::cases());
}

#[test]
fn what_is_fetched() {
    check(&cases::fetch::cases());
}

#[test]
fn which_topics_there_are() {
    check(&cases::topics::cases());
}

#[test]
fn how_requests_and_responses_flow() {
    check(&cases::flow::cases());
}

#[test]
fn how_clients_authenticate() {
    check(&cases::sasl::cases());
}

#[test]
fn what_cannot_be_decoded() {
    check(&cases::broken::cases());
}
