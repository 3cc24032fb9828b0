//! Hand-written placements and steps, and what holds for clusters of any size.

use super::model::{Cluster, brokers, racked, show, topic};
use super::*;

/// `key=value` pairs.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair =
        |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.split_whitespace().map(|text| pair(text).expect("key=value")).collect()
}

fn settings(config: &str) -> Topic {
    Topic {
        name: "__strimzi_canary".to_owned(),
        config: pairs(config),
        reconcile_interval: std::time::Duration::from_secs(30),
        expected_brokers: None,
        settling: std::time::Duration::from_secs(300),
    }
}

/// What the canary sets, with this minimum ISR.
fn written(min_in_sync: usize) -> BTreeMap<String, String> {
    let own = "cleanup.policy=delete segment.bytes=1048576 segment.ms=600000 retention.bytes=16777216 \
               retention.ms=3600000";
    pairs(&format!("{own} min.insync.replicas={min_in_sync}")).into_iter().collect()
}

struct Case {
    brokers: Vec<Broker>,
    topic: TopicState,
    config: Option<BTreeMap<String, String>>,
    away: Vec<i32>,
    moving: BTreeSet<i32>,
    movement: Movement,
}

fn case(ids: &[i32], replicas: &str, min_in_sync: usize) -> Case {
    Case {
        brokers: brokers(ids),
        topic: topic(replicas),
        config: Some(written(min_in_sync)),
        away: Vec::new(),
        moving: BTreeSet::new(),
        movement: Movement::Any,
    }
}

impl Case {
    fn steps(&self) -> Vec<String> {
        let alive = self
            .brokers
            .iter()
            .map(|broker| broker.id)
            .filter(|id| !self.away.contains(id))
            .collect();
        let present = Present {
            topic: Some(&self.topic),
            config: self.config.as_ref(),
            alive: &alive,
            moving: &self.moving,
        };
        steps(&wanted(&self.brokers, &settings("")), present, self.movement)
            .iter()
            .map(show)
            .collect()
    }
}

fn created(brokers: &[Broker]) -> String {
    let wanted = wanted(brokers, &settings(""));
    let nothing = BTreeSet::new();
    let present = Present { topic: None, config: None, alive: &nothing, moving: &nothing };
    match steps(&wanted, present, Movement::Any).as_slice() {
        [Step::Create { replicas, .. }] => show(&Step::Reassign(replicas.clone())),
        other => panic!("not one topic: {other:?}"),
    }
}

