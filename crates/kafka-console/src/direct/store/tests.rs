use super::*;
use crate::direct::kept::{Role, part_of};

fn store(limits: Limits) -> (Store, Part) {
    let part = part_of("kafka_filter_topic_produced_bytes_total", Role::Plain).unwrap();
    (Store::new(limits), part)
}

fn limits() -> Limits {
    Limits::of(Duration::from_secs(3600))
}

fn labels(topic: &str) -> [Box<str>; 2] {
    ["source".into(), topic.into()]
}

#[test]
fn beyond_a_bound_series_are_refused_and_counted() {
    let (mut store, part) = store(Limits { series_max: 2, ..limits() });
    let a = store.take(part, &labels("a")).unwrap();
    assert_eq!(store.take(part, &labels("a")), Some(a), "for another proxy");
    assert!(store.take(part, &labels("b")).is_some());
    assert_eq!(store.take(part, &labels("c")), None);
    assert_eq!((store.len(), store.followed(), store.refused()), (2, 3, 1));

    let (mut store, part) = self::store(Limits { followed_max: 1, ..limits() });
    assert!(store.take(part, &labels("a")).is_some());
    assert_eq!(store.take(part, &labels("a")), None);

    let (mut store, part) = self::store(Limits { label_bytes_max: 20, ..limits() });
    assert!(store.take(part, &labels("a topic with a long name")).is_some());
    assert_eq!(store.take(part, &labels("b")), None);
}

#[test]
fn history_ends_where_it_is_too_old() {
    let (mut store, part) = store(Limits::of(Duration::from_secs(600)));
    let id = store.take(part, &labels("a")).unwrap();
    for tick in 0..1000_i64 {
        store.grow(id, 1.0);
        store.close(tick * 10_000);
    }
    // The whole window, and the tick that it begins after.
    assert_eq!(store.times_ms().len(), 62);
    assert_eq!(store.first_tick(), 938);
    let mut oldest = None;
    store.series(id).unwrap().ring.each(0, |tick, _| oldest = oldest.or(Some(tick)));
    assert_eq!(oldest, Some(896), "whole chunks are dropped");
}

#[test]
fn the_oldest_goes_first_when_there_is_too_much() {
    let (mut store, part) = store(Limits { history_bytes_max: 200_000, ..limits() });
    let ids: Vec<SeriesId> = (0..100)
        .map(|number| store.take(part, &labels(&format!("topic-{number}"))).unwrap())
        .collect();
    let mut most = 0;
    for tick in 0..360_i64 {
        ids.iter().for_each(|id| store.grow(*id, 1_000_000.5));
        store.close(tick * 10_000);
        most = most.max(store.history_bytes());
    }
    assert!(most < 250_000, "{most}");
    let ticks = store.times_ms().len();
    assert!((64..360).contains(&ticks), "{ticks} ticks are left");
    assert_eq!(store.times_ms().back(), Some(&3_590_000));
}

#[test]
fn a_series_that_nobody_shows_leaves_with_its_history() {
    let (mut store, part) = store(Limits::of(Duration::from_secs(600)));
    let id = store.take(part, &labels("a")).unwrap();
    store.grow(id, 1.0);
    store.close(0);
    store.give_back(id);
    for tick in 1..60_i64 {
        store.close(tick * 10_000);
    }
    assert_eq!(store.len(), 1, "its history is still asked for");
    for tick in 60..200_i64 {
        store.close(tick * 10_000);
    }
    assert_eq!((store.len(), store.history_bytes(), store.ids(part).len()), (0, 0, 0));
    let again = store.take(part, &labels("b")).unwrap();
    assert_eq!(again, id, "its place is used again");
}
