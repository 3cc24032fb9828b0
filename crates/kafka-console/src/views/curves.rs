//! Lines over time. The greatest get a line each; where lines add up, the others are one line together, and where they
//! do not, they are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::View;
use super::series::only;
use super::sheet::{Answers, Ask};
use crate::expr::{Expr, Line, Matrix};
use crate::page::{LinesPanel, NamedLine, Panel, Unit};
use crate::source::SourceError;

/// Panels of lines that are being asked for.
pub(super) struct Curves<'a> {
    view: &'a View<'a>,
    asks: Vec<(Expr, Duration)>,
    panels: Vec<Pending>,
}

struct Pending {
    panel: LinesPanel,
    /// Name and query of each line, one for each question.
    lines: Vec<(String, String)>,
}

/// What a panel of lines is called.
pub(super) struct Head {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) help: String,
    pub(super) unit: Unit,
    pub(super) stacked: bool,
}

/// Short for lines that add up.
pub(super) fn stacked(
    id: &'static str,
    title: impl Into<String>,
    unit: Unit,
    help: impl Into<String>,
) -> Head {
    Head { id, title: title.into(), help: help.into(), unit, stacked: true }
}

/// Short for lines that do not.
pub(super) fn single(
    id: &'static str,
    title: impl Into<String>,
    unit: Unit,
    help: impl Into<String>,
) -> Head {
    Head { id, title: title.into(), help: help.into(), unit, stacked: false }
}

impl<'a> Curves<'a> {
    pub(super) fn new(view: &'a View<'a>) -> Self {
        Self { view, asks: Vec::new(), panels: Vec::new() }
    }

    /// Lines with names of their own, each of a question that keeps nothing apart.
    pub(super) fn named(&mut self, head: Head, lines: Vec<(&str, Expr)>) {
        let window = self.view.window_between(POINTS_MAX);
        let mut parts = Vec::new();
        for (name, expr) in lines {
            parts.push((name.to_owned(), expr.promql(window)));
            self.asks.push((expr, window));
        }
        self.pend(head, together(&parts), parts);
    }

    /// A line for each of the greatest counters by `rank`, of a question that keeps one label apart; `total` is the
    /// same of all together.
    pub(super) fn greatest(
        &mut self,
        head: Head,
        answers: &Answers,
        rank: &Ask,
        (label, expr): (&'static str, Expr),
        total: Option<Expr>,
    ) {
        let ranked = answers.by_label(rank).into_iter().filter(|(_, value)| *value > 0.0);
        let (names, others) = first(ranked.map(|(name, value)| (name.to_owned(), value)).collect());
        self.each(head, names, others, (label, expr));
        if let Some(total) = total.filter(|_| others > 0) {
            self.asks.push((total, self.view.window_between(POINTS_MAX)));
            if let Some(pending) = self.panels.last_mut() {
                // It is the total without the lines before it: a sum that lacks one of them would be nothing.
                pending.lines.push((format!("{others} others"), String::new()));
                pending.panel.summed = true;
            }
        }
    }

    /// A line for each of the gauges that were the greatest within the range, also where they are nothing by now.
    pub(super) async fn highest(
        &mut self,
        head: Head,
        (label, expr): (&'static str, Expr),
    ) -> Result<(), SourceError> {
        let asks = [(expr.clone(), self.view.asked.window())];
        let range = self.view.asked.range();
        let matrices = self.view.source.range(&asks, range, PEAK_POINTS).await?;
        let (names, others) =
            first(matrices.first().map(|matrix| peaks(matrix)).unwrap_or_default());
        self.each(head, names, others, (label, expr));
        Ok(())
    }

    fn each(
        &mut self,
        head: Head,
        names: Vec<String>,
        others: usize,
        (label, expr): (&'static str, Expr),
    ) {
        let window = self.view.window_between(POINTS_MAX);
        let mut lines = Vec::new();
        for name in names {
            let one = only(&expr, label, &Arc::from(name.as_str()));
            lines.push((name, one.promql(window)));
            self.asks.push((one, window));
        }
        self.pend(head, expr.promql(window), lines);
        if let Some(pending) = self.panels.last_mut() {
            pending.panel.left_out = others;
        }
    }

    fn pend(&mut self, head: Head, promql: String, lines: Vec<(String, String)>) {
        let panel = LinesPanel {
            id: head.id,
            title: head.title,
            help: head.help,
            unit: head.unit,
            promql,
            stacked: head.stacked,
            times: Vec::new(),
            lines: Vec::new(),
            left_out: 0,
            summed: false,
        };
        self.panels.push(Pending { panel, lines });
    }

    /// Asks the source for all of them.
    pub(super) async fn panels(self) -> Result<Vec<Panel>, SourceError> {
        let range = self.view.asked.range();
        let matrices = self.view.source.range(&self.asks, range, POINTS_MAX).await?;
        let mut matrices = matrices.into_iter();
        let panels = self.panels.into_iter().map(|pending| {
            let lines: Vec<_> = matrices.by_ref().take(pending.lines.len()).collect();
            Panel::Lines(pending.drawn(&lines))
        });
        Ok(panels.collect())
    }
}

impl Pending {
    fn drawn(self, matrices: &[Arc<Matrix>]) -> LinesPanel {
        let mut panel = self.panel;
        panel.times = matrices.first().map(|matrix| matrix.times_s.clone()).unwrap_or_default();
        let length = panel.times.len();
        for ((name, promql), matrix) in self.lines.into_iter().zip(matrices) {
            let points = matrix.lines.first().map(|line| line.points.clone()).unwrap_or_default();
            let mut points = if points.is_empty() { vec![None; length] } else { points };
            points.resize(length, None);
            panel.lines.push(NamedLine { name, promql, points });
        }
        if panel.summed
            && let Some((all, parts)) = panel.lines.split_last_mut()
        {
            for (at, point) in all.points.iter_mut().enumerate() {
                let known = parts.iter().filter_map(|part| part.points.get(at).copied().flatten());
                // What is left of a sum of floating-point numbers is not quite 0.
                *point = point.map(|total| (total - known.sum::<f64>()).max(0.0));
            }
        }
        panel
    }
}

/// The names of the greatest, and how many others there are.
fn first(ranked: BTreeMap<String, f64>) -> (Vec<String>, usize) {
    let mut ranked: Vec<_> = ranked.into_iter().filter(|(name, _)| !name.is_empty()).collect();
    ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let others = ranked.len().saturating_sub(LINES_MAX);
    ranked.truncate(LINES_MAX);
    (ranked.into_iter().map(|(name, _)| name).collect(), others)
}

/// The greatest point of each line, by its first label.
fn peaks(matrix: &Matrix) -> BTreeMap<String, f64> {
    let peak = |line: &Line| {
        let greatest = line.points.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        Some((line.labels.first()?.to_string(), greatest))
    };
    matrix.lines.iter().filter_map(peak).collect()
}

/// Several expressions as one, whose results would be the same series without a label that tells them apart.
fn together(parts: &[(String, String)]) -> String {
    if let [(_, promql)] = parts {
        return promql.clone();
    }
    let labelled = parts.iter().map(|(name, promql)| {
        format!("label_replace({promql}, \"line\", {}, \"\", \"\")", crate::expr::quoted(name))
    });
    labelled.collect::<Vec<_>>().join(" or ")
}

/// Of a line: about one for each two pixels of a phone.
const POINTS_MAX: usize = 180;

/// Points at which it is looked which lines are the greatest: of a thousand groups this is still a short answer.
const PEAK_POINTS: usize = 30;

/// More colours cannot be told apart.
const LINES_MAX: usize = 8;
