//! What a connection costs in memory, and that a connection under way allocates nothing (law L3).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "../../kafka-wire/tests/support/alloc.rs"]
mod alloc;
#[path = "support/support.rs"]
mod support;

use alloc::{Counting, count, held};
use kafka_filter::config::Config;
use kafka_filter::metrics::catalog::Kind;
use kafka_filter::{Connection, Expect, Fact, Filter, Host, Source};
use support::fetching::{Ask, fetch_told, part, share_fetch, share_told};
use support::groups::{
    CONSUMER_GROUP_HEARTBEAT, Held, commit, committed, epoch_heartbeat, epoch_told, fetch_offsets,
    told_offsets,
};
use support::messages::{
    Topic, api_versions, api_versions_told, fetch, fetched, heartbeat, heartbeat_told, produce,
    produced, records,
};
use support::wire::batch;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A host that allocates nothing itself: ids, and sums that nobody reads.
#[derive(Default)]
struct Silent {
    metrics: u32,
    shared: Vec<(Vec<u8>, Vec<u8>)>,
    sum: i64,
}

struct Piece<'a>(&'a [u8]);

impl<'a> Source for Piece<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..)?.get(..length)
    }
}

impl Host for Silent {
    fn define_metric(&mut self, _kind: Kind, _name: &str) -> Option<u32> {
        self.metrics += 1;
        Some(self.metrics)
    }

    fn add(&mut self, _metric: u32, amount: i64) {
        self.sum += amount;
    }

    fn record(&mut self, _metric: u32, value: u64) {
        self.sum += i64::try_from(value).unwrap();
    }

    fn shared(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.shared.iter().find(|(other, _)| other == key).map(|(_, value)| (value.clone(), 1))
    }

    fn share(&mut self, key: &[u8], value: &[u8], _expect: Expect) -> bool {
        self.shared.retain(|(other, _)| other != key);
        self.shared.push((key.to_vec(), value.to_vec()));
        true
    }

    fn note(&mut self, _fact: Fact, _text: &str) {}
}

struct Worker {
    filter: Filter,
    host: Silent,
}

impl Worker {
    fn new() -> Self {
        Self { filter: Filter::new(Config::default(), "kafka_filter"), host: Silent::default() }
    }

    fn open(&mut self) -> Connection {
        Connection::open(&mut self.filter, &mut self.host, None)
    }

    fn exchange(&mut self, connection: &mut Connection, asked: &[u8], answered: &[u8]) {
        let (filter, host) = (&mut self.filter, &mut self.host);
        connection.on_downstream(filter, host, 1_000, &mut Piece(asked));
        connection.on_upstream(filter, host, 2_000, &mut Piece(answered));
    }
}

fn exchanges() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let (orders, audit) = (Topic::Name("orders"), Topic::Name("audit"));
    let set = [batch(3).bytes(), batch(2).attributes(1).payload(9_000).bytes()].concat();
    let topics = [(orders, vec![set.clone()]), (audit, vec![set.clone()])];
    let answer = [(orders, vec![records(set.clone())]), (audit, vec![records(set.clone())])];
    let session = Ask {
        version: 12,
        replica: -1,
        epoch: 1,
        topics: &[(orders, &[(0, 5), (1, 9)])],
        forgotten: &[(audit, &[0])],
    };
    let parts = vec![part(0, 900, set.clone()), part(1, 70, Vec::new())];
    let offsets: &[(i32, i64)] = &[(0, 5), (1, 6)];
    let of_group: &[Held<'_>] = &[(orders, &[(0, 5, 0), (1, 6, 0)])];
    let key = CONSUMER_GROUP_HEARTBEAT;
    vec![
        ("ApiVersions", api_versions(3, 1), api_versions_told(3, 1, 0)),
        ("Heartbeat", heartbeat(3, 1), heartbeat_told(3, 1, 27, 5)),
        ("Fetch", fetch(12, 1, -1, &[orders, audit]), fetched(12, 1, &answer)),
        (
            "Produce",
            produce(9, 1, -1, &topics),
            produced(9, 1, &[(orders, &[0]), (audit, &[0, 10])], 8),
        ),
        ("Fetch of a session", session.frame(1), fetch_told(12, 1, &[(orders, parts)])),
        (
            "OffsetCommit",
            commit(8, 1, ("group-1", 5), &[(orders, offsets)]),
            committed(8, 1, &[(orders, &[(0, 0), (1, 22)])]),
        ),
        (
            "OffsetFetch",
            fetch_offsets(9, 1, &["group-1", "group-2"]),
            told_offsets(9, 1, &[("group-1", 0, of_group), ("group-2", 69, &[])]),
        ),
        ("ConsumerGroupHeartbeat", epoch_heartbeat(key, 1, "group-1", 4), epoch_told(key, 1, 0, 5)),
        ("ShareFetch", share_fetch(1, Some("group-1"), &[1]), share_told(1, &[(1, 0, set)])),
    ]
}

