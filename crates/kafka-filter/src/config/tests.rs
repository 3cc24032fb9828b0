//! Defaults, ranges, and that a refusal says where and what to write.

use super::{Config, KEYS, LabelCaps, LabelPatterns, Limits, ReporterSetting, Rewrites, Shape};
use crate::metrics::catalog::Reporter;
use crate::metrics::groups::{MetricGroup, MetricGroups};
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
        access_log: true,
        metrics: MetricGroups::ALL,
        labels: LabelCaps {
            topic: 200,
            request: 16,
            api_version: 32,
            error: 32,
            client_id: 200,
            group: 200,
            software: 32,
            software_version: 64,
        },
        patterns: LabelPatterns::default(),
        rewrites: Rewrites::default(),
        limits: Limits {
            in_flight_max: 1_024,
            walk_size_bytes: 8_388_608,
            topic_ids_max: 16_384,
            combinations_max: 2_000,
            lag_partitions_max: 10_000,
            lag_stale_seconds: 300,
        },
    };
    for text in [
        "",
        "{}",
        " \n",
        r#"{"labels": {}, "limits": {}, "metrics": {}}"#,
        r#"{"labels": {"topic": {}}}"#,
    ] {
        assert_eq!(Config::parse(text.as_bytes()).unwrap(), defaults, "{text:?}");
    }
}

#[test]
fn every_number_reaches_its_own_field() {
    let text = r#"{
        "reporter": "destination",
        "labels": {
            "topic": {"values_max": 1}, "request": {"values_max": 2},
            "api_version": {"values_max": 3}, "error": {"values_max": 4},
            "client_id": {"values_max": 5}, "group": {"values_max": 6},
            "software": {"values_max": 7}, "software_version": {"values_max": 8}
        },
        "limits": {
            "in_flight_max": 9, "walk_size_bytes": 65536, "topic_ids_max": 10,
            "combinations_max": 11, "lag_partitions_max": 12, "lag_stale_seconds": 13
        }
    }"#;
    let config = Config::parse(text.as_bytes()).unwrap();
    assert_eq!(config.reporter, ReporterSetting::Fixed(Reporter::Destination));
    assert_eq!(
        config.labels,
        LabelCaps {
            topic: 1,
            request: 2,
            api_version: 3,
            error: 4,
            client_id: 5,
            group: 6,
            software: 7,
            software_version: 8,
        }
    );
    assert_eq!(
        config.limits,
        Limits {
            in_flight_max: 9,
            walk_size_bytes: 65_536,
            topic_ids_max: 10,
            combinations_max: 11,
            lag_partitions_max: 12,
            lag_stale_seconds: 13,
        }
    );
}

#[test]
fn every_switch_turns_off_its_own_group() {
    for (name, group) in [
        ("topics", MetricGroup::Topics),
        ("topic_duration", MetricGroup::TopicDuration),
        ("end_to_end_latency", MetricGroup::EndToEndLatency),
        ("clients", MetricGroup::Clients),
        ("software", MetricGroup::Software),
        ("deprecated", MetricGroup::Deprecated),
        ("groups", MetricGroup::Groups),
        ("lag", MetricGroup::Lag),
    ] {
        let config = Config::parse(nested(&format!("metrics.{name}"), false).as_bytes()).unwrap();
        assert_eq!(config.metrics, MetricGroups::ALL.with(group, false), "{name}");
        assert_eq!(Config { metrics: MetricGroups::ALL, ..config }, Config::default(), "{name}");
    }
    let config = Config::parse(br#"{"access_log": false}"#).unwrap();
    assert_eq!(config, Config { access_log: false, ..Config::default() });
}

#[test]
fn configurations_are_compared_by_what_was_written() {
    let parse = |text: &str| Config::parse(text.as_bytes()).unwrap();
    let one = r#"{"labels": {"topic": {"allow": ["a+"]}}}"#;
    assert_eq!(parse(one), parse(one));
    for other in [
        r#"{"labels": {"topic": {"allow": ["aa*"]}}}"#,
        r#"{"labels": {"topic": {"deny": ["a+"]}}}"#,
        r#"{"labels": {"group": {"allow": ["a+"]}}}"#,
        "{}",
    ] {
        assert_ne!(parse(one), parse(other), "{other}");
    }
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
             \"client_id\", \"group\", \"software\", \"software_version\", \"request\", \"api_version\", \
             \"error\"",
        ),
        (
            r#"{"label": {}}"#,
            "configuration: `label`: no such key; remove it; the keys here are \"reporter\", \
             \"access_log\", \"metrics\", \"labels\", \"limits\"",
        ),
        (
            r#"{"labels": {"topic": {"values_max": 1, "rewrite": []}}}"#,
            "configuration: `labels.topic.rewrite`: no such key; remove it; the keys here are \
             \"values_max\", \"allow\", \"deny\"",
        ),
        (
            r#"{"labels": {"topic": 200}}"#,
            "configuration: `labels.topic`: a number stands where an object belongs; write an object with \
             any of the keys \"values_max\", \"allow\", \"deny\"",
        ),
        (
            r#"{"metrics": {"lag": "off"}}"#,
            "configuration: `metrics.lag`: a string stands where a boolean belongs; write true or false \
             (default true)",
        ),
        (
            r#"{"access_log": 1}"#,
            "configuration: `access_log`: a number stands where a boolean belongs; write true or false \
             (default true)",
        ),
        (
            r#"{"metrics": {"latency": true}}"#,
            "configuration: `metrics.latency`: no such key; remove it; the keys here are \"topics\", \
             \"topic_duration\", \"end_to_end_latency\", \"clients\", \"software\", \"deprecated\", \
             \"groups\", \"lag\"",
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
    let long_pattern = nested("labels.topic.allow", format!("[\"{}\"]", "(".repeat(5_000)));
    let long_reference = nested(
        "labels.client_id.rewrite",
        format!("[{{\"match\": \"a\", \"replace\": \"${{{}}}\"}}]", "\\n".repeat(200)),
    );
    let long_rule_key =
        nested("labels.client_id.rewrite", format!("[{{\"{}\": 1}}]", "\\n".repeat(5_000)));
    let patterns = [long_pattern, long_reference, long_rule_key];
    for text in
        patterns.into_iter().chain([long_text, long_key, long_word, deep, deep_object, huge])
    {
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
