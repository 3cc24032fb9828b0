use super::{Admission, Labels, MEMORY_MAX, TOPIC_NAME_SIZE_MAX};
use crate::config::{Config, LabelCaps};
use crate::fake_host::FakeHost;
use crate::metrics::catalog::{Label, Reporter};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PROXY: Reporter = Reporter::Proxy;

fn labels(topics: u32) -> Labels {
    let caps =
        LabelCaps { topic: topics, request: 2, api_version: 1, error: 1, ..LabelCaps::default() };
    labels_of(caps, "root")
}

fn labels_of(caps: LabelCaps, namespace: &str) -> Labels {
    Labels::new(&Config { labels: caps, ..Config::default() }, namespace)
}

fn admit(labels: &mut Labels, host: &mut FakeHost, name: &str) -> Admission {
    labels.admit(host, PROXY, Label::Topic, name.as_bytes())
}

fn find(labels: &mut Labels, host: &mut FakeHost, name: &str) -> Option<Admission> {
    labels.find(host, Label::Topic, name.as_bytes())
}

#[test]
fn a_value_is_admitted_once_by_all_workers() {
    let mut host = FakeHost::default();
    let (mut one, mut two) = (labels(5), labels(5));
    assert_eq!(admit(&mut one, &mut host, "orders"), Admission::First(0, 1));
    assert_eq!(admit(&mut one, &mut host, "orders"), Admission::Index(0));
    assert_eq!(admit(&mut two, &mut host, "orders"), Admission::Index(0));
    assert_eq!(admit(&mut two, &mut host, "audit"), Admission::First(1, 2));
    assert_eq!(find(&mut one, &mut host, "audit"), Some(Admission::Index(1)));
    assert_eq!(two.text(Label::Topic, 1), Some(b"audit".as_slice()));
}

#[test]
fn looking_for_a_value_does_not_admit_it() {
    let mut host = FakeHost::default();
    let mut labels = labels(5);
    assert_eq!(find(&mut labels, &mut host, "wished"), None);
    assert_eq!(host.shared_len(), 0);
}

/// The cap is the process's: what one worker admitted leaves less room for the others, for good.
#[test]
fn over_the_cap_values_are_refused_for_good() {
    let mut host = FakeHost::default();
    let (mut one, mut two) = (labels(2), labels(2));
    admit(&mut one, &mut host, "a");
    admit(&mut two, &mut host, "b");
    for labels in [&mut one, &mut two] {
        for _ in 0..2 {
            assert_eq!(admit(labels, &mut host, "c"), Admission::Refused);
        }
        assert_eq!(find(labels, &mut host, "c"), Some(Admission::Refused));
        assert!(matches!(admit(labels, &mut host, "a"), Admission::Index(_)));
        assert!(matches!(admit(labels, &mut host, "b"), Admission::Index(_)));
    }
}

#[test]
fn what_was_refused_costs_no_call() {
    let mut host = FakeHost::default();
    let mut labels = labels(0);
    assert_eq!(admit(&mut labels, &mut host, "a"), Admission::Refused);
    let before = host.shared_calls;
    for _ in 0..10 {
        assert_eq!(admit(&mut labels, &mut host, "a"), Admission::Refused);
    }
    assert_eq!(host.shared_calls, before);
}

#[test]
fn what_is_remembered_of_refused_values_is_bounded() {
    let mut host = FakeHost::default();
    let mut labels = labels(1);
    admit(&mut labels, &mut host, "first");
    let before = host.shared_len();
    for number in 0..5_000 {
        assert_eq!(admit(&mut labels, &mut host, &format!("t{number}")), Admission::Refused);
    }
    let topics = labels.of(Label::Topic).unwrap();
    assert_eq!(topics.refused.0.len(), MEMORY_MAX);
    assert_eq!((topics.values.len(), host.shared_len()), (1, before));
}

