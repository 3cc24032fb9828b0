//! The lag of consumer groups from end to end: offsets that pass on one worker, watermarks on
//! another, and the gauge after each second.

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

use support::fetching::{Ask, fetch_told, part};
use support::groups::{
    Held, ILLEGAL_GENERATION, Joined, commit, commit_in_transaction, committed,
    committed_in_transaction, fetch_offsets, join, told_offsets,
};
use support::messages::{Topic, heartbeat, heartbeat_told, metadata, told};
use support::play::{Process, Split, Step};
use support::wire::batch;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ORDERS: Topic = Topic::Name("orders");
/// The same topic by its id.
const BY_ID: Topic = Topic::Id(1);
const GAUGE: &str = "group_lag_records{topic=orders,group=billing}";
const SPLITS: [Split; 4] = [Split::Whole, Split::Every(1), Split::Random(1), Split::Random(2)];

/// Connection 0 is a member that fetches, on one worker; 1 talks to the coordinator, on another.
fn member(config: &str) -> Process {
    let mut process = Process::new(config, 2);
    process.open(0, 0);
    process.open(1, 1);
    process.client(0, &metadata(12, 9, &["orders"]).frame());
    process.broker(0, &told(12, 9, &[(0, "orders", 1)]));
    process
}

/// A Fetch tells the watermarks of partitions 0, 1, and so on.
fn watermarks(offsets: &[i64]) -> [Step; 2] {
    let ask = Ask { version: 11, replica: -1, epoch: 0, topics: &[], forgotten: &[] };
    let parts =
        (0..).zip(offsets).map(|(number, &offset)| part(number, offset, Vec::new())).collect();
    let answer = fetch_told(11, 1, &[(ORDERS, parts)]);
    [Step::Client(0, ask.frame(1)), Step::Broker(0, answer)]
}

/// The member commits offsets of partitions, all accepted.
fn commits(generation: i32, offsets: &[(i32, i64)]) -> [Step; 2] {
    let errors: Vec<(i32, i16)> = offsets.iter().map(|(partition, _)| (*partition, 0)).collect();
    [
        Step::Client(1, commit(8, 2, ("billing", generation), &[(ORDERS, offsets)])),
        Step::Broker(1, committed(8, 2, &[(ORDERS, &errors)])),
    ]
}

/// The gauge after these steps and the next tick, the same for every split.
fn lag_after(config: &str, steps: &[Step]) -> i64 {
    let lags = SPLITS.map(|split| {
        let mut process = member(config);
        process.go_on(steps, split);
        process.tick();
        let total = process.host.total("group_lag_records");
        assert_eq!(total, process.host.value(GAUGE), "another group or topic has a lag");
        process.close_all();
        process.settle();
        assert_eq!(process.host.total("group_lag_records"), 0, "it is given back");
        total
    });
    assert_eq!(lags, [lags[0]; 4], "the lag depends on how bytes were split");
    lags[0]
}

