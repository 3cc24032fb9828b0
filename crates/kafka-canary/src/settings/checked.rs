//! From texts to [`Settings`]: each value is checked on its own, then against those that it depends on. What is only
//! useless, and not impossible, is a warning: what replaces strimzi-canary must not die of what that one ignored.

use std::path::PathBuf;

use super::environment::{Given, Problems};
use super::variables::{self as v, Variable};
use super::{
    Compatibility, Connections, Coordinators, Credentials, Http, Kafka, MetricSettings, OAuth,
    Operation, Probe, Sasl, Settings, Status, Tls, Topic, Traces, pem,
};

/// Checked settings, and what an operator should know of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The settings.
    pub settings: Settings,
    /// What was given and has no effect.
    pub warnings: Vec<String>,
}

/// Checks everything that was given.
///
/// # Errors
/// All that is wrong, at once.
pub fn check(mut given: Given) -> Result<Checked, Problems> {
    let compatibility = given
        .word(
            &v::COMPATIBILITY,
            &[("none", Compatibility::None), ("strimzi", Compatibility::Strimzi)],
        )
        .unwrap_or_default();
    let topic = topic(&mut given);
    let settings = Settings {
        kafka: kafka(&mut given),
        probe: probe(&mut given, compatibility, &topic),
        topic,
        coordinators: Coordinators {
            enabled: given.switch(&v::COORDINATORS),
            interval: given.milliseconds(&v::COORDINATORS_INTERVAL),
            timeout: given.milliseconds(&v::COORDINATORS_TIMEOUT),
        },
        connections: Connections { interval: given.milliseconds(&v::CONNECTION_INTERVAL) },
        status: status(&mut given),
        metrics: MetricSettings {
            producer_latency_ms: given.buckets(&v::PRODUCER_BUCKETS),
            end_to_end_latency_ms: given.buckets(&v::END_TO_END_BUCKETS),
            connection_latency_ms: given.buckets(&v::CONNECTION_BUCKETS),
            seconds: given.buckets(&v::SECONDS_BUCKETS),
            constant_labels: constant_labels(&mut given),
        },
        http: Http {
            listen: listen(&mut given),
            ready_window: given.milliseconds(&v::READY_WINDOW),
        },
        operation: operation(&mut given),
        compatibility,
    };
    let warnings = warnings(&given, compatibility);
    match given.into_problems() {
        None => Ok(Checked { settings, warnings }),
        Some(problems) => Err(problems),
    }
}

fn kafka(given: &mut Given) -> Kafka {
    Kafka {
        bootstrap: bootstrap(given),
        backoff_attempts: u32::try_from(given.number(&v::BACKOFF_ATTEMPTS, 1, 1000)).unwrap_or(1),
        backoff_scale: given.milliseconds(&v::BACKOFF_SCALE),
        client_id: given.owned(&v::CLIENT_ID),
        tls: given.switch(&v::TLS_ENABLED).then(|| tls(given)),
        sasl: sasl(given),
        librdkafka: given.pairs(&v::LIBRDKAFKA, ','),
        request_timeout: given.milliseconds(&v::REQUEST_TIMEOUT),
    }
}

fn bootstrap(given: &mut Given) -> Vec<String> {
    let servers: Vec<String> = given
        .text(&v::BOOTSTRAP)
        .unwrap_or_default()
        .split(',')
        .map(|server| server.trim().to_owned())
        .filter(|server| !server.is_empty())
        .collect();
    if servers.is_empty() || !servers.iter().all(|server| is_address(server)) {
        given.refuse(
            &v::BOOTSTRAP,
            "is not a list of host:port; write for example broker-0:9092,broker-1:9092",
        );
    }
    servers
}

