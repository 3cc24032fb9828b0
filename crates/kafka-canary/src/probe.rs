//! Writing to and reading from every partition, and the books in which both are kept.
//!
//! The invariant: every probe that is due is counted, and ends in exactly one outcome, whatever brokers do. No partition
//! waits for another: nothing here waits for a broker at all, librdkafka does, with a queue for each partition.

use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::context::Context;
use crate::targets::Targets;

mod books;
mod client;
mod consumer;
mod producer;
mod schedule;

use books::Books;

/// Writes and reads until `stop`.
pub async fn run(
    context: Arc<Context>,
    targets: watch::Receiver<Arc<Targets>>,
    stop: CancellationToken,
) {
    let books = Arc::new(Books::new(Arc::clone(&context)));
    // Two tasks, so that neither ever waits for the other's turn. Both end with `stop` alone.
    let mut producing = AbortOnDropHandle::new(tokio::spawn(producer::run(
        Arc::clone(&context),
        Arc::clone(&books),
        targets.clone(),
        stop.clone(),
    )));
    let mut consuming =
        AbortOnDropHandle::new(tokio::spawn(consumer::run(context, books, targets, stop.clone())));
    let (ended, other) = tokio::select! {
        ended = &mut producing => (ended, consuming),
        ended = &mut consuming => (ended, producing),
    };
    if let Err(error) = ended {
        tracing::error!("a probe loop ended: {error}");
    }
    // Half a probe is none: only after a stop is there something to wait for.
    if stop.is_cancelled()
        && let Err(error) = other.await
    {
        tracing::error!("a probe loop ended: {error}");
    }
}

/// A label for an error of librdkafka, or of a broker as librdkafka names it: the variant's name in snake case, of which
/// there are as many as variants.
#[must_use]
pub fn reason(code: RDKafkaErrorCode) -> String {
    let name = format!("{code:?}");
    let mut out = String::with_capacity(name.len() + 8);
    let mut characters = name.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        let starts_word = before.is_some_and(|before: char| {
            before.is_lowercase()
                || (character.is_uppercase()
                    && characters.peek().is_some_and(|next| next.is_lowercase()))
        });
        if character.is_uppercase() && starts_word {
            out.push('_');
        }
        out.extend(character.to_lowercase());
        before = Some(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_snake_case() {
        for (code, expected) in [
            (RDKafkaErrorCode::MessageTimedOut, "message_timed_out"),
            (RDKafkaErrorCode::NotLeaderForPartition, "not_leader_for_partition"),
            (RDKafkaErrorCode::QueueFull, "queue_full"),
            (RDKafkaErrorCode::SSL, "ssl"),
            (RDKafkaErrorCode::ISRInsufficient, "isr_insufficient"),
            (RDKafkaErrorCode::PartitionEOF, "partition_eof"),
            (RDKafkaErrorCode::UnknownTopicOrPartition, "unknown_topic_or_partition"),
        ] {
            assert_eq!(reason(code), expected);
        }
    }
}
