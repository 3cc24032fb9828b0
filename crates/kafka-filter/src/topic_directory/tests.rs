use super::{NO_ID, TopicDirectory, TopicId};
use crate::fake_host::FakeHost;
use crate::metrics::series::Topic;
use crate::{Expect, Host};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn id(number: u16) -> TopicId {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    id
}

fn directory() -> TopicDirectory {
    TopicDirectory::new("root", 1_000)
}

#[test]
fn what_one_worker_learns_every_worker_knows() {
    let mut host = FakeHost::default();
    let (mut one, mut two) = (directory(), directory());
    assert_eq!(two.name(&mut host, &id(1)), None);
    one.learn(&mut host, &id(1), b"orders");
    assert_eq!(two.name(&mut host, &id(1)), Some(b"orders".to_vec()));
    assert!(two.is_known(&mut host, b"orders"));
    assert!(!two.is_known(&mut host, b"wished"));
}

#[test]
fn a_name_without_an_id_is_known_and_resolves_nothing() {
    let mut host = FakeHost::default();
    let mut directory = directory();
    directory.learn(&mut host, &NO_ID, b"orders");
    assert!(directory.is_known(&mut host, b"orders"));
    assert_eq!(directory.name(&mut host, &NO_ID), None);
}

#[test]
fn a_topic_made_again_has_two_ids_and_one_name() {
    let mut host = FakeHost::default();
    let mut directory = directory();
    directory.learn(&mut host, &id(1), b"orders");
    directory.learn(&mut host, &id(2), b"orders");
    assert_eq!(directory.name(&mut host, &id(1)), Some(b"orders".to_vec()));
    assert_eq!(directory.name(&mut host, &id(2)), Some(b"orders".to_vec()));
}

#[test]
fn the_newest_name_of_an_id_counts() {
    let mut host = FakeHost::default();
    let mut directory = directory();
    directory.learn(&mut host, &id(1), b"before");
    directory.resolve(id(1), Topic::UNRESOLVED);
    directory.learn(&mut host, &id(1), b"after");
    assert_eq!(directory.name(&mut host, &id(1)), Some(b"after".to_vec()));
    assert_eq!(directory.resolved(&id(1)), None, "what stood for the old name is gone");
}

#[test]
fn plugins_do_not_mix() {
    let mut host = FakeHost::default();
    let mut other = TopicDirectory::new("other", 1_000);
    directory().learn(&mut host, &id(1), b"orders");
    assert_eq!(other.name(&mut host, &id(1)), None);
    assert!(!other.is_known(&mut host, b"orders"));
}

#[test]
fn what_is_stored_already_costs_no_call() {
    let mut host = FakeHost::default();
    let mut directory = directory();
    directory.learn(&mut host, &id(1), b"orders");
    let before = host.shared_calls;
    for _ in 0..10 {
        directory.learn(&mut host, &id(1), b"orders");
    }
    assert_eq!(host.shared_calls, before);
}

#[test]
fn names_that_no_topic_can_have_are_not_kept() {
    let mut host = FakeHost::default();
    let mut directory = directory();
    directory.learn(&mut host, &id(1), b"");
    directory.learn(&mut host, &id(2), &[b'x'; 256]);
    assert_eq!(host.shared_len(), 0);
}

/// Room for one topic is one set of eight entries: four topics, each with an id and a name.
#[test]
fn the_oldest_gives_way_and_comes_back_when_it_is_named_again() {
    let mut host = FakeHost::default();
    let mut directory = TopicDirectory::new("root", 1);
    let names: Vec<String> = (0..5).map(|number| format!("topic-{number}")).collect();
    for (number, name) in (0..).zip(&names) {
        directory.learn(&mut host, &id(number), name.as_bytes());
    }
    assert_eq!(host.shared_len(), 1, "one set, however many topics");
    assert_eq!(directory.name(&mut host, &id(0)), None, "driven out");
    for (number, name) in (1..5).zip(&names[1..]) {
        assert_eq!(directory.name(&mut host, &id(number)), Some(name.clone().into_bytes()));
    }
    directory.learn(&mut host, &id(0), b"topic-0");
    assert_eq!(directory.name(&mut host, &id(0)), Some(b"topic-0".to_vec()));
}

/// What the workers share has a bound, whatever brokers name.
#[test]
fn the_shared_memory_is_bounded() {
    let mut host = FakeHost::default();
    let mut directory = TopicDirectory::new("root", 64);
    for number in 0..2_000 {
        let name = format!("topic-{number}-{}", "x".repeat(200));
        directory.learn(&mut host, &id(number), name.as_bytes());
        directory.resolve(id(number), Topic::UNRESOLVED);
    }
    assert!(host.shared_len() <= 16, "{} sets", host.shared_len());
    assert!(directory.resolved.len() <= 64);
}

#[test]
fn a_store_that_loses_is_tried_again() {
    let mut host = FakeHost::default();
    host.stores_lost = 2;
    let mut directory = directory();
    directory.learn(&mut host, &id(1), b"orders");
    assert_eq!(directory.name(&mut host, &id(1)), Some(b"orders".to_vec()));
}

/// Another worker stores into the same set between this one's look and its store.
#[test]
fn two_workers_that_learn_at_once_lose_nothing() {
    let mut host = FakeHost::default();
    let mut one = TopicDirectory::new("root", 1);
    host.before_store = Some(Box::new(|host| {
        TopicDirectory::new("root", 1).learn(host, &id(2), b"audit");
    }));
    one.learn(&mut host, &id(1), b"orders");
    assert_eq!(one.name(&mut host, &id(1)), Some(b"orders".to_vec()));
    assert_eq!(one.name(&mut host, &id(2)), Some(b"audit".to_vec()));
}

/// The memory is the host's: what stands there may have been written by another release.
#[test]
fn foreign_bytes_in_the_shared_memory_do_no_harm() {
    for bytes in [vec![], vec![0xff; 3], vec![0xff; 40], vec![0; 1_000]] {
        let mut host = FakeHost::default();
        let mut directory = TopicDirectory::new("root", 1);
        directory.set_key(&id(1));
        assert!(host.share(&directory.key, &bytes, Expect::Absent));
        assert_eq!(directory.name(&mut host, &id(1)), None);
        directory.learn(&mut host, &id(1), b"orders");
        assert_eq!(directory.name(&mut host, &id(1)), Some(b"orders".to_vec()));
    }
}
