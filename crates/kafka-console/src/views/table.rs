//! Tables: a row for each set of labels, a column for each number of it. Rows are sorted, and those beyond the limit
//! are counted.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::series::only;
use super::sheet::{Answers, Ask, Sheet};
use super::{ROWS_MAX, View};
use crate::expr::Expr;
use crate::page::{Cell, Column, Link, Panel, Sort, TablePanel, Tone, Unit};

/// A table that is being made.
pub(super) struct Table<'a> {
    panel: TablePanel,
    /// How many of the first columns are labels.
    labels: usize,
    contents: Vec<Content<'a>>,
    then: Vec<usize>,
    finds: Option<&'a View<'a>>,
    keep: Keep<'a>,
}

/// The values of a row's labels.
pub(super) type Key = [Arc<str>];

type Keep<'a> = Option<Box<dyn Fn(&Key) -> bool + 'a>>;

enum Content<'a> {
    Measure(Ask),
    Cell(Box<dyn Fn(&Key) -> Cell + 'a>),
}

/// What a column is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heading {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    pub(super) help: &'static str,
}

/// Short for a heading.
pub(super) const fn heading(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    help: &'static str,
) -> Heading {
    Heading { key, title, unit, help }
}

impl<'a> Table<'a> {
    pub(super) fn new(id: &'static str, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            panel: TablePanel {
                id,
                title: title.into(),
                help: help.into(),
                columns: Vec::new(),
                rows: Vec::new(),
                left_out: 0,
                empty: String::new(),
                sort: Sort { column: 0, descending: false },
            },
            labels: 0,
            contents: Vec::new(),
            then: Vec::new(),
            finds: None,
            keep: None,
        }
    }

    /// What to say without rows.
    pub(super) fn empty(mut self, text: impl Into<String>) -> Self {
        self.panel.empty = text.into();
        self
    }

    /// A label, in the order in which questions keep them apart. Before all numbers.
    pub(super) fn label(
        mut self,
        key: &'static str,
        title: &'static str,
        link: Option<Link>,
        help: &'static str,
    ) -> Self {
        self.labels += 1;
        let help = help.to_owned();
        self.panel.columns.push(Column { key, title, unit: Unit::Text, help, promql: None, link });
        self
    }

    /// A number that keeps the labels apart.
    pub(super) fn measure(mut self, heading: Heading, ask: &Ask) -> Self {
        let promql = self.row_promql(ask);
        self.column(heading, promql);
        self.contents.push(Content::Measure(ask.clone()));
        self
    }

    /// Anything else about the labels.
    pub(super) fn cell(mut self, heading: Heading, cell: impl Fn(&Key) -> Cell + 'a) -> Self {
        self.column(heading, None);
        self.contents.push(Content::Cell(Box::new(cell)));
        self
    }

    /// The same, where PromQL says what the cell is made of.
    pub(super) fn asked_cell(
        mut self,
        heading: Heading,
        ask: &Ask,
        digest: Digest,
        cell: impl Fn(&Key) -> Cell + 'a,
    ) -> Self {
        let promql = self.row_promql(ask);
        self.column(heading, promql.map(|promql| digest.promql(&promql)));
        self.contents.push(Content::Cell(Box::new(cell)));
        self
    }

    /// A question about one row: the front end puts the texts of its labels in the places of [`ROW`].
    fn row_promql(&self, ask: &Ask) -> Option<String> {
        // What the page is about may have such letters in its name: then there is no telling which is which.
        if ask.promql().contains("$row") {
            return None;
        }
        let labels = self.panel.columns.iter().take(self.labels);
        let row = labels
            .zip(ROW)
            .fold(ask.expr.clone(), |expr, (column, place)| only(&expr, column.key, &place.into()));
        Some(row.promql(ask.window))
    }

    fn column(&mut self, heading: Heading, promql: Option<String>) {
        self.panel.columns.push(Column {
            key: heading.key,
            title: heading.title,
            unit: heading.unit,
            help: heading.help.to_owned(),
            promql,
            link: None,
        });
    }

    /// Sorts by a column, the greatest first; then by others.
    pub(super) fn sorted(mut self, column: &'static str, then: &[&'static str]) -> Self {
        let at = |key: &str| self.panel.columns.iter().position(|column| column.key == key);
        let first = at(column).unwrap_or_default();
        let then = then.iter().filter_map(|key| at(key)).collect();
        self.panel.sort = Sort { column: first, descending: first >= self.labels };
        self.then = then;
        self
    }

    /// Only rows that have what is looked for in one of their texts.
    pub(super) fn searched(mut self, view: &'a View<'a>) -> Self {
        self.finds = Some(view);
        self
    }

    /// Only rows that are wanted.
    pub(super) fn kept(mut self, keep: impl Fn(&Key) -> bool + 'a) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// A row for each set of labels that any of the numbers has.
    pub(super) fn panel(self, answers: &Answers) -> Panel {
        let mut keys = BTreeSet::new();
        for content in &self.contents {
            if let Content::Measure(ask) = content {
                keys.extend(answers.vector(ask).iter().map(|sample| sample.labels.clone()));
            }
        }
        self.panel_of(answers, keys.into_iter().collect())
    }

    /// A row for each of these.
    pub(super) fn panel_of(mut self, answers: &Answers, keys: Vec<Vec<Arc<str>>>) -> Panel {
        let measures: Vec<_> =
            self.contents.iter().map(|content| values(content, answers)).collect();
        for key in keys {
            let named = key.iter().all(|value| !value.is_empty());
            let kept = self.keep.as_ref().is_none_or(|keep| keep(&key));
            if !(named && kept) {
                continue;
            }
            let mut row: Vec<Cell> =
                key.iter().map(|value| Cell::Text(value.to_string())).collect();
            for (content, values) in self.contents.iter().zip(&measures) {
                row.push(match content {
                    Content::Measure(_) => {
                        values.get(key.as_slice()).map_or(Cell::None, |&value| Cell::Number(value))
                    }
                    Content::Cell(cell) => cell(&key),
                });
            }
            if self.finds.is_none_or(|view| finds(view, &row)) {
                self.panel.rows.push(row);
            }
        }
        let sort = self.panel.sort;
        let then = std::mem::take(&mut self.then);
        self.panel.rows.sort_by(|left, right| {
            let first = compare(left, right, sort.column, sort.descending);
            then.iter().fold(first, |sofar, &column| {
                sofar.then_with(|| compare(left, right, column, true))
            })
        });
        self.panel.left_out = self.panel.rows.len().saturating_sub(ROWS_MAX);
        self.panel.rows.truncate(ROWS_MAX);
        Panel::Table(self.panel)
    }
}

