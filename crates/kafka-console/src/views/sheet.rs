//! The questions of a page, gathered and put to the source at once; and the answers, found again by their question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::expr::{Expr, Sample, Vector};
use crate::page::{Tile, Tone, Unit};
use crate::source::{Source, SourceError};

/// The questions.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    asks: Vec<(Expr, Duration)>,
}

/// The place of a question, and what it is as PromQL.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    at: usize,
    pub(super) expr: Expr,
    pub(super) window: Duration,
}

impl Ask {
    pub(super) fn promql(&self) -> String {
        self.expr.promql(self.window)
    }
}

impl Sheet {
    pub(super) fn ask(&mut self, expr: Expr, window: Duration) -> Ask {
        let ask = Ask { at: self.asks.len(), expr: expr.clone(), window };
        self.asks.push((expr, window));
        ask
    }

    /// Asks the source for everything.
    pub(super) async fn answer(self, source: &Source) -> Result<Answers, SourceError> {
        Ok(Answers { vectors: source.instant(&self.asks).await? })
    }
}

/// The answers.
#[derive(Debug)]
pub(super) struct Answers {
    vectors: Vec<Arc<Vector>>,
}

impl Answers {
    pub(super) fn vector(&self, ask: &Ask) -> &[Sample] {
        self.vectors.get(ask.at).map_or(&[], |vector| vector.as_slice())
    }

    /// Of a question that keeps nothing apart.
    pub(super) fn number(&self, ask: &Ask) -> Option<f64> {
        self.vector(ask).first().map(|sample| sample.value)
    }

    /// By the first label.
    pub(super) fn by_label(&self, ask: &Ask) -> BTreeMap<&str, f64> {
        self.vector(ask).iter().map(|sample| (label(sample, 0), sample.value)).collect()
    }

    /// By the first two labels.
    pub(super) fn by_pair(&self, ask: &Ask) -> impl Iterator<Item = (&str, &str, f64)> {
        self.vector(ask).iter().map(|sample| (label(sample, 0), label(sample, 1), sample.value))
    }

    /// The number in large print.
    pub(super) fn tile(
        &self,
        title: impl Into<String>,
        unit: Unit,
        ask: &Ask,
        help: impl Into<String>,
    ) -> Tile {
        Tile {
            title: title.into(),
            value: self.number(ask),
            unit,
            promql: ask.promql(),
            tone: Tone::Plain,
            help: help.into(),
        }
    }
}

/// Changes of a tile.
pub(super) trait TileExt: Sized {
    /// A counter that was never counted up has no series: none is 0 where `known` says that there is traffic, and that
    /// it is counted. Elsewhere 0 is not known either.
    fn or_zero(self, known: bool) -> Self;
    /// From `warning` up it is a warning, from `error` up an error; 0 is as it should be.
    fn bad_from(self, warning: f64, error: f64) -> Self;
}

impl TileExt for Tile {
    fn or_zero(mut self, known: bool) -> Self {
        let moved = self.value.filter(|&value| value != 0.0);
        self.value = moved.or(known.then_some(0.0));
        self
    }

    fn bad_from(mut self, warning: f64, error: f64) -> Self {
        self.tone = match self.value {
            None => Tone::Plain,
            Some(value) if value >= error => Tone::Error,
            Some(value) if value >= warning => Tone::Warning,
            Some(value) if value <= 0.0 => Tone::Good,
            Some(_) => Tone::Plain,
        };
        self
    }
}

/// A label's value; an absent one is empty.
pub(super) fn label(sample: &Sample, at: usize) -> &str {
    sample.labels.get(at).map_or("", |value| &**value)
}
