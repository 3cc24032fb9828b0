//! Topics that have series of their own: those known to exist, until there are too many.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use kafka_gateway_api::{Outcome, Refusal};
use prometheus::{Histogram, IntCounter, IntGauge};

use super::native;

/// The first so many topics have series of their own; the others share one.
pub const TOPICS_MAX: usize = 256;
/// A topic of this very name, which Kafka allows, is counted with the others.
pub(super) const OTHER: &str = "__other__";

/// The series of one topic, or of all that have none of their own.
pub(super) struct Topic {
    pub(super) label: String,
    pub(super) sent: IntCounter,
    pub(super) queue: IntGauge,
    pub(super) send_duration: Histogram,
    pub(super) rate_limited: IntCounter,
    pub(super) records: [IntCounter; 4],
    pub(super) bytes: IntCounter,
}

#[derive(Default)]
pub(super) struct Topics {
    known: RwLock<HashMap<String, Arc<Topic>>>,
    other: OnceLock<Arc<Topic>>,
}

impl Topic {
    pub(super) fn record(&self, size_bytes: usize, outcome: &Outcome) {
        native::kind(&self.records, outcome).inc();
        match outcome {
            Outcome::Refused(Refusal::RateLimited { .. }) => self.rate_limited.inc(),
            Outcome::Refused(_) => {}
            Outcome::Written(_) | Outcome::Accepted { .. } => self.bytes.inc_by(size_bytes as u64),
        }
    }
}

impl Topics {
    /// The topic that an outcome is about, if it tells that the topic exists or that is known otherwise.
    pub(super) fn of(
        &self,
        name: &str,
        outcome: &Outcome,
        new: impl FnOnce() -> Topic,
        other: impl FnOnce() -> Topic,
    ) -> Option<Arc<Topic>> {
        if let Some(topic) = self.get(name) {
            return Some(topic);
        }
        exists(outcome).then(|| self.get_or_add(name, new, other))
    }

    pub(super) fn get_or_add(
        &self,
        name: &str,
        new: impl FnOnce() -> Topic,
        other: impl FnOnce() -> Topic,
    ) -> Arc<Topic> {
        if let Some(topic) = self.get(name) {
            return topic;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = known.get(name) {
            return topic.clone();
        }
        if known.len() >= TOPICS_MAX || name == OTHER {
            return self.other.get_or_init(|| Arc::new(other())).clone();
        }
        let topic = Arc::new(new());
        known.insert(name.to_owned(), topic.clone());
        topic
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// Whether a record's outcome says that its topic exists: what is checked before is not evidence.
fn exists(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Written(_) | Outcome::Accepted { .. } => true,
        Outcome::Refused(refusal) => matches!(
            refusal,
            Refusal::UnknownPartition { .. } | Refusal::RateLimited { .. } | Refusal::Full { .. }
        ),
    }
}
