//! What became of each record of one partition: the events go in, what is to be counted and done comes out.
//!
//! The invariant: every record that was sent is, at any time, exactly one of *pending* (no verdict of the producer yet),
//! *outstanding* (acknowledged, not read), *read*, *lost*, *failed* or *forgotten*, and the six numbers of [`Tally`] sum
//! to the records sent, through leader moves, truncated logs, deleted records and topics made anew. Time is monotonic and
//! an argument; offsets are evidence and never identity: one offset can belong to two records (an unclean election cuts
//! the log and writes it anew), and one record can have two offsets (a producer's retry). A record is known by its
//! message id together with its timestamp.
//!
//! How a record is known to be lost. It is acknowledged at offset `o`, `late_after` is over, and one of these holds:
//! - the reader went past `o` without seeing it, was sent back to `o` once, and went past it again;
//! - a record that was sent later was acknowledged at `o` too;
//! - the log, asked when the record was late already, begins behind `o` or ends before it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

mod entry;
mod memory;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use entry::{Entry, State};

use crate::metrics::Anomaly;

/// One partition's memory.
#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    origin: Instant,
    /// By message id, which only grows.
    entries: VecDeque<Entry>,
    /// Acknowledged and not read, by offset: what a record read says about the ones before it.
    outstanding: BTreeMap<i64, u64>,
    /// The first offset that was not read yet. What comes from before it again is the reader's doing, not the log's.
    frontier: Option<i64>,
    /// Where the reader was told to go, until something comes from there.
    heading: Option<i64>,
    /// The record sent last among those read, and where it was.
    newest_read: Option<(u64, i64)>,
    first_timestamp: Option<u64>,
    last_read: Option<Instant>,
    last_reseat: Option<Instant>,
    tally: Tally,
}

/// How long and how much a ledger waits and remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A record that is not read by then is late, and may be found to be lost.
    pub late_after: Duration,
    /// How long a record is remembered after all is known of it: until then it is recognised when it comes again.
    pub remember: Duration,
    /// Records remembered at most.
    pub records: usize,
}

impl Limits {
    /// As long as a client may retry, and [`RECORDS_MAX`].
    #[must_use]
    pub fn new(late_after: Duration) -> Self {
        Self { late_after, remember: late_after.saturating_mul(3), records: RECORDS_MAX }
    }
}

/// Records that a partition's ledger remembers at most, of 48 bytes each: an hour at one record a second, minutes at twenty.
pub const RECORDS_MAX: usize = 4096;

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Where.
    pub offset: i64,
    /// Its message id and timestamp, if this canary's client id is on it.
    pub own: Option<(u64, u64)>,
}

/// What is to be counted or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An acknowledged record was read for the first time, so long after it was sent.
    Consumed(Duration),
    /// Something else was noticed about one record.
    Noticed(Anomaly),
    /// A record that had been counted as lost was read after all; it stays counted.
    Found(u64),
    /// The limit of remembered records was reached, and this one was still pending or outstanding.
    Forgotten(u64),
    /// The reader is to go to this offset: a record there was acknowledged and not seen.
    ReadFrom(i64),
}

