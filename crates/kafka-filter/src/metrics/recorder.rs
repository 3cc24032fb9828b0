//! Where the data path counts: series resolved once to the host's metric ids, increments gathered
//! over one callback and handed to the host together.
//!
//! A counter that moves a hundred times in a callback crosses into the host once. A series that is
//! new to the process costs Envoy a tenth of a millisecond and more, in which it tries all its tag
//! rules; so a callback defines a few, and the rest waits for the next one or for the tick. Nothing
//! is lost by waiting, and what waits is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cardinality::Labels;
use super::catalog::{Kind, Metric};
use super::name::{Value, write_stat_name};
use super::series::Series;
use crate::host::Host;

/// Metric ids of this worker and what was counted since the last flush.
#[derive(Default)]
pub struct Recorder {
    index: HashMap<u64, u32, BuildHasherDefault<SeriesHasher>>,
    slots: Vec<Slot>,
    /// Slots with something pending; one of them may stand in it twice.
    dirty: Vec<u32>,
    /// Samples of series that are not defined yet.
    samples: Vec<(u32, u64)>,
    name: String,
}

/// One series of this worker.
struct Slot {
    series: Series,
    metric: MetricId,
    pending: i64,
}

/// What the host calls a series.
#[derive(Clone, Copy)]
enum MetricId {
    /// It was not asked yet.
    Undefined,
    /// It refused: the series is not counted.
    Refused,
    Defined(u32),
}

impl Recorder {
    /// Adds to a counter, or moves a gauge, at the next flush.
    pub fn add(&mut self, series: Series, amount: i64) {
        if amount == 0 {
            return;
        }
        let index = self.slot(series);
        if let Some(slot) = self.slots.get_mut(place(index)) {
            if slot.pending == 0 {
                self.dirty.push(index);
            }
            slot.pending = slot.pending.saturating_add(amount);
        }
    }

    /// Adds a sample to a histogram, or sets a gauge: now if the series is defined.
    pub fn record<H: Host>(&mut self, host: &mut H, labels: &Labels, series: Series, value: u64) {
        let index = self.slot(series);
        match self.slots.get(place(index)).map(|slot| slot.metric) {
            Some(MetricId::Defined(metric)) => host.record(metric, value),
            Some(MetricId::Undefined) if self.samples.len() < SAMPLES_MAX => {
                self.samples.push((index, value));
            }
            Some(MetricId::Undefined) => {
                if let Some(metric) = self.define(host, labels, index, &mut 1) {
                    host.record(metric, value);
                }
            }
            Some(MetricId::Refused) | None => {}
        }
    }

    /// Hands what was counted to the host, as far as it can with `definitions_max` new series.
    pub fn flush<H: Host>(&mut self, host: &mut H, labels: &Labels, definitions_max: u32) {
        if self.dirty.is_empty() && self.samples.is_empty() {
            return;
        }
        let mut budget = definitions_max;
        let mut samples = std::mem::take(&mut self.samples);
        samples.retain(|&(index, value)| {
            if let Some(metric) = self.define(host, labels, index, &mut budget) {
                host.record(metric, value);
            }
            self.is_undefined(index)
        });
        self.samples = samples;
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|&index| {
            let metric = self.define(host, labels, index, &mut budget);
            if self.is_undefined(index) {
                return true;
            }
            // A gauge that went up and down again has nothing left to hand over.
            let slot = self.slots.get_mut(place(index));
            let amount = slot.map_or(0, |slot| std::mem::take(&mut slot.pending));
            if let Some(metric) = metric
                && amount != 0
            {
                host.add(metric, amount);
            }
            false
        });
        self.dirty = dirty;
    }

    /// The slot of a series.
    fn slot(&mut self, series: Series) -> u32 {
        if let Some(&index) = self.index.get(&series.bits()) {
            return index;
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { series, metric: MetricId::Undefined, pending: 0 });
        self.index.insert(series.bits(), index);
        index
    }

    fn is_undefined(&self, index: u32) -> bool {
        let slot = self.slots.get(place(index));
        slot.is_some_and(|slot| matches!(slot.metric, MetricId::Undefined))
    }

    /// The host's id of a slot, asked for if there is `budget` for it.
    fn define<H: Host>(
        &mut self,
        host: &mut H,
        labels: &Labels,
        index: u32,
        budget: &mut u32,
    ) -> Option<u32> {
        let slot = self.slots.get_mut(place(index))?;
        if let MetricId::Undefined = slot.metric
            && let Some(left) = budget.checked_sub(1)
        {
            *budget = left;
            let kind = write_name(&mut self.name, slot.series, labels);
            slot.metric = match host.define_metric(kind, &self.name) {
                Some(metric) => MetricId::Defined(metric),
                None => {
                    log::error!("the host refuses the metric {}: it is not counted", self.name);
                    MetricId::Refused
                }
            };
        }
        match slot.metric {
            MetricId::Defined(metric) => Some(metric),
            MetricId::Undefined | MetricId::Refused => None,
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

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Mixes the bits of a [`Series`]. Peers cannot choose those: they are indices that are given out
/// here, so a keyed hash would only cost time.
#[derive(Default)]
struct SeriesHasher(u64);

impl Hasher for SeriesHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, bits: u64) {
        // Multiplication moves bits up only; the fold brings them down to where a table looks.
        let mixed = (self.0 ^ bits).wrapping_mul(MIX);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// An odd number with its bits well spread.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
/// New series that one callback defines; the worker stands still for them.
pub const CALLBACK_DEFINITIONS_MAX: u32 = 32;
/// Samples that wait for their series.
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
