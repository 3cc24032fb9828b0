//! The configuration keys as one list: path, default, range, meaning, and the field each one sets.

mod list;

use super::json::{Json, Number};
use super::pattern::{PATTERNS_MAX, Pattern};
use super::rewrite::{Replacement, Rewrites, Rule};
use super::{Config, ConfigError, ReporterSetting, shown};
use crate::metrics::catalog::Reporter;
pub use list::KEYS;

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
    /// True or false.
    Switch {
        /// Taken where the key is left out.
        default: bool,
        /// Puts the choice where it belongs.
        set: fn(&mut Config, bool),
    },
    /// A list of regular expressions, none where the key is left out.
    Patterns {
        /// Puts the list where it belongs.
        set: fn(&mut Config, Vec<Pattern>),
    },
    /// The rules that rewrite client ids, none where the key is left out.
    Rewrites,
    /// One of the words that choose a reporter.
    Reporter,
}

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
            Shape::Switch { .. } => "true or false".to_owned(),
            Shape::Patterns { .. } => {
                format!("an array of up to {PATTERNS_MAX} regular expressions")
            }
            Shape::Rewrites => format!("an array of up to {PATTERNS_MAX} rules"),
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
            Shape::Switch { default, .. } => default.to_string(),
            Shape::Patterns { .. } | Shape::Rewrites => "[]".to_owned(),
            Shape::Reporter => {
                REPORTER_WORDS.first().map_or_else(String::new, |(word, _)| quoted(&[*word]))
            }
        }
    }

    /// Whether reading it compiles regular expressions.
    pub(super) fn takes_patterns(&self) -> bool {
        matches!(self.shape, Shape::Patterns { .. } | Shape::Rewrites)
    }

    /// Gives the field of this key its default.
    pub(super) fn set_default(&self, config: &mut Config) {
        match self.shape {
            Shape::Number { default, set, .. } => set(config, default),
            Shape::Switch { default, set } => set(config, default),
            Shape::Patterns { set } => set(config, Vec::new()),
            Shape::Rewrites => config.rewrites = Rewrites::default(),
            Shape::Reporter => config.reporter = ReporterSetting::default(),
        }
    }

    /// Checks `value` and gives it to the field of this key.
    pub(super) fn read(&self, config: &mut Config, value: &Json) -> Result<(), ConfigError> {
        match (self.shape, value) {
            (Shape::Number { min, max, set, .. }, Json::Number(number)) => {
                set(config, self.checked(number, min, max)?);
            }
            (Shape::Switch { set, .. }, &Json::Bool(is_on)) => set(config, is_on),
            (Shape::Patterns { set }, Json::Array(values)) => {
                set(config, self.items(values, pattern)?);
            }
            (Shape::Rewrites, Json::Array(values)) => {
                config.rewrites = Rewrites::new(self.items(values, rule)?);
            }
            (Shape::Reporter, Json::String(word)) => {
                let Some((_, setting)) = REPORTER_WORDS.iter().find(|(known, _)| known == word)
                else {
                    return Err(self.refused(format!("\"{}\" is not known", shown(word))));
                };
                config.reporter = *setting;
            }
            (shape, other) => {
                return Err(self.refused(misplaced(other, shape.kind())));
            }
        }
        Ok(())
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

    /// Reads each value of an array, which has the path of this key and its place.
    fn items<T>(
        &self,
        values: &[Json],
        read: fn(&str, &Json) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        if values.len() > PATTERNS_MAX {
            let problem = format!("{} are more than {PATTERNS_MAX}", values.len());
            return Err(self.refused(problem));
        }
        let item = |(place, value)| read(&format!("{}[{place}]", self.path), value);
        values.iter().enumerate().map(item).collect()
    }

    fn refused(&self, problem: String) -> ConfigError {
        let (what, example) = match self.shape {
            Shape::Number { .. } => ("a whole number from ", String::new()),
            Shape::Reporter => ("one of ", String::new()),
            Shape::Rewrites => ("", format!(" such as {RULE_EXAMPLE}")),
            Shape::Switch { .. } | Shape::Patterns { .. } => ("", String::new()),
        };
        let (accepts, default) = (self.accepts(), self.default_text());
        let remedy = format!("write {what}{accepts}{example} (default {default})");
        ConfigError::new(self.path, problem, remedy)
    }
}

impl Shape {
    /// The JSON type it takes, with its article.
    const fn kind(self) -> &'static str {
        match self {
            Self::Number { .. } => "a number",
            Self::Switch { .. } => "a boolean",
            Self::Patterns { .. } | Self::Rewrites => "an array",
            Self::Reporter => "a string",
        }
    }
}

fn pattern(path: &str, value: &Json) -> Result<Pattern, ConfigError> {
    let source = text(path, value, PATTERN_REMEDY)?;
    Pattern::new(source).map_err(|problem| ConfigError::new(path, problem, PATTERN_REMEDY))
}

/// An object of `match` and `replace`, both of them and nothing else.
fn rule(path: &str, value: &Json) -> Result<Rule, ConfigError> {
    let refused = |problem| ConfigError::new(path, problem, format!("write {RULE_EXAMPLE}"));
    let Json::Object(members) = value else {
        return Err(refused(misplaced(value, "an object")));
    };
    if let Some((name, _)) = members.iter().find(|(name, _)| !RULE_KEYS.contains(&name.as_str())) {
        let remedy = format!("remove it; the keys here are {}", quoted(RULE_KEYS));
        return Err(ConfigError::new(
            &format!("{path}.{}", shown(name)),
            "no such key".to_owned(),
            remedy,
        ));
    }
    let member = |name: &str| {
        let found = members.iter().find(|(known, _)| known == name);
        let (_, value) = found.ok_or_else(|| refused(format!("\"{name}\" is missing")))?;
        Ok((format!("{path}.{name}"), value))
    };
    let ((match_path, matched), (replace_path, replace)) = (member("match")?, member("replace")?);
    let pattern = pattern(&match_path, matched)?;
    let source = text(&replace_path, replace, REPLACE_REMEDY)?;
    let replacement = Replacement::new(source, &pattern)
        .map_err(|problem| ConfigError::new(&replace_path, problem, REPLACE_REMEDY))?;
    Ok(Rule::new(pattern, replacement))
}

fn text<'a>(path: &str, value: &'a Json, remedy: &str) -> Result<&'a str, ConfigError> {
    match value {
        Json::String(text) => Ok(text),
        other => Err(ConfigError::new(path, misplaced(other, "a string"), remedy)),
    }
}

fn misplaced(value: &Json, belongs: &str) -> String {
    format!("{} stands where {belongs} belongs", value.kind())
}

const RULE_KEYS: &[&str] = &["match", "replace"];

const RULE_EXAMPLE: &str = r#"{"match": "consumer-(.+)-[0-9]+", "replace": "$1"}"#;

const PATTERN_REMEDY: &str =
    "write a regular expression that matches the whole value, such as \"orders-.*\"";

const REPLACE_REMEDY: &str = "write a text in which $1, ${1} or ${name} stands for a group of `match`, and \
                              $$ for a dollar sign";

#[cfg(test)]
mod tests;
