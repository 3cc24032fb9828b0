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

/// As the log's producer, with one record in each request.
pub(super) fn alone(settings: &KafkaSettings) -> ClientConfig {
    let mut config = producer(settings, Lane::Log);
    let more = [("batch.num.messages", "1"), ("queue.buffering.max.ms", "0")];
    for (key, value) in more.into_iter().chain([("statistics.interval.ms", "0")]) {
        config.set(key, value);
    }
    config
}

/// The properties of the client that asks about the cluster and its topics.
pub(super) fn asking(settings: &KafkaSettings) -> ClientConfig {
    let mut properties = common(settings);
    properties.insert("statistics.interval.ms".to_owned(), "0".to_owned());
    complete(properties)
}

/// The properties of a consumer that is told what to read, and reads it to its end: what only producers know is left
/// out, and nothing is committed.
pub(super) fn reading(settings: &KafkaSettings) -> ClientConfig {
    let mut properties = common(settings);
    properties.retain(|key, _| !PRODUCERS_ONLY.contains(&key.as_str()));
    for (key, value) in READING {
        properties.insert(key.to_owned(), value.to_owned());
    }
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

/// How a consumer is to read: whatever was written, in little memory, without a trace.
const READING: [(&str, &str); 10] = [
    ("statistics.interval.ms", "0"),
    ("allow.auto.create.topics", "false"),
    // A name that librdkafka asks for; no group is joined.
    ("group.id", "kafka-gateway"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_uncommitted"),
    // A topic that was made anew is read from its start.
    ("auto.offset.reset", "earliest"),
    ("queued.max.messages.kbytes", "8192"),
    // A broker that has no more says so after this time; half a second otherwise, for each topic.
    ("fetch.wait.max.ms", "50"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &[(&str, &str)]) -> KafkaSettings {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        KafkaSettings {
            properties: properties.iter().map(owned).collect(),
            acks: Acks::Leader,
            idempotence: true,
            message_max_bytes: 1_048_576,
            message_timeout: Duration::from_millis(2000),
            statistics_interval: Duration::from_secs(10),
            auto_create_topics: false,
            unknown_topic_ttl: Duration::from_secs(5),
        }
    }

    fn values(config: &ClientConfig, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| config.get(key).unwrap_or("absent").to_owned()).collect()
    }

    #[test]
    fn a_lane_has_its_acks_and_the_log_never_gives_up() {
        let settings = settings(&[("retries", "3"), ("message.timeout.ms", "2000")]);
        let keys = [
            "request.required.acks",
            "enable.idempotence",
            "message.timeout.ms",
            "message.send.max.retries",
        ];
        let of = |lane| values(&producer(&settings, lane), &keys);
        assert_eq!(of(Lane::Acks(Acks::All)), ["all", "true", "2000", "3"]);
        assert_eq!(of(Lane::Acks(Acks::Leader)), ["1", "false", "2000", "3"]);
        assert_eq!(of(Lane::Acks(Acks::None)), ["0", "false", "2000", "3"]);
        assert_eq!(of(Lane::Log), ["all", "true", "0", "2147483647"]);
    }

    #[test]
    fn the_log_is_idempotent_whatever_is_configured() {
        let mut settings = settings(&[("retries", "0"), ("max.in.flight", "100")]);
        settings.idempotence = false;
        let keys = ["enable.idempotence", "max.in.flight.requests.per.connection"];
        assert_eq!(values(&producer(&settings, Lane::Acks(Acks::All)), &keys), ["false", "100"]);
        assert_eq!(values(&producer(&settings, Lane::Log), &keys), ["true", "5"]);
    }

    #[test]
    fn an_alias_is_its_property_and_the_last_one_counts() {
        let settings = settings(&[
            ("bootstrap.servers", "a:9092"),
            ("metadata.broker.list", "b:9092"),
            ("linger.ms", "7"),
            ("acks", "0"),
            ("client.id", "mine"),
        ]);
        let config = producer(&settings, Lane::Acks(Acks::All));
        let keys = [
            "metadata.broker.list",
            "queue.buffering.max.ms",
            "request.required.acks",
            "client.id",
        ];
        assert_eq!(values(&config, &keys), ["b:9092", "7", "all", "mine"]);
        for alias in ["bootstrap.servers", "linger.ms", "acks"] {
            assert_eq!(config.get(alias), None);
        }
    }

    #[test]
    fn topics_are_made_only_when_it_is_asked_for() {
        let mut settings = settings(&[("allow.auto.create.topics", "true")]);
        let made = |settings: &KafkaSettings| {
            let configs = [asking(settings), producer(settings, Lane::Log), reading(settings)];
            configs.map(|config| config.get("allow.auto.create.topics") == Some("true"))
        };
        assert_eq!(made(&settings), [false, false, false]);
        settings.auto_create_topics = true;
        assert_eq!(made(&settings), [true, true, false], "reading never makes one");
    }

    #[test]
    fn authorities_are_looked_for_when_none_are_given() {
        let location = |properties: &[(&str, &str)]| {
            producer(&settings(properties), Lane::Log).get("ssl.ca.location").map(str::to_owned)
        };
        assert_eq!(location(&[]), None);
        assert_eq!(location(&[("security.protocol", "sasl_plaintext")]), None);
        assert_eq!(location(&[("security.protocol", "SASL_SSL")]).as_deref(), Some("probe"));
        let given = [("security.protocol", "ssl"), ("ssl.ca.location", "/etc/ca.pem")];
        assert_eq!(location(&given).as_deref(), Some("/etc/ca.pem"));
        assert_eq!(location(&[("security.protocol", "ssl"), ("ssl.ca.pem", "x")]), None);
    }

    #[test]
    fn what_only_producers_know_is_kept_from_consumers() {
        let settings = settings(&[("linger.ms", "5"), ("retries", "3"), ("client.id", "x")]);
        let keys = ["queue.buffering.max.ms", "message.send.max.retries", "client.id"];
        assert_eq!(values(&reading(&settings), &keys), ["absent", "absent", "x"]);
    }
}
