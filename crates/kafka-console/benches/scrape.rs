//! What it costs to scrape a mesh: CPU and memory of the direct source, with proxies in a process of their own.
//!
//! `cargo bench -p kafka-console --bench scrape -- --proxies 200 --series 5000 --interval 10 --rounds 12`
//!
//! Each proxy is a sidecar of one client that uses some of a thousand topics, half of them busy in every scrape; with
//! `--distinct` no two proxies share a topic, the worst that a mesh can do. Memory grows until the history is full:
//! `--interval 2 --history 720` holds as many scrapes as an hour does that has one each ten seconds.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may fail by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kafka_console::expr::{Expr, Fold, Select};
use kafka_console::source::{DirectSettings, Source};

const TOPICS: usize = 1000;
const USAGE: &str =
    "--proxies N --series N --interval SECONDS --rounds N --history SECONDS [--distinct]";

/// What is measured.
#[derive(Debug, Clone)]
struct Options {
    proxies: usize,
    series: usize,
    interval: f64,
    rounds: u64,
    history: f64,
    distinct: bool,
    /// The process that plays the proxies.
    serve: bool,
}

fn main() {
    let options = options(std::env::args().skip(1));
    if options.serve {
        serve(&options);
    } else {
        measure(&options);
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Options {
    let mut options = Options {
        proxies: 200,
        series: 5000,
        interval: 10.0,
        rounds: 12,
        history: 3600.0,
        distinct: false,
        serve: false,
    };
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().and_then(|text| text.parse::<f64>().ok()).expect(USAGE);
        match name.as_str() {
            "--proxies" => options.proxies = value() as usize,
            "--series" => options.series = value() as usize,
            "--interval" => options.interval = value(),
            "--rounds" => options.rounds = value() as u64,
            "--history" => options.history = value(),
            "--distinct" => options.distinct = true,
            "--serve" => options.serve = true,
            // What `cargo bench` adds.
            "--bench" => {}
            other => panic!("{other}? {USAGE}"),
        }
    }
    options
}

/// The proxies' process, ended with the measurement.
struct Proxies(Child);

impl Drop for Proxies {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn start_proxies(options: &Options) -> (Proxies, Vec<String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--serve").args(["--proxies", &options.proxies.to_string()]);
    command.args(["--series", &options.series.to_string()]);
    if options.distinct {
        command.arg("--distinct");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let addresses = lines.take(options.proxies).map(Result::unwrap).collect();
    (Proxies(child), addresses)
}

fn measure(options: &Options) {
    let (_proxies, addresses) = start_proxies(options);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let interval = Duration::from_secs_f64(options.interval);
        let source = Source::direct(DirectSettings {
            proxies: addresses,
            proxies_files: vec![],
            proxies_dns: vec![],
            path: "/stats/prometheus".to_owned(),
            scrape_interval: interval,
            scrape_timeout: interval,
            history: Duration::from_secs_f64(options.history),
        })
        .unwrap();
        let mut changes = source.changes();
        // The first round learns every series; it is told apart.
        let start = cpu();
        changes.changed().await.unwrap();
        println!("first round: {:.2} CPU seconds, {} MiB", cpu() - start, memory("VmRSS"));
        let (start, wall) = (cpu(), Instant::now());
        for _ in 0..options.rounds {
            changes.changed().await.unwrap();
        }
        let used = cpu() - start;
        let figures = source.figures();
        println!(
            "{} proxies, {} series of theirs, {} kept, {} refused, {} of {} scrapes failed",
            figures.proxies,
            figures.proxy_series,
            figures.series,
            figures.series_refused_total,
            figures.scrapes_failed_total,
            figures.scrapes_total
        );
        for error in source.proxies().await.into_iter().filter_map(|proxy| proxy.error).take(3) {
            println!("a proxy {error}");
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let each = used / options.rounds as f64;
        println!(
            "{:.3} CPU seconds a second over {:.0} s ({each:.3} for each round of scrapes: {:.3} every 10 s)",
            used / wall.elapsed().as_secs_f64(),
            wall.elapsed().as_secs_f64(),
            each / 10.0,
        );
        println!(
            "{} MiB resident, {} at most, of which {} MiB are {:.0} s of history",
            memory("VmRSS"),
            memory("VmHWM"),
            figures.history_bytes >> 20,
            source.state().history.unwrap_or_default().as_secs_f64()
        );
        queries(&source, interval).await;
    });
}

/// What pages ask for, once each.
async fn queries(source: &Source, interval: Duration) {
    let bytes =
        |by| Select { metric: "kafka_filter_topic_produced_bytes_total", matchers: vec![], by };
    let flows = Select {
        metric: "kafka_filter_client_produced_bytes_total",
        matchers: vec![],
        by: &["client_id", "topic"],
    };
    let lasted = Select {
        metric: "kafka_filter_topic_request_duration_microseconds",
        matchers: vec![],
        by: &["topic"],
    };
    let lag = Select { metric: "kafka_filter_topic_fetch_lag_records", matchers: vec![], by: &[] };
    let asks = [
        ("bytes by topic", Expr::Rate(bytes(&["topic"]))),
        ("bytes by client and topic", Expr::Rate(flows)),
        ("p99 by topic", Expr::Quantile(0.99, lasted)),
        ("lag", Expr::Gauge(lag, Fold::Sum)),
    ];
    for (what, expr) in asks {
        let ask = [(expr, interval * 6)];
        let start = Instant::now();
        let now = source.instant(&ask).await.unwrap();
        let instant = start.elapsed();
        let start = Instant::now();
        let hour = source.range(&ask, interval * 360, 240).await;
        println!(
            "{what}: {} numbers in {:.1} ms, {} lines over the history in {:.1} ms",
            now[0].len(),
            instant.as_secs_f64() * 1000.0,
            hour.map_or_else(|error| error.message, |found| found[0].lines.len().to_string()),
            start.elapsed().as_secs_f64() * 1000.0
        );
    }
}

/// CPU seconds of this process; Linux counts a hundred a second.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).map(|word| word.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// MiB of memory by its name in `/proc/self/status`.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

/// What one proxy shows: a text whose numbers are counted up in place, so that the proxies cost little.
struct Page {
    text: Vec<u8>,
    /// Where a number ends, and what is added to it for each scrape.
    counters: Vec<(usize, u64)>,
}

/// Digits of a number, leading zeros among them.
const DIGITS: usize = 12;

impl Page {
    /// Of proxy `number`.
    fn of(number: usize, options: &Options) -> Self {
        let mut page = Self { text: Vec::new(), counters: Vec::new() };
        page.line(
            "kafka_filter_build_info",
            "reporter=\"source\",filter_release=\"0.1.0\",kafka_release=\"4.3\"",
            0,
        );
        for request in
            ["Produce", "FetchConsumer", "Metadata", "ApiVersions", "OffsetCommit", "Heartbeat"]
        {
            let labels = format!("reporter=\"source\",request=\"{request}\"");
            page.line("kafka_filter_requests_total", &format!("{labels},api_version=\"12\""), 40);
            page.histogram("kafka_filter_request_duration_microseconds", &labels, 18, 40);
        }
        let mut used = 0;
        while page.counters.len() < options.series {
            // Neighbours share topics, as the services around one do.
            let topic = if options.distinct {
                number * TOPICS + used
            } else {
                (number * 5 + used) % TOPICS
            };
            page.topic(
                &format!("orders.region-{}.events-{topic}", topic % 7),
                number,
                topic % 2 == 0,
                options.series,
            );
            used += 1;
        }
        page
    }

    fn topic(&mut self, topic: &str, client: usize, busy: bool, most: usize) {
        let labels = format!("reporter=\"source\",topic=\"{topic}\"");
        let by = |each: u64| if busy { each } else { 0 };
        for side in ["produced", "fetched"] {
            self.line(&format!("kafka_filter_topic_{side}_records_total"), &labels, by(500));
            self.line(&format!("kafka_filter_topic_{side}_bytes_total"), &labels, by(70_000));
            self.line(
                &format!("kafka_filter_topic_{side}_batches_total"),
                &format!("{labels},compression=\"zstd\""),
                by(9),
            );
            let labels =
                format!("reporter=\"source\",client_id=\"service-{client}\",topic=\"{topic}\"");
            self.line(&format!("kafka_filter_client_{side}_records_total"), &labels, by(500));
            self.line(&format!("kafka_filter_client_{side}_bytes_total"), &labels, by(70_000));
        }
        for request in ["Produce", "FetchConsumer"] {
            let labels = format!("{labels},request=\"{request}\"");
            self.histogram("kafka_filter_topic_request_duration_microseconds", &labels, 13, by(30));
        }
        self.histogram("kafka_filter_topic_end_to_end_latency_milliseconds", &labels, 15, by(30));
        self.line("kafka_filter_topic_fetch_lag_records", &labels, by(3));
        self.cut(most);
    }

    fn histogram(&mut self, name: &str, labels: &str, buckets: u64, by: u64) {
        for bucket in 1..=buckets {
            let count = by * bucket / buckets;
            self.line(
                &format!("{name}_bucket"),
                &format!("{labels},le=\"{}\"", 50 << bucket),
                count,
            );
        }
        self.line(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), by);
        self.line(&format!("{name}_sum"), labels, by * 700);
        self.line(&format!("{name}_count"), labels, by);
    }

    fn line(&mut self, name: &str, labels: &str, by: u64) {
        let line = format!("{name}{{{labels}}} {:0DIGITS$}", 1 + by * 1000);
        self.text.extend_from_slice(line.as_bytes());
        self.counters.push((self.text.len(), by));
        self.text.push(b'\n');
    }

    fn cut(&mut self, most: usize) {
        self.counters.truncate(most);
        self.text.truncate(self.counters.last().map_or(0, |(end, _)| end + 1));
    }

    fn count(&mut self) {
        for (end, by) in self.counters.iter().filter(|(_, by)| *by > 0) {
            let mut carry = *by;
            for digit in self.text[end - DIGITS..*end].iter_mut().rev() {
                let sum = u64::from(*digit - b'0') + carry;
                (*digit, carry) = (b'0' + u8::try_from(sum % 10).unwrap(), sum / 10);
                if carry == 0 {
                    break;
                }
            }
        }
    }
}

fn serve(options: &Options) {
    let threads: Vec<_> = (0..options.proxies)
        .map(|number| {
            let mut page = Page::of(number, options);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            println!("{}", listener.local_addr().unwrap());
            std::thread::spawn(move || {
                for connection in listener.incoming() {
                    while answer(connection.as_ref().unwrap(), &mut page).is_some() {}
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Answers one request; `None` when there is no more.
fn answer(mut connection: &TcpStream, page: &mut Page) -> Option<()> {
    let mut request = Vec::new();
    let mut some = [0_u8; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut some).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&some[..read]);
    }
    page.count();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", page.text.len());
    connection.write_all(head.as_bytes()).ok()?;
    connection.write_all(&page.text).ok()
}
