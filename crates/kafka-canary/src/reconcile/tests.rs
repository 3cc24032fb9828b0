//! The loop against a model of a cluster: what it does, publishes, counts and says, turn by turn.

mod bench;

use bench::{Bench, Trouble, settled};

use crate::metrics::Operation;
use crate::plan::Step;
use crate::plan::model::{brokers, topic};

#[tokio::test]
async fn it_goes_on_until_the_cluster_answers_and_makes_the_topic_then() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    bench.trouble(Trouble { unreachable: Some("refused"), ..Trouble::default() });
    let mut run = bench.run();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        pauses.push(run.turn().await);
    }
    assert_eq!(pauses, [5, 10, 20, 30, 30, 30, 30, 30, 30, 30, 30, 30]);
    assert_eq!(bench.metric("strimzi_canary_client_creation_error_total"), 12.0);
    assert_eq!(bench.metric("strimzi_canary_topic_describe_cluster_error_total"), 12.0);
    assert_eq!(bench.metric("kafka_canary_client_errors_total{reason=\"refused\"}"), 12.0);
    assert_eq!(bench.readiness(), "the cluster does not serve: no broker: refused");
    assert_eq!(bench.targets(), " on  of 0");

    bench.trouble(Trouble::default());
    assert_eq!(run.turn().await, 1);
    assert_eq!(
        bench.asked(),
        ["create 0:[1,2,3] 1:[2,3,1] 2:[3,1,2] cleanup.policy=delete min.insync.replicas=2 \
          retention.bytes=16777216 retention.ms=3600000 segment.bytes=1048576 segment.ms=600000"]
    );
    assert_eq!(run.turn().await, 5);
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
    assert_eq!(bench.readiness(), "no record was read yet");
    run.pass(3600).await;
    assert_eq!(bench.asked(), [""; 0]);

    bench.trouble(Trouble { unreachable: Some("timeout"), ..Trouble::default() });
    assert_eq!(run.turn().await, 5, "known once, it is looked for at the usual pace");
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
    assert_eq!(bench.metric("strimzi_canary_client_creation_error_total"), 12.0);
    assert_eq!(bench.metric("strimzi_canary_topic_describe_cluster_error_total"), 13.0);
}

#[tokio::test]
async fn it_waits_for_the_brokers_that_are_expected() {
    let bench = Bench::new(&[1, 2], &[("EXPECTED_CLUSTER_SIZE", "3")]);
    let mut run = bench.run();
    assert_eq!(bench.targets(), "0:-1 1:-1 2:-1 on  of 0");
    run.turn().await;
    assert_eq!(bench.asked(), [""; 0]);
    assert_eq!(bench.targets(), "0:-1 1:-1 2:-1 on 1,2 of 0");
    assert_eq!(bench.metric("strimzi_canary_expected_cluster_size_error_total"), 1.0);
    assert!(
        bench.readiness().contains("3 brokers are expected, 2 are there"),
        "{}",
        bench.readiness()
    );
    run.pass(60).await;
    assert_eq!(
        bench.metric("strimzi_canary_expected_cluster_size_error_total"),
        3.0,
        "once each round"
    );

    bench.model(|model| model.add(brokers(&[3]).remove(0)));
    run.pass(10).await;
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
    bench.asked();

    bench.model(|model| model.remove(3));
    run.pass(3600).await;
    assert_eq!(bench.asked(), [""; 0], "never smaller than expected");
    bench.model(|model| model.add(brokers(&[3]).remove(0)));
    run.pass(60).await;
    let counted = bench.metric("strimzi_canary_expected_cluster_size_error_total");

    bench.model(|model| model.add(brokers(&[4]).remove(0)));
    run.pass(60).await;
    assert_eq!(bench.targets(), "0:1 1:2 2:3 3:4 on 1,2,3,4 of 4", "one more is probed as well");
    assert!(bench.metric("strimzi_canary_expected_cluster_size_error_total") > counted);
}

#[tokio::test]
async fn a_broker_that_is_away_stays_until_it_has_settled() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    bench.model(|model| model.remove(3));
    run.pass(290).await;
    assert_eq!(bench.asked(), [""; 0]);
    assert_eq!(bench.targets(), "0:1 1:2 2:1 on 1,2,3 of 3");

    bench.model(|model| model.add(brokers(&[3]).remove(0)));
    run.pass(60).await;
    assert_eq!(bench.asked(), ["elect 2"]);
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");

    // All are away for longer than that, and come back one after another: none of them has left.
    bench.trouble(Trouble { unreachable: Some("timeout"), ..Trouble::default() });
    run.pass(900).await;
    bench.trouble(Trouble::default());
    bench.model(|model| model.remove(3));
    run.pass(200).await;
    assert_eq!(bench.asked(), [""; 0]);
    run.pass(200).await;
    assert_eq!(
        bench.asked(),
        ["config min.insync.replicas=1", "reassign 0:[1,2] 1:[2,1] 2:[1,2]"],
        "it has settled: the cluster is smaller"
    );
    assert_eq!(bench.targets(), "0:1 1:2 on 1,2 of 3");

    bench.model(|model| model.add(brokers(&[3]).remove(0)));
    run.pass(60).await;
    assert_eq!(
        bench.asked(),
        ["reassign 0:[1,2,3] 1:[2,3,1] 2:[3,1,2]", "config min.insync.replicas=2", "elect 2"]
    );
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
}

