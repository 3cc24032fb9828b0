//! Conversations become the figures that are known by hand, however bytes are split and whatever
//! worker sees them.

use std::collections::BTreeMap;

use kafka_filter_wasm_tests::scenario::{self, LONG, WHOLE, Way, series};
use kafka_filter_wasm_tests::{Envoy, Goodbye, Stat, Worker, kafka};

const OUTBOUND: i64 = 2;
const INBOUND: i64 = 1;

/// All stats after the conversation `orders` on a connection that was closed at its end.
fn stats_of_orders(piece: usize) -> BTreeMap<String, Stat> {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("no configuration means the defaults");
    let stream = worker.open(root, OUTBOUND);
    scenario::play(&envoy, &mut worker, stream, &scenario::orders(), piece);
    worker.downstream_end(stream);
    worker.close(stream, Goodbye::Both);
    worker.rest(LONG);
    assert_eq!(envoy.complaints(), []);
    envoy.stats().clone()
}

#[test]
fn a_conversation_becomes_its_figures() {
    let mut stats = stats_of_orders(WHOLE);
    let build: Vec<_> = stats.keys().filter(|name| name.contains("build_info")).cloned().collect();
    let [build] = build.as_slice() else { panic!("one build_info, not {build:?}") };
    assert_eq!(stats.remove(build), Some(Stat::Gauge(1)));

    let sizes: Vec<u64> = scenario::orders()
        .iter()
        .map(|(_, bytes, _)| u64::try_from(bytes.len()).unwrap())
        .collect();
    let mut expected = BTreeMap::new();
    let mut set = |metric: &str, labels: &[(&str, &str)], stat: Stat| {
        let labels = [&[("reporter", "source")], labels].concat();
        expected.insert(series(metric, &labels), stat);
    };
    set("connections_opened_total", &[], Stat::Counter(1));
    set("connections_closed_total", &[], Stat::Counter(1));
    set("connections_active", &[], Stat::Gauge(0));
    set("requests_in_flight", &[], Stat::Gauge(0));
    set("unacknowledged_requests_total", &[], Stat::Counter(1));
    for label in ["topic", "client_id", "group", "software", "software_version"] {
        set("label_values", &[("label", label)], Stat::Gauge(1));
    }
    let software = [("software", "wasm-tests"), ("software_version", "1")];
    set("client_software_connections_total", &software, Stat::Counter(1));
    for (request, version, count) in [
        ("ApiVersions", "3", 1),
        ("Metadata", "1", 1),
        ("Produce", "7", 2),
        ("FetchConsumer", "11", 1),
        ("Heartbeat", "0", 1),
    ] {
        set(
            "requests_total",
            &[("request", request), ("api_version", version)],
            Stat::Counter(count),
        );
    }
    // Request bytes, response bytes, microseconds; the second Produce is not answered.
    for (request, down, up, duration) in [
        ("ApiVersions", sizes[0], sizes[1], 1_500),
        ("Metadata", sizes[2], sizes[3], 250),
        ("Produce", sizes[4] + sizes[6], sizes[5], 700),
        ("FetchConsumer", sizes[7], sizes[8], 2_000),
        ("Heartbeat", sizes[9], sizes[10], 90),
    ] {
        let request = [("request", request)];
        set("request_bytes_total", &request, Stat::Counter(down));
        set("response_bytes_total", &request, Stat::Counter(up));
        set("responses_total", &request, Stat::Counter(1));
        set("request_duration_microseconds", &request, Stat::Histogram(vec![duration]));
        set("in_flight_request_bytes", &request, Stat::Gauge(0));
    }
    let beat = [("request", "Heartbeat"), ("group", "group")];
    set("group_requests_total", &beat, Stat::Counter(1));
    let error = [("request", "Heartbeat"), ("error", "REBALANCE_IN_PROGRESS"), ("group", "group")];
    set("group_errors_total", &error, Stat::Counter(1));
    let error = [("request", "Heartbeat"), ("error", "REBALANCE_IN_PROGRESS")];
    set("response_errors_total", &error, Stat::Counter(1));
    let topic = ("topic", "orders");
    let plain = [topic, ("compression", "none")];
    // A batch is its header of 61 bytes and its records.
    set("topic_produced_records_total", &[topic], Stat::Counter(10 + 3));
    set("topic_produced_bytes_total", &[topic], Stat::Counter(61 + 1_000 + 61 + 100));
    set("topic_produced_batches_total", &plain, Stat::Counter(2));
    set("topic_fetched_records_total", &[topic], Stat::Counter(5 + 7));
    set("topic_fetched_bytes_total", &[topic], Stat::Counter(61 + 500 + 61 + 700));
    set("topic_fetched_batches_total", &plain, Stat::Counter(2));
    // Whoever moved them is the one client of this conversation.
    let client = [topic, ("client_id", "test")];
    set("client_produced_records_total", &client, Stat::Counter(10 + 3));
    set("client_produced_bytes_total", &client, Stat::Counter(61 + 1_000 + 61 + 100));
    set("client_fetched_records_total", &client, Stat::Counter(5 + 7));
    set("client_fetched_bytes_total", &client, Stat::Counter(61 + 500 + 61 + 700));
    set("topic_fetch_lag_records", &[topic], Stat::Gauge(0));
    // Records are as old as the clocks of the host: 4,490 us have passed when the two batches do.
    set("topic_end_to_end_latency_milliseconds", &[topic], Stat::Histogram(vec![4, 4]));
    let duration = "topic_request_duration_microseconds";
    set(duration, &[topic, ("request", "Produce")], Stat::Histogram(vec![700]));
    set(duration, &[topic, ("request", "FetchConsumer")], Stat::Histogram(vec![2_000]));
    assert_eq!(stats, expected);
}

