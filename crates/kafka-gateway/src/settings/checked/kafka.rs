//! The cluster, and librdkafka's properties: those that have a key of their own, then those that an operator adds,
//! each tried with librdkafka itself.

use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use super::super::keys::{self as k, Key};
use super::super::scope::Scope;
use super::super::secret;
use super::super::{Acks, KafkaSettings};

/// Checks everything under `kafka`.
pub(super) fn kafka(root: &Scope<'_>, warnings: &mut Vec<String>) -> KafkaSettings {
    let message_timeout = root.duration(&k::MESSAGE_TIMEOUT);
    if message_timeout <= root.duration(&k::LINGER) {
        root.refuse(
            &k::MESSAGE_TIMEOUT,
            "is not more than kafka.queue_buffering_max_ms: every record would fail while it waits; write more",
        );
    }
    let acks = match root.word(&k::ACKS) {
        Some("0") => Acks::None,
        Some("1") => Acks::Leader,
        _ => Acks::All,
    };
    let mut properties =
        Properties(vec![("bootstrap.servers".to_owned(), brokers(root).join(","))]);
    for (property, key) in NUMBERS {
        properties.set(property, &root.number(key).to_string());
    }
    security(root, &mut properties, warnings);
    added(root, &mut properties);
    KafkaSettings {
        idempotence: idempotence(root, acks),
        properties: properties.0,
        acks,
        message_max_bytes: root.size(&k::MESSAGE_MAX_BYTES),
        message_timeout,
        statistics_interval: root.duration(&k::STATISTICS),
        auto_create_topics: root.is_on(&k::AUTO_CREATE),
        unknown_topic_ttl: root.duration(&k::UNKNOWN_TTL),
    }
}

fn brokers(root: &Scope<'_>) -> Vec<String> {
    let brokers = root.texts(&k::BROKERS);
    if brokers.is_empty() {
        root.refuse(&k::BROKERS, "is missing; write at least one host:port");
    }
    for broker in brokers.iter().filter(|broker| !is_broker(broker)) {
        root.refuse(&k::BROKERS, format!("has {broker:?}, which is no broker; write host:port"));
    }
    brokers
}

/// `host`, `host:port` or `[address]:port`; librdkafka's `protocol://` would go around `security_protocol`.
fn is_broker(broker: &str) -> bool {
    let (host, port) = match broker.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (broker, None),
    };
    let is_host = !host.is_empty()
        && (host.starts_with('[') || !host.contains(':'))
        && host.chars().all(|letter| letter.is_ascii_graphic() && !"/,@".contains(letter));
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn idempotence(root: &Scope<'_>, acks: Acks) -> bool {
    let retries = root.number(&k::RETRIES);
    let asked = root.switch(&k::IDEMPOTENCE);
    if asked == Some(true) && acks != Acks::All {
        root.refuse(
            &k::IDEMPOTENCE,
            "needs all in-sync replicas; write kafka.request_required_acks: -1, or leave this key out: \
             requests that ask for acks=all are idempotent then",
        );
    }
    if asked == Some(true) && retries == 0 {
        root.refuse(
            &k::IDEMPOTENCE,
            "needs kafka.retries of at least 1; write that, or false here",
        );
    }
    asked.unwrap_or(retries > 0)
}

/// kprf gave user and password to librdkafka and could give no mechanism, so that no broker ever saw them: a file that
/// worked goes on working, with a warning. With a mechanism they are used, and over TLS unless clear text is asked for.
fn security(root: &Scope<'_>, properties: &mut Properties, warnings: &mut Vec<String>) {
    let user = root.text(&k::USER);
    let password = password(root);
    let mechanism = root.word(&k::SASL_MECHANISM);
    let protocol = root.word(&k::SECURITY_PROTOCOL);
    match (protocol, mechanism) {
        (Some("sasl_plaintext" | "sasl_ssl"), None) => {
            root.refuse(
                &k::SASL_MECHANISM,
                "is missing for that kafka.security_protocol; write it",
            );
        }
        (Some("plaintext" | "ssl"), Some(_)) => {
            root.refuse(
                &k::SECURITY_PROTOCOL,
                "has no SASL, and kafka.sasl_mechanism asks for it; write sasl_ssl or sasl_plaintext",
            );
        }
        _ => {}
    }
    let default = if mechanism.is_some() { "sasl_ssl" } else { "plaintext" };
    properties.set("security.protocol", protocol.unwrap_or(default));
    let Some(mechanism) = mechanism else {
        if user.is_some() || password.is_some() {
            warnings.push(
                "kafka.user and kafka.password are not used, as in kprf: kafka.sasl_mechanism is missing".to_owned(),
            );
        }
        return;
    };
    properties.set("sasl.mechanisms", mechanism);
    match (user, password) {
        (Some(user), Some(password)) => {
            properties.set("sasl.username", &user);
            properties.set("sasl.password", &password);
        }
        (None, _) => root.refuse(&k::USER, "is missing for that kafka.sasl_mechanism; write it"),
        // A file that cannot be read is told already.
        (Some(_), None) if root.has(&k::PASSWORD_FILE) => {}
        (Some(_), None) => root.refuse(
            &k::PASSWORD_FILE,
            "is missing for that kafka.sasl_mechanism, and so is kafka.password; write one of them",
        ),
    }
}

