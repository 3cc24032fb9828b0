//! What every source is told, tells, and fails with.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// From one scrape to the next. Below, Envoys would work for the console; above, one minute's rates would have one scrape.
pub(crate) const SCRAPE_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(60);

/// What the direct source scrapes, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectSettings {
    /// URLs; one without a path gets `path`.
    pub proxies: Vec<String>,
    /// Lists of targets as Prometheus's `file_sd_configs` reads them, JSON or YAML. Read anew as often as is scraped.
    pub proxies_files: Vec<PathBuf>,
    /// `host:port` names; every address that one resolves to is a target. Resolved anew as often as is scraped.
    pub proxies_dns: Vec<String>,
    /// Of targets that have none: `/stats/prometheus`.
    pub path: String,
    /// From one scrape to the next.
    pub scrape_interval: Duration,
    /// How long a target may take; at most the interval.
    pub scrape_timeout: Duration,
    /// How much is kept.
    pub history: Duration,
}

/// Which Prometheus is asked, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusSettings {
    /// Its base URL: `http://127.0.0.1:9090`, with a path where it lives under one.
    pub url: String,
    /// A file with a bearer token, read anew for each minute.
    pub bearer_token_file: Option<PathBuf>,
    /// How often viewers get new numbers: its scrape interval. Within one such tick a query is asked once.
    pub tick: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Queries that run at the same time.
    pub concurrency_max: usize,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Scrapes proxies itself.
    Direct,
    /// Asks a Prometheus.
    Prometheus,
}

/// How it is with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Numbers are there and fresh.
    Ok,
    /// No second scrape yet: rates need two.
    Starting,
    /// It answers, but there is nothing of the filter.
    Empty,
    /// The newest numbers are old.
    Stale,
    /// Nothing answers.
    Unreachable,
}

/// How it is with a source, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Which of the two.
    pub kind: Kind,
    /// How it is.
    pub health: Health,
    /// Unix time in seconds that the newest numbers are of.
    pub at_s: Option<i64>,
    /// How old they are.
    pub age: Option<Duration>,
    /// What is wrong, where something is.
    pub message: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// From one scrape (direct) or tick (Prometheus) to the next.
    pub scrape_interval: Duration,
    /// How far back the numbers go, where the source knows.
    pub history: Option<Duration>,
}

/// A target of the direct source, or an instance that Prometheus knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// `host:port`, or the `instance` label.
    pub name: String,
    /// Whether its last scrape was good.
    pub up: bool,
    /// Since the last good scrape.
    pub age: Option<Duration>,
    /// `filter_release` of its `kafka_filter_build_info`.
    pub filter_release: Option<String>,
    /// `kafka_release` of the same.
    pub kafka_release: Option<String>,
    /// Series that it shows: the kept ones (direct), all (Prometheus).
    pub series: u64,
    /// Whether the filter counts there.
    pub has_filter: bool,
    /// Whether it is an Envoy at all, not a canary or a gateway.
    pub is_envoy: bool,
    /// Why its last scrape failed.
    pub error: Option<String>,
}

/// Why there is no answer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.remedy)
    }
}

impl std::error::Error for SourceError {}

/// What a source has done since it started, and what it holds: for this program's own `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Scrapes that were tried (direct).
    pub scrapes_total: u64,
    /// Those that failed.
    pub scrapes_failed_total: u64,
    /// Bytes of bodies that were read, of either source.
    pub read_bytes_total: u64,
    /// Time spent on scrapes, all together.
    pub scrape_seconds_total: f64,
    /// Targets now.
    pub proxies: u64,
    /// Series of single proxies that are followed now.
    pub proxy_series: u64,
    /// Series that are kept, all proxies together.
    pub series: u64,
    /// Bytes of history that these hold.
    pub history_bytes: u64,
    /// Series that were left out because a limit was reached.
    pub series_refused_total: u64,
    /// Expressions that were evaluated or sent to Prometheus; those answered from the tick's cache are not among them.
    pub queries_total: u64,
    /// Those that failed.
    pub queries_failed_total: u64,
    /// Time spent on them, all together.
    pub query_seconds_total: f64,
}

/// The innermost cause: the others only say where it went through.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
