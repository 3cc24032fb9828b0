//! Bodies that are too long, too slow, or too many.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::gateway::{Gateway, push};

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_is_sent() {
    let gateway = Gateway::start(|settings| settings.http.body_max_bytes = 1000).await;
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = gateway.connect().await;
        let head = "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n";
        client.write(format!("{head}{expect}\r\n")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
        assert!(answer.body.contains("1001 bytes"), "{answer:?}");
    }
    gateway.stopped().await;
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = gateway.connect().await;
    let body = push("orders", true);
    let length = body.len();
    client
        .write(format!(
            "POST /push HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.write(&body).await;
    assert_eq!(client.answer().await.status, 200);
    gateway.stopped().await;
}

#[tokio::test]
async fn a_client_that_sends_on_still_reads_why_it_was_refused() {
    let gateway = Gateway::start(|settings| settings.http.body_max_bytes = 100_000).await;
    let mut client = gateway.connect().await;
    client.write("POST /push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // More than the buffers of both sides hold: all of it is read, or the client would wait here.
    for _ in 0..100 {
        client.write(&chunk).await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")), "{answer:?}");
    drop(client);
    gateway.stopped().await;
}

#[tokio::test]
async fn a_body_in_chunks_is_read_whole() {
    let gateway = Gateway::start(|_| ()).await;
    let mut client = gateway.connect().await;
    client.write("POST /push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for part in push("orders", true).as_bytes().chunks(7) {
        let part = String::from_utf8(part.to_vec()).unwrap();
        client.write(format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    client.write("0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, None), "{answer:?}");
    assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    gateway.stopped().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let gateway = Gateway::start(|settings| {
        settings.http.body_timeout = Duration::from_millis(200);
    })
    .await;
    let mut client = gateway.connect().await;
    client.write("POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await;
    let asked = Instant::now();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{answer:?}");
    assert!(asked.elapsed() >= Duration::from_millis(200));
    // One that is slow, and comes, is taken.
    let mut client = gateway.connect().await;
    let body = push("orders", true);
    client
        .write(format!("POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()))
        .await;
    for part in body.as_bytes().chunks(body.len() / 4) {
        sleep(Duration::from_millis(100)).await;
        client.write(part).await;
    }
    assert_eq!(client.answer().await.status, 200);
    gateway.stopped().await;
}

#[tokio::test]
async fn bodies_together_are_bounded() {
    let gateway = Gateway::start(|settings| {
        settings.http.body_max_bytes = 1000;
        settings.http.bodies_max_bytes = 1500;
    })
    .await;
    let half = "x".repeat(900);
    let mut slow = gateway.connect().await;
    slow.write(format!("POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{half}"))
        .await;
    // The first bytes have come once a second body does not fit.
    let refused = async {
        loop {
            let answer = gateway.ask("POST /push", &"x".repeat(700)).await;
            if answer.status == 503 {
                return answer;
            }
            assert_eq!(answer.status, 400, "{answer:?}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
    assert_eq!(gateway.ask("POST /push", &push("orders", true)).await.status, 200);
    drop(slow);
    let freed = async {
        while gateway.ask("POST /push", &"x".repeat(700)).await.status == 503 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.expect("given back");
    gateway.stopped().await;
}
