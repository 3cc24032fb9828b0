//! Logs on standard error, as lines for people or as JSON, whose level changes while the canary runs. Secrets never
//! reach them: no setting that holds one is ever formatted.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_operations::logs::start;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Registry, reload};

/// What is logged. Clones change the same logs.
#[derive(Clone)]
pub struct Logs {
    handle: reload::Handle<Targets, Registry>,
    now: Arc<Mutex<Level>>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The canary's own: 0 info, 1 debug, 2 trace.
    pub verbosity: u8,
    /// Whether librdkafka's lines are shown.
    pub client_log: bool,
}

/// The target that librdkafka's lines have.
pub const CLIENT_TARGET: &str = "librdkafka";

impl Logs {
    /// Starts logging; to be called once. `quiet` shows warnings only unless the verbosity asks for more.
    ///
    /// # Errors
    /// Something else logs already.
    pub fn start(level: Level, json: bool, quiet: bool) -> Result<Self, String> {
        let (filter, handle) = reload::Layer::new(filter(level, quiet));
        start(filter, std::io::stderr, std::io::stderr().is_terminal(), json)?;
        Ok(Self { handle, now: Arc::new(Mutex::new(level)) })
    }

    /// Logs more or less from now on.
    pub fn set(&self, level: Level) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == level {
            return;
        }
        match self.handle.reload(filter(level, false)) {
            Ok(()) => {
                *now = level;
                tracing::info!(
                    verbosity = level.verbosity,
                    client_log = level.client_log,
                    "log level changed"
                );
            }
            Err(error) => tracing::error!(%error, "the log level could not be changed"),
        }
    }
}

fn filter(level: Level, quiet: bool) -> Targets {
    let own = match level.verbosity {
        0 if quiet => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let client = if level.client_log { LevelFilter::DEBUG } else { LevelFilter::OFF };
    // What libraries say beneath a warning is theirs, save where everything is wanted.
    let others = if level.verbosity >= 2 { LevelFilter::DEBUG } else { LevelFilter::WARN };
    Targets::new()
        .with_default(others)
        .with_target("kafka_canary", own)
        .with_target(CLIENT_TARGET, client)
        .with_target("rdkafka", client)
}
