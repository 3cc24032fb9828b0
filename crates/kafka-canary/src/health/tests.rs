//! Sequences written by hand: what is told, at which second, and what is answered then.

use std::time::{Duration, Instant};

use super::*;
use crate::settings::{Checked, Given, check};

fn settings(environment: &[(&str, &str)]) -> Settings {
    let value = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    };
    let Checked { settings, .. } = check(Given::new(|_| None, value)).unwrap();
    settings
}

fn second(start: Instant, number: u64) -> Instant {
    start + Duration::from_secs(number)
}

fn not_ready(state: &State, now: Instant) -> String {
    state.readiness(now).unwrap_err()
}

#[test]
fn ready_when_reached_and_read_lately() {
    let start = Instant::now();
    let mut state = State::new(&settings(&[]), start);
    assert_eq!(not_ready(&state, start), "the cluster at localhost:9092 was not reached yet");
    state.cluster = Some(Err("a:9092: wrong password".to_owned()));
    assert_eq!(not_ready(&state, start), "the cluster does not serve: a:9092: wrong password");
    state.cluster = Some(Ok(()));
    assert_eq!(not_ready(&state, start), "no partition is probed yet");
    state.partitions = 3;
    assert_eq!(not_ready(&state, start), "no record was read yet");
    state.consumed(second(start, 10));
    assert_eq!(state.readiness(second(start, 40)), Ok(()));
    assert_eq!(
        not_ready(&state, second(start, 41)),
        "no record was read on any partition for 31 s; at most 30 s are allowed"
    );
    state.consumed(second(start, 42));
    assert_eq!(state.readiness(second(start, 42)), Ok(()));
    state.cluster = Some(Err("a:9092: refused".to_owned()));
    assert_eq!(state.readiness(second(start, 72)), Ok(()), "served, whatever an admin call says");
    assert_eq!(not_ready(&state, second(start, 73)), "the cluster does not serve: a:9092: refused");
}

#[test]
fn a_slow_probe_has_three_of_its_intervals_to_be_read() {
    let start = Instant::now();
    let mut state = State::new(&settings(&[("KAFKA_CANARY_PROBE_INTERVAL_MS", "20000")]), start);
    state.cluster = Some(Ok(()));
    state.partitions = 1;
    state.consumed(start);
    assert_eq!(state.readiness(second(start, 60)), Ok(()));
    assert!(state.readiness(second(start, 61)).is_err());
}

#[test]
fn live_while_every_loop_moves_whatever_the_cluster_does() {
    let start = Instant::now();
    let mut state = State::new(&settings(&[]), start);
    state.cluster = Some(Err("refused".to_owned()));
    assert_eq!(state.liveness(second(start, 60)), Ok(()));
    assert_eq!(
        state.liveness(second(start, 61)).unwrap_err(),
        "the produce loop has not moved for 61 s; at most 60 s are allowed"
    );
    for of in [Loop::Produce, Loop::Consume, Loop::Coordinators] {
        state.progress(of, second(start, 60));
    }
    // Three reconcile intervals of 30 s and two requests of 10 s.
    assert_eq!(state.liveness(second(start, 110)), Ok(()));
    assert_eq!(
        state.liveness(second(start, 111)).unwrap_err(),
        "the reconcile loop has not moved for 111 s; at most 110 s are allowed"
    );
    state.progress(Loop::Reconcile, second(start, 111));
    assert_eq!(state.liveness(second(start, 111)), Ok(()));
}

#[test]
fn a_loop_that_is_off_is_not_waited_for() {
    let start = Instant::now();
    let mut state = State::new(&settings(&[("KAFKA_CANARY_COORDINATORS_ENABLED", "false")]), start);
    for of in [Loop::Reconcile, Loop::Produce, Loop::Consume, Loop::Connections] {
        state.progress(of, second(start, 300));
    }
    assert_eq!(state.liveness(second(start, 301)), Ok(()));
}

#[test]
fn under_the_compatibility_switch_both_say_yes() {
    let start = Instant::now();
    let mut state = State::new(&settings(&[("KAFKA_CANARY_COMPATIBILITY", "strimzi")]), start);
    state.cluster = Some(Err("refused".to_owned()));
    assert_eq!(state.readiness(second(start, 9999)), Ok(()));
    assert_eq!(state.liveness(second(start, 9999)), Ok(()));
}

/// Produces and consumes as many, then takes a sample.
fn interval(samples: &mut Samples, produced: u64, consumed: u64) -> String {
    (0..produced).for_each(|_| samples.produced());
    (0..consumed).for_each(|_| samples.consumed());
    samples.take();
    samples.consuming().json()
}

#[test]
fn status_is_what_strimzi_canary_says() {
    let mut samples = Samples::new(&settings(&[("STATUS_TIME_WINDOW_MS", "90000")]).status);
    assert_eq!(samples.consuming().json(), r#"{"Consuming":{"TimeWindow":0,"Percentage":-1}}"#);
    assert_eq!(
        interval(&mut samples, 7, 5),
        r#"{"Consuming":{"TimeWindow":30000,"Percentage":-1}}"#
    );
    assert_eq!(
        interval(&mut samples, 30, 30),
        r#"{"Consuming":{"TimeWindow":60000,"Percentage":100}}"#
    );
    assert_eq!(
        interval(&mut samples, 30, 29),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":98.33}}"#
    );
    // The window is full: it slides from now on. 29 + 31 of 30 + 30.
    assert_eq!(
        interval(&mut samples, 30, 31),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":100}}"#
    );
    assert_eq!(
        interval(&mut samples, 30, 0),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":51.67}}"#
    );
    assert_eq!(
        interval(&mut samples, 30, 0),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":0}}"#
    );
    assert_eq!(
        interval(&mut samples, 0, 0),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":0}}"#
    );
    assert_eq!(
        interval(&mut samples, 0, 0),
        r#"{"Consuming":{"TimeWindow":90000,"Percentage":-1}}"#
    );
}

#[test]
fn the_window_has_at_most_128_samples() {
    let status = [("STATUS_CHECK_INTERVAL_MS", "10"), ("STATUS_TIME_WINDOW_MS", "300000")];
    let mut samples = Samples::new(&settings(&status).status);
    for _ in 0..500 {
        samples.take();
    }
    assert_eq!(samples.consuming(), Consuming { time_window: 1280, percentage: None });
}
