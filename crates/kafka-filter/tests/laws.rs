//! What holds for any bytes at all (laws L2, L4 and L5): nothing panics, the sums agree at every
//! moment, gauges return to zero, a connection is given up at most once, splits change nothing.

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

use support::fetching::{Ask, failed_part, fetch_told, part, share_fetch, share_told};
use support::groups::{
    CONSUMER_GROUP_HEARTBEAT, Held, Joined, commit, commit_in_transaction, committed,
    committed_in_transaction, describe, described, epoch_heartbeat, epoch_told, fetch_offsets,
    join, leave, left, told_offsets,
};
use support::messages::{
    Topic, api_versions, api_versions_told, fetch, fetched, heartbeat, heartbeat_told, metadata,
    produce, produced, records, told,
};
use support::play::{Process, Split, Step, differences};
use support::random::Random;
use support::wire::{Wire, batch, framed, request, response, sent_by};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A random decision: what to do, on which connection, and two numbers for how.
type Decision = (u8, u8, u16, u8);

const CONNECTIONS: usize = 3;
const WORKERS: usize = 2;
/// Ten values of labels that peers choose, in all.
const CONFIG: &str = r#"{"limits": {"in_flight_max": 3}, "labels": {"topic": {"values_max": 2},
    "request": {"values_max": 1}, "api_version": {"values_max": 1}, "error": {"values_max": 1},
    "client_id": {"values_max": 2}, "group": {"values_max": 1}, "software": {"values_max": 1},
    "software_version": {"values_max": 1}}}"#;
const LABEL_VALUES_MAX: i64 = 10;

#[test]
fn laws_hold_in_random_conversations() {
    let mut seen = BTreeMap::new();
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let decisions: Vec<Decision> = (0..60).map(|_| decision(&mut random)).collect();
        for (name, value) in hold(&decisions, seed) {
            *seen.entry(name).or_insert(0) += value;
        }
    }
    // The conversations get somewhere, and go wrong in every way.
    for name in [
        "responses_total{request=Produce}",
        "responses_total{request=FetchFollower}",
        "responses_total{request=api_key_120}",
        "topic_fetched_records_total{topic=orders}",
        "topic_produced_records_total{topic=__unresolved__}",
        "unacknowledged_requests_total",
        "in_flight_evicted_total",
        "connections_opaque_total{reason=not_kafka}",
        "connections_opaque_total{reason=malformed}",
        "connections_opaque_total{reason=desync}",
        "undecoded_messages_total{reason=malformed,request=Produce}",
        "label_values_overflowed_total{label=topic}",
        "label_values_overflowed_total{label=client_id}",
        "label_values_overflowed_total{label=group}",
        "client_fetched_records_total{topic=orders,client_id=one}",
        "client_produced_records_total{topic=orders,client_id=__none__}",
        "client_software_connections_total{software=made-by-hand,software_version=1.0}",
        "deprecated_requests_total{request=FetchConsumer,api_version=3,client_id=one}",
        "group_requests_total{request=OffsetCommit,group=billing}",
        "group_errors_total{request=DescribeGroups,error=GROUP_ID_NOT_FOUND,group=__other__}",
        "group_rebalances_total{group=billing}",
        "group_join_duration_microseconds{group=billing}",
        "topic_end_to_end_latency_milliseconds{topic=orders}",
        "topic_request_duration_microseconds{topic=orders,request=ShareFetch}",
    ] {
        assert!(seen.contains_key(name), "{name} never came: {seen:#?}");
    }
}

#[cfg(not(target_family = "wasm"))]
proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn laws_hold_in_any_conversation(
        decisions in proptest::collection::vec(proptest::prelude::any::<Decision>(), 0..80),
        seed in 1_u64..1_000,
    ) {
        hold(&decisions, seed);
    }
}