/// Offsets 90 of 100 and 45 of 50, in every form in which a coordinator accepts or tells them.
#[test]
fn every_way_in_which_an_offset_is_told() {
    let offsets: &[(i32, i64)] = &[(0, 90), (1, 45)];
    let fine: &[(i32, i16)] = &[(0, 0), (1, 0)];
    let held: &[(i32, i64, i16)] = &[(0, 90, 0), (1, 45, 0), (2, -1, 0), (3, 7, 88)];
    let member = ("billing", 4);
    let mut ways: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
    for version in [2, 5, 6, 7, 8, 9, 10] {
        let topic = if version >= 10 { BY_ID } else { ORDERS };
        ways.push((
            format!("OffsetCommit {version}"),
            commit(version, 2, member, &[(topic, offsets)]),
            committed(version, 2, &[(topic, fine)]),
        ));
    }
    for version in [0, 2, 3, 5] {
        ways.push((
            format!("TxnOffsetCommit {version}"),
            commit_in_transaction(version, 2, member, &[(ORDERS, offsets)]),
            committed_in_transaction(version, 2, &[(ORDERS, fine)]),
        ));
    }
    for version in [3, 5, 6, 7, 8, 9, 10] {
        let topic = if version >= 10 { BY_ID } else { ORDERS };
        let groups: &[&str] = if version >= 8 { &["audit", "billing"] } else { &["billing"] };
        let of_billing: &[Held<'_>] = &[(topic, held)];
        let told: Vec<_> = groups
            .iter()
            .map(|group| (*group, 0, if *group == "billing" { of_billing } else { &[] }))
            .collect();
        ways.push((
            format!("OffsetFetch {version}"),
            fetch_offsets(version, 2, groups),
            told_offsets(version, 2, &told),
        ));
    }
    for (way, asked, answered) in ways {
        let mut steps = watermarks(&[100, 50, 70, 80]).to_vec();
        steps.extend([Step::Client(1, asked), Step::Broker(1, answered)]);
        assert_eq!(lag_after("", &steps), 15, "{way}");
    }
}

/// The watermark may be told before or after, and by another worker than the commit.
#[test]
fn the_order_of_the_two_numbers_does_not_matter() {
    let [read, news] = watermarks(&[100]);
    let [asked, answered] = commits(4, &[(0, 90)]);
    for steps in [
        [read.clone(), news.clone(), asked.clone(), answered.clone()],
        [read.clone(), asked.clone(), news.clone(), answered.clone()],
        [read, asked, answered, news],
    ] {
        // The topic is a label value once an answer has named it, so a commit in front waits.
        let lag = lag_after("", &[watermarks(&[7]).as_slice(), &steps].concat());
        assert_eq!(lag, 10);
    }
}

#[test]
fn refused_partitions_do_not_count() {
    let mut steps = watermarks(&[100, 100, 100]).to_vec();
    let offsets = [(0, 90), (1, 80), (2, 70)];
    let errors = [(0, 0), (1, ILLEGAL_GENERATION), (2, 0)];
    steps.extend([
        Step::Client(1, commit(8, 2, ("billing", 4), &[(ORDERS, &offsets)])),
        Step::Broker(1, committed(8, 2, &[(ORDERS, &errors)])),
    ]);
    assert_eq!(lag_after("", &steps), 10 + 30);
    // Nor when an offset was accepted before: that one stays.
    let mut again = commits(4, &[(1, 95)]).to_vec();
    again.splice(0..0, watermarks(&[100, 100, 100]));
    again.extend(steps);
    assert_eq!(lag_after("", &again), 10 + 5 + 30);
}

/// Commits under way together: each answer is about its own request.
#[test]
fn an_answer_refuses_its_own_request_only() {
    let ask = |id, offset| commit(8, id, ("billing", 4), &[(ORDERS, &[(0, offset)])]);
    let answer = |id, error| committed(8, id, &[(ORDERS, &[(0, error)])]);
    for (errors, lag) in [
        ([0, 0, 0], 70),
        ([22, 0, 0], 70),
        ([0, 22, 0], 70),
        ([0, 0, 22], 80),
        ([0, 22, 22], 90),
        ([22, 22, 22], 0),
    ] {
        let mut steps = watermarks(&[100]).to_vec();
        steps.push(Step::Client(1, [ask(2, 10), ask(3, 20), ask(4, 30)].concat()));
        for (id, error) in (2..).zip(errors) {
            steps.push(Step::Broker(1, answer(id, error)));
        }
        assert_eq!(lag_after("", &steps), lag, "{errors:?}");
    }
}

/// Not answered, answered after the table was full, broken off in the middle of the answer.
#[test]
fn what_is_not_answered_does_not_count() {
    let [asked, answered] = commits(4, &[(0, 90)]);
    let Step::Broker(_, answer) = &answered else { panic!("an answer") };
    let cut = Step::Broker(1, answer[..answer.len() - 1].to_vec());
    let [read, news] = watermarks(&[100]);
    assert_eq!(lag_after("", &[read.clone(), news.clone(), asked.clone()]), 0);
    assert_eq!(lag_after("", &[read.clone(), news.clone(), asked.clone(), cut]), 0);
    let close = [read.clone(), news.clone(), asked.clone(), Step::Close(1)];
    assert_eq!(lag_after("", &close), 0);
    // The second request is evicted at once, and takes its offsets along.
    let second = commit(8, 3, ("billing", 4), &[(ORDERS, &[(0, 95)])]);
    let second_answer = committed(8, 3, &[(ORDERS, &[(0, 0)])]);
    let third = commit(8, 4, ("billing", 4), &[(ORDERS, &[(0, 96)])]);
    let third_answer = committed(8, 4, &[(ORDERS, &[(0, 0)])]);
    let config = r#"{"limits": {"in_flight_max": 1}}"#;
    let mut steps = vec![read, news, asked, Step::Client(1, second), answered];
    assert_eq!(lag_after(config, &steps), 10);
    steps.extend([
        Step::Broker(1, second_answer),
        Step::Client(1, third),
        Step::Broker(1, third_answer),
    ]);
    assert_eq!(lag_after(config, &steps), 4);
}

/// A group that has caught up has a lag of zero; one that is ahead of what was seen too.
#[test]
fn lag_is_never_below_zero() {
    let mut process = member("");
    let steps = [watermarks(&[100, 50]), commits(4, &[(0, 100), (1, 60)])].concat();
    process.go_on(&steps, Split::Whole);
    process.tick();
    let names: Vec<&str> =
        process.host.names().filter(|name| name.contains("group_lag_records")).collect();
    assert_eq!(names.len(), 1, "it is shown");
    assert_eq!(process.host.total("group_lag_records"), 0);
    process.go_on(&watermarks(&[130, 50]), Split::Whole);
    process.tick();
    assert_eq!(process.host.value(GAUGE), 30);
}

/// What a follower is told is not what consumers may read.
#[test]
fn replication_tells_no_watermark() {
    let ask = Ask { version: 11, replica: 2, epoch: 0, topics: &[], forgotten: &[] }.frame(1);
    let answer = fetch_told(11, 1, &[(ORDERS, vec![part(0, 500, batch(3).bytes())])]);
    let mut steps = vec![Step::Open(2, 0), Step::Client(2, ask), Step::Broker(2, answer)];
    steps.extend(watermarks(&[100]));
    steps.extend(commits(4, &[(0, 90)]));
    assert_eq!(lag_after("", &steps), 10);
}

/// A topic that no broker has named has no lag, and takes no place of the cap.
#[test]
fn invented_topics_have_no_lag() {
    let mut process = member("");
    for id in 0..50 {
        let name = Topic::Name(format!("invented-{id}").leak());
        process.client(1, &commit(8, id, ("billing", 4), &[(name, &[(0, 90)])]));
        process.broker(1, &committed(8, id, &[(name, &[(0, 3)])]));
        process.client(1, &fetch_offsets(9, id, &["billing"]));
        process.broker(1, &told_offsets(9, id, &[("billing", 0, &[(name, &[(0, -1, 0)])])]));
    }
    process.tick();
    assert_eq!(process.host.total("group_lag_records"), 0);
    assert_eq!(process.host.value("label_values{label=topic}"), 0);
}

/// A group that is not told apart from others has no lag of its own.
#[test]
fn groups_without_a_label_value_have_no_lag() {
    let steps = [watermarks(&[100]), commits(4, &[(0, 90)])].concat();
    for config in [
        r#"{"labels": {"group": {"values_max": 0}}}"#,
        r#"{"labels": {"group": {"deny": ["bill.*"]}}}"#,
        r#"{"labels": {"topic": {"values_max": 0}}}"#,
        r#"{"labels": {"topic": {"allow": ["audit"]}}}"#,
        r#"{"metrics": {"lag": false}}"#,
        r#"{"limits": {"lag_partitions_max": 1, "combinations_max": 0}}"#,
    ] {
        assert_eq!(lag_after(config, &steps), 0, "{config}");
    }
    assert_eq!(lag_after(r#"{"metrics": {"groups": false}}"#, &steps), 10);
}

#[test]
fn partitions_over_the_bounds_are_counted() {
    let offsets: Vec<(i32, i64)> = (0..3).map(|partition| (partition, 90)).collect();
    let mut process = member(r#"{"limits": {"lag_partitions_max": 2}}"#);
    process.go_on(&watermarks(&[100, 100]), Split::Whole);
    process.go_on(&commits(4, &offsets), Split::Whole);
    process.tick();
    assert_eq!(process.host.value(GAUGE), 20);
    assert_eq!(process.host.value("lag_untracked_partitions_total"), 1);

    // More than a connection keeps until the answer comes.
    let offsets: Vec<(i32, i64)> = (0..5_000).map(|partition| (partition, 90)).collect();
    let mut process = member("");
    process.go_on(&watermarks(&[100, 100]), Split::Whole);
    process.go_on(&commits(4, &offsets), Split::Whole);
    process.tick();
    assert_eq!(process.host.value(GAUGE), 20);
    assert_eq!(process.host.value("lag_untracked_partitions_total"), 5_000 - 4_096);
}

/// Each second is a step of the clock; the group shows life or does not.
#[test]
fn a_silent_group_is_forgotten_and_a_living_one_is_not() {
    for is_alive in [false, true] {
        let mut process = member("");
        let steps = [watermarks(&[100]), commits(5, &[(0, 90)])].concat();
        process.go_on(&steps, Split::Whole);
        let mut lags = Vec::new();
        for second in 0..400 {
            process.tick();
            lags.push(process.host.value(GAUGE));
            process.wait(1_000_000);
            if is_alive && second % 3 == 0 {
                // The heartbeat's group: its generation is 5.
                let beat = String::from_utf8_lossy(&heartbeat(1, 3)).contains("group-1");
                assert!(beat, "the heartbeat is of another group");
                let mut beat = heartbeat(1, 3);
                let at = beat.windows(7).position(|window| window == b"group-1").unwrap();
                beat[at..at + 7].copy_from_slice(b"billing");
                process.client(1, &beat);
                process.broker(1, &heartbeat_told(1, 3, 0, 0));
            }
        }
        assert_eq!(lags[..300], [10; 300], "alive: {is_alive}");
        let last = lags.last().copied();
        assert_eq!(last, Some(if is_alive { 10 } else { 0 }), "alive: {is_alive}");
        if !is_alive {
            let over = lags.iter().position(|&lag| lag == 0).unwrap();
            assert!((300..305).contains(&over), "after {over} seconds");
        }
    }
}

/// A new generation that commits elsewhere: the old number is given up in time, even though the
/// group is alive.
#[test]
fn a_partition_that_moved_away_is_forgotten() {
    let mut process = member(r#"{"limits": {"lag_stale_seconds": 10}}"#);
    let steps = [watermarks(&[100, 100]), commits(5, &[(0, 90), (1, 80)])].concat();
    process.go_on(&steps, Split::Whole);
    process.tick();
    assert_eq!(process.host.value(GAUGE), 30);
    process.client(1, &join(5, 6, "billing", "member-1"));
    let joined =
        Joined { version: 5, error: 0, generation: 6, leader: "member-1", member: "member-1" };
    process.broker(1, &joined.frame(6));
    for _ in 0..13 {
        process.wait(1_000_000);
        process.go_on(&commits(6, &[(0, 95)]), Split::Whole);
        process.tick();
    }
    assert_eq!(process.host.value(GAUGE), 5);
}

/// Two members on two workers commit what is theirs; either worker shows the lag of both.
#[test]
fn members_on_different_workers_have_one_lag() {
    let mut process = member("");
    process.open(2, 0);
    process.go_on(&watermarks(&[100, 100]), Split::Whole);
    process.go_on(&commits(5, &[(0, 90)]), Split::Whole);
    process.client(2, &commit(8, 7, ("billing", 5), &[(ORDERS, &[(1, 80)])]));
    process.broker(2, &committed(8, 7, &[(ORDERS, &[(1, 0)])]));
    process.tick();
    process.tick();
    assert_eq!(process.host.value(GAUGE), 30);
    // The one that committed last knows best, whichever worker it is.
    process.wait(1_000_000);
    process.client(2, &commit(8, 8, ("billing", 5), &[(ORDERS, &[(0, 99)])]));
    process.broker(2, &committed(8, 8, &[(ORDERS, &[(0, 0)])]));
    process.tick();
    process.tick();
    assert_eq!(process.host.value(GAUGE), 21);
    process.close_all();
    process.tick();
    assert_eq!(process.host.value(GAUGE), 21, "a group outlives its connections");
    process.settle();
    assert_eq!(process.host.value(GAUGE), 0);
}
