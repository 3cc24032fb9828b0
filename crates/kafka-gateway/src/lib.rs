//! HTTP in, Kafka out. Arrows point one way: [`http`] -> [`intake`] -> ([`auth`], [`limits`], [`idempotency`], [`wal`],
//! [`producer`]) -> [`metrics`], [`settings`]; [`pump`] moves what is in the write-ahead log to the producer. What
//! bodies mean is in the crate `kafka-gateway-api`.

pub mod auth;
pub mod check;
pub mod http;
pub mod idempotency;
pub mod intake;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod producer;
pub mod pump;
pub mod reply;
pub mod run;
pub mod settings;
pub mod wal;
