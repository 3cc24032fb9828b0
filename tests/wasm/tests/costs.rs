//! What the filter executes for each thing that it sees, in wasm operations, and which calls it
//! makes to the host.
//!
//! The figures are the same in every run and on every machine, so a rise is a change of the code
//! and not noise. They are not time: a call to the host costs far more than an operation. Each has
//! a ceiling about a tenth above what was measured; whoever makes the filter cheaper lowers it.
//! `cargo test -p kafka-filter-wasm-tests --test costs -- --nocapture` prints the table, and the
//! binary `hot-spots` tells where the operations go.

use std::collections::BTreeMap;

use kafka_filter_wasm_tests::scenario::{self, LONG, WHOLE, Way};
use kafka_filter_wasm_tests::{Calls, Envoy, Goodbye, Root, Stream, Worker, kafka};

/// A worker with one connection, on which all that is measured has happened before: series are
/// defined, topics known.
struct Bench {
    worker: Worker,
    root: Root,
    stream: Stream,
}

/// What one of many equal things cost.
struct Cost {
    operations: u64,
    calls: BTreeMap<&'static str, u64>,
    buffer_bytes: u64,
}

impl Bench {
    fn new() -> Self {
        let envoy = Envoy::new();
        let mut worker = envoy.worker();
        let root = worker.configure("", b"").expect("accepted");
        let stream = worker.open(root, 2);
        scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
        worker.rest(LONG);
        Self { worker, root, stream }
    }

    /// Runs `what` once to warm up and then `times` times.
    fn measure(&mut self, times: u64, mut what: impl FnMut(&mut Self)) -> Cost {
        what(self);
        self.worker.rest(LONG);
        self.worker.take_calls();
        let before = self.worker.fuel();
        for _ in 0..times {
            what(self);
        }
        let operations = (self.worker.fuel() - before) / times;
        let Calls { by_import, buffer_bytes, .. } = self.worker.take_calls();
        // Rounded up, so that a call that is made only now and then shows.
        let calls =
            by_import.into_iter().map(|(name, count)| (name, count.div_ceil(times))).collect();
        Cost { operations, calls, buffer_bytes: buffer_bytes / times }
    }

    /// A request and its response, each in one callback.
    fn pair(&mut self, request: &[u8], response: &[u8], piece: usize) {
        scenario::send(&mut self.worker, self.stream, Way::Down, request, piece);
        scenario::send(&mut self.worker, self.stream, Way::Up, response, piece);
    }
}

/// Prints the figure and holds it under its ceiling.
fn check(what: &str, cost: &Cost, ceiling: u64) {
    let Cost { operations, calls, buffer_bytes } = cost;
    println!(
        "{what}: {operations} operations (ceiling {ceiling}), {buffer_bytes} bytes copied, {calls:?}"
    );
    assert!(*operations <= ceiling, "{what}: {operations} operations are more than {ceiling}");
}

#[test]
fn a_small_request_and_its_response() {
    let mut bench = Bench::new();
    let (request, response) = (kafka::heartbeat_request(1), kafka::heartbeat_response(1, 0));
    let cost = bench.measure(100, |bench| bench.pair(&request, &response, WHOLE));
    check("heartbeat pair", &cost, 9_700);
    let metric_calls = cost.calls.get("proxy_increment_metric").copied().unwrap_or(0)
        + cost.calls.get("proxy_record_metric").copied().unwrap_or(0);
    assert_eq!(metric_calls, 1, "a sample; what is counted waits for the tick: {:?}", cost.calls);
    assert_eq!(cost.calls.get("proxy_get_buffer_bytes"), Some(&2), "one copy each way");
    assert_eq!(cost.calls.get("proxy_define_metric"), None, "series are defined once");
}

#[test]
fn sixty_four_small_requests_in_one_callback() {
    let mut bench = Bench::new();
    let requests: Vec<u8> = (0..64).flat_map(kafka::heartbeat_request).collect();
    let responses: Vec<u8> = (0..64).flat_map(|id| kafka::heartbeat_response(id, 0)).collect();
    let cost = bench.measure(20, |bench| bench.pair(&requests, &responses, WHOLE));
    check("64 heartbeat pairs", &cost, 64 * 8_100);
    let calls: u64 = cost.calls.values().sum();
    assert!(
        calls <= 64 + 4,
        "the histogram's samples, the time, and a copy each way: {:?}",
        cost.calls
    );
}

