use std::collections::BTreeMap;

use super::{Bounds, GroupLag, GroupOffset, Names};
use crate::fake_host::FakeHost;
use crate::metrics::catalog::Reporter;
use crate::metrics::series::{Party, Topic};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod life;
mod limits;

const STALE_S: u32 = 300;
const BOUNDS: Bounds = Bounds { partitions_max: 10_000, pairs_max: 2_000, stale_s: STALE_S };
/// Long after the clock began.
const START_S: u32 = 100_000;

/// A process: what its workers share, the time, and the gauge by group and topic.
struct Process {
    host: FakeHost,
    now_s: u32,
    gauge: BTreeMap<(String, String), u64>,
    refused: u32,
}

/// A worker with its own numbers for the same texts.
struct Worker {
    lag: GroupLag,
    texts: Texts,
}

struct Texts {
    topics: Vec<&'static str>,
    groups: Vec<&'static str>,
}

impl Names for Texts {
    fn topic(&self, topic: Topic) -> Option<&[u8]> {
        self.topics.iter().find(|name| self.topic_of(name) == topic).map(|name| name.as_bytes())
    }

    fn group(&self, group: Party) -> Option<&[u8]> {
        self.groups.iter().find(|name| self.group_of(name) == group).map(|name| name.as_bytes())
    }
}

impl Texts {
    fn topic_of(&self, name: &str) -> Topic {
        let index = self.topics.iter().position(|topic| *topic == name).unwrap();
        Topic::admitted(u32::try_from(index).unwrap())
    }

    fn group_of(&self, name: &str) -> Party {
        let index = self.groups.iter().position(|group| *group == name).unwrap();
        Party::admitted(u32::try_from(index).unwrap())
    }
}

impl Process {
    fn new() -> Self {
        let gauge = BTreeMap::new();
        Self { host: FakeHost::default(), now_s: START_S, gauge, refused: 0 }
    }

    fn wait(&mut self, seconds: u32) {
        self.now_s = self.now_s.checked_add(seconds).unwrap();
    }

    fn tick(&mut self, worker: &mut Worker) {
        let Self { host, now_s, gauge, refused } = self;
        let Worker { lag, texts } = worker;
        *refused = lag.tick(host, texts, *now_s, |_, group, topic, lag| {
            gauge.insert(texts_of(texts, group, topic), lag);
        });
    }

    /// A second passes on both workers; they must agree.
    fn tick_both(&mut self, one: &mut Worker, two: &mut Worker) {
        self.wait(1);
        self.tick(one);
        self.tick(two);
        self.tick(one);
        let first = self.gauge.clone();
        self.tick(two);
        assert_eq!(first, self.gauge, "two workers, two numbers");
    }

    fn lag(&self, group: &str, topic: &str) -> Option<u64> {
        self.gauge.get(&(group.to_owned(), topic.to_owned())).copied()
    }

    /// Of the pair that most tests are about.
    fn billing(&self) -> Option<u64> {
        self.lag("billing", "orders")
    }
}

fn texts_of(texts: &Texts, group: Party, topic: Topic) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(texts.group(group).unwrap()), text(texts.topic(topic).unwrap()))
}

impl Worker {
    fn new() -> Self {
        Self::with(BOUNDS, "root")
    }

    /// One that met the same texts in another order.
    fn other() -> Self {
        let mut worker = Self::new();
        worker.texts.topics.reverse();
        worker.texts.groups.reverse();
        worker
    }

    fn with(bounds: Bounds, namespace: &str) -> Self {
        let texts = Texts { topics: vec!["orders", "audit"], groups: vec!["billing", "search"] };
        Self { lag: GroupLag::new(namespace, Reporter::Proxy, bounds), texts }
    }

    fn offset(&self, partition: i32, offset: i64, generation: i32) -> GroupOffset {
        let (group, topic) = (self.texts.group_of("billing"), self.texts.topic_of("orders"));
        GroupOffset { group, topic, partition, offset, generation }
    }