#[tokio::test]
async fn a_broker_that_only_the_topic_names_is_away_too() {
    let bench = Bench::new(&[1, 2], &[]);
    bench.model(|model| {
        model.replace(Some(topic("0:[1,2,3] 1:[2,3,1] 2:[3,1,2]")));
        let set = [("cleanup.policy", "delete"), ("min.insync.replicas", "2")];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        model.apply(&Step::AlterConfig { set, lowers_min_in_sync: false });
    });
    let mut run = bench.run();
    run.pass(290).await;
    let own = "config retention.bytes=16777216 retention.ms=3600000 segment.bytes=1048576 segment.ms=600000";
    assert_eq!(bench.asked(), [own]);
    assert_eq!(bench.targets(), "0:1 1:2 2:1 on 1,2 of 3");
    run.pass(60).await;
    assert_eq!(bench.asked(), ["config min.insync.replicas=1", "reassign 0:[1,2] 1:[2,1] 2:[1,2]"]);
}

#[tokio::test]
async fn a_topic_that_is_deleted_is_made_again() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    bench.model(|model| model.replace(None));
    assert_eq!(run.turn().await, 1, "at the next look, not at the next round");
    assert!(bench.asked().concat().starts_with("create 0:[1,2,3] 1:[2,3,1] 2:[3,1,2] cleanup"));
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");

    // And while a broker is away: on the others, and its probe stays due.
    bench.model(|model| model.remove(1));
    run.pass(30).await;
    bench.model(|model| model.replace(None));
    run.pass(30).await;
    assert!(bench.asked().concat().starts_with("create 0:[2,3] 1:[3,2] cleanup"));
    assert_eq!(bench.targets(), "0:2 1:3 2:3 on 1,2,3 of 2");
    bench.model(|model| model.add(brokers(&[1]).remove(0)));
    run.pass(30).await;
    assert_eq!(
        bench.asked(),
        ["reassign 0:[2,3,1] 1:[3,1,2]", "config min.insync.replicas=2", "add 3 [1,2,3]"]
    );
    assert_eq!(bench.targets(), "0:2 1:3 2:1 on 1,2,3 of 3");
}

#[tokio::test]
async fn a_topic_that_a_broker_made_by_itself_is_put_right_at_once() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    bench.model(|model| model.replace(Some(topic("0:[1] 1:[1] 2:[1]"))));
    run.pass(60).await;
    let own = "config retention.bytes=16777216 retention.ms=3600000 segment.bytes=1048576 segment.ms=600000";
    assert_eq!(
        bench.asked(),
        [
            "config cleanup.policy=delete",
            own,
            "reassign 0:[1,2,3] 1:[2,3,1] 2:[3,1,2]",
            "config min.insync.replicas=2",
            "elect 1,2"
        ]
    );
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
}

#[tokio::test]
async fn a_refused_topic_is_told_and_its_probes_are_due() {
    let bench = Bench::new(&[1, 2, 3], &[("TOPIC_CONFIG", "segment.bytes=16384")]);
    let refuses = Some((Operation::CreateTopic, "segment.bytes=16384", "invalid_config"));
    bench.trouble(Trouble { refuses, ..Trouble::default() });
    let mut run = bench.run();
    run.pass(60).await;
    assert_eq!(bench.asked().len(), 2, "once each round");
    assert!(bench.readiness().contains("the topic cannot be made: refused: segment.bytes=16384"));
    assert_eq!(
        bench.metric("strimzi_canary_topic_creation_failed_total{topic=\"__strimzi_canary\"}"),
        2.0
    );
    assert_eq!(bench.targets(), "0:-1 1:-1 2:-1 on 1,2,3 of 0");
    bench.trouble(Trouble::default());
    run.pass(30).await;
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
}

#[tokio::test]
async fn a_refused_configuration_does_not_keep_the_rest_from_being_done() {
    let bench = Bench::new(&[1, 2, 3], &[("TOPIC_CONFIG", "compression.type=best")]);
    bench.model(|model| model.replace(Some(topic("0:[1,2,3] 1:[2,3,1]"))));
    let refuses = Some((Operation::AlterConfiguration, "compression.type", "invalid_config"));
    bench.trouble(Trouble { refuses, ..Trouble::default() });
    let mut run = bench.run();
    run.turn().await;
    let own = "config retention.bytes=16777216 retention.ms=3600000 segment.bytes=1048576 segment.ms=600000";
    assert_eq!(
        bench.asked(),
        [
            "config cleanup.policy=delete min.insync.replicas=2",
            own,
            "config compression.type=best",
            "add 3 [3,1,2]"
        ]
    );
    run.pass(5).await;
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3 of 3");
    assert_eq!(bench.readiness(), "no record was read yet");
    let failed = "kafka_canary_topic_operations_failed_total\
                  {operation=\"alter_configuration\",reason=\"invalid_config\"}";
    assert!(bench.metric(failed) >= 1.0);
}

