//! Says in the log what went wrong: once when it begins or changes, and once when it is over.

use std::collections::BTreeMap;

use tracing::{debug, error, info, warn};

use crate::cluster::CallError;
use crate::metrics::Operation;
use crate::plan::Step;

/// What was said last about each thing that can go wrong; bounded by operations and configuration keys.
#[derive(Debug, Default)]
pub(super) struct Report {
    said: BTreeMap<String, String>,
}

impl Report {
    /// The outcome of a call; `what` names it within its operation.
    pub(super) fn call(
        &mut self,
        operation: Operation,
        what: &str,
        result: Result<(), &CallError>,
    ) {
        let key = format!("{} {what}", operation.label());
        match result {
            Ok(()) => {
                if self.said.remove(&key).is_some() {
                    info!(operation = operation.label(), what, "works again");
                }
            }
            Err(failed) if self.said.get(&key).is_some_and(|said| said == failed.reason) => {
                debug!(
                    operation = operation.label(),
                    what,
                    reason = failed.reason,
                    "{}",
                    failed.message
                );
            }
            Err(failed) => {
                let (operation_name, reason) = (operation.label(), failed.reason);
                if failed.is_transient() {
                    warn!(operation = operation_name, what, reason, "{}", failed.message);
                } else {
                    error!(operation = operation_name, what, reason, "{}", failed.message);
                }
                self.said.insert(key, failed.reason.to_owned());
            }
        }
    }

    /// A state of things that is worth a warning; `None` when it is over.
    pub(super) fn state(&mut self, topic: &str, text: Option<String>) {
        match text {
            None => {
                if self.said.remove(topic).is_some() {
                    info!("{topic}: no longer");
                }
            }
            Some(text) => {
                if self.said.get(topic) != Some(&text) {
                    warn!("{topic}: {text}");
                    self.said.insert(topic.to_owned(), text);
                }
            }
        }
    }
}

/// Names a step among others of its operation.
pub(super) fn name(step: &Step) -> String {
    match step {
        Step::AlterConfig { set, .. } => {
            set.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    }
}
