//! The server on a free port of loopback, in front of librdkafka's mock cluster, and clients that behave or do not.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod bodies;
mod certificates;
mod client;
mod connections;
mod gateway;
mod process;
mod statuses;
mod streams;
mod tls;
