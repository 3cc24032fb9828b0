//! Both sources as pages see them, against servers that behave and servers that do not, and against a real Prometheus.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod direct;
mod fake;
mod real;
mod remote;
