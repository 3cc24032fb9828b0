//! Values keep their spelling, and mean what their keys say.

use std::time::Duration;

use super::{BROKERS, property, settings};
use crate::settings::{Fsync, Rate};

#[test]
fn what_looks_like_a_number_stays_as_it_is_spelt() {
    for spelling in
        ["0123", "1.10", "1e5", "0x1F", "yes", "+7", "1_000", "'null'", "12345678901234567890123"]
    {
        let settings = settings(&format!(
            "kafka: {{brokers: [a:1], user: {spelling}, password: {spelling}, sasl_mechanism: PLAIN}}\n"
        ));
        let expected = spelling.trim_matches('\'');
        assert_eq!(property(&settings, "sasl.username"), Some(expected));
        assert_eq!(property(&settings, "sasl.password"), Some(expected));
    }
}

#[test]
fn null_and_empty_are_as_good_as_nothing() {
    let settings = settings(
        "kafka: {brokers: [a:1], user: ~, retries: , password: ''}\nhttp:\nratelimit: {rules: null}\nwal: {directory: ''}\n",
    );
    assert_eq!(property(&settings, "retries"), Some("3"));
    assert_eq!(settings.http.listen.port(), 4242);
    assert!(settings.log.is_none());
    assert_eq!(settings.warnings, [""; 0]);
}

#[test]
fn anchors_and_merges_are_followed() {
    let settings = settings(
        "kafka: {brokers: [a:1]}\nratelimit:\n  enabled: true\n  rules:\n    - &one\n      topic_name: a\n      \
         max_records_per_second: 010\n    - <<: *one\n      topic_name: b\n",
    );
    assert_eq!(settings.topic_limits[1].topic, "b");
    let both = settings.topic_limits.iter().map(|limit| limit.rates.records);
    for rate in both {
        assert_eq!(rate, Some(Rate { per_second: 10.0, burst: 10 }));
    }
}

#[test]
fn the_server_is_as_written() {
    let settings = settings(&format!(
        "{BROKERS}http:\n  address: '::1'\n  metrics_address: 127.0.0.1\n  port: 0\n  metrics_port: 0\n  \
         body_max_bytes: 2048\n  bodies_max_bytes: 4096\n  records_max: 3\n  connections_max: 9\n  \
         header_timeout_ms: 1\n  body_timeout_ms: 2\n  idle_timeout_ms: 3\n  \
         tls: {{certificate_file: c.pem, key_file: k.pem, client_ca_file: ca.pem, client_required: true}}\n  \
         cors: {{origins: ['https://a.example', 'http://b.example:8080'], max_age_s: 5}}\ndrain_timeout_ms: 0\n"
    ));
    let http = settings.http;
    assert_eq!(http.listen, "[::1]:0".parse().unwrap());
    assert_eq!(settings.management, "127.0.0.1:0".parse().unwrap());
    assert_eq!((http.body_max_bytes, http.bodies_max_bytes), (2048, 4096));
    assert_eq!((http.records_max, http.connections_max), (3, 9));
    assert_eq!(http.header_timeout, Duration::from_millis(1));
    assert_eq!(http.body_timeout, Duration::from_millis(2));
    assert_eq!(http.idle_timeout, Duration::from_millis(3));
    let tls = http.tls.unwrap();
    assert_eq!(tls.certificate.to_str(), Some("c.pem"));
    assert_eq!(tls.key.to_str(), Some("k.pem"));
    assert_eq!(tls.client_ca.unwrap().to_str(), Some("ca.pem"));
    assert!(tls.client_required);
    let cors = http.cors.unwrap();
    assert_eq!(cors.origins, ["https://a.example", "http://b.example:8080"]);
    assert_eq!(cors.max_age, Duration::from_secs(5));
    assert_eq!(settings.drain_timeout, Duration::ZERO);
}

