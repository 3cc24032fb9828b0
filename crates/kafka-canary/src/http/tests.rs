//! The endpoints on a free port of loopback.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::settings::{Given, Settings, check};

struct Server {
    address: std::net::SocketAddr,
    health: Arc<Health>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn server() -> Server {
    let settings: Settings = check(Given::new(|_| None, |_| None)).unwrap().settings;
    let health = Arc::new(Health::new(&settings));
    let metrics = Arc::new(Metrics::new(&settings.metrics, "client", "topic").unwrap());
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let shown = Shown { metrics, health: health.clone() };
    let task = tokio::spawn(run(listener, shown, stop.clone()));
    Server { address, health, stop, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        answer(self.connect().await, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }
}

/// Everything until the server closes, which it does after one request.
async fn answer(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut text)).await.expect("closed").unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn each_endpoint_has_its_status_type_and_body() {
    let server = server().await;
    let live = server.get("/liveness").await;
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n") && live.ends_with("\r\n\r\nOK"), "{live}");
    let status = server.get("/status").await;
    assert!(status.contains("content-type: application/json\r\n"), "{status}");
    assert!(
        status.ends_with("\r\n\r\n{\"Consuming\":{\"TimeWindow\":0,\"Percentage\":-1}}"),
        "{status}"
    );
    let ready = server.get("/readiness").await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(
        ready.ends_with("\r\n\r\nthe cluster at localhost:9092 was not reached yet\n"),
        "{ready}"
    );
    let metrics = server.get("/metrics").await;
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nkafka_canary_ready 0\n"), "{metrics}");
    assert!(metrics.contains("\nstrimzi_canary_client_creation_error_total 0\n"), "{metrics}");
    assert!(server.get("/").await.starts_with("HTTP/1.1 404 "));
    assert!(server.get("/metrics/").await.starts_with("HTTP/1.1 404 "));
    let post = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert!(answer(server.connect().await, post).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn readiness_follows_health() {
    let server = server().await;
    server.health.cluster(Ok(()));
    let targets = crate::targets::Targets {
        partitions: vec![crate::targets::Target { partition: 0, leader: 1 }],
        ..crate::targets::Targets::default()
    };
    server.health.targets(&targets);
    server.health.consumed(0);
    let ready = server.get("/readiness").await;
    assert!(ready.starts_with("HTTP/1.1 200 OK\r\n") && ready.ends_with("\r\n\r\nOK"), "{ready}");
    assert!(server.get("/metrics").await.contains("\nkafka_canary_ready 1\n"));
}

#[tokio::test]
async fn the_stop_ends_it_with_connections_open() {
    let server = server().await;
    let _silent = server.connect().await;
    server.stop.cancel();
    timeout(Duration::from_secs(1), server.task).await.expect("ended").unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_none_is_all() {
    let taken = bind(":0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok(), "served over IPv4");
    let error = bind(&format!(":{port}")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}
