//! From the tree to [`Settings`]: each value is checked on its own, then against those that it depends on. What would
//! do something else than was written is an error; what kprf let pass, and does no harm, is a warning.

use std::cell::RefCell;
use std::ffi::OsString;
use std::net::SocketAddr;

use super::keys as k;
use super::problem::Problem;
use super::raw::Node;
use super::scope::{Scope, refuse_unknown};
use super::{
    CorsSettings, Fsync, HttpSettings, IdempotencySettings, LogSettings, OutputSettings, Problems,
    Settings, TlsSettings,
};

mod access;
mod kafka;
mod rates;

/// Checks everything that was given; `problems` are those found before.
pub(super) fn check(
    tree: &Node,
    environment: &[(OsString, OsString)],
    mut problems: Vec<Problem>,
) -> Result<Settings, Problems> {
    refuse_unknown(tree, "", "", &mut problems);
    let problems = RefCell::new(problems);
    let root = Scope::root(tree, &problems);
    let mut warnings = Vec::new();
    let kafka = kafka::kafka(&root, &mut warnings);
    let http = http(&root, &mut warnings);
    let topic_limits = rates::topics(&root, kafka.message_max_bytes, &mut warnings);
    let access = access::access(&root, environment, &http, kafka.message_max_bytes, &mut warnings);
    let settings = Settings {
        management: management(&root, &http),
        kafka,
        http,
        topic_limits,
        access,
        log: log(&root, &mut warnings),
        idempotency: IdempotencySettings {
            window: root.duration(&k::KEY_WINDOW),
            keys_max: root.size(&k::KEYS_MAX),
        },
        output: output(&root),
        drain_timeout: root.duration(&k::DRAIN),
        warnings,
    };
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(settings) } else { Err(Problems(problems)) }
}

fn http(root: &Scope<'_>, warnings: &mut Vec<String>) -> HttpSettings {
    let body_max_bytes = root.size(&k::BODY_MAX);
    let bodies_max_bytes = root.size(&k::BODIES_MAX);
    if bodies_max_bytes < body_max_bytes {
        root.refuse(
            &k::BODIES_MAX,
            format!(
                "is less than http.body_max_bytes, one body of which could never be read; write at least {body_max_bytes}"
            ),
        );
    }
    HttpSettings {
        listen: SocketAddr::new(root.address(&k::ADDRESS), root.port(&k::PORT)),
        body_max_bytes,
        records_max: root.size(&k::RECORDS_MAX),
        bodies_max_bytes,
        connections_max: root.size(&k::CONNECTIONS_MAX),
        header_timeout: root.duration(&k::HEADER_TIMEOUT),
        body_timeout: root.duration(&k::BODY_TIMEOUT),
        idle_timeout: root.duration(&k::IDLE_TIMEOUT),
        tls: tls(root),
        cors: cors(root, warnings),
    }
}

fn tls(root: &Scope<'_>) -> Option<TlsSettings> {
    let certificate = root.file(&k::TLS_CERTIFICATE);
    let key = root.file(&k::TLS_KEY);
    let client_ca = root.file(&k::TLS_CLIENT_CA);
    let client_required = root.is_on(&k::TLS_CLIENT_REQUIRED);
    if client_required && client_ca.is_none() {
        root.refuse(&k::TLS_CLIENT_REQUIRED, "needs http.tls.client_ca_file; write that too");
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Some(TlsSettings { certificate, key, client_ca, client_required })
        }
        (Some(_), None) => {
            root.refuse(&k::TLS_KEY, "is missing beside http.tls.certificate_file; write it");
            None
        }
        (None, Some(_)) => {
            root.refuse(&k::TLS_CERTIFICATE, "is missing beside http.tls.key_file; write it");
            None
        }
        (None, None) => {
            if client_ca.is_some() {
                let remedy =
                    "needs http.tls.certificate_file and http.tls.key_file; write them too";
                root.refuse(&k::TLS_CLIENT_CA, remedy);
            }
            None
        }
    }
}

