//! What kprf's users have goes on working.

use std::time::Duration;

use super::{loaded, property, settings};
use crate::settings::{Acks, Rate};

/// Every key that kprf knew, none at its default.
const WHOLE: &str = r#"
kafka:
  brokers:
    - 'one.example:9092'
    - "two.example"
  user: "shop"
  password: "0123"
  message_max_bytes: 2097152
  queue_buffering_max_messages: 5000
  queue_buffering_max_ms: 20
  queue_buffering_max_kbytes: 2048 # 2 MiB
  retries: 7
  message_timeout_ms: 4000
  request_timeout_ms: 15000
  request_required_acks: 1
  statistics_interval_ms: 1000

http:
  port: 4343
  metrics_port: 8089

output_file: "/dev/stdout"

ratelimit: # of two topics
  enabled: true
  rules:
    - topic_name: "clicks"
      max_requests_per_minute: 42
    - topic_name: "orders"
      max_requests_per_minute: 0
"#;

#[test]
fn its_whole_file_is_read() {
    let settings = settings(WHOLE);
    let expected = [
        ("bootstrap.servers", "one.example:9092,two.example"),
        ("message.max.bytes", "2097152"),
        ("queue.buffering.max.messages", "5000"),
        ("queue.buffering.max.kbytes", "2048"),
        ("linger.ms", "20"),
        ("retries", "7"),
        ("message.timeout.ms", "4000"),
        ("request.timeout.ms", "15000"),
        ("statistics.interval.ms", "1000"),
        ("security.protocol", "plaintext"),
    ];
    for (name, value) in expected {
        assert_eq!(property(&settings, name), Some(value), "{name}");
    }
    assert_eq!(settings.kafka.properties.len(), expected.len(), "{:?}", settings.kafka);
    assert_eq!(settings.kafka.acks, Acks::Leader);
    assert_eq!(settings.kafka.message_max_bytes, 2_097_152);
    assert_eq!(settings.kafka.message_timeout, Duration::from_secs(4));
    assert_eq!(settings.kafka.statistics_interval, Duration::from_secs(1));
    assert_eq!(settings.http.listen, "0.0.0.0:4343".parse().unwrap());
    assert_eq!(settings.management, "0.0.0.0:8089".parse().unwrap());
    assert_eq!(settings.output.file.unwrap().to_str(), Some("/dev/stdout"));
    assert_eq!(settings.topic_limits.len(), 2);
    assert_eq!(settings.topic_limits[0].topic, "clicks");
    assert_eq!(
        settings.topic_limits[0].rates.records,
        Some(Rate { per_second: 0.7, burst: 42 }),
        "42 records a minute, all of which may come at once"
    );
    assert_eq!(settings.topic_limits[1].rates.records, None, "0 is no limit");
    assert_eq!(
        settings.warnings,
        ["kafka.user and kafka.password are not used, as in kprf: kafka.sasl_mechanism is missing"]
    );
}

#[test]
fn what_it_left_out_has_its_defaults() {
    let settings = settings("kafka:\n  brokers:\n    - '127.0.0.1:9092'\n");
    for (name, value) in [
        ("message.max.bytes", "1048576"),
        ("queue.buffering.max.messages", "100000"),
        ("queue.buffering.max.kbytes", "1048576"),
        ("linger.ms", "10"),
        ("retries", "3"),
        ("message.timeout.ms", "2000"),
        ("request.timeout.ms", "30000"),
    ] {
        assert_eq!(property(&settings, name), Some(value), "{name}");
    }
    assert_eq!(settings.kafka.acks, Acks::All, "as its page said");
    assert_eq!(settings.http.listen.port(), 4242);
    assert_eq!(settings.management.port(), 8088);
    assert!(settings.topic_limits.is_empty());
    assert!(settings.access.anonymous.is_some(), "it knew no access control");
    assert!(settings.log.is_none());
    assert!(settings.output.file.is_none());
    assert_eq!(settings.warnings, [""; 0]);
}

/// Its library read them leniently.
#[test]
fn numbers_in_quotes_and_other_words_for_true_are_taken() {
    let settings = settings(
        "kafka: {brokers: 'a:1,b:2', retries: '5', user: 12}\nhttp: {port: \"4300\"}\n\
         ratelimit: {enabled: yes, rules: [{topic_name: 7, max_requests_per_minute: '60'}]}\n",
    );
    assert_eq!(property(&settings, "bootstrap.servers"), Some("a:1,b:2"));
    assert_eq!(property(&settings, "retries"), Some("5"));
    assert_eq!(settings.http.listen.port(), 4300);
    assert_eq!(settings.topic_limits[0].topic, "7");
    assert_eq!(settings.topic_limits[0].rates.records, Some(Rate { per_second: 1.0, burst: 60 }));
}

#[test]
fn rules_without_enabled_do_nothing_and_say_so() {
    let settings = settings(&WHOLE.replace("enabled: true", "enabled: false"));
    assert!(settings.topic_limits.is_empty());
    assert!(
        settings
            .warnings
            .contains(&"ratelimit.rules have no effect: ratelimit.enabled is false".to_owned()),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn json_is_yaml() {
    let text = "{\n\t\"kafka\": {\n\t\t\"brokers\": [\"a:9092\"],\n\t\t\"retries\": 4\n\t},\n\t\"http\": {\"port\": 1}\n}\n";
    let settings = loaded(text, &[]).unwrap();
    assert_eq!(property(&settings, "retries"), Some("4"));
    assert_eq!(settings.http.listen.port(), 1);
}