#[test]
fn a_new_topic_is_spread_over_all_brokers_and_racks() {
    let table: [(Vec<Broker>, &str); 7] = [
        (brokers(&[7]), "0:[7]"),
        (brokers(&[1, 0]), "0:[0,1] 1:[1,0]"),
        (brokers(&[3, 1, 2]), "0:[1,2,3] 1:[2,3,1] 2:[3,1,2]"),
        (brokers(&[0, 1, 2, 3, 4]), "0:[0,1,2] 1:[1,2,3] 2:[2,3,4] 3:[3,4,0] 4:[4,0,1]"),
        // As strimzi-canary, run against Kafka, spread it.
        (
            racked(&[(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c"), (6, "c")]),
            "0:[1,3,5] 1:[3,5,2] 2:[5,2,4] 3:[2,4,6] 4:[4,6,1] 5:[6,1,3]",
        ),
        (
            racked(&[(1, "b"), (2, "a"), (3, "a"), (4, "b")]),
            "0:[2,1,3] 1:[1,3,4] 2:[3,4,2] 3:[4,2,1]",
        ),
        // One broker has no rack, so none counts.
        (racked(&[(1, "a"), (2, "a"), (3, "")]), "0:[1,2,3] 1:[2,3,1] 2:[3,1,2]"),
    ];
    for (brokers, expected) in table {
        assert_eq!(created(&brokers), format!("reassign {expected}"));
    }
}

#[test]
fn a_new_topic_has_the_canarys_configuration_with_topic_config_on_top() {
    let asked =
        "retention.ms=60000 cleanup.policy=compact min.insync.replicas=3 compression.type=zstd";
    let wanted = wanted(&brokers(&[1, 2, 3]), &settings(asked));
    let nothing = BTreeSet::new();
    let present = Present { topic: None, config: None, alive: &nothing, moving: &nothing };
    let steps = steps(&wanted, present, Movement::Any);
    let [Step::Create { config, .. }] = steps.as_slice() else {
        panic!("not one topic: {steps:?}")
    };
    let expected = "cleanup.policy=delete min.insync.replicas=2 retention.bytes=16777216 \
                    segment.bytes=1048576 segment.ms=600000 compression.type=zstd retention.ms=60000";
    assert_eq!(*config, pairs(expected));
    assert_eq!(wanted.config().overruled(), pairs("cleanup.policy=compact min.insync.replicas=3"));
    assert_eq!(wanted.replication_factor(), 3);
}

#[test]
fn nothing_is_done_without_brokers() {
    assert!(case(&[], "0:[1,2,3]", 2).steps().is_empty());
}

#[test]
fn replicas_follow_the_brokers() {
    let table: [(&str, Case, &[&str]); 14] = [
        ("all right", case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,1] 2:[3,1,2]", 2), &[]),
        ("placed by others, as good", case(&[1, 2, 3], "0:[1,3,2] 1:[3,2,1] 2:[2,1,3]", 2), &[]),
        ("one to two", case(&[1, 2], "0:[1]", 1), &["reassign 0:[1,2]"]),
        (
            "two to three: the minimum ISR waits for the replicas",
            case(&[1, 2, 3], "0:[1,2] 1:[2,1]", 1),
            &["reassign 0:[1,2,3] 1:[2,3,1]"],
        ),
        (
            "three to four",
            case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,1] 2:[3,1,2]", 2),
            &["reassign 1:[2,3,4] 2:[3,4,1]"],
        ),
        (
            "and then the partition of the new one",
            case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,4] 2:[3,4,1]", 2),
            &["add 4 [4,1,2]"],
        ),
        (
            "not while replicas are on their way",
            case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,4] 2:[3,4,1,2]", 2),
            &["reassign 2:[3,4,1]"],
        ),
        (
            "a broker between others moves one replica of each neighbour",
            case(&[1, 2, 3, 4], "0:[1,2,4] 1:[2,4,1] 2:[4,1,2]", 2),
            &["reassign 0:[1,2,3] 1:[2,3,4]"],
        ),
        (
            "four to three: the surplus partition leaves the broker too",
            case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,4]>2~2,3 2:[3,4,1]>3~3,1 3:[4,1,2]>1~1,2", 2),
            &["reassign 1:[2,3,1] 2:[3,1,2] 3:[1,2,3]"],
        ),
        (
            "one in the middle goes: its partition is led by one that holds it",
            case(&[1, 3, 4], "0:[1,2,3]>1~1,3 1:[2,3,4]>3~3,4 2:[3,4,1] 3:[4,1,2]>4~4,1", 2),
            &["reassign 0:[1,3,4] 1:[4,1,3] 3:[4,1,3]"],
        ),
        (
            "three to two: the minimum ISR is lowered first",
            case(&[1, 2], "0:[1,2,3]>1~1,2 1:[2,3,1]>2~1,2 2:[3,1,2]>1~1,2", 2),
            &["config min.insync.replicas=1", "reassign 0:[1,2] 1:[2,1] 2:[1,2]"],
        ),
        (
            "up again: the surplus partition is led by the broker that is back",
            case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,1] 2:[3,1,2] 3:[1,2,3]", 2),
            &["reassign 1:[2,3,4] 2:[3,4,1] 3:[4,1,2]"],
        ),
        (
            "surplus partitions that are where they may be",
            case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,1] 2:[3,1,2] 3:[1,2,3] 4:[1,2,3]", 2),
            &[],
        ),
        (
            "two partitions led by one broker: only the second moves",
            case(&[1, 2, 3], "0:[1,2,3] 1:[1,3,2] 2:[3,1,2]", 2),
            &["reassign 1:[2,3,1]"],
        ),
    ];
    for (what, case, expected) in table {
        assert_eq!(case.steps(), expected, "{what}");
    }
}

