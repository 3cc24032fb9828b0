use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{HEADERS_MAX, Header, Outcome, Position};

fn parsed(body: &str) -> Request<'_> {
    parse(body.as_bytes(), 1000).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn refused(body: &str) -> (&'static str, String) {
    let error = parse(body.as_bytes(), 1000).expect_err(body);
    (error.name(), error.to_string())
}

/// A body with one record that has these fields besides its topic.
fn with(fields: &str) -> String {
    format!(r#"{{"records":[{{"topic":"t",{fields}}}]}}"#)
}

fn header(name: &'static str, value: &'static [u8]) -> Header<'static> {
    Header { name: Cow::Borrowed(name), value: Some(Cow::Borrowed(value)) }
}

#[test]
fn a_request_of_kprf() {
    let body = r#"{"records":[{"topic":"a","data":"one","key":"k","partition":3},{"topic":"b","data":"two"}],
                   "wait_for_send":true}"#;
    let request = parsed(body);
    assert!(request.wait && request.acks.is_none());
    let first = &request.records[0];
    assert_eq!((&*first.topic, first.partition, first.timestamp_ms), ("a", Some(3), None));
    assert_eq!(first.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(first.value.as_deref(), Some(&b"one"[..]));
    let second = &request.records[1];
    assert_eq!((&*second.topic, second.partition, second.key.as_deref()), ("b", None, None));
    assert_eq!(second.value.as_deref(), Some(&b"two"[..]));
    assert_eq!(request.records.len(), 2);
}

