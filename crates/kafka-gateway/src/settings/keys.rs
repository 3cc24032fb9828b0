//! Every key: its path, what a value looks like, its default and what it means. The parser, the reference page and the
//! names of environment variables are made of this table, and nothing is read past it.
//!
//! Keys and defaults that kprf had are kprf's; where one differs, its text says so.

mod table;

pub(super) use table::*;

/// One key of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// From the root, with dots between; `[]` behind a list of mappings.
    pub path: &'static str,
    /// What a value looks like.
    pub form: Form,
    /// What is taken when it is absent, null or empty; empty for "nothing".
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A text that no log, error or help shows.
    Secret,
    /// Several of these.
    Secrets,
    /// A list of texts; a single text with commas is one too.
    Texts,
    /// A list of texts that may have commas.
    Literals,
    /// A path.
    File,
    /// Several of these.
    Files,
    /// An IP address without a port.
    Address,
    /// `true` or `false`.
    Switch,
    /// A whole number between two bounds.
    Whole(u64, u64),
    /// A whole number of milliseconds between two bounds.
    Milliseconds(u64, u64),
    /// A whole number of seconds between two bounds.
    Seconds(u64, u64),
    /// A whole number of bytes between two bounds.
    Bytes(u64, u64),
    /// A number above 0, or 0 for no limit.
    Rate,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A list of mappings.
    List,
    /// A mapping of any names to texts.
    Mapping,
}

impl Key {
    /// The environment variable that overrides it; none for what is inside a list.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        (!self.path.contains("[]"))
            .then(|| format!("{PREFIX}{}", self.path.replace('.', "__").to_ascii_uppercase()))
    }

    /// The part of the path behind the last dot.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// What every variable of the environment begins with.
pub const PREFIX: &str = "KAFKA_GATEWAY_";

/// All of them, in the order of the reference page.
pub const ALL: &[&Key] = &[
    &BROKERS,
    &USER,
    &PASSWORD,
    &PASSWORD_FILE,
    &SASL_MECHANISM,
    &SECURITY_PROTOCOL,
    &MESSAGE_MAX_BYTES,
    &QUEUE_MESSAGES,
    &LINGER,
    &QUEUE_KBYTES,
    &RETRIES,
    &MESSAGE_TIMEOUT,
    &REQUEST_TIMEOUT,
    &ACKS,
    &STATISTICS,
    &IDEMPOTENCE,
    &AUTO_CREATE,
    &UNKNOWN_TTL,
    &PROPERTIES,
    &PROPERTY_FILES,
    &PORT,
    &METRICS_PORT,
    &ADDRESS,
    &METRICS_ADDRESS,
    &BODY_MAX,
    &BODIES_MAX,
    &RECORDS_MAX,
    &CONNECTIONS_MAX,
    &HEADER_TIMEOUT,
    &BODY_TIMEOUT,
    &IDLE_TIMEOUT,
    &TLS_CERTIFICATE,
    &TLS_KEY,
    &TLS_CLIENT_CA,
    &TLS_CLIENT_REQUIRED,
    &CORS_ORIGINS,
    &CORS_MAX_AGE,
    &RATELIMIT,
    &RULES,
    &RULE_TOPIC,
    &RULE_PER_MINUTE,
    &RULE_RATES.records,
    &RULE_RATES.records_burst,
    &RULE_RATES.bytes,
    &RULE_RATES.bytes_burst,
    &ANONYMOUS,
    &ANONYMOUS_TOPICS,
    &ANONYMOUS_RATES.records,
    &ANONYMOUS_RATES.records_burst,
    &ANONYMOUS_RATES.bytes,
    &ANONYMOUS_RATES.bytes_burst,
    &CLIENTS,
    &CLIENT_NAME,
    &CLIENT_SHA256,
    &CLIENT_FILES,
    &CLIENT_VARIABLES,
    &CLIENT_KEYS,
    &CLIENT_CERTIFICATES,
    &CLIENT_TOPICS,
    &CLIENT_RATES.records,
    &CLIENT_RATES.records_burst,
    &CLIENT_RATES.bytes,
    &CLIENT_RATES.bytes_burst,
    &WAL_DIRECTORY,
    &WAL_MAX,
    &WAL_SEGMENT,
    &WAL_FSYNC,
    &WAL_FSYNC_INTERVAL,
    &KEY_WINDOW,
    &KEYS_MAX,
    &DRAIN,
    &OUTPUT_FILE,
    &OUTPUT_FORMAT,
    &OUTPUT_FILTER,
];
