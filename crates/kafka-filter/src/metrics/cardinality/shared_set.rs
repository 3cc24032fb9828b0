//! A set of bounded size in the memory that all workers share.
//!
//! Each value has a key of its own and there is a key for their number, so that adding one moves a
//! few bytes. The number never falls: what was let in stays in.

use crate::host::{Expect, Host};
use crate::metrics::catalog::Reporter;

/// One such set.
pub(super) struct SharedSet {
    /// Start of its keys.
    prefix: Vec<u8>,
    size_max: u32,
    key: Vec<u8>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is new, and so many are now in by connections of the same reporter.
    First(u32),
    /// Another worker was faster.
    Already,
    /// The set is full.
    Full,
}

impl SharedSet {
    /// The set of this name; workers with the same namespace share it.
    pub(super) fn new(namespace: &str, name: &[u8], size_max: u32) -> Self {
        let mut prefix = Vec::from(namespace.as_bytes());
        prefix.push(0);
        prefix.extend_from_slice(name);
        prefix.push(0);
        Self { prefix, size_max, key: Vec::new() }
    }

    /// Whether any worker has added the value.
    pub(super) fn contains<H: Host>(&mut self, host: &mut H, value: &[u8]) -> bool {
        self.set_key(VALUE_MARK, value);
        host.shared(&self.key).is_some()
    }

    /// Adds a value that [`Self::contains`] did not find.
    pub(super) fn add<H: Host>(&mut self, host: &mut H, reporter: Reporter, value: &[u8]) -> Added {
        let Some(counts) = self.reserve(host, reporter) else {
            return Added::Full;
        };
        self.set_key(VALUE_MARK, value);
        if host.share(&self.key, &[1], Expect::Absent) {
            return Added::First(counts.of(reporter));
        }
        // Another worker added the same value in between: its place is one too many.
        self.change_count(host, |counts| Some(counts.add(reporter, -1)));
        Added::Already
    }

    /// How many values connections of this reporter have added, on any worker.
    pub(super) fn size<H: Host>(&mut self, host: &mut H, reporter: Reporter) -> u32 {
        self.count(host).0.of(reporter)
    }

    /// Takes one of the places that there are; `None` when there is none.
    fn reserve<H: Host>(&mut self, host: &mut H, reporter: Reporter) -> Option<Counts> {
        let size_max = self.size_max;
        let add = |counts: Counts| (counts.total() < size_max).then(|| counts.add(reporter, 1));
        self.change_count(host, add)
    }

    /// Changes the shared count, again when another worker was faster.
    fn change_count<H: Host>(
        &mut self,
        host: &mut H,
        change: impl Fn(Counts) -> Option<Counts>,
    ) -> Option<Counts> {
        for _ in 0..SHARE_TRIES_MAX {
            let (counts, expect) = self.count(host);
            let changed = change(counts)?;
            if host.share(&self.key, &changed.encode(), expect) {
                return Some(changed);
            }
        }
        None
    }

    /// The shared count, and what must hold for it to be changed. Its key stays set.
    fn count<H: Host>(&mut self, host: &mut H) -> (Counts, Expect) {
        self.set_key(COUNT_MARK, &[]);
        match host.shared(&self.key) {
            Some((bytes, version)) => (Counts::decode(&bytes), Expect::Version(version)),
            None => (Counts::default(), Expect::Absent),
        }
    }

    fn set_key(&mut self, mark: u8, value: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(&self.prefix);
        self.key.push(mark);
        self.key.extend_from_slice(value);
    }
}

/// How many values were added, by connections of each reporter.
#[derive(Clone, Copy, Default)]
struct Counts([u32; Reporter::ALL.len()]);

impl Counts {
    fn total(self) -> u32 {
        self.0.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    fn of(self, reporter: Reporter) -> u32 {
        self.0.get(reporter as usize).copied().unwrap_or(0)
    }

    fn add(mut self, reporter: Reporter, amount: i32) -> Self {
        if let Some(count) = self.0.get_mut(reporter as usize) {
            *count = count.saturating_add_signed(amount);
        }
        self
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut counts = Self::default();
        let (chunks, _) = bytes.as_chunks::<4>();
        for (count, chunk) in counts.0.iter_mut().zip(chunks) {
            *count = u32::from_be_bytes(*chunk);
        }
        counts
    }

    fn encode(self) -> [u8; 4 * Reporter::ALL.len()] {
        let mut bytes = [0; 4 * Reporter::ALL.len()];
        let (chunks, _) = bytes.as_chunks_mut::<4>();
        for (chunk, count) in chunks.iter_mut().zip(self.0) {
            *chunk = count.to_be_bytes();
        }
        bytes
    }
}

/// How often a worker tries to change a shared count before it takes the set for full.
const SHARE_TRIES_MAX: u32 = 16;
const VALUE_MARK: u8 = b'v';
const COUNT_MARK: u8 = b'n';