#[test]
fn what_kprf_defaulted_is_defaulted() {
    let request = parsed(r#"{"records":[]}"#);
    assert_eq!(request, Request { records: vec![], wait: false, acks: None });
    assert!(!parsed(r#"{"records":[],"wait_for_send":null}"#).wait);
    let nulls = with(r#""data":"","key":null,"partition":null,"timestamp":null,"headers":null"#);
    let nulls = parsed(&nulls).records.remove(0);
    assert_eq!((nulls.key, nulls.partition, nulls.timestamp_ms), (None, None, None));
    assert_eq!(nulls.value.as_deref(), Some(&b""[..]));
    assert_eq!(parsed(&with(r#""data":"","partition":-1"#)).records[0].partition, None);
}

#[test]
fn unknown_fields_are_ignored() {
    let body = r#"{"x":[{"y":1.5e3}],"records":[{"topic":"t","data":"d","Data":{},"z":[[]]}],"records2":7}"#;
    assert_eq!(parsed(body).records.len(), 1);
}

#[test]
fn everything_of_a_record() {
    let body = with(
        r#""data_base64":"AAH/","key_base64":"AP8","timestamp":1600000000123,"partition":2147483647,
           "headers":[{"name":"n","value":"1"},{"name":"n","value_base64":"AA=="},{"name":"","value":null}]"#,
    );
    let record = parsed(&body).records.remove(0);
    assert_eq!(record.value.as_deref(), Some(&[0, 1, 255][..]));
    assert_eq!(record.key.as_deref(), Some(&[0, 255][..]));
    assert_eq!((record.timestamp_ms, record.partition), (Some(1_600_000_000_123), Some(i32::MAX)));
    let empty = Header { name: Cow::Borrowed(""), value: None };
    assert_eq!(record.headers, [header("n", b"1"), header("n", b"\0"), empty]);
    assert_eq!(record.size_bytes(), 3 + 2 + (1 + 1) + (1 + 1));

    let body = with(
        r#""data":null,"timestamp":"2020-09-13T12:26:40.5Z","headers":{"b":"2","a":"","c":null}"#,
    );
    let record = parsed(&body).records.remove(0);
    assert_eq!((record.value, record.timestamp_ms), (None, Some(1_600_000_000_500)));
    let empty = Header { name: Cow::Borrowed("c"), value: None };
    assert_eq!(record.headers, [header("b", b"2"), header("a", b""), empty]);
}

#[test]
fn acks_of_a_request() {
    for (written, acks) in
        [("-1", Some(-1)), ("\"all\"", Some(-1)), ("0", Some(0)), ("1", Some(1)), ("null", None)]
    {
        assert_eq!(parsed(&format!(r#"{{"acks":{written},"records":[]}}"#)).acks, acks);
    }
    for wrong in ["2", "-2", "\"none\"", "1.0", "[]", "true"] {
        let (name, text) = refused(&format!(r#"{{"acks":{wrong},"records":[]}}"#));
        assert_eq!((name, &*text), ("unprocessable", "acks: must be -1, \"all\", 0 or 1"));
    }
}

#[test]
fn escapes_are_undone_and_nothing_else_is_copied() {
    let body = with(r#""data":"a\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e","key":"plain é""#);
    let record = parsed(&body).records.remove(0);
    assert_eq!(record.value.as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\té𝄞".as_bytes()));
    assert!(matches!(record.key, Some(Cow::Borrowed(_))), "a key without escapes is borrowed");
    assert!(matches!(record.topic, Cow::Borrowed(_)));
    // A topic spelt with escapes, and a field's name.
    let record = parsed(r#"{"records":[{"\u0074opic":"\u0074","data":""}]}"#).records.remove(0);
    assert_eq!(record.topic, "t");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (body, place) in [
        ("[]", "the body: must be an object"),
        ("7", "the body: must be an object"),
        ("{}", "records: is missing"),
        (r#"{"records":null}"#, "records: must be a list"),
        (r#"{"records":"x"}"#, "records: must be a list"),
        (r#"{"records":[7]}"#, "records[0]: must be an object"),
        (r#"{"records":[{"topic":"t","data":""},[]]}"#, "records[1]: must be an object"),
        (r#"{"records":[{}]}"#, "records[0].topic: is missing"),
        (r#"{"records":[{"topic":"t"}]}"#, "records[0].data: is missing"),
        (r#"{"records":[{"topic":7,"data":""}]}"#, "records[0].topic: must be a string"),
        (r#"{"records":[{"topic":null,"data":""}]}"#, "records[0].topic: must be a string"),
        (r#"{"records":[],"records":[]}"#, "records: is given twice"),
        (r#"{"records":[],"wait_for_send":1}"#, "wait_for_send: must be true or false"),
        (r#"{"records":[],"acks":1,"acks":1}"#, "acks: is given twice"),
    ] {
        let (name, text) = refused(body);
        assert!(name == "malformed" && text.starts_with(place), "{body}: {name}, {text}");
    }
    for (fields, place) in [
        (r#""data":{"secret":1}"#, "records[0].data: must be a string or null"),
        (r#""data":7"#, "records[0].data: must be a string or null"),
        (r#""data":"","key":[]"#, "records[0].key: must be a string or null"),
        (r#""data":"","data":"""#, "records[0].data: is given twice"),
        (r#""data":"","partition":"1""#, "records[0].partition: must be a whole number"),
        (r#""data":"","partition":1.5"#, "records[0].partition: must be a whole number"),
        (r#""data":"","partition":1e2"#, "records[0].partition: must be a whole number"),
        (r#""data":"","timestamp":{}"#, "records[0].timestamp: must be whole milliseconds"),
        (r#""data":"","headers":7"#, "records[0].headers: must be an object of strings, or"),
        (r#""data":"","headers":{"a":1}"#, "records[0].headers[0]: must be a string or null"),
        (
            r#""data":"","headers":{"a":"","b":"","a":""}"#,
            "records[0].headers: one name is given twice",
        ),
        (r#""data":"","headers":["x"]"#, "records[0].headers[0]: must be an object"),
        (r#""data":"","headers":[{"value":""}]"#, "records[0].headers[0].name: is missing"),
        (r#""data":"","headers":[{"name":"n"}]"#, "records[0].headers[0].value: is missing"),
        (r#""data":"","headers":[{"name":1,"value":""}]"#, "records[0].headers[0].name: must be"),
        (r#""data":"","headers":[],"headers":[]"#, "records[0].headers: is given twice"),
    ] {
        let (name, text) = refused(&with(fields));
        assert!(name == "malformed" && text.starts_with(place), "{fields}: {name}, {text}");
    }
}

#[test]
fn impossible_values_are_another_error() {
    for (fields, place) in [
        (r#""data":"","data_base64":"""#, "records[0].data: is given as text and as base64"),
        (r#""key_base64":"","key":"","data":"""#, "records[0].key: is given as text and as base64"),
        (r#""data_base64":"secret!""#, "records[0].data_base64: is not base64"),
        (
            r#""data":"","headers":[{"name":"n","value_base64":"?"}]"#,
            "records[0].headers[0].value_base64: is not",
        ),
        (
            r#""data":"","headers":[{"name":"n","value":"","value_base64":""}]"#,
            "records[0].headers[0].value: is given",
        ),
        (r#""data":"","partition":-2"#, "records[0].partition: must be between 0 and 2147483647"),
        (r#""data":"","partition":2147483648"#, "records[0].partition: must be between"),
        (
            r#""data":"","timestamp":0"#,
            "records[0].timestamp: must be between 1 and 253402207200000",
        ),
        (r#""data":"","timestamp":-1"#, "records[0].timestamp: must be between"),
        (r#""data":"","timestamp":253402207200001"#, "records[0].timestamp: must be between"),
        (r#""data":"","timestamp":"secret""#, "records[0].timestamp: is not a time of RFC 3339"),
    ] {
        let (name, text) = refused(&with(fields));
        assert!(name == "unprocessable" && text.starts_with(place), "{fields}: {name}, {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn what_is_no_json_is_named_with_its_line_and_without_its_content() {
    for body in [
        "",
        " ",
        "{",
        "}",
        r#"{"secret""#,
        r#"{"records":[{"topic":"secret"#,
        r#"{"records":[]} secret"#,
        r#"{"records":[{"topic":"secret\x"}]}"#,
        r#"{"records":[{"topic":"secret","data":"\ud800"}]}"#,
        "{\"records\":[{\"topic\":\"secret\n\"}]}",
        "{'records':[]}",
        r#"{"records":[],}"#,
        r#"{"records":[{"topic":"t","data":""},]}"#,
        r#"{"records":[{"topic":"secret","data":"","partition":01}]}"#,
        r#"{"a":nul,"records":[]}"#,
    ] {
        let (name, text) = refused(body);
        assert!(name == "malformed" && text.contains(" line "), "{body}: {name}, {text}");
        assert!(!text.contains("secret"), "{text}");
    }
    for body in [
        &b"{\"records\":[{\"topic\":\"\xff\",\"data\":\"\"}]}"[..],
        b"\xff\xfe{\0}\0",
        b"{\"ignored\":\"\xc3\"}",
    ] {
        let error = parse(body, 10).expect_err("not UTF-8");
        assert!(error.to_string().starts_with("the body is not UTF-8 at byte "), "{error}");
        assert_eq!(error.status(), 400);
    }
}

#[test]
fn depth_and_counts_have_bounds() {
    for body in [
        "[".repeat(200_000),
        "{\"a\":".repeat(100_000),
        with("").replace("{\"topic", &"[".repeat(200_000)),
        format!(r#"{{"records":[{{"topic":"t","data":"","x":{}"#, "[".repeat(200_000)),
        format!(r#"{{"records":[{{"topic":"t","data":"","partition":{}"#, "[".repeat(200_000)),
    ] {
        assert_eq!(refused(&body).0, "malformed");
    }
    let records = |count: usize| {
        format!(r#"{{"records":[{}]}}"#, vec![r#"{"topic":"t","data":""}"#; count].join(","))
    };
    assert_eq!(parse(records(3).as_bytes(), 3).expect("three").records.len(), 3);
    let error = parse(records(4).as_bytes(), 3).expect_err("four");
    assert_eq!(
        (error.name(), &*error.to_string()),
        ("unprocessable", "records: more than 3 records in one request")
    );
    let headers = |count: usize| {
        with(&format!(
            r#""data":"","headers":[{}]"#,
            vec![r#"{"name":"n","value":""}"#; count].join(",")
        ))
    };
    assert_eq!(parsed(&headers(HEADERS_MAX)).records[0].headers.len(), 256);
    assert_eq!(
        refused(&headers(HEADERS_MAX + 1)).1,
        "records[0].headers: more than 256 headers on one record"
    );
    let named = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("\"{index}\":\"\"")).collect();
        with(&format!(r#""data":"","headers":{{{}}}"#, names.join(",")))
    };
    assert_eq!(parsed(&named(HEADERS_MAX)).records[0].headers.len(), 256);
    assert_eq!(refused(&named(HEADERS_MAX + 1)).0, "unprocessable");
}

fn body(response: &crate::Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

fn written(partition: i32, offset: Option<i64>) -> Outcome {
    Outcome::Written(Position { partition, offset, timestamp_ms: Some(1_600_000_000_000) })
}

fn limited(seconds: u64) -> Outcome {
    let retry_after = Duration::from_secs(seconds);
    Outcome::Refused(Refusal::RateLimited { limit: "topic t".to_owned(), retry_after })
}

#[test]
fn success_is_kprf_s_and_says_more() {
    let response =
        respond(&[written(0, Some(5)), written(1, None), Outcome::Accepted { durable: true }]);
    assert_eq!(
        (response.status, response.content_type, response.retry_after),
        (200, "application/json", None)
    );
    assert_eq!(
        body(&response),
        json!({"status": "ok", "errors": [], "records": [
            {"status": "written", "partition": 0, "offset": 5, "timestamp": 1_600_000_000_000_i64},
            {"status": "written", "partition": 1, "offset": null, "timestamp": 1_600_000_000_000_i64},
            {"status": "accepted", "durable": true},
        ]})
    );
    assert_eq!(
        String::from_utf8_lossy(&respond(&[]).body),
        r#"{"status":"ok","errors":[],"records":[]}"#
    );
}

#[test]
fn one_refusal_refuses_the_request_and_names_the_record() {
    let response = respond(&[written(0, Some(5)), limited(7), limited(9)]);
    assert_eq!((response.status, response.retry_after), (429, Some(Duration::from_secs(9))));
    assert_eq!(
        body(&response),
        json!({"status": "err",
        "errors": [{"error": false, "message": null}, {"error": true, "message": "ratelimit"},
                   {"error": true, "message": "ratelimit"}],
        "records": [
            {"status": "written", "partition": 0, "offset": 5, "timestamp": 1_600_000_000_000_i64},
            {"status": "refused", "error_code": 429, "name": "rate_limited",
             "message": "the rate limit of topic t is reached"},
            {"status": "refused", "error_code": 429, "name": "rate_limited",
             "message": "the rate limit of topic t is reached"},
        ]})
    );
}

#[test]
fn different_refusals_are_kprf_s_500() {
    let timeout = Refusal::Kafka {
        code: -192,
        name: "_MSG_TIMED_OUT",
        message: "Local: Message timed out".to_owned(),
        status: 504,
    };
    let response = respond(&[Outcome::Refused(timeout.clone()), limited(1)]);
    assert_eq!(response.status, 500);
    let shown = body(&response);
    assert_eq!(shown["errors"][0]["message"], "_MSG_TIMED_OUT: Local: Message timed out");
    assert_eq!(
        shown["records"][0],
        json!({"status": "refused", "error_code": 504, "name": "kafka", "kafka_code": -192,
               "message": "_MSG_TIMED_OUT: Local: Message timed out", "kafka_name": "_MSG_TIMED_OUT"})
    );
    assert_eq!(respond(&[Outcome::Refused(timeout), written(0, None)]).status, 504);
}

#[test]
fn a_request_that_was_not_looked_at() {
    let response = refuse(&Refusal::Malformed("records: is missing".to_owned()));
    assert_eq!(response.status, 400);
    assert_eq!(
        body(&response),
        json!({"status": "err", "errors": [{"error": true, "message": "records: is missing"}],
               "error_code": 400, "name": "malformed"})
    );
}
