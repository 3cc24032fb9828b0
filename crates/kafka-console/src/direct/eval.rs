//! Expressions over the [`Store`]: what Prometheus would answer, from increments instead of samples.
//!
//! A rate is what was counted in the ticks of the window through the time that they span, never negative because
//! increments are not. Prometheus takes first and last sample and extrapolates to the window: the same within one
//! scrape. Numbers that are not finite are left out.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use self::fold::{Folding, Levels, Span, Sums};
use self::quantile::{Bucket, quantile};
use self::select::{Member, Selecting, Selection};
use super::kept::{Role, part_of};
use super::store::{Store, millis};
use super::symbols::Symbol;
use crate::expr::{Expr, Join, Line, Select, join};

mod fold;
pub(crate) mod quantile;
mod select;

/// A store that others write to whenever nobody reads it.
pub(crate) trait Pieces {
    /// Keeps writers waiting as long as what it returns is held.
    fn piece(&self) -> RwLockReadGuard<'_, Store>;
}

impl Pieces for RwLock<Store> {
    fn piece(&self) -> RwLockReadGuard<'_, Store> {
        self.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an evaluation reads.
#[derive(Clone, Copy)]
pub(crate) enum Reading<'a> {
    /// For some milliseconds at a time, so that scrapes are folded in between: they wait for readers.
    Pieces(&'a dyn Pieces),
    /// Nobody writes.
    Whole(&'a Store),
}

/// The store was swept, and may lack what has been seen before, or a scrape has changed ticks that were closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revised;

/// Evaluates expressions at some ticks of a store: those that were closed when it began, whatever is counted since.
pub(crate) struct Evaluation<'a> {
    reading: Reading<'a>,
    revision: u64,
    /// The tick of the first place, and the times of all, in ms since 1970.
    first: u32,
    times_ms: Vec<i64>,
    /// From one tick to the next.
    interval: Duration,
    window: Duration,
    /// Places in `times_ms`, rising.
    points: Vec<usize>,
}

/// Numbers of one group, one for each point.
type Points = Vec<Option<f64>>;

/// A group of series: its label values, and for each bound (one without a name where there are none) its numbers.
struct Group {
    labels: Vec<Arc<str>>,
    runs: Vec<(Arc<str>, Points)>,
}

impl<'a> Evaluation<'a> {
    /// Of one window at some places of [`Store::times_ms`].
    pub(crate) fn new(
        reading: Reading<'a>,
        interval: Duration,
        window: Duration,
        points: impl FnOnce(&Store) -> Vec<usize>,
    ) -> Self {
        let begin = |store: &Store| Self {
            reading,
            revision: store.revision(),
            first: store.first_tick(),
            times_ms: store.times_ms().iter().copied().collect(),
            interval,
            window,
            points: points(store),
        };
        match reading {
            Reading::Whole(store) => begin(store),
            Reading::Pieces(pieces) => begin(&pieces.piece()),
        }
    }

    /// How many points there are.
    pub(crate) fn points(&self) -> usize {
        self.points.len()
    }

    /// The lines of an expression, in the order of their labels; those without any number are left out.
    ///
    /// # Errors
    /// [`Revised`], where it reads in pieces.
    pub(crate) fn lines(&self, expr: &Expr) -> Result<Vec<Line>, Revised> {
        let mut lines = self.unsorted(expr)?;
        lines.retain_mut(|line| {
            for point in &mut line.points {
                *point = point.filter(|value| value.is_finite());
            }
            line.points.iter().any(Option::is_some)
        });
        lines.sort_by(|a, b| expr.order(&a.labels, &b.labels));
        Ok(lines)
    }

