//! What the tests of conversations share: a host in memory, a writer of messages, a player.
//!
//! Nothing here needs a file, a thread or a clock, so that the tests also run in WebAssembly.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]
#![allow(unreachable_pub, missing_docs, reason = "shared between the tests of this folder only")]

pub mod fetching;
pub mod groups;
pub mod host;
pub mod lines;
pub mod messages;
pub mod play;
pub mod random;
pub mod wire;
