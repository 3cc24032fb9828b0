//! The same settings for librdkafka, and the context through which it asks for tokens and writes its log.
//!
//! What works for the canary's own connections works for librdkafka's, certificates included. Reference: librdkafka's
//! CONFIGURATION.md.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::error::WireError;
use super::tls::Tls;
use super::token::Tokens;
use crate::settings::{Kafka, Sasl};

/// librdkafka's configuration, checked as far as it can be without a client.
pub(super) fn configuration(kafka: &Kafka, tls: Option<&Tls>) -> Result<ClientConfig, WireError> {
    let mut config = ClientConfig::new();
    let timeout = milliseconds(kafka.request_timeout);
    config
        .set("bootstrap.servers", kafka.bootstrap.join(","))
        .set("client.id", &kafka.client_id)
        .set("security.protocol", protocol(kafka))
        .set("socket.timeout.ms", timeout.clamp(10, 300_000).to_string())
        .set("socket.connection.setup.timeout.ms", timeout.max(1000).to_string())
        .set("socket.keepalive.enable", "true")
        // A broker that is back is seen within a second or two, and one that is away is not hammered.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        // A producer would make a topic that somebody deletes anew, with the broker's defaults.
        .set("allow.auto.create.topics", "false")
        .set("statistics.interval.ms", "0");
    if let Some(tls) = tls {
        set_tls(&mut config, tls);
    }
    if let Some(sasl) = &kafka.sasl {
        config.set("sasl.mechanism", sasl.mechanism());
        match sasl {
            Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login) => {
                config.set("sasl.username", &login.user).set("sasl.password", &login.password);
            }
            // Tokens come through the context.
            Sasl::OAuthBearer(_) => {}
        }
    }
    for (key, value) in &kafka.librdkafka {
        config.set(key, value);
    }
    // Names the first setting that is unknown or has an impossible value.
    config.create_native_config().map_err(|error| {
        WireError::configuration("KAFKA_CANARY_LIBRDKAFKA", error.to_string())
            .remedy("names and values are those of librdkafka's CONFIGURATION.md")
    })?;
    Ok(config)
}

fn protocol(kafka: &Kafka) -> &'static str {
    match (kafka.tls.is_some(), kafka.sasl.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    }
}

fn set_tls(config: &mut ClientConfig, tls: &Tls) {
    let pem = tls.pem();
    match (&pem.ca_file, &pem.ca) {
        (Some(file), _) => {
            config.set("ssl.ca.location", file);
        }
        (None, None) => {
            config.set("ssl.ca.location", "probe");
        }
        (None, Some(_)) => {}
    }
    // librdkafka sends one certificate of a text. OpenSSL completes the chain from the store, in which a certificate
    // that is not self-signed is a link and never an anchor: nobody is trusted for it.
    let trusted: String = [&pem.ca, &pem.chain].into_iter().flatten().map(String::as_str).collect();
    if !trusted.is_empty() {
        config.set("ssl.ca.pem", trusted);
    }
    if let (Some(certificate), Some(key)) = (&pem.certificate, &pem.key) {
        config.set("ssl.certificate.pem", certificate).set("ssl.key.pem", key);
    }
    if tls.insecure() {
        config
            .set("enable.ssl.certificate.verification", "false")
            .set("ssl.endpoint.identification.algorithm", "none");
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(i32::MAX.unsigned_abs().into())
}

/// The context of librdkafka's clients: tokens from the one source, its log under the target `librdkafka`.
///
/// A client that logs in by token must be polled: librdkafka asks for the token in the poll.
#[derive(Clone)]
pub struct Librdkafka {
    tokens: Option<Arc<Tokens>>,
}

impl Librdkafka {
    pub(super) fn new(tokens: Option<Arc<Tokens>>) -> Self {
        Self { tokens }
    }
}

impl ClientContext for Librdkafka {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::error!(target: "librdkafka", facility, "{message}")
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "librdkafka", "{error}: {reason}");
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref().ok_or("no token endpoint is configured")?;
        let token = tokens.current_blocking()?;
        Ok(OAuthToken {
            token: token.value().to_owned(),
            principal_name: tokens.principal().to_owned(),
            lifetime_ms: token.expires_ms(),
        })
    }
}

impl ConsumerContext for Librdkafka {}
