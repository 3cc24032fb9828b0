//! What may be configured. Every value is checked before anything starts: an impossible one ends the program with the
//! name of its variable and what to write instead; nothing that a cluster may refuse later does.
//!
//! Names and defaults of the environment are strimzi-canary's where it had one ([`variables`]); new ones begin with
//! `KAFKA_CANARY_`.

use std::path::PathBuf;
use std::time::Duration;

mod checked;
mod environment;
pub mod flags;
mod pem;
#[cfg(test)]
mod tests;
pub mod variables;

pub use checked::{Checked, check};
pub use environment::{Given, Problem, Problems};

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How to reach the cluster.
    pub kafka: Kafka,
    /// The topic and how it is kept.
    pub topic: Topic,
    /// Writing and reading.
    pub probe: Probe,
    /// Commits to group coordinators.
    pub coordinators: Coordinators,
    /// Connections to each broker: `CONNECTION_CHECK_*`.
    pub connections: Connections,
    /// `/status`: `STATUS_*`.
    pub status: Status,
    /// Buckets and constant labels of metrics.
    pub metrics: MetricSettings,
    /// The HTTP server.
    pub http: Http,
    /// Log level, format, the watched file, traces.
    pub operation: Operation,
    /// strimzi-canary's behaviour where it differs: probe rate by `RECONCILE_INTERVAL_MS`, health that is always OK.
    pub compatibility: Compatibility,
}

/// Whose behaviour the canary shows where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// Its own.
    #[default]
    None,
    /// strimzi-canary's.
    Strimzi,
}

/// How to reach the cluster.
#[derive(Clone, PartialEq)]
pub struct Kafka {
    /// `KAFKA_BOOTSTRAP_SERVERS`: `host:port`, at least one.
    pub bootstrap: Vec<String>,
    /// `KAFKA_BOOTSTRAP_BACKOFF_MAX_ATTEMPTS`: after that many attempts to reach the cluster the original ended; this
    /// program goes on with the last pause.
    pub backoff_attempts: u32,
    /// `KAFKA_BOOTSTRAP_BACKOFF_SCALE`: the first pause; each further one is twice as long.
    pub backoff_scale: Duration,
    /// `CLIENT_ID`: client id, producer id in the payload, and the label `clientid`.
    pub client_id: String,
    /// TLS, when on.
    pub tls: Option<Tls>,
    /// SASL, when on.
    pub sasl: Option<Sasl>,
    /// Any further setting of librdkafka, as `KAFKA_CANARY_LIBRDKAFKA="key=value,key=value"` gives it.
    pub librdkafka: Vec<(String, String)>,
    /// How long one request to a broker may take, connecting included.
    pub request_timeout: Duration,
}

/// Further settings of librdkafka may hold secrets too.
impl std::fmt::Debug for Kafka {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Kafka")
            .field("bootstrap", &self.bootstrap)
            .field("client_id", &self.client_id)
            .field("tls", &self.tls)
            .field("sasl", &self.sasl)
            .finish_non_exhaustive()
    }
}

/// `TLS_*`. Each text is PEM; a path was read when the settings were.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Certificates to trust; the system's when there is none.
    pub ca: Option<String>,
    /// The client's certificate chain, for mTLS.
    pub certificate: Option<String>,
    /// The client's key.
    pub key: Option<String>,
    /// `TLS_INSECURE_SKIP_VERIFY`.
    pub insecure: bool,
}

/// Keys stay out of logs.
impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("certificate", &self.certificate.is_some())
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// How to log in.
#[derive(Clone, PartialEq, Eq)]
pub enum Sasl {
    /// `PLAIN`.
    Plain(Credentials),
    /// `SCRAM-SHA-256`.
    ScramSha256(Credentials),
    /// `SCRAM-SHA-512`.
    ScramSha512(Credentials),
    /// `OAUTHBEARER` with the client credentials grant.
    OAuthBearer(OAuth),
}

impl Sasl {
    /// The mechanism's name on the wire and in librdkafka.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::ScramSha256(_) => "SCRAM-SHA-256",
            Self::ScramSha512(_) => "SCRAM-SHA-512",
            Self::OAuthBearer(_) => "OAUTHBEARER",
        }
    }
}

/// Secrets stay out of logs.
impl std::fmt::Debug for Sasl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.mechanism())
    }
}

