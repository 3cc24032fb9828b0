//! The configuration: any text is taken or refused with a message, and what is taken is what was written.

use kafka_filter::config::{Config, KEYS, ReporterSetting, Shape};
use kafka_filter::metrics::catalog::Reporter;
use serde_json::{Map, Value, json};

use crate::input::Input;

/// Runs the target.
pub fn run(data: &[u8]) {
    check_text(data);
    check_written(&mut Input::new(data));
}

/// The input as the text.
fn check_text(text: &[u8]) {
    let parsed = Config::parse(text);
    assert_eq!(parsed, Config::parse(text), "parsed twice");
    match parsed {
        Ok(config) => {
            check_ranges(&config);
            if text.trim_ascii().is_empty() {
                assert_eq!(config, Config::default(), "no text means the defaults");
            } else {
                let value = serde_json::from_slice::<Value>(text);
                assert!(matches!(value, Ok(Value::Object(_))), "taken, but no JSON object");
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() <= MESSAGE_SIZE_MAX, "a message of {} bytes", message.len());
            assert!(!message.chars().any(char::is_control), "more than one line: {message:?}");
            assert!(message.starts_with("configuration: "), "{message}");
        }
    }
}

/// A text written from decisions, of which it is known whether it is right.
fn check_written(input: &mut Input<'_>) {
    let mut top = Map::new();
    let mut wrong = None;
    let mut numbers = Vec::new();
    for key in KEYS {
        if !input.chance(140) {
            continue;
        }
        match key.shape {
            Shape::Number { min, max, .. } => {
                let number = match input.below(4) {
                    0 => i64::from(min),
                    1 => i64::from(max),
                    2 => i64::from(input.int32()),
                    _ => i64::from(min) + i64::from(input.byte()),
                };
                if !(i64::from(min)..=i64::from(max)).contains(&number) {
                    wrong.get_or_insert(key.path);
                }
                numbers.push((key.path, number));
                put(&mut top, key.path, json!(number));
            }
            Shape::Reporter => {
                let word = input.pick(&["auto", "source", "destination", "proxy", "sidecar"]);
                if word == "sidecar" {
                    wrong.get_or_insert(key.path);
                }
                put(&mut top, key.path, json!(word));
            }
        }
    }
    let text = Value::Object(top).to_string();
    match (Config::parse(text.as_bytes()), wrong) {
        (Ok(config), None) => {
            check_ranges(&config);
            for (path, number) in numbers {
                assert_eq!(i64::from(field(&config, path)), number, "{path} of {text}");
            }
        }
        (Err(_), Some(_)) => {}
        (outcome, wrong) => panic!("{text} with {wrong:?} wrong gives {outcome:?}"),
    }
}

/// Puts a value at a path, its groups with it.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((group, rest)) => {
            let inner = object.entry(group).or_insert_with(|| json!({}));
            put(inner.as_object_mut().expect("a group"), rest, value);
        }
    }
}

/// Whatever was taken lies within the documented ranges.
fn check_ranges(config: &Config) {
    for key in KEYS {
        if let Shape::Number { min, max, .. } = key.shape {
            let number = field(config, key.path);
            assert!((min..=max).contains(&number), "{} is {number}", key.path);
        }
    }
    let reporter = config.reporter.resolve(Some(1));
    assert!(config.reporter != ReporterSetting::Auto || reporter == Reporter::Destination);
}

/// The field that a path stands for.
fn field(config: &Config, path: &str) -> u32 {
    match path {
        "labels.topic.values_max" => config.labels.topic,
        "labels.request.values_max" => config.labels.request,
        "labels.api_version.values_max" => config.labels.api_version,
        "labels.error.values_max" => config.labels.error,
        "limits.in_flight_max" => config.limits.in_flight_max,
        "limits.walk_size_bytes" => config.limits.walk_size_bytes,
        "limits.topic_ids_max" => config.limits.topic_ids_max,
        other => panic!("the target does not know the key {other}: add it here"),
    }
}

/// A message is read by an operator in a log line.
const MESSAGE_SIZE_MAX: usize = 2048;