/// `host:port`, `address:port` or `[address]:port`.
fn is_address(server: &str) -> bool {
    let Some((host, port)) = server.rsplit_once(':') else { return false };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']);
    (bracketed || plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn tls(given: &mut Given) -> Tls {
    let insecure = given.switch(&v::TLS_INSECURE);
    let ca = pem::certificates(given, &v::TLS_CA);
    let certificate = pem::certificates(given, &v::TLS_CERTIFICATE);
    let key = pem::key(given, &v::TLS_KEY);
    match (given.has(&v::TLS_CERTIFICATE), given.has(&v::TLS_KEY)) {
        (true, false) => {
            given.refuse(&v::TLS_CERTIFICATE, "has no key; set TLS_CLIENT_KEY too, or neither")
        }
        (false, true) => {
            given.refuse(&v::TLS_KEY, "has no certificate; set TLS_CLIENT_CERT too, or neither")
        }
        _ => (),
    }
    if let (Some(certificate), Some(key)) = (&certificate, &key)
        && !pem::belong_together(certificate, key)
    {
        given.refuse(&v::TLS_KEY, "is not the key of the first certificate in TLS_CLIENT_CERT");
    }
    Tls { ca, certificate, key, insecure }
}

fn sasl(given: &mut Given) -> Option<Sasl> {
    let make = given.word::<fn(&mut Given) -> Sasl>(
        &v::SASL_MECHANISM,
        &[
            ("PLAIN", |given| Sasl::Plain(credentials(given))),
            ("SCRAM-SHA-256", |given| Sasl::ScramSha256(credentials(given))),
            ("SCRAM-SHA-512", |given| Sasl::ScramSha512(credentials(given))),
            ("OAUTHBEARER", |given| Sasl::OAuthBearer(oauth(given))),
        ],
    )?;
    Some(make(given))
}

fn credentials(given: &mut Given) -> Credentials {
    Credentials { user: needed(given, &v::SASL_USER), password: needed(given, &v::SASL_PASSWORD) }
}

fn oauth(given: &mut Given) -> OAuth {
    let token_endpoint = needed(given, &v::OAUTH_ENDPOINT);
    if !token_endpoint.is_empty()
        && !["https://", "http://"].iter().any(|scheme| {
            token_endpoint
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty() && !rest.contains(' '))
        })
    {
        given.refuse(&v::OAUTH_ENDPOINT, "is not an address; write https://localhost/token");
    }
    OAuth {
        token_endpoint,
        client_id: needed(given, &v::OAUTH_CLIENT),
        client_secret: needed(given, &v::OAUTH_SECRET),
        scope: given.text(&v::OAUTH_SCOPE).map(str::to_owned),
        ca: pem::certificates(given, &v::OAUTH_CA),
    }
}

fn needed(given: &mut Given, variable: &Variable) -> String {
    if given.text(variable).is_none() {
        let mechanism = given.owned(&v::SASL_MECHANISM);
        given.refuse(variable, format!("is missing; SASL_MECHANISM {mechanism} needs it"));
    }
    given.owned(variable)
}

fn topic(given: &mut Given) -> Topic {
    let name = given.owned(&v::TOPIC);
    let letters =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    // Kafka's own rule: org.apache.kafka.common.internals.Topic.
    if name.len() > 249 || !name.chars().all(letters) || matches!(name.as_str(), "." | "..") {
        given.refuse(
            &v::TOPIC,
            "is no name of a topic; write at most 249 of a-z, A-Z, 0-9, '.', '_' and '-'",
        );
    }
    let expected = given.number(&v::EXPECTED_CLUSTER_SIZE, -1, i64::from(i32::MAX));
    if expected == 0 {
        given.refuse(
            &v::EXPECTED_CLUSTER_SIZE,
            "is no size of a cluster; write a number of brokers, or -1 for any",
        );
    }
    Topic {
        name,
        config: given.pairs(&v::TOPIC_CONFIG, ';'),
        reconcile_interval: given.milliseconds(&v::RECONCILE_INTERVAL),
        expected_brokers: u32::try_from(expected).ok(),
        settling: given.milliseconds_from(&v::SETTLING, 0),
    }
}

fn probe(given: &mut Given, compatibility: Compatibility, topic: &Topic) -> Probe {
    let own_interval = given.milliseconds(&v::PROBE_INTERVAL);
    let ack_timeout = given.milliseconds(&v::ACK_TIMEOUT);
    let late_after = given.milliseconds(&v::LATE_AFTER);
    if late_after < ack_timeout {
        given.refuse(
            &v::LATE_AFTER,
            "is less than KAFKA_CANARY_ACK_TIMEOUT_MS; write at least as much",
        );
    }
    let value_bytes = given
        .text(&v::VALUE_BYTES)
        .is_some()
        .then(|| given.number(&v::VALUE_BYTES, 1, VALUE_BYTES_MAX));
    Probe {
        interval: match compatibility {
            Compatibility::None => own_interval,
            Compatibility::Strimzi => topic.reconcile_interval,
        },
        ack_timeout,
        late_after,
        value_bytes: value_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
        group: given.owned(&v::GROUP),
    }
}

fn status(given: &mut Given) -> Status {
    let status = Status {
        check_interval: given.milliseconds(&v::STATUS_INTERVAL),
        window: given.milliseconds(&v::STATUS_WINDOW),
    };
    if status.window < status.check_interval {
        given.refuse(
            &v::STATUS_WINDOW,
            "is less than STATUS_CHECK_INTERVAL_MS; write at least as much",
        );
    }
    status
}

fn constant_labels(given: &mut Given) -> Vec<(String, String)> {
    let labels = given.pairs(&v::CONSTANT_LABELS, ';');
    for (name, _) in &labels {
        let mut letters = name.chars();
        let first =
            letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
        let rest = letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !first || !rest || name.starts_with("__") {
            given.refuse(
                &v::CONSTANT_LABELS,
                format!("{name:?} is no name of a label; write letters, digits and '_'"),
            );
        } else if LABELS_IN_USE.contains(&name.as_str()) {
            given.refuse(
                &v::CONSTANT_LABELS,
                format!("{name:?} is a label that metrics have already; write another name"),
            );
        }
    }
    labels
}

fn listen(given: &mut Given) -> String {
    let listen = given.owned(&v::LISTEN);
    let port = listen.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        given.refuse(&v::LISTEN, "is not an address; write host:port, or :port for every address");
    }
    listen
}

