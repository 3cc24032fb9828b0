//! A minimal **stand-in for kprf**, whose sources are on no package registry: warp and rdkafka, as kprf has them. It is
//! not kprf, and none of its code; what it does the same way is what a request costs there:
//!
//! - the body is read by `warp::body::json` into structs that own every string;
//! - an asynchronous request is a spawned task of its own, without a bound, and is answered "ok" at once;
//! - a waiting request sends its records one after the other, each awaited before the next is given to librdkafka;
//! - each record goes through `FutureProducer::send` with a queue timeout of 100 ms;
//! - each record moves a gauge up and down, a counter and a histogram, and each request a histogram, all looked up by
//!   their labels; histograms have kprf's five buckets;
//! - each request gets a UUID, and one that took half a millisecond or longer, which is every waiting one, writes a
//!   warning through slog's channel to a thread that makes JSON of it, on standard output.
//!
//! It is younger than kprf, which has warp, hyper, rdkafka and librdkafka of 2021, and leaves out rate limits and
//! librdkafka's statistics: both make it cheaper than kprf, not dearer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::{Deserialize, Serialize};
use slog::Drain;
use uuid::Uuid;
use warp::Filter;
use warp::http::StatusCode;

use crate::options::Options;

#[derive(Deserialize)]
struct Push {
    records: Vec<Record>,
    wait_for_send: Option<bool>,
}

#[derive(Deserialize)]
struct Record {
    topic: String,
    data: String,
    key: Option<String>,
    partition: Option<i32>,
}

#[derive(Serialize)]
struct Answer {
    status: String,
    errors: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    error: bool,
    message: Option<String>,
}

struct Proxy {
    logger: slog::Logger,
    producer: FutureProducer,
    queue_size: IntGaugeVec,
    sent: IntCounterVec,
    failed: IntCounterVec,
    send_duration: HistogramVec,
    http_duration: HistogramVec,
}

pub(crate) async fn serve(options: &Options) -> Result<(), String> {
    let port: u16 = options.number("port")?;
    let proxy = Arc::new(Proxy::new(options)?);
    let routes = warp::path!("push")
        .and(warp::post())
        .and(warp::body::json())
        .and(warp::any().map(move || Arc::clone(&proxy)))
        .and_then(push);
    warp::serve(routes).run(([127, 0, 0, 1], port)).await;
    Ok(())
}

async fn push(request: Push, proxy: Arc<Proxy>) -> Result<impl warp::Reply, Infallible> {
    let id = Uuid::new_v4().to_string();
    let begin = Instant::now();
    let waits = request.wait_for_send.unwrap_or_default();
    let answer = if waits {
        proxy.send_all(&request.records).await
    } else {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.send_all(&request.records).await });
        Answer::of(Vec::new())
    };
    let status = match answer.status.as_str() {
        "ok" => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let method = if waits { "push/sync" } else { "push/async" };
    let labels = [status.as_str(), method];
    let passed = milliseconds(begin);
    proxy.http_duration.with_label_values(&labels).observe(passed);
    if passed >= SLOW_MS {
        let passed = format!("{passed}ms");
        slog::warn!(proxy.logger, "slow request"; "request_id" => id, "passed" => passed);
    }
    Ok(warp::reply::with_status(warp::reply::json(&answer), status))
}

impl Proxy {
    fn new(options: &Options) -> Result<Self, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", options.text("brokers")?);
        for pair in options.all("set") {
            let (name, value) =
                pair.split_once('=').ok_or(format!("--set {pair}: write name=value"))?;
            config.set(name, value);
        }
        let metrics = |e: prometheus::Error| e.to_string();
        let buckets = vec![5.0, 10.0, 20.0, 40.0, 80.0];
        let durations = |name: &str, labels: &[&str]| {
            let about = HistogramOpts::new(name, "milliseconds").buckets(buckets.clone());
            HistogramVec::new(about, labels)
        };
        let counts = |name: &str| Opts::new(name, "records");
        let json = slog_json::Json::new(std::io::stdout()).add_default_keys().build().fuse();
        let lines = slog_async::Async::new(json).build().fuse();
        Ok(Self {
            logger: slog::Logger::root(lines, slog::o!("service" => "stand-in")),
            producer: config.create().map_err(|e| e.to_string())?,
            queue_size: IntGaugeVec::new(counts("kafka_internal_queue_size"), &["topic"])
                .map_err(metrics)?,
            sent: IntCounterVec::new(counts("kafka_sent_messages"), &["topic"]).map_err(metrics)?,
            failed: IntCounterVec::new(counts("kafka_errors_count"), &["topic", "error_code"])
                .map_err(metrics)?,
            send_duration: durations("kafka_message_send_duration", &["topic"]).map_err(metrics)?,
            http_duration: durations("http_requests_duration", &["code", "method"])
                .map_err(metrics)?,
        })
    }

    async fn send_all(&self, records: &[Record]) -> Answer {
        let mut failures = Vec::new();
        for record in records {
            let message = self.send(record).await.err();
            failures.push(Failure { error: message.is_some(), message });
        }
        Answer::of(failures)
    }

    async fn send(&self, record: &Record) -> Result<(), String> {
        let topic = [record.topic.as_str()];
        self.queue_size.with_label_values(&topic).inc();
        self.sent.with_label_values(&topic).inc();
        let message = FutureRecord {
            topic: &record.topic,
            partition: record.partition,
            payload: Some(&record.data),
            key: record.key.as_ref(),
            timestamp: None,
            headers: None,
        };
        let begin = Instant::now();
        let sent = self.producer.send(message, QUEUE_TIMEOUT).await;
        self.send_duration.with_label_values(&topic).observe(milliseconds(begin));
        self.queue_size.with_label_values(&topic).dec();
        sent.map(drop).map_err(|(error, _)| {
            let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
            let labels = [record.topic.as_str(), &code.to_string()];
            self.failed.with_label_values(&labels).inc();
            error.to_string()
        })
    }
}

impl Answer {
    fn of(failures: Vec<Failure>) -> Self {
        let failed = failures.iter().any(|failure| failure.error);
        Self {
            status: if failed { "err" } else { "ok" }.to_owned(),
            errors: if failed { failures } else { Vec::new() },
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

const QUEUE_TIMEOUT: Duration = Duration::from_millis(100);

/// What kprf calls too slow.
const SLOW_MS: f64 = 0.5;