#[tokio::test]
async fn no_replica_goes_while_the_minimum_isr_cannot_be_lowered() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    let refuses = Some((Operation::AlterConfiguration, "min.insync", "topic_authorization_failed"));
    bench.trouble(Trouble { refuses, ..Trouble::default() });
    bench.model(|model| model.remove(3));
    run.pass(600).await;
    let asked = bench.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|step| step == "config min.insync.replicas=1"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_drained_broker_gets_nothing_back() {
    let bench = Bench::new(&[1, 2, 3, 4], &[]);
    let mut run = settled(&bench).await;
    let others = topic("1:[2,3,1] 2:[3,1,2] 3:[1,2,3]").partitions;
    let others = others.into_iter().map(|(number, state)| (number, state.replicas)).collect();
    bench.model(|model| model.apply(&Step::Reassign(others)));
    run.pass(20 * 3600).await;
    assert_eq!(bench.asked(), [""; 0], "what is left is as good as the canary's own");
    assert_eq!(bench.targets(), "0:1 1:2 2:3 on 1,2,3,4 of 4");
    // Restarting it does not make it a new one, removing it does.
    bench.model(|model| model.remove(4));
    run.pass(60).await;
    bench.model(|model| model.add(brokers(&[4]).remove(0)));
    run.pass(3600).await;
    assert_eq!(bench.asked(), [""; 0]);
    bench.model(|model| model.remove(4));
    run.pass(600).await;
    bench.model(|model| model.add(brokers(&[4]).remove(0)));
    run.pass(60).await;
    assert_eq!(bench.asked(), ["reassign 1:[2,3,4] 2:[3,4,1] 3:[4,1,2]", "elect 3"]);
}

#[tokio::test]
async fn what_others_moved_is_put_right_after_a_while() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    for held in [300, 600] {
        bench.model(|model| model.apply(&Step::Reassign([(0, vec![2, 1, 3])].into())));
        run.pass(held - 60).await;
        assert_eq!(bench.asked(), [""; 0], "for {held} s");
        run.pass(120).await;
        // Of the two that broker 2 leads now the first stays.
        let asked = bench.asked();
        assert_eq!(asked.first().map(String::as_str), Some("reassign 1:[1,2,3]"), "{asked:?}");
        bench.model(|model| {
            let back = [(0, vec![1, 2, 3]), (1, vec![2, 3, 1])];
            model.apply(&Step::Reassign(back.into()));
        });
        run.pass(30).await;
        bench.asked();
    }
}

#[tokio::test]
async fn a_move_that_takes_its_time_is_asked_for_once() {
    let bench = Bench::new(&[1, 2, 3], &[]);
    let mut run = settled(&bench).await;
    bench.model(|model| model.add(brokers(&[4]).remove(0)));
    for _ in 0..200 {
        // Without replicas catching up.
        run.now += run.reconciler.turn(run.now).await;
    }
    assert_eq!(bench.asked(), ["reassign 1:[2,3,4] 2:[3,4,1]"]);
    run.pass(60).await;
    assert_eq!(bench.asked(), ["add 4 [4,1,2]"]);
}

#[tokio::test]
async fn a_moved_leader_shows_at_the_next_look() {
    let bench = Bench::new(&[1, 2, 3], &[("RECONCILE_INTERVAL_MS", "600000")]);
    let mut run = settled(&bench).await;
    run.turn().await;
    bench.model(|model| model.partition(1).leader = Some(3));
    assert_eq!(run.turn().await, 5);
    assert_eq!(bench.targets(), "0:1 1:3 2:3 on 1,2,3 of 3");
    bench.model(|model| model.partition(1).leader = None);
    assert_eq!(run.turn().await, 5);
    assert_eq!(bench.targets(), "0:1 1:3 2:3 on 1,2,3 of 3", "the last leader");
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends() {
    let bench = Bench::new(&[1], &[("KAFKA_CANARY_REQUEST_TIMEOUT_MS", "50")]);
    bench.trouble(Trouble { hangs: true, ..Trouble::default() });
    let mut run = bench.run();
    assert_eq!(run.turn().await, 5);
    let failed = "kafka_canary_topic_operations_failed_total{operation=\"describe_cluster\",reason=\"timeout\"}";
    assert_eq!(bench.metric(failed), 1.0);
    assert!(bench.readiness().contains("no answer within 1050 ms"), "{}", bench.readiness());
}
