//! Which records a ledger remembers, and for how long: those that something may still become of up to a number, the
//! settled ones up to an age.

use super::{Entry, Ledger, Outcome, State, micros, remove_if_same};
use std::time::Instant;

impl Ledger {
    pub(super) fn knows(&self, (id, timestamp): (u64, u64)) -> bool {
        self.entry(id).is_some_and(|entry| entry.timestamp == timestamp)
    }

    /// Whether this run may have sent it and does not remember.
    pub(super) fn may_be_forgotten(&self, (id, timestamp): (u64, u64)) -> bool {
        let oldest = self.entries.front();
        self.first_timestamp.is_some_and(|first| first <= timestamp)
            && oldest.is_none_or(|oldest| id < oldest.id && timestamp <= oldest.timestamp)
    }

    pub(super) fn mark_gone(&mut self, id: u64) {
        if let Some(entry) = self.entry_mut(id)
            && let State::Outstanding { gone, .. } = &mut entry.state
        {
            *gone = true;
        }
    }

    /// Makes room for one.
    pub(super) fn forget_oldest(&mut self, out: &mut Vec<Outcome>) {
        let Some(entry) = self.entries.pop_front() else { return };
        match entry.state {
            State::Pending | State::ReadPending { .. } => self.tally.pending -= 1,
            State::Outstanding { offset, .. } => {
                self.tally.outstanding -= 1;
                if let Some(offset) = offset {
                    remove_if_same(&mut self.outstanding, offset, entry.id);
                }
            }
            State::Read { .. } | State::Lost | State::Found { .. } | State::Failed { .. } => return,
        }
        self.tally.forgotten += 1;
        out.push(Outcome::Forgotten(entry.id));
    }

    /// Gives back the memory of what is long settled.
    pub(super) fn forget_settled(&mut self, at: u64) {
        let remember = micros(self.limits.remember);
        let old = |entry: &Entry| at.saturating_sub(entry.sent) >= remember;
        if self.entries.front().is_some_and(old) {
            self.entries.retain(|entry| !(old(entry) && entry.state.is_settled()));
            if self.entries.len() < self.entries.capacity() / 4 {
                self.entries.shrink_to(self.entries.len() * 2);
            }
        }
    }

    pub(super) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()
            .and_then(|at| self.entries.get(at))
    }

    pub(super) fn entry_mut(&mut self, id: u64) -> Option<&mut Entry> {
        self.entries
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()
            .and_then(|at| self.entries.get_mut(at))
    }

    pub(super) fn late_after_us(&self) -> u64 {
        micros(self.limits.late_after)
    }

    pub(super) fn since_origin(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.origin))
    }
}