/// Whether a text of the row has what is looked for in it: the same rows as a browser finds.
pub(super) fn finds(view: &View<'_>, row: &[Cell]) -> bool {
    row.iter().any(|cell| match cell {
        Cell::Text(text) | Cell::Toned { text, .. } => view.asked.finds(text),
        Cell::None | Cell::Number(_) | Cell::Measured { .. } => false,
    })
}

fn values<'v>(content: &Content<'_>, answers: &'v Answers) -> BTreeMap<&'v [Arc<str>], f64> {
    match content {
        Content::Measure(ask) => answers
            .vector(ask)
            .iter()
            .map(|sample| (sample.labels.as_slice(), sample.value))
            .collect(),
        Content::Cell(_) => BTreeMap::new(),
    }
}

/// What a cell is of the numbers that its question gives for the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    /// Words about them: the query gives the numbers.
    Words,
    /// How many there are.
    Count,
    /// How many are above 0.
    Moving,
    /// The greatest.
    Greatest,
}

impl Digest {
    fn promql(self, of: &str) -> String {
        match self {
            Self::Words => of.to_owned(),
            Self::Count => format!("count({of})"),
            Self::Moving => format!("count({of} > 0)"),
            Self::Greatest => format!("max({of})"),
        }
    }
}

/// Nothing known comes last, whichever way.
fn compare(left: &[Cell], right: &[Cell], column: usize, descending: bool) -> Ordering {
    let turned = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
    match (left.get(column), right.get(column)) {
        (Some(Cell::Number(left)), Some(Cell::Number(right))) => turned(left.total_cmp(right)),
        (Some(Cell::Number(_)), _) => Ordering::Less,
        (_, Some(Cell::Number(_))) => Ordering::Greater,
        (Some(Cell::Text(left)), Some(Cell::Text(right))) => turned(left.cmp(right)),
        _ => Ordering::Equal,
    }
}

/// Questions for the columns of a table, all of them keeping the same labels apart.
pub(super) fn column(sheet: &mut Sheet, view: &View<'_>, expr: Expr) -> Ask {
    sheet.ask(expr, view.asked.window())
}

/// Text that stands out.
pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Cell {
    Cell::Toned { text: text.into(), tone }
}

/// What stands for the labels of a row in a column's query.
const ROW: [&str; 3] = ["$row", "$row2", "$row3"];