#[test]
fn racks_that_appear_are_alternated() {
    let mut case = case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,4] 2:[3,4,1] 3:[4,1,2]", 2);
    case.brokers = racked(&[(1, "a"), (2, "a"), (3, "b"), (4, "b")]);
    // The circle is 1 3 2 4 now; with 3 of 4 brokers each partition is in both racks in either case.
    assert_eq!(case.steps(), [""; 0]);
    case.brokers = racked(&[(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c"), (6, "c")]);
    let in_a_row = "0:[1,2,3] 1:[2,3,4] 2:[3,4,5] 3:[4,5,6] 4:[5,6,1] 5:[6,1,2]";
    case.topic = topic(in_a_row);
    assert_eq!(
        case.steps(),
        ["reassign 0:[1,3,5] 1:[2,4,6] 2:[3,5,2] 3:[4,6,1] 4:[5,2,4] 5:[6,1,3]"]
    );
}

#[test]
fn a_topic_that_a_broker_made_by_itself_is_put_right() {
    let mut case = case(&[1, 2, 3], "0:[2]", 2);
    case.config = Some(BTreeMap::new());
    let own = "config retention.bytes=16777216 retention.ms=3600000 segment.bytes=1048576 segment.ms=600000";
    let expected = ["config cleanup.policy=delete", own, "reassign 0:[2,3,1]"];
    assert_eq!(case.steps(), expected);
}

#[test]
fn no_replica_moves_while_a_broker_may_come_back() {
    let mut case = case(&[1, 2, 3, 4], "0:[1,2] 1:[2,3,1] 2:[3,1,2]", 2);
    case.movement = Movement::None;
    case.away = vec![2];
    assert_eq!(case.steps(), [""; 0]);
}

#[test]
fn what_others_moved_is_let_alone_but_for_missing_replicas() {
    let mut case = case(&[1, 2, 3], "0:[1,2,3] 1:[1,3,2] 2:[3]", 2);
    case.movement = Movement::Needed;
    assert_eq!(case.steps(), ["reassign 2:[3,1,2]"]);
}

#[test]
fn what_is_being_moved_is_let_alone_unless_it_waits_for_a_broker_that_is_gone() {
    let mut case = case(&[1, 2, 3, 4], "0:[1,2,3] 1:[2,3,1,4] 2:[3,1,2] 3:[4,1,2]", 2);
    case.moving = BTreeSet::from([1]);
    assert_eq!(case.steps(), ["reassign 2:[3,4,1]"]);
    case.moving = BTreeSet::new();
    assert_eq!(case.steps(), ["reassign 1:[2,3,4] 2:[3,4,1]"]);
    case.moving = BTreeSet::from([1]);
    case.topic = topic("0:[1,2,3] 1:[2,3,1,9]~1,2,3 2:[3,4,1] 3:[4,1,2]");
    assert_eq!(case.steps(), ["reassign 1:[2,3,4]"]);
}

#[test]
fn no_replica_goes_while_the_minimum_isr_is_not_known() {
    let mut case = case(&[1, 2], "0:[1,2,3]~1,2 1:[2,3,1]~1,2 2:[3]>-~3", 2);
    case.config = None;
    assert_eq!(case.steps(), ["reassign 2:[1,2]"]);
}

#[test]
fn the_minimum_isr_is_raised_once_replicas_are_in_sync() {
    let raise = ["config min.insync.replicas=2"];
    let all = case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,1]~2,1 2:[3,1,2]", 1);
    assert_eq!(all.steps(), raise, "two of three are in sync everywhere");
    let behind = case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,1]~2 2:[3,1,2]", 1);
    assert_eq!(behind.steps(), [""; 0]);
    let mut unset = case(&[1, 2, 3], "0:[1,2,3] 1:[2,3,1]~2 2:[3,1,2]", 2);
    unset.config.as_mut().expect("set").remove("min.insync.replicas");
    assert_eq!(unset.steps(), [""; 0]);
    unset.topic = topic("0:[1,2,3] 1:[2,3,1] 2:[3,1,2]");
    assert_eq!(unset.steps(), raise);
}

