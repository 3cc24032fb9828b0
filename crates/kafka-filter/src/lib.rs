//! What to watch and count on a Kafka connection: knows Kafka, not who hosts it.
//!
//! The crate opens no socket, reads no clock and calls no host function of its own: bytes come from
//! a [`Source`], time is an argument, metrics and shared memory are behind [`Host`].
//!
//! ```text
//!   shell                 Connection                       Filter (one a worker and configuration)
//!   downstream bytes -->  request handler --> in flight     labels   which values are admitted
//!   upstream bytes   -->  response handler <-- in flight    topics   ids to names
//!                               |                           recorder series to host metrics
//!                               +-------- counts ---------> flush at the end of each callback
//! ```
//!
//! Laws: observing changes nothing; metrics do not depend on how bytes were split; all memory has
//! a named bound; what cannot be decoded is given up, counted once, and still flows; every request
//! counted is answered, evicted, unacknowledged by design, or in flight.
#![forbid(unsafe_code)]

pub mod config;
mod connection;
mod filter;
mod group_lag;
mod host;
mod in_flight;
mod index_map;
pub mod metrics;
mod sniff;
mod topic_directory;

pub use connection::Connection;
pub use filter::Filter;
pub use host::{Clock, Expect, Fact, Host};
pub use kafka_wire::Source;

// The host in memory of the tests in `tests/`, for tests of modules too.
#[cfg(test)]
extern crate self as kafka_filter;
#[cfg(test)]
#[path = "../tests/support/host.rs"]
#[allow(
    clippy::arithmetic_side_effects,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "shared with other tests"
)]
mod fake_host;
