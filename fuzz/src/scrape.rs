//! What proxies show: any line of Prometheus' text is a sample, nothing, or refused, as a slow reader of the format
//! says; what identifies a series stands in the line and identifies it again; what was written is what is read.

use std::borrow::Cow;

use kafka_console_text::{labels, name, sample};

use crate::input::Input;

mod model;

/// What a line is.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A comment, or empty.
    Nothing,
    /// No line of the format.
    Refused,
    /// A sample.
    Sample(Sample),
}

/// Everything that a line says but its timestamp.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the metric.
    pub name: String,
    /// Names and values, in the order of the line.
    pub labels: Vec<(String, String)>,
    /// Bits of the value; one kind of NaN is as good as any other.
    pub value: u64,
}

/// Runs the target: the input is a body, and it is decisions about one line.
pub fn run(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        check_line(line);
    }
    check_written(&mut Input::new(data));
    // What is no part of a line, too.
    let _any = sample(data, b"");
    let _any = labels(data, |_, _| {});
}

/// What the console reads in a line, all of its labels included.
#[must_use]
pub fn read(line: &[u8]) -> Line {
    let Ok(named) = name(line) else { return Line::Refused };
    let Some(named) = named else { return Line::Nothing };
    let Ok(found) = sample(line, named) else { return Line::Refused };
    check_series(line, named, found.series);
    let mut all = Vec::new();
    let mut keep = |label: &[u8], value: Cow<'_, str>| all.push((text(label), value.into_owned()));
    match labels(found.labels, &mut keep) {
        Ok(()) => Line::Sample(Sample { name: text(named), labels: all, value: bits(found.value) }),
        Err(_) => Line::Refused,
    }
}

fn check_line(line: &[u8]) {
    let found = read(line);
    assert_eq!(found, model::read(line), "{}", line.escape_ascii());
    let Line::Sample(found) = found else { return };
    let again = Line::Sample(found.clone());
    assert_eq!(read(found.written().as_bytes()), again, "written anew");
}

/// A series is told by a part of its line, and the same part with another number is the same series.
fn check_series(line: &[u8], named: &[u8], series: &[u8]) {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    assert!(line[blanks..].starts_with(series), "not what the line begins with");
    assert!(series.starts_with(named), "without its name");
    let other = [series, b" 7 8"].concat();
    let again = sample(&other, named).expect("a series with a value");
    assert_eq!(again.series, series, "not the same series");
    assert_eq!(again.value.to_bits(), 7_f64.to_bits());
}

/// A line of decisions, with blanks and commas wherever the format lets them be, says what was decided.
fn check_written(input: &mut Input<'_>) {
    let mut blank = input.clone();
    let mut line = gap(&mut blank).to_owned();
    let name = input.pick(&["x", "kafka_filter_topic_produced_bytes_total", ":_9"]);
    line += name;
    let mut all = Vec::new();
    let count = input.below(6);
    if count > 0 {
        line += gap(&mut blank);
        line += "{";
        for number in 1..count {
            let label = format!("{}{number}", input.pick(&["l", "_", "topic"]));
            let value = String::from_utf8_lossy(input.bytes()).into_owned();
            line += gap(&mut blank);
            line += &label;
            line += gap(&mut blank);
            line += "=";
            line += gap(&mut blank);
            line += &format!("\"{}\"", escaped(&value));
            line += gap(&mut blank);
            line += if number + 1 < count || blank.chance(128) { "," } else { "" };
            all.push((label, value));
        }
        line += gap(&mut blank);
        line += "}";
    }
    let value = match input.below(4) {
        0 => f64::from(input.int32()),
        1 => f64::from(input.int32()) / 1000.0,
        2 => f64::INFINITY,
        _ => f64::from_bits(u64::from_be_bytes(input.array())),
    };
    line += if count == 0 { " " } else { "" };
    line += gap(&mut blank);
    line += &if blank.chance(128) { format!("{value:e}") } else { value.to_string() };
    if input.chance(128) {
        let milliseconds = i64::from_be_bytes(input.array());
        line += &format!("\t{}{milliseconds}", gap(&mut blank));
    }
    line += gap(&mut blank);
    let expected = Sample { name: name.to_owned(), labels: all, value: bits(value) };
    assert_eq!(read(line.as_bytes()), Line::Sample(expected), "{line:?}");
    check_line(line.as_bytes());
}

fn gap(input: &mut Input<'_>) -> &'static str {
    input.pick(&["", "", "", " ", "\t", " \t "])
}

impl Sample {
    /// The plainest line that says the same.
    fn written(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        format!("{}{{{}}} {}", self.name, labels.join(","), f64::from_bits(self.value))
    }
}

/// As the format asks for.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn text(name: &[u8]) -> String {
    assert!(name.is_ascii(), "a name that is none");
    String::from_utf8_lossy(name).into_owned()
}