#[test]
fn the_access_log_is_told_who_connects() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, OUTBOUND);
    scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
    assert_eq!(envoy.filter_state("kafka_client_id").as_deref(), Some("test"));
    assert_eq!(envoy.filter_state("kafka_client_software").as_deref(), Some("wasm-tests/1"));
    assert_eq!(envoy.filter_state("kafka_topics").as_deref(), Some("orders"));
    assert_eq!(envoy.filter_state("kafka_opaque_reason"), None);
    worker.upstream(stream, b"\x80\0\0\0");
    assert_eq!(envoy.filter_state("kafka_opaque_reason").as_deref(), Some("desync"));

    let silent = Envoy::new();
    let mut worker = silent.worker();
    let root = worker.configure("", br#"{"access_log": false}"#).expect("accepted");
    let stream = worker.open(root, OUTBOUND);
    scenario::play(&silent, &mut worker, stream, &scenario::orders(), WHOLE);
    for key in ["client_id", "client_software", "topics", "opaque_reason"] {
        assert_eq!(silent.filter_state(&format!("kafka_{key}")), None);
    }
}

/// The two numbers of a lag pass on two workers; the gauge is theirs together after a second.
#[test]
fn a_group_has_one_lag_on_all_workers() {
    let envoy = Envoy::new();
    let (mut one, mut two) = (envoy.worker(), envoy.worker());
    let (root_one, root_two) =
        (one.configure("", b"").expect("accepted"), two.configure("", b"").expect("accepted"));
    let (reads, commits) = (one.open(root_one, OUTBOUND), two.open(root_two, OUTBOUND));
    // The answer tells a high watermark of 100.
    one.downstream(reads, &kafka::fetch_request(1, "orders"));
    one.upstream(reads, &kafka::fetch_response(1, "orders", &kafka::batch(5, 100)));
    two.downstream(commits, &kafka::offset_commit_request(1, "orders", &[90]));
    two.upstream(commits, &kafka::offset_commit_response(1, "orders", 1));
    one.rest(1);
    two.rest(1);
    let labels = [("reporter", "source"), ("topic", "orders"), ("group", "group")];
    assert_eq!(envoy.gauge(&series("group_lag_records", &labels)), 10);
    let lag = series("topic_fetch_lag_records", &labels[..2]);
    assert_eq!(envoy.gauge(&lag), 95, "from the consumer's position");
    one.close(reads, Goodbye::Both);
    two.close(commits, Goodbye::Both);
    one.retire(root_one);
    two.retire(root_two);
    assert_eq!(envoy.gauge(&series("group_lag_records", &labels)), 0);
    assert_eq!(envoy.gauge(&lag), 0);
}

