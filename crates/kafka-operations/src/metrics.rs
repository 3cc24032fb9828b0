//! Makes a metric, registers it and notes down what it is, in one step.

use prometheus::core::Collector;
use prometheus::{
    Counter, Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGaugeVec, Opts, Registry, Result, TextEncoder,
};

/// What a metric is, whether it has series or not. A page of the documentation is made of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The whole name; of a histogram without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// How it moves.
    pub kind: Kind,
    /// Names of its labels, the constant ones left out.
    pub labels: Vec<String>,
    /// What it says.
    pub help: String,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// It has buckets.
    Histogram,
}

impl Kind {
    /// As the text format calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Where metrics of one family go. Each function makes one and registers it.
///
/// # Errors
/// Of all functions: the name is none, it is there already with other labels, or buckets do not ascend.
pub struct Family<'a> {
    registry: &'a Registry,
    namespace: &'static str,
    descriptions: &'a mut Vec<Description>,
}

impl<'a> Family<'a> {
    /// Names of the family begin with `namespace` and an underscore, unless it is empty.
    pub fn new(
        registry: &'a Registry,
        namespace: &'static str,
        descriptions: &'a mut Vec<Description>,
    ) -> Self {
        Self { registry, namespace, descriptions }
    }

    /// A counter without labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn counter(&mut self, name: &str, help: &str) -> Result<IntCounter> {
        let metric = IntCounter::with_opts(self.options(name, help))?;
        self.add(metric, Kind::Counter)
    }

    /// A counter of what is no whole number, as seconds are.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn sum(&mut self, name: &str, help: &str) -> Result<Counter> {
        let metric = Counter::with_opts(self.options(name, help))?;
        self.add(metric, Kind::Counter)
    }

    /// Counters by labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn counters(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        let metric = IntCounterVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Counter)
    }

    /// A gauge without labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn gauge(&mut self, name: &str, help: &str) -> Result<Gauge> {
        let metric = Gauge::with_opts(self.options(name, help))?;
        self.add(metric, Kind::Gauge)
    }

    /// Gauges by labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        let metric = GaugeVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Gauge)
    }

    /// Gauges by labels that many threads raise and lower.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn integers(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        let metric = IntGaugeVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Gauge)
    }

    /// A histogram without labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn single_histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram> {
        let metric = Histogram::with_opts(self.buckets(name, help, buckets))?;
        self.add(metric, Kind::Histogram)
    }

    /// Histograms by labels.
    #[expect(clippy::missing_errors_doc, reason = "they are those of the family")]
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec> {
        let metric = HistogramVec::new(self.buckets(name, help, buckets), labels)?;
        self.add(metric, Kind::Histogram)
    }

    fn add<M: Collector + Clone + 'static>(&mut self, metric: M, kind: Kind) -> Result<M> {
        self.registry.register(Box::new(metric.clone()))?;
        self.descriptions.extend(metric.desc().into_iter().map(|described| Description {
            name: described.fq_name.clone(),
            kind,
            labels: described.variable_labels.clone(),
            help: described.help.clone(),
        }));
        Ok(metric)
    }

    fn options(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).namespace(self.namespace)
    }

    fn buckets(&self, name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
        HistogramOpts { common_opts: self.options(name, help), buckets: buckets.to_vec() }
    }
}

/// What a registry has, in text format 0.0.4.
///
/// # Errors
/// As the encoder's.
pub fn text(registry: &Registry) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}
