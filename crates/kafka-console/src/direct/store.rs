//! The last hour of all proxies together: one history for each metric and set of labels, whoever counted it.
//!
//! Time goes in ticks. What proxies counted since their last scrape is added up in the tick that is open; closing it
//! makes it history. Series, label values and history have bounds: beyond them series are refused, and the oldest
//! history goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::kept::{Part, parts};
use super::ring::{CHUNK_TICKS, Ring};
use super::symbols::{Symbol, Symbols};

/// How much a store may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How far back.
    pub(crate) history: Duration,
    /// Series, all proxies together.
    pub(crate) series_max: usize,
    /// Series of single proxies that are followed, all proxies together.
    pub(crate) followed_max: usize,
    /// Bytes of label values.
    pub(crate) label_bytes_max: usize,
    /// Bytes of history.
    pub(crate) history_bytes_max: usize,
}

impl Limits {
    /// For so much history.
    pub(crate) fn of(history: Duration) -> Self {
        Self {
            history,
            series_max: 1_000_000,
            followed_max: 2_000_000,
            label_bytes_max: 64 << 20,
            history_bytes_max: 128 << 20,
        }
    }
}

/// One series of a [`Store`], as long as somebody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesId(u32);

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    symbols: Symbols,
    slots: Vec<Option<Series>>,
    free: Vec<u32>,
    /// For each part, its series by their label values.
    index: Vec<HashMap<Arc<[Symbol]>, u32>>,
    /// For each part, its series in the order in which they came: neighbours in memory, and mostly of one topic.
    ids: Vec<Vec<SeriesId>>,
    /// Times of the closed ticks in ms since 1970; the first is that of tick `first`.
    times_ms: VecDeque<i64>,
    first: u32,
    /// Counters that grew in the open tick.
    grown: Vec<u32>,
    /// All gauges.
    gauges: Vec<u32>,
    followed: usize,
    refused: u64,
    history_bytes: usize,
    revision: u64,
}

/// Closed ticks that a scrape is of besides the open one, because scrapes before it were missed; and how much of the
/// time since the last one had passed by the end of each.
#[derive(Debug, Default)]
pub(crate) struct Missed(Vec<(u32, f64)>);

/// One history.
#[derive(Debug)]
pub(crate) struct Series {
    part: Part,
    labels: Arc<[Symbol]>,
    /// Proxies that show it.
    uses: u32,
    /// The tick in which it was first seen, and the newest in which it was.
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// Growth in the open tick.
    pending: f64,
    /// Growth of a counter, sum of a gauge.
    pub(crate) ring: Ring,
    /// Of a gauge alone.
    gauge: Option<Box<Gauge>>,
}

/// A gauge in the open tick, and as it stands.
#[derive(Debug, Default)]
struct Gauge {
    sum: Option<f64>,
    max: Option<f64>,
    shown_sum: Option<f64>,
    shown_max: Option<f64>,
    highest: Ring,
}

impl Missed {
    /// Whether the open tick is all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Series {
    /// What it is a history of.
    pub(crate) fn part(&self) -> Part {
        self.part
    }

    /// Its label values, in the catalog's order.
    pub(crate) fn labels(&self) -> &[Symbol] {
        &self.labels
    }

    /// Highest value of a gauge, over proxies.
    pub(crate) fn highest(&self) -> Option<&Ring> {
        self.gauge.as_ref().map(|gauge| &gauge.highest)
    }
}