/// Frames of random bytes that say a true size, both ways, behind a connection that proved itself.
#[test]
fn laws_hold_for_random_frames() {
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let key = i16::try_from(random.below(93)).unwrap();
        let version = i16::try_from(random.below(14)).unwrap();
        let (size_in, size_out) = (random.below(200), random.below(200));
        let body = random.bytes(size_in);
        let answer = random.bytes(size_out);
        let steps = [
            Step::Open(0, 0),
            Step::Client(0, api_versions(0, 1)),
            Step::Broker(0, api_versions_told(0, 1, 0)),
            Step::Client(0, request(key, version, 2, false).raw(&body).frame()),
            Step::Broker(0, response(2, false).raw(&answer).frame()),
            Step::Close(0),
        ];
        check_steps(&steps, seed);
    }
}

/// A valid exchange of every kind with one byte changed.
#[test]
fn laws_hold_when_one_byte_is_changed() {
    for kind in 0..KINDS {
        let (asked, answered) = exchange(kind, 2);
        let answered = answered.unwrap_or_default();
        let mut random = Random::new(u64::from(kind) + 1);
        for at in 0..asked.len() + answered.len() {
            let mut bytes = [asked.clone(), answered.clone()].concat();
            bytes[at] = random.bytes(1)[0];
            let (asked, answered) = bytes.split_at(asked.len());
            let steps = [
                Step::Open(0, 0),
                Step::Client(0, api_versions(0, 1)),
                Step::Broker(0, api_versions_told(0, 1, 0)),
                Step::Client(0, asked.to_vec()),
                Step::Broker(0, answered.to_vec()),
                Step::Close(0),
            ];
            check_steps(&steps, u64::try_from(at).unwrap());
        }
    }
}

fn check_steps(steps: &[Step], seed: u64) {
    let mut whole = Process::new(CONFIG, 1);
    whole.play(steps, Split::Whole);
    check_end(&whole);
    let mut split = Process::new(CONFIG, 1);
    split.play(steps, Split::Random(seed));
    let wrong = differences(&split.snapshot(), &whole.snapshot());
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
}

/// Plays the decisions in one piece and split, and checks the laws at every step.
fn hold(decisions: &[Decision], seed: u64) -> BTreeMap<String, i64> {
    let steps = conversation(decisions);
    let mut process = Process::new(CONFIG, WORKERS);
    for step in &steps {
        process.go_on(std::slice::from_ref(step), Split::Whole);
        // As many seconds as new series need to have their turns.
        for _ in 0..3 {
            process.tick();
        }
        check_sums(&process);
    }
    process.close_all();
    process.settle();
    check_end(&process);
    let mut split = Process::new(CONFIG, WORKERS);
    split.play(&steps, Split::Random(seed));
    split.close_all();
    split.settle();
    check_end(&split);
    let wrong = differences(&split.snapshot(), &process.snapshot());
    assert!(wrong.is_empty(), "split with seed {seed}: {}", wrong.join("\n"));
    split.snapshot()
}

/// L5: every request counted is answered, evicted, unacknowledged by design, or still in flight.
fn check_sums(process: &Process) {
    let total = |name| process.host.total(name);
    let accounted = total("responses_total")
        + total("unacknowledged_requests_total")
        + total("in_flight_evicted_total")
        + total("requests_in_flight");
    assert_eq!(total("requests_total"), accounted, "{:#?}", process.snapshot());
    assert_eq!(total("responses_total"), total("request_duration_microseconds"));
    assert!(total("connections_opaque_total") <= total("connections_opened_total"));
    assert_eq!(
        total("connections_opened_total"),
        total("connections_closed_total") + total("connections_active")
    );
    assert!(total("label_values") <= LABEL_VALUES_MAX, "{:#?}", process.snapshot());
}

fn check_end(process: &Process) {
    check_sums(process);
    for gauge in ["requests_in_flight", "connections_active"] {
        assert_eq!(process.host.total(gauge), 0, "{gauge}");
    }
    for gauge in GAUGES {
        let left: Vec<_> =
            process.snapshot().into_iter().filter(|(name, _)| name.starts_with(gauge)).collect();
        assert_eq!(left, [], "{gauge} is given back");
    }
}

