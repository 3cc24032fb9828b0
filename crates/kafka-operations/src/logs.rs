//! Log lines, as text for people or as JSON, a line for each event.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry};

/// Starts logging; to be called once. Colours are for text on a terminal.
///
/// # Errors
/// Something else logs already.
pub fn start<F, W>(filter: F, writer: W, colours: bool, json: bool) -> Result<(), String>
where
    F: Layer<Registry> + Send + Sync,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(true);
    let started = if json {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        registry.with(lines.with_ansi(colours)).try_init()
    };
    started.map_err(|error| error.to_string())
}

/// Reads a filter such as `info` or `warn,kafka_gateway::http=debug`. A word alone must be a level: a misspelt one would be
/// the name of a module that logs nothing.
///
/// # Errors
/// What cannot be read.
pub fn filter(text: &str) -> Result<Targets, String> {
    for part in text.split(',').map(str::trim).filter(|part| !part.contains('=')) {
        if part.is_empty() || part.parse::<LevelFilter>().is_err() {
            return Err(format!("{part:?} is no level (off, error, warn, info, debug, trace)"));
        }
    }
    text.parse::<Targets>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_and_modules() {
        for good in ["info", "WARN", "off", "info,kafka_gateway::http=debug", "librdkafka=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for (bad, named) in
            [("inof", "\"inof\""), ("info,http", "\"http\""), ("a=loud", "level"), ("", "\"\"")]
        {
            let error = filter(bad).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
