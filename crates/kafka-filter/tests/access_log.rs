//! What access logs are told of a connection: who it is, what it uses, why it was given up.

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

use kafka_filter::Fact;
use support::fetching::{share_fetch, share_told};
use support::groups::{commit, committed};
use support::messages::{
    API_VERSIONS, Topic, api_versions, api_versions_told, fetch, fetched, heartbeat,
    heartbeat_told, metadata, produce, produced, records, told,
};
use support::play::Process;
use support::wire::{batch, request, sent_by};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// One connection that says and hears this, and what is known of it then.
fn known(config: &str, exchanges: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Fact, String)> {
    let mut process = Process::new(config, 1);
    process.open(0, 0);
    for (asked, answered) in exchanges {
        process.client(0, asked);
        process.broker(0, answered);
    }
    process.close(0);
    process.host.facts.into_iter().collect()
}

fn facts(told: &[(Fact, &str)]) -> Vec<(Fact, String)> {
    told.iter().map(|(fact, text)| (*fact, (*text).to_owned())).collect()
}

fn wrote(id: i32, topics: &[&'static str]) -> (Vec<u8>, Vec<u8>) {
    let names: Vec<Topic> = topics.iter().copied().map(Topic::Name).collect();
    let sets: Vec<_> = names.iter().map(|name| (*name, vec![batch(1).bytes()])).collect();
    let answers: Vec<(Topic, &[i16])> = names.iter().map(|name| (*name, [0].as_slice())).collect();
    (produce(9, id, -1, &sets), produced(9, id, &answers, 0))
}

fn read(id: i32, topic: &'static str) -> (Vec<u8>, Vec<u8>) {
    let topic = Topic::Name(topic);
    (fetch(11, id, -1, &[topic]), fetched(11, id, &[(topic, vec![records(batch(1).bytes())])]))
}

#[test]
fn a_connection_says_who_it_is_and_what_it_uses() {
    let found = known(
        "",
        &[
            (api_versions(3, 1), api_versions_told(3, 1, 0)),
            wrote(2, &["orders", "audit"]),
            wrote(3, &["orders"]),
            read(4, "search"),
        ],
    );
    let expected = [
        (Fact::ClientId, "client-1"),
        (Fact::ClientSoftware, "made-by-hand/1.0"),
        (Fact::Topics, "orders,audit,search"),
    ];
    assert_eq!(found, facts(&expected));
}

/// The first request's, whoever comes after it; nothing where there is none.
#[test]
fn the_first_client_id_stays() {
    let beat = |client: Option<&[u8]>, id| {
        (sent_by(client, &heartbeat(1, id)), heartbeat_told(1, id, 0, 0))
    };
    let found = known("", &[beat(Some(b"one"), 1), beat(Some(b"two"), 2), beat(None, 3)]);
    assert_eq!(found, facts(&[(Fact::ClientId, "one")]));
    assert_eq!(known("", &[beat(None, 1)]), facts(&[]));
    // The rules that make label values of ids are for labels.
    let rewrite = r#"{"labels": {"client_id": {"values_max": 0,
        "rewrite": [{"match": ".*", "replace": "x"}], "deny": [".*"]}}}"#;
    assert_eq!(known(rewrite, &[beat(Some(b"one"), 1)]), facts(&[(Fact::ClientId, "one")]));
}

/// A line of a log is one line, and a quoted field of it ends where it should.
#[test]
fn what_clients_say_cannot_break_a_line() {
    let says = |client: &[u8]| {
        let exchanges = [
            (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0)),
            (sent_by(Some(client), &heartbeat(1, 2)), heartbeat_told(1, 2, 0, 0)),
        ];
        // The first id must be believable; a connection whose first has none takes the second.
        let (asked, answered) = &exchanges[0];
        let anonymous = (sent_by(None, asked), answered.clone());
        known("", &[anonymous, exchanges[1].clone()])
    };
    for (client, shown) in [
        (b"a\"b".as_slice(), "a%22b"),
        (b"a\\b", "a%5Cb"),
        (b"a\nb\rc\td", "a%0Ab%0Dc%09d"),
        (b"a;b=c%d", "a%3Bb%3Dc%25d"),
        (b"\x1b[31m", "%1B[31m"),
        (b"a\xffb", "a%FFb"),
        ("\u{e9}\u{2028}".as_bytes(), "\u{e9}\u{2028}"),
        (&[b'x'; 256], "__other__"),
        (&[b'x'; 20_000], "__other__"),
        (b"__none__", "%5F_none__"),
    ] {
        let found = says(client);
        assert_eq!(found, facts(&[(Fact::ClientId, shown)]), "{}", client.escape_ascii());
    }
    let software = request(API_VERSIONS, 3, 1, true).text("a\"/\n").text("1;2").end().frame();
    let found = known("", &[(software, api_versions_told(3, 1, 0))]);
    let expected = [(Fact::ClientId, "client-1"), (Fact::ClientSoftware, "a%22/%0A/1%3B2")];
    assert_eq!(found, facts(&expected));
}

