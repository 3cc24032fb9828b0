//! Recorded conversations of real clients with a real Kafka, replayed whole and in pieces.
//!
//! `tests/captures/record.py` made them; what must be counted was computed there from the same
//! bytes by Kafka's own classes, never by the filter.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "support/support.rs"]
mod support;

use std::collections::BTreeMap;

use support::play::{Case, Process, Split, Step, differences, expectation};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

macro_rules! capture {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../tests/captures/", $name, ".txt")),
            include_str!(concat!("../../../tests/captures/", $name, ".expected")),
        )
    };
}

/// Name, what passed, what must be counted.
const CAPTURES: [(&str, &str, &str); 7] = [
    capture!("aiokafka"),
    capture!("confluent"),
    capture!("java"),
    capture!("kafka_python"),
    capture!("kcat"),
    capture!("too_large"),
    capture!("unknown_topic"),
];

/// Sizes of pieces in which every capture comes too.
const SIZES: [usize; 5] = [1, 3, 61, 257, 1_023];
const RANDOM_SPLITS: u64 = 8;

#[test]
fn captures_are_counted_as_kafkas_own_classes_count_them() {
    let mut wrong = Vec::new();
    for (case, expected) in captures() {
        let process = case.play(Split::Whole);
        let found = differences(&comparable(&process), &expected);
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", case.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn captures_in_pieces_count_the_same() {
    for (case, _) in captures() {
        let whole = case.play(Split::Whole).snapshot();
        let sizes = SIZES.into_iter().map(Split::Every);
        for split in sizes.chain((1..=RANDOM_SPLITS).map(Split::Random)) {
            let wrong = differences(&case.play(split).snapshot(), &whole);
            assert!(wrong.is_empty(), "{}, {split:?}:\n{}", case.name, wrong.join("\n"));
        }
    }
}

/// Every step is cut in each run, so that as many runs are enough as the largest step has bytes.
#[test]
fn captures_cut_at_every_byte_count_the_same() {
    for (case, _) in captures() {
        let whole = case.play(Split::Whole).snapshot();
        for at in 1..case.step_size_max() {
            let wrong = differences(&case.play(Split::EachAt(at)).snapshot(), &whole);
            assert!(wrong.is_empty(), "{} cut at {at}:\n{}", case.name, wrong.join("\n"));
        }
    }
}

/// Every capture with each of its connections broken off after every so many bytes.
#[test]
fn captures_that_end_early_give_everything_back() {
    for (case, _) in captures() {
        for limit in (0..case.size()).step_by(97) {
            let mut process = Process::new("", 2);
            let mut left = limit;
            for step in &case.steps {
                if let Step::Client(_, bytes) | Step::Broker(_, bytes) = step {
                    left = match left.checked_sub(bytes.len()) {
                        Some(left) => left,
                        None => break,
                    };
                }
                process.play(std::slice::from_ref(step), Split::Whole);
            }
            process.close_all();
            process.settle();
            let total = |name| process.host.total(name);
            assert_eq!(total("requests_in_flight"), 0, "{} after {limit}", case.name);
            assert_eq!(total("connections_active"), 0, "{} after {limit}", case.name);
            assert_eq!(
                total("requests_total"),
                total("responses_total")
                    + total("unacknowledged_requests_total")
                    + total("in_flight_evicted_total"),
                "{} after {limit}",
                case.name
            );
        }
    }
}

/// Values of a moment, which no message tells; the end-to-end tests hold them against Kafka's own tools.
const GAUGES: [&str; 3] = ["label_values", "topic_fetch_lag_records", "group_lag_records"];

/// What Kafka's classes can tell. They know nothing of labels, and which topic an error belongs to
/// depends on what was known then: those are summed.
fn comparable(process: &Process) -> BTreeMap<String, i64> {
    let mut values = BTreeMap::new();
    for (name, value) in process.snapshot() {
        if GAUGES.iter().any(|gauge| name.starts_with(gauge)) {
            continue;
        }
        let name = match name.strip_prefix("topic_errors_total{topic=") {
            Some(rest) => {
                let (_, labels) = rest.split_once(',').unwrap();
                format!("topic_errors_total{{{labels}")
            }
            None => name,
        };
        *values.entry(name).or_insert(0) += value;
    }
    values
}

fn captures() -> Vec<(Case, BTreeMap<String, i64>)> {
    CAPTURES
        .into_iter()
        .map(|(name, text, expected)| {
            let case = Case { name, config: "", steps: steps(text), expected: String::new() };
            (case, expectation(expected))
        })
        .collect()
}

/// Reads `open 0`, `client 0` with lines of bytes in hexadecimal below it, `broker 0`, `close 0`.
/// Connections take turns on two workers.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(hex) = line.strip_prefix("  ") {
            match steps.last_mut() {
                Some(Step::Client(_, bytes) | Step::Broker(_, bytes)) => bytes.extend(unhex(hex)),
                _ => panic!("bytes of nobody: {line}"),
            }
            continue;
        }
        let (what, number) = line.split_once(' ').expect("a word and a number");
        let number: usize = number.parse().expect("the number of a connection");
        steps.push(match what {
            "open" => Step::Open(number, number % 2),
            "client" => Step::Client(number, Vec::new()),
            "broker" => Step::Broker(number, Vec::new()),
            "close" => Step::Close(number),
            other => panic!("unknown: {other}"),
        });
    }
    steps
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
