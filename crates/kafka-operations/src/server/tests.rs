//! The server on a free port of loopback, and clients that behave or do not.

use std::net::SocketAddr;
use std::time::Instant;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn server() -> Server {
    let router = Router::new()
        .route("/well", get(async || verdict(Ok(()), "OK")))
        .route("/ill", get(async || verdict(Err("not yet".to_owned()), "OK")))
        .route("/metrics", get(async || metrics(Ok(b"up 1\n".to_vec()))))
        .route("/broken", get(async || metrics(Err("no metrics".to_owned()))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, stop.clone()));
    Server { address, stop, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    /// Everything until the server closes, which it does after one request.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut text))
            .await
            .expect("closed")
            .unwrap();
        String::from_utf8(text).unwrap()
    }
}

#[tokio::test]
async fn answers_have_their_status_type_and_body() {
    let server = server().await;
    let well = server.get("/well").await;
    assert!(well.starts_with("HTTP/1.1 200 OK\r\n") && well.ends_with("\r\n\r\nOK"), "{well}");
    let ill = server.get("/ill").await;
    assert!(ill.starts_with("HTTP/1.1 503 ") && ill.ends_with("\r\n\r\nnot yet\n"), "{ill}");
    let metrics = server.get("/metrics").await;
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.ends_with("\r\n\r\nup 1\n"), "{metrics}");
    let broken = server.get("/broken").await;
    assert!(broken.starts_with("HTTP/1.1 500 ") && broken.ends_with("no metrics\n"), "{broken}");
    assert!(server.get("/").await.starts_with("HTTP/1.1 404 "));
    let post = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert!(server.ask(post).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let server = server().await;
    let request =
        format!("GET /well HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(BUFFER_BYTES));
    assert!(server.ask(&request).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn clients_that_say_nothing_hold_up_nobody() {
    let server = server().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX * 3 {
        silent.push(server.connect().await);
    }
    let asked = Instant::now();
    assert!(server.get("/well").await.starts_with("HTTP/1.1 200 "));
    assert!(
        asked.elapsed() < HEADER_TIMEOUT,
        "answered before one of the {} that are open has timed out",
        silent.len()
    );
}

#[tokio::test]
async fn a_client_that_stays_silent_is_closed() {
    let server = server().await;
    let mut silent = server.connect().await;
    silent.write_all(b"GET /we").await.unwrap();
    let mut text = Vec::new();
    let closed =
        timeout(HEADER_TIMEOUT + Duration::from_secs(3), silent.read_to_end(&mut text)).await;
    assert!(closed.is_ok(), "closed by the server");
}

#[tokio::test]
async fn the_stop_ends_it_with_connections_open() {
    let server = server().await;
    let _silent = server.connect().await;
    server.stop.cancel();
    timeout(Duration::from_secs(1), server.task).await.expect("ended").unwrap();
}
