//! librdkafka's two clients: their settings, and the glue that makes both log and log in as the rest does.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::books::Books;
use super::reason;
use crate::context::Context;
use crate::traces::{Place, Traces};
use crate::wire::Librdkafka;

/// The client that writes; its thread tells the books what became of records.
pub(super) type Producer = ThreadedProducer<Deliveries>;

/// The client that reads.
pub(super) type Consumer = StreamConsumer<Reader>;

/// A record on its way.
pub(super) struct Sent {
    pub(super) partition: i32,
    pub(super) id: u64,
    pub(super) at: std::time::Instant,
    /// Its trace, when there are traces.
    pub(super) trace: Option<Place>,
}

/// Makes the client that writes. Blocks for a moment.
///
/// # Errors
/// A setting that librdkafka refuses, certificates that it cannot read.
pub(super) fn producer(context: &Context, books: Arc<Books>) -> KafkaResult<Producer> {
    let ack_timeout = context.settings.probe.ack_timeout;
    let mut config = ClientConfig::new();
    for (key, value) in [
        ("acks", "all".to_owned()),
        ("enable.idempotence", "false".to_owned()),
        ("linger.ms", "0".to_owned()),
        // A record that was written and not acknowledged would come twice if it were sent again. Idempotence would
        // prevent that, but makes the partitions of a producer wait for each other. So a leader that moves costs the
        // probes of that moment. One answer is followed by another attempt all the same: "not leader", which librdkafka
        // takes for "not written", and which a leader that steps down gives also for what it has written already.
        ("message.send.max.retries", "0".to_owned()),
        // Waiting for a connection and for a leader is within this.
        ("message.timeout.ms", milliseconds(ack_timeout)),
        ("request.timeout.ms", milliseconds(ack_timeout)),
        ("queue.buffering.max.messages", QUEUED_RECORDS_MAX.to_string()),
        ("queue.buffering.max.kbytes", QUEUED_KBYTES_MAX.to_string()),
    ] {
        config.set(key, value);
    }
    let config = complete(config, context);
    let traces = context.traces.clone();
    config.create_with_context(Deliveries { client: context.wire.context(), books, traces })
}

/// Makes the client that reads. Blocks for a moment.
///
/// # Errors
/// As [`producer`].
pub(super) fn consumer(context: &Context) -> KafkaResult<Consumer> {
    let mut config = ClientConfig::new();
    for (key, value) in [
        // Only a name: partitions are assigned by hand, and nothing is committed by this client.
        ("group.id", context.settings.probe.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // A log that was cut or made anew is read from its start; the ledger tells what is new from what is not.
        ("auto.offset.reset", "earliest"),
        ("isolation.level", "read_uncommitted"),
        // The first end of a partition says that its reader stands.
        ("enable.partition.eof", "true"),
        // A record is small, and is read as soon as it is there.
        ("fetch.min.bytes", "1"),
        ("fetch.error.backoff.ms", "200"),
        ("fetch.max.bytes", "1048576"),
        ("max.partition.fetch.bytes", "131072"),
        ("queued.max.messages.kbytes", "1024"),
        ("queued.min.messages", "1000"),
    ] {
        config.set(key, value);
    }
    let config = complete(config, context);
    config.create_with_context(Reader { client: context.wire.context() })
}

/// What both have in common. What the operator gave for librdkafka goes last.
fn complete(mut own: ClientConfig, context: &Context) -> ClientConfig {
    let request_timeout = milliseconds(context.settings.kafka.request_timeout);
    for (key, value) in [
        // The topic is made by the reconcile loop, with its replicas where they belong, or not at all.
        ("allow.auto.create.topics", "false"),
        ("statistics.interval.ms", "0"),
        ("socket.timeout.ms", request_timeout.as_str()),
        ("socket.connection.setup.timeout.ms", request_timeout.as_str()),
        ("socket.keepalive.enable", "true"),
        ("socket.nagle.disable", "true"),
        // A broker that is back is in use again within a second or two, and a moved leader is known within ten.
        ("reconnect.backoff.ms", "100"),
        ("reconnect.backoff.max.ms", "2000"),
        ("topic.metadata.refresh.interval.ms", "10000"),
    ] {
        own.set(key, value);
    }
    // Not the other way round: a configuration shows its map with passwords blotted out.
    let mut config = context.wire.librdkafka();
    let given = &context.settings.kafka.librdkafka;
    for (key, value) in own.config_map() {
        if given.iter().all(|(known, _)| known != key) {
            config.set(key, value);
        }
    }
    config
}

/// The producer's context.
pub(super) struct Deliveries {
    client: Librdkafka,
    books: Arc<Books>,
    traces: Option<Arc<Traces>>,
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Self::DeliveryOpaque) {
        let latency = sent.at.elapsed();
        match result {
            Ok(record) => {
                let offset = Some(record.offset()).filter(|offset| *offset >= 0);
                self.books.acknowledged(sent.partition, sent.id, offset, latency);
                self.trace(&sent, latency, Ok(offset));
            }
            Err((error, _)) => {
                let reason = why(error);
                self.books.failed(sent.partition, sent.id, &reason);
                self.trace(&sent, latency, Err(&reason));
            }
        }
    }
}

impl Deliveries {
    fn trace(&self, sent: &Sent, latency: Duration, result: Result<Option<i64>, &str>) {
        if let (Some(traces), Some(place)) = (&self.traces, sent.trace) {
            traces.produced(place, sent.partition, latency, result);
        }
    }
}

/// The consumer's context.
pub(super) struct Reader {
    client: Librdkafka,
}

impl ConsumerContext for Reader {}

/// A label for an error.
pub(super) fn why(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| "client".to_owned(), reason)
}

macro_rules! delegate_client_context {
    ($($context:ty),*) => {$(
        impl ClientContext for $context {
            const ENABLE_REFRESH_OAUTH_TOKEN: bool = Librdkafka::ENABLE_REFRESH_OAUTH_TOKEN;

            fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
                self.client.log(level, facility, message);
            }

            fn error(&self, error: KafkaError, reason: &str) {
                // The end of a partition is no error; librdkafka has no other way to tell it.
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
                    self.client.error(error, reason);
                }
            }

            fn generate_oauth_token(
                &self,
                config: Option<&str>,
            ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
                self.client.generate_oauth_token(config)
            }
        }
    )*};
}
delegate_client_context!(Deliveries, Reader);

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

/// Records that wait at the producer at most: five seconds of 200 partitions at twenty times the default rate.
const QUEUED_RECORDS_MAX: u32 = 20_000;

/// And their bytes.
const QUEUED_KBYTES_MAX: u32 = 8192;
