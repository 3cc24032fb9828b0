//! What the project's programs have in common for those who run them: metrics that are listed as they are made, the server
//! of `/metrics` and probes, and the pages of the documentation that are made of them.
//!
//! Arrows point one way: [`reference`](mod@reference) uses [`metrics`], and [`server`] stands alone.

pub mod metrics;
pub mod reference;
pub mod server;
