//! Every status that a request gets by what it asks and who asks.

use std::time::Duration;

use kafka_gateway::settings::{Access, ClientSettings, CorsSettings, Grant, Rates};
use openssl::sha::sha256;

use crate::gateway::{Gateway, push};

const JSON: &str = "POST /push|Content-Type: application/json";

#[tokio::test]
async fn a_connection_takes_one_request_after_another() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = gateway.connect().await;
    for wait in [true, false, true] {
        let answer = client.ask(JSON, &push("orders", wait)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["status"], "ok");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    // All at once, before any answer.
    client.send("POST /push", &push("orders", true)).await;
    client.send("GET /nothing", "").await;
    client.send("POST /push", &push("orders", true)).await;
    for status in [200, 404, 200] {
        assert_eq!(client.answer().await.status, status);
    }
    gateway.stopped().await;
}

#[tokio::test]
async fn content_types_are_those_of_the_dialect() {
    let gateway = Gateway::start(|_| ()).await;
    let cluster = gateway.cluster_id().await;
    let v3 = format!("POST /v3/clusters/{cluster}/topics/orders/records:batch");
    assert_eq!(gateway.ask("POST /push", &push("orders", true)).await.status, 200);
    let form = "|Content-Type: application/x-www-form-urlencoded";
    let refused = gateway.ask(&format!("POST /push{form}"), &push("orders", true)).await;
    assert_eq!((refused.status, refused.header("connection")), (415, Some("close")));
    let refused = gateway.ask(&format!("{v3}{form}"), "{}").await;
    assert_eq!((refused.status, refused.json()["error_code"].as_i64()), (415, Some(415)));
    let taken = gateway.ask(&format!("POST /topics/orders{form}"), "a=b").await;
    assert_eq!(taken.status, 200, "{taken:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused_in_their_dialect() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = gateway.connect().await;
    let answer = client.ask("GET /push", "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{answer:?}");
    let answer = client.ask("DELETE /v3/clusters/c/topics/t/records", "").await;
    assert_eq!((answer.status, answer.json()["error_code"].as_i64()), (405, Some(405)));
    assert_eq!(client.ask("HEAD /topics/orders", "").await.status, 405);
    let answer = client.ask("OPTIONS /push", "").await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("POST")));
    assert_eq!(client.ask("GET /", "").await.status, 404);
    let answer = client.ask("GET /v3/nothing", "").await;
    assert_eq!((answer.status, answer.json()["error_code"].as_i64()), (404, Some(404)));
    let answer = client.ask("GET /openapi.yaml", "").await;
    assert!(answer.status == 200 && answer.body.contains("openapi:"), "{}", answer.head);
    let head = client.ask("HEAD /openapi.yaml", "").await;
    assert_eq!(head.header("content-length"), answer.header("content-length"));
    assert_eq!(client.ask("POST /openapi.yaml", "").await.header("allow"), Some("GET,HEAD"));
    let answer = client.ask("POST /topics/%ff", "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let gateway = Gateway::start(|_| ()).await;
    let cluster = gateway.cluster_id().await;
    let body = r#"{"value":{"type":"STRING","data":"x"}}"#;
    let ask = |cluster: &str, topic: &str| {
        let head = format!("POST /v3/clusters/{cluster}/topics/{topic}/records:batch");
        let gateway = &gateway;
        async move {
            let batch = format!(r#"{{"entries":[{{"id":"1",{}}}]}}"#, &body[1..body.len() - 1]);
            gateway.ask(&head, &batch).await
        }
    };
    let answer = ask("elsewhere", "orders").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "its body was not read");
    let answer = ask(&cluster, "nothing").await;
    assert_eq!(answer.json()["failures"][0]["error_code"], 40401, "{answer:?}");
    let answer = ask(&cluster, "orders").await;
    assert_eq!(answer.json()["successes"][0]["id"], "1", "{answer:?}");
    assert_eq!(gateway.ask("POST /topics/nothing", "x").await.status, 404);
    gateway.stopped().await;
}

fn known(name: &str, key: &str, topics: &[&str]) -> ClientSettings {
    ClientSettings {
        name: name.to_owned(),
        key_sha256: vec![sha256(key.as_bytes())],
        certificate: Vec::new(),
        grant: Grant {
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            rates: Rates::default(),
        },
    }
}

#[tokio::test]
async fn clients_are_known_by_their_keys() {
    let gateway = Gateway::start(|settings| {
        let clients = vec![known("shop", "s3cret", &[]), known("other", "0ther", &["else-*"])];
        settings.access = Access { anonymous: None, clients };
    })
    .await;
    let body = push("orders", true);
    for refused in ["", "|Authorization: Bearer wrong", "|Authorization: Digest s3cret"] {
        let answer = gateway.ask(&format!("POST /push{refused}"), &body).await;
        assert_eq!(answer.status, 401, "{refused}: {answer:?}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{answer:?}");
    }
    for taken in [
        "|Authorization: Bearer s3cret",
        "|X-API-Key: s3cret",
        "|Authorization: Basic YW55Ym9keTpzM2NyZXQ=",
    ] {
        let answer = gateway.ask(&format!("POST /push{taken}"), &body).await;
        assert_eq!(answer.status, 200, "{taken}: {answer:?}");
    }
    let answer = gateway.ask("POST /topics/orders|X-API-Key: 0ther", "x").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(
        gateway.ask("GET /openapi.yaml", "").await.status,
        200,
        "what it is, anyone may read"
    );
    gateway.stopped().await;
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let gateway = Gateway::start(|_| ()).await;
    let head = "POST /push|Idempotency-Key: order-7";
    let first = gateway.ask(head, &push("orders", true)).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None), "{first:?}");
    let again = gateway.ask(head, &push("orders", true)).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
    let reused = gateway.ask("POST /topics/orders|Idempotency-Key: order-7", "x").await;
    assert_eq!(reused.status, 422, "{reused:?}");
    let wrong = gateway.ask("POST /topics/orders|Idempotency-Key: a b", "x").await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn pages_of_configured_origins_may_write() {
    let gateway = Gateway::start(|settings| {
        let origins = vec!["https://shop.example".to_owned()];
        settings.http.cors = Some(CorsSettings { origins, max_age: Duration::from_secs(600) });
    })
    .await;
    let preflight = |origin| {
        format!(
            "OPTIONS /push|Origin: {origin}|Access-Control-Request-Method: POST\
             |Access-Control-Request-Headers: authorization,idempotency-key,content-type"
        )
    };
    let answer = gateway.ask(&preflight("https://shop.example"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert_eq!(allowed, "authorization,idempotency-key,content-type");
    let answer = gateway.ask(&preflight("https://evil.example"), "").await;
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
    let post = "POST /push|Origin: https://shop.example|Content-Type: text/plain";
    let answer = gateway.ask(post, &push("orders", true)).await;
    assert_eq!(answer.status, 415);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("retry-after"), "{exposed}");
    gateway.stopped().await;
}
