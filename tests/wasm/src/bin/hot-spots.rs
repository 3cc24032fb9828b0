//! Prints in which functions the filter spends its operations on one message, exactly and
//! repeatably.
//!
//! ```text
//! cargo run -p kafka-filter-wasm-tests --bin hot-spots -- heartbeat
//! ```
//!
//! A fresh worker is stopped after 1, 2, ... times STEP operations of the same callback, and where
//! it stands each time is counted. There is no clock and no chance in it. Calls to the host are not
//! in the figures.

use std::collections::{BTreeMap, BTreeSet};

use kafka_filter_wasm_tests::scenario::{self, LONG, WHOLE, Way};
use kafka_filter_wasm_tests::{Envoy, Stream, Worker, kafka};

/// A request and its response.
type Pair = (Vec<u8>, Vec<u8>);

/// Samples that a callback is cut into.
const SAMPLES: u64 = 200;
const FUNCTIONS_SHOWN: usize = 16;

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    let Some((_, pair)) = pairs().into_iter().find(|(name, _)| *name == word) else {
        let known: Vec<_> = pairs().into_iter().map(|(name, _)| name).collect();
        eprintln!("which message? one of {}", known.join(", "));
        std::process::exit(2);
    };
    for way in [Way::Down, Way::Up] {
        print_hot_spots(&word, &pair, way);
    }
}

fn pairs() -> Vec<(&'static str, Pair)> {
    let names: Vec<String> = (0..50).map(|index| format!("topic-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fetched = kafka::fetch_response(ID, "orders", &kafka::batch(10, 1_000));
    let records = kafka::batch(10, 1_000);
    vec![
        ("heartbeat", (kafka::heartbeat_request(ID), kafka::heartbeat_response(ID, 0))),
        ("api-versions", (kafka::api_versions_request(ID), kafka::api_versions_response(ID))),
        ("metadata", (kafka::metadata_request(ID, &names), kafka::metadata_response(ID, &names))),
        (
            "produce",
            (
                kafka::produce_request(ID, 1, "orders", &records),
                kafka::produce_response(ID, "orders", 0),
            ),
        ),
        ("fetch", (kafka::fetch_request(ID, "orders"), fetched)),
    ]
}

/// A worker that has seen all of it before, at the moment when the message comes.
fn ready(pair: &Pair, way: Way) -> (Worker, Stream) {
    let envoy = Envoy::new();
    let mut worker = envoy.named_worker();
    let root = worker.configure("", b"").expect("the defaults are accepted");
    let stream = worker.open(root, 2);
    scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
    worker.downstream(stream, &pair.0);
    worker.upstream(stream, &pair.1);
    worker.rest(LONG);
    if way == Way::Up {
        worker.downstream(stream, &pair.0);
    }
    (worker, stream)
}

fn print_hot_spots(what: &str, pair: &Pair, way: Way) {
    let (mut worker, stream) = ready(pair, way);
    let before = worker.fuel();
    let bytes = if way == Way::Down { &pair.0 } else { &pair.1 };
    scenario::send(&mut worker, stream, way, bytes, WHOLE);
    let total = worker.fuel() - before;
    let step = total.div_ceil(SAMPLES).max(1);

    // By function: samples inside it itself, and with what it calls.
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for operations in (0..total).step_by(usize::try_from(step).expect("a small step")) {
        let (worker, stream) = ready(pair, way);
        let Some(stack) = worker.stack_after(operations, stream, way, bytes) else { break };
        if let Some(innermost) = stack.first() {
            found.entry(innermost.clone()).or_default().0 += step;
        }
        for function in stack.into_iter().collect::<BTreeSet<_>>() {
            found.entry(function).or_default().1 += step;
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, (own, all))| std::cmp::Reverse((*own, *all)));
    println!("{what} {way:?}: {total} operations; in the function itself, with its callees");
    for (function, (own, all)) in found.iter().take(FUNCTIONS_SHOWN) {
        println!("{own:>8} {all:>8}  {:#}", rustc_demangle::demangle(function));
    }
}

const ID: i32 = 7;
