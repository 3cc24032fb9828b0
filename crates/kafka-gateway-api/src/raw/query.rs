//! The query of a URL: `name=value` joined with `&`, percent-encoded (RFC 3986 section 2.1), `+` for a space as in
//! `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use crate::Refusal;

/// Names and values, still encoded; empty parameters are left out.
pub(super) struct Parameters<'a> {
    rest: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        Self { rest: Some(query) }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let (parameter, rest) = match rest.split_once('&') {
                Some((parameter, rest)) => (parameter, Some(rest)),
                None => (rest, None),
            };
            self.rest = rest;
            if !parameter.is_empty() {
                return Some(parameter.split_once('=').unwrap_or((parameter, "")));
            }
        }
    }
}

/// Undoes the encoding, without a copy where there is none. The result is bytes: a key need not be UTF-8.
pub(super) fn decode(text: &str) -> Result<Cow<'_, [u8]>, Refusal> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let high = bytes.next().and_then(hex);
                let low = bytes.next().and_then(hex);
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(Refusal::Malformed(
                        "the query has a % without two hexadecimal digits: write % as %25"
                            .to_owned(),
                    ));
                };
                decoded.push((high << 4) | low);
            }
            other => decoded.push(*other),
        }
    }
    Ok(Cow::Owned(decoded))
}

/// The text behind a prefix; `None` without the prefix, and when the rest is no UTF-8.
pub(super) fn after<'a>(name: Cow<'a, [u8]>, prefix: &[u8]) -> Option<Cow<'a, str>> {
    match name {
        Cow::Borrowed(name) => {
            std::str::from_utf8(name.strip_prefix(prefix)?).ok().map(Cow::Borrowed)
        }
        Cow::Owned(name) => {
            let rest = name.strip_prefix(prefix)?.to_vec();
            String::from_utf8(rest).ok().map(Cow::Owned)
        }
    }
}

fn hex(digit: &u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        b'A'..=b'F' => digit.checked_sub(b'A')?.checked_add(10),
        _ => None,
    }
}
