//! What librdkafka is told.

use super::{file, loaded, problem, problems, property, settings};
use crate::settings::Acks;

fn with(more: &str) -> crate::settings::Settings {
    settings(&format!("kafka: {{brokers: [broker:9092], {more}}}\n"))
}

/// The problems of a `kafka` that has brokers.
fn wrong(more: &str) -> String {
    problems(&format!("kafka: {{brokers: [broker:9092], {more}}}\n")).join("\n")
}

#[test]
fn acks_have_names_and_numbers() {
    for (text, acks) in
        [("-1", Acks::All), ("all", Acks::All), ("'1'", Acks::Leader), ("0", Acks::None)]
    {
        assert_eq!(with(&format!("request_required_acks: {text}")).kafka.acks, acks);
    }
    assert_eq!(
        wrong("request_required_acks: 2"),
        "kafka.request_required_acks (line 1): \"2\" is not known; write one of -1, all, 1, 0"
    );
}

#[test]
fn idempotence_is_on_unless_something_forbids_it() {
    assert!(with("").kafka.idempotence);
    assert!(with("request_required_acks: 1").kafka.idempotence, "for requests that ask for all");
    assert!(!with("retries: 0").kafka.idempotence, "librdkafka would refuse it");
    assert!(!with("idempotence: false").kafka.idempotence);
    assert!(with("idempotence: true").kafka.idempotence);
    let refused = wrong("idempotence: true, request_required_acks: 1");
    assert!(
        refused.starts_with("kafka.idempotence (line 1): \"true\" needs all in-sync"),
        "{refused}"
    );
    let refused = wrong("idempotence: true, retries: 0");
    assert!(refused.contains("needs kafka.retries of at least 1"), "{refused}");
}

#[test]
fn properties_are_added_and_unknown_ones_refused() {
    let settings =
        with("properties: {compression.type: zstd, socket.keepalive.enable: true, debug: ''}");
    assert_eq!(property(&settings, "compression.type"), Some("zstd"));
    assert_eq!(property(&settings, "socket.keepalive.enable"), Some("true"));
    let refused = wrong("properties: {compression.tipe: zstd, compression.type: brotli}");
    let lines: Vec<&str> = refused.lines().collect();
    assert_eq!(lines.len(), 2, "{refused}");
    assert!(
        lines[0].starts_with(
            "kafka.properties.compression.tipe (line 1): \"zstd\" is refused by librdkafka: "
        ),
        "{refused}"
    );
    assert!(lines[0].contains("No such configuration property"), "{refused}");
    assert!(
        lines[1].starts_with("kafka.properties.compression.type (line 1): \"brotli\""),
        "{refused}"
    );
}

#[test]
fn properties_that_have_a_key_or_break_a_promise_are_refused() {
    for (property, expected) in [
        ("linger.ms: 5", "is kafka.queue_buffering_max_ms here; write that key instead"),
        ("acks: all", "is kafka.request_required_acks here; write that key instead"),
        ("bootstrap.servers: x", "is kafka.brokers here; write that key instead"),
        ("enable.idempotence: true", "is kafka.idempotence here; write that key instead"),
        ("transactional.id: t", "cannot be set: records of different requests"),
        ("delivery.report.only.error: true", "cannot be set: every record's outcome is told"),
    ] {
        let refused = wrong(&format!("properties: {{{property}}}"));
        assert!(refused.contains(expected), "{property}: {refused}");
    }
}

