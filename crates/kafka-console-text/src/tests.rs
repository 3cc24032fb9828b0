use std::collections::BTreeMap;

use super::*;

/// Name, labels and value.
type Found = (String, BTreeMap<String, String>, f64);

/// What is in a line, or what is wrong with it.
fn read(line: &str) -> Result<Option<Found>, Flaw> {
    let line = line.as_bytes();
    let Some(name) = name(line)? else { return Ok(None) };
    let sample = sample(line, name)?;
    let mut found = BTreeMap::new();
    labels(sample.labels, |label, value| {
        found.insert(String::from_utf8(label.to_vec()).unwrap(), value.into_owned());
    })?;
    Ok(Some((String::from_utf8(name.to_vec()).unwrap(), found, sample.value)))
}

fn good(line: &str, name: &str, labels: &[(&str, &str)], value: f64) {
    let (found_name, found, number) = read(line).unwrap().unwrap();
    let expected: BTreeMap<String, String> =
        labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    assert_eq!((found_name.as_str(), &found), (name, &expected), "{line}");
    assert!(number == value || (number.is_nan() && value.is_nan()), "{line}: {number}");
}

/// The examples of the format's description.
#[test]
fn the_examples_of_the_format_are_read() {
    good(
        r#"http_requests_total{method="post",code="200"} 1027 1395066363000"#,
        "http_requests_total",
        &[("method", "post"), ("code", "200")],
        1027.0,
    );
    good(
        r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9"#,
        "msdos_file_access_time_seconds",
        &[("path", "C:\\DIR\\FILE.TXT"), ("error", "Cannot find file:\n\"FILE.TXT\"")],
        1.458_255_915e9,
    );
    good(
        "metric_without_timestamp_and_labels 12.47",
        "metric_without_timestamp_and_labels",
        &[],
        12.47,
    );
    good(
        r#"something_weird{problem="division by zero"} +Inf -3982045"#,
        "something_weird",
        &[("problem", "division by zero")],
        f64::INFINITY,
    );
    good(
        r#"http_request_duration_seconds_bucket{le="+Inf"} 144320"#,
        "http_request_duration_seconds_bucket",
        &[("le", "+Inf")],
        144_320.0,
    );
}

/// What Go's parser accepts, as its own tests have it.
#[test]
fn blanks_commas_and_numbers_are_as_go_reads_them() {
    good("minimal_metric 1.234", "minimal_metric", &[], 1.234);
    good("another_metric -3e3 103948", "another_metric", &[], -3e3);
    good("no_labels{} 3", "no_labels", &[], 3.0);
    good(
        "  tabs \t{ \tlabelname = \"val1\" , basename\t=\"v\", }\t1.5\t9 ",
        "tabs",
        &[("labelname", "val1"), ("basename", "v")],
        1.5,
    );
    good("name:with:colons 0", "name:with:colons", &[], 0.0);
    good("name+1", "name", &[], 1.0);
    good("name.5 9223372036854775807", "name", &[], 0.5);
    good("x{a=\"b\"c=\"d\" e=\"f\"}1", "x", &[("a", "b"), ("c", "d"), ("e", "f")], 1.0);
    good("x NaN", "x", &[], f64::NAN);
    good("x -infinity", "x", &[], f64::NEG_INFINITY);
    good("x 1e-999", "x", &[], 0.0);
    good("x -Inf", "x", &[], f64::NEG_INFINITY);
    good("x 0.000000000000000000000001", "x", &[], 1e-24);
    good("x 18446744073709551615", "x", &[], 18_446_744_073_709_551_615.0);
    good("x 999999999999999", "x", &[], 999_999_999_999_999.0);
    good("x{a=\"}{,=\"}1", "x", &[("a", "}{,=")], 1.0);
    good("x{a=\"\"} 1", "x", &[("a", "")], 1.0);
    good("x{a=\"\\\\\"} 1", "x", &[("a", "\\")], 1.0);
    good("x{a=\"\\\\n\"} 1", "x", &[("a", "\\n")], 1.0);
    good("x{a=\"Größe →\u{202e}\"} 1", "x", &[("a", "Größe →\u{202e}")], 1.0);
    good("x{a=\"<script>alert(1)</script>\"} 1", "x", &[("a", "<script>alert(1)</script>")], 1.0);
}

#[test]
fn comments_and_empty_lines_are_none() {
    for line in ["", "   ", "\t", "#", "# HELP x y", "# TYPE x counter", "#x 1", " \t# \r"] {
        assert_eq!(read(line), Ok(None), "{line:?}");
    }
}