    fn unsorted(&self, expr: &Expr) -> Result<Vec<Line>, Revised> {
        Ok(match expr {
            Expr::Rate(select) => self.counters(select, Role::Plain, Span::rate)?,
            Expr::Count(select) => self.counters(select, Role::Count, Span::rate)?,
            Expr::Increase(select) => {
                self.counters(select, Role::Plain, |span, sum| self.increase(span, sum))?
            }
            Expr::Gauge(select, kind) => {
                let mut lines = Vec::new();
                let levels = Levels::new(*kind, &self.points, |place| self.tick(place));
                self.groups(select, Role::Plain, levels, |Group { labels, runs }| {
                    lines.extend(runs.into_iter().map(|(_, points)| (labels.clone(), points)));
                })?;
                lines.into_iter().map(|(labels, points)| Line { labels, points }).collect()
            }
            Expr::Quantile(q, select) => self.quantiles(*q, select)?,
            Expr::Buckets(select) => {
                self.counters(select, Role::Bucket, |span, sum| self.increase(span, sum))?
            }
            Expr::Mean(select) => divide(
                self.counters(select, Role::Sum, Span::rate)?,
                self.counters(select, Role::Count, Span::rate)?,
                None,
            ),
            Expr::Ratio(left, right) => {
                let names = left.labels();
                let on = match join(&names, &right.labels()) {
                    Join::Same => right.labels(),
                    Join::Many(on) => on,
                };
                let places = on.iter().filter_map(|label| names.iter().position(|n| n == label));
                let places: Vec<usize> = places.collect();
                divide(self.unsorted(left)?, self.unsorted(right)?, Some(&places))
            }
            Expr::Scale(factor, inner) => {
                let mut lines = self.unsorted(inner)?;
                for point in lines.iter_mut().flat_map(|line| &mut line.points) {
                    *point = point.map(|value| value * factor);
                }
                lines
            }
        })
    }

    /// Numbers of what each window counted; a bucket's bound is the last of its labels.
    fn counters(
        &self,
        select: &Select,
        role: Role,
        number: impl Fn(&Span, f64) -> f64,
    ) -> Result<Vec<Line>, Revised> {
        let spans = self.spans();
        let mut lines = Vec::new();
        let sums = Sums::new(&spans, |place| self.tick(place));
        self.groups(select, role, sums, |Group { labels, runs }| {
            for (bound, sums) in runs {
                let mut labels = labels.clone();
                if role == Role::Bucket {
                    if bound.parse::<f64>().is_err() {
                        continue;
                    }
                    labels.push(bound);
                }
                let points = spans.iter().zip(sums);
                let points = points.map(|(span, sum)| sum.map(|sum| number(span, sum))).collect();
                lines.push(Line { labels, points });
            }
        })?;
        Ok(lines)
    }

    fn quantiles(&self, q: f64, select: &Select) -> Result<Vec<Line>, Revised> {
        let spans = self.spans();
        let mut lines = Vec::new();
        let mut buckets: Vec<Bucket> = Vec::new();
        let sums = Sums::new(&spans, |place| self.tick(place));
        self.groups(select, Role::Bucket, sums, |Group { labels, runs }| {
            let runs: Vec<(f64, Points)> =
                runs.into_iter().filter_map(|(le, sums)| Some((le.parse().ok()?, sums))).collect();
            let points = spans.iter().enumerate().map(|(at, span)| {
                buckets.clear();
                buckets.extend(runs.iter().filter_map(|(up_to, sums)| {
                    let count = span.rate(sums.get(at).copied()??);
                    Some(Bucket { up_to: *up_to, count })
                }));
                quantile(q, &mut buckets)
            });
            let points = points.collect();
            lines.push(Line { labels, points });
        })?;
        Ok(lines)
    }

    /// Shows the groups of an expression, each with its numbers.
    fn groups(
        &self,
        select: &Select,
        role: Role,
        mut fold: impl Folding,
        mut show: impl FnMut(Group),
    ) -> Result<(), Revised> {
        let Selection { groups, members } = self.select(select, role)?;
        let mut open: Vec<Group> = Vec::new();
        let mut before: Option<Member> = None;
        for piece in members.chunks(FOLDED_AT_ONCE) {
            self.read(|store| {
                for member in piece {
                    let is_next = before.is_none_or(|before| before.group != member.group);
                    if is_next || before.is_some_and(|before| before.bound != member.bound) {
                        end_run(&mut open, &mut fold);
                        if is_next {
                            let labels = groups.get(index(member.group)).map(Vec::as_slice);
                            let labels = texts(store, labels.unwrap_or_default());
                            open.push(Group { labels, runs: Vec::new() });
                        }
                        if let Some(group) = open.last_mut() {
                            let bound = member.bound.map(|bound| Arc::clone(store.text(bound)));
                            group.runs.push((bound.unwrap_or_default(), Points::new()));
                        }
                    }
                    before = Some(*member);
                    if let Some(series) = store.series(member.id) {
                        fold.add(series);
                    }
                }
            })?;
            // The last group may go on in the next piece.
            let last = open.pop();
            open.drain(..).for_each(&mut show);
            open.extend(last);
        }
        end_run(&mut open, &mut fold);
        open.into_iter().for_each(show);
        Ok(())
    }

