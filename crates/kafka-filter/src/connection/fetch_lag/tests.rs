use std::collections::BTreeMap;

use super::{Answer, FetchLag, LAG_MAX, TopicKey};
use crate::metrics::series::Topic;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MAX: u32 = 1_000;
const STALE_S: u32 = 300;

/// A connection, and the gauge that it moves.
#[derive(Default)]
struct Bench {
    lag: FetchLag,
    gauge: BTreeMap<String, i64>,
    now_s: u32,
    max: Option<u32>,
}

impl Bench {
    fn request(&mut self, partition: i32, offset: i64) -> bool {
        let Self { lag, gauge, now_s, max } = self;
        let max = max.unwrap_or(MAX);
        lag.requested(key(), partition, offset, *now_s, max, |topic, change| {
            count(gauge, topic, change);
        })
    }

    fn answer_as(&mut self, label: Topic, partition: i32, mark: i64, next: Option<i64>) -> bool {
        let Self { lag, gauge, now_s, max } = self;
        let answer = Answer { label, partition, high_watermark: mark, next_offset: next };
        lag.answered(key(), &answer, *now_s, max.unwrap_or(MAX), |topic, change| {
            count(gauge, topic, change);
        })
    }

    fn answer(&mut self, partition: i32, mark: i64, next: Option<i64>) -> bool {
        self.answer_as(orders(), partition, mark, next)
    }

    fn expire(&mut self) {
        let Self { lag, gauge, now_s, .. } = self;
        lag.expire(*now_s, STALE_S, |topic, change| count(gauge, topic, change));
    }

    fn of(&self, topic: Topic) -> i64 {
        self.gauge.get(&format!("{topic:?}")).copied().unwrap_or(0)
    }

    fn orders(&self) -> i64 {
        self.of(orders())
    }

    /// Ends the connection; nothing may be left.
    fn end(self) {
        let Self { lag, mut gauge, .. } = self;
        lag.give_back(|topic, change| count(&mut gauge, topic, change));
        assert!(gauge.values().all(|&lag| lag == 0), "left over: {gauge:?}");
    }
}

/// Moves the gauge, which may never be below zero.
fn count(gauge: &mut BTreeMap<String, i64>, topic: Topic, change: i64) {
    assert_ne!(change, 0, "a change by nothing is not told");
    let lag = gauge.entry(format!("{topic:?}")).or_default();
    *lag = lag.checked_add(change).unwrap();
    assert!(*lag >= 0, "{topic:?} is {lag}");
}

fn key() -> TopicKey {
    TopicKey::of_name(b"orders")
}

fn orders() -> Topic {
    Topic::admitted(0)
}

#[test]
fn lag_is_what_is_behind_the_next_offset() {
    let mut bench = Bench::default();
    assert!(bench.request(0, 100));
    assert_eq!(bench.orders(), 0, "nobody has told the end yet");
    bench.answer(0, 500, Some(150));
    assert_eq!(bench.orders(), 350);
    bench.request(0, 150);
    bench.answer(0, 600, None);
    assert_eq!(bench.orders(), 450, "an answer without records moves the end alone");
    bench.request(0, 150);
    bench.answer(0, 600, Some(600));
    assert_eq!(bench.orders(), 0);
    bench.end();
}

#[test]
fn partitions_of_a_topic_add_up_and_topics_do_not() {
    let mut bench = Bench::default();
    let (of_name, of_id) = (TopicKey::of_name(&[7; 16]), TopicKey::of_id(&[7; 16]));
    assert_ne!(of_name, of_id, "a name that reads like an id is another topic");
    for (partition, mark) in [(0, 10), (1, 20), (2, 30)] {
        bench.request(partition, 5);
        bench.answer(partition, mark, None);
    }
    assert_eq!(bench.orders(), 5 + 15 + 25);
    let audit = Topic::admitted(1);
    let Bench { lag, gauge, .. } = &mut bench;
    lag.requested(of_id, 0, 0, 0, MAX, |topic, change| count(gauge, topic, change));
    let answer = Answer { label: audit, partition: 0, high_watermark: 7, next_offset: None };
    lag.answered(of_id, &answer, 0, MAX, |topic, change| count(gauge, topic, change));
    assert_eq!((bench.orders(), bench.of(audit)), (45, 7));
    bench.end();
}

/// KIP-227: what is not listed is as it was.
#[test]
fn partitions_that_are_not_listed_keep_their_lag() {
    let mut bench = Bench::default();
    for partition in 0..3 {
        bench.request(partition, 0);
        bench.answer(partition, 10, None);
    }
    for round in 1..20 {
        bench.now_s = round;
        bench.request(1, i64::from(round));
        bench.answer(1, 100, Some(i64::from(round) + 1));
        bench.expire();
        assert_eq!(bench.orders(), 10 + (100 - i64::from(round) - 1) + 10);
    }
    bench.end();
}

/// After a seek to the end a broker has no news, so there may be no answer to learn from.
#[test]
fn a_seek_counts_without_an_answer() {
    let mut bench = Bench::default();
    bench.request(0, 0);
    bench.answer(0, 1_000, Some(10));
    assert_eq!(bench.orders(), 990);
    bench.request(0, 1_000);
    assert_eq!(bench.orders(), 0);
    bench.request(0, 0);
    assert_eq!(bench.orders(), 1_000, "and back to the beginning");
    bench.end();
}

#[test]
fn a_batch_that_begins_before_the_offset_does_not_take_the_position_back() {
    let mut bench = Bench::default();
    bench.request(0, 100);
    bench.answer(0, 200, Some(90));
    assert_eq!(bench.orders(), 100);
    bench.end();
}

