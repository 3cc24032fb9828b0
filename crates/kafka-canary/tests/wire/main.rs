//! The canary's own connections against peers that are dead, slow, hostile, or not Kafka at all: on loopback, each
//! peer a task of the test. Real brokers are in `tests/canary`.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

mod choice;
mod hostile;
mod login;
mod peer;
mod tls;
mod tokens;
