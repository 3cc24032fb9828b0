//! A host that fails costs figures, never traffic: no status of any call traps the VM or holds
//! bytes back.

use kafka_filter_wasm_tests::scenario::{self, LONG, WHOLE, series};
use kafka_filter_wasm_tests::{Envoy, Goodbye};

/// Calls that a host may fail, for want of a capability or of memory, or because the thing is not
/// there.
const IMPORTS: [&str; 11] = [
    "proxy_log",
    "proxy_get_buffer_bytes",
    "proxy_get_property",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_set_tick_period_milliseconds",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "clock_time_get",
    "random_get",
];

/// Every status of the ABI but success, and two that it does not have.
const STATUSES: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 4_000_000_000];

/// Two connections, one of which is cut off, and a configuration that is refused.
fn live(envoy: &Envoy, break_before: Option<usize>, fault: &[(&'static str, u32)]) {
    let mut worker = envoy.worker();
    if break_before.is_none() {
        fault.iter().for_each(|(import, status)| worker.fail(import, *status));
    }
    worker.configure("", b"[]");
    // Without a configuration to read there may be no root; then Envoy makes no streams.
    let Some(root) = worker.configure("kafka", b"{}") else { return };
    let (first, second) = (worker.open(root, 2), worker.open(root, 2));
    for (index, step) in scenario::orders().iter().enumerate() {
        if break_before == Some(index) {
            fault.iter().for_each(|(import, status)| worker.fail(import, *status));
        }
        for (stream, piece) in [(first, WHOLE), (second, 5)] {
            scenario::play(envoy, &mut worker, stream, std::slice::from_ref(step), piece);
        }
    }
    worker.rest(1);
    worker.heal();
    for stream in [first, second] {
        worker.close(stream, Goodbye::WithoutUpstream);
    }
    // The VM still works for whoever comes next.
    let third = worker.open(root, 2);
    scenario::play(envoy, &mut worker, third, &scenario::orders(), WHOLE);
    worker.close(third, Goodbye::Both);
    worker.retire(root);
}

#[test]
fn no_status_of_any_call_traps() {
    for import in IMPORTS {
        for status in STATUSES {
            live(&Envoy::new(), None, &[(import, status)]);
        }
    }
}

#[test]
fn a_host_that_fails_everything_does_not_trap() {
    for status in STATUSES {
        let all: Vec<_> = IMPORTS.iter().map(|import| (*import, status)).collect();
        live(&Envoy::new(), None, &all);
    }
}

#[test]
fn a_host_that_fails_in_the_middle_does_not_trap() {
    let steps = scenario::orders().len();
    for import in IMPORTS {
        for step in 0..steps {
            live(&Envoy::new(), Some(step), &[(import, INTERNAL_FAILURE)]);
        }
    }
}

#[test]
fn a_connection_whose_bytes_cannot_be_read_is_given_up_and_the_next_one_counts() {
    for status in STATUSES {
        let envoy = Envoy::new();
        live(&envoy, Some(2), &[("proxy_get_buffer_bytes", status)]);
        let source = ("reporter", "source");
        let opaque = series("connections_opaque_total", &[source, ("reason", "limit")]);
        assert_eq!(envoy.counter(&opaque), 2, "status {status}");
        assert_eq!(envoy.gauge(&series("connections_active", &[source])), 0, "status {status}");
        assert_eq!(envoy.gauge(&series("requests_in_flight", &[source])), 0, "status {status}");
        let heartbeats = [source, ("request", "Heartbeat"), ("api_version", "0")];
        assert_eq!(envoy.counter(&series("requests_total", &heartbeats)), 1, "status {status}");
    }
}

#[test]
fn without_the_listeners_direction_the_reporter_is_the_proxy() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    worker.fail("proxy_get_property", NOT_FOUND);
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, 2);
    worker.close(stream, Goodbye::Both);
    worker.retire(root);
    assert_eq!(envoy.counter(&series("connections_closed_total", &[("reporter", "proxy")])), 1);
}

/// The standard library panics where it gets no random bytes; the filter asks before it does.
#[test]
fn without_random_bytes_patterns_are_refused_and_all_else_works() {
    for status in STATUSES {
        let envoy = Envoy::new();
        let mut worker = envoy.worker();
        worker.fail("random_get", status);
        let patterns = br#"{"labels": {"topic": {"deny": ["(?P<tmp>tmp-).*"]}}}"#;
        assert!(worker.configure("patterns", patterns).is_none(), "status {status}");
        let complaints = envoy.complaints();
        let [complaint] = complaints.as_slice() else { panic!("one line, not {complaints:?}") };
        assert!(complaint.text.contains("random_get"), "{}", complaint.text);
        assert!(worker.configure("plain", b"{}").is_some(), "status {status}");
        worker.heal();
        assert!(worker.configure("patterns", patterns).is_some(), "status {status}");
    }
}

#[test]
fn without_shared_data_no_topic_is_named_and_all_else_is_counted() {
    let envoy = Envoy::new();
    let mut worker = envoy.worker();
    worker.fail("proxy_get_shared_data", INTERNAL_FAILURE);
    worker.fail("proxy_set_shared_data", INTERNAL_FAILURE);
    let root = worker.configure("", b"").expect("accepted");
    let stream = worker.open(root, 2);
    scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
    worker.rest(LONG);
    let source = ("reporter", "source");
    let produced =
        |topic| envoy.counter(&series("topic_produced_records_total", &[source, ("topic", topic)]));
    assert_eq!((produced("orders"), produced("__other__")), (0, 13));
    let heartbeats = [source, ("request", "Heartbeat"), ("api_version", "0")];
    assert_eq!(envoy.counter(&series("requests_total", &heartbeats)), 1);
}

const NOT_FOUND: u32 = 1;
const INTERNAL_FAILURE: u32 = 10;
