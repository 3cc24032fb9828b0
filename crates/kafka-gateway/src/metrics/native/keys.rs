//! Metrics of Idempotency-Keys.

use std::sync::{Mutex, PoisonError};

use prometheus::{Gauge, IntCounter, Result};

use crate::metrics::{KeysState, number};
use kafka_operations::metrics::Family;

pub(in crate::metrics) struct Keys {
    keys: Gauge,
    in_progress: Gauge,
    outcomes: Gauge,
    forgotten: IntCounter,
    claims: [(IntCounter, Read); 6],
    /// Held while the counters are brought up to a state.
    setting: Mutex<()>,
}

/// Reads one total.
type Read = fn(&KeysState) -> u64;

impl Keys {
    pub(super) fn register(into: &mut Family<'_>) -> Result<Self> {
        let claims = into.counters(
            "idempotency_claims_total",
            "Requests with an Idempotency-Key: new; again (some records had been refused); in_progress; reused for another \
             body; answered before; full",
            &["result"],
        )?;
        let claim =
            |result: &str, read: fn(&KeysState) -> u64| (claims.with_label_values(&[result]), read);
        Ok(Self {
            keys: into.gauge("idempotency_keys", "Idempotency-Keys that are remembered")?,
            in_progress: into.gauge("idempotency_keys_in_progress", "Those whose request is not answered yet")?,
            outcomes: into.gauge("idempotency_outcomes", "Outcomes of records that are remembered with them")?,
            forgotten: into.counter(
                "idempotency_forgotten_early_total",
                "Idempotency-Keys that were forgotten before their window was over, for want of room",
            )?,
            claims: [
                claim("new", |state| state.claims_new),
                claim("again", |state| state.claims_again),
                claim("in_progress", |state| state.claims_in_progress),
                claim("reused", |state| state.claims_reused),
                claim("answered", |state| state.claims_answered),
                claim("full", |state| state.claims_full),
            ],
            setting: Mutex::new(()),
        })
    }

    pub(in crate::metrics) fn set(&self, state: &KeysState) {
        self.keys.set(number(state.keys as u64));
        self.in_progress.set(number(state.in_progress as u64));
        self.outcomes.set(number(state.outcomes as u64));
        // Two scrapes at once may come here in the wrong order: a counter never goes back.
        let _one = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let grow = |counter: &IntCounter, total: u64| {
            counter.inc_by(total.saturating_sub(counter.get()));
        };
        for (counter, read) in &self.claims {
            grow(counter, read(state));
        }
        grow(&self.forgotten, state.forgotten_early);
    }
}
