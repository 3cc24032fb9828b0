//! One limit: the generic cell rate algorithm (GCRA, ITU-T I.371) on one atomic number.
//!
//! The number is the theoretical arrival time: when the bucket will be full again. Time is counted in ticks of which a
//! unit (a record, a byte) costs a whole number, so that sums are exact: a burst of n is n, never n - 1 by rounding.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::settings::Rate;

/// One limit.
pub(super) struct Bucket {
    /// The tick at which it is full again.
    full_at: AtomicU64,
    /// Ticks that a unit costs.
    unit: u64,
    /// Ticks that it may be ahead: the burst.
    burst: u64,
    /// Ticks in a nanosecond, in units of 2^-32.
    pace: u64,
}

/// No process passes so many records or bytes in a second. Faster limits are this one: ticks last for 58 years.
const PER_SECOND_MAX: f64 = 1e10;
/// Below, the product of pace and cost would leave its type; it is a unit in three hundred years.
const PER_SECOND_MIN: f64 = 1e-10;
const SECOND_NS: f64 = 1e9;
const PACE_BITS: u32 = 32;

impl Bucket {
    /// A full one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both are positive, and below 2^64 by the bounds of the rate"
    )]
    pub(super) fn new(rate: Rate) -> Self {
        #[expect(
            clippy::manual_clamp,
            reason = "a NaN takes the lower bound, which `clamp` would keep"
        )]
        let per_second = rate.per_second.max(PER_SECOND_MIN).min(PER_SECOND_MAX);
        let unit = (SECOND_NS / per_second).ceil().max(1.0);
        let pace = per_second * unit / SECOND_NS * (1_u64 << PACE_BITS) as f64;
        let unit = unit as u64;
        Self {
            full_at: AtomicU64::new(0),
            unit,
            burst: rate.burst.max(1).saturating_mul(unit),
            pace: (pace.round() as u64).max(1),
        }
    }

    /// How long until so many units pass; `None` is that they pass now.
    pub(super) fn wait_ns(&self, units: u64, now_ns: u64) -> Option<u64> {
        self.decide(self.full_at.load(Ordering::Relaxed), units, now_ns).err()
    }

    /// Takes so many units, or says how long until they pass.
    pub(super) fn take(&self, units: u64, now_ns: u64) -> Result<(), u64> {
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = self.decide(full_at, units, now_ns)?;
            // Relaxed: the number guards nothing but itself.
            match self.full_at.compare_exchange_weak(
                full_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    /// Gives back units taken at `taken_ns`.
    ///
    /// Since then the bucket may have been full, and would have been full earlier without that taking; such an overflow
    /// can be no larger than what came in since, which is therefore kept. At the same moment everything is given back.
    pub(super) fn give_back(&self, units: u64, taken_ns: u64, now_ns: u64) {
        let refilled = self.ticks(now_ns).saturating_sub(self.ticks(taken_ns));
        let back = units.saturating_mul(self.unit).saturating_sub(refilled);
        let earlier = |full_at: u64| Some(full_at.saturating_sub(back));
        // The closure always says yes.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earlier);
    }

    /// The next arrival time, or nanoseconds to wait.
    fn decide(&self, full_at: u64, units: u64, now_ns: u64) -> Result<u64, u64> {
        let now = self.ticks(now_ns);
        let cost = units.saturating_mul(self.unit);
        let start = full_at.max(now);
        // More than the burst passes when the bucket is full, and leaves it in debt.
        let needed = start.saturating_add(cost.min(self.burst));
        if needed <= now.saturating_add(self.burst) {
            return Ok(start.saturating_add(cost));
        }
        Err(self.first_ns(needed.saturating_sub(self.burst)).saturating_sub(now_ns))
    }

    fn ticks(&self, ns: u64) -> u64 {
        let ticks = u128::from(ns).saturating_mul(u128::from(self.pace)) >> PACE_BITS;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// The first nanosecond at which so many ticks have passed.
    fn first_ns(&self, ticks: u64) -> u64 {
        let ns = (u128::from(ticks) << PACE_BITS).div_ceil(u128::from(self.pace));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}
