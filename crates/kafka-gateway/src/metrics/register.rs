//! Makes a metric, registers it and notes down what it is, in one step and in one namespace.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGaugeVec, Opts, Registry, Result,
};

use super::{Description, Kind};

/// Where metrics of one family go.
pub(super) struct Family<'a> {
    pub(super) registry: &'a Registry,
    pub(super) namespace: &'static str,
    pub(super) descriptions: &'a mut Vec<Description>,
}

impl Family<'_> {
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Result<IntCounter> {
        let metric = IntCounter::with_opts(self.options(name, help))?;
        self.add(metric, Kind::Counter)
    }

    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec> {
        let metric = IntCounterVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Counter)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Result<Gauge> {
        let metric = Gauge::with_opts(self.options(name, help))?;
        self.add(metric, Kind::Gauge)
    }

    pub(super) fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        let metric = GaugeVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Gauge)
    }

    /// Gauges that many threads raise and lower.
    pub(super) fn integers(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec> {
        let metric = IntGaugeVec::new(self.options(name, help), labels)?;
        self.add(metric, Kind::Gauge)
    }

    pub(super) fn single_histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram> {
        let options =
            HistogramOpts { common_opts: self.options(name, help), buckets: buckets.to_vec() };
        let metric = Histogram::with_opts(options)?;
        self.add(metric, Kind::Histogram)
    }

    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec> {
        let options =
            HistogramOpts { common_opts: self.options(name, help), buckets: buckets.to_vec() };
        let metric = HistogramVec::new(options, labels)?;
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
}
