use std::borrow::Cow;

use serde_json::{Value, json};

use super::batch::{self, Answer, Entry};
use super::*;
use crate::{HEADERS_MAX, Header, Position};

fn produce(document: &str) -> Produce<'_> {
    record("t", document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn refused(document: &str) -> Refusal {
    record("t", document.as_bytes()).expect_err(document)
}

#[test]
fn everything_of_a_record() {
    let document = r#" {"partition_id":2,"key":{"type":"BINARY","data":"AP8="},
        "value":{"data":{ "n" : 1.50 , "s":" \u00e9 " },"type":"JSON"},"timestamp":"2020-09-13T14:26:40.123+02:00",
        "headers":[{"name":"h","value":"AQI="},{"name":"h","value":null},{"name":"n"}]} "#;
    let Produce { record, sizes } = produce(document);
    assert_eq!((&*record.topic, record.partition), ("t", Some(2)));
    assert_eq!(record.key.as_deref(), Some(&[0, 255][..]));
    assert_eq!(record.value.as_deref(), Some(br#"{"n":1.50,"s":" \u00e9 "}"# as &[u8]));
    assert_eq!(record.timestamp_ms, Some(1_600_000_000_123));
    let header = |name, value: Option<&'static [u8]>| Header {
        name: Cow::Borrowed(name),
        value: value.map(Cow::Borrowed),
    };
    assert_eq!(record.headers, [header("h", Some(&[1, 2])), header("h", None), header("n", None)]);
    assert_eq!(sizes, Sizes { key: Some((Format::Binary, 2)), value: Some((Format::Json, 25)) });
}

#[test]
fn formats_and_nulls() {
    for (value, bytes, size) in [
        (
            r#"{"type":"STRING","data":"pl\u00e4in"}"#,
            Some("pläin".as_bytes()),
            Some((Format::String, 6)),
        ),
        (r#"{"type":"STRING","data":""}"#, Some(&b""[..]), Some((Format::String, 0))),
        (r#"{"type":"BINARY","data":"AA"}"#, Some(&b"\0"[..]), Some((Format::Binary, 1))),
        (r#"{"type":"JSON","data":"text"}"#, Some(&br#""text""#[..]), Some((Format::Json, 6))),
        (r#"{"type":"JSON","data":1e400}"#, Some(&b"1e400"[..]), Some((Format::Json, 5))),
        (
            r#"{"type":"JSON","data":{"a":1,"a":2}}"#,
            Some(&br#"{"a":1,"a":2}"#[..]),
            Some((Format::Json, 13)),
        ),
        (r#"{"type":"JSON","data":null}"#, None, Some((Format::Json, 0))),
        (r#"{"data":null,"type":"BINARY","schema_id":null}"#, None, Some((Format::Binary, 0))),
        ("null", None, None),
    ] {
        let document = format!(r#"{{"value":{value},"key":{value}}}"#);
        let Produce { record, sizes } = produce(&document);
        assert_eq!(record.value.as_deref(), bytes, "{value}");
        assert_eq!(record.key.as_deref(), bytes, "{value}");
        assert_eq!(sizes, Sizes { key: size, value: size }, "{value}");
    }
    let Produce { record, sizes } = produce("{}");
    assert_eq!((record.key, record.value, record.partition), (None, None, None));
    assert_eq!(sizes, Sizes::default());
    produce(r#"{"partition_id":null,"headers":null,"key":null,"value":null,"timestamp":null}"#);
}

#[test]
fn plain_values_are_borrowed() {
    let document =
        r#"{"key":{"type":"STRING","data":"ké"},"value":{"type":"JSON","data":{"a":[1,2]}}}"#;
    let Produce { record, .. } = produce(document);
    assert!(matches!(record.key, Some(Cow::Borrowed(_))));
    assert!(matches!(record.value, Some(Cow::Borrowed(_))));
}

#[test]
fn schemas_are_refused_with_a_code_of_their_own() {
    for value in [
        r#"{"type":"AVRO","data":{}}"#,
        r#"{"type":"JSONSCHEMA","data":{}}"#,
        r#"{"type":"PROTOBUF","data":{}}"#,
        r#"{"data":"x"}"#,
        r#"{"type":null,"data":"x"}"#,
        r#"{"type":"JSON","schema_id":1,"data":{}}"#,
        r#"{"schema_version":1,"data":{}}"#,
        r#"{"subject":"s","subject_name_strategy":"TOPIC_NAME","schema":"{}","data":{}}"#,
    ] {
        let refusal = refused(&format!(r#"{{"value":{value}}}"#));
        assert_eq!(
            (refusal.status(), refusal.error_code(), refusal.name()),
            (422, 42207, "no_schemas"),
            "{value}"
        );
        assert!(refusal.to_string().starts_with("value"), "{refusal}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (document, code, place) in [
        ("7", 400, "the body: must be an object"),
        ("{", 400, "the body: is not JSON"),
        ("{} {}", 400, "the body: is not JSON"),
        (r#"{"vaule":{}}"#, 400, "the body: has an unknown field"),
        (r#"{"id":"1"}"#, 400, "the body: has an unknown field"),
        (r#"{"value":{"type":"JSON","data":1,"secret":1}}"#, 400, "value: has an unknown field"),
        (r#"{"value":"secret"}"#, 400, "value: must be an object"),
        (r#"{"value":{"type":"JSON"}}"#, 400, "value.data: is missing"),
        (
            r#"{"value":{"type":"XML","data":"secret"}}"#,
            400,
            "value.type: must be BINARY, JSON or STRING",
        ),
        (r#"{"value":{"type":"STRING","data":7}}"#, 400, "value.data: must be a string, or null"),
        (r#"{"key":{"type":"BINARY","data":{}}}"#, 400, "key.data: must be a string, or null"),
        (r#"{"key":{"type":"STRING","data":"\ud800"}}"#, 400, "key.data: has an escape"),
        (r#"{"key":{"type":"BINARY","data":"secret!"}}"#, 42206, "key.data: is not base64"),
        (r#"{"key":null,"key":null}"#, 400, "key: is given twice"),
        (r#"{"key":{"type":"JSON","type":"JSON","data":1}}"#, 400, "key.type: is given twice"),
        (r#"{"partition_id":-1}"#, 40402, "topic t has no partition -1"),
        (r#"{"partition_id":4294967296}"#, 400, "partition_id: must be between"),
        (r#"{"partition_id":"0"}"#, 400, "partition_id: must be a whole number"),
        (r#"{"timestamp":1600000000}"#, 400, "timestamp: must be a string of RFC 3339"),
        (r#"{"timestamp":"secret"}"#, 42206, "timestamp: is not a time"),
        (r#"{"headers":{}}"#, 400, "headers: must be a list"),
        (r#"{"headers":[{"name":"n"},7]}"#, 400, "headers[1]: must be an object"),
        (r#"{"headers":[{"value":""}]}"#, 400, "headers[0].name: is missing"),
        (r#"{"headers":[{"name":"n","value":"%"}]}"#, 42206, "headers[0].value: is not base64"),
        (r#"{"headers":[{"name":"n","value":1}]}"#, 400, "headers[0].value: must be"),
        (r#"{"headers":[{"name":"n","x":1}]}"#, 400, "headers[0]: has an unknown field"),
    ] {
        let refusal = refused(document);
        assert_eq!(refusal.error_code(), code, "{document}: {refusal}");
        assert!(refusal.to_string().starts_with(place), "{document}: {refusal}");
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
    assert_eq!(record("t", b"{\"key\":\"\xff\"}").expect_err("not UTF-8").status(), 400);
}

#[test]
fn depth_and_counts_have_bounds() {
    let value = |depth: usize| {
        format!(
            r#"{{"value":{{"type":"JSON","data":{}{}}}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    produce(&value(127));
    assert_eq!(refused(&value(128)).to_string(), "value.data: is nested deeper than 127 levels");
    assert_eq!(refused(&value(200_000)).status(), 400);
    assert_eq!(refused(&r#"{"key":"#.repeat(100_000)).status(), 400);
    let headers =
        |count: usize| format!(r#"{{"headers":[{}]}}"#, vec![r#"{"name":"n"}"#; count].join(","));
    assert_eq!(produce(&headers(HEADERS_MAX)).record.headers.len(), 256);
    assert_eq!(refused(&headers(HEADERS_MAX + 1)).error_code(), 42206);
}

const WRITTEN: Outcome = Outcome::Written(Position {
    partition: 1,
    offset: Some(7),
    timestamp_ms: Some(1_600_000_000_120),
});

fn shown(sizes: Sizes, outcome: &Outcome) -> String {
    let mut out = b"before".to_vec();
    report("c", "t", sizes, outcome, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    text.strip_prefix("before")
        .and_then(|text| text.strip_suffix("\r\n"))
        .expect("appended")
        .to_owned()
}

#[test]
fn reports_are_confluent_s() {
    let sizes = Sizes { key: Some((Format::Binary, 3)), value: Some((Format::Json, 0)) };
    assert_eq!(
        shown(sizes, &WRITTEN),
        r#"{"error_code":200,"cluster_id":"c","topic_name":"t","partition_id":1,"offset":7,"timestamp":"2020-09-13T12:26:40.120Z","key":{"type":"BINARY","size":3},"value":{"type":"JSON","size":0}}"#
    );
    let unacknowledged =
        Outcome::Written(Position { partition: 0, offset: None, timestamp_ms: None });
    assert_eq!(
        shown(Sizes::default(), &unacknowledged),
        r#"{"error_code":200,"cluster_id":"c","topic_name":"t","partition_id":0,"offset":-1}"#
    );
    assert_eq!(
        shown(Sizes::default(), &Outcome::Accepted { durable: true }),
        r#"{"error_code":202,"cluster_id":"c","topic_name":"t"}"#
    );
    let refused = Outcome::Refused(Refusal::UnknownTopic("t".to_owned()));
    assert_eq!(
        shown(sizes, &refused),
        r#"{"error_code":40401,"message":"topic t does not exist"}"#
    );
    let response = refuse(&Refusal::UnknownCluster("x\"".to_owned()));
    assert_eq!(response.status, 404);
    assert_eq!(
        String::from_utf8_lossy(&response.body),
        r#"{"error_code":404,"message":"cluster x\" is not behind this gateway"}"#
    );
}

fn parsed(body: &str) -> Vec<Entry<'_>> {
    batch::parse("t", body.as_bytes(), 100).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[test]
fn a_wrong_entry_is_refused_alone() {
    let body = r#"{"entries":[{"id":"1","value":{"type":"STRING","data":"x"}},
        {"value":{"type":"BINARY","data":"%"},"id":"a-B_9"},{"partition_id":-3,"id":"\u0062"},{"vaule":1,"id":"c"}]}"#;
    let entries = parsed(body);
    let ids: Vec<&str> = entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids, ["1", "a-B_9", "b", "c"]);
    let first = entries[0].produce.as_ref().expect("a right entry");
    assert_eq!(first.record.value.as_deref(), Some(&b"x"[..]));
    let codes: Vec<i32> = entries[1..]
        .iter()
        .map(|entry| entry.produce.as_ref().expect_err("a wrong entry").error_code())
        .collect();
    assert_eq!(codes, [42206, 40402, 400]);
    let error = entries[3].produce.as_ref().expect_err("a wrong entry").to_string();
    assert!(error.starts_with("entries[3]: has an unknown field"), "{error}");
}

#[test]
fn batches_that_are_refused_whole() {
    let long = format!(r#"{{"entries":[{{"id":"{}"}}]}}"#, "x".repeat(81));
    let many = format!(r#"{{"entries":[{}]}}"#, vec![r#"{"id":"1"}"#; 101].join(","));
    for (body, code, place) in [
        ("", 400, "the body: is not JSON"),
        ("{}", 400, "entries: is missing"),
        (r#"{"entries":{}}"#, 400, "entries: must be a list"),
        (r#"{"entries":[],"x":1}"#, 400, "the body: has an unknown field"),
        (r#"{"entries":[{"id":"1"},]}"#, 400, "the body: is not JSON"),
        (r#"{"entries":[]}"#, 42208, "entries: is empty"),
        (r#"{"entries":[{"id":"1"},{}]}"#, 42208, "entries[1].id: must be a string of 1 to 80"),
        (r#"{"entries":[{"id":"1"},7]}"#, 42208, "entries[1].id: must be a string"),
        (r#"{"entries":[{"id":1}]}"#, 42208, "entries[0].id: must be a string"),
        (r#"{"entries":[{"id":""}]}"#, 42208, "entries[0].id: must be a string"),
        (r#"{"entries":[{"id":"a b"}]}"#, 42208, "entries[0].id: must be a string"),
        (r#"{"entries":[{"id":"1","id":"2"}]}"#, 42208, "entries[0].id: must be a string"),
        (r#"{"entries":[{"id":"1"},{"id":"1"}]}"#, 42208, "entries[1].id: is the id of an earlier"),
        (&long, 42208, "entries[0].id: must be a string"),
        (&many, 42208, "entries: more than 100 entries in one batch"),
    ] {
        let refusal = batch::parse("t", body.as_bytes(), 100).expect_err(body);
        assert_eq!(refusal.error_code(), code, "{body}: {refusal}");
        assert!(refusal.to_string().starts_with(place), "{body}: {refusal}");
    }
}

#[test]
fn a_batch_is_answered_with_207_whatever_became_of_it() {
    let sizes = Sizes { key: None, value: Some((Format::String, 1)) };
    let limited = Refusal::RateLimited {
        limit: "client a".to_owned(),
        retry_after: std::time::Duration::from_secs(2),
    };
    let good = Answer { id: "1", sizes, outcome: WRITTEN };
    let bad = Answer { id: "2", sizes, outcome: Outcome::Refused(limited) };
    let success = json!({"id": "1", "cluster_id": "c", "topic_name": "t", "partition_id": 1, "offset": 7,
        "timestamp": "2020-09-13T12:26:40.120Z", "value": {"type": "STRING", "size": 1}});
    let failure =
        json!({"id": "2", "error_code": 429, "message": "the rate limit of client a is reached"});
    for (answers, expected) in [
        (vec![good.clone(), bad.clone()], json!({"successes": [&success], "failures": [&failure]})),
        (vec![good], json!({"successes": [&success], "failures": []})),
        (vec![bad], json!({"successes": [], "failures": [&failure]})),
    ] {
        let response = batch::respond("c", "t", &answers);
        assert_eq!(response.status, 207);
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(body, expected);
        let is_limited = !expected["failures"].as_array().expect("a list").is_empty();
        assert_eq!(response.retry_after.is_some(), is_limited);
    }
}
