//! What comes of a script, and law L2: it is the same however the bytes were handed over.

use std::collections::{BTreeMap, BTreeSet};

use kafka_filter::Fact;

use crate::host::Snapshot;
use crate::script::Script;

/// What was counted and decided.
pub struct Outcome {
    /// In the end.
    pub counted: Snapshot,
    /// Gauges before the connections that were left closed.
    pub gauges: BTreeMap<String, i64>,
    /// In the order in which the connections ended.
    pub verdicts: Vec<Verdict>,
}

/// What became of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It was decoded to its end.
    pub is_watched: bool,
    /// What the access log was told last.
    pub facts: BTreeMap<Fact, String>,
}

impl Outcome {
    /// Law L2, with no more of two outcomes in the message than differs.
    pub fn assert_same(&self, other: &Self, script: &Script, delivery: &str) {
        assert_eq!(self.verdicts, other.verdicts, "L2: verdicts, as told and {delivery}");
        assert_maps_same(&self.counted, &other.counted, script, delivery);
        assert_maps_same(&self.gauges, &other.gauges, script, delivery);
    }
}

fn assert_maps_same<V: PartialEq + std::fmt::Debug>(
    told: &BTreeMap<String, V>,
    other: &BTreeMap<String, V>,
    script: &Script,
    delivery: &str,
) {
    let names: BTreeSet<&String> = told.keys().chain(other.keys()).collect();
    for name in names {
        // Settling after each callback begins the tracking of groups anew.
        if !script.counts_wait && name.contains("lag_untracked_partitions_total") {
            continue;
        }
        assert_eq!(told.get(name), other.get(name), "L2: {name}, as told and {delivery}");
    }
}
