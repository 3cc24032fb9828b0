//! The same proxies scraped by a real Prometheus and by the direct source: every kind of expression gives the same
//! labels and, within one scrape, the same numbers. Topics have names that would end a string of PromQL.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_console::expr::{Expr, Fold, Matcher, Select, Vector};
use kafka_console::source::{DirectSettings, Health, PrometheusSettings, Source};

use crate::fake::{Answer, Fake};

const TICK: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(20);
/// One scrape of the window more or less, and as much again for a busy machine.
const SHARE: f64 = 0.1;
const HOSTILE: &str = "a\"} or vector(1) #\\n\\\n\t\r\u{7}{'`Größe\u{202e}<b>";

/// A Prometheus that ends with the test.
struct Prometheus {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(targets: &[&Fake]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let targets: Vec<&str> = targets.iter().map(|fake| fake.address.as_str()).collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n\
             - job_name: envoy\n\
             \x20 metrics_path: /stats/prometheus\n\
             \x20 static_configs: [{{targets: {targets:?}}}]\n"
        );
        let path = folder.path().join("prometheus.yaml");
        std::fs::write(&path, configuration).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--log.level=error"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the program prometheus of Debian's package prometheus is on PATH");
        Self { child, address, _folder: folder }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a proxy shows after some time: everything grows evenly, `scale` times as fast as at others.
fn metrics(seconds: f64, scale: f64) -> String {
    let mut text = String::new();
    let hostile = HOSTILE.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut line = |series: String, per_second: f64| {
        writeln!(text, "{series} {}", (per_second * scale * seconds).floor()).unwrap();
    };
    for (reporter, part) in [("source", 1.0), ("destination", 0.5)] {
        for (topic, bytes) in [("orders", 4000.0), ("carts", 100.0), (&*hostile, 900.0)] {
            let labels = format!("reporter=\"{reporter}\",topic=\"{topic}\"");
            line(format!("kafka_filter_topic_produced_bytes_total{{{labels}}}"), bytes * part);
            for (error, count) in [("NOT_LEADER_OR_FOLLOWER", 30.0), ("CORRUPT_MESSAGE", 90.0)] {
                let labels = format!("{labels},request=\"Produce\",error=\"{error}\"");
                line(format!("kafka_filter_topic_errors_total{{{labels}}}"), count * part);
            }
        }
        for (request, counts) in
            [("Produce", [100.0, 300.0, 390.0, 400.0]), ("Fetch", [0.0, 20.0, 40.0, 200.0])]
        {
            let labels = format!("reporter=\"{reporter}\",request=\"{request}\"");
            let name = "kafka_filter_request_duration_microseconds";
            for (le, count) in ["1000", "5000", "25000", "+Inf"].iter().zip(counts) {
                line(format!("{name}_bucket{{{labels},le=\"{le}\"}}"), count * part);
            }
            line(format!("{name}_sum{{{labels}}}"), 2_500_000.0 * part);
            line(format!("{name}_count{{{labels}}}"), counts[3] * part);
        }
    }
    let records = 100.0 * scale;
    for (topic, group) in [("orders", "billing"), ("carts", "billing"), ("orders", "audit")] {
        let labels = format!("reporter=\"source\",topic=\"{topic}\",group=\"{group}\"");
        writeln!(text, "kafka_filter_group_lag_records{{{labels}}} {records}").unwrap();
    }
    text.push_str("kafka_filter_build_info{reporter=\"source\",filter_release=\"0.1.0\",kafka_release=\"4.3\"} 1\n");
    text.push_str("envoy_server_uptime{} 5\n");
    text
}

fn proxy(start: Instant, scale: f64) -> Fake {
    Fake::start(move |_| Answer::Text(metrics(start.elapsed().as_secs_f64(), scale)))
}

/// One of each kind, with each way to match.
fn expressions() -> Vec<Expr> {
    let bytes =
        |matchers, by| Select { metric: "kafka_filter_topic_produced_bytes_total", matchers, by };
    let errors = |matchers, by| Select { metric: "kafka_filter_topic_errors_total", matchers, by };
    let lag = |by| Select { metric: "kafka_filter_group_lag_records", matchers: vec![], by };
    let seconds = |by| Select {
        metric: "kafka_filter_request_duration_microseconds",
        matchers: vec![Matcher::one_of("reporter", "source|proxy")],
        by,
    };
    vec![
        Expr::Rate(bytes(vec![], &["topic"])),
        Expr::Rate(bytes(vec![], &["topic", "reporter"])),
        Expr::Rate(bytes(vec![Matcher::is("topic", HOSTILE)], &["topic"])),
        Expr::Rate(bytes(vec![Matcher::is_not("topic", HOSTILE)], &["topic"])),
        Expr::Rate(bytes(vec![Matcher::is("topic", "nobody")], &["topic"])),
        Expr::Rate(errors(vec![Matcher::none_of("error", "CORRUPT_MESSAGE|X")], &["error"])),
        Expr::Increase(bytes(vec![Matcher::one_of("reporter", "source|destination")], &[])),
        Expr::Gauge(lag(&["group"]), Fold::Sum),
        Expr::Gauge(lag(&["group", "topic"]), Fold::Max),
        Expr::Quantile(0.5, seconds(&["request"])),
        Expr::Quantile(0.99, seconds(&["request"])),
        Expr::Quantile(0.05, seconds(&[])),
        Expr::Scale(0.000_001, Box::new(Expr::Mean(seconds(&["request"])))),
        Expr::Buckets(seconds(&[])),
        Expr::Buckets(seconds(&["request"])),
        Expr::Count(seconds(&["request"])),
        Expr::Ratio(
            Box::new(Expr::Rate(errors(vec![], &["topic", "error"]))),
            Box::new(Expr::Rate(errors(vec![], &["topic"]))),
        ),
        Expr::Ratio(
            Box::new(Expr::Rate(errors(vec![], &["topic", "reporter"]))),
            Box::new(Expr::Count(seconds(&[]))),
        ),
        Expr::Ratio(
            Box::new(Expr::Gauge(lag(&["group", "topic"]), Fold::Sum)),
            Box::new(Expr::Rate(bytes(vec![], &["topic"]))),
        ),
    ]
}

