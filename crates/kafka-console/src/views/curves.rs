//! Lines over time. The greatest get a line each; where lines add up, the others are one line together, and where they
//! do not, they are counted.

use std::sync::Arc;
use std::time::Duration;

use super::View;
use super::series::only;
use super::sheet::{Answers, Ask};
use crate::expr::{Expr, Matrix};
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
    /// Names of lines, one for each question.
    names: Vec<String>,
    /// How many others there are, and whether the question behind the last name is all together.
    rest: Option<usize>,
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

    /// A point of a long range stands for more than the window: rates are then taken over all that it stands for.
    fn window(&self) -> Duration {
        let step = self.view.asked.range() / u32::try_from(POINTS_MAX).unwrap_or(u32::MAX);
        let minutes = step.as_secs().div_ceil(60) * 60;
        if step > self.view.asked.window() {
            Duration::from_secs(minutes)
        } else {
            self.view.asked.window()
        }
    }

    /// Lines with names of their own, each of a question that keeps nothing apart.
    pub(super) fn named(&mut self, head: Head, lines: Vec<(&str, Expr)>) {
        let window = self.window();
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for (name, expr) in lines {
            parts.push((name, expr.promql(window)));
            names.push(name.to_owned());
            self.asks.push((expr, window));
        }
        self.pend(head, together(&parts), names, None);
    }

    /// A line for each of the greatest by `rank`, of a question that keeps one label apart; `total` is the same of all
    /// together.
    pub(super) fn greatest(
        &mut self,
        head: Head,
        answers: &Answers,
        rank: &Ask,
        (label, expr): (&'static str, Expr),
        total: Option<Expr>,
    ) {
        let window = self.window();
        let mut ranked: Vec<(&str, f64)> = answers
            .by_label(rank)
            .into_iter()
            .filter(|(name, value)| *value > 0.0 && !name.is_empty())
            .collect();
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
        let others = ranked.len().saturating_sub(LINES_MAX);
        ranked.truncate(LINES_MAX);
        let mut names = Vec::new();
        for (name, _) in ranked {
            names.push(name.to_owned());
            self.asks.push((only(&expr, label, &Arc::from(name)), window));
        }
        let rest = total.filter(|_| others > 0).map(|total| {
            names.push(format!("{others} others"));
            self.asks.push((total, window));
            others
        });
        let promql = expr.promql(window);
        self.pend(head, promql, names, rest);
        if let Some(pending) = self.panels.last_mut() {
            pending.panel.left_out = others;
        }
    }

    fn pend(&mut self, head: Head, promql: String, names: Vec<String>, rest: Option<usize>) {
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
        };
        self.panels.push(Pending { panel, names, rest });
    }

    /// Asks the source for all of them.
    pub(super) async fn panels(self) -> Result<Vec<Panel>, SourceError> {
        let range = self.view.asked.range();
        let matrices = self.view.source.range(&self.asks, range, POINTS_MAX).await?;
        let mut matrices = matrices.into_iter();
        let panels = self.panels.into_iter().map(|pending| {
            let lines: Vec<_> = matrices.by_ref().take(pending.names.len()).collect();
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
        for (name, matrix) in self.names.into_iter().zip(matrices) {
            let points = matrix.lines.first().map(|line| line.points.clone()).unwrap_or_default();
            let mut points = if points.is_empty() { vec![None; length] } else { points };
            points.resize(length, None);
            panel.lines.push(NamedLine { name, points });
        }
        if self.rest.is_some()
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

/// Several expressions as one, whose results would be the same series without a label that tells them apart.
fn together(parts: &[(&str, String)]) -> String {
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

/// More colours cannot be told apart.
const LINES_MAX: usize = 8;
