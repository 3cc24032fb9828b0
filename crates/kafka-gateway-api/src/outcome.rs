//! What became of a record.

use crate::Refusal;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Kafka acknowledged it, as the acks asked for say.
    Written(Position),
    /// Nobody waited for Kafka: the record is in the write-ahead log, or, without one, in the memory of this process.
    Accepted {
        /// Whether the write-ahead log holds it.
        durable: bool,
    },
    /// It is not in Kafka as far as this process knows, and will not be written later because of this request; a
    /// [`Refusal::Unknown`] is the one exception.
    Refused(Refusal),
}

/// Where Kafka put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// `None` with acks=0: the broker does not answer.
    pub offset: Option<i64>,
    /// Milliseconds since the epoch: the producer's, or the broker's where the topic has LogAppendTime.
    pub timestamp_ms: Option<i64>,
}

impl Outcome {
    /// Whether the caller may forget the record.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}