/// What is not the same in two answers.
fn difference(expr: &Expr, direct: &Vector, asked: &Vector) -> Option<String> {
    let labels = |vector: &Vector| -> Vec<Vec<Arc<str>>> {
        vector.iter().map(|sample| sample.labels.clone()).collect()
    };
    let same = labels(direct) == labels(asked)
        && direct.iter().zip(asked).all(|(a, b)| close(a.value, b.value));
    (!same)
        .then(|| format!("{}:\n direct     {direct:?}\n prometheus {asked:?}", expr.promql(WINDOW)))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= SHARE * a.abs().max(b.abs())
}

/// Asks until there is no difference, because a busy machine may keep one of the two from a scrape.
async fn same<F: Future<Output = Vec<String>>>(differences: impl Fn() -> F) {
    let start = Instant::now();
    loop {
        let left = differences().await;
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{}", left.join("\n"));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sources_give_the_same_numbers() {
    let start = Instant::now();
    let (a, b) = (proxy(start, 1.0), proxy(start, 0.25));
    let prometheus = Prometheus::start(&[&a, &b]);
    let direct = DirectSettings {
        scrape_interval: TICK,
        scrape_timeout: TICK,
        ..crate::direct::settings(&[&a, &b])
    };
    let direct = Source::direct(direct).unwrap();
    let asked = Source::prometheus(PrometheusSettings {
        url: format!("http://{}", prometheus.address),
        bearer_token_file: None,
        tick: TICK,
        timeout: Duration::from_secs(10),
        concurrency_max: 8,
    })
    .unwrap();
    // Before the window is full the two know different parts of it.
    tokio::time::sleep(WINDOW + TICK * 3).await;

    let expressions = expressions();
    let asks: Vec<(Expr, Duration)> =
        expressions.iter().map(|expr| (expr.clone(), WINDOW)).collect();
    let (asks, direct, asked) = (&asks, &direct, &asked);
    same(|| async {
        let (Ok(ours), Ok(theirs)) = (direct.instant(asks).await, asked.instant(asks).await) else {
            return vec!["Prometheus does not answer".to_owned()];
        };
        let pairs = asks.iter().zip(ours.iter().zip(&theirs));
        pairs.filter_map(|((expr, _), (ours, theirs))| difference(expr, ours, theirs)).collect()
    })
    .await;
    let found = asked.instant(asks).await.unwrap();
    let empty = found.iter().filter(|vector| vector.is_empty()).count();
    assert_eq!(empty, 1, "all but the topic that nobody has");
    assert_eq!(&*found[2][0].labels[0], HOSTILE);

    same(|| async {
        let range = Duration::from_secs(3);
        let ours = direct.range(asks, range, 4).await.unwrap();
        let theirs = asked.range(asks, range, 4).await.unwrap();
        let newest = |matrix: &kafka_console::expr::Matrix| -> Vector {
            let line = |line: &kafka_console::expr::Line| {
                let value = line.points.iter().rev().copied().flatten().next()?;
                Some(kafka_console::expr::Sample { labels: line.labels.clone(), value })
            };
            matrix.lines.iter().filter_map(line).collect()
        };
        let pairs = asks.iter().zip(ours.iter().zip(&theirs));
        let different = |((expr, _), (ours, theirs)): (&(Expr, _), (&Arc<_>, &Arc<_>))| {
            difference(expr, &newest(ours), &newest(theirs))
        };
        pairs.filter_map(different).collect()
    })
    .await;

    assert_eq!(asked.state().health, Health::Ok, "{:?}", asked.state());
    assert_eq!(direct.state().health, Health::Ok, "{:?}", direct.state());
    let (ours, theirs) = (direct.proxies().await, asked.proxies().await);
    assert_eq!(ours.len(), 2);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(
            (&ours.name, ours.up, ours.has_filter),
            (&theirs.name, theirs.up, theirs.has_filter)
        );
        assert_eq!(ours.filter_release, theirs.filter_release);
        assert_eq!(ours.is_envoy, theirs.is_envoy);
        assert!(theirs.age.is_some_and(|age| age < TICK * 10), "{theirs:?}");
    }
    assert_eq!(theirs.len(), 2);

    // The query of each look is right too: nothing is wrong, and then one of the two is gone.
    says(asked, None).await;
    drop(b);
    says(asked, Some("1 of 2 proxies do not answer Prometheus, and have no new numbers")).await;
    assert_eq!(asked.state().health, Health::Ok);
}

async fn says(source: &Source, expected: Option<&str>) {
    let start = Instant::now();
    while source.state().message.as_deref() != expected {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", source.state());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
