//! Kafka's wire protocol from bytes to fields: streaming, resumable at any byte, without allocation.
//!
//! The crate opens no socket, reads no clock, keeps no metric and holds no message: it is handed
//! the bytes that passed, pulls the few it needs, and skips the rest by length.
//!
//! ```text
//!  Source (bytes of one callback)        Handler (who watches)
//!        |  read(offset, len)                 ^  head, fields, batches, frame_end
//!        v                                    |
//!  intake: carry + window --> frame: size, head, body --> walk: tables of schema
//! ```
//!
//! Invariants: nothing here panics, allocates by a peer's word, or reads past a frame; the events
//! that a [`Handler`] sees do not depend on how the bytes were split.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod batch;
mod error;
pub mod error_code;
mod frame;
pub mod header;
mod intake;
mod reader;
pub mod schema;
mod walk;

pub use batch::{Batch, Codec};
pub use error::{Malformed, Stop};
pub use frame::{FrameDecoder, FrameSize, Handler, Head, Outcome, Plan};
pub use intake::Source;
pub use walk::{Flow, Value, Visitor};

/// Named bounds of the decoder: what a peer chooses is checked against one of them.
pub mod limits {
    pub use crate::frame::HEAD_MAX;
    pub use crate::intake::{CARRY_MAX, WINDOW_MAX, WINDOW_MIN};
    pub use crate::reader::STRING_MAX;
    pub use crate::walk::STACK_MAX;
}
