//! Distributions: how many samples of a histogram lie between its bounds.

use super::View;
use super::series::Series;
use super::sheet::{Answers, Ask, Sheet, label};
use crate::page::{Bar, BarsPanel, Mark, Panel, Unit};

/// A distribution that is being asked for.
pub(super) struct Bars {
    id: &'static str,
    title: String,
    help: String,
    series: Series,
    buckets: Ask,
    quantiles: [(&'static str, Ask); 2],
}

impl Bars {
    /// Over the whole range.
    pub(super) fn new(
        sheet: &mut Sheet,
        view: &View<'_>,
        id: &'static str,
        title: impl Into<String>,
        help: impl Into<String>,
        series: &Series,
    ) -> Self {
        let range = view.asked.range();
        let mut quantile = |quantile| sheet.ask(series.clone().quantile(quantile), range);
        let quantiles = [("p50", quantile(0.5)), ("p99", quantile(0.99))];
        Self {
            id,
            title: title.into(),
            help: help.into(),
            series: series.clone(),
            buckets: sheet.ask(series.clone().buckets(), range),
            quantiles,
        }
    }

    pub(super) fn panel(self, answers: &Answers) -> Panel {
        let bars = self.bars(answers);
        let total: f64 = bars.iter().map(|bar| bar.count).sum();
        let marks = self.quantiles.iter().filter_map(|(name, ask)| {
            let value = answers.number(ask).filter(|_| total > 0.0)?;
            Some(Mark { name, value, promql: ask.promql() })
        });
        Panel::Bars(BarsPanel {
            id: self.id,
            title: self.title,
            help: self.help,
            unit: Unit::Seconds,
            promql: self.buckets.promql(),
            marks: marks.collect(),
            bars,
        })
    }

    fn bars(&self, answers: &Answers) -> Vec<Bar> {
        let mut bounds: Vec<(f64, &str, f64)> = answers
            .vector(&self.buckets)
            .iter()
            .filter_map(|sample| {
                let le = label(sample, 0);
                Some((bound(le)?, le, sample.value))
            })
            .collect();
        bounds.sort_by(|left, right| left.0.total_cmp(&right.0));
        let mut bars = Vec::new();
        let (mut below, mut from, mut above) = (0.0, 0.0, None);
        for (bound, le, count) in bounds {
            let up_to = bound * self.series.unit();
            let label = if bound.is_finite() {
                format!("{} to {}", seconds(from), seconds(up_to))
            } else {
                format!("over {}", seconds(from))
            };
            bars.push(Bar {
                label,
                up_to: bound.is_finite().then_some(up_to),
                count: (count - below).max(0.0),
                promql: self.series.bar_promql(above, le, self.buckets.window),
            });
            (below, from, above) = (count, up_to, Some(le));
        }
        bars
    }
}

/// Prometheus writes bounds as it likes: `1000`, `1000.0`, `1e+03`, `+Inf`.
fn bound(le: &str) -> Option<f64> {
    match le {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

/// A length of time in the unit that people would say.
fn seconds(seconds: f64) -> String {
    let (number, unit) = match seconds {
        0.0 => return "0".to_owned(),
        below if below < 0.001 => (below * 1e6, "µs"),
        below if below < 1.0 => (below * 1e3, "ms"),
        below if below < 60.0 => (below, "s"),
        below if below < 3_600.0 => (below / 60.0, "min"),
        above => (above / 3_600.0, "h"),
    };
    // Three digits: a microsecond as a float is not quite a whole number.
    let digits = format!("{number:.2}");
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_say_them() {
        for (number, text) in [
            (0.0, "0"),
            (0.0001, "100 µs"),
            (0.00025, "250 µs"),
            (0.001, "1 ms"),
            (0.0025, "2.5 ms"),
            (0.1, "100 ms"),
            (1.0, "1 s"),
            (30.0, "30 s"),
            (60.0, "1 min"),
            (3_600.0, "1 h"),
        ] {
            assert_eq!(seconds(number), text);
        }
    }

    #[test]
    fn bounds_are_read_as_prometheus_writes_them() {
        assert_eq!(bound("1000"), Some(1000.0));
        assert_eq!(bound("1e+06"), Some(1_000_000.0));
        assert_eq!(bound("+Inf"), Some(f64::INFINITY));
        assert_eq!(bound("x"), None);
    }
}
