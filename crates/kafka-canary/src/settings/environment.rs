//! Texts of variables and flags, and how they become values: whatever is wrong is gathered, so that an operator sees
//! all of it at once, each with its variable, its value (unless it is a secret) and what to write instead.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::variables::{self, Form, Variable};

/// What was given, by a variable's name. An empty text is as good as none, as Kubernetes manifests write it.
#[derive(Default)]
pub struct Given {
    values: HashMap<&'static str, Text>,
    problems: Vec<Problem>,
}

struct Text {
    value: String,
    by_flag: bool,
}

/// One value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the flag if that gave the value.
    pub variable: String,
    /// What was given, if it may be shown.
    pub value: Option<String>,
    /// What is wrong and what to write.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(out, "{}={value:?}: {}", self.variable, self.remedy),
            None => write!(out, "{}: {}", self.variable, self.remedy),
        }
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in self.0.iter().enumerate() {
            if line > 0 {
                writeln!(out)?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Given {
    /// Takes each variable from its flag, or else from the environment.
    pub fn new(
        flag: impl Fn(&Variable) -> Option<String>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let mut given = Self::default();
        for variable in variables::all() {
            if let Some(value) = flag(variable).filter(|value| !value.trim().is_empty()) {
                given.values.insert(variable.name, Text { value, by_flag: true });
                continue;
            }
            match environment(variable.name).map(OsString::into_string) {
                None => (),
                Some(Ok(value)) if value.trim().is_empty() => (),
                Some(Ok(value)) => {
                    given.values.insert(variable.name, Text { value, by_flag: false });
                }
                Some(Err(_)) => given.problems.push(Problem {
                    variable: variable.name.to_owned(),
                    value: None,
                    remedy: "is not UTF-8; write it in UTF-8".to_owned(),
                }),
            }
        }
        given
    }

    /// Whether it was given at all.
    pub(super) fn has(&self, variable: &Variable) -> bool {
        self.values.contains_key(variable.name)
    }

    /// The text, or the default; none when both are empty. Blanks around it are dropped, save for secrets.
    pub(super) fn text(&self, variable: &Variable) -> Option<&str> {
        let text = self.values.get(variable.name).map_or(variable.default, |text| &text.value);
        let text = if matches!(variable.form, Form::Secret(_)) { text } else { text.trim() };
        (!text.is_empty()).then_some(text)
    }

    /// The same, owned, and empty when there is none.
    pub(super) fn owned(&self, variable: &Variable) -> String {
        self.text(variable).unwrap_or_default().to_owned()
    }

    /// Notes that a value is wrong.
    pub(super) fn refuse(&mut self, variable: &Variable, remedy: impl Into<String>) {
        let text = self.values.get(variable.name);
        let shown = !matches!(variable.form, Form::Secret(_));
        self.problems.push(Problem {
            variable: match text {
                Some(text) if text.by_flag => format!("--{}", variable.flag),
                _ => variable.name.to_owned(),
            },
            value: text.filter(|_| shown).map(|text| shortened(&text.value)),
            remedy: remedy.into(),
        });
    }

    /// `true` or `false`, in the spellings that strimzi-canary took.
    pub(super) fn switch(&mut self, variable: &Variable) -> bool {
        match self.text(variable) {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") | None => false,
            Some(_) => {
                self.refuse(variable, "is neither; write true or false");
                false
            }
        }
    }

    /// A whole number between two bounds.
    pub(super) fn number(&mut self, variable: &Variable, least: i64, most: i64) -> i64 {
        let number = self.text(variable).map(i64::from_str);
        match number {
            Some(Ok(number)) if (least..=most).contains(&number) => number,
            _ => {
                let example = if variable.default.is_empty() {
                    least.to_string()
                } else {
                    variable.default.to_owned()
                };
                self.refuse(
                    variable,
                    format!(
                        "is not a whole number from {least} to {most}; write for example {example}"
                    ),
                );
                least
            }
        }
    }

    /// A whole number of milliseconds, at least one.
    pub(super) fn milliseconds(&mut self, variable: &Variable) -> Duration {
        self.milliseconds_from(variable, 1)
    }

    pub(super) fn milliseconds_from(&mut self, variable: &Variable, least: i64) -> Duration {
        let number = self.number(variable, least, MILLISECONDS_MAX);
        Duration::from_millis(number.unsigned_abs())
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, variable: &Variable, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(variable)?;
        let found =
            words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meant)| *meant);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(variable, format!("is not known; write one of {}", known.join(", ")));
        }
        found
    }

    /// Bounds of a histogram, ascending.
    pub(super) fn buckets(&mut self, variable: &Variable) -> Vec<f64> {
        let text = self.text(variable).unwrap_or_default();
        let bounds: Result<Vec<f64>, _> =
            text.split(',').map(|bound| f64::from_str(bound.trim())).collect();
        match bounds {
            Ok(bounds)
                if bounds.iter().all(|bound| bound.is_finite() && *bound > 0.0)
                    && bounds.is_sorted_by(|one, next| one < next)
                    && bounds.len() <= BUCKETS_MAX =>
            {
                bounds
            }
            _ => {
                self.refuse(
                    variable,
                    format!(
                        "are not ascending numbers above 0, at most {BUCKETS_MAX}; write for example {}",
                        variable.default
                    ),
                );
                Vec::new()
            }
        }
    }

    /// `key=value` pairs, a separator between them and one allowed behind the last; none without a key, none twice.
    pub(super) fn pairs(&mut self, variable: &Variable, separator: char) -> Vec<(String, String)> {
        let text = self.text(variable).unwrap_or_default();
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.trim_end_matches(separator).split(separator).filter(|_| !text.is_empty()) {
            match pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some((key, value))
                    if !key.is_empty() && pairs.iter().all(|(known, _)| known != key) =>
                {
                    pairs.push((key.to_owned(), value.to_owned()));
                }
                _ => {
                    self.refuse(
                        variable,
                        format!("is not a list of different keys with values; write key=value{separator}key=value"),
                    );
                    return Vec::new();
                }
            }
        }
        pairs
    }

    /// The problems, if there are any.
    pub(super) fn into_problems(self) -> Option<Problems> {
        (!self.problems.is_empty()).then_some(Problems(self.problems))
    }
}

/// Errors stay on a line, even if a certificate was given where something else belongs.
fn shortened(value: &str) -> String {
    let mut short: String = value.chars().take(SHOWN_MAX).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

/// Three weeks and a bit: sums of a few of them stay far from any clock's end.
const MILLISECONDS_MAX: i64 = i32::MAX as i64;

/// Each bucket is a series for each partition or broker.
const BUCKETS_MAX: usize = 64;

const SHOWN_MAX: usize = 80;