    fn mark(&mut self, process: &Process, partition: i32, high_watermark: i64) -> bool {
        let topic = self.texts.topic_of("orders");
        self.lag.watermark(topic, partition, high_watermark, process.now_s)
    }

    fn commit(&mut self, process: &Process, partition: i32, offset: i64, generation: i32) -> bool {
        self.lag.committed(&self.offset(partition, offset, generation), process.now_s)
    }

    fn told(&mut self, process: &Process, partition: i32, offset: i64, generation: i32) -> bool {
        self.lag.told(&self.offset(partition, offset, generation), process.now_s)
    }

    fn heartbeat(&mut self, process: &Process, generation: i32) {
        self.lag.alive(self.texts.group_of("billing"), generation, process.now_s);
    }
}

#[test]
fn one_worker_adds_up_the_partitions_of_each_pair() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    worker.mark(&process, 1, 200);
    worker.mark(&process, 2, 999);
    worker.commit(&process, 0, 90, 1);
    worker.commit(&process, 1, 150, 1);
    let group = worker.texts.group_of("search");
    worker.lag.committed(&GroupOffset { group, ..worker.offset(0, 1, 1) }, process.now_s);
    let topic = worker.texts.topic_of("audit");
    worker.lag.watermark(topic, 0, 7, process.now_s);
    worker.lag.committed(&GroupOffset { topic, ..worker.offset(0, 0, 1) }, process.now_s);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(10 + 50), "a partition that nobody committed is no lag");
    assert_eq!(process.lag("search", "orders"), Some(99));
    assert_eq!(process.lag("billing", "audit"), Some(7));
    assert_eq!(process.gauge.len(), 3);
    worker.commit(&process, 1, 200, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(10));
}

#[test]
fn a_lag_is_not_shown_before_a_watermark_is_known() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.commit(&process, 0, 90, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), None, "nobody knows how long the partition is");
    worker.mark(&process, 0, 90);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(0));
}

#[test]
fn a_commit_may_be_ahead_of_the_watermark() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 50);
    worker.mark(&process, 1, 50);
    worker.commit(&process, 0, 60, 1);
    worker.commit(&process, 1, 45, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(5), "the other partition's lag is not made smaller");
}

#[test]
fn watermark_and_commit_may_pass_on_different_workers() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    two.commit(&process, 0, 40, 1);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(60));
    one.mark(&process, 0, 150);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(110));
}

#[test]
fn two_members_may_commit_on_two_workers() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    for partition in 0..4 {
        one.mark(&process, partition, 100);
    }
    for partition in 0..2 {
        one.commit(&process, partition, 90, 1);
        two.commit(&process, partition + 2, 80, 1);
    }
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(2 * 10 + 2 * 20));
}

#[test]
fn a_partition_that_moves_to_another_member_counts_once() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.commit(&process, 0, 10, 1);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(90));
    process.wait(1);
    two.commit(&process, 0, 70, 2);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(30));
    // And back, to a smaller offset: its owner began again.
    process.wait(1);
    one.commit(&process, 0, 20, 3);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(80));
}

#[test]
fn offsets_go_back_when_they_are_reset() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    worker.commit(&process, 0, 90, 1);
    worker.commit(&process, 0, 80, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(20), "the last one, before it is published");
    worker.commit(&process, 0, 5, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(95), "and after, in the same second");
    worker.commit(&process, 0, 4, 1);
    worker.commit(&process, 0, 3, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(97));
}

#[test]
fn watermarks_go_back_when_a_log_is_cut_off() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    two.commit(&process, 0, 10, 1);
    process.tick_both(&mut one, &mut two);
    one.mark(&process, 0, 60);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(50), "in the same second");
    process.wait(1);
    two.mark(&process, 0, 30);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(20), "seen by another worker");
    process.wait(1);
    one.mark(&process, 0, 31);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(21));
}

/// A worker that ticks late must not publish what it saw early as the newer number.
#[test]
fn what_was_seen_first_is_older_whoever_publishes_it_last() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.commit(&process, 0, 50, 1);
    process.wait(1);
    two.mark(&process, 0, 120);
    two.commit(&process, 0, 55, 1);
    process.tick(&mut two);
    process.wait(1);
    process.tick(&mut one);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(65));
}

