//! Where the data path counts: series resolved once to the host's metric ids, increments gathered
//! over one callback and handed to the host together.
//!
//! A counter that moves a hundred times in a callback crosses into the host once. Histograms take
//! each sample as it comes. After [`Recorder::flush`] the host knows everything.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cardinality::Labels;
use super::catalog::Metric;
use super::name::{Value, write_stat_name};
use super::series::Series;
use crate::host::Host;

/// Metric ids of this worker and what was counted since the last flush.
#[derive(Default)]
pub struct Recorder {
    index: HashMap<u64, u32, BuildHasherDefault<SeriesHasher>>,
    slots: Vec<Slot>,
    dirty: Vec<u32>,
    name: String,
}

/// One series of this worker.
struct Slot {
    /// The host's id; none when the host refused the metric.
    metric: Option<u32>,
    pending: i64,
}

impl Recorder {
    /// Adds to a counter, or moves a gauge, at the next flush.
    pub fn add<H: Host>(&mut self, host: &mut H, labels: &Labels, series: Series, amount: i64) {
        if amount == 0 {
            return;
        }
        let index = self.slot(host, labels, series);
        if let Some(slot) = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at)) {
            if slot.pending == 0 {
                self.dirty.push(index);
            }
            slot.pending = slot.pending.saturating_add(amount);
        }
    }

    /// Adds a sample to a histogram, or sets a gauge, now.
    pub fn record<H: Host>(&mut self, host: &mut H, labels: &Labels, series: Series, value: u64) {
        let index = self.slot(host, labels, series);
        let slot = usize::try_from(index).ok().and_then(|at| self.slots.get(at));
        if let Some(metric) = slot.and_then(|slot| slot.metric) {
            host.record(metric, value);
        }
    }

    /// Hands all increments to the host.
    pub fn flush<H: Host>(&mut self, host: &mut H) {
        for index in self.dirty.drain(..) {
            let slot = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at));
            let Some(slot) = slot else { continue };
            // A gauge that went up and down again is in the list once or twice, with nothing left.
            let amount = std::mem::take(&mut slot.pending);
            if let Some(metric) = slot.metric
                && amount != 0
            {
                host.add(metric, amount);
            }
        }
    }

    /// The slot of a series, defined on first use.
    fn slot<H: Host>(&mut self, host: &mut H, labels: &Labels, series: Series) -> u32 {
        if let Some(&index) = self.index.get(&series.bits()) {
            return index;
        }
        let (metric, reporter) = series.parts();
        let definition = metric.definition();
        let mut values = [Value::Own(""); LABELS_MAX];
        for (value, label) in values.iter_mut().zip(definition.labels) {
            *value = series.value(*label, labels);
        }
        let count = definition.labels.len().min(LABELS_MAX);
        let values = values.get(..count).unwrap_or_default();
        write_stat_name(&mut self.name, metric, reporter, values);
        let metric = host.define_metric(definition.kind, &self.name);
        if metric.is_none() {
            log::error!("the host refuses the metric {}: it is not counted", self.name);
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { metric, pending: 0 });
        self.index.insert(series.bits(), index);
        index
    }
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
