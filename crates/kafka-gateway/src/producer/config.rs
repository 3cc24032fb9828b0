//! What each client is told: the operator's properties, under them what suits a gateway, over them what a lane is.
//!
//! An alias and its property are one key here, because librdkafka sees them in no order. Reference: librdkafka's
//! CONFIGURATION.md.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;

use super::Lane;
use crate::settings::{Acks, KafkaSettings};

/// The properties of a lane's producer.
pub(super) fn producer(settings: &KafkaSettings, lane: Lane) -> ClientConfig {
    let mut properties = common(settings);
    let mut set = |key: &str, value: &str| {
        properties.insert(key.to_owned(), value.to_owned());
    };
    set("statistics.interval.ms", &milliseconds(settings.statistics_interval));
    let (acks, idempotent) = match lane {
        Lane::Acks(Acks::None) => ("0", false),
        Lane::Acks(Acks::Leader) => ("1", false),
        Lane::Acks(Acks::All) => ("all", settings.idempotence),
        Lane::Log => ("all", true),
    };
    set("request.required.acks", acks);
    set("enable.idempotence", if idempotent { "true" } else { "false" });
    match lane {
        // The log gives no record up while it can still be written: no time, no number of attempts.
        Lane::Log => {
            set("message.timeout.ms", "0");
            set("message.send.max.retries", "2147483647");
        }
        // Zero would be for ever.
        Lane::Acks(_) => {
            set("message.timeout.ms", &milliseconds(settings.message_timeout.max(TIMEOUT_MIN)));
        }
    }
    if idempotent {
        fit_for_idempotence(&mut properties);
    }
    complete(properties)
}

/// The properties of the client that asks about the cluster and its topics.
pub(super) fn asking(settings: &KafkaSettings) -> ClientConfig {
    let mut properties = common(settings);
    properties.insert("statistics.interval.ms".to_owned(), "0".to_owned());
    complete(properties)
}

/// The properties of a consumer that reads without a group: what only producers know is left out.
pub(crate) fn reading(settings: &KafkaSettings) -> ClientConfig {
    let mut properties = common(settings);
    properties.retain(|key, _| !PRODUCERS_ONLY.contains(&key.as_str()));
    properties.insert("statistics.interval.ms".to_owned(), "0".to_owned());
    complete(properties)
}

fn common(settings: &KafkaSettings) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    for (key, value) in &settings.properties {
        properties.insert(canonical(key).to_owned(), value.clone());
    }
    let encrypted = properties
        .get("security.protocol")
        .is_some_and(|protocol| protocol.to_ascii_lowercase().contains("ssl"));
    if encrypted && !AUTHORITIES.iter().any(|key| properties.contains_key(*key)) {
        // librdkafka's OpenSSL is linked in and knows no distribution's places.
        properties.insert("ssl.ca.location".to_owned(), "probe".to_owned());
    }
    // librdkafka's producers allow it when nobody says anything.
    let create = if settings.auto_create_topics { "true" } else { "false" };
    properties.insert("allow.auto.create.topics".to_owned(), create.to_owned());
    properties
}

/// librdkafka refuses idempotence with numbers that other lanes may well have.
fn fit_for_idempotence(properties: &mut BTreeMap<String, String>) {
    let number = |value: &String| value.parse::<i64>().ok();
    let in_flight = "max.in.flight.requests.per.connection";
    if properties.get(in_flight).and_then(number).is_some_and(|count| count > 5) {
        properties.insert(in_flight.to_owned(), "5".to_owned());
    }
    let retries = "message.send.max.retries";
    if properties.get(retries).and_then(number).is_some_and(|count| count < 1) {
        properties.insert(retries.to_owned(), "1".to_owned());
    }
}

fn complete(properties: BTreeMap<String, String>) -> ClientConfig {
    properties.into_iter().collect()
}

fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, property)| property)
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().min(i32::MAX.unsigned_abs().into()).to_string()
}

/// librdkafka's aliases, and what they stand for.
const ALIASES: [(&str, &str); 9] = [
    ("bootstrap.servers", "metadata.broker.list"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("retries", "message.send.max.retries"),
    ("compression.type", "compression.codec"),
    ("acks", "request.required.acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
];

/// What librdkafka would warn about in a consumer.
const PRODUCERS_ONLY: [&str; 19] = [
    "acks",
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "delivery.report.only.error",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "message.send.max.retries",
    "message.timeout.ms",
    "partitioner",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "request.required.acks",
    "request.timeout.ms",
    "sticky.partitioning.linger.ms",
];

/// Who gives one of these knows whom to trust.
const AUTHORITIES: [&str; 3] = ["ssl.ca.location", "ssl.ca.pem", "ssl.ca.certificate.stores"];

/// What suits a gateway when the operator says nothing.
const DEFAULTS: [(&str, &str); 6] = [
    ("client.id", "kafka-gateway"),
    ("socket.keepalive.enable", "true"),
    ("socket.nagle.disable", "true"),
    // A broker that is back is in use again within a second or two, and one that is away is not hammered.
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "2000"),
    // New partitions of a topic can be written to within a minute.
    ("topic.metadata.refresh.interval.ms", "60000"),
];

/// librdkafka takes a millisecond; less is a mistake of units.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
