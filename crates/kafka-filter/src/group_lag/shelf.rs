//! Lists of records in the memory that workers share, changed by comparing and swapping.
//!
//! Each topic, each group and each pair of them has one list under a key of its own, so the number
//! of keys is bounded by the caps of the two labels, and the size of a list by [`RECORDS_MAX`].

use std::cmp::Ordering;

use super::record::Record;
use crate::host::{Expect, Host};

/// The way to the shared lists of one plugin configuration.
pub(super) struct Shelf {
    prefix: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// A shared list, and what is made of it.
pub(super) struct List<R> {
    stored: Vec<R>,
    merged: Vec<R>,
}

impl Shelf {
    /// Lists of this plugin configuration and reporter.
    pub(super) fn new(namespace: &str, reporter: &str) -> Self {
        let mut prefix = Vec::new();
        for part in [namespace, FORMAT, reporter] {
            prefix.extend_from_slice(part.as_bytes());
            prefix.push(0);
        }
        Self { prefix, key: Vec::new(), value: Vec::new() }
    }

    /// Goes to the list of a topic.
    pub(super) fn go_to_topic(&mut self, topic: &[u8]) {
        self.go_to(b't', &[topic]);
    }

    /// Goes to the list of a group.
    pub(super) fn go_to_group(&mut self, group: &[u8]) {
        self.go_to(b'g', &[group]);
    }

    /// Goes to the list of a topic and a group.
    pub(super) fn go_to_pair(&mut self, topic: &[u8], group: &[u8]) {
        // A topic's name has no zero in it, so two pairs never have one key.
        self.go_to(b'p', &[topic, &[0], group]);
    }

    /// Changes the list of this place by `change`, again when another worker was faster. False
    /// when others were faster each time; `list` then has what would have been stored.
    pub(super) fn change<H: Host, R: Record>(
        &mut self,
        host: &mut H,
        list: &mut List<R>,
        mut change: impl FnMut(&mut List<R>),
    ) -> bool {
        for _ in 0..TRIES_MAX {
            let expect = match host.shared(&self.key) {
                Some((bytes, version)) => {
                    list.decode(&bytes);
                    Expect::Version(version)
                }
                None => {
                    list.stored.clear();
                    Expect::Absent
                }
            };
            change(list);
            if list.merged == list.stored {
                return true;
            }
            self.value.clear();
            list.merged.iter().for_each(|record| record.encode(&mut self.value));
            if host.share(&self.key, &self.value, expect) {
                return true;
            }
        }
        false
    }

    fn go_to(&mut self, mark: u8, parts: &[&[u8]]) {
        self.key.clear();
        self.key.extend_from_slice(&self.prefix);
        self.key.push(mark);
        for part in parts {
            self.key.extend_from_slice(part);
        }
    }
}

impl<R> Default for List<R> {
    fn default() -> Self {
        Self { stored: Vec::new(), merged: Vec::new() }
    }
}

impl<R: Record> List<R> {
    /// What was made of the stored list.
    pub(super) fn records(&self) -> &[R] {
        &self.merged
    }

    /// The record of a partition.
    pub(super) fn get(&self, partition: i32) -> Option<&R> {
        let place = self.merged.binary_search_by_key(&partition, Record::partition).ok()?;
        self.merged.get(place)
    }

    /// Makes the stored list and `news`, sorted by partition, into one; `newest` chooses where both
    /// have a record. Returns how many partitions found no room.
    pub(super) fn merge(
        &mut self,
        news: impl Iterator<Item = R>,
        newest: impl Fn(R, R) -> R,
    ) -> u32 {
        self.merged.clear();
        let mut room = RECORDS_MAX.saturating_sub(self.stored.len());
        let mut refused: u32 = 0;
        let mut stored = self.stored.iter().copied().peekable();
        let mut news = news.peekable();
        loop {
            let order = match (stored.peek(), news.peek()) {
                (None, None) => return refused,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(stored), Some(news)) => stored.partition().cmp(&news.partition()),
            };
            match order {
                Ordering::Less => self.merged.extend(stored.next()),
                Ordering::Equal => {
                    let both = stored.next().zip(news.next());
                    self.merged.extend(both.map(|(stored, news)| newest(stored, news)));
                }
                Ordering::Greater => {
                    let new = news.next();
                    match room.checked_sub(1) {
                        Some(left) => {
                            room = left;
                            self.merged.extend(new);
                        }
                        None => refused = refused.saturating_add(1),
                    }
                }
            }
        }
    }

    /// Keeps these records only.
    pub(super) fn retain(&mut self, keep: impl Fn(&R) -> bool) {
        self.merged.retain(keep);
    }

    /// Reads what is stored. Whatever the bytes are, the list is sorted, short, and has each
    /// partition once.
    fn decode(&mut self, mut bytes: &[u8]) {
        self.stored.clear();
        while self.stored.len() < RECORDS_MAX
            && let Some(record) = R::decode(&mut bytes)
        {
            let last = self.stored.last().map(Record::partition);
            if last.is_none_or(|last| last < record.partition()) {
                self.stored.push(record);
            }
        }
    }
}

/// Records of one list: partitions of a topic.
pub(super) const RECORDS_MAX: usize = 4096;
/// How often a worker tries to change a list before it leaves that to its next tick.
const TRIES_MAX: u32 = 8;
/// The format of the lists: a release that writes another one must not read this one's.
const FORMAT: &str = "lag 1";
