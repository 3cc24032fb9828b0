//! Configurations are accepted or refused with the path of what is wrong, and two in one VM keep
//! apart.

use kafka_filter_wasm_tests::scenario::{LONG, series};
use kafka_filter_wasm_tests::{Envoy, Goodbye, Root, Worker, kafka};

/// A client produces one record to a topic and reads no answer but the acknowledgement.
fn produce(worker: &mut Worker, root: Root, topic: &str) {
    let stream = worker.open(root, 0);
    worker.downstream(stream, &kafka::produce_request(1, 1, topic, &kafka::batch(1, 10)));
    worker.upstream(stream, &kafka::produce_response(1, topic, 0));
    worker.close(stream, Goodbye::WithoutUpstream);
    worker.rest(LONG);
}

#[test]
fn nothing_and_an_empty_object_are_the_defaults() {
    for configuration in ["", "{}", " \n", "{ }"] {
        let envoy = Envoy::new();
        let mut worker = envoy.worker();
        let root = worker.configure("", configuration.as_bytes());
        produce(&mut worker, root.expect("accepted"), "t");
        let opened = series("connections_opened_total", &[("reporter", "proxy")]);
        assert_eq!(envoy.counter(&opened), 1, "{configuration:?}");
        assert_eq!(envoy.complaints(), [], "{configuration:?}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_its_path() {
    for (configuration, path) in [
        (r#"{"limits": {"in_flight_max": 0}}"#, "limits.in_flight_max"),
        (r#"{"limits": {"in_flight_max": "9"}}"#, "limits.in_flight_max"),
        (r#"{"labels": {"topic": {"cap": 9}}}"#, "labels.topic.cap"),
        (r#"{"labels": 9}"#, "labels"),
        (r#"{"reporter": "sidecar"}"#, "reporter"),
        (r#"{"colour": "red"}"#, "colour"),
        (r#"{"reporter": "source""#, "not JSON"),
        ("[]", "an object"),
    ] {
        let envoy = Envoy::new();
        let mut worker = envoy.worker();
        assert!(
            worker.configure("", configuration.as_bytes()).is_none(),
            "{configuration} was accepted"
        );
        let complaints = envoy.complaints();
        let [complaint] = complaints.as_slice() else {
            panic!("{configuration}: one line, not {complaints:?}")
        };
        assert_eq!(complaint.level, ERROR, "{configuration}");
        assert!(
            complaint.text.contains(path),
            "{configuration}: {} does not name {path}",
            complaint.text
        );
    }
}

#[test]
fn a_refused_configuration_leaves_the_one_in_force_as_it_was() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let root = worker.configure("", br#"{"reporter": "source"}"#).expect("accepted");
    assert!(worker.configure("", br#"{"reporter": "nobody"}"#).is_none());
    produce(&mut worker, root, "t");
    assert_eq!(envoy.counter(&series("connections_closed_total", &[("reporter", "source")])), 1);
}

#[test]
fn two_configurations_in_one_vm_do_not_mix() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let narrow = br#"{"reporter": "source", "labels": {"topic": {"values_max": 1}}}"#;
    let narrow = worker.configure("narrow", narrow).expect("accepted");
    let wide = worker.configure("wide", br#"{"reporter": "destination"}"#).expect("accepted");
    for topic in ["a", "b", "c"] {
        produce(&mut worker, narrow, topic);
        produce(&mut worker, wide, topic);
    }
    let produced = |reporter, topic| {
        envoy.counter(&series(
            "topic_produced_records_total",
            &[("reporter", reporter), ("topic", topic)],
        ))
    };
    assert_eq!(["a", "b", "c", "__other__"].map(|topic| produced("source", topic)), [1, 0, 0, 2]);
    assert_eq!(
        ["a", "b", "c", "__other__"].map(|topic| produced("destination", topic)),
        [1, 1, 1, 0]
    );
    for reporter in ["source", "destination"] {
        assert_eq!(
            envoy.counter(&series("connections_closed_total", &[("reporter", reporter)])),
            3
        );
    }
}

#[test]
fn an_update_goes_on_where_the_old_configuration_stood() {
    let cap =
        |values| format!(r#"{{"labels": {{"topic": {{"values_max": {values}}}}}}}"#).into_bytes();
    let send = |worker: &mut Worker, stream, topic| {
        worker.downstream(stream, &kafka::produce_request(1, 1, topic, &kafka::batch(1, 10)));
        worker.upstream(stream, &kafka::produce_response(1, topic, 0));
    };
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    let old = worker.configure("kafka", &cap(1)).expect("accepted");
    let draining = worker.open(old, 0);
    send(&mut worker, draining, "a");
    let new = worker.configure("kafka", &cap(2)).expect("accepted");
    let fresh = worker.open(new, 0);
    send(&mut worker, fresh, "b");
    // Both connections live on, each under its own configuration, and both caps are reached.
    send(&mut worker, draining, "c");
    send(&mut worker, fresh, "c");
    send(&mut worker, fresh, "a");
    worker.close(draining, Goodbye::WithoutUpstream);
    worker.retire(old);
    worker.rest(LONG);
    let reporter = ("reporter", "proxy");
    let produced = ["a", "b", "c", "__other__"].map(|topic| {
        envoy.counter(&series("topic_produced_records_total", &[reporter, ("topic", topic)]))
    });
    assert_eq!(produced, [2, 1, 0, 2]);
    assert_eq!(envoy.gauge(&series("label_values", &[reporter, ("label", "topic")])), 2);
    assert_eq!(envoy.gauge(&series("connections_active", &[reporter])), 1);
    worker.close(fresh, Goodbye::WithoutUpstream);
    worker.rest(LONG);
    assert_eq!(envoy.gauge(&series("connections_active", &[reporter])), 0);
}

const ERROR: u32 = 4;
