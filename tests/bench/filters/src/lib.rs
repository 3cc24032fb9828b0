//! Network filters to measure against: `null` crosses into the VM and returns, `copy` also copies every byte of
//! each callback into wasm memory, `floor` makes the host calls that no filter can do without that counts messages.
//!
//! All let every byte pass at once. `null` is the price of proxy-wasm itself, `copy` is what a filter pays that
//! hands whole buffers to its decoder. `floor` takes the time, reads the first bytes of each callback, moves three
//! counters and a histogram: what kafka-filter costs beyond it is its own work.

// The SDK's macro makes a public function that documents itself.
#![allow(missing_docs)]

use std::time::Instant;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MetricType};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { work: Work::Nothing }));
}}

/// What is done with the bytes of a callback.
#[derive(Clone, Copy)]
enum Work {
    Nothing,
    Copy,
    Floor(Metrics),
}

/// The host's ids of what `floor` counts.
#[derive(Clone, Copy)]
struct Metrics {
    counters: [u32; 3],
    histogram: u32,
}

impl Metrics {
    fn define() -> Option<Self> {
        let define = |kind, name| hostcalls::define_metric(kind, name).ok();
        Some(Self {
            counters: [
                define(MetricType::Counter, "kafka_bench.messages")?,
                define(MetricType::Counter, "kafka_bench.bytes")?,
                define(MetricType::Gauge, "kafka_bench.in_flight")?,
            ],
            histogram: define(MetricType::Histogram, "kafka_bench.duration")?,
        })
    }

    fn count(self, value: u64) {
        for counter in self.counters {
            let _ = hostcalls::increment_metric(counter, 1);
        }
        let _ = hostcalls::record_metric(self.histogram, value);
    }
}

struct Root {
    work: Work,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let work = match self.get_plugin_configuration().as_deref() {
            Some(b"null") => Some(Work::Nothing),
            Some(b"copy") => Some(Work::Copy),
            Some(b"floor") => Metrics::define().map(Work::Floor),
            _ => None,
        };
        match work {
            Some(work) => self.work = work,
            None => log::error!("the plugin configuration must be one of null, copy, floor"),
        }
        work.is_some()
    }

    fn create_stream_context(&self, _id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Stream { work: self.work, opened: Instant::now(), copied: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }
}

struct Stream {
    work: Work,
    opened: Instant,
    /// Bytes copied so far, so that the copy has a use the optimizer must respect.
    copied: usize,
}

impl Stream {
    fn pass(&mut self, size: usize, read: impl FnOnce(&Self, usize) -> Option<Vec<u8>>) -> Action {
        match self.work {
            Work::Nothing => {}
            Work::Copy => {
                let bytes = read(self, size);
                self.keep(bytes);
            }
            // The end of a stream comes without bytes.
            Work::Floor(_) if size == 0 => {}
            Work::Floor(metrics) => {
                let began = Instant::now();
                let bytes = read(self, size.min(FIRST_BYTES));
                self.keep(bytes);
                let since = began.saturating_duration_since(self.opened);
                metrics.count(u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
            }
        }
        Action::Continue
    }

    fn keep(&mut self, bytes: Option<Vec<u8>>) {
        self.copied =
            self.copied.saturating_add(std::hint::black_box(bytes).map_or(0, |b| b.len()));
    }
}

/// As many bytes as kafka-filter reads of a callback at first.
const FIRST_BYTES: usize = 1024;

impl Context for Stream {}

impl StreamContext for Stream {
    fn on_downstream_data(&mut self, size: usize, _end: bool) -> Action {
        self.pass(size, |stream, count| stream.get_downstream_data(0, count))
    }

    fn on_upstream_data(&mut self, size: usize, _end: bool) -> Action {
        self.pass(size, |stream, count| stream.get_upstream_data(0, count))
    }
}
