//! What the filter does with its host: times, reporters, series that wait, a host that fails.

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

use kafka_filter::config::Config;
use kafka_filter::{Clock, Connection, Filter, Source};
use support::fetching::Ask;
use support::host::FakeHost;
use support::messages::{
    Topic, api_versions, api_versions_told, fetch, fetched, heartbeat, heartbeat_told, produce,
    produced, records,
};
use support::play::Process;
use support::wire::{batch, sent_by};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ORDERS: Topic = Topic::Name("orders");

/// The access log hears what a client says first, also where an id is missing in between or software is
/// not counted.
#[test]
fn the_access_log_is_told_who_a_client_is_once() {
    let mut process = Process::new(r#"{"metrics": {"software": false}}"#, 1);
    process.open(0, 0);
    process.client(0, &api_versions(3, 1));
    process.client(0, &sent_by(None, &heartbeat(1, 2)));
    process.host.facts.clear();
    process.client(0, &sent_by(Some(b"another"), &heartbeat(1, 3)));
    process.client(0, &api_versions(3, 4));
    assert!(process.host.facts.is_empty(), "told again: {:?}", process.host.facts);
}

/// From the last byte of the request to the last byte of its response, in whole microseconds.
#[test]
fn a_duration_runs_from_last_byte_to_last_byte() {
    let mut process = Process::new("", 1);
    let (ask, answer) = (
        produce(9, 1, -1, &[(ORDERS, vec![batch(1).bytes()])]),
        produced(9, 1, &[(ORDERS, &[0])], 0),
    );
    process.open(0, 0);
    process.client(0, &ask[..30]);
    process.wait(1_000);
    process.client(0, &ask[30..]);
    process.wait(200);
    process.broker(0, &answer[..10]);
    process.wait(34);
    process.broker(0, &answer[10..]);
    process.settle();
    let samples = |name| process.host.samples(name);
    assert_eq!(samples("request_duration_microseconds{request=Produce}"), [234]);
    assert_eq!(samples("topic_request_duration_microseconds{topic=orders,request=Produce}"), [234]);
}

/// Each pipelined request has its own time, in order.
#[test]
fn pipelined_requests_are_timed_apart() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    process.client(0, &heartbeat(1, 1));
    process.wait(100);
    process.client(0, &heartbeat(1, 2));
    process.wait(50);
    process.broker(0, &heartbeat_told(1, 1, 0, 0));
    process.wait(5);
    process.broker(0, &heartbeat_told(1, 2, 0, 0));
    let samples = process.host.samples("request_duration_microseconds{request=Heartbeat}");
    assert_eq!(samples, [150, 55]);
}

/// A clock that goes back costs a sample of zero, not a number without end.
#[test]
fn a_clock_that_goes_back_gives_zero() {
    let mut filter = Filter::new(Config::default(), "root");
    let mut host = FakeHost::default();
    let mut connection = Connection::open(&mut filter, &mut host, None);
    connection.on_downstream(&mut filter, &mut host, 9_000_000, &mut Whole(&heartbeat(1, 1)));
    let answer = heartbeat_told(1, 1, 0, 0);
    connection.on_upstream(&mut filter, &mut host, 1_000, &mut Whole(&answer));
    assert_eq!(host.samples("request_duration_microseconds{request=Heartbeat}"), [0]);
}

#[test]
fn the_reporter_is_the_listeners_direction() {
    let mut process = Process::new("", 1);
    for (number, direction) in [(0, None), (1, Some(0)), (2, Some(1)), (3, Some(2)), (4, Some(9))] {
        process.open_on(number, 0, direction);
    }
    process.close_all();
    process.settle();
    assert_eq!(process.host.value("connections_opened_total"), 3);
    assert_eq!(process.host.value("connections_opened_total{reporter=destination}"), 1);
    assert_eq!(process.host.value("connections_opened_total{reporter=source}"), 1);
    assert_eq!(process.host.total("connections_active"), 0);
    assert_eq!(process.host.total("build_info"), 3, "one for each reporter, each of them 1");
}

