//! Conversations between clients and brokers, and exactly what is counted at their end.

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

use support::play::{Split, check, differences};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the other tests rest on: a wrong number, a missing one and one too many are seen.
#[test]
fn a_wrong_expectation_is_noticed() {
    let mut case = cases::all().remove(0);
    let found = case.play(Split::Whole).snapshot();
    assert_eq!(differences(&found, &case.expectation()), Vec::<String>::new());
    case.expected =
        case.expected.replace("records_total{topic=orders} 5", "records_total{topic=orders} 6");
    case.expected += "\nthrottled_responses_total{request=Produce} 1";
    case.expected = case.expected.replace("label_values{label=topic} 1", "");
    assert_eq!(
        differences(&found, &case.expectation()),
        [
            "label_values{label=topic}: counted 1, expected 0",
            "throttled_responses_total{request=Produce}: counted 0, expected 1",
            "topic_produced_records_total{topic=orders}: counted 5, expected 6",
        ]
    );
}

#[test]
fn what_is_produced() {
    check_family("what is produced");
}

#[test]
fn what_is_fetched() {
    check_family("what is fetched");
}

#[test]
fn which_topics_there_are() {
    check_family("which topics there are");
}

#[test]
fn how_requests_and_responses_flow() {
    check_family("how requests and responses flow");
}

#[test]
fn how_clients_authenticate() {
    check_family("how clients authenticate");
}

#[test]
fn what_cannot_be_decoded() {
    check_family("what cannot be decoded");
}

/// A conversation is found by its name when it fails.
#[test]
fn every_conversation_has_a_name_of_its_own() {
    let mut names: Vec<&str> = cases::all().iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 100, "{count} conversations");
}

#[test]
fn what_groups_do() {
    check_family("what groups do");
}

#[test]
fn what_groups_are_called() {
    check_family("what groups are called");
}

#[test]
fn which_clients_there_are() {
    check_family("which clients there are");
}

#[test]
fn which_software_clients_are() {
    check_family("which software clients are");
}

#[test]
fn which_versions_are_deprecated() {
    check_family("which versions are deprecated");
}

#[test]
fn what_is_fetched_by_shares() {
    check_family("what is fetched by shares");
}

#[test]
fn how_old_records_are() {
    check_family("how old records are");
}

#[test]
fn how_far_behind_connections_are() {
    check_family("how far behind connections are");
}

fn check_family(name: &str) {
    let mut families = cases::families();
    let family = families.iter().position(|(other, _)| *other == name).expect("such a family");
    check(&families.swap_remove(family).1);
}