/// Nothing more is written, and an answer from before passes late.
#[test]
fn an_old_watermark_that_comes_late_does_not_stay() {
    let mut process = Process::new();
    let (mut reader, mut slow, mut committer) = (Worker::new(), Worker::other(), Worker::new());
    reader.mark(&process, 0, 100);
    committer.commit(&process, 0, 50, 1);
    process.tick(&mut reader);
    process.tick_both(&mut slow, &mut committer);
    assert_eq!(process.billing(), Some(50));
    process.wait(1);
    slow.mark(&process, 0, 75);
    process.tick_both(&mut slow, &mut committer);
    assert_eq!(process.billing(), Some(25), "the newest that was seen");
    // Neither news nor a pair brings this worker to look at the list; what it sees has not changed.
    process.wait(1);
    reader.mark(&process, 0, 100);
    process.tick(&mut reader);
    process.tick(&mut reader);
    process.tick_both(&mut slow, &mut committer);
    assert_eq!(process.billing(), Some(50));
}

#[test]
fn a_store_that_is_lost_is_tried_again() {
    for stores_lost in [1, 7, 8, 30] {
        let mut process = Process::new();
        let (mut one, mut two) = (Worker::new(), Worker::other());
        one.mark(&process, 0, 100);
        one.commit(&process, 0, 40, 1);
        process.host.stores_lost = stores_lost;
        process.tick(&mut one);
        process.tick_both(&mut one, &mut two);
        process.tick_both(&mut one, &mut two);
        assert_eq!(process.host.stores_lost, 0);
        assert_eq!(process.billing(), Some(60));
        two.commit(&process, 1, 1, 1);
        process.tick_both(&mut one, &mut two);
        process.gauge.clear();
        process.tick(&mut two);
        assert_eq!(process.billing(), Some(60), "the other worker has it from the shared lists");
    }
}

/// Between a worker's look and its store another one stores: neither's partitions are lost.
#[test]
fn workers_that_store_at_the_same_time_lose_nothing() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.commit(&process, 0, 40, 1);
    two.commit(&process, 1, 30, 1);
    one.mark(&process, 0, 100);
    two.mark(&process, 1, 100);
    let now_s = process.now_s;
    process.host.before_store = Some(Box::new(move |host: &mut FakeHost| {
        let Worker { lag, texts } = &mut two;
        lag.tick(host, texts, now_s, |_, _, _, _| {});
    }));
    process.tick(&mut one);
    process.tick(&mut one);
    assert_eq!(process.billing(), Some(60 + 70));
}

#[test]
fn configurations_and_reporters_do_not_mix() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::with(BOUNDS, "another"));
    let mut three = Worker::new();
    three.lag = GroupLag::new("root", Reporter::Source, BOUNDS);
    one.mark(&process, 0, 100);
    for worker in [&mut one, &mut two, &mut three] {
        worker.commit(&process, 0, 40, 1);
    }
    process.tick(&mut one);
    process.gauge.clear();
    process.tick(&mut two);
    process.tick(&mut three);
    assert_eq!(process.billing(), None, "their topic has no watermark");
    process.tick(&mut one);
    assert_eq!(process.billing(), Some(60));
}

#[test]
fn the_end_of_a_filter_leaves_no_number_behind() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.commit(&process, 0, 40, 1);
    two.commit(&process, 1, 40, 1);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(60));
    let mut zeros = Vec::new();
    one.lag.give_up(&mut process.host, |_, group, topic, lag| {
        zeros.push((texts_of(&one.texts, group, topic), lag));
    });
    assert_eq!(zeros, [(("billing".to_owned(), "orders".to_owned()), 0)]);
    process.gauge.clear();
    process.tick(&mut one);
    assert_eq!(process.billing(), None);
    process.tick(&mut two);
    assert_eq!(process.billing(), Some(60), "who still follows the pair sets it again");
}
