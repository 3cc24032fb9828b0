//! The table.

use super::Form::{
    self, Address, Bytes, File, Files, List, Literals, Mapping, Milliseconds, Rate, Seconds,
    Secret, Secrets, Switch, Text, Texts, Whole, Word,
};
use super::Key;

const fn key(path: &'static str, form: Form, default: &'static str, help: &'static str) -> Key {
    Key { path, form, default, help }
}

/// Most that librdkafka takes where it has no smaller bound.
const INT_MAX: u64 = i32::MAX as u64;
const MIB: u64 = 1024 * 1024;

pub(in crate::settings) const BROKERS: Key = key(
    "kafka.brokers",
    Texts,
    "",
    "Brokers to ask first, `host:port`, port 9092 if there is none; at least one must be given",
);
pub(in crate::settings) const USER: Key = key(
    "kafka.user",
    Text,
    "",
    "User for SASL. Without `kafka.sasl_mechanism` it is not used, with a warning: so it was in kprf, which could not \
     do SASL at all",
);
pub(in crate::settings) const PASSWORD: Key =
    key("kafka.password", Secret, "", "Password for SASL; `kafka.password_file` is safer");
pub(in crate::settings) const PASSWORD_FILE: Key =
    key("kafka.password_file", File, "", "File whose first line is the password");
