//! Prometheus' text format 0.0.4 read one byte after the other, for clearness alone: its own grammar, and what
//! Prometheus' parser takes beyond that (labels without commas, a value that follows its name at once).
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use super::{Line, Sample, bits};

/// What is in a line.
pub(super) fn read(line: &[u8]) -> Line {
    let mut reader = Reader { rest: line };
    reader.blanks();
    match reader.peek() {
        None | Some(b'#') => Line::Nothing,
        Some(_) => reader.sample().map_or(Line::Refused, Line::Sample),
    }
}

/// What is left of a line.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn sample(&mut self) -> Option<Sample> {
        let name = self.name(":")?;
        self.blanks();
        let mut labels = Vec::new();
        if self.take(b'{') {
            self.blanks();
            while !self.take(b'}') {
                labels.push(self.label()?);
                self.blanks();
                self.take(b',');
                self.blanks();
            }
        }
        self.blanks();
        let value = number(&self.word())?;
        self.blanks();
        if self.peek().is_some() && !is_timestamp(&self.word()) {
            return None;
        }
        self.blanks();
        self.peek().is_none().then_some(Sample { name, labels, value: bits(value) })
    }

    /// A letter, then letters and digits.
    fn name(&mut self, also: &str) -> Option<String> {
        let mut name = String::new();
        while let Some(byte) = self.peek() {
            let letter = char::from(byte);
            let first = letter.is_ascii_alphabetic() || letter == '_' || also.contains(letter);
            if !first && (name.is_empty() || !letter.is_ascii_digit()) {
                break;
            }
            name.push(letter);
            self.next();
        }
        (!name.is_empty()).then_some(name)
    }

    fn label(&mut self) -> Option<(String, String)> {
        let name = self.name("")?;
        self.blanks();
        if !self.take(b'=') {
            return None;
        }
        self.blanks();
        if !self.take(b'"') {
            return None;
        }
        let mut value = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some((name, String::from_utf8(value).ok()?)),
                b'\\' => match self.next()? {
                    b'n' => value.push(b'\n'),
                    byte @ (b'\\' | b'"') => value.push(byte),
                    other => value.extend([b'\\', other]),
                },
                byte => value.push(byte),
            }
        }
    }

    /// What stands before the next blank.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(byte) = self.peek().filter(|byte| !matches!(byte, b' ' | b'\t')) {
            word.push(char::from(byte));
            self.next();
        }
        word
    }

    fn blanks(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        if here {
            self.next();
        }
        here
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

/// As Go's `strconv.ParseFloat` reads it, without the hexadecimal numbers and underscores that Prometheus refuses.
fn number(word: &str) -> Option<f64> {
    let (sign, unsigned) = match word.as_bytes().first()? {
        b'-' => (-1.0, &word[1..]),
        b'+' => (1.0, &word[1..]),
        _ => (1.0, word),
    };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return (word == unsigned).then_some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        all_digits(digits)?;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    all_digits(&format!("{whole}{fraction}"))?;
    let plain = format!("{whole}.{fraction}e{}", exponent.unwrap_or("0"));
    let value: f64 = plain.parse().expect("a number of Rust, too");
    // Digits that no float reaches are an error.
    value.is_finite().then_some(sign * value)
}

/// A number of 64 bits, as Go's `strconv.ParseInt` reads it.
fn is_timestamp(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let significant = digits.trim_start_matches('0');
    let most = if word.starts_with('-') { "9223372036854775808" } else { "9223372036854775807" };
    let fits =
        significant.len() < most.len() || (significant.len() == most.len() && significant <= most);
    all_digits(digits).is_some() && fits
}

/// At least one.
fn all_digits(text: &str) -> Option<()> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
}
