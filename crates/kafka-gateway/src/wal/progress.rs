//! Which entries are delivered: everything below a mark, and some above it.
//!
//! Entries finish out of order, by partition. One that waits for its partition holds the mark; what finished behind it
//! costs one bit each, so memory is bounded by the log's own bound.

use std::collections::VecDeque;
use std::ops::Range;

/// Delivered entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Every sequence below it is delivered, itself not.
    low: u64,
    /// From the word with `low` on, a bit for each sequence.
    words: VecDeque<u64>,
    /// Bits set at `low` or above.
    above: u64,
}

impl Progress {
    pub(super) fn new(low: u64) -> Self {
        Self { low, words: VecDeque::new(), above: 0 }
    }

    /// The first entry that is not delivered.
    pub(super) fn low(&self) -> u64 {
        self.low
    }

    /// Delivered entries that are not below [`Self::low`].
    pub(super) fn above(&self) -> u64 {
        self.above
    }

    /// Sets one, and whether that moved the mark.
    pub(super) fn delivered(&mut self, sequence: u64) -> bool {
        if self.is_delivered(sequence) {
            return false;
        }
        if sequence == self.low && self.words.is_empty() {
            // Everything in order: no bits at all.
            self.low += 1;
            return true;
        }
        let index = usize::try_from(sequence / 64 - self.low / 64).unwrap_or(usize::MAX);
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            *word |= 1 << (sequence % 64);
            self.above += 1;
        }
        let before = self.low;
        while self.bit(self.low) {
            self.low += 1;
            self.above -= 1;
            if self.low.is_multiple_of(64) {
                self.words.pop_front();
            }
        }
        if self.above == 0 {
            self.words.clear();
        }
        self.low > before
    }

    /// Like [`Self::delivered`], for a number from a file, which could be any.
    pub(super) fn delivered_at_open(&mut self, sequence: u64) {
        if sequence < self.low.saturating_add(AHEAD_MAX) {
            self.delivered(sequence);
        }
    }

    pub(super) fn is_delivered(&self, sequence: u64) -> bool {
        sequence < self.low || self.bit(sequence)
    }

    fn bit(&self, sequence: u64) -> bool {
        let index =
            (sequence / 64).checked_sub(self.low / 64).and_then(|i| usize::try_from(i).ok());
        index
            .and_then(|index| self.words.get(index))
            .is_some_and(|word| word >> (sequence % 64) & 1 == 1)
    }

    /// What is delivered above the mark, as up to `max` ranges from below.
    pub(super) fn ranges(&self, max: usize) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let begin = self.low / 64 * 64;
        for (number, word) in self.words.iter().enumerate() {
            let mut bits = *word;
            while bits != 0 {
                let sequence = begin + number as u64 * 64 + u64::from(bits.trailing_zeros());
                bits &= bits - 1;
                if sequence < self.low {
                    continue;
                }
                let is_full = ranges.len() == max;
                match ranges.last_mut() {
                    Some(last) if last.end == sequence => last.end += 1,
                    _ if is_full => return ranges,
                    _ => ranges.push(sequence..sequence + 1),
                }
            }
        }
        ranges
    }
}

/// Entries that may be delivered above the mark and known after a restart: 16 MiB of bits.
const AHEAD_MAX: u64 = 1 << 27;
