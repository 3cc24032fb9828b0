//! The filter's configuration: JSON text read strictly, checked, and turned into limits and settings.
//!
//! Nothing is guessed: an unknown key, a wrong type or a number out of range is refused with the path of
//! the key and what to write instead, and Envoy then keeps the listener it has. No bytes at all mean the
//! defaults. The keys, their defaults and ranges are one list, [`KEYS`], from which `docs/configuration.md`
//! is rendered.

mod json;
mod keys;
mod pattern;
mod rewrite;

use core::fmt;

use json::Json;
pub use keys::{KEYS, Key, Shape};
pub use pattern::{PATTERN_SIZE_MAX, PATTERNS_MAX, Pattern, PatternSet, VALUE_SIZE_MAX};
pub use rewrite::Rewrites;

use crate::metrics::catalog::Reporter;
use crate::metrics::groups::MetricGroups;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the `reporter` label comes from.
    pub reporter: ReporterSetting,
    /// Whether facts of a connection are told to the access log.
    pub access_log: bool,
    /// Which metrics are on, beside those that always are.
    pub metrics: MetricGroups,
    /// How many values labels may take.
    pub labels: LabelCaps,
    /// Which values labels may take.
    pub patterns: LabelPatterns,
    /// What becomes of client ids before all else.
    pub rewrites: Rewrites,
    /// Bounds of memory and work.
    pub limits: Limits,
}

/// Where the value of the `reporter` label comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReporterSetting {
    /// From the direction of the listener.
    #[default]
    Auto,
    /// As configured.
    Fixed(Reporter),
}

/// The largest number of values of each label whose values peers choose, for each Envoy process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelCaps {
    /// Topics.
    pub topic: u32,
    /// API keys without a name; those with a name are no peer's choice and always admitted.
    pub request: u32,
    /// API versions that the tables do not have.
    pub api_version: u32,
    /// Error codes without a name.
    pub error: u32,
    /// Client ids.
    pub client_id: u32,
    /// Groups: classic, consumer, share and streams.
    pub group: u32,
    /// Names of client software.
    pub software: u32,
    /// Versions of client software.
    pub software_version: u32,
}

/// The values of each label that are wanted; others read `__other__`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelPatterns {
    /// Topics.
    pub topic: PatternSet,
    /// Client ids, as [`Rewrites`] left them.
    pub client_id: PatternSet,
    /// Groups.
    pub group: PatternSet,
    /// Names of client software.
    pub software: PatternSet,
}

/// Bounds of memory and work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests awaiting a response that are remembered for one connection.
    pub in_flight_max: u32,
    /// Bytes of one message that are walked; what is longer is skipped and counted `over_limit`.
    pub walk_size_bytes: u32,
    /// Topic ids whose names are remembered.
    pub topic_ids_max: u32,
    /// Series of one metric that carry a client id, a group or a software name.
    pub combinations_max: u32,
    /// Partitions whose lag is followed.
    pub lag_partitions_max: u32,
    /// Seconds after which the lag of a partition that nobody asks for is dropped.
    pub lag_stale_seconds: u32,
}

impl Config {
    /// Reads a plugin configuration: nothing, white space or `{}` are the defaults.
    ///
    /// # Errors
    /// What is wrong first, where, and what to write instead. Text for an operator.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::parse_where(bytes, || true)
    }

    /// As [`Self::parse`], on a host that may give no random bytes: `is_random` is asked before the
    /// first pattern, because making one takes a hash map of the standard library, which ends the
    /// program where there are none.
    ///
    /// # Errors
    /// As [`Self::parse`], and a pattern without random bytes.
    pub fn parse_where(bytes: &[u8], is_random: fn() -> bool) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if bytes.trim_ascii().is_empty() {
            return Ok(config);
        }
        if bytes.len() > TEXT_SIZE_MAX {
            let problem =
                format!("{} bytes are more than the {TEXT_SIZE_MAX} that are read", bytes.len());
            return Err(ConfigError::new("", problem, TOP_REMEDY));
        }
        match json::parse(bytes) {
            Ok(Json::Object(members)) => {
                config.read_members("", &members, is_random)?;
                Ok(config)
            }
            Ok(other) => Err(ConfigError::new(
                "",
                format!("{} stands where an object belongs", other.kind()),
                TOP_REMEDY,
            )),
            Err(error) => Err(ConfigError::new("", format!("not JSON: {error}"), TOP_REMEDY)),
        }
    }

    /// Depth is bounded: only names of known groups are entered, and those lie at most two below the top.
    fn read_members(
        &mut self,
        group: &str,
        members: &[(String, Json)],
        is_random: fn() -> bool,
    ) -> Result<(), ConfigError> {
        for (name, value) in members {
            let path = if group.is_empty() { name.clone() } else { format!("{group}.{name}") };
            if let Some(key) = keys::leaf(&path) {
                if key.takes_patterns() && !is_random() {
                    let problem = "patterns need random bytes, which the host refuses".to_owned();
                    return Err(ConfigError::new(&path, problem, RANDOM_REMEDY));
                }
                key.read(self, value)?;
            } else if keys::is_group(&path) {
                match value {
                    Json::Object(inner) => self.read_members(&path, inner, is_random)?,
                    other => {
                        let problem = format!("{} stands where an object belongs", other.kind());
                        let remedy = format!(
                            "write an object with any of the keys {}",
                            keys::names_in(&path)
                        );
                        return Err(ConfigError::new(&path, problem, remedy));
                    }
                }
            } else {
                let remedy = format!("remove it; the keys here are {}", keys::names_in(group));
                return Err(ConfigError::new(&shown(&path), "no such key".to_owned(), remedy));
            }
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            reporter: ReporterSetting::default(),
            access_log: false,
            metrics: MetricGroups::NONE,
            labels: LabelCaps::default(),
            patterns: LabelPatterns::default(),
            rewrites: Rewrites::default(),
            limits: Limits::default(),
        };
        for key in KEYS {
            key.set_default(&mut config);
        }
        config
    }
}

impl ReporterSetting {
    /// The reporter on a listener of this direction, as `xds.listener_direction` gives it.
    #[must_use]
    pub const fn resolve(self, listener_direction: Option<i64>) -> Reporter {
        match self {
            Self::Auto => Reporter::from_listener_direction(listener_direction),
            Self::Fixed(reporter) => reporter,
        }
    }
}

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, dots between levels; empty for the whole text.
    path: String,
    problem: String,
    remedy: String,
}

impl ConfigError {
    fn new(path: &str, problem: String, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem, remedy: remedy.into() }
    }

    /// The path of the key, for example `limits.in_flight_max`; empty where the text as a whole is wrong.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(formatter, "configuration: {}; {}", self.problem, self.remedy)
        } else {
            write!(formatter, "configuration: `{}`: {}; {}", self.path, self.problem, self.remedy)
        }
    }
}

impl core::error::Error for ConfigError {}

/// A piece of the operator's text, bounded and on one line, for a message.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        out.push_str("...");
    }
    out
}

/// More than every key needs, short of hundreds of the longest patterns; it bounds what reading can cost.
const TEXT_SIZE_MAX: usize = 64 * 1024;

const SHOWN_CHARS_MAX: usize = 80;

const TOP_REMEDY: &str = "write a JSON object such as {\"labels\": {\"topic\": {\"values_max\": 500}}}, or \
                          leave the configuration out for the defaults";

const RANDOM_REMEDY: &str =
    "add `random_get` to `allowed_capabilities` of the plugin, or remove the patterns";

#[cfg(test)]
mod tests;
