//! Every variable: its name, its flag, its default and what it means. `--help` and the reference page are made of this
//! table, and nothing reads the environment past it.
//!
//! The first part has strimzi-canary's names and defaults. Flags are the same values: a flag beats its variable.

/// One value that may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Name in the environment.
    pub name: &'static str,
    /// Name of the flag, without the dashes.
    pub flag: &'static str,
    /// What is taken when it is absent or empty; empty for "nothing".
    pub default: &'static str,
    /// What a value looks like, with its unit.
    pub form: Form,
    /// What it is for.
    pub help: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text; the word stands in `--help`.
    Text(&'static str),
    /// A text that no log, error or help shows.
    Secret(&'static str),
    /// `true` or `false`; the flag alone means true.
    Switch,
    /// A whole number.
    Number,
    /// A whole number of milliseconds.
    Milliseconds,
}

const fn variable(
    name: &'static str,
    flag: &'static str,
    default: &'static str,
    form: Form,
    help: &'static str,
) -> Variable {
    Variable { name, flag, default, form, help }
}

use Form::{Milliseconds, Number, Secret, Switch, Text};

pub(super) const BOOTSTRAP: Variable = variable(
    "KAFKA_BOOTSTRAP_SERVERS",
    "bootstrap-servers",
    "localhost:9092",
    Text("HOST:PORT,..."),
    "Brokers to ask first",
);
pub(super) const BACKOFF_ATTEMPTS: Variable = variable(
    "KAFKA_BOOTSTRAP_BACKOFF_MAX_ATTEMPTS",
    "bootstrap-backoff-max-attempts",
    "10",
    Number,
    "Attempts to reach the cluster after which the pause grows no more; the canary goes on trying",
);
pub(super) const BACKOFF_SCALE: Variable = variable(
    "KAFKA_BOOTSTRAP_BACKOFF_SCALE",
    "bootstrap-backoff-scale",
    "5000",
    Milliseconds,
    "First pause between attempts to reach the cluster; each further one is twice as long",
);
pub(super) const TOPIC: Variable =
    variable("TOPIC", "topic", "__strimzi_canary", Text("NAME"), "The canary's own topic");
pub(super) const TOPIC_CONFIG: Variable = variable(
    "TOPIC_CONFIG",
    "topic-config",
    "",
    Text("KEY=VALUE;..."),
    "Configuration of the topic, on top of what the canary sets",
);
pub(super) const RECONCILE_INTERVAL: Variable = variable(
    "RECONCILE_INTERVAL_MS",
    "reconcile-interval-ms",
    "30000",
    Milliseconds,
    "How often the topic is compared with the cluster; with KAFKA_CANARY_COMPATIBILITY=strimzi \
     also how often a record is written to each partition",
);
pub(super) const CLIENT_ID: Variable = variable(
    "CLIENT_ID",
    "client-id",
    "strimzi-canary-client",
    Text("NAME"),
    "Client id, producer id in the records, and the label clientid",
);
pub(super) const GROUP: Variable = variable(
    "CONSUMER_GROUP_ID",
    "consumer-group-id",
    "strimzi-canary-group",
    Text("NAME"),
    "Group whose offsets are committed; probes of coordinators use names that begin with it",
);
pub(super) const PRODUCER_BUCKETS: Variable = variable(
    "PRODUCER_LATENCY_BUCKETS",
    "producer-latency-buckets",
    "2,5,10,20,50,100,200,400",
    Text("MS,..."),
    "Buckets of strimzi_canary_records_produced_latency",
);
pub(super) const END_TO_END_BUCKETS: Variable = variable(
    "ENDTOEND_LATENCY_BUCKETS",
    "endtoend-latency-buckets",
    "5,10,20,50,100,200,400,800",
    Text("MS,..."),
    "Buckets of strimzi_canary_records_consumed_latency",
);
pub(super) const EXPECTED_CLUSTER_SIZE: Variable = variable(
    "EXPECTED_CLUSTER_SIZE",
    "expected-cluster-size",
    "-1",
    Number,
    "Brokers to wait for before the topic is made; -1 takes those that are there",
);
pub(super) const KAFKA_VERSION: Variable = variable(
    "KAFKA_VERSION",
    "kafka-version",
    "3.2.0",
    Text("VERSION"),
    "Accepted and without effect: versions are negotiated with each broker",
);
pub(super) const CLIENT_LOG: Variable = variable(
    "SARAMA_LOG_ENABLED",
    "sarama-log-enabled",
    "false",
    Switch,
    "Log what the Kafka client library (librdkafka) says",
);
pub(super) const VERBOSITY: Variable = variable(
    "VERBOSITY_LOG_LEVEL",
    "verbosity-log-level",
    "0",
    Number,
    "0 info, 1 debug, 2 and more trace",
);
pub(super) const TLS_ENABLED: Variable =
    variable("TLS_ENABLED", "tls-enabled", "false", Switch, "Use TLS to all brokers");
pub(super) const TLS_CA: Variable = variable(
    "TLS_CA_CERT",
    "tls-ca-cert",
    "",
    Text("PATH|PEM"),
    "Certificates to trust instead of the system's",
);
pub(super) const TLS_CERTIFICATE: Variable = variable(
    "TLS_CLIENT_CERT",
    "tls-client-cert",
    "",
    Text("PATH|PEM"),
    "The client's certificate, for mutual TLS; the key goes with it",
);
pub(super) const TLS_KEY: Variable =
    variable("TLS_CLIENT_KEY", "tls-client-key", "", Secret("PATH|PEM"), "The client's key");
pub(super) const TLS_INSECURE: Variable = variable(
    "TLS_INSECURE_SKIP_VERIFY",
    "tls-insecure-skip-verify",
    "false",
    Switch,
    "Trust any certificate and any host name",
);
pub(super) const SASL_MECHANISM: Variable = variable(
    "SASL_MECHANISM",
    "sasl-mechanism",
    "",
    Text("NAME"),
    "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; none when empty",
);
pub(super) const SASL_USER: Variable =
    variable("SASL_USER", "sasl-user", "", Text("NAME"), "User for PLAIN and SCRAM");
pub(super) const SASL_PASSWORD: Variable = variable(
    "SASL_PASSWORD",
    "sasl-password",
    "",
    Secret("TEXT"),
    "Password for PLAIN and SCRAM; the variable is safer than the flag, which others on the host see",
);
pub(super) const CONNECTION_INTERVAL: Variable = variable(
    "CONNECTION_CHECK_INTERVAL_MS",
    "connection-check-interval-ms",
    "120000",
    Milliseconds,
    "How often a connection to each broker is tried",
);
pub(super) const CONNECTION_BUCKETS: Variable = variable(
    "CONNECTION_CHECK_LATENCY_BUCKETS",
    "connection-check-latency-buckets",
    "100,200,400,800,1600",
    Text("MS,..."),
    "Buckets of strimzi_canary_connection_latency",
);
pub(super) const STATUS_INTERVAL: Variable = variable(
    "STATUS_CHECK_INTERVAL_MS",
    "status-check-interval-ms",
    "30000",
    Milliseconds,
    "How often a sample for /status is taken",
);
pub(super) const STATUS_WINDOW: Variable = variable(
    "STATUS_TIME_WINDOW_MS",
    "status-time-window-ms",
    "300000",
    Milliseconds,
    "How far back /status looks, at most 128 samples",
);
pub(super) const DYNAMIC_FILE: Variable = variable(
    "DYNAMIC_CONFIG_FILE",
    "dynamic-config-file",
    "",
    Text("PATH"),
    "A JSON file with saramaLogEnabled and verbosityLogLevel, followed while the canary runs",
);
pub(super) const DYNAMIC_INTERVAL: Variable = variable(
    "DYNAMIC_CONFIG_WATCHER_INTERVAL",
    "dynamic-config-watcher-interval",
    "30000",
    Milliseconds,
    "How often that file is read; 0 reads it never",
);
pub(super) const TRACING: Variable = variable(
    "EXPORTER_TYPE_TRACING",
    "exporter-type-tracing",
    "",
    Text("jaeger|otlp"),
    "Send a trace for each record by OTLP over HTTP; Jaeger takes OTLP too",
);
pub(super) const CONSTANT_LABELS: Variable = variable(
    "PROMETHEUS_CONSTANT_LABELS",
    "prometheus-constant-labels",
    "",
    Text("NAME=VALUE;..."),
    "Labels that every metric gets",
);

pub(super) const COMPATIBILITY: Variable = variable(
    "KAFKA_CANARY_COMPATIBILITY",
    "compatibility",
    "none",
    Text("none|strimzi"),
    "strimzi: one record per RECONCILE_INTERVAL_MS, /liveness and /readiness always OK",
);
pub(super) const PROBE_INTERVAL: Variable = variable(
    "KAFKA_CANARY_PROBE_INTERVAL_MS",
    "probe-interval-ms",
    "1000",
    Milliseconds,
    "How often a record is written to each partition; not with KAFKA_CANARY_COMPATIBILITY=strimzi",
);
pub(super) const ACK_TIMEOUT: Variable = variable(
    "KAFKA_CANARY_ACK_TIMEOUT_MS",
    "ack-timeout-ms",
    "5000",
    Milliseconds,
    "A record that is not acknowledged by then has failed",
);
pub(super) const LATE_AFTER: Variable = variable(
    "KAFKA_CANARY_LATE_AFTER_MS",
    "late-after-ms",
    "20000",
    Milliseconds,
    "A record that is not read by then is late",
);
pub(super) const VALUE_BYTES: Variable = variable(
    "KAFKA_CANARY_VALUE_BYTES",
    "value-bytes",
    "",
    Number,
    "Bytes of a record's value, filled up with blanks; the payload alone when empty",
);
pub(super) const REQUEST_TIMEOUT: Variable = variable(
    "KAFKA_CANARY_REQUEST_TIMEOUT_MS",
    "request-timeout-ms",
    "10000",
    Milliseconds,
    "How long a request to a broker may take, or a connection until it can be used",
);
pub(super) const SETTLING: Variable = variable(
    "KAFKA_CANARY_SETTLING_MS",
    "settling-ms",
    "300000",
    Milliseconds,
    "A broker that is away for less than this is not a smaller cluster",
);
pub(super) const COORDINATORS: Variable = variable(
    "KAFKA_CANARY_COORDINATORS_ENABLED",
    "coordinators-enabled",
    "true",
    Switch,
    "Commit offsets through the coordinators on each broker",
);
pub(super) const COORDINATORS_INTERVAL: Variable = variable(
    "KAFKA_CANARY_COORDINATORS_INTERVAL_MS",
    "coordinators-interval-ms",
    "10000",
    Milliseconds,
    "How often an offset is committed to each coordinator",
);
pub(super) const COORDINATORS_TIMEOUT: Variable = variable(
    "KAFKA_CANARY_COORDINATORS_TIMEOUT_MS",
    "coordinators-timeout-ms",
    "10000",
    Milliseconds,
    "A commit that is not answered by then has failed",
);
pub(super) const SECONDS_BUCKETS: Variable = variable(
    "KAFKA_CANARY_SECONDS_BUCKETS",
    "seconds-buckets",
    "0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,20,60",
    Text("SECONDS,..."),
    "Buckets of the kafka_canary_*_seconds histograms",
);
pub(super) const LISTEN: Variable = variable(
    "KAFKA_CANARY_LISTEN",
    "listen",
    ":8080",
    Text("[HOST]:PORT"),
    "Where /metrics, /liveness, /readiness and /status are served; no host is every address",
);
pub(super) const READY_WINDOW: Variable = variable(
    "KAFKA_CANARY_READY_WINDOW_MS",
    "ready-window-ms",
    "30000",
    Milliseconds,
    "Ready while a record was read within this time, or within three probe intervals if these are longer",
);
pub(super) const LOG_FORMAT: Variable = variable(
    "KAFKA_CANARY_LOG_FORMAT",
    "log-format",
    "text",
    Text("text|json"),
    "Lines for people, or a JSON object a line",
);
pub(super) const STOP_TIMEOUT: Variable = variable(
    "KAFKA_CANARY_STOP_TIMEOUT_MS",
    "stop-timeout-ms",
    "5000",
    Milliseconds,
    "How long a stop may take",
);
pub(super) const LIBRDKAFKA: Variable = variable(
    "KAFKA_CANARY_LIBRDKAFKA",
    "librdkafka",
    "",
    Secret("KEY=VALUE,..."),
    "Further settings of librdkafka, for the producer and the consumer",
);
pub(super) const OAUTH_ENDPOINT: Variable = variable(
    "KAFKA_CANARY_OAUTH_TOKEN_ENDPOINT",
    "oauth-token-endpoint",
    "",
    Text("URL"),
    "Where OAUTHBEARER gets tokens by the client credentials grant",
);
pub(super) const OAUTH_CLIENT: Variable = variable(
    "KAFKA_CANARY_OAUTH_CLIENT_ID",
    "oauth-client-id",
    "",
    Text("NAME"),
    "Client id of the grant",
);
pub(super) const OAUTH_SECRET: Variable = variable(
    "KAFKA_CANARY_OAUTH_CLIENT_SECRET",
    "oauth-client-secret",
    "",
    Secret("TEXT"),
    "Client secret of the grant; the variable is safer than the flag",
);
pub(super) const OAUTH_SCOPE: Variable =
    variable("KAFKA_CANARY_OAUTH_SCOPE", "oauth-scope", "", Text("TEXT"), "Scope to ask for");
pub(super) const OAUTH_CA: Variable = variable(
    "KAFKA_CANARY_OAUTH_CA_CERT",
    "oauth-ca-cert",
    "",
    Text("PATH|PEM"),
    "Certificates to trust at the token endpoint instead of the system's",
);
pub(super) const TRACES_BASE: Variable = variable(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "otlp-endpoint",
    "http://localhost:4318",
    Text("URL"),
    "Where traces go when EXPORTER_TYPE_TRACING is set; /v1/traces is added",
);
pub(super) const TRACES_ENDPOINT: Variable = variable(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "otlp-traces-endpoint",
    "",
    Text("URL"),
    "The same as a whole address, to which nothing is added",
);
pub(super) const TRACES_HEADERS: Variable = variable(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "otlp-headers",
    "",
    Secret("NAME=VALUE,..."),
    "Headers of requests with traces",
);
pub(super) const TRACES_SERVICE: Variable = variable(
    "OTEL_SERVICE_NAME",
    "otel-service-name",
    "kafka-canary",
    Text("NAME"),
    "service.name of traces",
);

/// strimzi-canary's, in its order.
pub const STRIMZI: [&Variable; 30] = [
    &BOOTSTRAP,
    &BACKOFF_ATTEMPTS,
    &BACKOFF_SCALE,
    &TOPIC,
    &TOPIC_CONFIG,
    &RECONCILE_INTERVAL,
    &CLIENT_ID,
    &GROUP,
    &PRODUCER_BUCKETS,
    &END_TO_END_BUCKETS,
    &EXPECTED_CLUSTER_SIZE,
    &KAFKA_VERSION,
    &CLIENT_LOG,
    &VERBOSITY,
    &TLS_ENABLED,
    &TLS_CA,
    &TLS_CERTIFICATE,
    &TLS_KEY,
    &TLS_INSECURE,
    &SASL_MECHANISM,
    &SASL_USER,
    &SASL_PASSWORD,
    &CONNECTION_INTERVAL,
    &CONNECTION_BUCKETS,
    &STATUS_INTERVAL,
    &STATUS_WINDOW,
    &DYNAMIC_FILE,
    &DYNAMIC_INTERVAL,
    &TRACING,
    &CONSTANT_LABELS,
];

/// The canary's own.
pub const OWN: [&Variable; 25] = [
    &COMPATIBILITY,
    &PROBE_INTERVAL,
    &ACK_TIMEOUT,
    &LATE_AFTER,
    &VALUE_BYTES,
    &REQUEST_TIMEOUT,
    &SETTLING,
    &COORDINATORS,
    &COORDINATORS_INTERVAL,
    &COORDINATORS_TIMEOUT,
    &SECONDS_BUCKETS,
    &LISTEN,
    &READY_WINDOW,
    &LOG_FORMAT,
    &STOP_TIMEOUT,
    &LIBRDKAFKA,
    &OAUTH_ENDPOINT,
    &OAUTH_CLIENT,
    &OAUTH_SECRET,
    &OAUTH_SCOPE,
    &OAUTH_CA,
    &TRACES_BASE,
    &TRACES_ENDPOINT,
    &TRACES_HEADERS,
    &TRACES_SERVICE,
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    STRIMZI.into_iter().chain(OWN)
}