fn cors(root: &Scope<'_>, warnings: &mut Vec<String>) -> Option<CorsSettings> {
    let origins = root.texts(&k::CORS_ORIGINS);
    if origins.iter().any(|origin| origin == "*") && origins.len() > 1 {
        root.refuse(&k::CORS_ORIGINS, "has * beside others; write * alone, or the others");
    }
    for origin in origins.iter().filter(|origin| origin.as_str() != "*") {
        if !is_origin(origin) {
            root.refuse(
                &k::CORS_ORIGINS,
                format!(
                    "has {origin:?}, which is no origin; write scheme://host or scheme://host:port"
                ),
            );
        }
    }
    let max_age = root.duration(&k::CORS_MAX_AGE);
    if origins.is_empty() {
        if root.has(&k::CORS_MAX_AGE) {
            warnings.push("http.cors.max_age_s has no effect without http.cors.origins".to_owned());
        }
        return None;
    }
    Some(CorsSettings { origins, max_age })
}

/// As browsers write the header Origin (RFC 6454, 6.2): no path, not even a slash.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        let in_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
        !scheme.is_empty()
            && scheme.chars().all(in_scheme)
            && !host.is_empty()
            && host.chars().all(|letter| letter.is_ascii_graphic() && !"/?#@*".contains(letter))
    })
}

fn management(root: &Scope<'_>, http: &HttpSettings) -> SocketAddr {
    let management =
        SocketAddr::new(root.address(&k::METRICS_ADDRESS), root.port(&k::METRICS_PORT));
    let producers = http.listen;
    let overlap = producers.ip() == management.ip()
        || producers.ip().is_unspecified()
        || management.ip().is_unspecified();
    if overlap && management.port() != 0 && management.port() == producers.port() {
        root.refuse(&k::METRICS_PORT, "is http.port too; write two different ports");
    }
    management
}

fn log(root: &Scope<'_>, warnings: &mut Vec<String>) -> Option<LogSettings> {
    let max_bytes = root.number(&k::WAL_MAX);
    let mut segment_bytes = root.number(&k::WAL_SEGMENT);
    if !root.has(&k::WAL_SEGMENT) {
        segment_bytes = segment_bytes.min(max_bytes / 4);
    } else if segment_bytes > max_bytes / 2 {
        let half = max_bytes / 2;
        let remedy = format!("is more than half of wal.max_bytes; write at most {half}");
        root.refuse(&k::WAL_SEGMENT, remedy);
    }
    let interval = root.duration(&k::WAL_FSYNC_INTERVAL);
    let fsync = match root.word(&k::WAL_FSYNC) {
        Some("interval") => Fsync::Every(interval),
        Some("never") => Fsync::Never,
        _ => Fsync::Always,
    };
    if !matches!(fsync, Fsync::Every(_)) && root.has(&k::WAL_FSYNC_INTERVAL) {
        warnings.push("wal.fsync_interval_ms has no effect without wal.fsync: interval".to_owned());
    }
    let directory = root.file(&k::WAL_DIRECTORY);
    let others = [&k::WAL_MAX, &k::WAL_SEGMENT, &k::WAL_FSYNC, &k::WAL_FSYNC_INTERVAL];
    if directory.is_none() && others.into_iter().any(|key| root.has(key)) {
        // Who sets the log's size believes that there is one.
        root.refuse(
            &k::WAL_DIRECTORY,
            "is missing beside other keys of wal, so that there is no log; write a folder, or none of them",
        );
    }
    Some(LogSettings { directory: directory?, max_bytes, segment_bytes, fsync })
}

fn output(root: &Scope<'_>) -> OutputSettings {
    let filter = root.text(&k::OUTPUT_FILTER).unwrap_or_default();
    if let Err(error) = kafka_operations::logs::filter(&filter) {
        root.refuse(&k::OUTPUT_FILTER, format!("is no filter: {error}; write for example info"));
    }
    OutputSettings {
        file: root.file(&k::OUTPUT_FILE),
        filter,
        json: root.word(&k::OUTPUT_FORMAT) == Some("json"),
    }
}
