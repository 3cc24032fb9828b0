//! What a number is: one expression that is rendered as PromQL for Prometheus and for the link at every number, and
//! evaluated over the store of the direct source. Both give the same, so every number's PromQL is true by construction.
//!
//! Only words of this program's own stand in a rendered expression unescaped; what comes from the network or from a
//! reader (a topic, a client id) stands in a quoted string as [`quoted`] writes it.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

pub mod catalog;

/// How a label is held against a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal. A label that is absent equals the empty string, as in Prometheus.
    Is,
    /// Not equal.
    IsNot,
    /// One of the words that `|` separates: fixed words of this program alone, because they are rendered as a regular
    /// expression. What a reader or a peer chose comes with [`Op::Is`].
    OneOf,
    /// None of such words.
    NoneOf,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matcher {
    /// The label.
    pub label: &'static str,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Arc<str>,
}

impl Matcher {
    /// `label="value"`.
    pub fn is(label: &'static str, value: impl Into<Arc<str>>) -> Self {
        Self { label, op: Op::Is, value: value.into() }
    }

    /// `label!="value"`.
    pub fn is_not(label: &'static str, value: impl Into<Arc<str>>) -> Self {
        Self { label, op: Op::IsNot, value: value.into() }
    }

    /// `label=~"a|b"` of fixed words.
    pub fn one_of(label: &'static str, words: &'static str) -> Self {
        Self { label, op: Op::OneOf, value: words.into() }
    }

    /// `label!~"a|b"` of fixed words.
    pub fn none_of(label: &'static str, words: &'static str) -> Self {
        Self { label, op: Op::NoneOf, value: words.into() }
    }

    /// Whether a label's value passes; an absent one is the empty string.
    pub fn accepts(&self, value: &str) -> bool {
        match self.op {
            Op::Is => *self.value == *value,
            Op::IsNot => *self.value != *value,
            Op::OneOf => self.value.split('|').any(|word| word == value),
            Op::NoneOf => self.value.split('|').all(|word| word != value),
        }
    }
}

/// Which series of one metric, and by which labels they are summed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Select {
    /// A metric of the [`catalog`]; a histogram without its `_bucket`, `_sum`, `_count`.
    pub metric: &'static str,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// What is kept apart; everything else is summed.
    pub by: &'static [&'static str],
}

/// How gauges of several proxies become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fold {
    /// All together.
    Sum,
    /// The highest.
    Max,
}

/// One number for each set of labels in `by`. The window over which rates are taken is given by the call.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `sum by (by) (rate(metric{..}[window]))`: per second.
    Rate(Select),
    /// `sum by (by) (increase(metric{..}[window]))`.
    Increase(Select),
    /// `sum|max by (by) (metric{..})`.
    Gauge(Select, Fold),
    /// `histogram_quantile(q, sum by (by, le) (rate(metric_bucket{..}[window])))`.
    Quantile(f64, Select),
    /// The sum's rate through the count's: the mean of a histogram's samples.
    Mean(Select),
    /// `sum by (by, le) (increase(metric_bucket{..}[window]))`: cumulative, as Prometheus has them. The bound `le` is
    /// the last label of each sample.
    Buckets(Select),
    /// `sum by (by) (rate(metric_count{..}[window]))` of a histogram.
    Count(Select),
    /// Left through right where both have the same labels, or the right fewer. 0 through 0 is none, and so is
    /// anything else that is no finite number.
    Ratio(Box<Expr>, Box<Expr>),
    /// A unit into another: 0.000001 makes seconds of microseconds.
    Scale(f64, Box<Expr>),
}

/// One number with the values of its labels in the order of `by`; an absent label is the empty string.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// In the order of [`Expr::labels`].
    pub labels: Vec<Arc<str>>,
    /// Finite.
    pub value: f64,
}

/// Numbers at one time, in the order of their labels.
pub type Vector = Vec<Sample>;

/// Numbers over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Unix times in seconds, evenly spaced, oldest first.
    pub times_s: Vec<i64>,
    /// In the order of their labels.
    pub lines: Vec<Line>,
}

impl Matrix {
    /// How many there are, at all times of all lines.
    pub(crate) fn numbers(&self) -> usize {
        self.lines.len().saturating_mul(self.times_s.len())
    }
}

/// One line of a [`Matrix`].
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// In the order of [`Expr::labels`].
    pub labels: Vec<Arc<str>>,
    /// One for each time; none where nothing was known.
    pub points: Vec<Option<f64>>,
}

impl Expr {
    /// The PromQL that gives the same numbers.
    pub fn promql(&self, window: Duration) -> String {
        self.render(&duration(window))
    }

    /// The PromQL of how many samples of a histogram lie above one bound and up to another, with the bounds as the
    /// label `le` has them; without the first, all up to the other. It is the difference of two of [`Expr::Buckets`].
    /// Prometheus guesses beyond the first and last scrape for each bound alone, so a difference may be below 0.
    pub fn bar_promql(
        select: &Select,
        above: Option<&str>,
        up_to: &str,
        window: Duration,
    ) -> String {
        let below = |bound: &str| {
            let mut select = select.clone();
            select.matchers.push(Matcher::is("le", bound));
            over("increase", &select, "_bucket", "", &duration(window))
        };
        match above {
            None => below(up_to),
            Some(above) => format!("clamp_min({} - {}, 0)", below(up_to), below(above)),
        }
    }

