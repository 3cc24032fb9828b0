//! Record payloads stay outside the VM: what is copied does not grow with them.

use kafka_filter_wasm_tests::scenario::{self, LONG, Way, series};
use kafka_filter_wasm_tests::{Calls, Envoy, kafka};

/// One MiB of records in as many batches.
fn mebibyte(batches: usize) -> Vec<u8> {
    (0..batches)
        .flat_map(|_| kafka::batch(100, (1 << 20) / batches - kafka::BATCH_HEADER_SIZE))
        .collect()
}

/// What is asked of the host for a message after a connection's first request, in callbacks of
/// `piece` bytes.
fn calls_for(way: Way, message: &[u8], piece: usize) -> Calls {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, 2);
    worker.downstream(stream, &kafka::fetch_request(1, "t"));
    worker.rest(LONG);
    worker.take_calls();
    scenario::send(&mut worker, stream, way, message, piece);
    let calls = worker.take_calls();
    worker.rest(LONG);
    if way == Way::Up {
        let fetched =
            series("topic_fetched_bytes_total", &[("reporter", "source"), ("topic", "t")]);
        assert_eq!(envoy.counter(&fetched), 1 << 20);
    } else {
        let sent = series(
            "requests_total",
            &[("reporter", "source"), ("request", "Produce"), ("api_version", "7")],
        );
        assert_eq!(envoy.counter(&sent), 1);
    }
    calls
}

#[test]
fn a_mebibyte_of_records_is_not_copied() {
    let produce = kafka::produce_request(2, 1, "t", &mebibyte(1));
    let fetch = kafka::fetch_response(1, "t", &mebibyte(1));
    for (way, message) in [(Way::Down, &produce), (Way::Up, &fetch)] {
        for piece in [1 << 20, 256 * 1024, 16 * 1024] {
            let calls = calls_for(way, message, piece);
            println!("{way:?}, 1 MiB in one batch, callbacks of {piece}: {calls:?}");
            assert!(calls.buffer_bytes <= COPIED_MAX, "{way:?} in callbacks of {piece}: {calls:?}");
        }
    }
}

#[test]
fn what_is_copied_grows_with_batches_and_not_with_their_records() {
    for batches in [16, 64] {
        let fetch = kafka::fetch_response(1, "t", &mebibyte(batches));
        let calls = calls_for(Way::Up, &fetch, 64 * 1024);
        println!("{batches} batches in 1 MiB: {calls:?}");
        let copied_max = COPIED_MAX + COPIED_PER_BATCH_MAX * u64::try_from(batches).unwrap();
        assert!(calls.buffer_bytes <= copied_max, "{batches} batches: {calls:?}");
    }
}

#[test]
fn one_copy_has_a_bound() {
    // Many small messages in one callback: all of it is of interest, in windows.
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, 2);
    let topics: Vec<String> = (0..20_000).map(|index| format!("topic-number-{index}")).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    worker.downstream(stream, &kafka::metadata_request(1, &topics));
    let response = kafka::metadata_response(1, &topics);
    scenario::send(&mut worker, stream, Way::Up, &response, 1 << 20);
    let calls = worker.take_calls();
    println!(
        "Metadata of {} topics, {} bytes: {:?}",
        topics.len(),
        response.len(),
        calls.buffer_bytes
    );
    assert!(calls.buffer_bytes_max <= WINDOW_MAX, "{calls:?}");
}

/// Whole messages but for their records, and what a window reads too far.
const COPIED_MAX: u64 = 4 * 1024;
/// A batch's header and what a window reads too far.
const COPIED_PER_BATCH_MAX: u64 = 1024;
/// Linear memory never shrinks, so one copy must not make it grow.
const WINDOW_MAX: u64 = 64 * 1024;
