//! One error for all admin calls: a reason of a fixed list, and a text for people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use kafka_protocol::error::ResponseError;
use kafka_wire::error_code;

use crate::wire::WireError;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// Kafka's name of the error as `not_controller`, or [`WireError::reason`].
    pub reason: &'static str,
    /// What failed where, and what to do.
    pub message: String,
    transient: bool,
}

impl CallError {
    /// An error that no broker answered with.
    pub(crate) fn new(reason: &'static str, message: String, transient: bool) -> Self {
        Self { reason, message, transient }
    }

    /// Whether the same call may succeed later, without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// An error that Kafka answered with; `None` for the code of success.
    pub(super) fn of_code(what: &str, code: i16, said: Option<&str>) -> Option<Self> {
        let error = ResponseError::try_from_code(code)?;
        let reason = NAMES.get(&code).map_or("unknown", String::as_str);
        let said: String = said.unwrap_or_default().chars().take(SAID_CHARS).collect();
        let mut message = match error {
            ResponseError::Unknown(code) => format!("{what}: error {code}"),
            _ => format!("{what}: {reason}"),
        };
        if !said.is_empty() {
            message = format!("{message}: {said}");
        }
        if let Some(remedy) = remedy(error) {
            message = format!("{message}; {remedy}");
        }
        let transient = error.is_retriable() || passes(error);
        Some(Self { reason, message, transient })
    }

    /// Nothing if the code is the one of success.
    pub(super) fn check(what: &str, code: i16, said: Option<&str>) -> Result<(), Self> {
        Self::of_code(what, code, said).map_or(Ok(()), Err)
    }

    /// A response that lacks what was asked for.
    pub(super) fn incomplete(what: &str) -> Self {
        let message = format!("{what}: the broker's answer does not have it");
        Self { reason: "protocol", message, transient: true }
    }

    pub(super) fn is(&self, code: i16) -> bool {
        NAMES.get(&code).is_some_and(|name| name == self.reason)
    }
}

impl From<WireError> for CallError {
    fn from(error: WireError) -> Self {
        Self { reason: error.reason(), message: error.to_string(), transient: error.is_transient() }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}

/// Errors that Kafka does not call retriable, and that pass with the state of the cluster all the same.
fn passes(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::BrokerNotAvailable
            | ResponseError::NotController
            | ResponseError::ReassignmentInProgress
            | ResponseError::OperationNotAttempted
            | ResponseError::ThrottlingQuotaExceeded
            | ResponseError::StaleControllerEpoch
    )
}

fn remedy(error: ResponseError) -> Option<&'static str> {
    match error {
        ResponseError::TopicAuthorizationFailed => Some(
            "allow the canary's user Create, Describe, DescribeConfigs, Alter, AlterConfigs, Read, Write on its topic",
        ),
        ResponseError::GroupAuthorizationFailed => {
            Some("allow the canary's user Read and Describe on its group")
        }
        ResponseError::ClusterAuthorizationFailed => {
            Some("allow the canary's user Create, Describe and Alter on the cluster")
        }
        ResponseError::PolicyViolation => {
            Some("the cluster's policies refuse it: see TOPIC_CONFIG")
        }
        ResponseError::InvalidConfig => Some("correct TOPIC_CONFIG"),
        ResponseError::InvalidTopicException => Some("correct TOPIC"),
        _ => None,
    }
}

/// Kafka's names of errors in lower case.
static NAMES: LazyLock<BTreeMap<i16, String>> = LazyLock::new(|| {
    let name = |code| Some((code, error_code::name(code)?.to_ascii_lowercase()));
    error_code::codes().filter_map(name).collect()
});

/// How much of a broker's words a message repeats.
const SAID_CHARS: usize = 300;
