//! The OpenAPI document against the code: every example of a request is one that parses, every example of a response is
//! what the code renders, and every refusal's status, code and name is where it belongs.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_gateway_api::v3::{Sizes, batch, clusters};
use kafka_gateway_api::{OPENAPI, Outcome, Position, Refusal, Response, push, raw, v3};
use serde_json::{Value, json};

#[test]
fn every_refusal_is_documented() {
    let document = document();
    let of = |name: &str| -> BTreeSet<String> {
        list(&document["components"]["schemas"][name]["enum"])
            .iter()
            .map(Value::to_string)
            .collect()
    };
    let refusals = refusals();
    let codes = refusals.iter().map(|refusal| refusal.error_code().to_string()).collect();
    assert_eq!(of("ErrorCode"), codes, "codes");
    let names = refusals.iter().map(|refusal| format!("\"{}\"", refusal.name())).collect();
    assert_eq!(of("Name"), names, "names");
    let statuses: BTreeSet<String> =
        refusals.iter().map(|refusal| refusal.status().to_string()).collect();
    for (path, success) in [
        ("/push", &["200", "500"][..]),
        ("/topics/{topic}", &["200", "202"]),
        ("/v3/clusters/{cluster}/topics/{topic}/records", &["200"]),
        ("/v3/clusters/{cluster}/topics/{topic}/records:batch", &["207"]),
    ] {
        let documented: BTreeSet<String> =
            object(&document["paths"][path]["post"]["responses"]).keys().cloned().collect();
        let mut expected = statuses.clone();
        expected.extend(success.iter().map(|status| (*status).to_owned()));
        assert_eq!(documented, expected, "{path}");
    }
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_refusal_that_says_when_to_try_again_has_the_header() {
    let document = document();
    for refusal in refusals().iter().filter(|refusal| refusal.retry_after().is_some()) {
        for path in ["/push", "/topics/{topic}", "/v3/clusters/{cluster}/topics/{topic}/records"] {
            let responses = &document["paths"][path]["post"]["responses"];
            let response = follow(&document, &responses[refusal.status().to_string()]);
            assert!(response["headers"]["Retry-After"].is_object(), "{path}: {refusal:?}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut count = 0;
    walk(&document, &mut |value| {
        if value.get("$ref").is_some() {
            assert!(follow(&document, value).is_object(), "{value}");
            count += 1;
        }
    });
    assert!(count > 100, "{count} references");
}

#[test]
fn examples_of_requests_are_read() {
    let document = document();
    let mut read = 0;
    for (path, item) in object(&document["paths"]) {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        for (name, example) in content["examples"].as_object().into_iter().flatten() {
            let body = example["value"].to_string();
            let (body, place) = (body.as_bytes(), format!("{path}, {name}"));
            let records = match path.rsplit('/').next() {
                Some("push") => push::parse(body, 10).map(|request| request.records.len()),
                Some("records") => v3::record("orders", body).map(|_| 1),
                Some("records:batch") => batch::parse("orders", body, 10)
                    .map(|entries| entries.iter().filter(|entry| entry.produce.is_ok()).count()),
                other => panic!("no reader for {other:?}"),
            };
            assert!(records.unwrap_or_else(|error| panic!("{place}: {error}")) > 0, "{place}");
            read += 1;
        }
    }
    assert_eq!(read, 5, "examples");
}

#[test]
fn examples_of_responses_are_what_is_rendered() {
    let document = document();
    let mut rendered = rendered();
    let mut check = |place: String, status: &str, response: &Value| {
        for (name, example) in
            response["content"]["application/json"]["examples"].as_object().into_iter().flatten()
        {
            let place = format!("{place}, {name}");
            let response =
                rendered.remove(&place).unwrap_or_else(|| panic!("nothing renders {place}"));
            let body: Value = serde_json::from_slice(&response.body).expect("JSON");
            assert_eq!(body, example["value"], "{place}");
            assert!(status.is_empty() || response.status.to_string() == status, "{place}");
        }
    };
    for (path, item) in object(&document["paths"]) {
        for method in ["get", "post"] {
            for (status, response) in item[method]["responses"].as_object().into_iter().flatten() {
                check(path.clone(), status, response);
            }
        }
    }
    for (name, response) in object(&document["components"]["responses"]) {
        check(name.clone(), "", response);
    }
    assert!(rendered.is_empty(), "not in the document: {:?}", rendered.keys());
}

/// By the example's place: a path or a shared response, and its name.
fn rendered() -> BTreeMap<String, Response> {
    let timestamp_ms = Some(1_600_000_000_123);
    let written = Outcome::Written(Position { partition: 0, offset: Some(5), timestamp_ms });
    let accepted = Outcome::Accepted { durable: true };
    let unknown_topic = Refusal::UnknownTopic("orders".to_owned());
    let no_partition = Refusal::UnknownPartition { topic: "orders".to_owned(), partition: 77 };
    let limited = Refusal::RateLimited {
        limit: "topic orders".to_owned(),
        retry_after: Duration::from_secs(1),
    };
    let replicas = Refusal::Kafka {
        code: 19,
        name: "NOT_ENOUGH_REPLICAS",
        message: "Broker: Not enough in-sync replicas".to_owned(),
        status: 503,
    };
    let wrong_data = br#"{"records":[{"topic":"orders","data":7}]}"#;
    let malformed = push::parse(wrong_data, 10).expect_err("data that is no string");

    let records = "/v3/clusters/{cluster}/topics/{topic}/records";
    let all = document()["paths"][records]["post"]["requestBody"]["content"]["application/json"]
        ["examples"]["all"]["value"]
        .to_string();
    let sizes = v3::record("orders", all.as_bytes()).expect("the example").sizes;
    let report = |sizes: Sizes, outcome: &Outcome| {
        let mut body = Vec::new();
        v3::report(CLUSTER, "orders", sizes, outcome, &mut body);
        Response { status: 200, body, ..raw::respond("orders", &accepted) }
    };
    let text = br#"{"value":{"type":"STRING","data":"text"}}"#;
    let answers = [
        batch::Answer {
            id: "1",
            sizes: v3::record("orders", text).expect("a string").sizes,
            outcome: written.clone(),
        },
        batch::Answer {
            id: "2",
            sizes: Sizes::default(),
            outcome: Outcome::Refused(no_partition.clone()),
        },
    ];
    let refused = |refusal: &Refusal| Outcome::Refused(refusal.clone());
    [
        ("/push, written", push::respond(std::slice::from_ref(&written))),
        ("/push, accepted", push::respond(std::slice::from_ref(&accepted))),
        ("PushRefused, malformed", push::refuse(&malformed)),
        ("PushRefused, unknown_topic", push::respond(&[written.clone(), refused(&unknown_topic)])),
        ("PushLater, rate_limited", push::respond(&[refused(&limited)])),
        ("PushLater, not_enough_replicas", push::respond(&[refused(&replicas)])),
        ("/topics/{topic}, written", raw::respond("orders", &written)),
        ("/topics/{topic}, accepted", raw::respond("orders", &accepted)),
        ("RawRefused, unknown_topic", raw::refuse(&unknown_topic)),
        ("RawLater, rate_limited", raw::respond("orders", &refused(&limited))),
        ("/v3/clusters/{cluster}/topics/{topic}/records, written", report(sizes, &written)),
        (
            "/v3/clusters/{cluster}/topics/{topic}/records, refused",
            report(sizes, &refused(&no_partition)),
        ),
        (
            "/v3/clusters/{cluster}/topics/{topic}/records:batch, mixed",
            batch::respond(CLUSTER, "orders", &answers),
        ),
        ("/v3/clusters, one", clusters::list("http://localhost:4242", CLUSTER)),
        ("/v3/clusters/{cluster}, one", clusters::one("http://localhost:4242", CLUSTER)),
        ("V3Refused, unknown_cluster", v3::refuse(&Refusal::UnknownCluster("another".to_owned()))),
    ]
    .into_iter()
    .map(|(place, response)| (place.to_owned(), response))
    .collect()
}

/// One of each, and Kafka's with each of its statuses. A new variant does not compile until the match below knows it;
/// then it is to be added above.
fn refusals() -> Vec<Refusal> {
    let text = || "x".to_owned();
    let retry_after = Duration::from_secs(1);
    let mut refusals = vec![
        Refusal::Malformed(text()),
        Refusal::Unauthenticated,
        Refusal::Forbidden(text()),
        Refusal::UnknownPath,
        Refusal::MethodNotAllowed,
        Refusal::BodyTimeout,
        Refusal::UnknownCluster(text()),
        Refusal::UnknownTopic(text()),
        Refusal::UnknownPartition { topic: text(), partition: 7 },
        Refusal::InProgress,
        Refusal::TooLarge { size_bytes: 2, limit_bytes: 1 },
        Refusal::UnsupportedMediaType(text()),
        Refusal::Unprocessable(text()),
        Refusal::NoSchemas(text()),
        Refusal::Batch(text()),
        Refusal::KeyReused,
        Refusal::RateLimited { limit: text(), retry_after },
        Refusal::Full { what: "queue", retry_after },
        Refusal::Stopping,
        Refusal::LogFailed(text()),
        Refusal::Unknown { code: -192, name: "_MSG_TIMED_OUT", message: text() },
    ];
    refusals.extend([403, 404, 413, 422, 503, 504].map(|status| Refusal::Kafka {
        code: 3,
        name: "X",
        message: text(),
        status,
    }));
    for refusal in &refusals {
        match refusal {
            Refusal::Malformed(_)
            | Refusal::Unauthenticated
            | Refusal::Forbidden(_)
            | Refusal::UnknownPath
            | Refusal::MethodNotAllowed
            | Refusal::BodyTimeout
            | Refusal::UnknownCluster(_)
            | Refusal::UnknownTopic(_)
            | Refusal::UnknownPartition { .. }
            | Refusal::InProgress
            | Refusal::TooLarge { .. }
            | Refusal::UnsupportedMediaType(_)
            | Refusal::Unprocessable(_)
            | Refusal::NoSchemas(_)
            | Refusal::Batch(_)
            | Refusal::KeyReused
            | Refusal::RateLimited { .. }
            | Refusal::Full { .. }
            | Refusal::Stopping
            | Refusal::LogFailed(_)
            | Refusal::Unknown { .. }
            | Refusal::Kafka { .. } => {}
        }
    }
    refusals
}

const CLUSTER: &str = "5L6g3nShT-eMCtK--X86sw";

fn document() -> Value {
    serde_saphyr::from_str(OPENAPI).expect("the document is YAML")
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let path = reference.strip_prefix('#').expect("a reference within the document");
            document.pointer(path).unwrap_or(&Value::Null)
        }
    }
}

fn walk(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

#[test]
fn the_document_is_what_tools_expect() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    // A boolean or a number where a text was meant is YAML's old trap.
    assert_eq!(
        document["components"]["headers"]["IdempotencyReplayed"]["schema"]["enum"],
        json!(["true"])
    );
}
