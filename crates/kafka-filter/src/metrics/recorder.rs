//! Where the data path counts: series resolved once to the host's metric ids, and increments
//! gathered over a second and handed to the host together.
//!
//! Counting is an addition in this worker's memory. Counters and gauges cross into the host at the
//! tick, and a gauge that rose and fell again not at all; only samples of histograms cross at once.
//! A series that is new to the process costs Envoy a tenth of a millisecond and more, in which it
//! tries all its tag rules; so a callback defines a few, and the rest waits for the next one or for
//! the tick. Nothing is lost by waiting, and what waits is bounded.
//!
//! So is the number of slots: of the combinations beyond a metric's bound, of which clients can make
//! the product of two labels' caps, some have a slot of their own and the rest one in common.

use super::cardinality::Labels;
use super::catalog::{Kind, Label, Metric};
use super::name::{Value, write_stat_name};
use super::series::{Party, Series};
use crate::host::Host;
use crate::index_map::{IndexMap, MIX};

/// Metric ids of this worker and what was counted since the last flush.
pub struct Recorder {
    index: IndexMap<u64, u32>,
    /// Series that were counted lately and their slots: looking into the index takes ten times as
    /// many operations. Each series has one place here, where it may meet others.
    recent: [(u64, u32); RECENT],
    slots: Vec<Slot>,
    /// How many slots of each metric are [`MetricId::Merged`].
    merged: [u16; Metric::ALL.len()],
    /// Slots with something pending.
    dirty: Vec<u32>,
    /// Slots that are to be defined.
    undefined: Vec<u32>,
    /// Samples of series that are not defined yet.
    samples: Vec<(u32, u64)>,
    name: String,
}

/// One series of this worker.
struct Slot {
    series: Series,
    metric: MetricId,
    pending: i64,
    /// How often it was added to before it was defined.
    adds: u32,
    /// It stands in `dirty`.
    queued: bool,
}

/// What the host calls a series.
#[derive(Clone, Copy)]
enum MetricId {
    /// It was not asked yet.
    Undefined,
    /// It refused: the series is not counted.
    Refused,
    Defined(u32),
    /// Its metric has as many combinations as it may have: counted in the series in slot `into`,
    /// and as an overflow in the other.
    Merged {
        into: u32,
        overflow: u32,
    },
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            index: IndexMap::default(),
            recent: [(NO_SERIES, 0); RECENT],
            slots: Vec::new(),
            merged: [0; Metric::ALL.len()],
            dirty: Vec::new(),
            undefined: Vec::new(),
            samples: Vec::new(),
            name: String::new(),
        }
    }
}

impl Recorder {
    /// Adds to a counter, or moves a gauge, at the next flush.
    pub fn add(&mut self, series: Series, amount: i64) {
        if amount == 0 {
            return;
        }
        let index = self.slot(series);
        self.add_at(index, amount);
    }

    /// Has a gauge shown that may stay at zero.
    pub fn show(&mut self, series: Series) {
        self.slot(series);
    }

    /// Adds a sample to a histogram, or sets a gauge: now if the series is defined.
    pub fn record<H: Host>(
        &mut self,
        host: &mut H,
        labels: &mut Labels,
        series: Series,
        value: u64,
    ) {
        let index = self.slot(series);
        if self.samples.len() >= SAMPLES_MAX {
            self.define_new(host, labels, u32::MAX);
        }
        self.record_at(host, index, value);
    }

    /// Defines series that are new, at most so many, and hands over what was counted for them: call
    /// it at the end of each callback.
    pub fn define_new<H: Host>(&mut self, host: &mut H, labels: &mut Labels, definitions_max: u32) {
        if self.undefined.is_empty() {
            return;
        }
        let mut budget = definitions_max;
        // Merging may make a series for all that are not told apart, which is defined in turn.
        while budget > 0 && !self.undefined.is_empty() {
            let mut undefined = std::mem::take(&mut self.undefined);
            undefined.retain(|&index| {
                let has_budget = budget > 0;
                if has_budget {
                    budget = budget.saturating_sub(1);
                    self.define(host, labels, index);
                    self.hand_over(host, index);
                }
                !has_budget
            });
            undefined.append(&mut self.undefined);
            self.undefined = undefined;
        }
        for (index, value) in std::mem::take(&mut self.samples) {
            self.record_at(host, index, value);
        }
    }