#[test]
fn a_connection() {
    let mut bench = Bench::new();
    let (request, response) = (kafka::api_versions_request(1), kafka::api_versions_response(1));
    let cost = bench.measure(50, |bench| {
        let stream = bench.worker.open(bench.root, 2);
        scenario::send(&mut bench.worker, stream, Way::Down, &request, WHOLE);
        scenario::send(&mut bench.worker, stream, Way::Up, &response, WHOLE);
        bench.worker.close(stream, Goodbye::WithoutUpstream);
    });
    check("connect, ApiVersions, close", &cost, 30_500);
}

#[test]
fn a_small_produce() {
    let mut bench = Bench::new();
    let request = kafka::produce_request(1, 1, "orders", &kafka::batch(1, 100));
    let response = kafka::produce_response(1, "orders", 0);
    let cost = bench.measure(100, |bench| bench.pair(&request, &response, WHOLE));
    check("Produce pair, 1 record", &cost, 19_400);
}

/// What ten partitions cost that a group commits.
#[test]
fn a_commit() {
    let mut bench = Bench::new();
    let request = kafka::offset_commit_request(1, "orders", &[5; 10]);
    let response = kafka::offset_commit_response(1, "orders", 10);
    let cost = bench.measure(100, |bench| bench.pair(&request, &response, WHOLE));
    check("OffsetCommit pair, 10 partitions", &cost, 51_500);
}

/// What each second costs a worker that has carried every kind of traffic here, when nothing has
/// happened in it and when each kind did once.
#[test]
fn a_second() {
    let mut bench = Bench::new();
    let read = kafka::fetch_response(1, "orders", &kafka::batch(5, 100));
    let exchanges = [
        (kafka::heartbeat_request(1), kafka::heartbeat_response(1, 0)),
        (kafka::fetch_request(1, "orders"), read),
        (
            kafka::offset_commit_request(1, "orders", &[5; 10]),
            kafka::offset_commit_response(1, "orders", 10),
        ),
    ];
    let all = |bench: &mut Bench| {
        for (request, response) in &exchanges {
            bench.pair(request, response, WHOLE);
        }
    };
    all(&mut bench);
    let idle = bench.measure(20, |bench| bench.worker.rest(1));
    check("a second without traffic", &idle, 8_300);
    let alone = bench.measure(20, all);
    let busy = bench.measure(20, |bench| {
        all(bench);
        bench.worker.rest(1);
    });
    let operations = busy.operations - alone.operations;
    check("the end of a second with a little traffic", &Cost { operations, ..busy }, 12_900);
}

#[test]
fn a_large_produce() {
    let mut bench = Bench::new();
    let request = kafka::produce_request(1, 1, "orders", &kafka::batch(1_000, 128 * 1024));
    let response = kafka::produce_response(1, "orders", 0);
    let cost = bench.measure(20, |bench| bench.pair(&request, &response, 32 * 1024));
    check("Produce pair, 128 KiB in callbacks of 32 KiB", &cost, 21_200);
}

#[test]
fn a_mebibyte_of_fetched_records() {
    for (batches, ceiling) in [(1, 29_700), (16, 66_000), (1_024, 905_000)] {
        let mut bench = Bench::new();
        let size = (1 << 20) / batches - kafka::BATCH_HEADER_SIZE;
        let records: Vec<u8> = (0..batches).flat_map(|_| kafka::batch(10, size)).collect();
        let (request, response) =
            (kafka::fetch_request(1, "orders"), kafka::fetch_response(1, "orders", &records));
        let cost = bench.measure(10, |bench| bench.pair(&request, &response, 64 * 1024));
        check(&format!("Fetch of 1 MiB, {batches} batches, callbacks of 64 KiB"), &cost, ceiling);
    }
}

#[test]
fn a_topic_in_metadata() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..1_000).map(|index| format!("topic-number-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (request, response) =
        (kafka::metadata_request(1, &[]), kafka::metadata_response(1, &names));
    let none = kafka::metadata_response(1, &[]);
    let base = bench.measure(10, |bench| bench.pair(&request, &none, WHOLE));
    let full = bench.measure(10, |bench| bench.pair(&request, &response, WHOLE));
    let each = Cost { operations: (full.operations - base.operations) / 1_000, ..full };
    check("a topic with one partition in Metadata, seen before", &each, 6_300);
    let mut fresh = Bench::new();
    fresh.worker.take_calls();
    let before = fresh.worker.fuel();
    fresh.pair(&request, &response, WHOLE);
    let operations = (fresh.worker.fuel() - before - base.operations) / 1_000;
    let Calls { by_import, buffer_bytes, .. } = fresh.worker.take_calls();
    check(
        "the same, never seen before",
        &Cost { operations, calls: by_import, buffer_bytes },
        7_300,
    );
}