fn password(root: &Scope<'_>) -> Option<String> {
    let file = root.file(&k::PASSWORD_FILE);
    let clear = root.text(&k::PASSWORD);
    if file.is_some() && clear.is_some() {
        root.refuse(&k::PASSWORD_FILE, "stands beside kafka.password; write one of them");
    }
    match file.map(|file| secret::first_line(&file)) {
        Some(Ok(password)) => Some(password),
        Some(Err(why)) => {
            root.refuse(&k::PASSWORD_FILE, why);
            None
        }
        None => clear,
    }
}

/// What the operator adds.
fn added(root: &Scope<'_>, properties: &mut Properties) {
    let inline = root.mapping(&k::PROPERTIES);
    let files = root.mapping(&k::PROPERTY_FILES);
    for (name, value) in &inline {
        let given = (!secret::is_secret(name)).then_some(value.as_str());
        match refusal(name, value) {
            Some(remedy) => root.refuse_entry(&k::PROPERTIES, name, given, &remedy),
            None => properties.set(name, value),
        }
    }
    for (name, file) in &files {
        let remedy = if inline.iter().any(|(known, _)| known == name) {
            Some("stands in kafka.properties too; write it once".to_owned())
        } else {
            match secret::first_line(Path::new(file)) {
                Err(why) => Some(why),
                Ok(value) => {
                    let refusal = refusal(name, &value);
                    if refusal.is_none() {
                        properties.set(name, &value);
                    }
                    refusal
                }
            }
        };
        if let Some(remedy) = remedy {
            root.refuse_entry(&k::PROPERTY_FILES, name, Some(file), &remedy);
        }
    }
}

/// Why a property may not be set so.
fn refusal(name: &str, value: &str) -> Option<String> {
    if let Some((_, key)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        return Some(format!("is {key} here; write that key instead"));
    }
    if let Some((_, why)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == name) {
        return Some(format!("cannot be set: {why}; leave it out"));
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    let error = config.create_native_config().err()?;
    let why = match error {
        KafkaError::ClientConfig(_, why, _, _)
            if !secret::is_secret(name) || !why.contains(value) =>
        {
            why
        }
        _ => "this value is not possible".to_owned(),
    };
    Some(format!("is refused by librdkafka: {why}; its page CONFIGURATION.md has names and values"))
}

struct Properties(Vec<(String, String)>);

impl Properties {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, place)) => value.clone_into(place),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// Keys whose numbers librdkafka takes as they are.
const NUMBERS: [(&str, &Key); 8] = [
    ("message.max.bytes", &k::MESSAGE_MAX_BYTES),
    ("queue.buffering.max.messages", &k::QUEUE_MESSAGES),
    ("queue.buffering.max.kbytes", &k::QUEUE_KBYTES),
    ("linger.ms", &k::LINGER),
    ("retries", &k::RETRIES),
    ("message.timeout.ms", &k::MESSAGE_TIMEOUT),
    ("request.timeout.ms", &k::REQUEST_TIMEOUT),
    ("statistics.interval.ms", &k::STATISTICS),
];

/// Properties that have a key, under all their names.
const OWNED: [(&str, &str); 22] = [
    ("bootstrap.servers", "kafka.brokers"),
    ("metadata.broker.list", "kafka.brokers"),
    ("sasl.username", "kafka.user"),
    ("sasl.password", "kafka.password or kafka.password_file"),
    ("sasl.mechanism", "kafka.sasl_mechanism"),
    ("sasl.mechanisms", "kafka.sasl_mechanism"),
    ("security.protocol", "kafka.security_protocol"),
    ("message.max.bytes", "kafka.message_max_bytes"),
    ("queue.buffering.max.messages", "kafka.queue_buffering_max_messages"),
    ("queue.buffering.max.kbytes", "kafka.queue_buffering_max_kbytes"),
    ("queue.buffering.max.ms", "kafka.queue_buffering_max_ms"),
    ("linger.ms", "kafka.queue_buffering_max_ms"),
    ("retries", "kafka.retries"),
    ("message.send.max.retries", "kafka.retries"),
    ("message.timeout.ms", "kafka.message_timeout_ms"),
    ("delivery.timeout.ms", "kafka.message_timeout_ms"),
    ("request.timeout.ms", "kafka.request_timeout_ms"),
    ("acks", "kafka.request_required_acks"),
    ("request.required.acks", "kafka.request_required_acks"),
    ("statistics.interval.ms", "kafka.statistics_interval_ms"),
    ("enable.idempotence", "kafka.idempotence"),
    ("allow.auto.create.topics", "kafka.auto_create_topics"),
];

/// Properties that break what the gateway promises.
const FORBIDDEN: [(&str, &str); 5] = [
    ("transactional.id", "records of different requests are in no transaction together"),
    ("delivery.report.only.error", "every record's outcome is told"),
    ("enable.gapless.guarantee", "one record that fails would end the producer for all"),
    ("log.queue", "librdkafka's lines go to the gateway's log"),
    ("enabled_events", "the gateway sets what it handles"),
];