/// What a connection adds to them it takes back.
const GAUGES: [&str; 2] = ["in_flight_request_bytes", "topic_fetch_lag_records"];

/// What the decisions make of three connections: requests and answers in order, or late, or
/// never, some of them corrupted, noise in between, connections closed and opened again.
fn conversation(decisions: &[Decision]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut answers: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CONNECTIONS];
    for number in 0..CONNECTIONS {
        steps.push(Step::Open(number, number % WORKERS));
    }
    for (id, &(what, connection, number, byte)) in (1..).zip(decisions) {
        let connection = usize::from(connection) % CONNECTIONS;
        match what % 16 {
            0..=6 => {
                let (asked, answered) = exchange(byte % KINDS, id);
                let asked = by_one_of_many(asked, number);
                steps.push(Step::Client(connection, corrupted(asked, number, byte)));
                answers[connection].extend(answered);
            }
            7..=12 if !answers[connection].is_empty() => {
                let answered = answers[connection].remove(0);
                steps.push(Step::Broker(connection, corrupted(answered, number, byte)));
            }
            13 => {
                let noise = Random::new(u64::from(number)).bytes(usize::from(byte) + 1);
                steps.push(match number % 2 {
                    0 => Step::Client(connection, noise),
                    _ => Step::Broker(connection, noise),
                });
            }
            14 => {
                answers[connection].clear();
                steps.push(Step::Close(connection));
                steps.push(Step::Open(connection, usize::from(byte) % WORKERS));
            }
            _ if byte % 2 == 0 => steps.push(Step::Tick),
            _ => steps.push(Step::Wait(u64::from(number) * 10_000)),
        }
    }
    steps
}

/// A request of another client than the usual one, where it has a header with a client id.
fn by_one_of_many(asked: Vec<u8>, number: u16) -> Vec<u8> {
    let has_client_id = asked.get(12..).is_some_and(|rest| rest.starts_with(b"\0\x08client-1"));
    let long = [b'x'; 300];
    match number % 7 {
        0 if has_client_id => sent_by(Some(b"one"), &asked),
        1 if has_client_id => sent_by(Some(b"two"), &asked),
        2 if has_client_id => sent_by(None, &asked),
        3 if has_client_id => sent_by(Some(&long), &asked),
        _ => asked,
    }
}

/// One message in a dozen has a byte changed, is cut, or has bytes too many.
fn corrupted(mut message: Vec<u8>, number: u16, byte: u8) -> Vec<u8> {
    let at = usize::from(number) % message.len();
    match number >> 8 {
        0..=7 => message[at] = byte,
        8..=15 => message.truncate(at.max(1)),
        16..=19 => message.extend([byte; 3]),
        _ => {}
    }
    message
}

fn decision(random: &mut Random) -> Decision {
    let bytes = random.bytes(5);
    (bytes[0], bytes[1], u16::from_be_bytes([bytes[2], bytes[3]]), bytes[4])
}

const KINDS: u8 = 27;

