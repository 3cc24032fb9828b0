//! The configuration keys as one list: path, default, range, meaning, and the field each one sets.

use super::json::{Json, Number};
use super::{Config, ConfigError, ReporterSetting, shown};
use crate::metrics::catalog::Reporter;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands, dots between levels.
    pub path: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// What it does, for the documentation.
    pub help: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A whole number within a range, both ends included.
    Number {
        /// Taken where the key is left out.
        default: u32,
        /// The least that is accepted.
        min: u32,
        /// The greatest that is accepted.
        max: u32,
        /// Puts the number where it belongs.
        set: fn(&mut Config, u32),
    },
    /// One of the words that choose a reporter.
    Reporter,
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key {
        path: "reporter",
        shape: Shape::Reporter,
        help: "The value of the `reporter` label. `auto` takes it from the listener's `traffic_direction`: \
               `OUTBOUND` is `source`, `INBOUND` is `destination`, none is `proxy`.",
    },
    Key {
        path: "labels.topic.values_max",
        shape: Shape::Number {
            default: 200,
            min: 0,
            max: 100_000,
            set: |config, value| config.labels.topic = value,
        },
        help: "Topics that become values of the label `topic`; the rest is counted under `__other__`. Each \
               costs some 20 series when it is written, read and refused.",
    },
    Key {
        path: "labels.request.values_max",
        shape: Shape::Number {
            default: 16,
            min: 0,
            max: 1_000,
            set: |config, value| config.labels.request = value,
        },
        help: "Unknown API keys that become values of the label `request` (`api_key_113`). Known APIs are \
               always named and do not count.",
    },
    Key {
        path: "labels.api_version.values_max",
        shape: Shape::Number {
            default: 32,
            min: 0,
            max: 1_000,
            set: |config, value| config.labels.api_version = value,
        },
        help: "Unknown versions that become values of the label `api_version`. Versions that the filter \
               knows always do and do not count.",
    },
    Key {
        path: "labels.error.values_max",
        shape: Shape::Number {
            default: 32,
            min: 0,
            max: 1_000,
            set: |config, value| config.labels.error = value,
        },
        help: "Unknown error codes that become values of the label `error` (`error_code_250`). Known codes \
               are always named and do not count.",
    },
    Key {
        path: "limits.in_flight_max",
        shape: Shape::Number {
            default: 1_024,
            min: 1,
            max: 65_536,
            set: |config, value| config.limits.in_flight_max = value,
        },
        help: "Unanswered requests remembered for one connection, at most 64 bytes each. A request beyond it \
               is counted in `in_flight_evicted_total`, and its response is not matched. Clients rarely have \
               more than 5.",
    },
    Key {
        path: "limits.walk_size_bytes",
        shape: Shape::Number {
            default: 8 * 1024 * 1024,
            min: 64 * 1024,
            max: 1024 * 1024 * 1024,
            set: |config, value| config.limits.walk_size_bytes = value,
        },
        help: "Bytes of one message that are looked into. The rest is skipped and the message counted in \
               `undecoded_messages_total` as `over_limit`. Record payloads are always skipped and do not \
               count.",
    },
    Key {
        path: "limits.topic_ids_max",
        shape: Shape::Number {
            default: 16_384,
            min: 1,
            max: 1_048_576,
            set: |config, value| config.limits.topic_ids_max = value,
        },
        help: "Topic ids whose names are remembered; newer Produce and Fetch requests carry ids only. \
               Beyond it what is counted for a topic reads `__unresolved__`.",
    },
];

/// The words of [`Shape::Reporter`], the default first.
const REPORTER_WORDS: &[(&str, ReporterSetting)] = &[
    ("auto", ReporterSetting::Auto),
    (Reporter::Source.as_str(), ReporterSetting::Fixed(Reporter::Source)),
    (Reporter::Destination.as_str(), ReporterSetting::Fixed(Reporter::Destination)),
    (Reporter::Proxy.as_str(), ReporterSetting::Fixed(Reporter::Proxy)),
];

/// The key at this path.
pub(super) fn leaf(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys stand below this path.
pub(super) fn is_group(path: &str) -> bool {
    KEYS.iter().any(|key| below(key, path).is_some())
}

/// The names of the keys and groups directly below this path, for a message.
pub(super) fn names_in(group: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for key in KEYS {
        let rest = if group.is_empty() { Some(key.path) } else { below(key, group) };
        if let Some(name) = rest.and_then(|rest| rest.split('.').next())
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    quoted(&names)
}

fn below(key: &Key, group: &str) -> Option<&'static str> {
    key.path.strip_prefix(group)?.strip_prefix('.')
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

impl Key {
    /// What may be written, for the documentation: `1 to 65536`.
    #[must_use]
    pub fn accepts(&self) -> String {
        match self.shape {
            Shape::Number { min, max, .. } => format!("{min} to {max}"),
            Shape::Reporter => {
                let words: Vec<&str> = REPORTER_WORDS.iter().map(|(word, _)| *word).collect();
                quoted(&words)
            }
        }
    }

    /// The default as it would be written in JSON.
    #[must_use]
    pub fn default_text(&self) -> String {
        match self.shape {
            Shape::Number { default, .. } => default.to_string(),
            Shape::Reporter => {
                REPORTER_WORDS.first().map_or_else(String::new, |(word, _)| quoted(&[*word]))
            }
        }
    }

    /// Gives the field of this key its default.
    pub(super) fn set_default(&self, config: &mut Config) {
        match self.shape {
            Shape::Number { default, set, .. } => set(config, default),
            Shape::Reporter => config.reporter = ReporterSetting::default(),
        }
    }

    /// Checks `value` and gives it to the field of this key.
    pub(super) fn read(&self, config: &mut Config, value: &Json) -> Result<(), ConfigError> {
        match (self.shape, value) {
            (Shape::Number { min, max, set, .. }, Json::Number(number)) => {
                set(config, self.checked(number, min, max)?);
                Ok(())
            }
            (Shape::Reporter, Json::String(word)) => {
                let Some((_, setting)) = REPORTER_WORDS.iter().find(|(known, _)| known == word)
                else {
                    return Err(self.refused(format!("\"{}\" is not known", shown(word))));
                };
                config.reporter = *setting;
                Ok(())
            }
            (Shape::Number { .. }, other) => {
                Err(self.refused(format!("{} stands where a number belongs", other.kind())))
            }
            (Shape::Reporter, other) => {
                Err(self.refused(format!("{} stands where a string belongs", other.kind())))
            }
        }
    }

    fn checked(&self, number: &Number, min: u32, max: u32) -> Result<u32, ConfigError> {
        let Number::Whole(whole) = *number else {
            return Err(self.refused("not a whole number, or too long".to_owned()));
        };
        match u32::try_from(whole) {
            Ok(value) if (min..=max).contains(&value) => Ok(value),
            _ => Err(self.refused(format!("{whole} is out of range"))),
        }
    }

    fn refused(&self, problem: String) -> ConfigError {
        let what = match self.shape {
            Shape::Number { .. } => "a whole number from",
            Shape::Reporter => "one of",
        };
        let remedy = format!("write {what} {} (default {})", self.accepts(), self.default_text());
        ConfigError::new(self.path, problem, remedy)
    }
}
