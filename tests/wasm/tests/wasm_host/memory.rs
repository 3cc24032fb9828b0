//! What connections cost in memory. Linear memory never shrinks, so what it grew to is what a
//! worker keeps.

use kafka_filter_wasm_tests::scenario::{LONG, series};
use kafka_filter_wasm_tests::{Envoy, Goodbye, Root, Stream, Worker, kafka};

fn open_idle(worker: &mut Worker, root: Root) -> Vec<Stream> {
    (0..CONNECTIONS).map(|_| worker.open(root, 2)).collect()
}

/// Connections that each said hello, asked for metadata and produced, and then went idle.
fn open_used(worker: &mut Worker, root: Root, topics: &[&str]) -> Vec<Stream> {
    let streams = open_idle(worker, root);
    for (index, stream) in streams.iter().enumerate() {
        let topic = topics[index % topics.len()];
        worker.downstream(*stream, &kafka::api_versions_request(1));
        worker.upstream(*stream, &kafka::api_versions_response(1));
        worker.downstream(*stream, &kafka::metadata_request(2, topics));
        worker.upstream(*stream, &kafka::metadata_response(2, topics));
        worker.downstream(*stream, &kafka::produce_request(3, 1, topic, &kafka::batch(10, 1_000)));
        worker.upstream(*stream, &kafka::produce_response(3, topic, 0));
    }
    streams
}

#[test]
fn a_thousand_connections_stay_within_the_budget() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let topics: Vec<String> = (0..TOPICS).map(|index| format!("topic-{index}")).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    // The first connection makes what all of them share: series, topics, the cache of names.
    let start = worker.memory_bytes();
    let first = worker.open(root, 2);
    worker.close(first, Goodbye::Both);
    let shared = worker.memory_bytes();
    let idle = open_idle(&mut worker, root);
    let after_idle = worker.memory_bytes();
    for stream in idle {
        worker.close(stream, Goodbye::DeleteOnly);
    }
    let used = open_used(&mut worker, root, &topics);
    let after_used = worker.memory_bytes();
    println!(
        "linear memory: {start} at start, {shared} after one connection, {after_idle} with {CONNECTIONS} \
         idle, {after_used} with {CONNECTIONS} used over {TOPICS} topics"
    );
    println!(
        "an idle connection: {} bytes; a used one, series and topics included: {} bytes",
        (after_idle - shared) / CONNECTIONS,
        (after_used - shared) / CONNECTIONS
    );
    assert!((after_idle - shared) / CONNECTIONS <= CONNECTION_BYTES_MAX);
    assert!(after_used <= WORKER_BYTES_MAX);

    // What closed connections held serves the next ones: the worker does not grow with their
    // number.
    let mut streams = used;
    for _ in 0..5 {
        for stream in streams {
            worker.close(stream, Goodbye::WithoutUpstream);
        }
        streams = open_used(&mut worker, root, &topics);
    }
    let again = worker.memory_bytes();
    println!("after {} more connections, one thousand at a time: {again}", 5 * CONNECTIONS);
    assert!(again <= after_used + SLACK_BYTES, "{again} grew from {after_used}");
}

#[test]
fn an_idle_connection_that_was_used_keeps_little() {
    // Twice the connections on the same topics: the difference is what connections keep, nothing
    // shared.
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    open_used(&mut worker, root, &["t"]);
    let before = worker.memory_bytes();
    open_used(&mut worker, root, &["t"]);
    let grown = (worker.memory_bytes() - before) / CONNECTIONS;
    println!("a connection that was used and is idle: {grown} bytes");
    assert!(grown <= CONNECTION_BYTES_MAX, "{grown} bytes");
}

#[test]
fn a_large_message_does_not_make_the_worker_grow() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, 2);
    worker.downstream(stream, &kafka::fetch_request(1, "t"));
    worker.upstream(stream, &kafka::fetch_response(1, "t", &kafka::batch(1, 1_000)));
    let before = worker.memory_bytes();
    for id in 2..10 {
        worker.downstream(stream, &kafka::fetch_request(id, "t"));
        for part in kafka::fetch_response(id, "t", &kafka::batch(1, 8 << 20)).chunks(1 << 20) {
            worker.upstream(stream, part);
        }
    }
    assert_eq!(worker.memory_bytes(), before);
}

#[test]
fn names_and_ids_without_end_stay_within_the_budget() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let (mut sizes, mut shared) = (Vec::new(), Vec::new());
    for round in 0..4 {
        let topics: Vec<(String, [u8; 16])> =
            (0..INVENTED).map(|index| invented(round * INVENTED + index)).collect();
        let topics: Vec<_> = topics.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let stream = worker.open(root, 2);
        worker.downstream(stream, &kafka::metadata_by_id_request(1));
        worker.upstream(stream, &kafka::metadata_by_id_response(1, &topics));
        for (name, id) in topics {
            worker.downstream(stream, &kafka::produce_by_id_request(2, id, &kafka::batch(1, 10)));
            worker.upstream(stream, &kafka::produce_by_id_response(2, id));
            // The name once more, as the wish of a client that the broker refuses.
            let wished = format!("{name}-wished");
            let request = kafka::produce_request(3, 1, &wished, &kafka::batch(1, 10));
            worker.downstream(stream, &request);
            worker.upstream(stream, &kafka::produce_response(3, &wished, UNKNOWN_TOPIC));
        }
        worker.close(stream, Goodbye::WithoutUpstream);
        sizes.push(worker.memory_bytes());
        shared.push(envoy.shared_bytes());
    }
    worker.rest(LONG);
    let produced = |topic| {
        let labels = [SOURCE, ("topic", topic)];
        envoy.counter(&series("topic_produced_records_total", &labels))
    };
    println!("linear memory after each {INVENTED} topics: {sizes:?}, shared data: {shared:?}");
    assert!(sizes.iter().all(|size| *size <= WORKER_BYTES_MAX), "{sizes:?}");
    let named = u64::try_from(TOPICS).unwrap();
    let produced_to_others = produced("__other__");
    let all = 4 * 2 * u64::try_from(INVENTED).unwrap();
    assert_eq!(produced_to_others + produced("__unresolved__") + named, all);
    assert_eq!(envoy.gauge(&series("label_values", &[SOURCE, ("label", "topic")])), 200);
    // Shared data is the process's, and full when each set of the directory is.
    assert!(shared[3] <= shared[1] + shared[1] / 4, "{shared:?}");
    assert!(shared.iter().all(|size| *size <= WORKER_BYTES_MAX), "{shared:?}");
    // By the third round every table has been full once.
    assert_eq!(sizes[2], sizes[3], "{sizes:?}");
}

/// The name and the id of a topic that nobody has seen before.
fn invented(number: usize) -> (String, [u8; 16]) {
    let mut id = [0x11; 16];
    id[8..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    (format!("an-invented-topic-{number}"), id)
}

const SOURCE: (&str, &str) = ("reporter", "source");
const UNKNOWN_TOPIC: i16 = 3;
/// More than half the ids that are remembered by default.
const INVENTED: usize = 10_000;
const CONNECTIONS: usize = 1_000;
/// As many as are named by default.
const TOPICS: usize = 200;
const CONNECTION_BYTES_MAX: usize = 4 * 1024;
const WORKER_BYTES_MAX: usize = 10 * 1024 * 1024;
/// One page: the allocator may split what it reuses.
const SLACK_BYTES: usize = 64 * 1024;
