//! One proxy over time: what it showed last, so that a scrape becomes what was counted since.
//!
//! A scrape counts whole or not at all, as with Prometheus: what is read is laid aside until the body has ended well.
//! A counter that fell was started anew and counts from 0. A series that a known proxy had not shown before counts from
//! 0 too; of a proxy that is new, or comes back after a long time, the first scrape only says where its counters stand.
//! What a scrape counted that others before it have missed is spread over the ticks since the last good one.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::LazyLock;

use kafka_console_text::{self as text, Flaw};

use super::kept::{self, Part};
use super::store::{Missed, SeriesId, Store};

/// One proxy.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// Where a series lies in `entries`, by the hash of its text.
    places: HashMap<u64, u32, BuildHasherDefault<Same>>,
    entries: Vec<Entry>,
    /// Number of the scrape that is running, or ran last.
    scrape: u32,
    /// The tick in which the last good one counted, and when it ended, in ms since 1970.
    good: Option<(u32, i64)>,
    /// The gauges of the last good one.
    gauges: Vec<(SeriesId, f64)>,
    /// Series were forgotten for want of room: what seems new may only be back.
    crowded: bool,
    /// It is no target any more: a scrape that still runs counts nothing.
    left: bool,
    /// What it is, as its last good scrape told.
    pub(crate) facts: Facts,
}

/// What a proxy has shown of itself in its last good scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// Series that are kept.
    pub(crate) series: u64,
    /// Any series of Envoy's own.
    pub(crate) is_envoy: bool,
    /// Any series of the filter.
    pub(crate) has_filter: bool,
    /// The series of its `kafka_filter_build_info`.
    pub(crate) build: Option<SeriesId>,
    /// Series that stood twice in the body; the first one counts.
    pub(crate) duplicates: u64,
}

/// One series of one proxy.
#[derive(Debug)]
struct Entry {
    /// `None` where the store had no room; it is asked again later.
    id: Option<SeriesId>,
    /// Number of the scrape that showed it last.
    seen: u32,
    gauge: bool,
    /// Whether it is the filter's, and whether it is its `kafka_filter_build_info`.
    filter: bool,
    build: bool,
    value: f64,
}

/// A scrape that is being read.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// The begin of a line whose end has not come yet.
    carried: Vec<u8>,
    lines: u64,
    known: Vec<(u32, f64)>,
    new: Vec<New>,
    new_places: HashMap<u64, (), BuildHasherDefault<Same>>,
    facts: Facts,
    last_name: Option<(Vec<u8>, Option<Part>)>,
}

/// A series that the store is to take.
#[derive(Debug)]
struct New {
    hash: u64,
    /// Where it lies in `entries`, if the store had no room for it before.
    refused: Option<u32>,
    part: Part,
    values: Box<[Box<str>]>,
    value: f64,
}

/// Why a body is no scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The line of this number has a flaw.
    Line(u64, Flaw),
    /// A line longer than [`LINE_BYTES_MAX`].
    LongLine(u64),
    /// More than [`PROXY_SERIES_MAX`] series.
    ManySeries,
    /// The last line has no end: the body was cut off.
    CutOff,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number, flaw) => write!(f, "line {number} {flaw}"),
            Self::LongLine(number) => {
                write!(f, "line {number} is longer than {LINE_BYTES_MAX} bytes")
            }
            Self::ManySeries => write!(f, "shows more than {PROXY_SERIES_MAX} series of Kafka"),
            Self::CutOff => f.write_str("is cut off: its last line has no end"),
        }
    }
}

/// Longer than any line with labels as long as the filter makes them.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Series that one proxy shows, and those of it that are remembered.
const PROXY_SERIES_MAX: usize = 50_000;
/// A label value is at most 255 bytes, each of which the filter may write as three.
const LABEL_BYTES_MAX: usize = 1024;
/// What a proxy no longer shows is forgotten after so many scrapes.
const FORGOTTEN_AFTER: u32 = 360;
/// A series that was refused is tried again in one of so many scrapes.
const RETRIED_AFTER: u64 = 8;

impl Follower {
    /// Begins to read a body.
    pub(crate) fn begin(&mut self) -> Scrape {
        self.scrape = self.scrape.wrapping_add(1);
        Scrape { known: Vec::with_capacity(self.entries.len()), ..Scrape::default() }
    }

