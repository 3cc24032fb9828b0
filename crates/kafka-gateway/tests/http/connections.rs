//! Connections that say nothing, too little or too much, and what a stop does with them.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::gateway::{Gateway, push};

const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn silence_and_half_a_head_are_cut_off() {
    let gateway = Gateway::start(|settings| settings.http.header_timeout = MOMENT).await;
    for sent in ["", "POST /pu", "POST /push HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = gateway.connect().await;
        let begun = Instant::now();
        client.write(sent).await;
        assert_eq!(client.closed().await, "", "{sent:?}");
        assert!(begun.elapsed() >= MOMENT, "{sent:?} had its time");
    }
    // Neither does it help to send a byte now and then.
    let mut client = gateway.connect().await;
    let dribble = async {
        use tokio::io::AsyncWriteExt;
        while client.stream.write_all(b"x").await.is_ok() {
            sleep(MOMENT / 10).await;
        }
    };
    timeout(Duration::from_secs(5), dribble).await.expect("cut off");
    gateway.stopped().await;
}

#[tokio::test]
async fn an_idle_connection_has_a_time_of_its_own() {
    let gateway = Gateway::start(|settings| {
        settings.http.header_timeout = MOMENT;
        settings.http.idle_timeout = MOMENT * 5;
    })
    .await;
    let mut client = gateway.connect().await;
    assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    sleep(MOMENT * 2).await;
    assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    let idle = Instant::now();
    assert_eq!(client.closed().await, "");
    assert!(idle.elapsed() >= MOMENT * 4, "closed after {:?}", idle.elapsed());
    // The next head is timed from its first byte again.
    let mut client = gateway.connect().await;
    assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    client.write("POST").await;
    let begun = Instant::now();
    assert_eq!(client.closed().await, "");
    assert!(begun.elapsed() < MOMENT * 4, "closed after {:?}", begun.elapsed());
    gateway.stopped().await;
}

#[tokio::test]
async fn who_takes_no_answers_is_cut_off() {
    let gateway = Gateway::start(|settings| settings.http.body_timeout = MOMENT).await;
    let mut client = gateway.connect().await;
    let flood = async {
        use tokio::io::AsyncWriteExt;
        let requests = "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
        while client.stream.write_all(requests.as_bytes()).await.is_ok() {}
    };
    timeout(Duration::from_secs(20), flood).await.expect("cut off");
    gateway.stopped().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = gateway.connect().await;
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    client.write(head).await;
    assert!(client.closed().await.starts_with("HTTP/1.1 431 "));
    gateway.stopped().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let gateway = Gateway::start(|settings| settings.http.connections_max = 2).await;
    let mut first = gateway.connect().await;
    let mut second = gateway.connect().await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    }
    let mut third = gateway.connect().await;
    third.send("POST /push", &push("orders", true)).await;
    assert!(timeout(MOMENT, third.answer()).await.is_err(), "nobody serves it yet");
    drop(first);
    assert_eq!(third.answer().await.status, 200);
    gateway.stopped().await;
}

#[tokio::test]
async fn thousands_of_silent_connections_hold_up_nobody() {
    let gateway = Gateway::start(|_| ()).await;
    kafka_gateway::http::raise_descriptors(5000).unwrap();
    let mut silent = Vec::new();
    for _ in 0..1500 {
        silent.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    let asked = Instant::now();
    assert_eq!(gateway.ask("POST /push", &push("orders", true)).await.status, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}, {}", asked.elapsed(), silent.len());
    gateway.stopped().await;
}

#[tokio::test]
async fn the_stop_finishes_what_has_begun_and_closes_the_rest() {
    let gateway = Gateway::start(|_| ()).await;
    let fresh = gateway.connect().await;
    let mut idle = gateway.connect().await;
    assert_eq!(idle.ask("POST /push", &push("orders", true)).await.status, 200);
    let body = push("orders", true);
    let (before, after) = body.split_at(10);
    let mut busy = gateway.connect().await;
    let length = body.len();
    busy.write(format!(
        "POST /push HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    assert_eq!(busy.answer().await.status, 100, "its request has begun");
    busy.write(before).await;

    gateway.stop.cancel();
    assert_eq!(fresh.closed().await, "");
    assert_eq!(idle.closed().await, "");
    let refused = async {
        while TcpStream::connect(gateway.address).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), refused).await.expect("nobody listens any more");
    busy.write(after).await;
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{answer:?}");
    assert_eq!(busy.closed().await, "");
    gateway.stopped().await;
}
