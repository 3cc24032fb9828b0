//! The built filter in a small host: conversations, configurations, failing hosts, and bounds.

mod configuration;
mod conversations;
mod copies;
mod faults;
mod memory;
