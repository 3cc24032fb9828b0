//! Rules that give label values another form before they are counted, such as client ids without the
//! name of a host.
//!
//! A replacement is read with its pattern: one that names a group which the pattern does not have is
//! refused, so applying a rule cannot fail. What comes out is never longer than a value may be.

use std::borrow::Cow;

use regex_lite::Captures;

use super::pattern::{Pattern, VALUE_SIZE_MAX, matchable};

/// Rules, of which the first that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites(Vec<Rule>);

impl Rewrites {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The value as the first rule whose pattern matches all of it has it; unchanged when none does, or
    /// when it has more than [`VALUE_SIZE_MAX`] bytes.
    ///
    /// At most [`VALUE_SIZE_MAX`] bytes come out of a rule: what is longer is cut between two characters.
    /// Bytes that are not UTF-8 are matched, and come out, as U+FFFD.
    #[must_use]
    pub fn apply<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.is_empty()
            && let Some(text) = matchable(value)
            && let Some(rewritten) = self.0.iter().find_map(|rule| rule.apply(&text))
        {
            return Cow::Owned(rewritten.into_bytes());
        }
        Cow::Borrowed(value)
    }

    /// Whether there are no rules, and nothing ever changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pattern: Pattern,
    replacement: Replacement,
}

impl Rule {
    pub(super) fn new(pattern: Pattern, replacement: Replacement) -> Self {
        Self { pattern, replacement }
    }

    fn apply(&self, text: &str) -> Option<String> {
        // Without groups first: that is quicker, and most values match few rules.
        if !self.pattern.matches(text) {
            return None;
        }
        Some(self.replacement.expand(&self.pattern.captures(text)?))
    }
}

/// What a rule puts in place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacement(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// What a group matched, empty when it took no part in the match.
    Group(usize),
}

impl Replacement {
    /// Reads a replacement: text in which `$1`, `${1}`, `$name` and `${name}` stand for groups of the
    /// pattern, `$0` for the whole value, and `$$` for a dollar sign.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub(super) fn new(source: &str, pattern: &Pattern) -> Result<Self, String> {
        if source.len() > VALUE_SIZE_MAX {
            return Err(format!(
                "{} bytes are more than the {VALUE_SIZE_MAX} of a value",
                source.len()
            ));
        }
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once('$') {
            push_text(&mut parts, text);
            if let Some(after) = after.strip_prefix('$') {
                push_text(&mut parts, "$");
                rest = after;
                continue;
            }
            let (reference, after) = reference(after).ok_or_else(|| {
                "a `$` stands alone: it is written `$$`, a group `$1` or `${name}`".to_owned()
            })?;
            let group = pattern.group(reference).ok_or_else(|| {
                let count = pattern.group_count();
                format!(
                    "`${}` is no group of the pattern, which has {count}",
                    super::shown(reference)
                )
            })?;
            parts.push(Part::Group(group));
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    fn expand(&self, captures: &Captures<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            let text = match part {
                Part::Text(text) => text.as_str(),
                Part::Group(index) => captures.get(*index).map_or("", |found| found.as_str()),
            };
            let room = VALUE_SIZE_MAX.saturating_sub(out.len());
            let Some(fitting) = text.get(..text.floor_char_boundary(room)) else { break };
            out.push_str(fitting);
            if fitting.len() < text.len() {
                break;
            }
        }
        out
    }
}

/// The name or number of a group after a `$`, and what follows it. Without braces it is as long as it can
/// be: `$1a` is the group `1a`.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (reference, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => {
            let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
            text.split_at_checked(text.find(|char| !is_word(char)).unwrap_or(text.len()))?
        }
    };
    (!reference.is_empty()).then_some((reference, after))
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Text(before)) = parts.last_mut() {
        before.push_str(text);
    } else if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

#[cfg(test)]
mod tests;