    /// The names of the labels that its samples have, in their order.
    pub fn labels(&self) -> Vec<&'static str> {
        match self {
            Self::Rate(select)
            | Self::Increase(select)
            | Self::Gauge(select, _)
            | Self::Quantile(_, select)
            | Self::Mean(select)
            | Self::Count(select) => select.by.to_vec(),
            Self::Buckets(select) => select.by.iter().copied().chain(["le"]).collect(),
            Self::Ratio(left, _) => left.labels(),
            Self::Scale(_, inner) => inner.labels(),
        }
    }

    /// The order of its samples: by label values, bounds of buckets by their number.
    pub(crate) fn order(&self, a: &[Arc<str>], b: &[Arc<str>]) -> Ordering {
        match (self, a.split_last(), b.split_last()) {
            (Self::Buckets(_), Some((a_bound, a)), Some((b_bound, b))) => {
                let number = |bound: &str| bound.parse().unwrap_or(f64::NAN);
                a.cmp(b).then(number(a_bound).total_cmp(&number(b_bound)))
            }
            (Self::Scale(_, inner), ..) => inner.order(a, b),
            _ => a.cmp(b),
        }
    }

    fn render(&self, window: &str) -> String {
        match self {
            Self::Rate(select) => over("rate", select, "", "", window),
            Self::Increase(select) => over("increase", select, "", "", window),
            Self::Gauge(select, fold) => {
                let word = match fold {
                    Fold::Sum => "sum",
                    Fold::Max => "max",
                };
                format!("{word}{} ({})", by_clause(select.by, ""), series(select, ""))
            }
            Self::Quantile(q, select) => {
                format!(
                    "histogram_quantile({q}, {})",
                    over("rate", select, "_bucket", "le", window)
                )
            }
            Self::Mean(select) => format!(
                "{} / {}",
                over("rate", select, "_sum", "", window),
                over("rate", select, "_count", "", window)
            ),
            Self::Buckets(select) => over("increase", select, "_bucket", "le", window),
            Self::Count(select) => over("rate", select, "_count", "", window),
            Self::Ratio(left, right) => {
                let matching = match join(&left.labels(), &right.labels()) {
                    Join::Same => String::new(),
                    Join::Many(on) => format!(" on ({}) group_left ()", on.join(", ")),
                };
                format!("{} /{matching} {}", left.operand(window), right.operand(window))
            }
            Self::Scale(factor, inner) => format!("{} * {factor}", inner.operand(window)),
        }
    }

    /// In brackets where an operator stands outside.
    fn operand(&self, window: &str) -> String {
        match self {
            Self::Mean(_) | Self::Ratio(..) | Self::Scale(..) => {
                format!("({})", self.render(window))
            }
            _ => self.render(window),
        }
    }
}

/// How the two sides of a [`Expr::Ratio`] find each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// By all their labels.
    Same,
    /// Several on the left to one on the right, by these.
    Many(Vec<&'static str>),
}

/// By which labels; those of the right that the left lacks can match nothing.
pub(crate) fn join(left: &[&'static str], right: &[&'static str]) -> Join {
    let same = left.len() == right.len() && right.iter().all(|label| left.contains(label));
    if same { Join::Same } else { Join::Many(right.to_vec()) }
}

/// A value as a string of PromQL, quotes included.
pub fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len().saturating_add(2));
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            // What a browser or a terminal could act upon is spelled, so that a copied query stays what it was.
            other if other.is_control() => {
                let _infallible = write!(text, "\\u{:04x}", u32::from(other));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// `sum by (..) (rate(metric{..}[window]))`.
fn over(function: &str, select: &Select, suffix: &str, also_by: &str, window: &str) -> String {
    let by = by_clause(select.by, also_by);
    format!("sum{by} ({function}({}[{window}]))", series(select, suffix))
}

fn by_clause(by: &[&str], also: &str) -> String {
    let labels: Vec<&str> =
        by.iter().copied().chain(Some(also).filter(|a| !a.is_empty())).collect();
    if labels.is_empty() { String::new() } else { format!(" by ({})", labels.join(", ")) }
}

fn series(select: &Select, suffix: &str) -> String {
    let mut text = format!("{}{suffix}", select.metric);
    if select.matchers.is_empty() {
        return text;
    }
    let conditions: Vec<String> = select
        .matchers
        .iter()
        .map(|matcher| {
            let operator = match matcher.op {
                Op::Is => "=",
                Op::IsNot => "!=",
                Op::OneOf => "=~",
                Op::NoneOf => "!~",
            };
            format!("{}{operator}{}", matcher.label, quoted(&matcher.value))
        })
        .collect();
    let _infallible = write!(text, "{{{}}}", conditions.join(", "));
    text
}

/// As PromQL writes it: `1h`, `5m`, `90s`, `1500ms`.
fn duration(window: Duration) -> String {
    let millis = window.as_millis();
    [("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        .into_iter()
        .find(|(_, size)| millis > 0 && millis.is_multiple_of(*size))
        .map_or_else(|| format!("{millis}ms"), |(unit, size)| format!("{}{unit}", millis / size))
}

#[cfg(test)]
mod tests;