#[test]
fn a_watermark_may_go_back() {
    let mut bench = Bench::default();
    bench.request(0, 100);
    bench.answer(0, 500, None);
    bench.answer(0, 120, None);
    assert_eq!(bench.orders(), 20);
    bench.answer(0, 50, None);
    assert_eq!(bench.orders(), 0, "before the position is not ahead of anything");
    bench.end();
}

#[test]
fn the_contribution_moves_when_the_topic_gets_its_name() {
    let mut bench = Bench::default();
    bench.request(0, 100);
    bench.answer_as(Topic::UNRESOLVED, 0, 130, None);
    assert_eq!(bench.of(Topic::UNRESOLVED), 30);
    bench.answer(0, 140, None);
    assert_eq!((bench.of(Topic::UNRESOLVED), bench.orders()), (0, 40));
    bench.answer_as(Topic::OTHER, 0, 100, None);
    assert_eq!((bench.orders(), bench.of(Topic::OTHER)), (0, 0));
    bench.end();
}

#[test]
fn an_error_takes_the_partition_out_until_the_next_answer() {
    let mut bench = Bench::default();
    bench.request(0, 100);
    bench.answer(0, 500, None);
    bench.answer(0, -1, None);
    assert_eq!(bench.orders(), 0, "its leader has moved");
    bench.request(0, 100);
    assert_eq!(bench.orders(), 0);
    bench.answer(0, 500, None);
    assert_eq!(bench.orders(), 400);
    bench.end();
}

#[test]
fn silence_takes_a_partition_out_and_news_bring_it_back() {
    let mut bench = Bench { now_s: 10_000, ..Bench::default() };
    for partition in 0..2 {
        bench.request(partition, 0);
        bench.answer(partition, 50, None);
    }
    for _ in 0..STALE_S {
        bench.now_s += 1;
        bench.request(0, 0);
        bench.expire();
    }
    assert_eq!(bench.orders(), 100, "not silent for long enough");
    for _ in 0..STALE_S / 4 {
        bench.now_s += 1;
        bench.request(0, 0);
        bench.expire();
    }
    assert_eq!(bench.orders(), 50);
    bench.answer(1, 60, None);
    assert_eq!(bench.orders(), 50 + 60, "its position was still known");
    bench.end();
}

#[test]
fn the_table_is_searched_for_silent_partitions_only_now_and_then() {
    let mut bench = Bench { now_s: 10_000, ..Bench::default() };
    bench.expire();
    let searched_s = bench.lag.expired_s;
    bench.now_s += STALE_S / 4 - 1;
    bench.expire();
    assert_eq!(bench.lag.expired_s, searched_s);
    bench.now_s += 1;
    bench.expire();
    assert_eq!(bench.lag.expired_s, bench.now_s);
    // Even when everything is to be stale at once.
    bench.lag.expire(bench.now_s, 0, |_, _| {});
    bench.end();
}

#[test]
fn a_full_table_refuses_partitions_while_all_lag() {
    let mut bench = Bench { max: Some(3), ..Bench::default() };
    for partition in 0..3 {
        assert!(bench.request(partition, 0));
        assert!(bench.answer(partition, 10, None));
    }
    for second in 1..5 {
        bench.now_s = second;
        assert!(!bench.request(3, 0), "each time");
        assert!(!bench.answer(3, 10, Some(5)));
        assert!(bench.answer(3, 10, None), "nothing to track");
    }
    assert!(bench.request(1, 4), "those inside go on");
    assert_eq!(bench.orders(), 10 + 6 + 10);
    assert_eq!(bench.lag.partitions.len(), 3);
    bench.end();
}

#[test]
fn the_longest_idle_without_lag_make_room() {
    let mut bench = Bench { max: Some(4), ..Bench::default() };
    for (partition, second) in [(0, 0), (1, 10), (2, 60), (3, 60)] {
        bench.now_s = second;
        bench.request(partition, 10);
    }
    bench.now_s = 0;
    bench.answer(0, 50, None);
    bench.now_s = 100;
    assert!(bench.request(4, 0));
    let left: Vec<i32> = bench.lag.partitions.keys().map(|(_, partition)| *partition).collect();
    assert_eq!(left, [0, 2, 3, 4], "the idle one with lag stays, the younger ones too");
    assert!(!bench.request(5, 0), "searched once a second");
    bench.now_s = 101;
    assert!(bench.request(5, 0));
    bench.end();
}

#[test]
fn a_partition_that_made_room_comes_back_with_records() {
    let mut bench = Bench { max: Some(1), ..Bench::default() };
    bench.request(0, 10);
    bench.now_s = 10;
    bench.request(1, 10);
    bench.now_s = 20;
    assert!(bench.answer(0, 90, Some(30)));
    assert_eq!(bench.orders(), 60);
    bench.end();
}

#[test]
fn nonsense_is_bounded() {
    let mut bench = Bench::default();
    for partition in [i32::MIN, -1] {
        assert!(bench.request(partition, 0));
        assert!(bench.answer(partition, 100, Some(1)));
    }
    for offset in [i64::MIN, -1] {
        assert!(bench.request(0, offset));
    }
    assert!(bench.lag.partitions.is_empty());
    for partition in [0, 1, i32::MAX] {
        bench.request(partition, 0);
        bench.answer(partition, i64::MAX, Some(i64::MIN));
    }
    assert_eq!(bench.orders(), 3 * LAG_MAX);
    bench.answer(0, i64::MIN, Some(i64::MAX));
    bench.answer(1, i64::MAX, Some(i64::MAX));
    assert_eq!(bench.orders(), LAG_MAX);
    bench.now_s = u32::MAX;
    bench.expire();
    bench.now_s = 0;
    bench.expire();
    bench.request(0, i64::MAX);
    bench.end();
}

#[test]
fn a_connection_that_fetched_nothing_gives_nothing_back() {
    Bench::default().end();
}
