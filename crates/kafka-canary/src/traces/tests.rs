//! The body is compared with one written by hand after OTLP's JSON form; the header with W3C Trace Context's.

use super::*;
use crate::settings::{Given, check};

fn both(environment: &[(&str, &str)]) -> Result<Option<(Traces, Exporter)>, String> {
    let value = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    };
    Traces::new(&check(Given::new(|_| None, value)).unwrap().settings)
}

const PLACE: Place =
    Place { trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span: 0x00f0_67aa_0ba9_02b7 };

#[test]
fn the_header_is_the_one_of_the_recommendation() {
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(PLACE.header(), header);
    assert_eq!(Place::parse(header), Some(PLACE));
    for wrong in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-xxf067aa0ba902b7-01",
    ] {
        assert_eq!(Place::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn the_body_is_otlp_in_json() {
    let (_, exporter) =
        both(&[("EXPORTER_TYPE_TRACING", "otlp"), ("TOPIC", "t")]).unwrap().unwrap();
    let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
    let sent = Span {
        place: PLACE,
        parent: None,
        partition: 3,
        offset: None,
        begin: at(1_700_000_000_000),
        end: at(1_700_000_000_007),
        error: Some("message_timed_out".to_owned()),
    };
    let read = Span {
        place: Place { span: 1, ..PLACE },
        parent: Some(PLACE.span),
        offset: Some(42),
        error: None,
        ..sent.clone()
    };
    let attributes = |operation: &str, last: Value| {
        json!([
            {"key": "messaging.system", "value": {"stringValue": "kafka"}},
            {"key": "messaging.operation.type", "value": {"stringValue": operation}},
            {"key": "messaging.destination.name", "value": {"stringValue": "t"}},
            {"key": "messaging.destination.partition.id", "value": {"stringValue": "3"}},
            {"key": "messaging.client.id", "value": {"stringValue": "strimzi-canary-client"}},
            last,
        ])
    };
    let expected = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "kafka-canary"}}]},
        "scopeSpans": [{"scope": {"name": "kafka-canary", "version": "0.1.0"}, "spans": [
            {
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "send t",
                "kind": 4, "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000007000000",
                "attributes": attributes(
                    "send", json!({"key": "error.type", "value": {"stringValue": "message_timed_out"}})),
                "status": {"code": 2, "message": "message_timed_out"},
            },
            {
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "0000000000000001",
                "parentSpanId": "00f067aa0ba902b7", "name": "receive t", "kind": 5,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000007000000",
                "attributes": attributes(
                    "receive", json!({"key": "messaging.kafka.offset", "value": {"intValue": "42"}})),
            },
        ]}],
    }]});
    assert_eq!(exporter.body(&[sent, read]), expected);
}

#[test]
fn where_spans_go_is_told_as_opentelemetry_tells_it() {
    assert!(both(&[]).unwrap().is_none());
    for (environment, url) in [
        (&[][..], "http://localhost:4318/v1/traces"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1/")], "http://localhost:1/v1/traces"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:1/x")], "http://localhost:1/x"),
    ] {
        for kind in ["otlp", "jaeger"] {
            let environment = [environment, &[("EXPORTER_TYPE_TRACING", kind)]].concat();
            assert_eq!(both(&environment).unwrap().unwrap().1.url.as_str(), url, "{environment:?}");
        }
    }
    let error =
        both(&[("EXPORTER_TYPE_TRACING", "otlp"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")])
            .err()
            .unwrap();
    assert!(error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: "), "{error}");
}

#[test]
fn a_full_queue_drops_and_does_not_wait() {
    let (traces, exporter) = both(&[("EXPORTER_TYPE_TRACING", "otlp")]).unwrap().unwrap();
    for _ in 0..QUEUED_SPANS_MAX + 3 {
        traces.produced(PLACE, 0, Duration::from_millis(1), Ok(Some(1)));
    }
    assert_eq!(exporter.dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn reading_goes_on_in_the_trace_of_writing() {
    let (traces, mut exporter) = both(&[("EXPORTER_TYPE_TRACING", "otlp")]).unwrap().unwrap();
    let place = traces.begin().unwrap();
    traces.consumed(place.header().as_bytes(), 2, 9, 1_700_000_000_000);
    let span = exporter.queue.try_recv().unwrap();
    assert_eq!((span.place.trace, span.parent), (place.trace, Some(place.span)));
    assert_ne!(span.place.span, place.span);
    assert_eq!(span.begin, UNIX_EPOCH + Duration::from_millis(1_700_000_000_000));
    traces.consumed(b"nonsense", 2, 9, 0);
    assert!(exporter.queue.try_recv().is_err());
}