    /// Reads on.
    ///
    /// # Errors
    /// See [`Bad`]. The scrape is void then.
    pub(crate) fn read(&mut self, scrape: &mut Scrape, mut bytes: &[u8]) -> Result<(), Bad> {
        while let Some(end) = newline(bytes) {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            bytes = rest.get(1..).unwrap_or_default();
            scrape.lines += 1;
            if scrape.carried.is_empty() {
                self.line(scrape, line)?;
            } else {
                let mut whole = std::mem::take(&mut scrape.carried);
                whole.extend_from_slice(line);
                let read = self.line(scrape, &whole);
                whole.clear();
                scrape.carried = whole;
                read?;
            }
        }
        if scrape.carried.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(Bad::LongLine(scrape.lines + 1));
        }
        scrape.carried.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, scrape: &mut Scrape, line: &[u8]) -> Result<(), Bad> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Bad::LongLine(scrape.lines));
        }
        let bad = |flaw| Bad::Line(scrape.lines, flaw);
        let Some(name) = text::name(line).map_err(bad)? else { return Ok(()) };
        if !name.starts_with(b"kafka_") {
            scrape.facts.is_envoy |= name.starts_with(b"envoy_");
            return Ok(());
        }
        let part = match &scrape.last_name {
            Some((last, part)) if last == name => *part,
            _ => {
                let part = kept::part(name);
                scrape.last_name = Some((name.to_vec(), part));
                part
            }
        };
        let Some(part) = part else { return Ok(()) };
        let sample = text::sample(line, name).map_err(bad)?;
        // What is no number says nothing, and a counter below 0 is none.
        if !sample.value.is_finite() || (sample.value < 0.0 && !part.is_gauge()) {
            return Ok(());
        }
        self.sample(scrape, part, &sample)
    }

    fn sample(
        &mut self,
        scrape: &mut Scrape,
        part: Part,
        sample: &text::Sample<'_>,
    ) -> Result<(), Bad> {
        let hash = HASHES.hash_one(sample.series);
        let mut refused = None;
        if let Some(place) = self.places.get(&hash) {
            let Some(entry) = self.entries.get_mut(index(*place)) else { return Ok(()) };
            if entry.seen == self.scrape {
                scrape.facts.duplicates += 1;
                return Ok(());
            }
            entry.seen = self.scrape;
            let is_retried = entry.id.is_none()
                && hash.wrapping_add(u64::from(self.scrape)).is_multiple_of(RETRIED_AFTER);
            if !is_retried {
                scrape.room()?;
                scrape.known.push((*place, sample.value));
                return Ok(());
            }
            refused = Some(*place);
        } else if scrape.new_places.insert(hash, ()).is_some() {
            scrape.facts.duplicates += 1;
            return Ok(());
        }
        scrape.room()?;
        let mut values: Vec<Box<str>> = vec!["".into(); part.width()];
        text::labels(sample.labels, |label, value| {
            if let Some(slot) = part.place(label).and_then(|place| values.get_mut(place)) {
                *slot = within(&value).into();
            }
        })
        .map_err(|flaw| Bad::Line(scrape.lines, flaw))?;
        scrape.new.push(New { hash, refused, part, values: values.into(), value: sample.value });
        Ok(())
    }

    /// The body has ended: what was read counts now. `gap_ms` is how long a proxy may be away without being new.
    ///
    /// # Errors
    /// [`Bad::CutOff`]
    pub(crate) fn commit(
        &mut self,
        scrape: Scrape,
        store: &mut Store,
        now_ms: i64,
        gap_ms: i64,
    ) -> Result<(), Bad> {
        if !scrape.carried.is_empty() {
            return Err(Bad::CutOff);
        }
        if self.left {
            return Ok(());
        }
        let good = self.good.filter(|(_, then)| now_ms.saturating_sub(*then) <= gap_ms);
        let missed = good.map(|good| store.missed(good, now_ms));
        let mut read = Counted { facts: Facts { series: 0, ..scrape.facts }, missed, store };
        self.gauges.clear();
        for (place, value) in &scrape.known {
            let Some(entry) = self.entries.get_mut(index(*place)) else { continue };
            let before = std::mem::replace(&mut entry.value, *value);
            let grown = if *value >= before { *value - before } else { *value };
            read.count(entry, grown, &mut self.gauges);
        }
        for again in &scrape.new {
            let Some(place) = again.refused else { continue };
            let Some(entry) = self.entries.get_mut(index(place)) else { continue };
            entry.id = read.store.take_again(again.part, &again.values);
            entry.value = again.value;
            // What it was when it was refused is not known to anybody.
            read.count(entry, 0.0, &mut self.gauges);
        }
        let new = scrape.new.iter().filter(|new| new.refused.is_none());
        let count = new.clone().count();
        self.make_room(count, read.store);
        for new in new {
            let entry = Entry::new(new, self.scrape, read.store.take(new.part, &new.values));
            read.count(&entry, if self.crowded { 0.0 } else { new.value }, &mut self.gauges);
            self.places.insert(new.hash, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            self.entries.push(entry);
        }
        self.facts = read.facts;
        self.good = Some((store.open_tick(), now_ms));
        Ok(())
    }

    /// Shows the gauges of the last good scrape in the open tick.
    pub(crate) fn show_gauges(&self, store: &mut Store) {
        for (id, value) in &self.gauges {
            store.show(*id, *value);
        }
    }

    /// When the last good scrape was, in ms since 1970.
    pub(crate) fn good_ms(&self) -> Option<i64> {
        self.good.map(|(_, then)| then)
    }

    /// The proxy is gone: gives all its series back.
    pub(crate) fn leave(&mut self, store: &mut Store) {
        for entry in self.entries.drain(..) {
            entry.id.into_iter().for_each(|id| store.give_back(id));
        }
        self.places.clear();
        self.gauges.clear();
        self.good = None;
        self.left = true;
    }

    /// Before so many new series: drops what the proxy has not shown for long, and all that the running scrape does not
    /// show where both together would be too many.
    fn make_room(&mut self, new: usize, store: &mut Store) {
        if self.entries.len() + new > PROXY_SERIES_MAX {
            self.crowded = true;
            self.forget(self.scrape, store);
        } else if self.scrape.is_multiple_of(FORGOTTEN_AFTER) {
            self.forget(self.scrape.saturating_sub(FORGOTTEN_AFTER), store);
        }
        self.places.reserve(new);
        self.entries.reserve_exact(new);
    }

    /// Drops what was shown last before a scrape.
    fn forget(&mut self, oldest: u32, store: &mut Store) {
        let mut moved = vec![None; self.entries.len()];
        let mut kept = 0_u32;
        let mut at = 0;
        self.entries.retain(|entry| {
            let keep = entry.seen >= oldest;
            if keep {
                if let Some(place) = moved.get_mut(at) {
                    *place = Some(kept);
                }
                kept += 1;
            } else if let Some(id) = entry.id {
                store.give_back(id);
            }
            at += 1;
            keep
        });
        self.places.retain(|_, place| match moved.get(index(*place)) {
            Some(Some(now)) => {
                *place = *now;
                true
            }
            _ => false,
        });
    }
}

