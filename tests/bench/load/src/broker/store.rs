//! What the stand-in remembers: for each topic its partitions, each a bounded row of record batches.
//!
//! The oldest batches go when a partition reaches its bound; the log start offset then moves, as a broker's does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that one partition keeps.
const PARTITION_BYTES: usize = 64 << 20;
/// Batches that one partition keeps: small ones cost more than their bytes.
const PARTITION_BATCHES: usize = 100_000;
/// Topics that are created; more answer UNKNOWN_TOPIC_OR_PARTITION.
const TOPICS: usize = 4000;

/// All topics of the broker.
pub(crate) struct Store {
    topics: Mutex<HashMap<String, Vec<Log>>>,
    grown: Condvar,
    partitions: usize,
}

/// One partition.
#[derive(Default)]
pub(crate) struct Log {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// Offset of the first record kept.
    pub(crate) start: i64,
    /// Offset that the next record gets: the high watermark.
    pub(crate) end: i64,
}

struct Batch {
    base: i64,
    next: i64,
    bytes: Arc<[u8]>,
}

/// What a fetch finds.
pub(crate) struct Found {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) batches: Vec<Arc<[u8]>>,
}

impl Store {
    /// No topics yet; each that is created gets so many partitions.
    pub(crate) fn new(partitions: usize) -> Self {
        Self { topics: Mutex::default(), grown: Condvar::new(), partitions }
    }

    /// The partitions of each topic.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }

    /// Creates the topic if need be; false where no more are taken.
    pub(crate) fn create(&self, topic: &str) -> bool {
        let mut topics = self.lock();
        if topics.contains_key(topic) {
            return true;
        }
        if topics.len() >= TOPICS {
            return false;
        }
        let logs = std::iter::repeat_with(Log::default).take(self.partitions).collect();
        topics.insert(topic.to_owned(), logs);
        true
    }

    /// The names of all topics.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// First and next offset of a partition.
    pub(crate) fn range(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        log(&self.lock(), topic, partition).map(|log| (log.start, log.end))
    }

    /// Appends the batches of a produce request; `Ok` is the first offset and the log's start, `Err` an error code.
    pub(crate) fn append(
        &self,
        topic: &str,
        partition: i32,
        records: &[u8],
    ) -> Result<(i64, i64), i16> {
        let mut topics = self.lock();
        let logs = topics.get_mut(topic).ok_or(UNKNOWN_TOPIC_OR_PARTITION)?;
        let log = usize::try_from(partition).ok().and_then(|place| logs.get_mut(place));
        let log = log.ok_or(UNKNOWN_TOPIC_OR_PARTITION)?;
        let base = log.end;
        let mut rest = records;
        while !rest.is_empty() {
            let (batch, tail) = split_batch(rest).ok_or(CORRUPT_MESSAGE)?;
            log.push(batch).ok_or(CORRUPT_MESSAGE)?;
            rest = tail;
        }
        let start = log.start;
        drop(topics);
        self.grown.notify_all();
        Ok((base, start))
    }

