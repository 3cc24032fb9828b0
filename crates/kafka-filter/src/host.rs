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
}

/// What must hold for a shared value to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no value yet.
    Absent,
    /// The value still has the version that [`Host::shared`] told.
    Version(u32),
}
