//! Short words for expressions: a metric, whose series of it, and what is made of them.

use std::sync::Arc;
use std::time::Duration;

use super::errors;
use crate::expr::{Expr, Fold, Matcher, Select};

/// Series of one metric.
#[derive(Debug, Clone)]
pub(super) struct Series(Select);

impl Series {
    /// All series of a metric that has no `reporter`, or of all reporters.
    pub(super) fn of(metric: &'static str) -> Self {
        Self(Select { metric, matchers: Vec::new(), by: &[] })
    }

    /// What is kept apart.
    pub(super) fn by(mut self, by: &'static [&'static str]) -> Self {
        self.0.by = by;
        self
    }

    /// Those alone whose label passes.
    pub(super) fn with(mut self, matcher: Matcher) -> Self {
        self.0.matchers.push(matcher);
        self
    }

    /// Those of one thing.
    pub(super) fn is(self, label: &'static str, value: &str) -> Self {
        self.with(Matcher::is(label, value))
    }

    /// Without error codes that healthy clusters have.
    pub(super) fn troubling(self) -> Self {
        self.with(Matcher::none_of("error", errors::HEALTHY))
    }

    /// Per second.
    pub(super) fn rate(self) -> Expr {
        Expr::Rate(self.0)
    }

    /// How many.
    pub(super) fn increase(self) -> Expr {
        Expr::Increase(self.0)
    }

    /// All of them together.
    pub(super) fn sum(self) -> Expr {
        Expr::Gauge(self.0, Fold::Sum)
    }

    /// The highest of them.
    pub(super) fn max(self) -> Expr {
        Expr::Gauge(self.0, Fold::Max)
    }

    /// A quantile of a histogram, in seconds.
    pub(super) fn quantile(self, quantile: f64) -> Expr {
        let unit = self.unit();
        scale(unit, Expr::Quantile(quantile, self.0))
    }

    /// The samples of a histogram by their size, cumulative.
    pub(super) fn buckets(self) -> Expr {
        Expr::Buckets(self.0)
    }

    /// The query of how many samples of a histogram lie between two bounds.
    pub(super) fn bar_promql(&self, above: Option<&str>, up_to: &str, window: Duration) -> String {
        Expr::bar_promql(&self.0, above, up_to, window)
    }

    /// How many samples a histogram gets, per second.
    pub(super) fn count(self) -> Expr {
        Expr::Count(self.0)
    }

    /// Seconds in one unit of the metric.
    pub(super) fn unit(&self) -> f64 {
        match self.0.metric {
            name if name.ends_with("_microseconds") => 0.000_001,
            name if name.ends_with("_milliseconds") || name.contains("_milliseconds_") => 0.001,
            _ => 1.0,
        }
    }
}

/// In another unit.
pub(super) fn scale(factor: f64, expr: Expr) -> Expr {
    if factor == 1.0 { expr } else { Expr::Scale(factor, Box::new(expr)) }
}

/// One through another.
pub(super) fn ratio(left: Expr, right: Expr) -> Expr {
    Expr::Ratio(Box::new(left), Box::new(right))
}

/// The same of one thing: wherever the label is kept apart, it has this value.
pub(super) fn only(expr: &Expr, label: &'static str, value: &Arc<str>) -> Expr {
    let narrow = |select: &Select| {
        let mut select = select.clone();
        if select.by.contains(&label) {
            select.matchers.push(Matcher::is(label, value.clone()));
        }
        select
    };
    match expr {
        Expr::Rate(select) => Expr::Rate(narrow(select)),
        Expr::Increase(select) => Expr::Increase(narrow(select)),
        Expr::Gauge(select, fold) => Expr::Gauge(narrow(select), *fold),
        Expr::Quantile(quantile, select) => Expr::Quantile(*quantile, narrow(select)),
        Expr::Mean(select) => Expr::Mean(narrow(select)),
        Expr::Buckets(select) => Expr::Buckets(narrow(select)),
        Expr::Count(select) => Expr::Count(narrow(select)),
        Expr::Ratio(left, right) => ratio(only(left, label, value), only(right, label, value)),
        Expr::Scale(factor, inner) => Expr::Scale(*factor, Box::new(only(inner, label, value))),
    }
}