#[test]
fn a_connection_under_way_allocates_nothing() {
    let mut worker = Worker::new();
    let mut connection = worker.open();
    for (_, asked, answered) in exchanges() {
        // Until its series and topics are known, and its tables have their size.
        for _ in 0..3 {
            worker.exchange(&mut connection, &asked, &answered);
        }
    }
    for (name, asked, answered) in exchanges() {
        let allocations = count(|| {
            for _ in 0..100 {
                worker.exchange(&mut connection, &asked, &answered);
            }
        });
        assert_eq!(allocations, 0, "allocations in 100 exchanges of {name}");
    }
}

#[test]
fn split_bytes_allocate_nothing_either() {
    let mut worker = Worker::new();
    let mut connection = worker.open();
    for round in 0..3 {
        for (name, asked, answered) in exchanges() {
            let allocations = count(|| {
                let Worker { filter, host } = &mut worker;
                for piece in asked.chunks(3) {
                    connection.on_downstream(filter, host, 1_000, &mut Piece(piece));
                }
                for piece in answered.chunks(3) {
                    connection.on_upstream(filter, host, 2_000, &mut Piece(piece));
                }
            });
            assert!(round < 2 || allocations == 0, "{allocations} allocations in {name}");
        }
    }
}

#[test]
fn an_idle_connection_holds_at_most_4_5_kib() {
    let mut worker = Worker::new();
    let mut first = worker.open();
    for _ in 0..3 {
        for (_, asked, answered) in exchanges() {
            worker.exchange(&mut first, &asked, &answered);
        }
    }
    let before = held();
    let mut second = worker.open();
    let fresh = held() - before + isize::try_from(size_of::<Connection>()).unwrap();
    for (_, asked, answered) in exchanges() {
        worker.exchange(&mut second, &asked, &answered);
    }
    let used = held() - before + isize::try_from(size_of::<Connection>()).unwrap();
    assert!(fresh <= IDLE_MAX, "{fresh} bytes at first");
    assert!(used <= IDLE_MAX, "{used} bytes after traffic");
    drop(second);
    assert_eq!(held(), before, "all of it is given back");
    // Last, because the first line makes the output's buffer, which stays.
    println!("a connection holds {fresh} bytes at first and {used} bytes when it idles");
}

#[test]
fn an_opaque_connection_holds_next_to_nothing() {
    let mut worker = Worker::new();
    for _ in 0..3 {
        let mut connection = worker.open();
        worker.exchange(&mut connection, b"GET / HTTP/1.1\r\n\r\n", b"");
    }
    let before = held();
    let mut opaque = worker.open();
    worker.exchange(&mut opaque, b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(!opaque.is_watched());
    assert_eq!(held(), before);
}

/// A response may be as large as it likes: what is held does not grow with it, and its bytes that
/// matter are read in small windows.
#[test]
fn a_large_response_holds_no_memory() {
    let mut worker = Worker::new();
    let mut connection = worker.open();
    let orders = Topic::Name("orders");
    let set: Vec<u8> = (0..8).flat_map(|_| batch(100).payload(1 << 20).bytes()).collect();
    let asked = fetch(12, 1, -1, &[orders]);
    let answered = fetched(12, 1, &[(orders, vec![records(set)])]);
    for _ in 0..3 {
        worker.exchange(&mut connection, &asked, &answered);
    }
    let before = held();
    let allocations = count(|| worker.exchange(&mut connection, &asked, &answered));
    assert_eq!((allocations, held()), (0, before));
}

/// Bytes of state for an idle connection, on targets of 64 bits.
const IDLE_MAX: isize = 4 * 1024 + 512;
