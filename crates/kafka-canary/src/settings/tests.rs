//! Expected values are written by hand, from strimzi-canary's documentation and the canary's own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use super::*;

mod certificates;

fn from(environment: &[(&str, &str)]) -> Result<Checked, Problems> {
    let environment: HashMap<String, OsString> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect();
    check(Given::new(|_| None, |name| environment.get(name).cloned()))
}

fn settings(environment: &[(&str, &str)]) -> Settings {
    from(environment).unwrap_or_else(|problems| panic!("{environment:?}: {problems}")).settings
}

fn problems(environment: &[(&str, &str)]) -> Vec<String> {
    from(environment).expect_err("refused").0.iter().map(ToString::to_string).collect()
}

/// Arguments of the command line, with an environment.
fn with_flags(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Checked, Problems> {
    let arguments = ["kafka-canary"].iter().chain(arguments);
    let matches =
        flags::command().try_get_matches_from(arguments).unwrap_or_else(|error| panic!("{error}"));
    let matches = matches.subcommand().map_or(&matches, |(_, of_subcommand)| of_subcommand).clone();
    let environment: HashMap<String, OsString> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect();
    check(Given::new(
        |variable| flags::value(&matches, variable),
        |name| environment.get(name).cloned(),
    ))
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Name, flag, default.
const STRIMZI: [(&str, &str, &str); 30] = [
    ("KAFKA_BOOTSTRAP_SERVERS", "bootstrap-servers", "localhost:9092"),
    ("KAFKA_BOOTSTRAP_BACKOFF_MAX_ATTEMPTS", "bootstrap-backoff-max-attempts", "10"),
    ("KAFKA_BOOTSTRAP_BACKOFF_SCALE", "bootstrap-backoff-scale", "5000"),
    ("TOPIC", "topic", "__strimzi_canary"),
    ("TOPIC_CONFIG", "topic-config", ""),
    ("RECONCILE_INTERVAL_MS", "reconcile-interval-ms", "30000"),
    ("CLIENT_ID", "client-id", "strimzi-canary-client"),
    ("CONSUMER_GROUP_ID", "consumer-group-id", "strimzi-canary-group"),
    ("PRODUCER_LATENCY_BUCKETS", "producer-latency-buckets", "2,5,10,20,50,100,200,400"),
    ("ENDTOEND_LATENCY_BUCKETS", "endtoend-latency-buckets", "5,10,20,50,100,200,400,800"),
    ("EXPECTED_CLUSTER_SIZE", "expected-cluster-size", "-1"),
    ("KAFKA_VERSION", "kafka-version", "3.2.0"),
    ("SARAMA_LOG_ENABLED", "sarama-log-enabled", "false"),
    ("VERBOSITY_LOG_LEVEL", "verbosity-log-level", "0"),
    ("TLS_ENABLED", "tls-enabled", "false"),
    ("TLS_CA_CERT", "tls-ca-cert", ""),
    ("TLS_CLIENT_CERT", "tls-client-cert", ""),
    ("TLS_CLIENT_KEY", "tls-client-key", ""),
    ("TLS_INSECURE_SKIP_VERIFY", "tls-insecure-skip-verify", "false"),
    ("SASL_MECHANISM", "sasl-mechanism", ""),
    ("SASL_USER", "sasl-user", ""),
    ("SASL_PASSWORD", "sasl-password", ""),
    ("CONNECTION_CHECK_INTERVAL_MS", "connection-check-interval-ms", "120000"),
    (
        "CONNECTION_CHECK_LATENCY_BUCKETS",
        "connection-check-latency-buckets",
        "100,200,400,800,1600",
    ),
    ("STATUS_CHECK_INTERVAL_MS", "status-check-interval-ms", "30000"),
    ("STATUS_TIME_WINDOW_MS", "status-time-window-ms", "300000"),
    ("DYNAMIC_CONFIG_FILE", "dynamic-config-file", ""),
    ("DYNAMIC_CONFIG_WATCHER_INTERVAL", "dynamic-config-watcher-interval", "30000"),
    ("EXPORTER_TYPE_TRACING", "exporter-type-tracing", ""),
    ("PROMETHEUS_CONSTANT_LABELS", "prometheus-constant-labels", ""),
];

const OWN: [(&str, &str, &str); 25] = [
    ("KAFKA_CANARY_COMPATIBILITY", "compatibility", "none"),
    ("KAFKA_CANARY_PROBE_INTERVAL_MS", "probe-interval-ms", "1000"),
    ("KAFKA_CANARY_ACK_TIMEOUT_MS", "ack-timeout-ms", "5000"),
    ("KAFKA_CANARY_LATE_AFTER_MS", "late-after-ms", "20000"),
    ("KAFKA_CANARY_VALUE_BYTES", "value-bytes", ""),
    ("KAFKA_CANARY_REQUEST_TIMEOUT_MS", "request-timeout-ms", "10000"),
    ("KAFKA_CANARY_SETTLING_MS", "settling-ms", "300000"),
    ("KAFKA_CANARY_COORDINATORS_ENABLED", "coordinators-enabled", "true"),
    ("KAFKA_CANARY_COORDINATORS_INTERVAL_MS", "coordinators-interval-ms", "10000"),
    ("KAFKA_CANARY_COORDINATORS_TIMEOUT_MS", "coordinators-timeout-ms", "10000"),
    (
        "KAFKA_CANARY_SECONDS_BUCKETS",
        "seconds-buckets",
        "0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,20,60",
    ),
    ("KAFKA_CANARY_LISTEN", "listen", ":8080"),
    ("KAFKA_CANARY_READY_WINDOW_MS", "ready-window-ms", "30000"),
    ("KAFKA_CANARY_LOG_FORMAT", "log-format", "text"),
    ("KAFKA_CANARY_STOP_TIMEOUT_MS", "stop-timeout-ms", "5000"),
    ("KAFKA_CANARY_LIBRDKAFKA", "librdkafka", ""),
    ("KAFKA_CANARY_OAUTH_TOKEN_ENDPOINT", "oauth-token-endpoint", ""),
    ("KAFKA_CANARY_OAUTH_CLIENT_ID", "oauth-client-id", ""),
    ("KAFKA_CANARY_OAUTH_CLIENT_SECRET", "oauth-client-secret", ""),
    ("KAFKA_CANARY_OAUTH_SCOPE", "oauth-scope", ""),
    ("KAFKA_CANARY_OAUTH_CA_CERT", "oauth-ca-cert", ""),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp-endpoint", "http://localhost:4318"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otlp-traces-endpoint", ""),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otlp-headers", ""),
    ("OTEL_SERVICE_NAME", "otel-service-name", "kafka-canary"),
];

#[test]
fn every_variable_has_its_name_its_flag_and_its_default() {
    let table: Vec<_> =
        variables::all().map(|variable| (variable.name, variable.flag, variable.default)).collect();
    assert_eq!(table, [&STRIMZI[..], &OWN[..]].concat());
}

#[test]
fn without_any_the_defaults_hold() {
    let expected = Settings {
        kafka: Kafka {
            bootstrap: vec!["localhost:9092".to_owned()],
            backoff_attempts: 10,
            backoff_scale: milliseconds(5000),
            client_id: "strimzi-canary-client".to_owned(),
            tls: None,
            sasl: None,
            librdkafka: vec![],
            request_timeout: milliseconds(10_000),
        },
        topic: Topic {
            name: "__strimzi_canary".to_owned(),
            config: vec![],
            reconcile_interval: milliseconds(30_000),
            expected_brokers: None,
            settling: milliseconds(300_000),
        },
        probe: Probe {
            interval: milliseconds(1000),
            ack_timeout: milliseconds(5000),
            late_after: milliseconds(20_000),
            value_bytes: None,
            group: "strimzi-canary-group".to_owned(),
        },
        coordinators: Coordinators {
            enabled: true,
            interval: milliseconds(10_000),
            timeout: milliseconds(10_000),
        },
        connections: Connections { interval: milliseconds(120_000) },
        status: Status { check_interval: milliseconds(30_000), window: milliseconds(300_000) },
        metrics: MetricSettings {
            producer_latency_ms: vec![2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0],
            end_to_end_latency_ms: vec![5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0, 800.0],
            connection_latency_ms: vec![100.0, 200.0, 400.0, 800.0, 1600.0],
            seconds: vec![
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
                60.0,
            ],
            constant_labels: vec![],
        },
        http: Http { listen: ":8080".to_owned(), ready_window: milliseconds(30_000) },
        operation: Operation {
            verbosity: 0,
            client_log: false,
            json_log: false,
            dynamic_file: None,
            dynamic_interval: milliseconds(30_000),
            stop_timeout: milliseconds(5000),
            traces: None,
        },
        compatibility: Compatibility::None,
    };
    assert_eq!(from(&[]), Ok(Checked { settings: expected.clone(), warnings: vec![] }));

    let empty: Vec<(&str, &str)> =
        STRIMZI.iter().chain(&OWN).map(|(name, ..)| (*name, "")).collect();
    assert_eq!(
        from(&empty),
        Ok(Checked { settings: expected, warnings: vec![] }),
        "empty is as good as none"
    );
}

#[test]
fn what_is_given_is_what_is_meant() {
    let given = settings(&[
        ("KAFKA_BOOTSTRAP_SERVERS", " a:9092, [::1]:9093 ,"),
        ("TOPIC_CONFIG", "retention.ms=600000;segment.bytes=16384;"),
        ("PROMETHEUS_CONSTANT_LABELS", "cluster=blue;zone=a=b"),
        ("EXPECTED_CLUSTER_SIZE", "3"),
        ("SARAMA_LOG_ENABLED", "T"),
        ("VERBOSITY_LOG_LEVEL", "7"),
        ("CONNECTION_CHECK_LATENCY_BUCKETS", " 1, 2.5,10 "),
        ("DYNAMIC_CONFIG_FILE", "/opt/canary-config.json"),
        ("DYNAMIC_CONFIG_WATCHER_INTERVAL", "0"),
        ("KAFKA_CANARY_LIBRDKAFKA", "socket.keepalive.enable=true,client.rack=a"),
        ("KAFKA_CANARY_VALUE_BYTES", "1024"),
        ("KAFKA_CANARY_LOG_FORMAT", "json"),
        ("KAFKA_CANARY_COORDINATORS_ENABLED", "false"),
        ("KAFKA_CANARY_READY_WINDOW_MS", "5000"),
    ]);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(given.kafka.bootstrap, ["a:9092", "[::1]:9093"]);
    assert_eq!(
        given.topic.config,
        [pair("retention.ms", "600000"), pair("segment.bytes", "16384")]
    );
    assert_eq!(given.metrics.constant_labels, [pair("cluster", "blue"), pair("zone", "a=b")]);
    assert_eq!(given.topic.expected_brokers, Some(3));
    assert!(given.operation.client_log);
    assert_eq!(given.operation.verbosity, 2);
    assert_eq!(given.metrics.connection_latency_ms, [1.0, 2.5, 10.0]);
    assert_eq!(given.operation.dynamic_file, Some("/opt/canary-config.json".into()));
    assert_eq!(given.operation.dynamic_interval, Duration::ZERO);
    assert_eq!(
        given.kafka.librdkafka,
        [pair("socket.keepalive.enable", "true"), pair("client.rack", "a")]
    );
    assert_eq!(given.probe.value_bytes, Some(1024));
    assert!(given.operation.json_log);
    assert!(!given.coordinators.enabled);
    assert_eq!(given.http.ready_window, milliseconds(5000));
}

#[test]
fn the_compatibility_switch_takes_the_originals_rate() {
    let given = from(&[
        ("KAFKA_CANARY_COMPATIBILITY", "strimzi"),
        ("RECONCILE_INTERVAL_MS", "10000"),
        ("KAFKA_CANARY_PROBE_INTERVAL_MS", "500"),
    ])
    .unwrap();
    assert_eq!(given.settings.compatibility, Compatibility::Strimzi);
    assert_eq!(given.settings.probe.interval, milliseconds(10_000));
    assert_eq!(
        given.warnings,
        [
            "KAFKA_CANARY_PROBE_INTERVAL_MS has no effect: KAFKA_CANARY_COMPATIBILITY=strimzi writes every RECONCILE_INTERVAL_MS"
        ]
    );
}

#[test]
fn each_mechanism_takes_its_own_credentials() {
    let password = [("SASL_USER", "canary"), ("SASL_PASSWORD", " blanks stay ")];
    let credentials =
        || Credentials { user: "canary".to_owned(), password: " blanks stay ".to_owned() };
    for (name, expected) in [
        ("PLAIN", Sasl::Plain(credentials())),
        ("SCRAM-SHA-256", Sasl::ScramSha256(credentials())),
        ("scram-sha-512", Sasl::ScramSha512(credentials())),
    ] {
        let given = settings(&[password[0], password[1], ("SASL_MECHANISM", name)]);
        assert_eq!(given.kafka.sasl, Some(expected));
    }
    let given = settings(&[
        ("SASL_MECHANISM", "OAUTHBEARER"),
        ("KAFKA_CANARY_OAUTH_TOKEN_ENDPOINT", "https://localhost/token"),
        ("KAFKA_CANARY_OAUTH_CLIENT_ID", "canary"),
        ("KAFKA_CANARY_OAUTH_CLIENT_SECRET", "hush"),
    ]);
    let expected = OAuth {
        token_endpoint: "https://localhost/token".to_owned(),
        client_id: "canary".to_owned(),
        client_secret: "hush".to_owned(),
        scope: None,
        ca: None,
    };
    assert_eq!(given.kafka.sasl, Some(Sasl::OAuthBearer(expected)));
}

#[test]
fn what_cannot_be_says_the_variable_the_value_and_the_remedy() {
    for (name, value, remedy) in [
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "broker",
            "is not a list of host:port; write for example broker-0:9092,broker-1:9092",
        ),
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "PLAINTEXT://a:9092",
            "is not a list of host:port; write for example broker-0:9092,broker-1:9092",
        ),
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "a:99999",
            "is not a list of host:port; write for example broker-0:9092,broker-1:9092",
        ),
        (
            "RECONCILE_INTERVAL_MS",
            "30s",
            "is not a whole number from 1 to 2147483647; write for example 30000",
        ),
        (
            "RECONCILE_INTERVAL_MS",
            "0",
            "is not a whole number from 1 to 2147483647; write for example 30000",
        ),
        (
            "CONNECTION_CHECK_INTERVAL_MS",
            "-1",
            "is not a whole number from 1 to 2147483647; write for example 120000",
        ),
        (
            "EXPECTED_CLUSTER_SIZE",
            "0",
            "is no size of a cluster; write a number of brokers, or -1 for any",
        ),
        (
            "EXPECTED_CLUSTER_SIZE",
            "-2",
            "is not a whole number from -1 to 2147483647; write for example -1",
        ),
        ("TLS_ENABLED", "yes", "is neither; write true or false"),
        (
            "TOPIC",
            "a topic",
            "is no name of a topic; write at most 249 of a-z, A-Z, 0-9, '.', '_' and '-'",
        ),
        (
            "TOPIC",
            "..",
            "is no name of a topic; write at most 249 of a-z, A-Z, 0-9, '.', '_' and '-'",
        ),
        (
            "TOPIC_CONFIG",
            "retention.ms",
            "is not a list of different keys with values; write key=value;key=value",
        ),
        (
            "TOPIC_CONFIG",
            "a=1;;b=2",
            "is not a list of different keys with values; write key=value;key=value",
        ),
        (
            "TOPIC_CONFIG",
            "a=1;a=2",
            "is not a list of different keys with values; write key=value;key=value",
        ),
        (
            "PROMETHEUS_CONSTANT_LABELS",
            "no-name=1",
            "\"no-name\" is no name of a label; write letters, digits and '_'",
        ),
        (
            "PROMETHEUS_CONSTANT_LABELS",
            "topic=1",
            "\"topic\" is a label that metrics have already; write another name",
        ),
        (
            "PRODUCER_LATENCY_BUCKETS",
            "5,2",
            "are not ascending numbers above 0, at most 64; write for example 2,5,10,20,50,100,200,400",
        ),
        (
            "ENDTOEND_LATENCY_BUCKETS",
            "5,inf",
            "are not ascending numbers above 0, at most 64; write for example 5,10,20,50,100,200,400,800",
        ),
        (
            "SASL_MECHANISM",
            "GSSAPI",
            "is not known; write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER",
        ),
        (
            "STATUS_TIME_WINDOW_MS",
            "1000",
            "is less than STATUS_CHECK_INTERVAL_MS; write at least as much",
        ),
        (
            "KAFKA_CANARY_LATE_AFTER_MS",
            "4999",
            "is less than KAFKA_CANARY_ACK_TIMEOUT_MS; write at least as much",
        ),
        ("KAFKA_CANARY_COMPATIBILITY", "original", "is not known; write one of none, strimzi"),
        (
            "KAFKA_CANARY_LISTEN",
            "8080",
            "is not an address; write host:port, or :port for every address",
        ),
        (
            "KAFKA_CANARY_VALUE_BYTES",
            "2000000",
            "is not a whole number from 1 to 1000000; write for example 1",
        ),
    ] {
        assert_eq!(problems(&[(name, value)]), [format!("{name}={value:?}: {remedy}")]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_secrets_never() {
    let found = problems(&[
        ("SASL_MECHANISM", "PLAIN"),
        ("RECONCILE_INTERVAL_MS", "x"),
        ("KAFKA_CANARY_LIBRDKAFKA", "ssl.key.password"),
        ("TLS_ENABLED", "true"),
        ("TLS_CLIENT_KEY", "hunter2"),
    ]);
    assert_eq!(
        found,
        [
            "RECONCILE_INTERVAL_MS=\"x\": is not a whole number from 1 to 2147483647; write for example 30000",
            "TLS_CLIENT_KEY: is neither PEM nor a file that can be read (No such file or directory (os error 2))",
            "TLS_CLIENT_KEY: has no certificate; set TLS_CLIENT_CERT too, or neither",
            "SASL_USER: is missing; SASL_MECHANISM PLAIN needs it",
            "SASL_PASSWORD: is missing; SASL_MECHANISM PLAIN needs it",
            "KAFKA_CANARY_LIBRDKAFKA: is not a list of different keys with values; write key=value,key=value",
        ]
    );
    let secret = settings(&[
        ("SASL_MECHANISM", "PLAIN"),
        ("SASL_USER", "canary"),
        ("SASL_PASSWORD", "hunter2"),
        ("KAFKA_CANARY_LIBRDKAFKA", "ssl.key.password=hunter2"),
    ]);
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[test]
fn what_has_no_effect_is_a_warning_and_no_end() {
    let given = from(&[
        ("KAFKA_VERSION", "2.8.0"),
        ("EXPORTER_TYPE_TRACING", "zipkin"),
        ("TLS_CA_CERT", "/nowhere"),
        ("SASL_PASSWORD", "x"),
    ])
    .unwrap();
    assert_eq!(
        given.warnings,
        [
            "KAFKA_VERSION has no effect: versions are negotiated with each broker",
            "EXPORTER_TYPE_TRACING has no effect: the exporters are otlp and jaeger",
            "TLS_CA_CERT has no effect: TLS_ENABLED is false",
            "SASL_PASSWORD has no effect: SASL_MECHANISM is empty",
        ]
    );
}

#[test]
fn a_flag_beats_its_variable_on_both_sides_of_the_subcommand() {
    let environment = [("TOPIC", "from-environment"), ("CLIENT_ID", "from-environment")];
    for arguments in [
        &["--topic", "from-flag"][..],
        &["check", "--topic", "from-flag"],
        &["--topic", "from-flag", "check"],
    ] {
        let given = with_flags(arguments, &environment).unwrap().settings;
        assert_eq!(given.topic.name, "from-flag", "{arguments:?}");
        assert_eq!(given.kafka.client_id, "from-environment");
    }
    let given =
        with_flags(&["--expected-cluster-size", "-1", "--sarama-log-enabled", "check"], &[])
            .unwrap()
            .settings;
    assert!(given.operation.client_log);
    let wrong = with_flags(&["--topic", "a b"], &environment).unwrap_err();
    assert!(wrong.to_string().starts_with("--topic=\"a b\": is no name"), "{wrong}");
}

#[test]
fn help_shows_every_variable_with_its_flag_and_default_and_no_value() {
    let help = flags::command().render_long_help().to_string();
    let help: String = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, flag, default) in STRIMZI.iter().chain(&OWN) {
        assert!(
            help.contains(&format!("--{flag} ")) || help.contains(&format!("--{flag}[")),
            "{flag}"
        );
        let default = if default.is_empty() { "none" } else { default };
        assert!(help.contains(&format!("[env: {name}] [default: {default}]")), "{name}");
    }
}
