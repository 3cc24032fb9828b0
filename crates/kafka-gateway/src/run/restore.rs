//! Idempotency-Keys of the process before: what it answered, and what it had taken and not finished.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::idempotency::{Keys, Restored};
use crate::wal::{Answered, Unfinished};

/// Makes keys known again, the answers first: what is in progress knows of them.
pub(super) fn keys(keys: &Keys, answered: Vec<Answered>, unfinished: Vec<Unfinished>) {
    let now = Instant::now();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for one in answered {
        let answered_at = Duration::from_millis(u64::try_from(one.answered_ms).unwrap_or_default());
        // A clock that was set back makes no key older than it is.
        let age = since.saturating_sub(answered_at);
        let restored = Restored::Answered(one.all_outcomes().into(), age);
        let count = one.count as usize;
        keys.restore(&one.client, &one.key, one.fingerprint, count, restored, now);
    }
    for one in unfinished {
        let restored = match one.waits {
            true => Restored::InProgress,
            false => Restored::Answered(one.all_outcomes().into(), Duration::ZERO),
        };
        let count = one.count as usize;
        keys.restore(&one.client, &one.key, one.fingerprint, count, restored, now);
    }
}
