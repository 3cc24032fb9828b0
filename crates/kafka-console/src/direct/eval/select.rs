//! Which series an expression is about: found in pieces, between which others may write.
//!
//! What a piece has seen stays true until the store's next revision: series are only added, and one that is new counts
//! in no tick that has been closed.

use std::collections::HashMap;

use crate::direct::kept::{Part, Role};
use crate::direct::store::{Series, SeriesId, Store};
use crate::direct::symbols::Symbol;
use crate::expr::{Matcher, Select};

/// The series of an expression, by the labels that it keeps apart.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Label values of each group.
    pub(super) groups: Vec<Vec<Symbol>>,
    /// By group, then by bound.
    pub(super) members: Vec<Member>,
}

/// One series of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    /// Its place in [`Selection::groups`].
    pub(super) group: u32,
    /// `le` of a bucket.
    pub(super) bound: Option<Symbol>,
    pub(super) id: SeriesId,
}

/// A selection that is being made.
pub(super) struct Selecting<'a> {
    part: Part,
    by: Vec<usize>,
    tests: Vec<Test<'a>>,
    known: HashMap<Vec<Symbol>, u32>,
    /// Of the last series; the next one is often of the same group.
    labels: Vec<Symbol>,
    group: Option<u32>,
    found: Selection,
}

/// A matcher, and what it said last.
struct Test<'a> {
    place: Option<usize>,
    matcher: &'a Matcher,
    last: Option<(Symbol, bool)>,
}

impl<'a> Selecting<'a> {
    /// Of the series of one part.
    pub(super) fn new(part: Part, select: &'a Select) -> Self {
        let place = |label: &str| part.place(label.as_bytes());
        let test = |matcher: &'a Matcher| Test { place: place(matcher.label), matcher, last: None };
        Self {
            part,
            by: select.by.iter().filter_map(|label| place(label)).collect(),
            tests: select.matchers.iter().map(test).collect(),
            known: HashMap::new(),
            labels: Vec::new(),
            group: None,
            found: Selection::default(),
        }
    }

    /// Looks at some more series of the part.
    pub(super) fn look(&mut self, store: &Store, ids: &[SeriesId]) {
        for id in ids {
            if let Some(series) = store.series(*id)
                && self.tests.iter_mut().all(|test| test.pass(store, series.labels()))
            {
                self.keep(*id, series);
            }
        }
    }

    fn keep(&mut self, id: SeriesId, series: &Series) {
        let labels = || self.by.iter().filter_map(|place| series.labels().get(*place).copied());
        let group = match self.group.filter(|_| labels().eq(self.labels.iter().copied())) {
            Some(group) => group,
            None => {
                let labels: Vec<Symbol> = labels().collect();
                let next = u32::try_from(self.found.groups.len()).unwrap_or(u32::MAX);
                let group = *self.known.entry(labels.clone()).or_insert_with(|| {
                    self.found.groups.push(labels.clone());
                    next
                });
                (self.labels, self.group) = (labels, Some(group));
                group
            }
        };
        let is_bucket = self.part.role == Role::Bucket;
        let bound = series.labels().last().copied().filter(|_| is_bucket);
        self.found.members.push(Member { group, bound, id });
    }

    /// What was found.
    pub(super) fn end(mut self) -> Selection {
        self.found.members.sort_unstable();
        self.found
    }
}

impl Test<'_> {
    fn pass(&mut self, store: &Store, labels: &[Symbol]) -> bool {
        let Some(symbol) = self.place.and_then(|place| labels.get(place)).copied() else {
            return self.matcher.accepts("");
        };
        match self.last {
            Some((last, passed)) if last == symbol => passed,
            _ => {
                let passed = self.matcher.accepts(store.text(symbol));
                self.last = Some((symbol, passed));
                passed
            }
        }
    }
}
