//! What was understood, for people to read, without secrets.

use std::fmt::Write as _;
use std::time::Duration;

use super::secret::shown;
use super::{Acks, Fsync, Grant, Rate, Rates, Settings};

/// A line for each thing; each ends.
#[must_use]
pub fn summary(settings: &Settings) -> String {
    let mut text = String::new();
    kafka(settings, &mut text);
    http(settings, &mut text);
    for limit in &settings.topic_limits {
        line(&mut text, "limit", &format!("topic {}: {}", limit.topic, rates(&limit.rates)));
    }
    let anonymous = settings.access.anonymous.as_ref();
    let may = anonymous.map_or_else(|| "refused".to_owned(), grant);
    line(&mut text, "access", &format!("without a key or certificate: {may}"));
    for client in &settings.access.clients {
        let keys = client.key_sha256.len();
        let certificates = client.certificate.len();
        let may = grant(&client.grant);
        let client = &client.name;
        line(
            &mut text,
            "access",
            &format!("client {client} with {keys} keys and {certificates} certificates: {may}"),
        );
    }
    let log = match &settings.log {
        None => "none; accepted records are in memory until they are sent".to_owned(),
        Some(log) => format!(
            "{}, at most {} bytes in files of {}, {}",
            log.directory.display(),
            log.max_bytes,
            log.segment_bytes,
            match log.fsync {
                Fsync::Always => "on disk before the answer".to_owned(),
                Fsync::Every(interval) => format!("on disk every {}", milliseconds(interval)),
                Fsync::Never => "on disk when the operating system thinks fit".to_owned(),
            }
        ),
    };
    line(&mut text, "write-ahead log", &log);
    let keys = settings.idempotency;
    line(
        &mut text,
        "idempotency",
        &format!("{} keys for {}", keys.keys_max, milliseconds(keys.window)),
    );
    let output = &settings.output;
    let place =
        output.file.as_ref().map_or("standard error".into(), |file| file.display().to_string());
    let format = if output.json { "JSON" } else { "text" };
    line(&mut text, "log lines", &format!("{place}, {format}, {}", output.filter));
    line(&mut text, "stop", &format!("within {}", milliseconds(settings.drain_timeout)));
    text
}

fn kafka(settings: &Settings, text: &mut String) {
    let kafka = &settings.kafka;
    for (name, value) in &kafka.properties {
        line(text, "kafka", &format!("{name}={}", shown(name, value)));
    }
    let acks = match kafka.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    };
    let unless = if kafka.idempotence { "" } else { " not" };
    line(text, "kafka", &format!("acks={acks}; what is sent with all is{unless} idempotent"));
    if kafka.auto_create_topics {
        line(text, "kafka", "unknown topics may be made");
    }
}

fn http(settings: &Settings, text: &mut String) {
    let http = &settings.http;
    let tls = match &http.tls {
        None => "plain text".to_owned(),
        Some(tls) => {
            let clients = match (&tls.client_ca, tls.client_required) {
                (None, _) => "",
                (Some(_), false) => ", certificates of clients taken",
                (Some(_), true) => ", certificates of clients required",
            };
            format!("TLS with {}{clients}", tls.certificate.display())
        }
    };
    line(text, "http", &format!("producers at {}, {tls}", http.listen));
    line(text, "http", &format!("operators at {}", settings.management));
    line(
        text,
        "http",
        &format!(
            "a body at most {} bytes and {} records, all bodies {} bytes, {} connections",
            http.body_max_bytes, http.records_max, http.bodies_max_bytes, http.connections_max
        ),
    );
    if let Some(cors) = &http.cors {
        line(text, "http", &format!("pages of {}", cors.origins.join(", ")));
    }
}

fn grant(grant: &Grant) -> String {
    let topics =
        if grant.topics.is_empty() { "every topic".to_owned() } else { grant.topics.join(", ") };
    format!("{topics}; {}", rates(&grant.rates))
}

fn rates(rates: &Rates) -> String {
    let part = |rate: &Option<Rate>, unit: &str| {
        rate.map(|rate| format!("{} {unit} a second, {} at once", rate.per_second, rate.burst))
    };
    let parts: Vec<String> = [part(&rates.records, "records"), part(&rates.bytes, "bytes")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() { "no limit".to_owned() } else { parts.join(", ") }
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

fn line(text: &mut String, about: &str, what: &str) {
    // A String takes everything.
    let _ = writeln!(text, "{about}: {what}");
}
