//! The values of samples, by a clock that the test moves: how long members wait, how old records are.

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

use support::fetching::{Ask, fetch_told, part, share_fetch, share_told};
use support::groups::{Joined, MEMBER_ID_REQUIRED, join};
use support::messages::Topic;
use support::play::{Process, STARTED_MS};
use support::wire::{LOG_APPEND_TIME, batch, old_message};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ORDERS: Topic = Topic::Name("orders");

/// From the last byte of the request to the last byte of the answer; a refusal is no wait.
#[test]
fn a_join_lasts_until_its_answer_is_whole() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    let answer = |error, id| {
        Joined { version: 5, error, generation: 1, leader: "other", member: "member-1" }.frame(id)
    };
    let (first, second) = (join(5, 1, "billing", ""), join(5, 2, "billing", "member-1"));
    process.client(0, &first);
    process.wait(2_000);
    process.broker(0, &answer(MEMBER_ID_REQUIRED, 1));
    process.client(0, &second[..20]);
    process.wait(50_000);
    process.client(0, &second[20..]);
    process.wait(3_000_000);
    let told = answer(0, 2);
    process.broker(0, &told[..30]);
    process.wait(77);
    process.broker(0, &told[30..]);
    process.settle();
    let samples = process.host.samples("group_join_duration_microseconds{group=billing}");
    assert_eq!(samples, [3_000_077]);
    let all = process.host.samples("request_duration_microseconds{request=JoinGroup}");
    assert_eq!(all, [2_000, 3_000_077]);
}

/// The wall clock when the answer passes, less the batch's newest timestamp.
#[test]
fn ages_are_measured_when_records_pass() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    let ask = Ask { version: 11, replica: -1, epoch: 0, topics: &[], forgotten: &[] };
    let now_ms = process.clock().unix_ms;
    assert!(now_ms > STARTED_MS);
    let set = [
        batch(3).max_timestamp(now_ms - 100).bytes(),
        batch(3).max_timestamp(now_ms).bytes(),
        batch(3).max_timestamp(now_ms + 7_000).bytes(),
        batch(3).attributes(LOG_APPEND_TIME).max_timestamp(now_ms - 5).bytes(),
        old_message(1, 0, b"from 2014"),
    ]
    .concat();
    let told = fetch_told(11, 1, &[(ORDERS, vec![part(0, 100, set)])]);
    process.client(0, &ask.frame(1));
    process.wait(2_500_000);
    process.broker(0, &told);
    process.settle();
    let samples = process.host.samples("topic_end_to_end_latency_milliseconds{topic=orders}");
    let since_2014 = u64::try_from(now_ms + 2_500 - 1_400_000_000_000).unwrap();
    assert_eq!(samples, [2_600, 2_500, 0, since_2014]);
}

#[test]
fn what_shares_fetch_has_an_age_too() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    let set = batch(3).max_timestamp(process.clock().unix_ms - 40).bytes();
    process.client(0, &share_fetch(1, Some("workers"), &[1]));
    process.broker(0, &share_told(1, &[(1, 0, set)]));
    process.settle();
    let samples =
        process.host.samples("topic_end_to_end_latency_milliseconds{topic=__unresolved__}");
    assert_eq!(samples, [40]);
}

/// A producer's clock may be anywhere, and this one too.
#[test]
fn ages_are_never_below_zero() {
    let mut process = Process::new("", 1);
    process.open(0, 0);
    let ask = Ask { version: 11, replica: -1, epoch: 0, topics: &[], forgotten: &[] };
    let set = batch(3).max_timestamp(i64::MAX).bytes();
    for id in 1..=2 {
        process.client(0, &ask.frame(id));
        process.broker(0, &fetch_told(11, id, &[(ORDERS, vec![part(0, 100, set.clone())])]));
        process.wait(u64::from(u32::MAX) * 1_000);
        process.tick();
    }
    let samples = process.host.samples("topic_end_to_end_latency_milliseconds{topic=orders}");
    assert_eq!(samples, [0, 0]);
}
