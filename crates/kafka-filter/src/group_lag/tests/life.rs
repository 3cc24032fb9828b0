//! How long a committed offset is believed.

use super::{Process, STALE_S, Worker};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// After a rebalance the partition may be committed through another proxy.
#[test]
fn a_number_of_an_older_generation_is_given_up() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    for partition in 0..2 {
        one.mark(&process, partition, 100);
        one.commit(&process, partition, 90, 1);
    }
    for _ in 0..STALE_S {
        process.wait(1);
        two.heartbeat(&process, 2);
        two.commit(&process, 1, 95, 2);
        process.tick(&mut one);
        process.tick(&mut two);
        assert_eq!(process.billing(), Some(10 + 5));
    }
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(5));
}

#[test]
fn a_stuck_member_with_heartbeats_keeps_its_growing_lag() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.commit(&process, 0, 100, 5);
    for minute in 1..60 {
        process.wait(57);
        two.heartbeat(&process, 5);
        one.mark(&process, 0, 100 + minute * 1_000);
        process.tick_both(&mut one, &mut two);
        process.tick_both(&mut one, &mut two);
        process.tick_both(&mut one, &mut two);
        assert_eq!(process.billing(), u64::try_from(minute * 1_000).ok());
    }
}

/// A worker that meets the group late must not take what it did not see for old.
#[test]
fn a_worker_that_joins_late_keeps_what_the_others_know() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.mark(&process, 1, 100);
    one.commit(&process, 0, 40, 5);
    for _ in 0..20 {
        process.wait(60);
        one.heartbeat(&process, 5);
        process.tick(&mut one);
    }
    two.told(&process, 1, 99, -1);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(60 + 1));
}

#[test]
fn a_group_that_dies_goes_to_zero_once() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    one.commit(&process, 0, 10, 1);
    two.heartbeat(&process, 1);
    process.tick_both(&mut one, &mut two);
    process.wait(STALE_S - 2);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(90));
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(0));
    assert_eq!((one.lag.pairs, one.lag.commits), (0, 0), "nothing is kept of it");
    process.gauge.clear();
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), None, "and nothing is set again");
    // It comes back as if it were new.
    one.commit(&process, 0, 30, 2);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(70));
}

#[test]
fn a_group_without_generations_lives_from_commit_to_commit() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    worker.commit(&process, 0, 10, -1);
    worker.heartbeat(&process, -1);
    for _ in 0..3 {
        process.wait(STALE_S);
        process.tick(&mut worker);
        assert_eq!(process.billing(), Some(90));
        worker.commit(&process, 0, 10, -1);
    }
    process.wait(STALE_S + 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(0));
}

/// A group that was deleted counts its generations from the beginning.
#[test]
fn a_group_that_was_made_again_is_alive() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    worker.commit(&process, 0, 10, 900);
    process.tick(&mut worker);
    process.wait(10);
    worker.heartbeat(&process, 1);
    process.tick(&mut worker);
    process.wait(STALE_S);
    worker.commit(&process, 0, 20, 1);
    for _ in 0..20 {
        process.wait(100);
        worker.heartbeat(&process, 1);
        process.tick(&mut worker);
    }
    assert_eq!(process.billing(), Some(80), "long after its commit");
}

#[test]
fn an_answer_to_offset_fetch_is_a_beginning() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    one.mark(&process, 0, 100);
    two.told(&process, 0, 25, 3);
    two.heartbeat(&process, 3);
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), Some(75));
    for _ in 0..20 {
        process.wait(100);
        two.heartbeat(&process, 3);
        process.tick_both(&mut one, &mut two);
    }
    assert_eq!(process.billing(), Some(75), "a member that is stuck from the beginning");
}

#[test]
fn who_only_asks_does_not_take_the_generation_away() {
    for same_worker in [true, false] {
        let mut process = Process::new();
        let (mut one, mut two) = (Worker::new(), Worker::other());
        one.mark(&process, 0, 100);
        one.commit(&process, 0, 25, 3);
        process.tick_both(&mut one, &mut two);
        process.wait(5);
        let asked = if same_worker { &mut one } else { &mut two };
        asked.told(&process, 0, 25, -1);
        for _ in 0..20 {
            process.wait(100);
            one.heartbeat(&process, 3);
            process.tick_both(&mut one, &mut two);
        }
        assert_eq!(process.billing(), Some(75));
    }
}

#[test]
fn a_group_that_has_committed_nothing_has_no_lag() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    assert!(worker.told(&process, 0, -1, 1));
    assert!(worker.told(&process, 0, i64::MIN, 1));
    process.tick(&mut worker);
    assert_eq!((process.billing(), worker.lag.pairs), (None, 0));
    // Its offsets are deleted while others stay.
    worker.mark(&process, 1, 100);
    worker.commit(&process, 0, 10, 1);
    worker.commit(&process, 1, 95, 1);
    process.tick(&mut worker);
    assert_eq!(process.billing(), Some(95));
    process.wait(1);
    worker.told(&process, 0, -1, 1);
    process.tick(&mut worker);
    assert_eq!((process.billing(), worker.lag.commits), (Some(5), 1));
    process.wait(1);
    worker.told(&process, 1, -1, 1);
    process.tick(&mut worker);
    assert_eq!((process.billing(), worker.lag.commits), (Some(0), 0));
}
