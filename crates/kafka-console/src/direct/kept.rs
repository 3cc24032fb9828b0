//! Which lines of a proxy are kept: those of the catalog's metrics. A series of the store belongs to a [`Part`]: a
//! metric, or one of the three that a histogram is shown as.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::expr::catalog::{Kind, METRICS, Metric};

/// What the numbers of a name in the text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// A counter or a gauge.
    Plain,
    /// `_bucket`: the bound `le` is the last of its labels.
    Bucket,
    /// `_sum`
    Sum,
    /// `_count`
    Count,
}

/// One name of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its place among all parts.
    pub(crate) id: u16,
    /// Of which metric.
    pub(crate) metric: &'static Metric,
    /// As what.
    pub(crate) role: Role,
}

impl Part {
    /// Whether it goes up and down; all else only rises.
    pub(crate) fn is_gauge(self) -> bool {
        self.metric.kind == Kind::Gauge
    }

    /// How many label values a series of it has.
    pub(crate) fn width(self) -> usize {
        self.metric.labels.len() + usize::from(self.role == Role::Bucket)
    }

    /// Where the value of a label stands.
    pub(crate) fn place(self, label: &[u8]) -> Option<usize> {
        let labels = self.metric.labels;
        if self.role == Role::Bucket && label == b"le" {
            return Some(labels.len());
        }
        labels.iter().position(|known| known.as_bytes() == label)
    }
}

/// The part of a name in the text.
pub(crate) fn part(name: &[u8]) -> Option<Part> {
    KEPT.by_name.get(name).and_then(|place| KEPT.parts.get(*place)).copied()
}

/// The part of a metric.
pub(crate) fn part_of(metric: &str, role: Role) -> Option<Part> {
    KEPT.parts.iter().find(|part| part.metric.name == metric && part.role == role).copied()
}

/// How many parts there are.
pub(crate) fn parts() -> usize {
    KEPT.parts.len()
}

struct Kept {
    parts: Vec<Part>,
    by_name: HashMap<Vec<u8>, usize>,
}

static KEPT: LazyLock<Kept> = LazyLock::new(|| {
    let mut kept = Kept { parts: Vec::new(), by_name: HashMap::new() };
    for metric in METRICS {
        let shown: &[(Role, &str)] = match metric.kind {
            Kind::Counter | Kind::Gauge => &[(Role::Plain, "")],
            Kind::Histogram => {
                &[(Role::Bucket, "_bucket"), (Role::Sum, "_sum"), (Role::Count, "_count")]
            }
        };
        for (role, suffix) in shown {
            let place = kept.parts.len();
            let id = u16::try_from(place).unwrap_or(u16::MAX);
            kept.parts.push(Part { id, metric, role: *role });
            kept.by_name.insert(format!("{}{suffix}", metric.name).into_bytes(), place);
        }
    }
    kept
});
