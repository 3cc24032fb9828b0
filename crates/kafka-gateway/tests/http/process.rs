//! The program itself: its servers, and what signals do.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::gateway::{cluster, push};

struct Program {
    child: Child,
    listen: SocketAddr,
    management: SocketAddr,
}

/// Kills what a failed test leaves.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(brokers: &str, more: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kafka-gateway"))
            .env("KAFKA_GATEWAY_KAFKA__BROKERS", brokers)
            .env("KAFKA_GATEWAY_HTTP__ADDRESS", "127.0.0.1")
            .env("KAFKA_GATEWAY_HTTP__PORT", "0")
            .env("KAFKA_GATEWAY_HTTP__METRICS_ADDRESS", "127.0.0.1")
            .env("KAFKA_GATEWAY_HTTP__METRICS_PORT", "0")
            .env("KAFKA_GATEWAY_OUTPUT_FORMAT", "json")
            .envs(more.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let started = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            line["listen"].is_string().then_some(line)
        });
        let started = started.expect("the program says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| started[name].as_str().unwrap().parse().unwrap();
        Self { child, listen: address("listen"), management: address("management") }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn ended(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn shows(&self, path: &str) -> (u16, String) {
        let mut client = Client::connect(self.management).await;
        let answer = client.ask(&format!("GET {path}"), "").await;
        (answer.status, answer.body)
    }

    async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.shows("/ready").await.0 != 200 {
            assert!(Instant::now() < deadline, "{:?}", self.shows("/ready").await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn operators_see_how_it_is() {
    let cluster = cluster();
    let mut program = Program::start(&cluster.bootstrap_servers(), &[]);
    program.ready().await;
    assert_eq!(program.shows("/healthy").await.0, 200);
    let answer =
        Client::connect(program.listen).await.ask("POST /push", &push("orders", true)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (status, text) = program.shows("/metrics").await;
    assert_eq!(status, 200);
    assert!(
        text.contains("http_requests_duration_count{code=\"200\",method=\"push/sync\"} 1"),
        "{text}"
    );
    assert_eq!(program.shows("/push").await.0, 404, "records are for the other port");
    program.signal(Signal::HUP);
    assert_eq!(program.shows("/healthy").await.0, 200);
    program.signal(Signal::TERM);
    assert_eq!(program.ended(Duration::from_secs(10)).await.code(), Some(0));
}

#[tokio::test]
async fn what_was_accepted_is_written_before_the_end() {
    let cluster = cluster();
    // Slow enough that the records are in memory still when the signal comes.
    let linger = ("KAFKA_GATEWAY_KAFKA__QUEUE_BUFFERING_MAX_MS", "500");
    let mut program = Program::start(&cluster.bootstrap_servers(), &[linger]);
    program.ready().await;
    let mut client = Client::connect(program.listen).await;
    for _ in 0..10 {
        let answer = client.ask("POST /push", &push("orders", false)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    program.signal(Signal::TERM);
    assert_eq!(program.ended(Duration::from_secs(10)).await.code(), Some(0));
    assert_eq!(written(&cluster.bootstrap_servers()), 10);
}

/// Records in all partitions.
fn written(brokers: &str) -> i64 {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let consumer: BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    (0..4)
        .map(|partition| {
            let (low, high) =
                consumer.fetch_watermarks("orders", partition, Duration::from_secs(10)).unwrap();
            high - low
        })
        .sum()
}

#[tokio::test]
async fn what_is_in_the_log_is_written_after_a_kill() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let log = ("KAFKA_GATEWAY_WAL__DIRECTORY", folder.path().to_str().unwrap());
    let patience = ("KAFKA_GATEWAY_DRAIN_TIMEOUT_MS", "1500");
    let mut program = Program::start(&cluster.bootstrap_servers(), &[log, patience]);
    program.ready().await;
    let mut client = Client::connect(program.listen).await;
    assert_eq!(client.ask("POST /push", &push("orders", true)).await.status, 200);
    cluster.broker_down(1).unwrap();
    for _ in 0..10 {
        let answer = client.ask("POST /push", &push("orders", false)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(program.shows("/ready").await.0, 200, "an outage is what the log is for");
    program.signal(Signal::KILL);
    program.ended(Duration::from_secs(5)).await;
    // A stop while Kafka is away ends in time, and loses nothing either.
    let mut program = Program::start(&cluster.bootstrap_servers(), &[log, patience]);
    program.signal(Signal::TERM);
    assert_eq!(program.ended(Duration::from_secs(8)).await.code(), Some(0));
    cluster.broker_up(1).unwrap();
    let mut program = Program::start(&cluster.bootstrap_servers(), &[log]);
    program.ready().await;
    program.signal(Signal::TERM);
    assert_eq!(program.ended(Duration::from_secs(30)).await.code(), Some(0));
    assert_eq!(written(&cluster.bootstrap_servers()), 11);
}

#[tokio::test]
async fn while_it_stops_it_is_not_ready_and_a_second_signal_ends_it_at_once() {
    let cluster = cluster();
    let mut program = Program::start(&cluster.bootstrap_servers(), &[]);
    program.ready().await;
    let mut busy = Client::connect(program.listen).await;
    busy.write(
        "POST /push HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    )
    .await;
    assert_eq!(busy.answer().await.status, 100, "a request has begun");
    program.signal(Signal::TERM);
    let deadline = Instant::now() + Duration::from_secs(5);
    while program.shows("/ready").await.0 == 200 {
        assert!(Instant::now() < deadline, "ready, though it stops");
    }
    assert!(program.shows("/ready").await.1.contains("stopping"));
    program.signal(Signal::TERM);
    assert_eq!(program.ended(Duration::from_secs(2)).await.code(), Some(1));
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Command::new(env!("CARGO_BIN_EXE_kafka-gateway"))
        .env("KAFKA_GATEWAY_KAFKA__BROKERS", "127.0.0.1:1")
        .env("KAFKA_GATEWAY_HTTP__ADDRESS", "127.0.0.1")
        .env("KAFKA_GATEWAY_HTTP__PORT", &port)
        .output()
        .unwrap();
    let text = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{text}");
    assert!(text.contains("http.port") && text.contains(&port), "{text}");
}