impl Store {
    /// An empty one.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            symbols: Symbols::default(),
            slots: Vec::new(),
            free: Vec::new(),
            index: vec![HashMap::new(); parts()],
            ids: vec![Vec::new(); parts()],
            times_ms: VecDeque::new(),
            first: 0,
            grown: Vec::new(),
            gauges: Vec::new(),
            followed: 0,
            refused: 0,
            history_bytes: 0,
            revision: 0,
        }
    }

    /// The series with these label values, for one proxy more; `None` where a bound is reached.
    pub(crate) fn take(&mut self, part: Part, values: &[Box<str>]) -> Option<SeriesId> {
        let found = self.take_again(part, values);
        self.refused += u64::from(found.is_none());
        found
    }

    /// As [`take`](Self::take), for one that was refused before and is counted among those.
    pub(crate) fn take_again(&mut self, part: Part, values: &[Box<str>]) -> Option<SeriesId> {
        let limits = self.limits;
        if self.followed >= limits.followed_max || self.symbols.bytes() >= limits.label_bytes_max {
            return None;
        }
        let labels: Vec<Symbol> = values.iter().map(|value| self.symbols.take(value)).collect();
        let known = self.index.get(usize::from(part.id)).and_then(|map| map.get(labels.as_slice()));
        if let Some(id) = known.copied() {
            labels.into_iter().for_each(|symbol| self.symbols.give_back(symbol));
            if let Some(series) = self.series_mut(id) {
                series.uses += 1;
            }
            self.followed += 1;
            return Some(SeriesId(id));
        }
        if self.len() >= limits.series_max {
            labels.into_iter().for_each(|symbol| self.symbols.give_back(symbol));
            return None;
        }
        self.followed += 1;
        Some(SeriesId(self.add(part, labels.into())))
    }

    fn add(&mut self, part: Part, labels: Arc<[Symbol]>) -> u32 {
        let tick = self.open_tick();
        let series = Series {
            part,
            labels: Arc::clone(&labels),
            uses: 1,
            first: tick,
            last: tick,
            pending: 0.0,
            ring: Ring::default(),
            gauge: part.is_gauge().then(Box::default),
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.slots.get_mut(place(id)) {
            *slot = Some(series);
        }
        if part.is_gauge() {
            self.gauges.push(id);
        }
        if let Some(map) = self.index.get_mut(usize::from(part.id)) {
            map.insert(labels, id);
        }
        if let Some(ids) = self.ids.get_mut(usize::from(part.id)) {
            ids.push(SeriesId(id));
        }
        id
    }

    /// Undoes one [`take`](Self::take). The history stays until it is too old.
    pub(crate) fn give_back(&mut self, id: SeriesId) {
        if let Some(series) = self.series_mut(id.0) {
            series.uses = series.uses.saturating_sub(1);
            self.followed = self.followed.saturating_sub(1);
        }
    }

    /// A counter was seen, and has grown by so much since the proxy's last scrape.
    pub(crate) fn grow(&mut self, id: SeriesId, by: f64) {
        let tick = self.open_tick();
        let Some(series) = self.series_mut(id.0) else { return };
        series.last = tick;
        if by > 0.0 {
            let new = series.pending == 0.0;
            series.pending += by;
            if new {
                self.grown.push(id.0);
            }
        }
    }

    /// What a scrape of now has missed since one of another tick. Nothing, mostly.
    pub(crate) fn missed(&mut self, (tick, then_ms): (u32, i64), now_ms: i64) -> Missed {
        let passed = |time: i64| number(time.saturating_sub(then_ms).max(0));
        let skipped = tick.saturating_add(1).saturating_sub(self.first);
        let closed = self.times_ms.iter().enumerate().skip(place(skipped));
        let closed = closed.filter_map(|(at, time)| {
            let tick = self.first.saturating_add(u32::try_from(at).ok()?);
            Some((tick, (passed(*time) / passed(now_ms)).min(1.0)))
        });
        let missed: Vec<(u32, f64)> = closed.filter(|(_, share)| share.is_finite()).collect();
        self.revision += u64::from(!missed.is_empty());
        Missed(missed)
    }

    /// As [`grow`](Self::grow): what was counted is spread evenly over the time, as Prometheus takes it to be.
    pub(crate) fn grow_over(&mut self, missed: &Missed, id: SeriesId, by: f64) {
        let mut before = 0.0;
        let mut grown = Vec::new();
        for (tick, share) in &missed.0 {
            // Whole numbers stay whole: they are counts, and small where they are kept.
            let up_to = if by.fract() == 0.0 { (by * share).floor() } else { by * share };
            if up_to > before {
                grown.push((*tick, up_to - before));
                before = up_to;
            }
        }
        if !grown.is_empty()
            && let Some(series) = self.series_mut(id.0)
        {
            let bytes = series.ring.bytes();
            series.ring.add(&grown);
            let more = series.ring.bytes();
            self.history_bytes = (self.history_bytes + more).saturating_sub(bytes);
        }
        self.grow(id, by - before);
    }

    /// What a gauge is at one proxy in the open tick.
    pub(crate) fn show(&mut self, id: SeriesId, value: f64) {
        let tick = self.open_tick();
        let Some(series) = self.series_mut(id.0) else { return };
        series.last = tick;
        if let Some(gauge) = &mut series.gauge {
            gauge.sum = Some(gauge.sum.unwrap_or(0.0) + value);
            gauge.max = Some(gauge.max.map_or(value, |max| max.max(value)));
        }
    }

    /// Makes history of the open tick. Times must rise.
    pub(crate) fn close(&mut self, now_ms: i64) {
        let tick = self.open_tick();
        let mut bytes = self.history_bytes;
        for id in std::mem::take(&mut self.grown) {
            if let Some(series) = self.series_mut(id) {
                let by = std::mem::take(&mut series.pending);
                bytes += series.ring.push(tick, Some(by));
            }
        }
        for id in std::mem::take(&mut self.gauges) {
            if let Some(series) = self.series_mut(id) {
                bytes += close_gauge(series, tick);
                self.gauges.push(id);
            }
        }
        self.history_bytes = bytes;
        self.times_ms.push_back(now_ms);
        self.trim(now_ms);
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn trim(&mut self, now_ms: i64) {
        let oldest = now_ms.saturating_sub(millis(self.limits.history));
        let kept = self.times_ms.partition_point(|time| *time < oldest);
        self.drop_ticks(kept.saturating_sub(1));
        if self.open_tick().is_multiple_of(CHUNK_TICKS) {
            self.sweep();
        }
        // A chunk at a time until it fits; with the last chunk there is nothing left to forget.
        while self.history_bytes > self.limits.history_bytes_max
            && self.times_ms.len() > place(CHUNK_TICKS)
        {
            self.drop_ticks(place(CHUNK_TICKS - self.first % CHUNK_TICKS));
            self.sweep();
        }
    }

    fn drop_ticks(&mut self, count: usize) {
        for _ in 0..count.min(self.times_ms.len()) {
            self.times_ms.pop_front();
            self.first += 1;
        }
    }

    /// Frees history before the first tick, and series that nobody shows any more.
    fn sweep(&mut self) {
        let Self { slots, symbols, index, free, first, gauges, .. } = self;
        let (mut bytes, were_free) = (0, free.len());
        for (id, slot) in slots.iter_mut().enumerate() {
            let Some(series) = slot else { continue };
            series.ring.forget(*first);
            bytes += series.ring.bytes();
            if let Some(gauge) = &mut series.gauge {
                gauge.highest.forget(*first);
                bytes += gauge.highest.bytes();
            }
            if series.uses == 0 && series.last < *first && series.pending == 0.0 {
                if let Some(map) = index.get_mut(usize::from(series.part.id)) {
                    map.remove(&series.labels);
                }
                series.labels.iter().for_each(|symbol| symbols.give_back(*symbol));
                *slot = None;
                free.push(u32::try_from(id).unwrap_or(u32::MAX));
            }
        }
        if free.len() > were_free {
            let is_there = |id: u32| slots.get(place(id)).is_some_and(Option::is_some);
            gauges.retain(|id| is_there(*id));
            self.ids.iter_mut().for_each(|ids| ids.retain(|id| is_there(id.0)));
        }
        self.history_bytes = bytes;
        self.revision += 1;
    }

    /// The series of a part. Between two sweeps more are only added to its end.
    pub(crate) fn ids(&self, part: Part) -> &[SeriesId] {
        self.ids.get(usize::from(part.id)).map_or(&[], Vec::as_slice)
    }

    /// How often history and series were forgotten, or closed ticks written anew. Symbols, and what a closed tick has,
    /// hold until the next time.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// One series.
    pub(crate) fn series(&self, id: SeriesId) -> Option<&Series> {
        self.slots.get(place(id.0))?.as_ref()
    }

    /// The text of a label value.
    pub(crate) fn text(&self, symbol: Symbol) -> &Arc<str> {
        self.symbols.text(symbol)
    }

    /// Times of the closed ticks in ms since 1970, oldest first.
    pub(crate) fn times_ms(&self) -> &VecDeque<i64> {
        &self.times_ms
    }

    /// The number of the tick whose time is the first of [`times_ms`](Self::times_ms).
    pub(crate) fn first_tick(&self) -> u32 {
        self.first
    }

    /// Series that are kept.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Series of single proxies that are followed.
    pub(crate) fn followed(&self) -> usize {
        self.followed
    }

    /// Series that were left out for want of room, once for each proxy that showed one.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Bytes of history.
    pub(crate) fn history_bytes(&self) -> usize {
        self.history_bytes
    }

    /// The number of the tick that is open.
    pub(crate) fn open_tick(&self) -> u32 {
        self.first.saturating_add(u32::try_from(self.times_ms.len()).unwrap_or(u32::MAX))
    }

    fn series_mut(&mut self, id: u32) -> Option<&mut Series> {
        self.slots.get_mut(place(id))?.as_mut()
    }
}

/// Writes what has changed, and at the begin of a chunk what holds.
fn close_gauge(series: &mut Series, tick: u32) -> usize {
    let Some(gauge) = &mut series.gauge else { return 0 };
    let mut bytes = 0;
    let now = (gauge.sum.take(), gauge.max.take());
    if gauge.shown_sum != now.0 || (now.0.is_some() && !series.ring.covers(tick)) {
        bytes += series.ring.push(tick, now.0);
        gauge.shown_sum = now.0;
    }
    if gauge.shown_max != now.1 || (now.1.is_some() && !gauge.highest.covers(tick)) {
        bytes += gauge.highest.push(tick, now.1);
        gauge.shown_max = now.1;
    }
    bytes
}

/// In ms; a history of ages is none that anybody has.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
fn number(millis: i64) -> f64 {
    millis as f64
}

fn place(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
