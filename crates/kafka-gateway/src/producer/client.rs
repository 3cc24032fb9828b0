//! The context of librdkafka's clients: tickets come back here, and so do statistics, errors and log lines.
//!
//! Everything here runs on a polling thread, and nothing blocks. Lines of one kind are written once in a while, with the
//! number of those that were not: a cluster that is away must not fill a disk.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka_gateway_api::{Header, Position, Record, Refusal};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers, Message};
use rdkafka::producer::{BaseProducer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Statistics};
use tracing::{debug, error, info, warn};

use super::classify::{self, About, Class};
use super::lane::Slot;
use super::native;
use super::topics::Shared as Topics;
use super::{Lane, Ticket};
use crate::metrics::Metrics;

/// A client that writes, or asks.
pub(super) type Client = BaseProducer<Context>;

/// What all clients share.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) metrics: Arc<Metrics>,
    /// Told when a record shows that a topic is not what it was.
    pub(super) topics: Arc<Topics>,
    /// The largest record that the gateway takes.
    pub(super) message_max_bytes: usize,
    /// Where records go that were refused with their batch and that nobody else will send again; `None` is that they
    /// were alone already.
    pub(super) alone: Option<Arc<Slot>>,
}

/// One client's context.
pub(super) struct Context {
    lane: Option<Lane>,
    around: Surroundings,
    /// The wrapper tells each error of a producer twice; this is the second time.
    told: AtomicBool,
    /// Tickets that did not come back yet.
    tickets: AtomicUsize,
    lines: Lines,
}

impl Context {
    /// For a lane; `None` is the client that asks.
    pub(super) fn new(lane: Option<Lane>, around: Surroundings) -> Self {
        let (told, tickets) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { lane, around, told, tickets, lines: Lines::default() }
    }

    /// A ticket goes to librdkafka.
    pub(super) fn gone(&self) {
        self.tickets.fetch_add(1, Ordering::AcqRel);
    }

    /// It came back, one way or the other.
    pub(super) fn back(&self) {
        self.tickets.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn tickets(&self) -> usize {
        self.tickets.load(Ordering::Acquire)
    }

    fn name(&self) -> &'static str {
        self.lane.map_or("topics", Lane::name)
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        let (message, code) = match result {
            Ok(message) => (message, None),
            Err((error, message)) => {
                (message, Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)))
            }
        };
        let topic = message.topic();
        let about = About {
            topic,
            partition: message.partition(),
            size_bytes: message.payload_len().saturating_add(message.key_len()),
            limit_bytes: self.around.message_max_bytes,
        };
        let outcome = classify::outcome(message, code, about);
        if let Some(code) = code
            && matches!(
                classify::class(code),
                Class::UnknownTopic | Class::UnknownPartition | Class::Forbidden
            )
        {
            self.around.topics.suspect(topic);
        }
        if let Some(ticket) = self.again(message, &outcome, ticket) {
            if let Some(lane) = self.lane {
                self.around.metrics.delivery(lane, topic, ticket.sent.elapsed(), &outcome);
            }
            if let Err(refusal) = &outcome
                && ticket.sink.is_answered()
            {
                self.lost(topic, refusal);
            }
            ticket.sink.delivered(ticket.index, outcome);
        }
        // After it is counted elsewhere: a flush that looks meanwhile sees it once at least.
        self.back();
    }
}

impl Context {
    /// Sends a record once more, alone, that was refused with its batch and that nobody else would send again. The
    /// ticket comes back when there is no reason to, or no room.
    fn again(
        &self,
        message: &BorrowedMessage<'_>,
        outcome: &Result<Position, Refusal>,
        ticket: Box<Ticket>,
    ) -> Option<Box<Ticket>> {
        let of_a_batch = matches!(outcome, Err(refusal) if classify::is_of_a_batch(refusal));
        let Some(alone) = self.around.alone.as_ref().filter(|_| of_a_batch) else {
            return Some(ticket);
        };
        if !ticket.sink.is_answered() {
            return Some(ticket);
        }
        match alone.send_again(&copied(message), ticket) {
            Ok(()) => {
                self.around.metrics.taken_back(message.topic());
                None
            }
            Err((_, ticket)) => Some(ticket),
        }
    }

