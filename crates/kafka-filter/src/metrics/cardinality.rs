//! How many values a label may have: peers choose topics, clients, groups and numbers, and Envoy
//! forgets no series.
//!
//! Each value is admitted once for all workers of the process, by a count that they share, and
//! then has an index on each worker that meets it. Beyond the cap a value reads `__other__`, for
//! good: the count never falls. So does one that the configuration's patterns do not admit, which
//! takes no place. What is looked up here in vain costs a call to the host or a match of patterns,
//! so values that were turned away are remembered by a hash; and a client that invents a name for
//! each request has patterns matched so many times a second and no more.

mod shared_set;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use super::catalog::{Label, Metric, Reporter};
use super::name::VALUE_SIZE_MAX;
use super::series::{Party, Topic};
use crate::config::{Config, PatternSet};
use crate::host::Host;
use shared_set::{Added, SharedSet};

/// The values of all labels whose values peers choose.
pub struct Labels {
    namespace: Box<str>,
    combinations_max: u32,
    /// Values that may be matched with patterns until the next tick.
    matches_left: u32,
    /// In the order of [`CAPPED`].
    values: Vec<Values>,
}

/// Labels with a cap.
pub const CAPPED: [Label; 8] = [
    Label::Topic,
    Label::ClientId,
    Label::Group,
    Label::Software,
    Label::SoftwareVersion,
    Label::Request,
    Label::ApiVersion,
    Label::Error,
];

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
    /// Not among the values that the configuration wants to see.
    Denied,
}

/// The values of one label.
struct Values {
    shared: SharedSet,
    patterns: PatternSet,
    index: HashMap<Box<[u8]>, u32, BuildHasherDefault<DefaultHasher>>,
    values: Vec<Box<[u8]>>,
    refused: Memory,
    denied: Memory,
}

/// Hashes of values; the newest takes the place of another.
#[derive(Default)]
struct Memory(Vec<u64>);

impl Labels {
    /// No values yet. `namespace` separates plugin configurations with different root ids.
    #[must_use]
    pub fn new(config: &Config, namespace: &str) -> Self {
        let values = CAPPED.iter().map(|&label| Values::new(config, namespace, label));
        Self {
            namespace: namespace.into(),
            combinations_max: config.limits.combinations_max,
            matches_left: MATCHES_MAX,
            values: values.collect(),
        }
    }

    /// The value's index if it was admitted by any worker, `Refused` or `Denied` if it never can
    /// be; `None` when nobody has asked for it.
    pub fn find<H: Host>(&mut self, host: &mut H, label: Label, value: &[u8]) -> Option<Admission> {
        let (values, matches_left) = self.of_mut(label)?;
        values.find(host, value, matches_left)
    }

    /// Takes one of the matches with patterns that are left until the next tick.
    pub(crate) fn may_match(&mut self) -> bool {
        take(&mut self.matches_left)
    }

    /// A second has passed.
    pub(crate) fn on_tick(&mut self) {
        self.matches_left = MATCHES_MAX;
    }

    /// Admits a value if there is room for it. A topic must have been named by a broker's answer
    /// without error.
    pub fn admit<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        label: Label,
        value: &[u8],
    ) -> Admission {
        match self.of_mut(label) {
            Some((values, matches_left)) if is_sound(label, value) => {
                values.admit(host, reporter, value, matches_left)
            }
            _ => Admission::Refused,
        }
    }

    /// Admits a number of a label whose values are numbers.
    pub fn admit_number<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        label: Label,
        number: i16,
    ) -> Admission {
        self.admit(host, reporter, label, &number.to_be_bytes())
    }

    /// Whether one more series of a metric may tell a party apart. `name` is the series' own.
    pub(super) fn combine<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        metric: Metric,
        name: &str,
    ) -> bool {
        let mut set = Vec::from(b"combinations\0".as_slice());
        set.extend_from_slice(metric.definition().name.as_bytes());
        let mut set = SharedSet::new(&self.namespace, &set, self.combinations_max);
        set.contains(host, name.as_bytes())
            || set.add(host, reporter, name.as_bytes()) != Added::Full
    }

    /// How many values of a label connections of this reporter have admitted, on any worker.
    pub(crate) fn admitted<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        label: Label,
    ) -> u32 {
        self.of_mut(label).map_or(0, |(values, _)| values.shared.size(host, reporter))
    }

    /// The name of a topic; `None` for the reserved values.
    pub(crate) fn topic_name(&self, topic: Topic) -> Option<&[u8]> {
        self.text(Label::Topic, topic.index()?)
    }

    /// The name of a client, group or software; `None` for the reserved values.
    pub(crate) fn party_name(&self, label: Label, party: Party) -> Option<&[u8]> {
        self.text(label, party.index()?)
    }

    /// The value with this index among a label's.
    pub(super) fn text(&self, label: Label, index: u32) -> Option<&[u8]> {
        self.of(label)?.value(index)
    }

    /// The number with this index among a label's.
    pub(super) fn number(&self, label: Label, index: u16) -> Option<i16> {
        let bytes = self.text(label, u32::from(index))?;
        bytes.try_into().ok().map(i16::from_be_bytes)
    }

    fn of(&self, label: Label) -> Option<&Values> {
        self.values.get(CAPPED.iter().position(|&capped| capped == label)?)
    }

    fn of_mut(&mut self, label: Label) -> Option<(&mut Values, &mut u32)> {
        let values = self.values.get_mut(CAPPED.iter().position(|&capped| capped == label)?)?;
        Some((values, &mut self.matches_left))
    }
}