/// How many records are where. The sum of all but `sent` is `sent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All that were handed to the producer.
    pub sent: u64,
    /// No verdict of the producer yet.
    pub pending: u64,
    /// Acknowledged and not read.
    pub outstanding: u64,
    /// Acknowledged and read.
    pub read: u64,
    /// Acknowledged, and will not come.
    pub lost: u64,
    /// Refused or timed out.
    pub failed: u64,
    /// Pending or outstanding when the limit was reached.
    pub forgotten: u64,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            origin: now,
            entries: VecDeque::new(),
            outstanding: BTreeMap::new(),
            frontier: None,
            heading: None,
            newest_read: None,
            first_timestamp: None,
            last_read: None,
            last_reseat: None,
            tally: Tally::default(),
        }
    }

    /// A record was handed to the producer. Ids must grow.
    pub fn sent(&mut self, id: u64, timestamp: u64, now: Instant, out: &mut Vec<Outcome>) {
        debug_assert!(self.entries.back().is_none_or(|last| last.id < id));
        while self.entries.len() >= self.limits.records.max(1) {
            self.forget_oldest(out);
        }
        self.first_timestamp.get_or_insert(timestamp);
        self.entries.push_back(Entry {
            id,
            timestamp,
            sent: self.since_origin(now),
            state: State::Pending,
        });
        self.tally.sent += 1;
        self.tally.pending += 1;
    }

    /// The producer was told that the record is written, at `offset` if the broker said so.
    pub fn acknowledged(&mut self, id: u64, offset: Option<i64>, out: &mut Vec<Outcome>) {
        let Some(entry) = self.entry_mut(id) else { return };
        match entry.state {
            State::Pending => {
                entry.state =
                    State::Outstanding { offset, late: false, sent_back: false, gone: false };
                self.tally.pending -= 1;
                self.tally.outstanding += 1;
                let Some(offset) = offset else { return };
                // One place, two records: the one sent first was cut off, whichever is answered first.
                let other = self.outstanding.get(&offset).copied();
                self.outstanding.insert(offset, other.map_or(id, |other| other.max(id)));
                if let Some(other) = other {
                    self.mark_gone(other.min(id));
                }
                // The reader has passed the place and did not see it: the log was cut and grew again, or the reader's
                // start was still being looked up.
                if self.frontier.is_some_and(|frontier| frontier > offset) {
                    self.missed(id);
                    self.look_again(out);
                }
            }
            State::ReadPending { offset, latency_us } => {
                entry.state = State::Read { offset };
                self.tally.pending -= 1;
                self.tally.read += 1;
                out.push(Outcome::Consumed(Duration::from_micros(latency_us)));
            }
            // A second verdict on one record does not happen.
            _ => (),
        }
    }

    /// The producer was told that the record is refused or late.
    pub fn failed(&mut self, id: u64, out: &mut Vec<Outcome>) {
        let Some(entry) = self.entry_mut(id) else { return };
        match entry.state {
            State::Pending => entry.state = State::Failed { offset: None },
            State::ReadPending { offset, .. } => {
                entry.state = State::Failed { offset: Some(offset) };
                out.push(Outcome::Noticed(Anomaly::Unacknowledged));
            }
            _ => return,
        }
        self.tally.pending -= 1;
        self.tally.failed += 1;
    }

    /// The reader got a record.
    pub fn read(&mut self, seen: Seen, now: Instant, out: &mut Vec<Outcome>) {
        self.last_read = Some(now);
        self.heading = None;
        let again = self.frontier.is_some_and(|frontier| seen.offset < frontier);
        let first = match seen.own.filter(|own| self.knows(*own)) {
            Some((id, _)) => self.read_known(id, seen.offset, again, now, out),
            None => {
                if !again && !seen.own.is_some_and(|own| self.may_be_forgotten(own)) {
                    out.push(Outcome::Noticed(Anomaly::Foreign));
                }
                false
            }
        };
        // A record that is read for the first time where another one was: the log was cut, and goes on from here.
        if first || !again {
            self.frontier = Some(seen.offset.saturating_add(1));
        }
        self.passed(seen.offset.saturating_add(1), out);
    }

    /// The log begins at `start` and ends before `end`, as asked at `asked`.
    pub fn log(&mut self, start: i64, end: i64, asked: Instant) {
        let asked = self.since_origin(asked);
        let late_after = self.late_after_us();
        let outside: Vec<u64> = self
            .outstanding
            .iter()
            .filter(|(offset, _)| **offset < start || **offset >= end)
            .map(|(_, id)| *id)
            .collect();
        for id in outside {
            let Some(entry) = self.entry_mut(id) else { continue };
            if asked.saturating_sub(entry.sent) >= late_after
                && let State::Outstanding { gone, .. } = &mut entry.state
            {
                *gone = true;
            }
        }
        // What is written from the end on is new, whatever was there before.
        self.frontier = self.frontier.map(|frontier| frontier.min(end.max(0)));
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Outcome>) {
        let at = self.since_origin(now);
        let late_after = self.late_after_us();
        let newest_read = self.newest_read.map(|(id, _)| id);
        let mut missing = false;
        for entry in &mut self.entries {
            if at.saturating_sub(entry.sent) < late_after {
                break;
            }
            let State::Outstanding { offset, late, gone, .. } = &mut entry.state else { continue };
            if !*late {
                *late = true;
                out.push(Outcome::Noticed(Anomaly::Late));
            }
            // Without an offset (acks=0) a record that was sent later is the only evidence.
            if *gone || (offset.is_none() && newest_read > Some(entry.id)) {
                if let Some(offset) = *offset {
                    remove_if_same(&mut self.outstanding, offset, entry.id);
                }
                entry.state = State::Lost;
                self.tally.outstanding -= 1;
                self.tally.lost += 1;
                out.push(Outcome::Noticed(Anomaly::Lost));
            } else {
                missing = true;
            }
        }
        if missing {
            self.reseat(now, out);
        }
        self.forget_settled(at);
    }

    /// Whether some record is late: then the log's bounds are worth a question.
    #[must_use]
    pub fn is_late(&self, now: Instant) -> bool {
        let at = self.since_origin(now);
        self.entries
            .iter()
            .take_while(|entry| at.saturating_sub(entry.sent) >= self.late_after_us())
            .any(|entry| matches!(entry.state, State::Outstanding { .. }))
    }

    /// Where a reader that is made anew begins, if anything is known. It is taken to be on its way there.
    #[must_use]
    pub fn resume(&mut self) -> Option<i64> {
        self.heading = match (self.first_expected(), self.frontier) {
            (Some(expected), Some(frontier)) => Some(expected.min(frontier)),
            (expected, frontier) => expected.or(frontier),
        };
        self.heading
    }

    /// The first offset that was not read yet.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.frontier
    }

    /// How many records are where.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

