//! Series of one group, one after the other, to the group's numbers at some points in time.
//!
//! Only ticks up to the last point are looked at, so that what is counted in the meantime changes nothing.

use std::ops::Range;

use super::Points;
use crate::direct::ring::CHUNK_TICKS;
use crate::direct::store::Series;
use crate::expr::Fold;

/// What becomes of the series of a group.
pub(super) trait Folding {
    /// One series more.
    fn add(&mut self, series: &Series);

    /// The numbers of those that were added since the last time.
    fn take(&mut self) -> Points;
}

/// The ticks of a window at one point: those after `from`, up to `to`, as places in the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) seconds: f64,
}

impl Span {
    pub(super) fn rate(&self, sum: f64) -> f64 {
        sum / self.seconds
    }
}

/// What each window counted, of all series together; `None` where none of them was there.
pub(super) struct Sums<'a> {
    spans: &'a [Span],
    /// The place before the first window, and its tick.
    low: usize,
    first: u32,
    work: Vec<Tick>,
}

/// One tick while sums are made: first what happened in it, then what did up to it.
#[derive(Debug, Clone, Copy, Default)]
struct Tick {
    grown: f64,
    /// Members that come less those that go.
    members: i32,
    /// Ticks with a member.
    present: u32,
}

impl<'a> Sums<'a> {
    /// `tick` is the number of a place.
    pub(super) fn new(spans: &'a [Span], tick: impl Fn(usize) -> u32) -> Self {
        let low = spans.iter().map(|span| span.from).min().unwrap_or(0);
        let high = spans.last().map_or(low, |span| span.to);
        Self { spans, low, first: tick(low), work: vec![Tick::default(); high + 2 - low] }
    }

    fn change(&mut self, at: usize, by: i32) {
        if let Some(slot) = self.work.get_mut(at) {
            slot.members = slot.members.saturating_add(by);
        }
    }
}

impl Folding for Sums<'_> {
    fn add(&mut self, series: &Series) {
        let first = self.first;
        let at = |tick: u32| usize::try_from(tick.saturating_sub(first)).unwrap_or(usize::MAX);
        // With its first sample a counter says where it stands: an increment takes a second one.
        let (begin, end) = (at(series.first).saturating_add(1).max(1), at(series.last));
        if series.last > first && begin <= end {
            let after = end.saturating_add(1).min(self.work.len() - 1);
            self.change(begin, 1);
            self.change(after, -1);
        }
        series.ring.each(first, |tick, value| {
            if tick > first
                && let Some(slot) = self.work.get_mut(at(tick))
            {
                slot.grown += value.unwrap_or(0.0);
            }
        });
    }

    fn take(&mut self) -> Points {
        let (mut grown, mut there, mut present) = (0.0, 0_i32, 0_u32);
        for slot in &mut self.work {
            there = there.saturating_add(slot.members);
            present += u32::from(there > 0 || slot.grown > 0.0);
            grown += slot.grown;
            (slot.grown, slot.present) = (grown, present);
        }
        let tick = |place: usize| self.work.get(place - self.low).copied().unwrap_or_default();
        let sum = |span: &Span| {
            let (before, after) = (tick(span.from), tick(span.to));
            (after.present > before.present && span.seconds > 0.0)
                .then(|| (after.grown - before.grown).max(0.0))
        };
        let sums = self.spans.iter().map(sum).collect();
        self.work.fill(Tick::default());
        sums
    }
}

/// What gauges were at each point.
pub(super) struct Levels<'a> {
    kind: Fold,
    points: &'a [usize],
    /// The first point and its tick.
    from: usize,
    first: u32,
    values: Points,
}

impl<'a> Levels<'a> {
    /// `tick` is the number of a place.
    pub(super) fn new(kind: Fold, points: &'a [usize], tick: impl Fn(usize) -> u32) -> Self {
        let from = points.first().copied().unwrap_or(0);
        let length = points.last().map_or(0, |last| last + 1 - from);
        Self { kind, points, from, first: tick(from), values: vec![None; length] }
    }

    fn put(&mut self, ticks: Range<usize>, value: Option<f64>) {
        let Some(value) = value else { return };
        for slot in self.values.get_mut(ticks).into_iter().flatten() {
            *slot = Some(match (self.kind, *slot) {
                (_, None) => value,
                (Fold::Sum, Some(before)) => before + value,
                (Fold::Max, Some(before)) => before.max(value),
            });
        }
    }
}

impl Folding for Levels<'_> {
    fn add(&mut self, series: &Series) {
        let ring = match self.kind {
            Fold::Sum => Some(&series.ring),
            Fold::Max => series.highest(),
        };
        let Some(ring) = ring else { return };
        let (first, end) = (self.first, self.values.len());
        // A value holds until the next entry, or the end of its chunk if no entry follows there.
        let mut open: Option<(u32, Option<f64>)> = None;
        let at = |tick: u32| usize::try_from(tick.saturating_sub(first)).unwrap_or(usize::MAX);
        ring.each(first, |tick, value| {
            if let Some((since, held)) = open.replace((tick, value)) {
                self.put(at(since)..at(tick.min(chunk_end(since))).min(end), held);
            }
        });
        if let Some((since, held)) = open {
            self.put(at(since)..at(chunk_end(since)).min(end), held);
        }
    }

    fn take(&mut self) -> Points {
        let points = self.points.iter().map(|point| self.values.get(point - self.from).copied()?);
        let points = points.collect();
        self.values.fill(None);
        points
    }
}

/// The first tick after the chunk in which a tick lies.
fn chunk_end(tick: u32) -> u32 {
    (tick / CHUNK_TICKS).saturating_add(1).saturating_mul(CHUNK_TICKS)
}