/// `SASL_USER` and `SASL_PASSWORD`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// Where tokens come from (RFC 6749, 4.4).
#[derive(Clone, PartialEq, Eq)]
pub struct OAuth {
    /// The token endpoint, `https://` or `http://`.
    pub token_endpoint: String,
    /// Client id of the grant.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Scope to ask for.
    pub scope: Option<String>,
    /// PEM to trust at the token endpoint; the system's when there is none.
    pub ca: Option<String>,
}

/// The topic and how it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// `TOPIC`.
    pub name: String,
    /// `TOPIC_CONFIG`, on top of the canary's own; `key=value;key=value` as the original has it.
    pub config: Vec<(String, String)>,
    /// `RECONCILE_INTERVAL_MS`.
    pub reconcile_interval: Duration,
    /// `EXPECTED_CLUSTER_SIZE`; none is -1, dynamic.
    pub expected_brokers: Option<u32>,
    /// How long a broker may be away before the cluster counts as smaller.
    pub settling: Duration,
}

/// Writing and reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Between two records to one partition; `RECONCILE_INTERVAL_MS` under [`Compatibility::Strimzi`].
    pub interval: Duration,
    /// A produce request that is not acknowledged by then has failed.
    pub ack_timeout: Duration,
    /// A record that is not read by then is late.
    pub late_after: Duration,
    /// Bytes of a record's value, padded with blanks behind the JSON; none is the payload alone.
    pub value_bytes: Option<usize>,
    /// `CONSUMER_GROUP_ID`.
    pub group: String,
}

/// Commits to group coordinators.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinators {
    /// Whether they are probed.
    pub enabled: bool,
    /// Between two commits to one coordinator.
    pub interval: Duration,
    /// A commit that is not answered by then has failed.
    pub timeout: Duration,
}

/// `CONNECTION_CHECK_INTERVAL_MS`.
#[derive(Debug, Clone, PartialEq)]
pub struct Connections {
    /// Between two connections to one broker.
    pub interval: Duration,
}

/// `STATUS_CHECK_INTERVAL_MS`, `STATUS_TIME_WINDOW_MS`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Between two samples.
    pub check_interval: Duration,
    /// How far back `/status` looks.
    pub window: Duration,
}

/// Buckets and constant labels. Bounds are ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSettings {
    /// `PRODUCER_LATENCY_BUCKETS`, ms.
    pub producer_latency_ms: Vec<f64>,
    /// `ENDTOEND_LATENCY_BUCKETS`, ms.
    pub end_to_end_latency_ms: Vec<f64>,
    /// `CONNECTION_CHECK_LATENCY_BUCKETS`, ms.
    pub connection_latency_ms: Vec<f64>,
    /// Bounds of the histograms in seconds.
    pub seconds: Vec<f64>,
    /// `PROMETHEUS_CONSTANT_LABELS`: `name=value;name=value` as the original has it.
    pub constant_labels: Vec<(String, String)>,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Address and port; without an address, `:8080`, every address of the host, as the original's.
    pub listen: String,
    /// How far back `/readiness` looks for a record that was read; at least three intervals of the probe.
    pub ready_window: Duration,
}

/// Log level, format, the watched file, traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// `VERBOSITY_LOG_LEVEL`: 0 info, 1 debug, 2 trace.
    pub verbosity: u8,
    /// `SARAMA_LOG_ENABLED`: the Kafka client's own log, librdkafka's here.
    pub client_log: bool,
    /// Logs as JSON lines.
    pub json_log: bool,
    /// `DYNAMIC_CONFIG_FILE`.
    pub dynamic_file: Option<PathBuf>,
    /// `DYNAMIC_CONFIG_WATCHER_INTERVAL`.
    pub dynamic_interval: Duration,
    /// How long a stop may take.
    pub stop_timeout: Duration,
    /// `EXPORTER_TYPE_TRACING`, when on.
    pub traces: Option<Traces>,
}

/// Where traces go: `OTEL_*`, as OpenTelemetry names them.
#[derive(Clone, PartialEq, Eq)]
pub struct Traces {
    /// The whole address, path included.
    pub endpoint: String,
    /// Headers of the requests; they may hold secrets.
    pub headers: Vec<(String, String)>,
    /// `service.name`.
    pub service: String,
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Traces")
            .field("endpoint", &self.endpoint)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