#[test]
fn the_log_and_the_keys_are_as_written() {
    let with =
        |wal: &str| settings(&format!("{BROKERS}wal: {{directory: /var/lib/log{wal}}}\n")).log;
    let log = with("").unwrap();
    assert_eq!(log.directory.to_str(), Some("/var/lib/log"));
    assert_eq!((log.max_bytes, log.segment_bytes), (1 << 30, 64 << 20));
    assert_eq!(log.fsync, Fsync::Always);
    let log = with(", max_bytes: 4194304, segment_bytes: 2097152, fsync: never").unwrap();
    assert_eq!((log.max_bytes, log.segment_bytes), (4 << 20, 2 << 20));
    assert_eq!(log.fsync, Fsync::Never);
    let log = with(", max_bytes: 4194304").unwrap();
    assert_eq!(log.segment_bytes, 1 << 20, "a quarter, as nothing else is asked for");
    let log = with(", fsync: interval, fsync_interval_ms: 7").unwrap();
    assert_eq!(log.fsync, Fsync::Every(Duration::from_millis(7)));
    let keys = settings(&format!("{BROKERS}idempotency: {{window_ms: 5000, keys_max: 2}}\n"));
    assert_eq!(keys.idempotency.window, Duration::from_secs(5));
    assert_eq!(keys.idempotency.keys_max, 2);
}

#[test]
fn log_lines_are_as_written() {
    let output = settings(&format!(
        "{BROKERS}output_file: /var/log/g.log\noutput_format: JSON\noutput_filter: warn,kafka_gateway=debug\n"
    ))
    .output;
    assert_eq!(output.file.unwrap().to_str(), Some("/var/log/g.log"));
    assert!(output.json);
    assert_eq!(output.filter, "warn,kafka_gateway=debug");
}

#[test]
fn a_burst_is_a_second_and_never_less_than_a_record() {
    let rates = |rule: &str| {
        let rule = format!("rules: [{{topic_name: t, {rule}}}]");
        settings(&format!("{BROKERS}ratelimit: {{enabled: true, {rule}}}\n")).topic_limits[0].rates
    };
    let of = |rate, burst| Some(Rate { per_second: rate, burst });
    assert_eq!(rates("max_records_per_second: 2.5").records, of(2.5, 3));
    assert_eq!(rates("max_records_per_second: 0.1").records, of(0.1, 1));
    assert_eq!(rates("max_records_per_second: 5, records_burst: 50").records, of(5.0, 50));
    assert_eq!(rates("max_requests_per_minute: 6, records_burst: 1").records, of(0.1, 1));
    assert_eq!(rates("max_bytes_per_second: 10").bytes, of(10.0, 1_048_576));
    assert_eq!(rates("max_bytes_per_second: 2e6").bytes, of(2e6, 2_000_000));
    assert_eq!(rates("max_bytes_per_second: 10, bytes_burst: 1048577").bytes, of(10.0, 1_048_577));
    assert_eq!(rates("max_bytes_per_second: 0, max_records_per_second: 0").bytes, None);
}

/// Spellings are taken from the file by their place in it.
#[test]
fn places_are_right_behind_other_letters() {
    for text in [
        "\u{feff}kafka: {brokers: [a:1], retries: 0012}\n",
        "# Größe — 大\r\nkafka:\r\n  brokers: [a:1] # ü\r\n  retries: 0012\r\n",
        "%YAML 1.2\n---\nkafka: {brokers: [a:1], \"retries\": 0012}\n...\n",
        "kafka: {brokers: [a:1], retries: &n 0012, user: *n}\n",
    ] {
        assert_eq!(property(&settings(text), "retries"), Some("12"), "{text}");
    }
    let twice = "kafka: {brokers: [a:1], user: &n 0012, password: *n, sasl_mechanism: PLAIN}\n";
    assert_eq!(property(&settings(twice), "sasl.username"), Some("0012"));
    assert_eq!(
        property(&settings(twice), "sasl.password"),
        Some("0012"),
        "an alias is what it stands for"
    );
    let marked =
        "\u{feff}kafka: {brokers: [a:1], user: 0012, password: 1.10, sasl_mechanism: PLAIN}\n";
    assert_eq!(property(&settings(marked), "sasl.username"), Some("0012"));
    assert_eq!(property(&settings(marked), "sasl.password"), Some("1.10"));
}

#[test]
fn every_beginning_of_a_file_is_taken_or_refused() {
    let text = "kafka: {brokers: ['ü:1', \"b\"], user: &u 0012,\n properties: {debug: msg}}\nratelimit:\n  rules:\n  \
                - topic_name: *u\n    max_requests_per_minute: 1.5e3\n# end — \nwal: |\n  text\n";
    let mut refused = 0;
    for beginning in (0..=text.len()).filter_map(|end| text.get(..end)) {
        refused += usize::from(super::loaded(beginning, &[]).is_err());
    }
    assert!(refused > 100, "{refused}");
}
