//! A small mesh for tests: one proxy whose counters rise by known amounts, so that every number of every page can be
//! worked out by hand. It is scraped each 10 s for 15 minutes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::direct::scripted::Tick;
use crate::expr::catalog::{Kind, find};
use crate::source::Source;

/// What is scraped.
pub(super) struct World {
    series: Vec<Series>,
}

struct Series {
    metric: &'static str,
    labels: String,
    /// Each second of a counter; as it is of a gauge; samples each second of a bucket.
    number: f64,
    /// The first tick at which it is shown.
    since: i64,
    /// The last tick at which it counts; a gauge is 0 after it.
    until: i64,
}

/// Tick 0; a whole minute.
pub(super) const START_MS: i64 = 1_800_000_000_000;

pub(super) const TICKS: i64 = 91;

/// When the last tick is, in seconds.
pub(super) const NOW_S: i64 = START_MS / 1000 + (TICKS - 1) * 10;

/// A topic as long as one may be.
pub(super) fn long_topic() -> String {
    format!("a-topic-{}", "x".repeat(241))
}

/// A client that would like to be markup, and turns its text around.
pub(super) const HOSTILE: &str = "\"><img src=x onerror=alert(1)>\u{202e}gpj.exe";

impl World {
    pub(super) fn empty() -> Self {
        Self { series: Vec::new() }
    }

    /// Adds a series of `number`, with pairs of labels; `reporter` is `source`.
    pub(super) fn add(
        &mut self,
        metric: &'static str,
        labels: &[(&str, &str)],
        number: f64,
    ) -> &mut Self {
        self.add_since(metric, labels, number, 0)
    }

    pub(super) fn add_since(
        &mut self,
        metric: &'static str,
        labels: &[(&str, &str)],
        number: f64,
        since: i64,
    ) -> &mut Self {
        self.add_between(metric, labels, number, since..=TICKS)
    }

    /// What begins to count, or is not 0, at a tick, and ends at another.
    pub(super) fn add_between(
        &mut self,
        metric: &'static str,
        labels: &[(&str, &str)],
        number: f64,
        ticks: RangeInclusive<i64>,
    ) -> &mut Self {
        let mut text = String::new();
        if metric.starts_with("kafka_filter_")
            && !labels.iter().any(|(name, _)| *name == "reporter")
        {
            text.push_str("reporter=\"source\",");
        }
        for (name, value) in labels {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(text, "{name}=\"{value}\",").unwrap();
        }
        let (since, until) = ticks.into_inner();
        self.series.push(Series { metric, labels: text, number, since, until });
        self
    }

