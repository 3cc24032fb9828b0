//! Cuts a body of concatenated JSON objects into its documents: with whitespace, line ends or nothing between them, over
//! any split of the body into chunks.
//!
//! It looks at brackets and strings only, so a document that it hands out may still be no JSON; the documents are the
//! same however the body was split. It holds one unfinished document and one chunk at most, and looks at each byte once.

use crate::Refusal;

/// See the module.
#[derive(Debug)]
pub struct Documents {
    limit_bytes: usize,
    buffer: Vec<u8>,
    /// Where the current document, or the space before it, begins in the buffer.
    start: usize,
    /// What was looked at.
    at: usize,
    state: State,
    /// Open brackets; a set bit is `{`. The lowest is the innermost.
    brackets: u128,
    depth: u32,
    /// Documents that were handed out.
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Within,
    String,
    Escape,
    Failed,
}

/// Brackets in brackets in a document: what serde_json stops at too.
pub(super) const DEPTH_MAX: u32 = 127;

impl Documents {
    /// No document may be longer than `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            buffer: Vec::new(),
            start: 0,
            at: 0,
            state: State::Between,
            brackets: 0,
            depth: 0,
            count: 0,
        }
    }

    /// Takes more of the body; then call [`Self::next`] until there is none.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.state == State::Failed {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.at = self.at.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole document, `None` before more was pushed. An error is the last thing that comes: where the
    /// next document would begin cannot be known.
    #[expect(clippy::should_implement_trait, reason = "`None` is not the end")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        loop {
            if let Err(error) = self.check_size() {
                return Some(self.fail(error));
            }
            let &byte = self.buffer.get(self.at)?;
            let step = match self.state {
                State::Between => self.between(byte),
                State::Within => self.within(byte),
                State::String => self.string(),
                State::Escape => {
                    self.state = State::String;
                    self.at = self.at.saturating_add(1);
                    Ok(false)
                }
                State::Failed => return None,
            };
            match step {
                Ok(false) => {}
                Ok(true) => return Some(self.take()),
                Err(error) => return Some(self.fail(error)),
            }
        }
    }

    /// Bytes that are no whole document yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// At the body's end, when [`Self::next`] has none.
    ///
    /// # Errors
    /// When the body ends within a document, or had none.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        match self.state {
            State::Between if self.count == 0 => {
                Err(Refusal::Malformed("the body holds no record".to_owned()))
            }
            State::Between | State::Failed => Ok(()),
            _ => {
                self.state = State::Failed;
                Err(self.malformed("the body ends within it"))
            }
        }
    }

    /// `true` when a document is complete.
    fn between(&mut self, byte: u8) -> Result<bool, Refusal> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.at = self.at.saturating_add(1);
                self.start = self.at;
                Ok(false)
            }
            b'{' => {
                self.state = State::Within;
                self.within(byte)
            }
            _ => Err(self.malformed("must be a JSON object, with nothing but space before it")),
        }
    }

    fn within(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.at = self.at.saturating_add(1);
        match byte {
            b'"' => self.state = State::String,
            b'{' | b'[' => {
                if self.depth >= DEPTH_MAX {
                    return Err(self.malformed("is nested deeper than 127 levels"));
                }
                self.depth = self.depth.saturating_add(1);
                self.brackets = (self.brackets << 1) | u128::from(byte == b'{');
            }
            b'}' | b']' => {
                if (self.brackets & 1 == 1) != (byte == b'}') {
                    return Err(self.malformed("closes another bracket than it opened"));
                }
                self.brackets >>= 1;
                self.depth = self.depth.saturating_sub(1);
                return Ok(self.depth == 0);
            }
            _ => {}
        }
        Ok(false)
    }

    /// To the string's end, or to the next escape.
    fn string(&mut self) -> Result<bool, Refusal> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => self.at = self.buffer.len(),
            Some(length) => {
                self.state =
                    if rest.get(length) == Some(&b'"') { State::Within } else { State::Escape };
                self.at = self.at.saturating_add(length).saturating_add(1);
            }
        }
        Ok(false)
    }

    fn take(&mut self) -> Result<Vec<u8>, Refusal> {
        if let Err(error) = self.check_size() {
            return self.fail(error);
        }
        self.state = State::Between;
        self.count = self.count.saturating_add(1);
        if self.start == 0 && self.at == self.buffer.len() {
            // Usual: one document in a chunk, or a long one in several. Its bytes are not copied again.
            self.at = 0;
            return Ok(std::mem::take(&mut self.buffer));
        }
        let document = self.buffer.get(self.start..self.at).unwrap_or_default().to_vec();
        self.start = self.at;
        Ok(document)
    }

    fn check_size(&self) -> Result<(), Refusal> {
        let size_bytes = self.at.saturating_sub(self.start);
        if size_bytes <= self.limit_bytes || self.state == State::Failed {
            return Ok(());
        }
        // What is too long by how much depends on the split: the first byte too many does not.
        let size_bytes = self.limit_bytes.saturating_add(1);
        Err(Refusal::TooLarge { size_bytes, limit_bytes: self.limit_bytes })
    }

    fn fail(&mut self, error: Refusal) -> Result<Vec<u8>, Refusal> {
        self.state = State::Failed;
        self.buffer = Vec::new();
        (self.start, self.at) = (0, 0);
        Err(error)
    }

    fn malformed(&self, what: &str) -> Refusal {
        Refusal::Malformed(format!("document {}: {what}", self.count.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of a body that is pushed in these chunks.
    fn cut<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
        limit: usize,
    ) -> Vec<Result<String, Refusal>> {
        let mut documents = Documents::new(limit);
        let mut found = Vec::new();
        for chunk in chunks {
            documents.push(chunk);
            while let Some(document) = documents.next() {
                found.push(document.map(|bytes| String::from_utf8(bytes).expect("UTF-8")));
            }
            assert!(documents.next().is_none(), "more after none");
            assert!(documents.pending() <= limit, "more is held than a document may have");
        }
        found.extend(documents.finish().err().map(Err));
        found
    }

    fn whole(body: &str) -> Vec<Result<String, Refusal>> {
        cut([body.as_bytes()], 1000)
    }

    fn documents(body: &str) -> Vec<String> {
        whole(body).into_iter().map(|document| document.expect(body)).collect()
    }

    const BODIES: &[&str] = &[
        "",
        " \n",
        "{}",
        "{}{}",
        "{} {}\n{}\r\n\t{}  ",
        r#"{"a":"}{"}{"b":"\"}"}{"c":"\\"}"#,
        r#"{"a":[{"b":[[]]},{}]}{"d":"ü€𝄞"}"#,
        r#"{"a":"\\\"{\u0022"} {"#,
        "{]",
        "{}[]",
        "{},{}",
        "{}1",
        "{}\u{feff}{}",
        r#"{"unfinished"#,
        r#"{"unfinished\"#,
        r#"{"wrong":"behind the limit of thirty bytes"]"#,
        r#"{"long":"0123456789"}{"longer":"0123456789012345678901234567890123456789"}{}"#,
    ];

    #[test]
    fn documents_follow_each_other_with_space_or_without() {
        let none = Refusal::Malformed("the body holds no record".to_owned());
        assert_eq!([whole(""), whole(" \r\n")], [[Err(none.clone())], [Err(none)]]);
        assert_eq!(documents("{} {}\n{}{}\r\n"), ["{}", "{}", "{}", "{}"]);
        assert_eq!(
            documents(r#"{"a":"}{"}{"b":"\"}"}{"c":"\\"}"#),
            [r#"{"a":"}{"}"#, r#"{"b":"\"}"}"#, r#"{"c":"\\"}"#]
        );
        assert_eq!(documents(r#" {"a":[{"b":[[]]},{}]} "#), [r#"{"a":[{"b":[[]]},{}]}"#]);
    }

    #[test]
    fn the_first_error_is_the_last_thing() {
        for (body, place) in [
            ("{},{}", "document 2: must be a JSON object"),
            ("[{}]", "document 1: must be a JSON object"),
            ("{]{}", "document 1: closes another bracket"),
            ("{}{\"a\":[}", "document 2: closes another bracket"),
            ("{}{", "document 2: the body ends within it"),
            (r#"{"a"#, "document 1: the body ends within it"),
        ] {
            let mut found = whole(body);
            let error = found.pop().expect(body).expect_err(body);
            assert!(error.to_string().starts_with(place), "{body}: {error}");
            assert!(found.iter().all(Result::is_ok), "{body}: {found:?}");
        }
    }

    /// Two cuts anywhere, so that every pair of neighbouring bytes is torn apart, and byte by byte.
    #[test]
    fn every_split_gives_the_same_documents() {
        for body in BODIES {
            let bytes = body.as_bytes();
            for limit in [1000, 30] {
                let expected = cut([bytes], limit);
                assert_eq!(cut(bytes.chunks(1), limit), expected, "{body} byte by byte");
                for first in 0..=bytes.len() {
                    for second in first..=bytes.len() {
                        let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                        assert_eq!(cut(chunks, limit), expected, "{body} at {first}, {second}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_document_is_as_long_as_the_limit_at_most() {
        let body = br#"{"a":"0123456789"}  {"b":1}"#;
        assert_eq!(cut([&body[..]], 18).len(), 2);
        assert_eq!(
            cut([&body[..]], 17),
            [Err(Refusal::TooLarge { size_bytes: 18, limit_bytes: 17 })]
        );
        // Before its end is there.
        assert_eq!(cut([&body[..12]], 10).len(), 1);
        let mut documents = Documents::new(18);
        documents.push(&body[..12]);
        assert!(documents.next().is_none());
        assert_eq!(documents.pending(), 12);
        documents.push(&body[12..22]);
        assert!(documents.next().is_some() && documents.next().is_none());
        assert_eq!(documents.pending(), 2);
        // Space between documents is none of them.
        assert_eq!(cut([&[b' '; 5000][..], b"{}"], 10), [Ok("{}".to_owned())]);
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(documents(&nested(126)).len(), 1);
        assert!(whole(&nested(127))[0].is_err());
        assert!(whole(&"[{".repeat(100_000))[0].is_err());
    }

    /// A buffer that was moved for every chunk would need minutes.
    #[test]
    fn a_long_document_in_small_chunks_is_no_more_work() {
        let mut documents = Documents::new(16_000_000);
        documents.push(b"{}{\"a\":\"");
        assert!(documents.next().is_some());
        for _ in 0..4_000_000 {
            documents.push(b"xy");
            assert!(documents.next().is_none());
        }
        documents.push(b"\"}");
        assert_eq!(
            documents.next().map(|document| document.expect("a document").len()),
            Some(8_000_008)
        );
    }
}