#[test]
fn configuration_is_altered_by_group_and_only_where_it_differs() {
    let mut present = written(3);
    present.insert("cleanup.policy".to_owned(), "compact".to_owned());
    present.insert("retention.ms".to_owned(), "-1".to_owned());
    present.insert("min.cleanable.dirty.ratio".to_owned(), "0.5".to_owned());
    present.insert("preallocate".to_owned(), "true".to_owned());
    present.insert("max.message.bytes".to_owned(), "1000".to_owned());
    let wanted = wanted(
        &brokers(&[1, 2, 3]),
        &settings(
            "segment.ms=60000 compression.type=zstd min.cleanable.dirty.ratio=.5 preallocate=TRUE",
        ),
    );
    let topic = topic("0:[1,2,3] 1:[2,3,1] 2:[3,1,2]");
    let alive = BTreeSet::from([1, 2, 3]);
    let nothing = BTreeSet::new();
    let present =
        Present { topic: Some(&topic), config: Some(&present), alive: &alive, moving: &nothing };
    let steps = steps(&wanted, present, Movement::Any);
    let lowers = |step: &Step| matches!(step, Step::AlterConfig { lowers_min_in_sync: true, .. });
    assert_eq!(steps.iter().map(lowers).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(
        steps.iter().map(show).collect::<Vec<_>>(),
        [
            "config cleanup.policy=delete min.insync.replicas=2",
            "config retention.ms=3600000",
            "config compression.type=zstd",
            "config segment.ms=60000",
        ]
    );
}

#[test]
fn preferred_leaders_are_elected_where_they_can_lead() {
    let table: [(&str, &str, &[i32], &[&str]); 6] = [
        ("another leads", "0:[1,2,3]>2 1:[2,3,1] 2:[3,1,2]>1", &[], &["elect 0,2"]),
        ("not in sync", "0:[1,2,3]>2~2,3 1:[2,3,1] 2:[3,1,2]", &[], &[]),
        ("in sync by name alone", "0:[1,2,3]>2 1:[2,3,1] 2:[3,1,2]", &[1], &[]),
        ("nobody leads: the controller's to do", "0:[1,2,3]>- 1:[2,3,1] 2:[3,1,2]", &[], &[]),
        ("surplus", "0:[1,2,3] 1:[2,3,1] 2:[3,1,2] 3:[1,2,3]>2", &[], &[]),
        (
            "not where it is moved",
            "0:[1,2,3]>2 1:[1,3,2]>3 2:[3,1,2]",
            &[],
            &["reassign 1:[2,3,1]", "elect 0"],
        ),
    ];
    for (what, replicas, away, expected) in table {
        let mut case = case(&[1, 2, 3], replicas, 2);
        case.away = away.to_vec();
        assert_eq!(case.steps(), expected, "{what}");
    }
}

/// Clusters of 1 to 30 brokers: without racks, and with racks that are as large as each other or are not.
fn clusters() -> impl Iterator<Item = Vec<Broker>> {
    let kinds: [&[&str]; 6] = [
        &[""],
        &["a"],
        &["a", "b"],
        &["a", "b", "c"],
        &["a", "b", "c", "d"],
        &["a", "a", "a", "b", "c"],
    ];
    kinds.into_iter().flat_map(|racks| {
        (1..=30).map(move |count| {
            let named = (1..=count).zip(racks.iter().copied().cycle());
            racked(&named.collect::<Vec<(i32, &str)>>())
        })
    })
}

#[test]
fn each_broker_leads_one_partition_and_holds_as_many_replicas_as_any() {
    for brokers in clusters() {
        let placed = Placement::new(&brokers).replicas(None);
        let count = brokers.len();
        assert_eq!(placed.len(), count);
        let leaders: BTreeSet<i32> = placed.iter().map(|replicas| replicas[0]).collect();
        assert_eq!(leaders.len(), count, "{brokers:?}");
        for replicas in &placed {
            assert_eq!(replicas.len(), count.min(3));
            assert_eq!(
                replicas.iter().collect::<BTreeSet<_>>().len(),
                replicas.len(),
                "{placed:?}"
            );
        }
        for broker in &brokers {
            let held = placed.iter().filter(|replicas| replicas.contains(&broker.id)).count();
            assert_eq!(held, count.min(3), "broker {} of {count}", broker.id);
        }
    }
}

#[test]
fn replicas_are_in_different_racks_where_racks_are_as_large_as_each_other() {
    for (racks, per_rack) in [(2, 1), (2, 7), (3, 1), (3, 2), (3, 10), (4, 1), (5, 6)] {
        let named: Vec<(i32, String)> =
            (0..racks * per_rack).map(|id| (id, format!("rack-{}", id / per_rack))).collect();
        let named: Vec<(i32, &str)> = named.iter().map(|(id, rack)| (*id, rack.as_str())).collect();
        for replicas in Placement::new(&racked(&named)).replicas(None) {
            let held: BTreeSet<i32> = replicas.iter().map(|id| id / per_rack).collect();
            let most = replicas.len().min(usize::try_from(racks).expect("a few"));
            assert_eq!(held.len(), most, "{racks} racks of {per_rack}: {replicas:?}");
        }
    }
}

#[test]
fn a_further_broker_moves_no_more_than_it_has_to_hold() {
    for count in 3..30 {
        let before = brokers(&(1..=count).collect::<Vec<_>>());
        let mut cluster = Cluster::new(before);
        cluster.settle(&settings(""));
        cluster.add(Broker { id: count + 1, host: "b".to_owned(), port: 9092, rack: None });
        let moved = cluster.settle(&settings(""));
        // Three replicas: that of its own partition is new, the others came from elsewhere.
        assert_eq!(moved, 2, "{count} brokers and one more");
    }
}

#[test]
fn steps_converge_and_never_take_the_minimum_isr() {
    for brokers in clusters() {
        let mut cluster = Cluster::new(brokers.clone());
        cluster.settle(&settings(""));
        cluster.check();
        // Away and back again, a few one by one, from all over the circle.
        let count = brokers.len();
        let order = (0..count).step_by(2).chain((1..count).step_by(2).rev());
        let gone: Vec<Broker> =
            order.take((count - 1).min(9)).map(|at| brokers[at].clone()).collect();
        for broker in &gone {
            cluster.remove(broker.id);
            cluster.settle(&settings(""));
            cluster.check();
        }
        for broker in gone.into_iter().rev() {
            cluster.add(broker);
            cluster.settle(&settings(""));
            cluster.check();
        }
        assert_eq!(cluster.topic().partitions.len(), count);
    }
}
