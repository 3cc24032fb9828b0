//! The write-ahead log's metrics. Without a log they are there, at 0.

use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, Result};

use crate::metrics::{LogState, number};
use kafka_operations::metrics::Family;

/// In seconds: a page cache takes microseconds, a disk of its own a millisecond, a busy network disk a second.
const SECONDS: [f64; 10] = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

pub(in crate::metrics) struct Log {
    bytes: Gauge,
    limit: Gauge,
    waiting: Gauge,
    oldest: Gauge,
    dead_letter_records: Gauge,
    failing: Gauge,
    appended_entries: IntCounter,
    appended_bytes: IntCounter,
    append: Histogram,
    sync: Histogram,
    sync_failed: IntCounter,
    pub(in crate::metrics) dead_letters: IntCounterVec,
    pub(in crate::metrics) replayed: IntCounter,
    pub(in crate::metrics) skipped: IntCounter,
}

impl Log {
    pub(super) fn register(into: &mut Family<'_>) -> Result<Self> {
        Ok(Self {
            bytes: into.gauge("log_bytes", "All files of the write-ahead log")?,
            limit: into.gauge("log_limit_bytes", "As many as the write-ahead log may have; 0 without one")?,
            waiting: into.gauge("log_entries_waiting", "Entries of the log that are not wholly in Kafka or refused for good")?,
            oldest: into.gauge("log_oldest_entry_age_seconds", "Since when the oldest of these waits; 0 when none does")?,
            dead_letter_records: into.gauge("log_dead_letter_records", "Records in the log's file of dead letters")?,
            failing: into.gauge("log_failing", "1 when the log could not be written the last time, else 0")?,
            appended_entries: into.counter("log_appended_entries_total", "Entries that were written to the log; a request is one")?,
            appended_bytes: into.counter("log_appended_bytes_total", "Bytes that were written to the log")?,
            append: into.single_histogram(
                "log_append_duration_seconds",
                "Time until a group of entries was in the log as its policy for syncing asks",
                &SECONDS,
            )?,
            sync: into.single_histogram("log_sync_duration_seconds", "Time that syncing the log to the disk took", &SECONDS)?,
            sync_failed: into.counter("log_syncs_failed_total", "Times that the log could not be synced to the disk")?,
            dead_letters: into.counters(
                "dead_letters_total",
                "Records of the log that Kafka refused for good; they are in the file of dead letters",
                &["reason"],
            )?,
            replayed: into.counter("log_replayed_entries_total", "Entries from before the start that were sent")?,
            skipped: into.counter(
                "log_skipped_records_total",
                "Records from before the start that were found in Kafka by their Idempotency-Key, and not sent again",
            )?,
        })
    }

    pub(in crate::metrics) fn appended(&self, entries: usize, size_bytes: usize, took: Duration) {
        self.appended_entries.inc_by(entries as u64);
        self.appended_bytes.inc_by(size_bytes as u64);
        self.append.observe(took.as_secs_f64());
    }

    pub(in crate::metrics) fn synced(&self, took: Duration, ok: bool) {
        self.sync.observe(took.as_secs_f64());
        if !ok {
            self.sync_failed.inc();
        }
    }

    pub(in crate::metrics) fn set(&self, state: &LogState) {
        self.bytes.set(number(state.bytes));
        self.limit.set(number(state.limit_bytes));
        self.waiting.set(number(state.entries_waiting));
        self.oldest.set(state.oldest_age.as_secs_f64());
        self.dead_letter_records.set(number(state.dead_letters));
        self.failing.set(if state.failing { 1.0 } else { 0.0 });
    }
}