#[test]
fn figures_do_not_depend_on_how_bytes_are_split() {
    let whole = stats_of_orders(WHOLE);
    for piece in [1, 2, 3, 7, 61, 100, 1_000] {
        assert_eq!(stats_of_orders(piece), whole, "in pieces of {piece} bytes");
    }
}

#[test]
fn a_configuration_that_ends_leaves_nothing_uncounted() {
    // As in stats_of_orders, but no timer fires: the last connection ends and the configuration
    // with it.
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, OUTBOUND);
    scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
    worker.close(stream, Goodbye::Both);
    worker.retire(root);
    assert_eq!(*envoy.stats(), stats_of_orders(WHOLE));
}

#[test]
fn a_topic_id_that_one_worker_learnt_is_a_name_on_another() {
    const ID: [u8; 16] = *b"id of payments!!";
    let envoy = Envoy::new();
    let (mut first, mut second) = (envoy.worker(), envoy.worker());
    let root = first.configure("kafka", b"{}").expect("accepted");
    let metadata = first.open(root, OUTBOUND);
    first.downstream(metadata, &kafka::metadata_by_id_request(1));
    first.upstream(metadata, &kafka::metadata_by_id_response(1, &[("payments", ID)]));

    let root = second.configure("kafka", b"{}").expect("accepted");
    let data = second.open(root, OUTBOUND);
    second.downstream(data, &kafka::produce_by_id_request(1, ID, &kafka::batch(4, 40)));
    second.upstream(data, &kafka::produce_by_id_response(1, ID));
    second.rest(LONG);
    let produced =
        |topic| series("topic_produced_records_total", &[("reporter", "source"), ("topic", topic)]);
    assert_eq!(envoy.counter(&produced("payments")), 4);
    assert_eq!(envoy.stat(&produced("__unresolved__")), None);
}

#[test]
fn a_label_has_its_cap_over_all_workers_together() {
    let envoy = Envoy::new();
    let configuration = br#"{"labels": {"topic": {"values_max": 2}}}"#;
    let mut workers = [envoy.worker(), envoy.worker()];
    for (index, topic) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let worker = &mut workers[index % 2];
        // The same configuration again is the same root context to Envoy, but a new one loses
        // nothing either.
        let root = worker.configure("kafka", configuration).expect("accepted");
        let stream = worker.open(root, OUTBOUND);
        worker.downstream(stream, &kafka::produce_request(1, 1, topic, &kafka::batch(1, 10)));
        worker.upstream(stream, &kafka::produce_response(1, topic, 0));
        worker.rest(LONG);
    }
    let reporter = ("reporter", "source");
    let produced = |topic| {
        envoy.counter(&series("topic_produced_records_total", &[reporter, ("topic", topic)]))
    };
    assert_eq!([produced("a"), produced("b"), produced("c"), produced("__other__")], [1, 1, 0, 2]);
    assert_eq!(envoy.gauge(&series("label_values", &[reporter, ("label", "topic")])), 2);
    assert!(
        envoy.counter(&series("label_values_overflowed_total", &[reporter, ("label", "topic")]))
            >= 2
    );
}

