//! A small proxy-wasm host that plays Envoy to the built `kafka_filter.wasm`, so that what ships is
//! tested itself.
//!
//! An [`Envoy`] is the process: stats and shared data that all workers see, as in Envoy. A
//! [`Worker`] is one VM on one thread: it holds root contexts (plugin configurations) and streams
//! (connections). The host behaves as Envoy 1.40 was measured to, fails each call a test wants to
//! fail, and counts what the filter asks of it: calls, bytes copied, linear memory and fuel,
//! wasmtime's count of executed operations, which is the same in every run.
//!
//! References: proxy-wasm ABI 0.2.1; WASI preview 1.

pub mod artifact;
mod envoy;
mod imports;
pub mod kafka;
pub mod scenario;
mod worker;

pub use envoy::{Envoy, LogLine, Stat};
pub use worker::{Calls, Goodbye, Root, Stream, Worker};