    /// The series that an expression selects, by the labels that it keeps apart.
    fn select(&self, select: &Select, role: Role) -> Result<Selection, Revised> {
        let Some(part) = part_of(select.metric, role) else { return Ok(Selection::default()) };
        let count = self.read(|store| store.ids(part).len())?;
        let mut selecting = Selecting::new(part, select);
        for from in (0..count).step_by(LOOKED_AT_AT_ONCE) {
            let to = (from + LOOKED_AT_AT_ONCE).min(count);
            self.read(|store| {
                selecting.look(store, store.ids(part).get(from..to).unwrap_or_default());
            })?;
        }
        Ok(selecting.end())
    }

    fn read<T>(&self, work: impl FnOnce(&Store) -> T) -> Result<T, Revised> {
        match self.reading {
            Reading::Whole(store) => Ok(work(store)),
            Reading::Pieces(pieces) => {
                let store = pieces.piece();
                if store.revision() == self.revision { Ok(work(&store)) } else { Err(Revised) }
            }
        }
    }

    fn spans(&self) -> Vec<Span> {
        let times = &self.times_ms;
        // A tick belongs to the window when more than half of it does.
        let slack = millis(self.interval) / 2;
        let span = |to: &usize| {
            let end = times.get(*to).copied().unwrap_or(0);
            let begin = end.saturating_sub(millis(self.window)).saturating_add(slack);
            let from = times.partition_point(|time| *time <= begin).saturating_sub(1).min(*to);
            let start = times.get(from).copied().unwrap_or(end);
            Span { from, to: *to, seconds: seconds(end.saturating_sub(start)) }
        };
        self.points.iter().map(span).collect()
    }

    /// What a window counted. Ticks that span a little more or less than it are brought to its length, as Prometheus
    /// does; where there is less history than that, nothing is invented.
    fn increase(&self, span: &Span, sum: f64) -> f64 {
        let window = self.window.as_secs_f64();
        let short = span.seconds + self.interval.as_secs_f64() * 1.1 < window;
        if short { sum } else { sum * window / span.seconds }
    }

    fn tick(&self, place: usize) -> u32 {
        self.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
    }
}

/// Gives the last run what has been folded.
fn end_run(open: &mut [Group], fold: &mut impl Folding) {
    if let Some((_, points)) = open.last_mut().and_then(|group| group.runs.last_mut()) {
        *points = fold.take();
    }
}

fn texts(store: &Store, labels: &[Symbol]) -> Vec<Arc<str>> {
    labels.iter().map(|symbol| Arc::clone(store.text(*symbol))).collect()
}

fn index(group: u32) -> usize {
    usize::try_from(group).unwrap_or(usize::MAX)
}

/// Left through right. `places` says where the right side's labels stand on the left; all are the same without.
fn divide(left: Vec<Line>, right: Vec<Line>, places: Option<&[usize]>) -> Vec<Line> {
    let by_key: HashMap<Vec<Arc<str>>, Points> =
        right.into_iter().map(|line| (line.labels, line.points)).collect();
    let divided = left.into_iter().filter_map(|Line { labels, mut points }| {
        let divisors = match places {
            None => by_key.get(&labels)?,
            Some(places) => {
                let key = places.iter().filter_map(|place| labels.get(*place).cloned());
                by_key.get(&key.collect::<Vec<_>>())?
            }
        };
        for (point, divisor) in points.iter_mut().zip(divisors) {
            *point = point.zip(*divisor).map(|(value, divisor)| value / divisor);
        }
        Some(Line { labels, points })
    });
    divided.collect()
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// Series between which a scrape may be folded in: a millisecond or two.
const LOOKED_AT_AT_ONCE: usize = 8192;
/// The same where an hour of each is read.
const FOLDED_AT_ONCE: usize = 1024;

#[cfg(test)]
mod tests;
