//! The environment over the file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::{BROKERS, environment, load, loaded, property};
use crate::settings::Rate;
use crate::settings::keys::{ALL, Form};

#[test]
fn variables_win_over_the_file() {
    let settings = loaded(
        "kafka: {brokers: [file:1], retries: 4, properties: {debug: broker}}\nhttp: {port: 1}\n",
        &[
            ("KAFKA_GATEWAY_KAFKA__BROKERS", "one:1, two:2"),
            ("KAFKA_GATEWAY_HTTP__PORT", "2"),
            ("KAFKA_GATEWAY_KAFKA__PROPERTIES__SSL_CA_LOCATION", "/etc/ca.pem"),
            ("KAFKA_GATEWAY_KAFKA__PROPERTIES__DEBUG", "msg"),
            ("KAFKA_GATEWAY_OUTPUT_FORMAT", "json"),
            ("KAFKA_GATEWAY_RATELIMIT__ENABLED", "true"),
            (
                "KAFKA_GATEWAY_RATELIMIT__RULES",
                "[{\"topic_name\": \"a\", \"max_requests_per_minute\": 60}]",
            ),
            ("KAFKA_GATEWAY_HTTP__CORS__ORIGINS", "https://a.example,https://b.example"),
            ("SOMETHING_ELSE", "1"),
        ],
    )
    .unwrap();
    assert_eq!(property(&settings, "bootstrap.servers"), Some("one:1,two:2"));
    assert_eq!(property(&settings, "retries"), Some("4"), "the file's, where no variable is");
    assert_eq!(property(&settings, "ssl.ca.location"), Some("/etc/ca.pem"));
    assert_eq!(property(&settings, "debug"), Some("msg"));
    assert_eq!(settings.http.listen.port(), 2);
    assert!(settings.output.json);
    assert_eq!(settings.topic_limits[0].rates.records, Some(Rate { per_second: 1.0, burst: 60 }));
    assert_eq!(settings.http.cors.unwrap().origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn the_environment_alone_is_enough() {
    let settings = load(None, environment(&[("KAFKA_GATEWAY_KAFKA__BROKERS", "a:1")])).unwrap();
    assert_eq!(property(&settings, "bootstrap.servers"), Some("a:1"));
    assert_eq!(
        load(None, []).unwrap_err().to_string(),
        "kafka.brokers: is missing; write at least one host:port"
    );
}

#[test]
fn an_empty_variable_leaves_the_file() {
    let settings = loaded(BROKERS, &[("KAFKA_GATEWAY_KAFKA__BROKERS", " ")]).unwrap();
    assert_eq!(property(&settings, "bootstrap.servers"), Some("broker:9092"));
}

#[test]
fn errors_name_the_variable() {
    let told = |name: &str, value: &str| loaded(BROKERS, &[(name, value)]).unwrap_err().to_string();
    assert_eq!(
        told("KAFKA_GATEWAY_HTTP__PORT", "x"),
        "http.port (KAFKA_GATEWAY_HTTP__PORT): \"x\" is not a whole number from 0 to 65535; the default is 4242"
    );
    assert_eq!(
        told("KAFKA_GATEWAY_HTTP__PROT", "1"),
        "KAFKA_GATEWAY_HTTP__PROT: is not known; KAFKA_GATEWAY_HTTP__PORT is"
    );
    assert_eq!(
        told("KAFKA_GATEWAY_KAFKA_BROKERS", "a:1"),
        "KAFKA_GATEWAY_KAFKA_BROKERS: is not known; KAFKA_GATEWAY_KAFKA__BROKERS is"
    );
    assert_eq!(
        told("KAFKA_GATEWAY_FROBNICATE", "1"),
        "KAFKA_GATEWAY_FROBNICATE: is not known; write KAFKA_GATEWAY_, and the path of a key in capitals with __ for \
         each dot"
    );
    assert_eq!(
        told("KAFKA_GATEWAY_KAFKA__PROPERTIES", "a=b"),
        "KAFKA_GATEWAY_KAFKA__PROPERTIES: is a mapping; write KAFKA_GATEWAY_KAFKA__PROPERTIES__NAME for each of its \
         names"
    );
    let text = told("KAFKA_GATEWAY_KAFKA__PROPERTIES__NON_SENSE", "1");
    assert!(
        text.starts_with(
            "kafka.properties.non.sense (KAFKA_GATEWAY_KAFKA__PROPERTIES__NON_SENSE): \"1\""
        ),
        "{text}"
    );
    let text = told("KAFKA_GATEWAY_RATELIMIT__RULES", "[{topic_name: a, max: 1}]");
    assert!(
        text.starts_with("ratelimit.rules[0].max (KAFKA_GATEWAY_RATELIMIT__RULES): "),
        "{text}"
    );
    let text = told("KAFKA_GATEWAY_RATELIMIT__RULES", "[{");
    assert!(text.starts_with("KAFKA_GATEWAY_RATELIMIT__RULES: is no YAML: "), "{text}");
}

#[test]
fn a_value_that_is_no_text_is_told() {
    let variable = (OsString::from("KAFKA_GATEWAY_KAFKA__BROKERS"), OsString::from_vec(vec![0xff]));
    let told = load(None, [variable]).unwrap_err().to_string();
    assert!(
        told.starts_with("KAFKA_GATEWAY_KAFKA__BROKERS: is not UTF-8; write it in UTF-8"),
        "{told}"
    );
}

/// As Kubernetes sets them for a Service `kafka-gateway` and one `kafka-gateway-metrics` in the namespace.
#[test]
fn what_kubernetes_says_of_services_is_no_setting() {
    let services = [
        ("KAFKA_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_GATEWAY_SERVICE_PORT", "4242"),
        ("KAFKA_GATEWAY_SERVICE_PORT_HTTP", "4242"),
        ("KAFKA_GATEWAY_PORT", "tcp://10.0.0.1:4242"),
        ("KAFKA_GATEWAY_PORT_4242_TCP", "tcp://10.0.0.1:4242"),
        ("KAFKA_GATEWAY_PORT_4242_TCP_PROTO", "tcp"),
        ("KAFKA_GATEWAY_PORT_4242_TCP_PORT", "4242"),
        ("KAFKA_GATEWAY_PORT_4242_TCP_ADDR", "10.0.0.1"),
        ("KAFKA_GATEWAY_METRICS_SERVICE_HOST", "10.0.0.2"),
        ("KAFKA_GATEWAY_METRICS_SERVICE_PORT", "8088"),
        ("KAFKA_GATEWAY_METRICS_PORT", "tcp://10.0.0.2:8088"),
        ("KAFKA_GATEWAY_METRICS_PORT_8088_TCP_ADDR", "10.0.0.2"),
    ];
    assert!(loaded(BROKERS, &services).is_ok());
    for (name, value) in [("KAFKA_GATEWAY_PORT", "4242"), ("KAFKA_GATEWAY_HTP__PORT", "4242")] {
        assert!(loaded(BROKERS, &[(name, value)]).is_err(), "{name} was meant as a setting");
    }
}

/// No key is in the table alone: what nothing reads would take any value.
#[test]
fn every_key_is_read() {
    let nonsense = "\u{1}nonsense,,";
    for key in ALL.iter().filter(|key| !matches!(key.form, Form::Mapping | Form::File)) {
        let Some(variable) = key.variable() else { continue };
        if ["kafka.user", "kafka.password"].contains(&key.path) {
            continue;
        }
        let told = loaded(BROKERS, &[(&variable, nonsense)]);
        let told = told.map_or_else(|problems| problems.to_string(), |_| String::new());
        assert!(told.contains(&variable), "{}: {told:?}", key.path);
        assert!(!told.contains(&format!("{variable}: is not known")), "{}: {told:?}", key.path);
    }
}