    /// Adds a histogram: samples each second in the bucket up to each bound, `+Inf` alone is 0.
    pub(super) fn histogram(
        &mut self,
        metric: &'static str,
        labels: &[(&str, &str)],
        buckets: &[(&'static str, f64)],
    ) -> &mut Self {
        let mut below = 0.0;
        for (bound, samples) in buckets {
            below += samples;
            let mut all = labels.to_vec();
            all.push(("le", bound));
            let name: &'static str = Box::leak(format!("{metric}_bucket").into_boxed_str());
            self.add(name, &all, below);
        }
        let mut all = labels.to_vec();
        all.push(("le", "+Inf"));
        let bucket: &'static str = Box::leak(format!("{metric}_bucket").into_boxed_str());
        let count: &'static str = Box::leak(format!("{metric}_count").into_boxed_str());
        self.add(bucket, &all, below);
        self.add(count, labels, below)
    }

    /// What the proxy shows at a tick.
    fn body(&self, tick: i64) -> String {
        let mut text = String::from("# Envoy's\nenvoy_server_uptime 1\n");
        let mut types: BTreeMap<&str, &str> = BTreeMap::new();
        for series in self.series.iter().filter(|series| series.since <= tick) {
            let base = series
                .metric
                .strip_suffix("_bucket")
                .or_else(|| series.metric.strip_suffix("_count"))
                .filter(|name| find(name).is_some())
                .unwrap_or(series.metric);
            let kind = find(base).unwrap_or_else(|| panic!("no metric {base}")).kind;
            let word = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            if types.insert(base, word).is_none() {
                writeln!(text, "# TYPE {base} {word}").unwrap();
            }
            let age = tick.min(series.until) - series.since;
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let value = match kind {
                Kind::Gauge if tick > series.until => 0.0,
                Kind::Gauge => series.number,
                Kind::Counter | Kind::Histogram => series.number * 10.0 * (age + 1) as f64,
            };
            writeln!(text, "{}{{{}}} {value}", series.metric, series.labels.trim_end_matches(','))
                .unwrap();
        }
        text
    }

    /// The source that has scraped it. Needs a runtime of tokio.
    pub(super) fn source(&self) -> Source {
        let ticks: Vec<Tick> = (0..TICKS)
            .map(|tick| Tick {
                at_ms: START_MS + tick * 10_000,
                bodies: vec![
                    ("10.0.0.1:9901", Ok(self.body(tick))),
                    ("10.0.0.2:9901", Err("connection refused")),
                    ("10.0.0.3:9901", Ok("envoy_server_uptime 1\n".to_owned())),
                ],
            })
            .collect();
        Source::scripted(Duration::from_secs(10), &ticks)
    }
}

/// Traffic of a shop: three topics, some clients, two groups, an old client, a burst of errors, a hostile name.
pub(super) fn shop() -> World {
    let mut world = World::empty();
    world.add(
        "kafka_filter_build_info",
        &[("filter_release", "0.1.0"), ("kafka_release", "4.3.1")],
        1.0,
    );
    traffic(&mut world);
    requests(&mut world);
    groups(&mut world);
    edges(&mut world);
    beside(&mut world);
    world
}

/// Who writes and reads how much: (topic, client, bytes, records).
const WRITTEN: [(&str, &str, f64, f64); 4] = [
    ("orders", "orders-service", 2_000.0, 20.0),
    ("orders", "bulk-load", 1_000.0, 10.0),
    ("clicks", "clicks-service", 9_000.0, 100.0),
    ("clicks", "__none__", 40.0, 1.0),
];
const READ: [(&str, &str, f64, f64); 3] = [
    ("orders", "billing", 3_000.0, 30.0),
    ("clicks", "search", 4_500.0, 50.0),
    ("orders", "from-2015", 300.0, 3.0),
];

fn traffic(world: &mut World) {
    for (topic, client, bytes, records) in WRITTEN {
        let labels = [("topic", topic), ("client_id", client)];
        world.add("kafka_filter_client_produced_bytes_total", &labels, bytes);
        world.add("kafka_filter_client_produced_records_total", &labels, records);
    }
    for (topic, client, bytes, records) in READ {
        let labels = [("topic", topic), ("client_id", client)];
        world.add("kafka_filter_client_fetched_bytes_total", &labels, bytes);
        world.add("kafka_filter_client_fetched_records_total", &labels, records);
    }
    for topic in ["orders", "clicks"] {
        let sum = |list: &[(&str, &str, f64, f64)], records: bool| -> f64 {
            let of = list.iter().filter(|entry| entry.0 == topic);
            of.map(|entry| if records { entry.3 } else { entry.2 }).sum()
        };
        let labels = [("topic", topic)];
        world.add("kafka_filter_topic_produced_bytes_total", &labels, sum(&WRITTEN, false));
        world.add("kafka_filter_topic_produced_records_total", &labels, sum(&WRITTEN, true));
        world.add("kafka_filter_topic_fetched_bytes_total", &labels, sum(&READ, false));
        world.add("kafka_filter_topic_fetched_records_total", &labels, sum(&READ, true));
        world.add(
            "kafka_filter_topic_fetch_lag_records",
            &labels,
            if topic == "clicks" { 4_000.0 } else { 0.0 },
        );
    }
    for (topic, codec, batches) in
        [("orders", "zstd", 3.0), ("clicks", "lz4", 8.0), ("clicks", "none", 2.0)]
    {
        let labels = [("topic", topic), ("compression", codec)];
        world.add("kafka_filter_topic_produced_batches_total", &labels, batches);
        world.add("kafka_filter_topic_fetched_batches_total", &labels, batches / 2.0);
    }
    let labels = [("topic", "orders"), ("request", "Produce")];
    world.histogram(
        "kafka_filter_topic_request_duration_microseconds",
        &labels,
        &[("1000", 5.0), ("5000", 4.0), ("100000", 1.0)],
    );
    world.histogram(
        "kafka_filter_topic_end_to_end_latency_milliseconds",
        &[("topic", "orders")],
        &[("50", 9.0), ("1000", 1.0)],
    );
}

fn requests(world: &mut World) {
    for (request, version, rate) in [
        ("Produce", "13", 20.0),
        ("FetchConsumer", "18", 8.0),
        ("FetchConsumer", "1", 2.0),
        ("Metadata", "13", 1.0),
        ("Heartbeat", "4", 3.0),
    ] {
        world.add(
            "kafka_filter_requests_total",
            &[("request", request), ("api_version", version)],
            rate,
        );
    }
    for (request, rate) in
        [("Produce", 20.0), ("FetchConsumer", 10.0), ("Metadata", 1.0), ("Heartbeat", 3.0)]
    {
        let labels = [("request", request)];
        world.add("kafka_filter_responses_total", &labels, rate);
        world.add("kafka_filter_request_bytes_total", &labels, rate * 100.0);
        world.add("kafka_filter_response_bytes_total", &labels, rate * 50.0);
        world.histogram(
            "kafka_filter_request_duration_microseconds",
            &labels,
            &[("1000", rate / 2.0), ("10000", rate / 2.0)],
        );
    }
    world.add("kafka_filter_throttled_responses_total", &[("request", "Produce")], 2.0);
    world.add("kafka_filter_throttle_time_milliseconds_total", &[("request", "Produce")], 500.0);
    world.add("kafka_filter_requests_in_flight", &[], 7.0);
    world.add("kafka_filter_in_flight_request_bytes", &[("request", "Produce")], 4_096.0);
    for (request, error, rate) in [
        ("Produce", "MESSAGE_TOO_LARGE", 0.5),
        ("Heartbeat", "REBALANCE_IN_PROGRESS", 1.0),
        ("ApiVersions", "UNSUPPORTED_VERSION", 0.1),
    ] {
        world.add(
            "kafka_filter_response_errors_total",
            &[("request", request), ("error", error)],
            rate,
        );
    }
    world.add(
        "kafka_filter_topic_errors_total",
        &[("topic", "orders"), ("request", "Produce"), ("error", "MESSAGE_TOO_LARGE")],
        0.5,
    );
    // Half-way through the range.
    world.add_since(
        "kafka_filter_deprecated_requests_total",
        &[("request", "FetchConsumer"), ("api_version", "1"), ("client_id", "from-2015")],
        2.0,
        45,
    );
    world.add("kafka_filter_connections_active", &[], 12.0);
    world.add("kafka_filter_connections_opened_total", &[], 0.2);
    for (software, version, rate) in
        [("apache-kafka-java", "4.3.1", 0.1), ("librdkafka", "1.6.0", 0.05)]
    {
        let labels = [("software", software), ("software_version", version)];
        world.add("kafka_filter_client_software_connections_total", &labels, rate);
    }
}

fn groups(world: &mut World) {
    for (group, topic, lag) in [("billing", "orders", 60.0), ("search", "clicks", 5_050.0)] {
        world.add("kafka_filter_group_lag_records", &[("topic", topic), ("group", group)], lag);
        for (request, rate) in [("Heartbeat", 1.5), ("OffsetCommit", 0.5)] {
            world.add(
                "kafka_filter_group_requests_total",
                &[("request", request), ("group", group)],
                rate,
            );
        }
    }
    world.add("kafka_filter_group_rebalances_total", &[("group", "billing")], 0.01);
    world.add(
        "kafka_filter_group_errors_total",
        &[("request", "Heartbeat"), ("error", "REBALANCE_IN_PROGRESS"), ("group", "billing")],
        1.0,
    );
    world.add(
        "kafka_filter_group_errors_total",
        &[("request", "JoinGroup"), ("error", "UNKNOWN_MEMBER_ID"), ("group", "billing")],
        0.1,
    );
    world.histogram(
        "kafka_filter_group_join_duration_microseconds",
        &[("group", "billing")],
        &[("1000000", 0.01), ("3000000", 0.01)],
    );
}

fn edges(world: &mut World) {
    let long = long_topic();
    world.add("kafka_filter_topic_produced_bytes_total", &[("topic", &long)], 10.0);
    world.add(
        "kafka_filter_client_produced_bytes_total",
        &[("topic", &long), ("client_id", HOSTILE)],
        10.0,
    );
    // The other side's count of the same calls: it must not be added.
    world.add(
        "kafka_filter_topic_produced_bytes_total",
        &[("reporter", "destination"), ("topic", "orders")],
        2_950.0,
    );
    world.add("kafka_filter_connections_opaque_total", &[("reason", "tls")], 0.1);
    world.add(
        "kafka_filter_undecoded_messages_total",
        &[("reason", "unknown_api_version"), ("request", "Produce")],
        0.0,
    );
    world.add("kafka_filter_label_values", &[("label", "client_id")], 6.0);
    world.add("kafka_filter_label_values_overflowed_total", &[("label", "topic")], 0.3);
}

fn beside(world: &mut World) {
    // Two of them, one of which is ready.
    world.add("kafka_canary_ready", &[], 1.0);
    world.add("kafka_canary_build_info", &[("version", "0.1.0"), ("librdkafka", "2.12.1")], 2.0);
    world.add("kafka_canary_brokers", &[], 3.0);
    world.add("kafka_canary_records_produced_total", &[("partition", "0")], 1.0);
    world.add("kafka_canary_records_lost_total", &[("partition", "0")], 0.01);
    world.add(
        "kafka_canary_records_produce_failed_total",
        &[("partition", "0"), ("reason", "timeout")],
        0.02,
    );
}
