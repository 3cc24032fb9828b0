//! What the process is told: kprf's YAML file, more keys of the same kind, and environment variables over them, checked
//! into these types. An unknown key, a value out of range or two that contradict each other is an error that names its
//! path and what to write instead.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

mod checked;
mod environment;
pub mod keys;
mod load;
mod nearest;
mod problem;
mod raw;
mod scope;
pub mod secret;
mod summary;
#[cfg(test)]
mod tests;

pub use load::load;
pub use problem::{Problem, Problems};
pub use summary::summary;

/// Everything, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster and the clients to it.
    pub kafka: KafkaSettings,
    /// The server for producers.
    pub http: HttpSettings,
    /// The server for operators: `/metrics`, `/healthy`, `/ready`.
    pub management: SocketAddr,
    /// Limits for each topic; those for a client are with the client.
    pub topic_limits: Vec<TopicLimit>,
    /// Who may write, and what.
    pub access: Access,
    /// `None`: accepted records are in memory only.
    pub log: Option<LogSettings>,
    /// How long a key is remembered, and how many.
    pub idempotency: IdempotencySettings,
    /// Where log lines go, and how.
    pub output: OutputSettings,
    /// From SIGTERM until the end, at most.
    pub drain_timeout: Duration,
    /// What was given and has no effect, or is unwise.
    pub warnings: Vec<String>,
}

/// The cluster and the clients to it.
#[derive(Clone)]
pub struct KafkaSettings {
    /// librdkafka's properties for every client, in the order to set them; without `acks` and `enable.idempotence`.
    pub properties: Vec<(String, String)>,
    /// For requests that name none.
    pub acks: Acks,
    /// For producers with acks=all.
    pub idempotence: bool,
    /// Key, value and headers of a record together may have so many bytes.
    pub message_max_bytes: usize,
    /// A record that is not acknowledged in this time is refused; without the write-ahead log only.
    pub message_timeout: Duration,
    /// How often librdkafka reports; zero is never.
    pub statistics_interval: Duration,
    /// Whether a write to an unknown topic may make it (the broker must allow it too).
    pub auto_create_topics: bool,
    /// How long "this topic does not exist" is believed.
    pub unknown_topic_ttl: Duration,
}

/// How many replicas must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Acks {
    /// The broker does not answer.
    None,
    /// The leader.
    Leader,
    /// All in-sync replicas.
    All,
}

/// The server for producers.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// A longer body is refused with 413.
    pub body_max_bytes: usize,
    /// More records in one request are refused with 422.
    pub records_max: usize,
    /// All bodies that are being read or answered, together; more are refused with 503.
    pub bodies_max_bytes: usize,
    /// More connections wait in the operating system's queue.
    pub connections_max: usize,
    /// From the first byte of a request, or from the connection's begin, to the end of its headers.
    pub header_timeout: Duration,
    /// Without a byte of the body.
    pub body_timeout: Duration,
    /// A connection without a request.
    pub idle_timeout: Duration,
    /// `None` is plain text.
    pub tls: Option<TlsSettings>,
    /// `None` answers no preflight request.
    pub cors: Option<CorsSettings>,
}

/// The server's certificates; read again when the files change.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// PEM, the leaf first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// Who signs clients' certificates, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is refused at the handshake.
    pub client_required: bool,
}

/// For pages of other origins.
#[derive(Debug, Clone)]
pub struct CorsSettings {
    /// Exact origins, or `*` alone.
    pub origins: Vec<String>,
    /// How long a browser may remember the answer.
    pub max_age: Duration,
}

/// Who may write, and what.
#[derive(Debug, Clone)]
pub struct Access {
    /// For requests that show neither a key nor a certificate; `None` refuses them with 401.
    pub anonymous: Option<Grant>,
    /// Known clients, by unique name.
    pub clients: Vec<ClientSettings>,
}

/// One known client.
#[derive(Clone)]
pub struct ClientSettings {
    /// A label of metrics, and in log lines.
    pub name: String,
    /// SHA-256 of each key that it may show; several for rotation.
    pub key_sha256: Vec<[u8; 32]>,
    /// Subject of its certificate, as RFC 4514 writes it, or a DNS or URI name of it.
    pub certificate: Vec<String>,
    /// What it may do.
    pub grant: Grant,
}

/// What a client may do.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Exact names, or with one `*` at the end. Empty is every topic.
    pub topics: Vec<String>,
    /// For the client as a whole.
    pub rates: Rates,
}

/// Limits of one topic.
#[derive(Debug, Clone)]
pub struct TopicLimit {
    /// Its exact name.
    pub topic: String,
    /// Of all clients together.
    pub rates: Rates,
}

/// What may pass; `None` has no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Records; kprf's `max_requests_per_minute` is one with a burst of the same number.
    pub records: Option<Rate>,
    /// Bytes of keys, values and headers.
    pub bytes: Option<Rate>,
}

/// A rate, and how much may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Refilled so fast.
    pub per_second: f64,
    /// At most so much at once.
    pub burst: u64,
}

/// The write-ahead log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Its own folder; one process at a time.
    pub directory: PathBuf,
    /// Everything in the folder together; more is refused with 503.
    pub max_bytes: u64,
    /// A file is closed when it has so many.
    pub segment_bytes: u64,
    /// When an accepted record is on disk.
    pub fsync: Fsync,
}

/// When an accepted record is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before the answer; requests of the same moment share one call. Survives a loss of power.
    Always,
    /// So often. A killed process loses nothing, a host without power the last interval.
    Every(Duration),
    /// When the operating system thinks fit. A killed process loses nothing.
    Never,
}

/// How long an Idempotency-Key is remembered, and how many are.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencySettings {
    /// From the answer.
    pub window: Duration,
    /// When there are more, the oldest is forgotten.
    pub keys_max: usize,
}

/// Where log lines go, and how.
#[derive(Debug, Clone)]
pub struct OutputSettings {
    /// `None` is standard error.
    pub file: Option<PathBuf>,
    /// As `tracing` writes filters: `info`, `kafka_gateway=debug`.
    pub filter: String,
    /// JSON lines, or lines for people.
    pub json: bool,
}
