//! `--check`: everything that can be known without the cluster and without listening: certificates as the server would
//! load them, each of librdkafka's clients as it would be made but with no broker to call, folders and files.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use crate::http::Tls;
use crate::producer::{Lane, lane_config};
use crate::settings::{KafkaSettings, Problem, Problems, Settings};

/// Tries what the settings name.
///
/// # Errors
/// All that could not be used.
pub fn check(settings: &Settings) -> Result<Vec<String>, Problems> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    if let Some(tls) = &settings.http.tls
        && let Err(error) = Tls::load(tls)
    {
        problems.push(problem("http.tls", error));
    }
    if files(&settings.kafka, &mut problems) {
        clients(&settings.kafka, &mut warnings, &mut problems);
    }
    if let Some(log) = &settings.log
        && let Err(why) = folder(&log.directory)
    {
        problems.push(problem("wal.directory", why));
    }
    if let Some(file) = &settings.output.file
        && let Err(why) = writable(file)
    {
        problems.push(problem("output_file", why));
    }
    if problems.is_empty() { Ok(warnings) } else { Err(Problems(problems)) }
}

/// librdkafka's words for a file that is not there do not name it.
fn files(kafka: &KafkaSettings, problems: &mut Vec<Problem>) -> bool {
    let before = problems.len();
    let named = kafka.properties.iter().filter(|(name, value)| {
        name.starts_with("ssl.") && name.ends_with(".location") && value != "probe"
    });
    for (name, value) in named {
        // Certificates to trust may be a folder.
        let read = match Path::new(value).is_dir() {
            true => std::fs::read_dir(value).map(drop),
            false => std::fs::File::open(value).map(drop),
        };
        if let Err(error) = read {
            let why = format!("{value} cannot be read: {error}");
            problems.push(problem(&format!("kafka.properties.{name}"), why));
        }
    }
    problems.len() == before
}

fn clients(kafka: &KafkaSettings, warnings: &mut Vec<String>, problems: &mut Vec<Problem>) {
    for lane in Lane::ALL {
        let heard = Heard::default();
        let mut config = lane_config(kafka, lane);
        // A client without a broker calls nobody.
        config.remove("bootstrap.servers").remove("metadata.broker.list");
        config.set_log_level(RDKafkaLogLevel::Warning);
        let error = match BaseProducer::from_config_and_context(&config, heard.clone()) {
            Ok(client) => {
                // What it says waits in its queue, one event for each look.
                client.poll(HEARING);
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            let why = match error {
                KafkaError::ClientCreation(why) => why,
                // The value may be a secret.
                KafkaError::ClientConfig(_, why, name, _) => format!("{name}: {why}"),
                other => other.to_string(),
            };
            let found = problem("kafka", format!("librdkafka makes no such client: {why}"));
            if !problems.contains(&found) {
                problems.push(found);
            }
        }
        for line in heard.lines.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if !warnings.contains(&line) {
                warnings.push(line);
            }
        }
    }
}

/// What librdkafka says of the configuration.
#[derive(Clone, Default)]
struct Heard {
    lines: Arc<Mutex<Vec<String>>>,
}

impl ClientContext for Heard {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        // That there is no broker is this check's own doing.
        if facility == "CONFWARN" && !line.contains("bootstrap.servers") {
            let line = line.rsplit_once("]: ").map_or(line, |(_, line)| line);
            let line = format!("librdkafka: {line}");
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

/// A folder that is there, or that can be made in one that is.
fn folder(path: &Path) -> Result<(), String> {
    let there = path.ancestors().find(|part| part.as_os_str().is_empty() || part.exists());
    match there {
        Some(part) if part.as_os_str().is_empty() || part.is_dir() => Ok(()),
        Some(part) => Err(format!("{} is no folder; write a path to one", part.display())),
        None => Err(format!("{} cannot be there; write a path to a folder", path.display())),
    }
}

/// A file that can be appended to, or made. Nothing is made here.
fn writable(path: &Path) -> Result<(), String> {
    if path.exists() {
        let opened = std::fs::OpenOptions::new().append(true).open(path);
        return opened.map(drop).map_err(|error| format!("{}: {error}", path.display()));
    }
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) if !parent.is_dir() => {
            Err(format!("{} is no folder; make it first", parent.display()))
        }
        _ => Ok(()),
    }
}

fn problem(path: &str, remedy: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), source: None, given: None, remedy: remedy.into() }
}

/// For events that are there already.
const HEARING: Duration = Duration::from_millis(20);
