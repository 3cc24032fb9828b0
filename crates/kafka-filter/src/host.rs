//! What the filter needs from the process that hosts it: metrics, and memory that workers share.

use crate::metrics::catalog::Kind;

/// The host of one worker. Nothing here may block or panic; a host that fails costs numbers, never
/// traffic.
pub trait Host {
    /// Defines the metric of this name, or finds it; the id is valid on this worker for good.
    /// `None` when the host refuses.
    fn define_metric(&mut self, kind: Kind, name: &str) -> Option<u32>;

    /// Adds to a counter (above zero) or moves a gauge (either way).
    fn add(&mut self, metric: u32, amount: i64);

    /// Adds a sample to a histogram or sets a gauge.
    fn record(&mut self, metric: u32, value: u64);

    /// The value that any worker stored last under `key`, and its version.
    fn shared(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32)>;

    /// Stores a value for all workers; false when another worker was faster.
    fn share(&mut self, key: &[u8], value: &[u8], expect: Expect) -> bool;

    /// Tells the access log a fact of the connection whose callback runs; the last text stays.
    fn note(&mut self, fact: Fact, text: &str);
}

/// What an access log can say of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The client id of the first request, before any rewriting.
    ClientId,
    /// Name and version of the client library, with a slash between (KIP-511).
    ClientSoftware,
    /// The first topics that were written or read, with commas between.
    Topics,
    /// Why the connection is no longer decoded.
    OpaqueReason,
}

impl Fact {
    /// Every fact.
    pub const ALL: &[Self] =
        &[Self::ClientId, Self::ClientSoftware, Self::Topics, Self::OpaqueReason];

    /// What it is called in Envoy's filter state, behind `wasm.`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ClientId => "kafka_client_id",
            Self::ClientSoftware => "kafka_client_software",
            Self::Topics => "kafka_topics",
            Self::OpaqueReason => "kafka_opaque_reason",
        }
    }
}

/// The time when a callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// A clock that never goes back, in nanoseconds.
    pub monotonic_ns: u64,
    /// Milliseconds since 1970, as clocks on the wall have it.
    pub unix_ms: i64,
}

/// What must hold for a shared value to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no value yet.
    Absent,
    /// The value still has the version that [`Host::shared`] told.
    Version(u32),
}
