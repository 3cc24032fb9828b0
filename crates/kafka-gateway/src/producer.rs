//! Records to Kafka, through librdkafka.

use std::sync::Arc;
use std::time::Instant;

use kafka_gateway_api::{Position, Refusal};

/// Who wants to know what became of a record.
pub trait Sink: Send + Sync {
    /// Called once for each ticket, on librdkafka's polling thread: it must not block.
    fn delivered(&self, index: u64, result: Result<Position, Refusal>);
}

/// Goes with a record through librdkafka and comes back with its outcome.
pub struct Ticket {
    /// Told in the end.
    pub sink: Arc<dyn Sink>,
    /// Which of the sink's records.
    pub index: u64,
    /// When it was given to the producer.
    pub sent: Instant,
}