impl Scrape {
    fn room(&self) -> Result<(), Bad> {
        if self.known.len() + self.new.len() >= PROXY_SERIES_MAX {
            return Err(Bad::ManySeries);
        }
        Ok(())
    }
}

impl Entry {
    fn new(new: &New, scrape: u32, id: Option<SeriesId>) -> Self {
        let name = new.part.metric.name;
        Self {
            id,
            seen: scrape,
            gauge: new.part.is_gauge(),
            filter: name.starts_with("kafka_filter_"),
            build: name == "kafka_filter_build_info",
            value: new.value,
        }
    }
}

/// A scrape that counts.
struct Counted<'a> {
    facts: Facts,
    /// Since the last one; `None` of a proxy that is new, whose growth says nothing.
    missed: Option<Missed>,
    store: &'a mut Store,
}

impl Counted<'_> {
    /// One series, and what it says of its proxy.
    fn count(&mut self, entry: &Entry, grown: f64, gauges: &mut Vec<(SeriesId, f64)>) {
        let Some(id) = entry.id else { return };
        self.facts.series += 1;
        self.facts.has_filter |= entry.filter;
        if entry.build && entry.value > 0.0 {
            self.facts.build = Some(id);
        }
        if entry.gauge {
            gauges.push((id, entry.value));
        } else {
            match &self.missed {
                None => self.store.grow(id, 0.0),
                Some(missed) if missed.is_empty() => self.store.grow(id, grown),
                Some(missed) => self.store.grow_over(missed, id, grown),
            }
        }
    }
}

/// A value that is too long ends with a mark; such a one is not the filter's.
fn within(value: &str) -> String {
    let mut end = value.len().min(LABEL_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = value.get(..end).unwrap_or_default().to_owned();
    if end < value.len() {
        text.push('…');
    }
    text
}

fn newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Keyed by chance, so that nobody can choose labels whose hashes are equal.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The key is a hash already.
#[derive(Debug, Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