    /// Hands everything that was counted to the host, as far as it can with so many new series.
    pub fn flush<H: Host>(&mut self, host: &mut H, labels: &mut Labels, definitions_max: u32) {
        self.define_new(host, labels, definitions_max);
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.hand_over(host, index);
        }
        self.dirty = dirty;
    }

    /// The slot of a series.
    fn slot(&mut self, series: Series) -> u32 {
        let bits = series.bits();
        let place = place_among_recent(bits);
        if let Some(&(recent, index)) = self.recent.get(place)
            && recent == bits
        {
            return index;
        }
        let index = self.indexed_slot(series);
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = (bits, index);
        }
        index
    }

    fn indexed_slot(&mut self, series: Series) -> u32 {
        if let Some(&index) = self.index.get(&series.bits()) {
            return index;
        }
        if let Some((label, merged)) = series.party_label()
            && self.merged_count(series).is_some_and(|count| *count >= MERGED_MAX)
        {
            let crowd = series.party(Party::CROWD);
            if let Some(&index) = self.index.get(&crowd.bits()) {
                return index;
            }
            let metric = self.merge(label, merged);
            return self.new_slot(crowd, metric);
        }
        let index = self.new_slot(series, MetricId::Undefined);
        self.undefined.push(index);
        index
    }

    fn new_slot(&mut self, series: Series, metric: MetricId) -> u32 {
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { series, metric, pending: 0, adds: 0, queued: false });
        self.index.insert(series.bits(), index);
        index
    }

    fn merged_count(&mut self, series: Series) -> Option<&mut u16> {
        let (metric, _) = series.parts();
        self.merged.get_mut(metric as usize)
    }

    /// Where a series is counted that is not told apart: in `merged`, and as an overflow of `label`.
    fn merge(&mut self, label: Label, merged: Series) -> MetricId {
        let (metric, reporter) = merged.parts();
        let overflow = Series::new(Metric::LabelValuesOverflowed, reporter).detail(label);
        let overflow = self.slot(overflow);
        // A gauge of nobody in particular would never be set, and so is not made.
        let is_gauge = metric.definition().kind == Kind::Gauge;
        let into = if is_gauge { overflow } else { self.slot(merged) };
        MetricId::Merged { into, overflow }
    }

    fn add_at(&mut self, index: u32, amount: i64) {
        let Some(slot) = self.slots.get_mut(place(index)) else { return };
        match slot.metric {
            MetricId::Defined(_) => {
                if !std::mem::replace(&mut slot.queued, true) {
                    self.dirty.push(index);
                }
                slot.pending = slot.pending.saturating_add(amount);
            }
            MetricId::Undefined => {
                slot.pending = slot.pending.saturating_add(amount);
                slot.adds = slot.adds.saturating_add(1);
            }
            MetricId::Refused => {}
            MetricId::Merged { into, overflow } => {
                // Neither of the two is merged itself.
                self.add_at(overflow, 1);
                self.add_at(into, amount);
            }
        }
    }

    fn record_at<H: Host>(&mut self, host: &mut H, index: u32, value: u64) {
        let Some(slot) = self.slots.get(place(index)) else { return };
        match slot.metric {
            MetricId::Defined(metric) => host.record(metric, value),
            MetricId::Undefined => self.samples.push((index, value)),
            MetricId::Refused => {}
            MetricId::Merged { into, overflow } => {
                let (metric, _) = slot.series.parts();
                self.add_at(overflow, 1);
                // Samples of several series make one histogram, but their values no gauge.
                if metric.definition().kind == Kind::Histogram {
                    self.record_at(host, into, value);
                }
            }
        }
    }

    /// Asks the host for the id of a slot's series.
    fn define<H: Host>(&mut self, host: &mut H, labels: &mut Labels, index: u32) {
        let Some(slot) = self.slots.get_mut(place(index)) else { return };
        let series = slot.series;
        let kind = write_name(&mut self.name, series, labels);
        if let Some((label, merged)) = series.party_label() {
            let (metric, reporter) = series.parts();
            if !labels.combine(host, reporter, metric, &self.name) {
                let (pending, adds) = (std::mem::take(&mut slot.pending), slot.adds);
                let merge = self.merge(label, merged);
                if let Some(slot) = self.slots.get_mut(place(index)) {
                    slot.metric = merge;
                }
                if let Some(count) = self.merged_count(series) {
                    *count = count.saturating_add(1);
                }
                if let MetricId::Merged { into, overflow } = merge
                    && adds > 0
                {
                    self.add_at(overflow, i64::from(adds));
                    self.add_at(into, pending);
                }
                return;
            }
        }
        slot.metric = match host.define_metric(kind, &self.name) {
            Some(metric) => MetricId::Defined(metric),
            None => {
                log::error!("the host refuses the metric {}: it is not counted", self.name);
                MetricId::Refused
            }
        };
    }

    /// Tells the host what is pending in a slot.
    fn hand_over<H: Host>(&mut self, host: &mut H, index: u32) {
        let Some(slot) = self.slots.get_mut(place(index)) else { return };
        slot.queued = false;
        if let MetricId::Defined(metric) = slot.metric {
            // A gauge that went up and down again has nothing left to hand over.
            let amount = std::mem::take(&mut slot.pending);
            if amount != 0 {
                host.add(metric, amount);
            }
        }
    }
}

/// Writes the stat name of a series.
fn write_name(name: &mut String, series: Series, labels: &Labels) -> Kind {
    let (metric, reporter) = series.parts();
    let definition = metric.definition();
    let mut values = [Value::Own(""); LABELS_MAX];
    for (value, label) in values.iter_mut().zip(definition.labels) {
        *value = series.value(*label, labels);
    }
    let count = definition.labels.len().min(LABELS_MAX);
    write_stat_name(name, metric, reporter, values.get(..count).unwrap_or_default());
    definition.kind
}

/// Where a series stands among the recent ones: multiplication moves bits up, so the highest ones
/// depend on all fields.
fn place_among_recent(bits: u64) -> usize {
    usize::try_from(bits.wrapping_mul(MIX) >> RECENT_SHIFT).unwrap_or(0)
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// New series that one callback defines; the worker stands still for them.
pub const CALLBACK_DEFINITIONS_MAX: u32 = 32;
/// Places for series that were counted lately; a power of two.
const RECENT: usize = 512;
const RECENT_SHIFT: u32 = u64::BITS - RECENT.trailing_zeros();
/// Stands in a place where nothing is: no metric has this number.
const NO_SERIES: u64 = u64::MAX;
/// Slots of a metric's combinations beyond its bound; a worker takes any further one that it has not
/// met for one of them, also one that another worker tells apart.
const MERGED_MAX: u16 = 1024;
/// Samples that wait for their series; one more has all series defined at once.
const SAMPLES_MAX: usize = 4096;
/// Most labels beside `reporter` of any metric.
const LABELS_MAX: usize = 3;

const _: () = {
    let mut rest = Metric::ALL;
    while let [metric, tail @ ..] = rest {
        assert!(metric.definition().labels.len() <= LABELS_MAX);
        rest = tail;
    }
};

#[cfg(test)]
mod tests;
