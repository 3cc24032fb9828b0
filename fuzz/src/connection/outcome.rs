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
        if self.counted != other.counted
            && script.counts_wait
            && self.has_merged()
            && other.has_merged()
        {
            let (told, other) = (joined(&self.counted), joined(&other.counted));
            assert_maps_same(&told, &other, script, delivery);
            return;
        }
        assert_maps_same(&self.counted, &other.counted, script, delivery);
        assert_maps_same(&self.gauges, &other.gauges, script, delivery);
    }

    /// Whether combinations were over their bound. A callback defines a few new series and leaves the rest to the next
    /// one: where two workers meet at the bound, the bytes of a callback decide which of them comes first, and so which
    /// combinations are told apart.
    fn has_merged(&self) -> bool {
        self.counted.keys().any(|name| name.contains(OVERFLOWED))
    }
}

/// The same without who: what combinations have in common, however many of them are told apart.
fn joined(counted: &Snapshot) -> Snapshot {
    let mut joined = Snapshot::new();
    for (name, (value, samples)) in counted {
        // Counted once for each event of those that are not told apart; and a gauge of several is not made.
        if name.contains(OVERFLOWED) || name.contains("group_lag_records") {
            continue;
        }
        let (sum, all) = joined.entry(without_party(name)).or_default();
        *sum += value;
        for (sample, count) in samples {
            *all.entry(*sample).or_default() += count;
        }
    }
    joined
}

/// The stat name with every value of a label that says who taken out.
fn without_party(name: &str) -> String {
    let labels = name.split(";.;").map(|label| match label.split_once("=.=") {
        Some((name @ ("client_id" | "group" | "software"), _)) => format!("{name}=.=*"),
        _ => label.to_owned(),
    });
    labels.collect::<Vec<_>>().join(";.;")
}

const OVERFLOWED: &str = "label_values_overflowed_total";

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