impl Values {
    fn new(config: &Config, namespace: &str, label: Label) -> Self {
        let caps = config.labels;
        let cap = match label {
            Label::Topic => caps.topic,
            Label::ClientId => caps.client_id,
            Label::Group => caps.group,
            Label::Software => caps.software,
            Label::SoftwareVersion => caps.software_version,
            Label::Request => caps.request,
            Label::ApiVersion => caps.api_version,
            Label::Error => caps.error,
            _ => 0,
        };
        let patterns = match label {
            Label::Topic => config.patterns.topic.clone(),
            Label::ClientId => config.patterns.client_id.clone(),
            Label::Group => config.patterns.group.clone(),
            Label::Software => config.patterns.software.clone(),
            _ => PatternSet::default(),
        };
        Self {
            shared: SharedSet::new(namespace, label.name().as_bytes(), cap),
            patterns,
            index: HashMap::default(),
            values: Vec::new(),
            refused: Memory::default(),
            denied: Memory::default(),
        }
    }

    fn value(&self, index: u32) -> Option<&[u8]> {
        let value = self.values.get(usize::try_from(index).ok()?)?;
        Some(value)
    }

    fn find<H: Host>(
        &mut self,
        host: &mut H,
        value: &[u8],
        matches_left: &mut u32,
    ) -> Option<Admission> {
        if let Some(&index) = self.index.get(value) {
            return Some(Admission::Index(index));
        }
        if self.refused.has(value) {
            return Some(Admission::Refused);
        }
        if self.denied.has(value) {
            return Some(Admission::Denied);
        }
        if !self.patterns.is_empty() && !take(matches_left) {
            // Not remembered: it may be a good one.
            return Some(Admission::Refused);
        }
        if !self.patterns.admits(value) {
            self.denied.keep(value);
            return Some(Admission::Denied);
        }
        let admitted = self.shared.contains(host, value);
        admitted.then(|| Admission::Index(self.keep(value)))
    }

    fn admit<H: Host>(
        &mut self,
        host: &mut H,
        reporter: Reporter,
        value: &[u8],
        matches_left: &mut u32,
    ) -> Admission {
        if let Some(found) = self.find(host, value, matches_left) {
            return found;
        }
        match self.shared.add(host, reporter, value) {
            Added::First(count) => Admission::First(self.keep(value), count),
            Added::Already => Admission::Index(self.keep(value)),
            Added::Full => {
                self.refused.keep(value);
                Admission::Refused
            }
        }
    }

    /// Gives the value an index on this worker.
    fn keep(&mut self, value: &[u8]) -> u32 {
        let index = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.into());
        self.index.insert(value.into(), index);
        index
    }
}

impl Memory {
    fn has(&self, value: &[u8]) -> bool {
        let hash = hash(value);
        self.place(hash).and_then(|place| self.0.get(place)) == Some(&hash)
    }

    fn keep(&mut self, value: &[u8]) {
        self.0.resize(MEMORY_MAX, 0);
        let hash = hash(value);
        if let Some(slot) = self.place(hash).and_then(|place| self.0.get_mut(place)) {
            *slot = hash;
        }
    }

    fn place(&self, hash: u64) -> Option<usize> {
        let len = u64::try_from(self.0.len()).unwrap_or(0);
        hash.checked_rem(len).and_then(|place| usize::try_from(place).ok())
    }
}

/// Whether brokers accept such a value: they enforce what topics and client libraries are called.
fn is_sound(label: Label, value: &[u8]) -> bool {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    match label {
        Label::Topic => {
            (1..=TOPIC_NAME_SIZE_MAX).contains(&value.len())
                && value.iter().all(|byte| plain(byte) || *byte == b'_')
        }
        // KIP-511: letters and digits at both ends, dots and dashes between.
        Label::Software | Label::SoftwareVersion => {
            let ends = [value.first(), value.last()];
            value.len() <= VALUE_SIZE_MAX
                && value.iter().all(plain)
                && ends.into_iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        }
        _ => value.len() <= VALUE_SIZE_MAX,
    }
}

fn take(left: &mut u32) -> bool {
    let had = *left > 0;
    *left = left.saturating_sub(1);
    had
}

fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish()
}

/// Longest name of a topic, in bytes.
pub const TOPIC_NAME_SIZE_MAX: usize = 249;
/// Values that a worker matches with patterns in a second. Beyond it a value reads `__other__` for the
/// moment: a match may take many microseconds, and peers choose how many different names they send.
const MATCHES_MAX: u32 = 2_000;
/// Values turned away that a worker remembers for each label.
const MEMORY_MAX: usize = 256;

#[cfg(test)]
mod tests;
