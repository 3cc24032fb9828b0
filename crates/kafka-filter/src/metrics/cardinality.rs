//! How many values a label may have: peers choose topics and numbers, Envoy forgets no series.
//!
//! Each value is admitted once for all workers of the process, by a count that they share, and
//! then has an index on each worker that meets it. Beyond the cap a value reads `__other__`, for
//! good: the count never falls. What is looked up here in vain costs a call to the host, so values
//! that were refused are remembered by a hash.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use super::catalog::{Label, Reporter};
use crate::config::LabelCaps;
use crate::host::{Expect, Host};

/// The values of all labels whose values peers choose.
pub struct Labels {
    topic: Values,
    request: Values,
    api_version: Values,
    error: Values,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It has this index.
    Index(u32),
    /// It has this index, and this worker was the one that admitted it; so many values of the
    /// label are now admitted by connections of the same reporter.
    First(u32, u32),
    /// Over the cap.
    Refused,
}

/// The values of one label.
struct Values {
    /// Start of its keys in shared memory.
    prefix: Vec<u8>,
    cap: u32,
    index: HashMap<Box<[u8]>, u32, BuildHasherDefault<DefaultHasher>>,
    values: Vec<Box<[u8]>>,
    /// Hashes of refused values; the newest takes the place of another.
    refused: Vec<u64>,
    key: Vec<u8>,
}

impl Labels {
    /// No values yet. `namespace` separates plugin configurations with different root ids.
    #[must_use]
    pub fn new(caps: LabelCaps, namespace: &str) -> Self {
        let values = |label: Label, cap| Values::new(namespace, label, cap);
        Self {
            topic: values(Label::Topic, caps.topic),
            request: values(Label::Request, caps.request),
            api_version: values(Label::ApiVersion, caps.api_version),
            error: values(Label::Error, caps.error),
        }
    }

    /// The topic's index if it was admitted by any worker, `Refused` if it never can be; `None`
    /// when nobody has asked for it.
    pub fn find_topic<H: Host>(&mut self, host: &mut H, name: &[u8]) -> Option<Admission> {
        self.topic.find(host, name)
    }

    /// Admits a topic that a broker's answer named without error.
    pub fn admit_topic<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        name: &[u8],
    ) -> Admission {
        if !is_topic_name(name) {
            return Admission::Refused;
        }
        self.topic.admit(host, reporter, name)
    }

    /// Admits a number of a label other than the topic.
    pub fn admit_number<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        label: Label,
        number: i16,
    ) -> Admission {
        match self.of_mut(label) {
            Some(values) => values.admit(host, reporter, &number.to_be_bytes()),
            None => Admission::Refused,
        }
    }

    /// How many values of a label connections of this reporter have admitted, on any worker.
    pub(crate) fn admitted<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        label: Label,
    ) -> u32 {
        let values = if label == Label::Topic { Some(&mut self.topic) } else { self.of_mut(label) };
        values.map_or(0, |values| values.count(host).0.of(reporter))
    }

    pub(super) fn topic_name(&self, index: u32) -> Option<&[u8]> {
        self.topic.value(index)
    }

    pub(super) fn number(&self, label: Label, index: u16) -> Option<i16> {
        let values = match label {
            Label::Request => &self.request,
            Label::ApiVersion => &self.api_version,
            Label::Error => &self.error,
            _ => return None,
        };
        let bytes = values.value(u32::from(index))?;
        bytes.try_into().ok().map(i16::from_be_bytes)
    }

    fn of_mut(&mut self, label: Label) -> Option<&mut Values> {
        match label {
            Label::Request => Some(&mut self.request),
            Label::ApiVersion => Some(&mut self.api_version),
            Label::Error => Some(&mut self.error),
            _ => None,
        }
    }
}

impl Values {
    fn new(namespace: &str, label: Label, cap: u32) -> Self {
        let mut prefix = Vec::from(namespace.as_bytes());
        prefix.push(0);
        prefix.extend_from_slice(label.name().as_bytes());
        prefix.push(0);
        Self {
            prefix,
            cap,
            index: HashMap::default(),
            values: Vec::new(),
            refused: Vec::new(),
            key: Vec::new(),
        }
    }

    fn value(&self, index: u32) -> Option<&[u8]> {
        let value = self.values.get(usize::try_from(index).ok()?)?;
        Some(value)
    }

    fn find<H: Host>(&mut self, host: &mut H, value: &[u8]) -> Option<Admission> {
        if let Some(&index) = self.index.get(value) {
            return Some(Admission::Index(index));
        }
        if self.is_refused(value) {
            return Some(Admission::Refused);
        }
        self.set_key(VALUE_MARK, value);
        host.shared(&self.key)?;
        Some(Admission::Index(self.keep(value)))
    }

    fn admit<H: Host>(&mut self, host: &mut H, reporter: Reporter, value: &[u8]) -> Admission {
        if let Some(found) = self.find(host, value) {
            return found;
        }
        let Some(counts) = self.reserve(host, reporter) else {
            self.refuse(value);
            return Admission::Refused;
        };
        self.set_key(VALUE_MARK, value);
        if host.share(&self.key, &[1], Expect::Absent) {
            return Admission::First(self.keep(value), counts.of(reporter));
        }
        // Another worker admitted the same value in between: its place is one too many.
        self.change_count(host, |counts| Some(counts.add(reporter, -1)));
        Admission::Index(self.keep(value))
    }

    /// Takes one of the places that the cap allows; `None` when there is none.
    fn reserve<H: Host>(&mut self, host: &mut H, reporter: Reporter) -> Option<Counts> {
        let cap = self.cap;
        self.change_count(host, |counts| (counts.total() < cap).then(|| counts.add(reporter, 1)))
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

    /// Gives the value an index on this worker.
    fn keep(&mut self, value: &[u8]) -> u32 {
        let index = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.into());
        self.index.insert(value.into(), index);
        index
    }

    fn set_key(&mut self, mark: u8, value: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(&self.prefix);
        self.key.push(mark);
        self.key.extend_from_slice(value);
    }

    fn is_refused(&self, value: &[u8]) -> bool {
        let hash = hash(value);
        let len = u64::try_from(self.refused.len()).unwrap_or(0);
        let place = hash.checked_rem(len).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.refused.get(place)) == Some(&hash)
    }

    fn refuse(&mut self, value: &[u8]) {
        self.refused.resize(REFUSED_MAX, 0);
        let hash = hash(value);
        let len = u64::try_from(self.refused.len()).unwrap_or(0);
        let place = hash.checked_rem(len).and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| self.refused.get_mut(place)) {
            *slot = hash;
        }
    }
}

/// How many values were admitted, by connections of each reporter.
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

/// 1 to 249 characters of `[a-zA-Z0-9._-]`, as brokers enforce.
fn is_topic_name(name: &[u8]) -> bool {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=TOPIC_NAME_SIZE_MAX).contains(&name.len()) && name.iter().all(plain)
}

fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish()
}

/// Longest name of a topic, in bytes.
pub const TOPIC_NAME_SIZE_MAX: usize = 249;
/// Refused values that a worker remembers for each label.
const REFUSED_MAX: usize = 256;
/// How often a worker tries to change a shared count before it takes the value for refused.
const SHARE_TRIES_MAX: u32 = 16;
const VALUE_MARK: u8 = b'v';
const COUNT_MARK: u8 = b'n';

#[cfg(test)]
mod tests;
