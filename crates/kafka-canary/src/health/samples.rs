//! `/status` as strimzi-canary computes it: of the records written within a sliding window, how many were read, from
//! samples of both counters. What differs: records that failed count as written even when the whole cluster is away.

use std::collections::VecDeque;

use serde_json::{Number, Value};

use crate::settings::Status;

/// The counters, and what they were at the last few samples.
pub(super) struct Samples {
    produced: u64,
    consumed: u64,
    taken: VecDeque<(u64, u64)>,
    capacity: usize,
    interval_ms: u64,
}

/// `{"Consuming":{"TimeWindow":...,"Percentage":...}}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Consuming {
    /// Milliseconds that the samples cover; 0 before the first.
    pub time_window: u64,
    /// Records read of 100 written, with two decimals; none while there is nothing to compare. It may pass 100 for a
    /// while, when records are read that were written before the window.
    pub percentage: Option<f64>,
}

impl Consuming {
    /// The body of `/status`; whole numbers without a point, and -1 for none, as the original writes them.
    #[must_use]
    pub fn json(&self) -> String {
        let percentage = match self.percentage {
            None => Value::from(-1),
            // Go's encoder, whose output is compared with, writes 100 and not 100.0.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number that i64 holds, as the guard says"
            )]
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => Value::from(whole as i64),
            Some(other) => Number::from_f64(other).map_or(Value::from(-1), Value::Number),
        };
        // Written by hand to keep the order of the fields.
        format!(
            r#"{{"Consuming":{{"TimeWindow":{},"Percentage":{percentage}}}}}"#,
            self.time_window
        )
    }
}

impl Samples {
    pub(super) fn new(status: &Status) -> Self {
        let interval = status.check_interval.as_millis().max(1);
        let fitting = status.window.as_millis().checked_div(interval).unwrap_or(1);
        Self {
            produced: 0,
            consumed: 0,
            taken: VecDeque::new(),
            capacity: usize::try_from(fitting).unwrap_or(SAMPLES_MAX).clamp(1, SAMPLES_MAX),
            interval_ms: u64::try_from(interval).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn produced(&mut self) {
        self.produced = self.produced.wrapping_add(1);
    }

    pub(super) fn consumed(&mut self) {
        self.consumed = self.consumed.wrapping_add(1);
    }

    pub(super) fn take(&mut self) {
        if self.taken.len() == self.capacity {
            self.taken.pop_front();
        }
        self.taken.push_back((self.produced, self.consumed));
    }

    pub(super) fn consuming(&self) -> Consuming {
        let samples = u64::try_from(self.taken.len()).unwrap_or(u64::MAX);
        let time_window = self.interval_ms.saturating_mul(samples);
        let percentage = self.taken.front().zip(self.taken.back()).and_then(|(first, last)| {
            let produced = last.0.wrapping_sub(first.0);
            let consumed = last.1.wrapping_sub(first.1);
            #[expect(
                clippy::cast_precision_loss,
                reason = "a percentage of counts within one window"
            )]
            let percentage = consumed as f64 * 100.0 / produced as f64;
            (produced > 0).then(|| (percentage * 100.0).round() / 100.0)
        });
        Consuming { time_window, percentage }
    }
}

/// The original's bound.
const SAMPLES_MAX: usize = 128;
