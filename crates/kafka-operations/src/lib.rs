//! What the project's programs have in common for those who run them: metrics that are listed as they are made, the server
//! of `/metrics` and probes, log lines, and the pages of the documentation that are made of the lists.
//!
//! Arrows point one way: [`reference`](mod@reference) uses [`metrics`]; [`logs`] and [`server`] stand alone.

pub mod logs;
pub mod metrics;
pub mod reference;
pub mod server;