fn operation(given: &mut Given) -> Operation {
    Operation {
        verbosity: u8::try_from(given.number(&v::VERBOSITY, 0, i64::from(u8::MAX)))
            .unwrap_or(u8::MAX)
            .min(2),
        client_log: given.switch(&v::CLIENT_LOG),
        json_log: given.word(&v::LOG_FORMAT, &[("text", false), ("json", true)]).unwrap_or(false),
        dynamic_file: given.text(&v::DYNAMIC_FILE).map(PathBuf::from),
        dynamic_interval: given.milliseconds_from(&v::DYNAMIC_INTERVAL, 0),
        stop_timeout: given.milliseconds(&v::STOP_TIMEOUT),
        traces: traces(given),
    }
}

/// An exporter that is not known turns tracing off with a warning, as it did in the original.
fn traces(given: &mut Given) -> Option<Traces> {
    let exporter = given.owned(&v::TRACING).to_ascii_lowercase();
    if !TRACE_EXPORTERS.contains(&exporter.as_str()) {
        return None;
    }
    let base = given.owned(&v::TRACES_BASE);
    let whole = given.text(&v::TRACES_ENDPOINT).map(str::to_owned);
    Some(Traces {
        endpoint: whole.unwrap_or_else(|| format!("{}/v1/traces", base.trim_end_matches('/'))),
        headers: given.pairs(&v::TRACES_HEADERS, ','),
        service: given.owned(&v::TRACES_SERVICE),
    })
}

fn warnings(given: &Given, compatibility: Compatibility) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut without_effect = |variables: &[&Variable], why: &str| {
        for variable in variables.iter().filter(|variable| given.has(variable)) {
            warnings.push(format!("{} has no effect: {why}", variable.name));
        }
    };
    if given.has(&v::KAFKA_VERSION) {
        without_effect(&[&v::KAFKA_VERSION], "versions are negotiated with each broker");
    }
    if given
        .text(&v::TRACING)
        .is_some_and(|text| !TRACE_EXPORTERS.contains(&text.to_ascii_lowercase().as_str()))
    {
        without_effect(&[&v::TRACING], "the exporters are otlp and jaeger");
    }
    if given
        .text(&v::TLS_ENABLED)
        .is_none_or(|text| matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False"))
    {
        let tls = [&v::TLS_CA, &v::TLS_CERTIFICATE, &v::TLS_KEY, &v::TLS_INSECURE];
        without_effect(&tls, "TLS_ENABLED is false");
    }
    if given.text(&v::SASL_MECHANISM).is_none() {
        without_effect(
            &[&v::SASL_USER, &v::SASL_PASSWORD, &v::OAUTH_ENDPOINT],
            "SASL_MECHANISM is empty",
        );
    }
    if compatibility == Compatibility::Strimzi {
        without_effect(
            &[&v::PROBE_INTERVAL],
            "KAFKA_CANARY_COMPATIBILITY=strimzi writes every RECONCILE_INTERVAL_MS",
        );
    }
    warnings
}

/// Below what brokers take by default, 1 MiB less their overhead.
const VALUE_BYTES_MAX: i64 = 1_000_000;

/// Labels of the metrics themselves, and those that Prometheus gives a meaning.
const LABELS_IN_USE: [&str; 13] = [
    "broker",
    "brokerid",
    "clientid",
    "connected",
    "le",
    "librdkafka",
    "operation",
    "partition",
    "quantile",
    "reason",
    "topic",
    "version",
    "coordinator",
];

const TRACE_EXPORTERS: [&str; 2] = ["otlp", "jaeger"];
