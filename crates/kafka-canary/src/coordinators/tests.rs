use super::*;

fn broker(id: i32) -> Broker {
    Broker { id, host: "localhost".to_owned(), port: 9092, rack: None }
}

fn targets(brokers: impl IntoIterator<Item = i32>) -> Targets {
    Targets { brokers: brokers.into_iter().map(broker).collect(), ..Targets::default() }
}

#[test]
fn a_group_belongs_where_java_says() {
    // Values of Math.abs(name.hashCode()) % 50, computed with a JDK; the last name's hash is Integer.MIN_VALUE.
    for (group, partition) in [
        ("", 0),
        ("strimzi-canary-group", 27),
        ("g", 3),
        ("grüße-😀", 27),
        ("polygenelubricants", 0),
    ] {
        assert_eq!(partition_for(group, 50), partition, "{group}");
    }
    assert_eq!(partition_for("g", 0), 0);
}

#[test]
fn every_coordinator_has_a_group_that_hashes_to_it() {
    let leaders = Leaders((0..50).map(|partition| (partition, Some(partition % 3))).collect());
    let mapped = map(leaders, &targets(0..4), "strimzi-canary-group");
    assert_eq!(
        mapped.jobs.keys().copied().collect::<Vec<_>>(),
        [0, 1, 2],
        "broker 3 leads nothing"
    );
    for (id, job) in &mapped.jobs {
        assert_eq!(partition_for(&job.group, 50) % 3, *id);
    }
    assert_eq!(mapped.jobs[&(27 % 3)].group, "strimzi-canary-group");
}

#[test]
fn a_broker_that_leads_one_partition_of_many_is_found() {
    let leaders =
        Leaders((0..200).map(|partition| (partition, Some(i32::from(partition == 7)))).collect());
    let mapped = map(leaders, &targets(0..2), "g");
    assert_eq!(mapped.jobs.len(), 2);
    assert_eq!(partition_for(&mapped.jobs[&1].group, 200), 7);
}

#[tokio::test]
async fn a_coordinator_without_a_successor_is_probed_on() {
    let mut workers = Workers::new();
    let both = map(Leaders((0..50).map(|p| (p, Some(p % 2))).collect()), &targets(0..2), "g");
    workers.follow(kept(both, &targets(0..2), &workers), |_, _| std::future::pending());
    // Broker 1 is away: its partitions have no leader, or one other.
    let alone = || Leaders((0..50).map(|p| (p, (p % 2 == 0).then_some(0))).collect());
    let mapped = kept(map(alone(), &targets(0..2), "g"), &targets(0..2), &workers);
    assert_eq!(mapped.keys().copied().collect::<Vec<_>>(), [0, 1]);
    let moved = Leaders((0..50).map(|p| (p, Some(0))).collect());
    let mapped = kept(map(moved, &targets(0..2), "g"), &targets(0..2), &workers);
    assert_eq!(mapped.keys().copied().collect::<Vec<_>>(), [0]);
}