#[test]
fn what_is_no_line_says_what_is_wrong() {
    let cases = [
        ("<html>", Flaw::Name),
        ("{\"a\": 1}", Flaw::Name),
        ("9lives 1", Flaw::Name),
        ("-x 1", Flaw::Name),
        ("\u{0} 1", Flaw::Name),
        ("\r", Flaw::Name),
        ("\u{c}x 1", Flaw::Name),
        ("na-me 1", Flaw::Value),
        ("name", Flaw::Value),
        ("name ", Flaw::Value),
        ("name one", Flaw::Value),
        ("name 1x", Flaw::Value),
        ("name{a=\"b\"}", Flaw::Value),
        ("name 1\r", Flaw::Value),
        ("name{a=\"b\"}\r1", Flaw::Value),
        ("name -NaN", Flaw::Value),
        ("name +nan", Flaw::Value),
        ("name 1e309", Flaw::Value),
        ("name -1e9999999999", Flaw::Value),
        ("name 1_0", Flaw::Value),
        ("name 0x1p3", Flaw::Value),
        ("name 1{a=\"b\"}", Flaw::Value),
        ("name 1 2.5", Flaw::Timestamp),
        ("name 1 2 3", Flaw::Timestamp),
        ("name 1 2\r", Flaw::Timestamp),
        ("name 1 9223372036854775808", Flaw::Timestamp),
        ("name 1 # {trace=\"x\"} 1", Flaw::Timestamp),
        ("name{", Flaw::Labels),
        ("name{a=\"b\" 1", Flaw::Labels),
        ("name{a=\"b} 1", Flaw::Labels),
        ("name{a=\"b\\\"} 1", Flaw::Labels),
        ("name{a=b} 1", Flaw::Labels),
        ("name{a} 1", Flaw::Labels),
        ("name{=\"b\"} 1", Flaw::Labels),
        ("name{9a=\"b\"} 1", Flaw::Labels),
        ("name{a:b=\"c\"} 1", Flaw::Labels),
        ("name{a=\"b\"\r} 1", Flaw::Labels),
        ("name{\"a\"=\"b\"} 1", Flaw::Labels),
        ("name{a=\"b\",,} 1", Flaw::Labels),
        ("name{,} 1", Flaw::Labels),
    ];
    for (line, flaw) in cases {
        assert_eq!(read(line), Err(flaw), "{line:?}");
    }
}

#[test]
fn a_value_that_is_not_utf_8_is_refused() {
    let line = b"x{a=\"\xff\"} 1";
    let sample = sample(line, b"x").unwrap();
    assert_eq!(labels(sample.labels, |_, _| {}), Err(Flaw::Encoding));
}

#[test]
fn a_series_is_known_by_its_text() {
    let text = |line: &'static str| {
        let name = name(line.as_bytes()).unwrap().unwrap();
        sample(line.as_bytes(), name).unwrap().series
    };
    assert_eq!(text("x{a=\"b\"} 1"), b"x{a=\"b\"}");
    assert_eq!(text("x{a=\"b\"} 1 123"), text("x{a=\"b\"} 25"));
    assert_ne!(text("x{a=\"b\"} 1"), text("x{a=\"c\"} 1"));
}

/// Any labels and any number come back as they were written, and what is cut off at any place never does harm.
#[test]
fn whatever_is_written_is_read() {
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let alphabet: Vec<char> = "ab\"\\\n{}=, \t#é→\u{202e}\u{0}".chars().collect();
    for _ in 0..3000 {
        let mut expected = BTreeMap::new();
        for label in 0..next(4) {
            let length = next(9);
            let value: String = (0..length)
                .map(|_| alphabet[usize::try_from(next(alphabet.len() as u64)).unwrap()])
                .collect();
            expected.insert(format!("l{label}"), value);
        }
        let bits = f64::from_bits(next(u64::MAX));
        let value = [1.0, 1e15, bits, -0.5][usize::try_from(next(4)).unwrap()];
        let inner: Vec<String> = expected
            .iter()
            .map(|(label, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{label}=\"{value}\"")
            })
            .collect();
        let line = format!("some_name{{{}}} {value}", inner.join(","));
        let (name, labels, number) = read(&line).unwrap().unwrap();
        assert_eq!((name.as_str(), &labels), ("some_name", &expected), "{line}");
        assert!(number == value || (number.is_nan() && value.is_nan()), "{line}: {number}");
        for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
            let _any = read(line.get(..end).unwrap());
        }
    }
}
