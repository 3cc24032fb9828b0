//! Metrics: the catalog, their names, and the sink that counts them.

pub mod catalog;
pub mod name;