    fn lost(&self, topic: &str, refusal: &Refusal) {
        let error = refusal.kafka().map_or(refusal.name(), |(_, name)| name);
        self.around.metrics.lost(error);
        if let Some(unwritten) = self.lines.admit("lost", Instant::now()) {
            error!(topic, error, unwritten, "lost: accepted in memory alone, and then {refusal}");
        }
    }
}

/// The record of a report, as it was sent: in the partition that was chosen then, with the time that it had.
fn copied<'a>(message: &'a BorrowedMessage<'_>) -> Record<'a> {
    let headers = message.headers().map(|headers| {
        let header = |header: rdkafka::message::Header<'a, &'a [u8]>| Header {
            name: Cow::Borrowed(header.key),
            value: header.value.map(Cow::Borrowed),
        };
        headers.iter().map(header).collect()
    });
    Record {
        topic: Cow::Borrowed(message.topic()),
        partition: Some(message.partition()).filter(|partition| *partition >= 0),
        key: message.key().map(Cow::Borrowed),
        value: message.payload().map(Cow::Borrowed),
        headers: headers.unwrap_or_default(),
        timestamp_ms: native::timestamp_ms(message),
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.lines.tell(self.name(), level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let name = classify::name(code);
        if self.told.fetch_xor(true, Ordering::Relaxed) {
            return;
        }
        self.around.metrics.client_error(self.name(), name);
        if let Some(unwritten) = self.lines.admit(name, Instant::now()) {
            warn!(client = self.name(), error = name, unwritten, "Kafka: {reason}");
        }
    }

    fn stats(&self, statistics: Statistics) {
        if let Some(lane) = self.lane {
            self.around.metrics.statistics(lane, &statistics);
        }
    }
}

/// Which kinds of lines were written lately.
#[derive(Default)]
pub(super) struct Lines {
    kinds: Mutex<HashMap<String, (Instant, u64)>>,
}

impl Lines {
    /// Writes a line of librdkafka's.
    pub(super) fn tell(
        &self,
        client: &'static str,
        level: RDKafkaLogLevel,
        facility: &str,
        message: &str,
    ) {
        if matches!(level, RDKafkaLogLevel::Debug) {
            debug!(target: "librdkafka", client, facility, "{message}");
            return;
        }
        let Some(unwritten) = self.admit(facility, Instant::now()) else { return };
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                error!(target: "librdkafka", client, facility, unwritten, "{message}");
            }
            RDKafkaLogLevel::Warning => {
                warn!(target: "librdkafka", client, facility, unwritten, "{message}");
            }
            _ => info!(target: "librdkafka", client, facility, unwritten, "{message}"),
        }
    }

    /// Whether to write a line of this kind, and how many were not written since the last; `None` is no.
    pub(super) fn admit(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((written, unwritten)) = kinds.get_mut(kind) {
            if now.saturating_duration_since(*written) < LINE_EVERY {
                *unwritten = unwritten.saturating_add(1);
                return None;
            }
            let before = *unwritten;
            (*written, *unwritten) = (now, 0);
            return Some(before);
        }
        if kinds.len() >= KINDS_MAX {
            kinds.retain(|_, (written, _)| now.saturating_duration_since(*written) < LINE_EVERY);
        }
        if kinds.len() < KINDS_MAX {
            kinds.insert(kind.to_owned(), (now, 0));
        }
        Some(0)
    }
}

/// One line of a kind in so long.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// librdkafka has fewer than this.
const KINDS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_line_is_written_once_in_a_while_with_the_number_of_the_others() {
        let (lines, begin) = (Lines::default(), Instant::now());
        assert_eq!(lines.admit("FAIL", begin), Some(0));
        for milliseconds in 1..=5 {
            assert_eq!(lines.admit("FAIL", begin + Duration::from_millis(milliseconds)), None);
        }
        assert_eq!(lines.admit("ERROR", begin), Some(0));
        assert_eq!(lines.admit("FAIL", begin + LINE_EVERY), Some(5));
        assert_eq!(lines.admit("FAIL", begin + LINE_EVERY * 2), Some(0));
    }
}
