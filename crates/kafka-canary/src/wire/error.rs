//! What can go wrong between the canary and one broker, said with the place and the remedy.
//!
//! The reason is one of a fixed list, so it may be a label; everything that a peer chose is only in the text.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A connection or a request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    failure: Failure,
    place: String,
    what: String,
    remedy: Option<Cow<'static, str>>,
}

/// The kinds of failure: a fixed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The host's name has no address.
    Dns,
    /// Nobody listens on the port.
    Refused,
    /// There is no way to the host.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The peer closed the connection.
    Closed,
    /// The bytes are not Kafka's, or not those that were asked for.
    Protocol,
    /// TLS: a certificate, or a peer that does not speak it.
    Tls,
    /// The peer has no version of a request, or not the mechanism, that the canary has.
    Unsupported,
    /// The token endpoint gives no token.
    Token,
    /// The broker does not accept the login.
    Authentication,
    /// Settings that cannot work anywhere.
    Configuration,
}

impl Failure {
    /// The value of a label `reason`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::Unsupported => "unsupported",
            Self::Token => "token",
            Self::Authentication => "authentication",
            Self::Configuration => "configuration",
        }
    }
}

impl WireError {
    pub(crate) fn new(failure: Failure, place: &str, what: impl Into<String>) -> Self {
        Self { failure, place: place.to_owned(), what: what.into(), remedy: None }
    }

    /// With what the operator can do.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn configuration(variable: &str, what: impl Into<String>) -> Self {
        Self::new(Failure::Configuration, variable, what)
    }

    pub(crate) fn timeout(place: &str, doing: &str, waited: Duration) -> Self {
        let what = format!("no answer within {} ms ({doing})", waited.as_millis());
        Self::new(Failure::Timeout, place, what)
    }

    /// The kind of failure.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The kind of failure as a word of a fixed list.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.failure.reason()
    }

    /// Whether the same attempt may succeed later, without anybody changing settings.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.failure {
            Failure::Dns
            | Failure::Refused
            | Failure::Unreachable
            | Failure::Timeout
            | Failure::Closed
            | Failure::Token => true,
            Failure::Protocol
            | Failure::Tls
            | Failure::Unsupported
            | Failure::Authentication
            | Failure::Configuration => false,
        }
    }

    /// Whether other brokers of the cluster would say the same.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.failure, Failure::Authentication | Failure::Configuration | Failure::Token)
    }

    /// One error for several attempts: the most telling one, and where the others failed.
    pub(crate) fn of_all(attempts: Vec<Self>) -> Self {
        let others: Vec<String> = attempts
            .iter()
            .take(ATTEMPTS_TOLD)
            .map(|error| format!("{}: {}", error.place, error.reason()))
            .collect();
        let several = attempts.len() > 1;
        let Some(mut worst) = attempts.into_iter().max_by_key(|error| error.failure) else {
            return Self::configuration("KAFKA_BOOTSTRAP_SERVERS", "no server to connect to");
        };
        if several {
            worst.what = format!("{} (all attempts: {})", worst.what, others.join(", "));
        }
        worst
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.what)?;
        match &self.remedy {
            Some(remedy) => write!(out, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for WireError {}

/// How many attempts an error text lists.
const ATTEMPTS_TOLD: usize = 8;