/// A request of this kind with its answer, when it gets one.
fn exchange(kind: u8, id: i32) -> (Vec<u8>, Option<Vec<u8>>) {
    let (orders, audit, by_id) = (Topic::Name("orders"), Topic::Name("audit"), Topic::Id(1));
    let set = [batch(3).bytes(), batch(2).attributes(1).bytes()].concat();
    match kind {
        0 => (heartbeat(3, id), Some(heartbeat_told(3, id, 27, 5))),
        1 => (api_versions(3, id), Some(api_versions_told(0, id, 35))),
        2 => (metadata(12, id, &["orders"]).frame(), Some(told(12, id, &[(0, "orders", 1)]))),
        3 => (metadata(1, id, &["audit"]).frame(), Some(told(1, id, &[(0, "audit", 0)]))),
        4 => (produce(3, id, 0, &[(orders, vec![set])]), None),
        5 => (
            produce(9, id, -1, &[(audit, vec![set.clone()]), (orders, vec![set])]),
            Some(produced(9, id, &[(audit, &[3]), (orders, &[0])], 9)),
        ),
        6 => {
            (produce(13, id, 1, &[(by_id, vec![set])]), Some(produced(13, id, &[(by_id, &[0])], 0)))
        }
        7 => (
            fetch(11, id, -1, &[orders]),
            Some(fetched(11, id, &[(orders, vec![records(set[..set.len() - 5].to_vec())])])),
        ),
        8 => (fetch(16, id, -1, &[by_id]), Some(fetched(16, id, &[(by_id, vec![records(set)])]))),
        9 => (fetch(15, id, 2, &[by_id]), Some(fetched(15, id, &[(by_id, vec![records(set)])]))),
        10 => (
            request(17, 0, id, false).text("PLAIN").frame(),
            Some(response(id, false).i16(0).array(0).frame()),
        ),
        11 => (framed(b"\0alice\0secret"), Some(framed(b""))),
        12 => (
            request(120, 3, id, false).raw(&[7; 20]).frame(),
            Some(response(id, false).raw(&[8; 20]).frame()),
        ),
        13 => (join(5, id, "billing", "member-1"), {
            let (leader, member) = ("member-1", "member-1");
            Some(Joined { version: 5, error: 0, generation: id, leader, member }.frame(id))
        }),
        14 => (
            commit(8, id, ("billing", 5), &[(orders, &[(0, 7), (1, 8)])]),
            Some(committed(8, id, &[(orders, &[(0, 0), (1, 22)])])),
        ),
        15 => (
            commit_in_transaction(3, id, ("audit", 5), &[(orders, &[(1, 9)])]),
            Some(committed_in_transaction(3, id, &[(orders, &[(1, 0)])])),
        ),
        16 => {
            let of_billing: &[Held<'_>] = &[(orders, &[(0, 5, 0), (1, -1, 0)])];
            let told = [("billing", 0, of_billing), ("audit", 69, &[])];
            (fetch_offsets(9, id, &["billing", "audit"]), Some(told_offsets(9, id, &told)))
        }
        17 => (
            epoch_heartbeat(CONSUMER_GROUP_HEARTBEAT, id, "billing", id % 5),
            Some(epoch_told(CONSUMER_GROUP_HEARTBEAT, id, 0, 3)),
        ),
        18 => (
            describe(id, &["billing", "search"]),
            Some(described(id, &[("billing", 0), ("search", 69)])),
        ),
        19 => (leave(4, id, "billing", 2), Some(left(4, id, 0, &[0, 25]))),
        20 => (share_fetch(id, Some("audit"), &[1]), Some(share_told(id, &[(1, 0, set)]))),
        21..=24 => {
            let offset = i64::from(id % 50);
            let topics: &[(Topic, &[(i32, i64)])] =
                &[(orders, &[(0, offset), (1, 0)]), (audit, &[(0, 9)])];
            let ask = Ask { version: 11, replica: -1, epoch: 1, topics, forgotten: &[] };
            let parts = vec![part(0, 100, set), part(1, offset, Vec::new()), failed_part(2, 6)];
            (ask.frame(id), Some(fetch_told(11, id, &[(orders, parts)])))
        }
        25 => (
            request(1, 3, id, false).i32(-1).i32(500).i32(1).i32(9).array(0).frame(),
            Some(response(id, false).i32(0).array(0).frame()),
        ),
        _ => (
            Wire::default().i16(0).i16(15).i32(id).i16(-1).raw(&[9; 20]).frame(),
            (id % 2 == 0).then(|| response(id, false).raw(&[8; 20]).frame()),
        ),
    }
}
