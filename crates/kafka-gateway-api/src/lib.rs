//! What an HTTP client writes and reads, without HTTP and without Kafka: request bodies become [`Record`]s that borrow
//! from the body, and [`Outcome`]s, one for each record and in its order, become a status and a response body.
//!
//! Nothing here opens a socket, reads a clock or knows a client library: bodies are hostile bytes, and this crate is
//! what is fuzzed. Three dialects: kprf's `POST /push`, Confluent REST v3, and raw bodies.

mod json;
pub mod outcome;
pub mod push;
pub mod raw;
pub mod record;
pub mod refusal;
pub mod response;
pub mod v3;
mod values;

pub use outcome::{Outcome, Position};
pub use record::{Header, IDEMPOTENCY_KEY, Record};
pub use refusal::Refusal;
pub use response::Response;
pub use values::{HEADERS_MAX, TIMESTAMP_MAX_MS};

/// The OpenAPI document of the whole server, as `/openapi.yaml` serves it.
pub const OPENAPI: &str = include_str!("../openapi.yaml");
