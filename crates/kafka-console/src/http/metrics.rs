//! The console's own metrics. No label of theirs is a peer's text.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use kafka_operations::metrics::{self, Description, Family};
use prometheus::{Counter, Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use crate::source::Figures;

/// What is counted here, and what the source has counted by the time somebody asks.
pub struct Metrics {
    registry: Registry,
    descriptions: Vec<Description>,
    requests: IntCounterVec,
    request_seconds: Histogram,
    page_seconds: HistogramVec,
    live_streams: Gauge,
    /// One reader at a time: counters are raised by what is new.
    source: Mutex<FromSource>,
}

struct FromSource {
    counted: Vec<(IntCounter, Of<u64>)>,
    took: Vec<(Counter, Of<f64>)>,
    now: Vec<(Gauge, Of<u64>)>,
}

/// One of the source's figures.
type Of<T> = fn(&Figures) -> T;

impl Metrics {
    /// All of them, at zero.
    ///
    /// # Errors
    /// A metric cannot be registered, which does not happen.
    pub fn new() -> Result<Self, prometheus::Error> {
        let (registry, mut descriptions) = (Registry::new(), Vec::new());
        let mut family = Family::new(&registry, "kafka_console", &mut descriptions);
        let requests = family.counters(
            "http_requests_total",
            "HTTP requests that were answered.",
            &["code"],
        )?;
        let request_seconds = family.single_histogram(
            "http_request_duration_seconds",
            "Time until an answer began.",
            &SECONDS,
        )?;
        let page_seconds = family.histogram(
            "page_duration_seconds",
            "Time to make a page.",
            &["page"],
            &SECONDS,
        )?;
        let live_streams = family.gauge("live_streams", "Live pages that are open.")?;
        let source = Mutex::new(FromSource::new(&mut family)?);
        family
            .gauges("build_info", "Always 1; the console's version.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            registry,
            descriptions,
            requests,
            request_seconds,
            page_seconds,
            live_streams,
            source,
        })
    }

    /// What each is, those of the process left out.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    pub(super) fn answered(&self, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[status.as_str()]).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn made(&self, page: &str, took: Duration) {
        self.page_seconds.with_label_values(&[page]).observe(took.as_secs_f64());
    }

    /// Everything in text format 0.0.4, with what the source says now.
    ///
    /// # Errors
    /// As the encoder's.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub fn text(&self, figures: &Figures, streams: usize) -> Result<Vec<u8>, prometheus::Error> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.live_streams.set(streams as f64);
        source.follow(figures);
        metrics::text(&self.registry)
    }
}

impl FromSource {
    fn new(family: &mut Family<'_>) -> Result<Self, prometheus::Error> {
        let mut counted = Vec::new();
        let mut count = |name: &str, help: &str, of: Of<u64>| {
            family.counter(name, help).map(|counter| counted.push((counter, of)))
        };
        count("scrapes_total", "Scrapes that were tried.", |now| now.scrapes_total)?;
        count("scrapes_failed_total", "Scrapes that failed.", |now| now.scrapes_failed_total)?;
        count("read_bytes_total", "Bytes that were read from the source.", |now| {
            now.read_bytes_total
        })?;
        count("series_refused_total", "Series left out because a limit was reached.", |now| {
            now.series_refused_total
        })?;
        count("queries_total", "Expressions asked of the source.", |now| now.queries_total)?;
        count("queries_failed_total", "Those that failed.", |now| now.queries_failed_total)?;

        let mut took = Vec::new();
        let mut time = |name: &str, help: &str, of: Of<f64>| {
            family.sum(name, help).map(|counter| took.push((counter, of)))
        };
        time("scrape_seconds_total", "Time spent on scrapes, all together.", |now| {
            now.scrape_seconds_total
        })?;
        time("query_seconds_total", "Time spent on expressions, all together.", |now| {
            now.query_seconds_total
        })?;

        let mut now = Vec::new();
        let mut gauge = |name: &str, help: &str, of: Of<u64>| {
            family.gauge(name, help).map(|gauge| now.push((gauge, of)))
        };
        gauge("proxies", "Targets.", |now| now.proxies)?;
        gauge("proxy_series", "Series of single proxies that are followed.", |now| {
            now.proxy_series
        })?;
        gauge("series", "Series that are kept, all proxies together.", |now| now.series)?;
        gauge("history_bytes", "Memory that kept series take.", |now| now.history_bytes)?;
        Ok(Self { counted, took, now })
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    fn follow(&self, figures: &Figures) {
        for (counter, of) in &self.counted {
            counter.inc_by(of(figures).saturating_sub(counter.get()));
        }
        for (counter, of) in &self.took {
            counter.inc_by((of(figures) - counter.get()).max(0.0));
        }
        for (gauge, of) in &self.now {
            gauge.set(of(figures) as f64);
        }
    }
}

const SECONDS: [f64; 9] = [0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];
