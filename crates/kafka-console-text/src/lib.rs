//! Prometheus's text format 0.0.4, one line at a time: `name{label="value"} 1 1700000000000`.
//!
//! Nothing is copied but label values with escapes in them, and those are read for a series' first sight alone: what
//! identifies a known series is its text. No crate does it so: those at hand make owned strings of each label of each
//! line, and two hundred proxies show a hundred thousand lines a second.
//!
//! A line is taken when Prometheus takes it, so that a proxy is as good for one as for the other, and when the format
//! has it as an example (a timestamp before 1970). Three things are left out: names in quotes, which are written only
//! to who asks for them; what comments say of types; whether a label's name comes twice. A crate of its own without
//! any other, because what it reads is hostile bytes, and this is what is fuzzed.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

/// A sample, its labels unread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as they stand in the line: what identifies the series.
    pub series: &'a [u8],
    /// What is in the braces; see [`labels`].
    pub labels: &'a [u8],
    /// May be NaN or infinite.
    pub value: f64,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It starts with what no metric's name starts with.
    Name,
    /// Braces, quotes, escapes or commas are not as they must be.
    Labels,
    /// A label's value is not UTF-8.
    Encoding,
    /// No number where the value must stand.
    Value,
    /// Something other than a timestamp after the value.
    Timestamp,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "is no line of Prometheus's text format",
            Self::Labels => "has labels that cannot be read",
            Self::Encoding => "has a label that is not UTF-8",
            Self::Value => "has no number as its value",
            Self::Timestamp => "has something other than a timestamp after its value",
        })
    }
}

/// The name that a line starts with; `None` for a comment or an empty line.
///
/// # Errors
/// [`Flaw::Name`]
pub fn name(line: &[u8]) -> Result<Option<&[u8]>, Flaw> {
    let line = trimmed(line);
    match line.first() {
        None | Some(b'#') => return Ok(None),
        Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') => {}
        Some(_) => return Err(Flaw::Name),
    }
    let end = line.iter().position(|byte| !is_name(*byte)).unwrap_or(line.len());
    Ok(line.get(..end))
}

/// The sample of a line whose [`name`] is `name`.
///
/// # Errors
/// Every flaw but those inside of labels, which [`labels`] finds.
pub fn sample<'a>(line: &'a [u8], name: &[u8]) -> Result<Sample<'a>, Flaw> {
    let line = trimmed(line);
    let after = line.get(name.len()..).ok_or(Flaw::Name)?;
    let (labels, rest) = match trimmed(after).split_first() {
        Some((b'{', inner)) => {
            let end = closing(inner).ok_or(Flaw::Labels)?;
            (inner.get(..end).unwrap_or_default(), after_brace(inner, end))
        }
        // Blanks stand only between what would merge without them: `name+1` is a sample, as with Prometheus.
        Some(_) => (&[][..], after),
        None => return Err(Flaw::Value),
    };
    let series = line.get(..line.len().saturating_sub(rest.len())).unwrap_or_default();
    let mut words = rest.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or(Flaw::Value)?).ok_or(Flaw::Value)?;
    if let Some(word) = words.next()
        && !is_timestamp(word)
    {
        return Err(Flaw::Timestamp);
    }
    if words.next().is_some() {
        return Err(Flaw::Timestamp);
    }
    Ok(Sample { series, labels, value })
}

/// Shows each label, in the order of the line.
///
/// # Errors
/// [`Flaw::Labels`], [`Flaw::Encoding`]; what was shown before is then void.
pub fn labels<'a>(
    inner: &'a [u8],
    mut visit: impl FnMut(&'a [u8], Cow<'a, str>),
) -> Result<(), Flaw> {
    let mut rest = trimmed(inner);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| !is_name(*byte)).ok_or(Flaw::Labels)?;
        let (name, after) = rest.split_at_checked(end).ok_or(Flaw::Labels)?;
        if name.first().is_none_or(u8::is_ascii_digit) || name.contains(&b':') {
            return Err(Flaw::Labels);
        }
        let after = trimmed(after).strip_prefix(b"=").ok_or(Flaw::Labels)?;
        let after = trimmed(after).strip_prefix(b"\"").ok_or(Flaw::Labels)?;
        let end = quote(after).ok_or(Flaw::Labels)?;
        visit(name, unescaped(after.get(..end).unwrap_or_default())?);
        rest = trimmed(after_brace(after, end));
        // Prometheus takes labels without a comma between them, too.
        if let Some(more) = rest.strip_prefix(b",") {
            rest = trimmed(more);
        }
    }
    Ok(())
}

/// What follows the byte at `end`.
fn after_brace(text: &[u8], end: usize) -> &[u8] {
    text.get(end.saturating_add(1)..).unwrap_or_default()
}

/// Where the brace closes that has been opened, quoted ones left out.
fn closing(text: &[u8]) -> Option<usize> {
    let mut from = 0_usize;
    loop {
        let rest = text.get(from..)?;
        let at = rest.iter().position(|byte| matches!(byte, b'}' | b'"'))?;
        let here = from.checked_add(at)?;
        if rest.get(at) == Some(&b'}') {
            return Some(here);
        }
        let inside = here.checked_add(1)?;
        from = inside.checked_add(quote(text.get(inside..)?)?)?.checked_add(1)?;
    }
}

/// Where the quote closes that has been opened.
fn quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

fn unescaped(raw: &[u8]) -> Result<Cow<'_, str>, Flaw> {
    let text = std::str::from_utf8(raw).map_err(|_| Flaw::Encoding)?;
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => value.push('\n'),
            Some(same @ ('\\' | '"')) => value.push(same),
            // The format knows three escapes; Prometheus keeps any other as it stands, and so does this.
            Some(other) => value.extend(['\\', other]),
            None => return Err(Flaw::Labels),
        }
    }
    Ok(Cow::Owned(value))
}

/// Go's numbers as Prometheus takes them: decimal, with exponent, `+Inf`, `NaN`.
fn number(word: &[u8]) -> Option<f64> {
    // Whole numbers that a float holds exactly are nearly all there are.
    if word.len() <= EXACT_DIGITS {
        let mut whole = 0_u64;
        if word.iter().all(|byte| {
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
            byte.is_ascii_digit()
        }) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "at most 10^15, which a float holds exactly"
            )]
            return Some(whole as f64);
        }
    }
    let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    // Go has no sign before NaN, and refuses digits beyond all floats where Rust says infinite.
    let is_signed_nan = value.is_nan() && matches!(word.first(), Some(b'+' | b'-'));
    let is_too_large = value.is_infinite() && word.iter().any(u8::is_ascii_digit);
    (!is_signed_nan && !is_too_large).then_some(value)
}

/// Milliseconds since 1970 in 64 bits.
fn is_timestamp(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|word| word.parse::<i64>().is_ok())
}

/// Without the blanks and tabs in front; no other white space is any between tokens.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// 10^15 is below 2^53.
const EXACT_DIGITS: usize = 15;

#[cfg(test)]
mod tests;
