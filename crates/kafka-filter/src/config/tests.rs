//! Defaults, ranges, and that a refusal says where and what to write.

use super::{Config, KEYS, LabelCaps, Limits, ReporterSetting, Shape};
use crate::metrics::catalog::Reporter;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn refusal(text: &str) -> String {
    let error = Config::parse(text.as_bytes()).expect_err(text);
    error.to_string()
}

#[test]
fn nothing_and_an_empty_object_are_the_defaults() {
    let defaults = Config {
        reporter: ReporterSetting::Auto,
        labels: LabelCaps { topic: 200, request: 16, api_version: 32, error: 32 },
        limits: Limits { in_flight_max: 1_024, walk_size_bytes: 8_388_608, topic_ids_max: 16_384 },
    };
    for text in
        ["", "{}", " \n", "{\"labels\": {}, \"limits\": {}}", "{\"labels\": {\"topic\": {}}}"]
    {
        assert_eq!(Config::parse(text.as_bytes()).unwrap(), defaults, "{text:?}");
    }
}

#[test]
fn every_key_reaches_its_own_field() {
    let text = r#"{
        "reporter": "destination",
        "labels": {
            "topic": {"values_max": 1}, "request": {"values_max": 2},
            "api_version": {"values_max": 3}, "error": {"values_max": 4}
        },
        "limits": {"in_flight_max": 5, "walk_size_bytes": 65536, "topic_ids_max": 7}
    }"#;
    assert_eq!(
        Config::parse(text.as_bytes()).unwrap(),
        Config {
            reporter: ReporterSetting::Fixed(Reporter::Destination),
            labels: LabelCaps { topic: 1, request: 2, api_version: 3, error: 4 },
            limits: Limits { in_flight_max: 5, walk_size_bytes: 65_536, topic_ids_max: 7 },
        }
    );
}

#[test]
fn whole_numbers_are_taken_however_they_are_spelt() {
    for number in ["300", "300.0", "3e2", "3.0E+02"] {
        let text = format!("{{\"limits\": {{\"in_flight_max\": {number}}}}}");
        assert_eq!(Config::parse(text.as_bytes()).unwrap().limits.in_flight_max, 300, "{number}");
    }
}

#[test]
fn ranges_end_where_the_list_says() {
    for key in KEYS {
        let Shape::Number { min, max, .. } = key.shape else { continue };
        for number in [min, max] {
            assert!(
                Config::parse(nested(key.path, number).as_bytes()).is_ok(),
                "{} {number}",
                key.path
            );
        }
        for number in [i64::from(min) - 1, i64::from(max) + 1] {
            let error = Config::parse(nested(key.path, number).as_bytes()).unwrap_err();
            assert_eq!(error.path(), key.path);
            let remedy = format!(
                "{number} is out of range; write a whole number from {min} to {max} (default "
            );
            assert!(error.to_string().contains(&remedy), "{error}");
        }
    }
}

fn nested(path: &str, value: impl std::fmt::Display) -> String {
    path.rsplit('.').fold(value.to_string(), |inner, name| format!("{{\"{name}\": {inner}}}"))
}

#[test]
fn refusals_name_the_path_and_the_remedy() {
    for (text, message) in [
        (
            r#"{"limits": {"in_flight_max": 0}}"#,
            "configuration: `limits.in_flight_max`: 0 is out of range; write a whole number from 1 to \
             65536 (default 1024)",
        ),
        (
            r#"{"limits": {"in_flight_max": "256"}}"#,
            "configuration: `limits.in_flight_max`: a string stands where a number belongs; write a whole \
             number from 1 to 65536 (default 1024)",
        ),
        (
            r#"{"limits": {"in_flight_max": 2.5}}"#,
            "configuration: `limits.in_flight_max`: not a whole number, or too long; write a whole number \
             from 1 to 65536 (default 1024)",
        ),
        (
            r#"{"reporter": "client"}"#,
            "configuration: `reporter`: \"client\" is not known; write one of \"auto\", \"source\", \
             \"destination\", \"proxy\" (default \"auto\")",
        ),
        (
            r#"{"reporter": null}"#,
            "configuration: `reporter`: null stands where a string belongs; write one of \"auto\", \
             \"source\", \"destination\", \"proxy\" (default \"auto\")",
        ),
        (
            r#"{"labels": {"topics": {}}}"#,
            "configuration: `labels.topics`: no such key; remove it; the keys here are \"topic\", \
             \"request\", \"api_version\", \"error\"",
        ),
        (
            r#"{"label": {}}"#,
            "configuration: `label`: no such key; remove it; the keys here are \"reporter\", \"labels\", \
             \"limits\"",
        ),
        (
            r#"{"labels": {"topic": {"values_max": 1, "allow": []}}}"#,
            "configuration: `labels.topic.allow`: no such key; remove it; the keys here are \"values_max\"",
        ),
        (
            r#"{"labels": {"topic": 200}}"#,
            "configuration: `labels.topic`: a number stands where an object belongs; write an object with \
             any of the keys \"values_max\"",
        ),
    ] {
        assert_eq!(refusal(text), message, "{text}");
    }
}

#[test]
fn text_that_is_no_object_is_refused_with_an_example() {
    let example =
        r#"write a JSON object such as {"labels": {"topic": {"values_max": 500}}}, or leave the"#;
    for (text, problem) in [
        ("[]", "configuration: an array stands where an object belongs; "),
        ("null", "configuration: null stands where an object belongs; "),
        ("\"{}\"", "configuration: a string stands where an object belongs; "),
        ("{\"reporter\": }", "configuration: not JSON: expected value at line 1 column 14; "),
        ("{} {}", "configuration: not JSON: trailing characters at line 1 column 4; "),
        ("reporter: auto", "configuration: not JSON: expected value at line 1 column 1; "),
        (
            "{\"limits\": {}, \"limits\": {}}",
            "configuration: not JSON: key \"limits\" stands twice",
        ),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(problem), "{message}");
        assert!(message.contains(example), "{message}");
    }
    assert!(Config::parse(b"{\"\xFF\": 1}").is_err());
}

#[test]
fn hostile_text_gives_a_short_message() {
    let long_key = format!("{{\"{}\\n\": 1}}", "k".repeat(5_000));
    let long_word = format!("{{\"reporter\": \"{}\"}}", "w".repeat(5_000));
    let deep = "[".repeat(5_000);
    let deep_object = "{\"limits\":".repeat(5_000);
    let huge = r#"{"limits": {"in_flight_max": 99999999999999999999999}}"#.to_owned();
    let long_text = " [1]".repeat(20_000);
    for text in [long_text, long_key, long_word, deep, deep_object, huge] {
        let message = refusal(&text);
        assert!(message.len() < 500, "{} bytes", message.len());
        assert!(!message.contains('\n'));
    }
}

#[test]
fn a_fixed_reporter_overrules_the_listener() {
    assert_eq!(ReporterSetting::Auto.resolve(Some(1)), Reporter::Destination);
    assert_eq!(ReporterSetting::Fixed(Reporter::Source).resolve(Some(1)), Reporter::Source);
}