#[test]
fn a_refused_secret_is_not_told() {
    let refused = wrong("properties: {ssl.key.pasword: hunter2hunter2}");
    assert!(
        refused.contains("ssl.key.pasword") && refused.contains("hunter2"),
        "no secret by its name: {refused}"
    );
    let refused = wrong("properties: {sasl.oauthbearer.method.secret: hunter2hunter2}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let refused = wrong("sasl_mechanism: PLAIN, password: {a: hunter2}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let password = file(&folder, "password", "correct horse\nsecond line\n");
    let key = file(&folder, "key", "battery\r\n");
    let settings = with(&format!(
        "user: shop, password_file: {}, sasl_mechanism: scram-sha-512, property_files: {{ssl.key.password: {}}}",
        password.display(),
        key.display()
    ));
    assert_eq!(property(&settings, "sasl.username"), Some("shop"));
    assert_eq!(property(&settings, "sasl.password"), Some("correct horse"));
    assert_eq!(property(&settings, "ssl.key.password"), Some("battery"));
    assert_eq!(property(&settings, "sasl.mechanisms"), Some("SCRAM-SHA-512"));
    let empty = file(&folder, "empty", "\n");
    let refused = wrong(&format!("password_file: {}", empty.display()));
    assert!(refused.ends_with("has no first line; write the secret there"), "{refused}");
    let refused = wrong("property_files: {ssl.key.password: /nowhere/at/all}");
    assert!(
        refused.starts_with(
            "kafka.property_files.ssl.key.password (line 1): \"/nowhere/at/all\" cannot be read:"
        ),
        "{refused}"
    );
    let refused = wrong(&format!("password: a, password_file: {}", password.display()));
    assert!(refused.contains("stands beside kafka.password; write one of them"), "{refused}");
}

#[test]
fn a_mechanism_is_over_tls_unless_clear_text_is_asked_for() {
    let sasl = "user: u, password: p, sasl_mechanism: PLAIN";
    assert_eq!(property(&with(sasl), "security.protocol"), Some("sasl_ssl"));
    let clear = with(&format!("{sasl}, security_protocol: SASL_PLAINTEXT"));
    assert_eq!(property(&clear, "security.protocol"), Some("sasl_plaintext"));
    assert_eq!(property(&with("security_protocol: ssl"), "security.protocol"), Some("ssl"));
    let refused = wrong("security_protocol: sasl_ssl");
    assert!(refused.starts_with("kafka.sasl_mechanism: is missing"), "{refused}");
    let refused = wrong(&format!("{sasl}, security_protocol: ssl"));
    assert!(refused.contains("kafka.security_protocol (line 1): \"ssl\" has no SASL"), "{refused}");
    let refused = wrong("sasl_mechanism: PLAIN, user: u");
    assert!(refused.starts_with("kafka.password_file: is missing"), "{refused}");
    let refused = wrong("sasl_mechanism: PLAIN, user: u, password_file: /nowhere/at/all");
    assert_eq!(refused.lines().count(), 1, "one cause, one line: {refused}");
    let refused = wrong("sasl_mechanism: PLAIN, password: p");
    assert!(refused.starts_with("kafka.user: is missing"), "{refused}");
}

#[test]
fn brokers_have_a_host_and_perhaps_a_port() {
    for good in ["a", "a:9092", "10.0.0.1:1", "'[::1]:9092'", "'[::1]'"] {
        settings(&format!("kafka: {{brokers: [{good}]}}\n"));
    }
    for bad in ["a:0", "a:99999", "a:b", "':9092'", "'PLAINTEXT://a:9092'", "'a b:1'", "'::1:9092'"]
    {
        let refused = problems(&format!("kafka: {{brokers: [{bad}]}}\n")).join("\n");
        assert!(refused.ends_with("which is no broker; write host:port"), "{bad}: {refused}");
    }
    assert_eq!(
        problems("http: {port: 1}\n"),
        ["kafka.brokers: is missing; write at least one host:port"]
    );
    assert_eq!(problems(""), ["kafka.brokers: is missing; write at least one host:port"]);
}

#[test]
fn a_record_must_be_able_to_wait_for_others() {
    let refused = wrong("message_timeout_ms: 50, queue_buffering_max_ms: 50");
    assert!(
        refused.contains("kafka.message_timeout_ms (line 1): \"50\" is not more than"),
        "{refused}"
    );
}

#[test]
fn the_mapping_of_properties_is_one() {
    assert!(problem("http: {cors: {origins: {a: b}}}\n").contains("is a mapping; write a list"));
    let refused =
        loaded("kafka: {brokers: [a], properties: [a, b]}\n", &[]).unwrap_err().to_string();
    assert_eq!(refused, "kafka.properties (line 1): is a list; write a mapping");
    let refused = loaded("kafka: {brokers: [a], properties: {debug: [a]}}\n", &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kafka.properties.debug (line 1): is not a single value; write one"
    );
}
