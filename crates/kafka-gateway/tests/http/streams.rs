//! Confluent REST v3's stream: one document or many, reports as they are known.

use std::time::Duration;

use tokio::time::timeout;

use crate::client::Client;
use crate::gateway::Gateway;

const DOCUMENT: &str = r#"{"partition_id":1,"value":{"type":"STRING","data":"x"}}"#;

async fn path(gateway: &Gateway) -> String {
    format!("POST /v3/clusters/{}/topics/orders/records", gateway.cluster_id().await)
}

/// A client that will send its body in chunks.
async fn begun(gateway: &Gateway) -> Client {
    let path = path(gateway).await;
    let mut client = gateway.connect().await;
    client.write(format!("{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    client
}

async fn send(client: &mut Client, part: &str) {
    client.write(format!("{:x}\r\n{part}\r\n", part.len())).await;
}

fn reports(text: &str) -> Vec<serde_json::Value> {
    let reports = serde_json::Deserializer::from_str(text).into_iter();
    reports.map(|report| report.unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

#[tokio::test]
async fn one_document_has_one_report() {
    let gateway = Gateway::start(|_| ()).await;
    let path = path(&gateway).await;
    let mut client = gateway.connect().await;
    for offset in 0..2 {
        let answer = client.ask(&path, DOCUMENT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let reports = reports(&answer.body);
        assert_eq!(reports.len(), 1, "{answer:?}");
        assert_eq!(reports[0]["error_code"], 200, "{answer:?}");
        assert_eq!(reports[0]["partition_id"], 1);
        assert_eq!(reports[0]["offset"], offset, "the connection is used again");
    }
    let answer = client.ask(&path, "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn a_report_comes_before_the_next_document_is_sent() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = begun(&gateway).await;
    send(&mut client, DOCUMENT).await;
    let head = client.until(b"\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for _ in 0..3 {
        let report = client.chunk().await.unwrap();
        assert_eq!(reports(&report)[0]["error_code"], 200, "{report}");
        let (half, rest) = DOCUMENT.split_at(20);
        send(&mut client, half).await;
        send(&mut client, rest).await;
    }
    client.chunk().await.unwrap();
    client.write("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
    assert_eq!(client.ask("GET /", "").await.status, 404, "the connection is used again");
    gateway.stopped().await;
}

#[tokio::test]
async fn reports_have_the_order_of_the_documents() {
    let gateway = Gateway::start(|_| ()).await;
    let path = path(&gateway).await;
    // Every third is impossible; more than are worked on at once.
    let documents: Vec<String> = (0..1000)
        .map(|n| match n % 3 {
            0 => format!(r#"{{"partition_id":{},"value":{{"type":"STRING","data":"x"}}}}"#, 9),
            _ => format!(r#"{{"partition_id":{},"value":{{"type":"STRING","data":"x"}}}}"#, n % 4),
        })
        .collect();
    let answer = gateway.ask(&path, &documents.join("\n")).await;
    let reports = reports(&answer.body);
    assert_eq!(reports.len(), 1000);
    for (n, report) in reports.iter().enumerate() {
        match n % 3 {
            0 => assert_eq!(report["error_code"], 40402, "{n}: {report}"),
            _ => assert_eq!(report["partition_id"], n % 4, "{n}: {report}"),
        }
    }
    gateway.stopped().await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_ends_with_the_reason() {
    let gateway = Gateway::start(|settings| settings.http.body_max_bytes = 200).await;
    let path = path(&gateway).await;
    for (wrong, code) in [("]", 400), (r#"{"value":"#, 400), (&"{".repeat(130), 400)] {
        let answer = gateway.ask(&path, &format!("{DOCUMENT}{wrong}")).await;
        let reports = reports(&answer.body);
        assert_eq!(reports.len(), 2, "{answer:?}");
        assert_eq!(reports[0]["error_code"], 200, "{answer:?}");
        let found = reports[1]["error_code"].as_i64().unwrap();
        assert!(found == code || found / 100 == code, "{answer:?}");
    }
    let long = format!(r#"{DOCUMENT}{{"value":{{"type":"STRING","data":"{}"}}}}"#, "x".repeat(300));
    let answer = gateway.ask(&path, &long).await;
    assert_eq!(reports(&answer.body)[1]["error_code"], 413, "{answer:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn a_pause_within_a_document_is_shorter_than_one_between() {
    let gateway = Gateway::start(|settings| {
        settings.http.body_timeout = Duration::from_millis(200);
        settings.http.idle_timeout = Duration::from_secs(60);
    })
    .await;
    let mut client = begun(&gateway).await;
    send(&mut client, DOCUMENT).await;
    client.until(b"\r\n\r\n").await;
    client.chunk().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    send(&mut client, &format!("{DOCUMENT} {{")).await;
    let report = client.chunk().await.unwrap();
    assert_eq!(reports(&report)[0]["error_code"], 200, "{report}");
    let report = client.chunk().await.unwrap();
    assert_eq!(reports(&report)[0]["error_code"], 408, "{report}");
    assert_eq!(client.chunk().await, None);
    gateway.stopped().await;
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on_and_the_stop_ends_a_stream() {
    let gateway = Gateway::start(|_| ()).await;
    let path = path(&gateway).await;
    let mut client = gateway.connect().await;
    let expect = "Expect: 100-continue\r\nTransfer-Encoding: chunked";
    client.write(format!("{path} HTTP/1.1\r\nHost: x\r\n{expect}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 100);
    send(&mut client, DOCUMENT).await;
    client.until(b"\r\n\r\n").await;
    client.chunk().await.unwrap();
    gateway.stop.cancel();
    assert_eq!(timeout(Duration::from_secs(5), client.chunk()).await.unwrap(), None);
    drop(client);
    gateway.stopped().await;
}

#[tokio::test]
async fn each_document_of_a_stream_has_a_key_of_its_own() {
    let gateway = Gateway::start(|_| ()).await;
    let head = format!("{}|Idempotency-Key: k", path(&gateway).await);
    let first = gateway.ask(&head, &DOCUMENT.repeat(2)).await;
    let again = gateway.ask(&head, &DOCUMENT.repeat(3)).await;
    let offsets = |text: &str| -> Vec<i64> {
        reports(text).iter().map(|report| report["offset"].as_i64().unwrap()).collect()
    };
    let (first, again) = (offsets(&first.body), offsets(&again.body));
    assert_eq!(first, again[..2], "both were written once");
    assert!(again[2] > again[1], "{again:?}");
    gateway.stopped().await;
}