#[test]
fn a_configured_reporter_is_announced_at_once_and_kept() {
    let config = Config::parse(br#"{"reporter": "source"}"#).unwrap();
    let mut filter = Filter::new(config, "root");
    let mut host = FakeHost::default();
    filter.start(&mut host, NOW);
    assert_eq!(host.total("build_info"), 1);
    Connection::open(&mut filter, &mut host, Some(1)).close(&mut filter, &mut host);
    assert_eq!(host.value("connections_closed_total{reporter=source}"), 1);
    assert_eq!(host.total("build_info"), 1);
    let name = host.names().find(|name| name.starts_with("kafka_filter_build_info")).unwrap();
    assert!(name.contains("kafka_release=.=4.3"), "{name}");
}

/// A response with more new topics than a callback defines series for: the tick brings the rest.
#[test]
fn series_that_wait_come_with_the_tick() {
    let names: Vec<&'static str> = (0..60).map(|n| &*format!("topic-{n}").leak()).collect();
    let topics: Vec<_> =
        names.iter().map(|&name| (Topic::Name(name), vec![records(batch(1).bytes())])).collect();
    let mut filter = Filter::new(Config::default(), "root");
    let mut host = FakeHost::default();
    let mut connection = Connection::open(&mut filter, &mut host, None);
    connection.on_downstream(&mut filter, &mut host, 1, &mut Whole(&fetch(11, 1, -1, &[])));
    connection.on_upstream(&mut filter, &mut host, 2, &mut Whole(&fetched(11, 1, &topics)));
    assert!(host.total("topic_fetched_records_total") < 60, "not all at once");
    let mut ticks = 0;
    while host.total("topic_fetched_records_total") < 60 {
        filter.on_tick(&mut host, NOW);
        ticks += 1;
        assert!(ticks < 20, "ticks bring nothing");
    }
    filter.settle(&mut host);
    assert_eq!(host.total("topic_fetched_batches_total"), 60);
    assert_eq!(host.total("topic_request_duration_microseconds"), 60);
    assert_eq!(host.value("label_values{label=topic}"), 60);
}

/// A host that refuses every metric costs all numbers; the connection goes on.
#[test]
fn a_host_without_room_for_metrics_does_no_harm() {
    let mut process = Process::new("", 1);
    process.host.refuses_metrics = true;
    process.open(0, 0);
    process.client(0, &heartbeat(1, 1));
    process.broker(0, &heartbeat_told(1, 1, 0, 0));
    assert!(process.is_watched(0));
    process.close(0);
    process.settle();
    assert_eq!(process.snapshot().len(), 0);
}

/// A host that loses every store: no value is admitted, nothing stands still.
#[test]
fn a_shared_memory_that_stores_nothing_does_no_harm() {
    let mut process = Process::new("", 1);
    process.host.stores_lost = u32::MAX;
    process.open(0, 0);
    for id in 0..5 {
        process.client(0, &produce(9, id, -1, &[(ORDERS, vec![batch(1).bytes()])]));
        process.broker(0, &produced(9, id, &[(ORDERS, &[0])], 0));
    }
    process.close(0);
    process.settle();
    assert_eq!(process.host.value("topic_produced_records_total{topic=__other__}"), 5);
    // The first time by the response, which names the topic; then by each request and response.
    assert_eq!(process.host.value("label_values_overflowed_total{label=topic}"), 9);
}

/// Bytes that the host does not give after all: given up, counted, forwarded.
#[test]
fn a_host_that_fails_to_give_bytes_makes_the_connection_opaque() {
    let mut filter = Filter::new(Config::default(), "root");
    let mut host = FakeHost::default();
    let mut connection = Connection::open(&mut filter, &mut host, None);
    connection.on_downstream(&mut filter, &mut host, 1, &mut Whole(&heartbeat(1, 1)));
    connection.on_upstream(&mut filter, &mut host, 2, &mut Withheld);
    assert!(!connection.is_watched());
    filter.settle(&mut host);
    assert_eq!(host.value("connections_opaque_total{reason=limit}"), 1);
    assert_eq!(host.value("requests_in_flight"), 0);
    assert_eq!(host.value("in_flight_evicted_total"), 1);
    connection.close(&mut filter, &mut host);
    filter.settle(&mut host);
    assert_eq!(host.value("connections_active"), 0);
    assert_eq!(host.value("connections_opaque_total{reason=limit}"), 1);
}

/// Reads are few: small messages come in one, a payload is not read at all.
#[test]
fn payloads_are_not_read() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    process.client(0, &api_versions(3, 1));
    process.broker(0, &api_versions_told(3, 1, 0));
    let set = batch(1_000).payload(1 << 20).bytes();
    let before = process.bytes_read;
    process.client(0, &produce(9, 2, -1, &[(ORDERS, vec![set])]));
    let read = process.bytes_read - before;
    assert!(read <= 2 * 1_024, "{read} bytes of 1 MiB");
}

#[test]
fn callbacks_without_bytes_change_nothing() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    process.client(0, &[]);
    process.broker(0, &[]);
    assert!(process.is_watched(0));
    process.client(0, &heartbeat(1, 1));
    process.client(0, &[]);
    process.broker(0, &[]);
    process.broker(0, &heartbeat_told(1, 1, 0, 0));
    process.settle();
    assert_eq!(process.host.total("responses_total"), 1);
}

struct Whole<'a>(&'a [u8]);

impl<'a> Source for Whole<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..)?.get(..length)
    }
}

/// Says that there are bytes and gives none.
struct Withheld;

impl Source for Withheld {
    type Window = &'static [u8];

    fn len(&self) -> usize {
        50
    }

    fn read(&mut self, _offset: usize, _length: usize) -> Option<&'static [u8]> {
        None
    }
}

/// A client may ask for partitions that it invents, on as many connections as it likes.
#[test]
fn connections_share_one_bound_on_the_partitions_they_fetch() {
    let mut process = Process::new(r#"{"limits": {"lag_partitions_max": 3}}"#, 1);
    let asks = |partitions: &[(i32, i64)]| {
        let topics = [(ORDERS, partitions)];
        Ask { version: 11, replica: -1, epoch: 0, topics: &topics, forgotten: &[] }.frame(1)
    };
    let untracked = |process: &mut Process| {
        process.tick();
        process.host.value("lag_untracked_partitions_total")
    };
    process.open(0, 0);
    process.client(0, &asks(&[(0, 0), (1, 0)]));
    process.open(1, 0);
    process.client(1, &asks(&[(0, 0), (1, 0), (2, 0)]));
    assert_eq!(untracked(&mut process), 2, "two and one are all there is room for");
    process.client(0, &asks(&[(0, 5), (1, 5)]));
    assert_eq!(untracked(&mut process), 2, "what is tracked goes on");
    process.close(0);
    process.client(1, &asks(&[(0, 0), (1, 0), (2, 0)]));
    assert_eq!(untracked(&mut process), 2, "a connection that ends makes room");
}

const NOW: Clock = Clock { monotonic_ns: 2_000_000_000, unix_ms: 1_700_000_000_000 };