    /// Batches from `offset` on, at most `limit` bytes but at least one batch; waits for one until `wait` is over.
    pub(crate) fn fetch(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        limit: usize,
        wait: Duration,
    ) -> Result<Found, i16> {
        let deadline = Instant::now() + wait;
        let mut topics = self.lock();
        loop {
            let log = log(&topics, topic, partition).ok_or(UNKNOWN_TOPIC_OR_PARTITION)?;
            if offset < log.start || offset > log.end {
                return Err(OFFSET_OUT_OF_RANGE);
            }
            let now = Instant::now();
            if offset < log.end || now >= deadline {
                return Ok(log.read(offset, limit));
            }
            let waited = self.grown.wait_timeout(topics, deadline - now);
            topics = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Log>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log<'a>(topics: &'a HashMap<String, Vec<Log>>, topic: &str, partition: i32) -> Option<&'a Log> {
    topics.get(topic)?.get(usize::try_from(partition).ok()?)
}

impl Log {
    /// Keeps one batch under the next offsets; `None` where its header makes no sense.
    fn push(&mut self, batch: &[u8]) -> Option<()> {
        let last = i32::from_be_bytes(batch.get(23..27)?.try_into().ok()?);
        let mut bytes: Arc<[u8]> = Arc::from(batch);
        let own = Arc::get_mut(&mut bytes)?;
        // Base offset and leader epoch lie before the checksum: the broker may set them.
        own.get_mut(..8)?.copy_from_slice(&self.end.to_be_bytes());
        own.get_mut(12..16)?.copy_from_slice(&0i32.to_be_bytes());
        let next = self.end.checked_add(i64::from(last.max(0)))?.checked_add(1)?;
        self.bytes += bytes.len();
        self.batches.push_back(Batch { base: self.end, next, bytes });
        self.end = next;
        while self.bytes > PARTITION_BYTES || self.batches.len() > PARTITION_BATCHES {
            let Some(oldest) = self.batches.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            self.start = oldest.next;
        }
        Some(())
    }

    fn read(&self, offset: i64, limit: usize) -> Found {
        let first = self.batches.partition_point(|b| b.next <= offset);
        let mut size = 0;
        let mut batches = Vec::new();
        for batch in self.batches.range(first..) {
            debug_assert!(batch.base >= self.start);
            if !batches.is_empty() && size + batch.bytes.len() > limit {
                break;
            }
            size += batch.bytes.len();
            batches.push(Arc::clone(&batch.bytes));
        }
        Found { start: self.start, end: self.end, batches }
    }
}

/// Cuts the first batch off a record set, by its length field; only magic 2 is taken.
fn split_batch(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = i32::from_be_bytes(records.get(8..12)?.try_into().ok()?);
    let size = usize::try_from(length).ok()?.checked_add(12)?;
    let (batch, rest) = records.split_at_checked(size)?;
    (size >= crate::batch::HEADER && batch.get(16) == Some(&2)).then_some((batch, rest))
}

/// Kafka's error codes, as the protocol guide lists them.
pub(crate) const OFFSET_OUT_OF_RANGE: i16 = 1;
pub(crate) const CORRUPT_MESSAGE: i16 = 2;
pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::batch;

    #[test]
    fn offsets_count_records_and_a_fetch_finds_them() {
        let store = Store::new(1);
        assert!(store.append("t", 0, &batch(200, 20)).is_err(), "the topic does not exist yet");
        assert!(store.create("t"));
        let one = batch(4096, 1000);
        let records = i32::from_be_bytes([one[57], one[58], one[59], one[60]]);
        assert_eq!(store.append("t", 0, &one), Ok((0, 0)));
        assert_eq!(store.append("t", 0, &one), Ok((i64::from(records), 0)));
        let found =
            store.fetch("t", 0, i64::from(records), 1 << 20, Duration::ZERO).expect("found");
        assert_eq!(found.batches.len(), 1);
        assert_eq!(found.batches[0][..8], i64::from(records).to_be_bytes());
        assert_eq!(found.batches[0][16..], one[16..]);
        let nothing = store.fetch("t", 0, found.end, 1, Duration::from_millis(5)).expect("empty");
        assert!(nothing.batches.is_empty());
        assert!(store.append("t", 1, &one).is_err(), "it has one partition");
        assert!(matches!(store.fetch("t", 0, -1, 1, Duration::ZERO), Err(OFFSET_OUT_OF_RANGE)));
        assert_eq!(store.append("t", 0, &one[..70]), Err(CORRUPT_MESSAGE));
    }

    #[test]
    fn a_partition_keeps_a_bounded_number_of_bytes() {
        let store = Store::new(1);
        assert!(store.create("t"));
        let big = batch(8 << 20, 1 << 20);
        for _ in 0..10 {
            store.append("t", 0, &big).expect("appended");
        }
        let (start, end) = store.range("t", 0).expect("known");
        let each = end / 10;
        assert_eq!(end - start, 8 * each, "eight times 8 MiB fit into 64 MiB");
    }
}
