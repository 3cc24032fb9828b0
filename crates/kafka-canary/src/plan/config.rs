//! The topic's configuration, by whose it is.
//!
//! Kafka takes or refuses the whole of one call. So the groups are altered apart from each other, and what was asked for
//! key by key: a value that is refused must not keep the minimum ISR from following the cluster.
//!
//! | group | keys | who wins |
//! |---|---|---|
//! | forced | `cleanup.policy`, `min.insync.replicas` | the canary: without the first records stay for ever, and the second follows the cluster's size |
//! | own | `segment.bytes`, `segment.ms`, `retention.bytes`, `retention.ms` | `TOPIC_CONFIG` |
//! | asked | all other keys of `TOPIC_CONFIG` | `TOPIC_CONFIG` |

use std::collections::BTreeMap;

use super::Step;

const CLEANUP_POLICY: &str = "cleanup.policy";
const MIN_IN_SYNC: &str = "min.insync.replicas";

/// Kafka 4 takes no smaller segment than 1 MiB (KIP-1030). With one for each 10 minutes, an hour, and 16 MiB at most, a
/// partition is a few hundred KiB at the default rate and no more than 18 MiB at any.
const OWN: [(&str, &str); 4] = [
    ("segment.bytes", "1048576"),
    ("segment.ms", "600000"),
    ("retention.bytes", "16777216"),
    ("retention.ms", "3600000"),
];

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    min_in_sync: usize,
    own: BTreeMap<String, String>,
    asked: BTreeMap<String, String>,
    overruled: Vec<(String, String)>,
}

impl TopicConfig {
    pub(super) fn new(asked: &[(String, String)], min_in_sync: usize) -> Self {
        let forced = |key: &str| key == CLEANUP_POLICY || key == MIN_IN_SYNC;
        let (overruled, asked): (Vec<_>, Vec<_>) =
            asked.iter().cloned().partition(|(key, _)| forced(key));
        let asked: BTreeMap<String, String> = asked.into_iter().collect();
        let own = OWN.iter().filter(|(key, _)| !asked.contains_key(*key));
        let own = own.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { min_in_sync, own, asked, overruled }
    }

    /// What `TOPIC_CONFIG` asks for and does not get.
    #[must_use]
    pub fn overruled(&self) -> &[(String, String)] {
        &self.overruled
    }

    /// Whether the canary has written its configuration to a topic that has `present` set.
    #[must_use]
    pub fn is_written(present: &BTreeMap<String, String>) -> bool {
        present.contains_key(CLEANUP_POLICY) && present.contains_key(MIN_IN_SYNC)
    }

    /// All of it, for a new topic.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        self.forced(self.min_in_sync)
            .into_iter()
            .chain(self.own.clone())
            .chain(self.asked.clone())
            .collect()
    }

    /// What differs from `present`, by group. The minimum ISR is lowered at any time, and raised only if `may_raise`.
    pub(super) fn differences(
        &self,
        present: &BTreeMap<String, String>,
        may_raise: bool,
    ) -> Vec<Step> {
        let now = present.get(MIN_IN_SYNC).and_then(|value| value.parse::<usize>().ok());
        // Where nothing is set the brokers' own default counts, which is not known here: as for raising.
        let lowers = now.is_some_and(|now| now > self.min_in_sync);
        let mut forced = self.forced(self.min_in_sync);
        if !may_raise && !lowers {
            forced.remove(MIN_IN_SYNC);
        }
        let differing = |group: &BTreeMap<String, String>| -> Vec<(String, String)> {
            let differs = |(key, value): &(&String, &String)| {
                present.get(*key).is_none_or(|present| !means_same(present, value))
            };
            let differing = group.iter().filter(differs);
            differing.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let mut steps = vec![
            Step::AlterConfig { set: differing(&forced), lowers_min_in_sync: lowers },
            Step::AlterConfig { set: differing(&self.own), lowers_min_in_sync: false },
        ];
        steps.retain(|step| !matches!(step, Step::AlterConfig { set, .. } if set.is_empty()));
        let alone = |pair| Step::AlterConfig { set: vec![pair], lowers_min_in_sync: false };
        steps.extend(differing(&self.asked).into_iter().map(alone));
        steps
    }

    fn forced(&self, min_in_sync: usize) -> BTreeMap<String, String> {
        [(CLEANUP_POLICY, "delete".to_owned()), (MIN_IN_SYNC, min_in_sync.to_string())]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }
}

/// Whether Kafka takes both for the same: it answers with what it read, `0.5` for `.5` and `true` for `TRUE`.
fn means_same(present: &str, wanted: &str) -> bool {
    let parts = |text: &str| {
        text.split(',').map(|part| part.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    };
    let number = |text: &str| text.trim().parse::<f64>().ok();
    parts(present) == parts(wanted)
        || number(present).is_some_and(|present| Some(present) == number(wanted))
}