/// Eight at most, and those alone that are label values: what clients make up is not told.
#[test]
fn topics_are_those_that_brokers_have_named() {
    let names: Vec<&'static str> =
        (0..12).map(|number| &*format!("topic-{number}").leak()).collect();
    let found = known("", &[wrote(1, &names)]);
    let eight = names[..8].join(",");
    assert_eq!(found, facts(&[(Fact::ClientId, "client-1"), (Fact::Topics, &eight)]));

    let invented = Topic::Name("invented");
    let refused = (
        produce(9, 1, -1, &[(invented, vec![batch(1).bytes()])]),
        produced(9, 1, &[(invented, &[3])], 0),
    );
    let silent = (produce(9, 2, 0, &[(invented, vec![batch(1).bytes()])]), Vec::new());
    let asked = (metadata(12, 3, &["asked"]).frame(), told(12, 3, &[(0, "asked", 1)]));
    let committed_only = (
        commit(8, 4, ("group-1", 1), &[(Topic::Name("asked"), &[(0, 5)])]),
        committed(8, 4, &[(Topic::Name("asked"), &[(0, 0)])]),
    );
    let by_unknown_id = (fetch(13, 5, -1, &[Topic::Id(9)]), {
        fetched(13, 5, &[(Topic::Id(9), vec![records(batch(1).bytes())])])
    });
    let found = known("", &[refused, silent, asked, committed_only, by_unknown_id]);
    assert_eq!(found, facts(&[(Fact::ClientId, "client-1")]));

    let denied = r#"{"labels": {"topic": {"deny": ["secret-.*"]}}}"#;
    let found = known(denied, &[wrote(1, &["secret-plans", "orders"]), read(2, "secret-plans")]);
    assert_eq!(found, facts(&[(Fact::ClientId, "client-1"), (Fact::Topics, "orders")]));

    let shared = (share_fetch(2, Some("g"), &[1]), share_told(2, &[(1, 0, batch(1).bytes())]));
    let asked = (metadata(12, 1, &["orders"]).frame(), told(12, 1, &[(0, "orders", 1)]));
    let found = known("", &[asked, shared]);
    assert_eq!(found, facts(&[(Fact::ClientId, "client-1"), (Fact::Topics, "orders")]));
}

/// A topic is used that is told whether or not anything is counted for topics.
#[test]
fn what_is_told_does_not_depend_on_what_is_counted() {
    let config = r#"{"metrics": {"topics": false, "topic_duration": false, "clients": false,
        "end_to_end_latency": false, "software": false, "groups": false, "lag": false,
        "deprecated": false}}"#;
    let exchanges = [
        (api_versions(3, 1), api_versions_told(3, 1, 0)),
        wrote(2, &["orders"]),
        read(3, "search"),
    ];
    assert_eq!(known(config, &exchanges), known("", &exchanges));
}

#[test]
fn a_connection_that_is_given_up_says_why() {
    let given_up = |first: &[u8], answer: &[u8]| known("", &[(first.to_vec(), answer.to_vec())]);
    assert_eq!(
        given_up(b"GET / HTTP/1.1\r\n\r\n", b""),
        facts(&[(Fact::OpaqueReason, "not_kafka")])
    );
    assert_eq!(
        given_up(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
        facts(&[(Fact::OpaqueReason, "tls")])
    );
    let desync = [(Fact::ClientId, "client-1"), (Fact::OpaqueReason, "desync")];
    assert_eq!(given_up(&heartbeat(1, 1), &heartbeat_told(1, 9, 0, 0)), facts(&desync));
    let malformed = [(Fact::ClientId, "client-1"), (Fact::OpaqueReason, "malformed")];
    assert_eq!(given_up(&heartbeat(1, 1), &[0x80, 0, 0, 0]), facts(&malformed));
}

#[test]
fn nothing_is_told_where_nobody_wants_it() {
    let exchanges = [
        (api_versions(3, 1), api_versions_told(3, 1, 0)),
        wrote(2, &["orders"]),
        (b"\x80\0\0\0".to_vec(), Vec::new()),
    ];
    assert_eq!(known(r#"{"access_log": false}"#, &exchanges), facts(&[]));
}

/// Each piece of a conversation is told once, however the bytes come.
#[test]
fn splits_change_nothing() {
    let exchanges = [
        (api_versions(3, 1), api_versions_told(3, 1, 0)),
        wrote(2, &["orders", "audit"]),
        read(3, "search"),
    ];
    let mut process = Process::new("", 1);
    process.open(0, 0);
    for (asked, answered) in &exchanges {
        asked.chunks(1).for_each(|byte| process.client(0, byte));
        answered.chunks(1).for_each(|byte| process.broker(0, byte));
    }
    process.close(0);
    let found: Vec<(Fact, String)> = process.host.facts.into_iter().collect();
    assert_eq!(found, known("", &exchanges));
}
