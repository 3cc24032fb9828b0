//! What to watch and count on a Kafka connection: knows Kafka, not who hosts it.

pub mod config;
pub mod metrics;