pub(in crate::settings) const SASL_MECHANISM: Key = key(
    "kafka.sasl_mechanism",
    Word(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
    "",
    "How to log in; nothing is no SASL",
);
pub(in crate::settings) const SECURITY_PROTOCOL: Key = key(
    "kafka.security_protocol",
    Word(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
    "",
    "How to talk to brokers. Nothing is `plaintext`, and `sasl_ssl` with a mechanism: a password in clear text must be \
     asked for",
);
pub(in crate::settings) const MESSAGE_MAX_BYTES: Key = key(
    "kafka.message_max_bytes",
    Bytes(1000, 1_000_000_000),
    "1048576",
    "Key, value and headers of a record together; more is refused. Brokers and topics have limits of their own",
);
pub(in crate::settings) const QUEUE_MESSAGES: Key = key(
    "kafka.queue_buffering_max_messages",
    Whole(1, INT_MAX),
    "100000",
    "Records that wait in a producer's queue; more are refused with 503, or wait in the write-ahead log",
);
pub(in crate::settings) const LINGER: Key = key(
    "kafka.queue_buffering_max_ms",
    Milliseconds(0, 900_000),
    "10",
    "How long a record waits for others to be sent with it (`linger.ms`)",
);
pub(in crate::settings) const QUEUE_KBYTES: Key = key(
    "kafka.queue_buffering_max_kbytes",
    Whole(1, INT_MAX),
    "1048576",
    "The same as `queue_buffering_max_messages`, in KiB",
);
pub(in crate::settings) const RETRIES: Key = key(
    "kafka.retries",
    Whole(0, INT_MAX),
    "3",
    "How often a failed request to a broker is repeated. Records of the write-ahead log are tried without end",
);
pub(in crate::settings) const MESSAGE_TIMEOUT: Key = key(
    "kafka.message_timeout_ms",
    Milliseconds(1, INT_MAX),
    "2000",
    "A record that is not acknowledged by then has failed. Records of the write-ahead log are tried without end",
);
pub(in crate::settings) const REQUEST_TIMEOUT: Key = key(
    "kafka.request_timeout_ms",
    Milliseconds(1, 900_000),
    "30000",
    "How long a broker may wait for its replicas",
);
pub(in crate::settings) const ACKS: Key = key(
    "kafka.request_required_acks",
    Word(&["-1", "all", "1", "0"]),
    "-1",
    "For requests that name none: -1 or all in-sync replicas, 1 the leader, 0 nobody. kprf's page said -1 and its code \
     did 1; this is what its page said",
);
pub(in crate::settings) const STATISTICS: Key = key(
    "kafka.statistics_interval_ms",
    Milliseconds(0, 86_400_000),
    "10000",
    "How often the metrics `kafka_producer_*` are taken from librdkafka; 0 is never, which was kprf's default",
);
pub(in crate::settings) const IDEMPOTENCE: Key = key(
    "kafka.idempotence",
    Switch,
    "",
    "Whether a repeated request to a broker writes its records once, in order. Nothing is true for what is sent with \
     acks=all, unless `kafka.retries` is 0; true needs `kafka.request_required_acks: -1`",
);
pub(in crate::settings) const AUTO_CREATE: Key = key(
    "kafka.auto_create_topics",
    Switch,
    "false",
    "Whether a record for an unknown topic may make the topic, if the broker allows that too; otherwise it is refused \
     with 404",
);
pub(in crate::settings) const UNKNOWN_TTL: Key = key(
    "kafka.unknown_topic_ttl_ms",
    Milliseconds(100, 3_600_000),
    "5000",
    "How long \"there is no such topic\" is believed before the cluster is asked again",
);
pub(in crate::settings) const PROPERTIES: Key = key(
    "kafka.properties",
    Mapping,
    "",
    "Any property of librdkafka that no key above sets: `ssl.ca.location: /etc/ca.pem`. In the environment \
     `KAFKA_GATEWAY_KAFKA__PROPERTIES__SSL_CA_LOCATION`, with _ for the dot",
);
pub(in crate::settings) const PROPERTY_FILES: Key = key(
    "kafka.property_files",
    Mapping,
    "",
    "The same with files whose first line is the value, for secrets: `ssl.key.password: /run/secrets/key-password`",
);

pub(in crate::settings) const PORT: Key =
    key("http.port", Whole(0, 65_535), "4242", "Port for producers; 0 is any that is free");
pub(in crate::settings) const METRICS_PORT: Key = key(
    "http.metrics_port",
    Whole(0, 65_535),
    "8088",
    "Port for operators: `/metrics`, `/healthy`, `/ready`; 0 is any that is free",
);
pub(in crate::settings) const ADDRESS: Key =
    key("http.address", Address, "0.0.0.0", "Address of the host for producers; `::` has IPv6 too");
pub(in crate::settings) const METRICS_ADDRESS: Key =
    key("http.metrics_address", Address, "0.0.0.0", "Address of the host for operators");
pub(in crate::settings) const BODY_MAX: Key = key(
    "http.body_max_bytes",
    Bytes(1024, 1024 * MIB),
    "16777216",
    "A longer body is refused with 413; kprf had no limit",
);
pub(in crate::settings) const BODIES_MAX: Key = key(
    "http.bodies_max_bytes",
    Bytes(1024, 64 * 1024 * MIB),
    "67108864",
    "All bodies that are being read or answered, together; more are refused with 503",
);
pub(in crate::settings) const RECORDS_MAX: Key = key(
    "http.records_max",
    Whole(1, 1_000_000),
    "10000",
    "Records in one request; more are refused with 422. A stream of v3 has no limit",
);
pub(in crate::settings) const CONNECTIONS_MAX: Key = key(
    "http.connections_max",
    Whole(1, 1_000_000),
    "16384",
    "Connections at once; more wait in the operating system's queue",
);
pub(in crate::settings) const HEADER_TIMEOUT: Key = key(
    "http.header_timeout_ms",
    Milliseconds(1, INT_MAX),
    "10000",
    "How long the headers of a request may take",
);
pub(in crate::settings) const BODY_TIMEOUT: Key = key(
    "http.body_timeout_ms",
    Milliseconds(1, INT_MAX),
    "30000",
    "How long a body may stay without a new byte",
);
pub(in crate::settings) const IDLE_TIMEOUT: Key = key(
    "http.idle_timeout_ms",
    Milliseconds(1, INT_MAX),
    "60000",
    "How long a connection may stay without a request",
);
pub(in crate::settings) const TLS_CERTIFICATE: Key = key(
    "http.tls.certificate_file",
    File,
    "",
    "PEM, the leaf first; with it the port for producers speaks TLS. Read again when it changes",
);
pub(in crate::settings) const TLS_KEY: Key =
    key("http.tls.key_file", File, "", "PEM, without a password. Read again when it changes");
pub(in crate::settings) const TLS_CLIENT_CA: Key = key(
    "http.tls.client_ca_file",
    File,
    "",
    "Who signs the certificates of clients, PEM; with it a client may show one",
);
pub(in crate::settings) const TLS_CLIENT_REQUIRED: Key = key(
    "http.tls.client_required",
    Switch,
    "false",
    "Whether a client without a certificate is refused at the handshake",
);
pub(in crate::settings) const CORS_ORIGINS: Key = key(
    "http.cors.origins",
    Texts,
    "",
    "Pages that may send: exact origins, `https://shop.example`, or `*` alone. Nothing answers no preflight request",
);
pub(in crate::settings) const CORS_MAX_AGE: Key = key(
    "http.cors.max_age_s",
    Seconds(0, 86_400),
    "600",
    "How long a browser may remember that it may send",
);

pub(in crate::settings) const RATELIMIT: Key = key(
    "ratelimit.enabled",
    Switch,
    "false",
    "Whether `ratelimit.rules` apply; limits of clients always do",
);
pub(in crate::settings) const RULES: Key =
    key("ratelimit.rules", List, "", "Limits of topics, for all clients together");
pub(in crate::settings) const RULE_TOPIC: Key =
    key("ratelimit.rules[].topic_name", Text, "", "The exact name of the topic");
pub(in crate::settings) const RULE_PER_MINUTE: Key = key(
    "ratelimit.rules[].max_requests_per_minute",
    Whole(0, u32::MAX as u64),
    "0",
    "Records, not requests, as in kprf; 0 is no limit. A minute's worth may come at once",
);
pub(in crate::settings) const RULE_RATES: RateKeys = RateKeys {
    records: key("ratelimit.rules[].max_records_per_second", Rate, "0", RECORDS_HELP),
    records_burst: key(
        "ratelimit.rules[].records_burst",
        Whole(1, INT_MAX),
        "",
        RECORDS_BURST_HELP,
    ),
    bytes: key("ratelimit.rules[].max_bytes_per_second", Rate, "0", BYTES_HELP),
    bytes_burst: key("ratelimit.rules[].bytes_burst", Bytes(1, BURST_MAX), "", BYTES_BURST_HELP),
};

pub(in crate::settings) const ANONYMOUS: Key = key(
    "access.anonymous.allowed",
    Switch,
    "",
    "Whether requests without an API key or a known certificate may write. Nothing is true while `access.clients` is \
     empty, and false otherwise",
);
pub(in crate::settings) const ANONYMOUS_TOPICS: Key =
    key("access.anonymous.topics", Texts, "", TOPICS_HELP);
pub(in crate::settings) const ANONYMOUS_RATES: RateKeys = RateKeys {
    records: key("access.anonymous.max_records_per_second", Rate, "0", RECORDS_HELP),
    records_burst: key("access.anonymous.records_burst", Whole(1, INT_MAX), "", RECORDS_BURST_HELP),
    bytes: key("access.anonymous.max_bytes_per_second", Rate, "0", BYTES_HELP),
    bytes_burst: key("access.anonymous.bytes_burst", Bytes(1, BURST_MAX), "", BYTES_BURST_HELP),
};
pub(in crate::settings) const CLIENTS: Key =
    key("access.clients", List, "", "Who may write, by API key or certificate");
pub(in crate::settings) const CLIENT_NAME: Key = key(
    "access.clients[].name",
    Text,
    "",
    "A label of metrics, and in log lines: at most 64 letters, digits, `.`, `_` and `-`",
);
pub(in crate::settings) const CLIENT_SHA256: Key = key(
    "access.clients[].keys_sha256",
    Texts,
    "",
    "SHA-256 of each API key, 64 hexadecimal digits, as `printf %s KEY | sha256sum` writes it; several for rotation",
);
pub(in crate::settings) const CLIENT_FILES: Key =
    key("access.clients[].key_files", Files, "", "Files with API keys, one a line");
pub(in crate::settings) const CLIENT_VARIABLES: Key = key(
    "access.clients[].key_variables",
    Texts,
    "",
    "Names of environment variables that hold an API key each",
);
pub(in crate::settings) const CLIENT_KEYS: Key = key(
    "access.clients[].keys_in_clear_text",
    Secrets,
    "",
    "API keys as they are, 16 to 256 characters, for trying out",
);
pub(in crate::settings) const CLIENT_CERTIFICATES: Key = key(
    "access.clients[].certificates",
    Literals,
    "",
    "Subjects as RFC 4514 writes them, `CN=shop,O=Example`, or DNS or URI names of certificates",
);
pub(in crate::settings) const CLIENT_TOPICS: Key =
    key("access.clients[].topics", Texts, "", TOPICS_HELP);
pub(in crate::settings) const CLIENT_RATES: RateKeys = RateKeys {
    records: key("access.clients[].max_records_per_second", Rate, "0", RECORDS_HELP),
    records_burst: key("access.clients[].records_burst", Whole(1, INT_MAX), "", RECORDS_BURST_HELP),
    bytes: key("access.clients[].max_bytes_per_second", Rate, "0", BYTES_HELP),
    bytes_burst: key("access.clients[].bytes_burst", Bytes(1, BURST_MAX), "", BYTES_BURST_HELP),
};

pub(in crate::settings) const WAL_DIRECTORY: Key = key(
    "wal.directory",
    File,
    "",
    "Folder of the write-ahead log, for one process alone. Without it what was accepted and not yet sent is in memory",
);
pub(in crate::settings) const WAL_MAX: Key = key(
    "wal.max_bytes",
    Bytes(2 * MIB, 1024 * 1024 * MIB * 16),
    "1073741824",
    "Everything in the folder together; more is refused with 503",
);
pub(in crate::settings) const WAL_SEGMENT: Key = key(
    "wal.segment_bytes",
    Bytes(MIB, 2 * 1024 * MIB),
    "67108864",
    "A file of the log is closed when it has so many; a quarter of `wal.max_bytes` if that is less, and at most half",
);
pub(in crate::settings) const WAL_FSYNC: Key = key(
    "wal.fsync",
    Word(&["always", "interval", "never"]),
    "always",
    "When a record is on disk: before its answer, with one call for all requests of the moment; every \
     `wal.fsync_interval_ms`; when the operating system thinks fit. Only `always` survives a loss of power, all \
     survive a killed process",
);
pub(in crate::settings) const WAL_FSYNC_INTERVAL: Key = key(
    "wal.fsync_interval_ms",
    Milliseconds(1, 3_600_000),
    "100",
    "With `wal.fsync: interval`: what a loss of power may cost",
);

pub(in crate::settings) const KEY_WINDOW: Key = key(
    "idempotency.window_ms",
    Milliseconds(1000, 604_800_000),
    "600000",
    "How long an Idempotency-Key is remembered",
);
pub(in crate::settings) const KEYS_MAX: Key = key(
    "idempotency.keys_max",
    Whole(1, 100_000_000),
    "100000",
    "How many are; when there are more, the oldest is forgotten",
);

pub(in crate::settings) const DRAIN: Key = key(
    "drain_timeout_ms",
    Milliseconds(0, 3_600_000),
    "25000",
    "From SIGTERM until the end, at most: requests are answered and queues are sent",
);
pub(in crate::settings) const OUTPUT_FILE: Key = key(
    "output_file",
    File,
    "",
    "File for log lines, opened anew at SIGHUP; `/dev/stdout` and `/dev/stderr` are what they say. Nothing is standard \
     error; kprf's default was standard output",
);
pub(in crate::settings) const OUTPUT_FORMAT: Key = key(
    "output_format",
    Word(&["text", "json"]),
    "text",
    "Log lines for people, or a JSON object a line",
);
pub(in crate::settings) const OUTPUT_FILTER: Key = key(
    "output_filter",
    Text,
    "info",
    "What is logged: `warn`, `info`, `debug`, or for a module `info,kafka_gateway::http=debug`; librdkafka's lines are \
     `librdkafka`",
);

/// The keys of `Rates` in one place.
pub(in crate::settings) struct RateKeys {
    pub(in crate::settings) records: Key,
    pub(in crate::settings) records_burst: Key,
    pub(in crate::settings) bytes: Key,
    pub(in crate::settings) bytes_burst: Key,
}

const RECORDS_HELP: &str = "Records a second; 0 is no limit";
const RECORDS_BURST_HELP: &str = "Records that may come at once; nothing is a second's worth";
const BYTES_HELP: &str = "Bytes of keys, values and headers a second; 0 is no limit";
const BYTES_BURST_HELP: &str = "Bytes that may come at once; nothing is a second's worth, and `kafka.message_max_bytes` if that is more";
const TOPICS_HELP: &str = "Exact names, or with one `*` at the end; nothing is every topic";

/// A tebibyte.
const BURST_MAX: u64 = 1024 * 1024 * MIB;
