//! The laws of kafka-filter as assertions over arbitrary input: bodies of the fuzz targets.
//!
//! Each target is a function of bytes that panics when a law is broken, so that libFuzzer can drive it
//! (`fuzz_targets/`) and a plain test can run it over the corpus (`tests/corpus.rs`).
//!
//! - L1 observing changes nothing: a source is only read, inside its length, and little more than once;
//! - L2 metrics and verdicts do not depend on how the input was split;
//! - L3 memory, shared memory, label values and series have bounds;
//! - L4 what cannot be decoded becomes opaque, is counted once, and then nothing more;
//! - L5 every request counted is answered, unacknowledged, evicted or in flight.

pub mod config;
pub mod connection;
pub mod encode;
pub mod frame;
pub mod gateway;
pub mod header;
pub mod heap;
pub mod host;
pub mod input;
pub mod records;
pub mod scrape;
pub mod script;
pub mod source;
pub mod trace;
pub mod walker;

/// A target's body: panics when a law is broken.
pub type Target = fn(&[u8]);

/// Every target by name: what the corpus test and the seeds go through.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame", frame::run),
    ("header", header::run),
    ("walker", walker::run),
    ("connection", connection::run),
    ("config", config::run),
    ("gateway", gateway::run),
    ("scrape", scrape::run),
];