#[test]
fn gauges_of_both_workers_return_to_zero_however_connections_end() {
    let active = series("connections_active", &[("reporter", "destination")]);
    let in_flight = series("requests_in_flight", &[("reporter", "destination")]);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    for goodbye in [Goodbye::Both, Goodbye::WithoutUpstream, Goodbye::DeleteOnly] {
        let envoy = Envoy::new();
        let mut workers = [envoy.worker(), envoy.worker()];
        let mut streams = Vec::new();
        for (index, worker) in workers.iter_mut().enumerate() {
            let root = worker.configure("", b"").expect("accepted");
            // Silent; two requests waiting; in the middle of a request; in the middle of a
            // response.
            streams.push((index, worker.open(root, INBOUND)));
            for end in 0..3 {
                let stream = worker.open(root, INBOUND);
                streams.push((index, stream));
                worker.downstream(stream, &kafka::metadata_request(1, &["t"]));
                worker.downstream(stream, &kafka::fetch_request(2, "t"));
                match end {
                    0 => {}
                    1 => worker.downstream(stream, &half(kafka::fetch_request(3, "t"))),
                    _ => worker.upstream(stream, &half(kafka::metadata_response(1, &["t"]))),
                }
            }
        }
        workers.iter_mut().for_each(|worker| worker.rest(LONG));
        assert_eq!((envoy.gauge(&active), envoy.gauge(&in_flight)), (8, 12), "{goodbye:?}");
        for (worker, stream) in streams {
            workers[worker].close(stream, goodbye);
        }
        workers.iter_mut().for_each(|worker| worker.rest(LONG));
        assert_eq!((envoy.gauge(&active), envoy.gauge(&in_flight)), (0, 0), "{goodbye:?}");
        assert_eq!(
            envoy.counter(&series("connections_closed_total", &[("reporter", "destination")])),
            8
        );
    }
}

#[test]
fn what_is_not_kafka_is_given_up_once_and_not_read_again() {
    let opaque =
        |reason| series("connections_opaque_total", &[("reporter", "proxy"), ("reason", reason)]);
    let hello = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01][..], &[0; 512]].concat();
    for (bytes, reason) in
        [(hello.as_slice(), "tls"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_kafka")]
    {
        for piece in [1, WHOLE] {
            let envoy = Envoy::new();
            let mut worker = envoy.worker();
            let root = worker.configure("", b"").expect("accepted");
            let stream = worker.open(root, 0);
            scenario::send(&mut worker, stream, Way::Down, bytes, piece);
            worker.take_calls();
            scenario::send(&mut worker, stream, Way::Up, &[0x15; 100_000], WHOLE);
            scenario::send(&mut worker, stream, Way::Down, &[0x17; 100_000], WHOLE);
            assert_eq!(
                worker.take_calls().by_import,
                BTreeMap::new(),
                "an opaque connection costs nothing"
            );
            worker.close(stream, Goodbye::WithoutUpstream);
            worker.rest(LONG);
            assert_eq!(envoy.counter(&opaque(reason)), 1);
            assert_eq!(envoy.gauge(&series("connections_active", &[("reporter", "proxy")])), 0);
        }
    }
}

#[test]
fn noise_in_both_directions_never_traps() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", b"").expect("accepted");
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    for round in 0..200_u64 {
        let stream = worker.open(root, OUTBOUND);
        for _ in 0..6 {
            disturb(&mut worker, stream, &mut noise);
        }
        let goodbye = if round % 2 == 0 { Goodbye::DeleteOnly } else { Goodbye::WithoutUpstream };
        worker.close(stream, goodbye);
    }
    worker.rest(LONG);
    let reporter = [("reporter", "source")];
    assert_eq!(envoy.gauge(&series("connections_active", &reporter)), 0);
    assert_eq!(envoy.gauge(&series("requests_in_flight", &reporter)), 0);
}

/// Part of a true conversation with a few bytes changed.
fn disturb(worker: &mut Worker, stream: kafka_filter_wasm_tests::Stream, noise: &mut Noise) {
    for (way, mut bytes, _) in scenario::orders() {
        if noise.below(4) == 0 {
            let position = noise.below(bytes.len());
            bytes[position] = u8::try_from(noise.below(256)).unwrap();
        }
        let piece = 1 + noise.below(300);
        scenario::send(worker, stream, way, &bytes, piece);
    }
}

/// Xorshift: the same numbers in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}
