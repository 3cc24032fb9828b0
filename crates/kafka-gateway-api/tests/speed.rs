//! What reading and answering a request costs; run it alone and optimised:
//! `cargo test --release -p kafka-gateway-api --test speed -- --ignored --nocapture`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use kafka_gateway_api::v3::{self, Documents};
use kafka_gateway_api::{Outcome, Position, push, raw};

/// Generous: the numbers that are printed are what counts, and neighbours may be loud.
const LIMIT: Duration = Duration::from_micros(50);

#[test]
#[ignore = "measures time"]
fn a_request_of_four_kibibytes_costs_microseconds() {
    let data = "0123456789abcdef".repeat(256);
    let push =
        format!(r#"{{"records":[{{"topic":"orders","data":"{data}"}}],"wait_for_send":true}}"#);
    let escaped = format!(
        r#"{{"records":[{{"topic":"orders","data":"{}"}}]}}"#,
        data.replace("\"", "").replace('0', "\\\"")
    );
    let document = format!(r#"{{"value":{{"type":"JSON","data":{{"text":"{data}"}}}}}}"#);
    let written =
        Outcome::Written(Position { partition: 0, offset: Some(7), timestamp_ms: Some(1 << 40) });

    measure("push, 4 KiB", || push::parse(black_box(push.as_bytes()), 1000).map(drop));
    measure("push, 4 KiB with 256 escapes", || {
        push::parse(black_box(escaped.as_bytes()), 1000).map(drop)
    });
    measure("a document of a stream, 4 KiB of JSON", || {
        v3::record("orders", black_box(document.as_bytes())).map(drop)
    });
    measure("cutting a stream, 4 KiB", || {
        let mut documents = Documents::new(1 << 20);
        documents.push(black_box(document.as_bytes()));
        documents.next().expect("a document").map(drop)
    });
    measure("a raw body", || {
        let headers = [("kafka-key", &b"key"[..]), ("content-type", b"text/plain")];
        let query = Some("partition=1&header.trace=abc");
        raw::record("orders", headers.into_iter(), query, black_box(data.as_bytes())).map(drop)
    });
    measure("answer of push", || {
        black_box(push::respond(black_box(std::slice::from_ref(&written))));
        Ok(())
    });
}

/// Prints the best of several rounds.
fn measure(what: &str, work: impl Fn() -> Result<(), kafka_gateway_api::Refusal>) {
    let rounds = (0..20).map(|_| {
        let begun = Instant::now();
        for _ in 0..ROUND {
            work().expect(what);
        }
        begun.elapsed() / ROUND
    });
    let best = rounds.min().unwrap_or(Duration::MAX);
    println!("{what}: {} ns", best.as_nanos());
    assert!(best < LIMIT, "{what} takes {best:?}");
}

const ROUND: u32 = 2000;
