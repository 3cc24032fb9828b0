//! Bounds, hostile numbers, and what a tick costs.

use super::{Process, STALE_S, Worker};
use crate::group_lag::shelf::RECORDS_MAX;
use crate::group_lag::{Bounds, GroupOffset};
use crate::metrics::series::{Party, Topic};
use crate::{Expect, Host};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn reserved_values_are_not_tracked() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    let offset = worker.offset(0, 1, 1);
    for topic in [Topic::OTHER, Topic::UNRESOLVED] {
        assert!(worker.lag.watermark(topic, 0, 100, process.now_s));
        assert!(worker.lag.committed(&GroupOffset { topic, ..offset }, process.now_s));
    }
    for group in [Party::OTHER, Party::NONE] {
        assert!(worker.lag.committed(&GroupOffset { group, ..offset }, process.now_s));
        assert!(worker.lag.told(&GroupOffset { group, ..offset }, process.now_s));
        worker.lag.alive(group, 1, process.now_s);
    }
    process.tick(&mut worker);
    assert!(process.gauge.is_empty());
    assert!(worker.lag.topics.is_empty());
    assert!(worker.lag.groups.keys().all(|group| *group == worker.texts.group_of("billing")));
}

#[test]
fn a_worker_keeps_so_many_partitions_and_pairs() {
    let bounds = Bounds { partitions_max: 3, pairs_max: 1, stale_s: STALE_S };
    let (mut process, mut worker) = (Process::new(), Worker::with(bounds, "root"));
    for partition in 0..3 {
        assert!(worker.mark(&process, partition, 10));
        assert!(worker.commit(&process, partition, 1, 1));
    }
    assert!(!worker.mark(&process, 3, 10));
    assert!(!worker.commit(&process, 3, 1, 1));
    assert!(!worker.told(&process, 3, 1, 1));
    let group = worker.texts.group_of("search");
    let search = GroupOffset { group, ..worker.offset(0, 1, 1) };
    assert!(!worker.lag.committed(&search, process.now_s));
    assert!(worker.mark(&process, 2, 20) && worker.commit(&process, 2, 2, 1), "known ones go on");
    process.tick(&mut worker);
    assert!(!worker.commit(&process, 3, 1, 1), "what is published still counts");
    assert_eq!(process.billing(), Some(9 + 9 + 18));
    assert_eq!(process.lag("search", "orders"), None);
    // What has not been seen for long makes room.
    process.wait(STALE_S + 1);
    worker.mark(&process, 0, 30);
    worker.heartbeat(&process, 1);
    process.tick(&mut worker);
    assert!(worker.mark(&process, 3, 10));
    assert!(!worker.commit(&process, 3, 1, 1), "the group's numbers live on with it");
    process.wait(STALE_S + 1);
    process.tick(&mut worker);
    assert!(worker.lag.committed(&search, process.now_s));
}

#[test]
fn a_list_has_room_for_so_many_partitions() {
    let mut process = Process::new();
    let (mut one, mut two) = (Worker::new(), Worker::other());
    let most = i32::try_from(RECORDS_MAX).unwrap();
    for partition in 0..most {
        assert!(one.mark(&process, partition, 2) && one.commit(&process, partition, 1, 1));
    }
    assert!(!one.mark(&process, most, 2) && !one.commit(&process, most, 1, 1));
    process.tick(&mut one);
    assert_eq!(process.refused, 0);
    assert!(two.mark(&process, most, 2) && two.commit(&process, most, 1, 1));
    assert!(two.commit(&process, 0, 2, 1));
    process.tick(&mut two);
    assert_eq!(process.refused, 2, "a watermark and a commit");
    process.tick(&mut two);
    assert_eq!(process.refused, 0, "once");
    process.tick_both(&mut one, &mut two);
    assert_eq!(process.billing(), u64::try_from(most - 1).ok());
}

#[test]
fn numbers_of_hostile_peers_are_bounded() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    for partition in [i32::MIN, -1] {
        assert!(worker.mark(&process, partition, 100));
        assert!(worker.commit(&process, partition, 1, 1));
    }
    for offset in [i64::MIN, -1] {
        assert!(worker.mark(&process, 0, offset));
        assert!(worker.commit(&process, 0, offset, 1));
    }
    assert!(worker.lag.topics.is_empty());
    for partition in [0, 1, i32::MAX] {
        worker.mark(&process, partition, i64::MAX);
        worker.commit(&process, partition, 0, i32::MAX);
    }
    worker.mark(&process, 2, 0);
    worker.commit(&process, 2, i64::MAX, i32::MIN);
    process.tick(&mut worker);
    assert_eq!(process.billing(), u64::try_from(i64::MAX).ok());
    // A clock at its end, and one that was set back.
    process.now_s = u32::MAX;
    worker.commit(&process, 0, 7, 1);
    process.tick(&mut worker);
    worker.commit(&process, 0, 8, 1);
    process.tick(&mut worker);
    process.now_s = 0;
    worker.commit(&process, 0, 9, 1);
    process.tick(&mut worker);
}

/// Whatever lies in the shared memory is read without harm, and put right.
#[test]
fn nonsense_in_the_shared_memory_is_survived() {
    for nonsense in [vec![], vec![0xff; 4_000], vec![0x7f; 33], (0..=255).collect::<Vec<u8>>()] {
        let (mut process, mut worker) = (Process::new(), Worker::new());
        for (mark, name) in [(b't', "orders"), (b'g', "billing"), (b'p', "orders\0billing")] {
            let key = [b"root\0lag 1\0proxy\0", [mark].as_slice(), name.as_bytes()].concat();
            assert!(process.host.share(&key, &nonsense, Expect::Absent));
        }
        let keys = process.host.shared_len();
        worker.mark(&process, 5, 100);
        worker.commit(&process, 5, 60, 1);
        process.tick(&mut worker);
        process.tick(&mut worker);
        assert_eq!(process.host.shared_len(), keys, "these are the keys");
        assert!(process.billing().is_some_and(|lag| lag >= 40));
    }
}

#[test]
fn a_quiet_second_costs_one_look_at_each_list_and_no_store() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    process.tick(&mut worker);
    assert_eq!(process.host.shared_calls, 0, "nothing to do");
    worker.mark(&process, 0, 100);
    worker.commit(&process, 0, 40, 1);
    process.tick(&mut worker);
    let calls = process.host.shared_calls;
    for _ in 0..10 {
        process.wait(1);
        worker.mark(&process, 0, 100);
        worker.heartbeat(&process, 1);
        process.tick(&mut worker);
    }
    assert_eq!(process.host.shared_calls - calls, 10 * 3, "of the topic, the group and the pair");
}

#[test]
fn a_topic_that_nobody_commits_is_soon_left_alone() {
    let (mut process, mut worker) = (Process::new(), Worker::new());
    worker.mark(&process, 0, 100);
    process.tick(&mut worker);
    process.wait(31);
    worker.mark(&process, 0, 100);
    let calls = process.host.shared_calls;
    process.tick(&mut worker);
    assert_eq!(process.host.shared_calls, calls);
}