/// Another worker admits the last value that fits between this one's look and its store.
#[test]
fn two_workers_that_admit_at_once_stay_under_the_cap() {
    let mut host = FakeHost::default();
    let mut one = labels(1);
    host.before_store = Some(Box::new(|host| {
        assert_eq!(admit(&mut labels(1), host, "theirs"), Admission::First(0, 1));
    }));
    assert_eq!(admit(&mut one, &mut host, "ours"), Admission::Refused);
    assert!(matches!(admit(&mut labels(1), &mut host, "theirs"), Admission::Index(_)));
}

/// Both admit the same value: it takes one place, not two.
#[test]
fn two_workers_that_admit_the_same_value_take_one_place() {
    let mut host = FakeHost::default();
    let mut one = labels(2);
    host.before_store = Some(Box::new(|host| {
        admit(&mut labels(2), host, "same");
    }));
    assert_eq!(admit(&mut one, &mut host, "same"), Admission::Index(0));
    assert_eq!(admit(&mut one, &mut host, "another"), Admission::First(1, 2));
    assert_eq!(admit(&mut one, &mut host, "too many"), Admission::Refused);
}

#[test]
fn a_store_that_loses_now_and_then_is_tried_again() {
    let mut host = FakeHost::default();
    host.stores_lost = 5;
    assert_eq!(admit(&mut labels(1), &mut host, "orders"), Admission::First(0, 1));
}

/// Each reporter's connections show their own number of values; the cap is on their sum.
#[test]
fn reporters_share_the_cap_and_count_apart() {
    let mut host = FakeHost::default();
    let mut labels = labels(3);
    let admitted: Vec<Admission> = [
        (Reporter::Source, "a"),
        (Reporter::Source, "b"),
        (Reporter::Destination, "c"),
        (Reporter::Destination, "d"),
    ]
    .into_iter()
    .map(|(reporter, name)| labels.admit(&mut host, reporter, Label::Topic, name.as_bytes()))
    .collect();
    assert_eq!(
        admitted,
        [
            Admission::First(0, 1),
            Admission::First(1, 2),
            Admission::First(2, 1),
            Admission::Refused
        ]
    );
}

/// Kafka's own rule: 1 to 249 of `[a-zA-Z0-9._-]`.
#[test]
fn only_names_of_topics_are_admitted() {
    let mut host = FakeHost::default();
    let mut labels = labels(100);
    let long = "x".repeat(TOPIC_NAME_SIZE_MAX);
    for name in ["a", ".", "__consumer_offsets", "A-b_c.9", &long] {
        assert!(matches!(admit(&mut labels, &mut host, name), Admission::First(..)), "{name}");
    }
    let longer = "x".repeat(TOPIC_NAME_SIZE_MAX + 1);
    for name in ["", "a b", "a;b", "a=b", "\u{e9}", "a\0", "a/b", &longer] {
        assert_eq!(admit(&mut labels, &mut host, name), Admission::Refused, "{name:?}");
    }
    assert_eq!(TOPIC_NAME_SIZE_MAX, 249);
}

#[test]
fn each_label_has_its_own_values() {
    let mut host = FakeHost::default();
    let mut labels = labels(1);
    let mut number = |label, number| labels.admit_number(&mut host, PROXY, label, number);
    assert_eq!(number(Label::Request, 113), Admission::First(0, 1));
    assert_eq!(number(Label::Request, -9), Admission::First(1, 2));
    assert_eq!(number(Label::Request, 114), Admission::Refused);
    assert_eq!(number(Label::ApiVersion, 113), Admission::First(0, 1));
    assert_eq!(number(Label::Error, 113), Admission::First(0, 1));
    assert_eq!(number(Label::Topic, 1), Admission::Refused, "no label of numbers");
    assert_eq!(labels.number(Label::Request, 1), Some(-9));
    assert_eq!(labels.number(Label::Request, 2), None);
    assert_eq!(labels.number(Label::Topic, 0), None);
}

#[test]
fn plugins_do_not_mix() {
    let mut host = FakeHost::default();
    let caps = LabelCaps { topic: 1, ..LabelCaps::default() };
    let (mut one, mut two) = (labels_of(caps, "one"), labels_of(caps, "two"));
    assert_eq!(admit(&mut one, &mut host, "a"), Admission::First(0, 1));
    assert_eq!(admit(&mut two, &mut host, "b"), Admission::First(0, 1));
}
