//! Regular expressions over label values: one that a whole value must match, and lists of them that
//! admit values.
//!
//! The operator writes the pattern, a peer the value. Matching takes time linear in the length of the
//! value (regex-lite simulates an automaton and never backtracks), so with the length of values, the
//! compiled size of patterns and their number bounded, no peer can make it slow. A pattern is met once
//! for each new value, not for each message: callers remember the answer.

use std::borrow::Cow;

use regex_lite::{Captures, Regex, RegexBuilder};

/// A regular expression that must match the whole value.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As the operator wrote it.
    source: String,
    regex: Regex,
}

impl Pattern {
    /// # Errors
    /// What is wrong with it, on one line.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.len() > PATTERN_SIZE_MAX {
            return Err(format!(
                "{} bytes are more than the {PATTERN_SIZE_MAX} of a pattern",
                source.len()
            ));
        }
        // Alone first: `a)|(?:b` is wrong, and must not become right by what is put around it.
        let reason = |error: regex_lite::Error| {
            format!("\"{}\" is no regular expression: {error}", super::shown(source))
        };
        let groups = compile(source).map_err(reason)?.captures_len();
        if groups > GROUPS_MAX {
            let groups = groups.saturating_sub(1);
            return Err(format!(
                "{groups} groups are more than the {} of a pattern",
                GROUPS_MAX - 1
            ));
        }
        // What a comment of `(?x)` at the end swallows is missed, so that is refused here.
        let regex = compile(&format!(r"\A(?:{source})\z")).map_err(|error| {
            format!("\"{}\" does not work inside a group: {error}", super::shown(source))
        })?;
        Ok(Self { source: source.to_owned(), regex })
    }

    /// The expression as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it matches all of the text, which [`matchable`] has bounded.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups of a match of all of the text.
    pub(super) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// How many groups it has, and the place of one with a name; the first is 1.
    pub(super) fn group(&self, reference: &str) -> Option<usize> {
        if reference.bytes().all(|byte| byte.is_ascii_digit()) {
            return reference.parse().ok().filter(|&index| index < self.regex.captures_len());
        }
        self.regex.capture_names().position(|name| name == Some(reference))
    }

    /// How many groups it has.
    pub(super) fn group_count(&self) -> usize {
        self.regex.captures_len().saturating_sub(1)
    }
}

/// Compared by what the operator wrote, of which everything else follows.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

/// Which values may become values of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternSet {
    pub(super) allow: Vec<Pattern>,
    pub(super) deny: Vec<Pattern>,
}

impl PatternSet {
    /// Whether a value is wanted: a pattern of `allow` matches it, or there is none, and no pattern of
    /// `deny` does.
    ///
    /// Bytes that are not UTF-8 are matched as U+FFFD, so that they take no value past a `deny`. A value
    /// of more than [`VALUE_SIZE_MAX`] bytes is never matched: with any pattern at all it is not wanted.
    #[must_use]
    pub fn admits(&self, value: &[u8]) -> bool {
        if self.is_empty() {
            return true;
        }
        matchable(value).is_some_and(|text| {
            let matches = |pattern: &Pattern| pattern.matches(&text);
            (self.allow.is_empty() || self.allow.iter().any(matches))
                && !self.deny.iter().any(matches)
        })
    }

    /// Whether there are no patterns, and every value is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// A value as patterns see it; `None` when it is too long for them.
pub(super) fn matchable(value: &[u8]) -> Option<Cow<'_, str>> {
    (value.len() <= VALUE_SIZE_MAX).then(|| String::from_utf8_lossy(value))
}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text)
        // A line break in a client id must not take it past `.*`.
        .dot_matches_new_line(true)
        .size_limit(COMPILED_SIZE_MAX)
        .build()
}

/// Patterns in one list.
pub const PATTERNS_MAX: usize = 32;

/// Bytes of one pattern.
pub const PATTERN_SIZE_MAX: usize = 256;

/// Bytes of the longest value that is matched, and that a rewrite makes.
pub const VALUE_SIZE_MAX: usize = 255;

/// Bytes of one compiled pattern: a counted class such as `[a-z0-9._-]{1,249}` fits.
const COMPILED_SIZE_MAX: usize = 32 * 1024;

/// Groups of one pattern, the whole match among them; each costs memory for every state of the automaton.
const GROUPS_MAX: usize = 10;

#[cfg(test)]
mod tests;