/// What reading says.
impl Ledger {
    /// A record of this ledger was read; true if for the first time.
    fn read_known(
        &mut self,
        id: u64,
        offset: i64,
        again: bool,
        now: Instant,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let at = self.since_origin(now);
        let Some(entry) = self.entry_mut(id) else { return false };
        let latency_us = at.saturating_sub(entry.sent);
        let mut outcome = None;
        match &mut entry.state {
            State::Pending => entry.state = State::ReadPending { offset, latency_us },
            State::Outstanding { offset: told, .. } => {
                let told = *told;
                entry.state = State::Read { offset };
                self.tally.outstanding -= 1;
                self.tally.read += 1;
                if let Some(told) = told {
                    remove_if_same(&mut self.outstanding, told, id);
                }
                outcome = Some(Outcome::Consumed(Duration::from_micros(latency_us)));
            }
            State::Failed { offset: place @ None } => {
                *place = Some(offset);
                outcome = Some(Outcome::Noticed(Anomaly::Unacknowledged));
            }
            State::Lost => {
                entry.state = State::Found { offset };
                outcome = Some(Outcome::Found(id));
            }
            State::ReadPending { offset: first, .. }
            | State::Read { offset: first }
            | State::Found { offset: first }
            | State::Failed { offset: Some(first) } => {
                if *first != offset && !again {
                    out.push(Outcome::Noticed(Anomaly::Duplicated));
                }
                return false;
            }
        }
        out.extend(outcome);
        match self.newest_read {
            Some((newest, place)) if newest > id && place < offset => {
                out.push(Outcome::Noticed(Anomaly::OutOfOrder));
            }
            Some((newest, _)) if newest > id => (),
            _ => self.newest_read = Some((id, offset)),
        }
        true
    }

    /// The reader is at `offset`, and everything before it was handed out: what should have been there is looked for once more, then gone.
    fn passed(&mut self, offset: i64, out: &mut Vec<Outcome>) {
        let missing: Vec<u64> = self.outstanding.range(..offset).map(|(_, id)| *id).collect();
        let mut any_first = false;
        for id in missing {
            any_first |= self.missed(id);
        }
        if any_first {
            self.look_again(out);
        }
    }

    /// The reader is behind a record and did not see it; true if that is the first time.
    fn missed(&mut self, id: u64) -> bool {
        match self.entry_mut(id).map(|entry| &mut entry.state) {
            Some(State::Outstanding { sent_back, gone, .. }) => {
                *gone |= *sent_back;
                !std::mem::replace(sent_back, true)
            }
            _ => false,
        }
    }

    /// Sends the reader to where the first record is expected, unless it is on its way there or before it.
    fn look_again(&mut self, out: &mut Vec<Outcome>) {
        if let Some(offset) = self.first_expected()
            && self.heading.is_none_or(|heading| heading > offset)
        {
            self.heading = Some(offset);
            out.push(Outcome::ReadFrom(offset));
        }
    }

    /// The first offset where a record is expected still.
    fn first_expected(&self) -> Option<i64> {
        self.outstanding
            .iter()
            .find(|(_, id)| {
                self.entry(**id).is_some_and(|entry| {
                    matches!(entry.state, State::Outstanding { gone: false, .. })
                })
            })
            .map(|(offset, _)| *offset)
    }

    /// Nothing at all comes although something should: the reader takes its place anew, now and then.
    fn reseat(&mut self, now: Instant, out: &mut Vec<Outcome>) {
        let long_ago = |at: Option<Instant>| {
            at.is_none_or(|at| now.saturating_duration_since(at) >= self.limits.late_after)
        };
        if long_ago(self.last_read)
            && long_ago(self.last_reseat)
            && let Some(offset) = self.resume()
        {
            self.last_reseat = Some(now);
            out.push(Outcome::ReadFrom(offset));
        }
    }
}

/// The place may belong to another record by now.
fn remove_if_same(outstanding: &mut BTreeMap<i64, u64>, offset: i64, id: u64) {
    if outstanding.get(&offset) == Some(&id) {
        outstanding.remove(&offset);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
