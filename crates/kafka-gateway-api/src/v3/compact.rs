//! JSON without the space between its tokens, otherwise byte for byte as it was sent.

use std::borrow::Cow;

use super::documents::DEPTH_MAX;

/// Takes the text of a JSON value that was checked to be one; `None` when it is nested too deep. Nothing is copied
/// when there is no space.
pub(super) fn compact(json: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = json.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied, mut depth) = (0_usize, 0_usize, 0_u32);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = after_string(bytes, at);
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                let out = out.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
                out.extend_from_slice(bytes.get(copied..at)?);
                copied = at.saturating_add(1);
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return None;
        }
        at = at.saturating_add(1);
    }
    let Some(mut out) = out else { return Some(Cow::Borrowed(bytes)) };
    out.extend_from_slice(bytes.get(copied..)?);
    Some(Cow::Owned(out))
}

/// Behind the closing quote of the string that begins at `quote`.
fn after_string(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote.saturating_add(1);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(length) = memchr::memchr2(b'"', b'\\', rest) else { return bytes.len() };
        let is_end = rest.get(length) == Some(&b'"');
        at = at.saturating_add(length).saturating_add(if is_end { 1 } else { 2 });
        if is_end {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_tokens_goes() {
        for (json, expected) in [
            ("null", "null"),
            (" [ 1.50 , -0e+1 ]\r\n", "[1.50,-0e+1]"),
            (
                r#"{ "a b" : "c \" d" , "e":"\\" , "f" : "\u0041 é" }"#,
                r#"{"a b":"c \" d","e":"\\","f":"\u0041 é"}"#,
            ),
            (r#""  ""#, r#""  ""#),
        ] {
            assert_eq!(compact(json).as_deref(), Some(expected.as_bytes()), "{json}");
        }
    }

    #[test]
    fn compact_json_is_not_copied() {
        assert!(matches!(compact(r#"{"a":[1," ",{}]}"#), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(compact(&nested(127)).is_some());
        assert!(compact(&nested(128)).is_none());
    }
}
