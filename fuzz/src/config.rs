//! The configuration: any text is taken or refused with a message, and what is taken is what was written.

use kafka_filter::config::{
    Config, KEYS, PATTERNS_MAX, PatternSet, ReporterSetting, Shape, VALUE_SIZE_MAX,
};
use kafka_filter::metrics::catalog::Reporter;
use kafka_filter::metrics::groups::MetricGroup;
use serde_json::{Map, Value, json};

use crate::input::Input;

/// Runs the target.
pub fn run(data: &[u8]) {
    check_text(data);
    check_written(&mut Input::new(data));
    check_patterns(&mut Input::new(data));
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
    let mut switches = Vec::new();
    let mut lists = Vec::new();
    for key in KEYS {
        if !input.chance(140) {
            continue;
        }
        let (value, is_right) = match key.shape {
            Shape::Number { min, max, .. } => {
                let number = match input.below(4) {
                    0 => i64::from(min),
                    1 => i64::from(max),
                    2 => i64::from(input.int32()),
                    _ => i64::from(min) + i64::from(input.byte()),
                };
                numbers.push((key.path, number));
                (json!(number), (i64::from(min)..=i64::from(max)).contains(&number))
            }
            Shape::Switch { .. } => {
                let is_on = input.chance(128);
                switches.push((key.path, is_on));
                (json!(is_on), true)
            }
            Shape::Patterns { .. } => {
                let (patterns, is_right) = list(input, |input| input.pick(PATTERNS));
                let sources: Vec<&str> = patterns.iter().map(|(source, _)| *source).collect();
                lists.push((key.path, patterns));
                (json!(sources), is_right)
            }
            Shape::Rewrites => {
                let (rules, is_right) = list(input, |input| input.pick(RULES));
                let rules: Vec<Value> = rules
                    .iter()
                    .map(|(pattern, replace)| json!({"match": pattern, "replace": replace}))
                    .collect();
                (json!(rules), is_right)
            }
            Shape::Reporter => {
                let word = input.pick(&["auto", "source", "destination", "proxy", "sidecar"]);
                (json!(word), word != "sidecar")
            }
        };
        if !is_right {
            wrong.get_or_insert(key.path);
        }
        put(&mut top, key.path, value);
    }
    let text = Value::Object(top).to_string();
    match (Config::parse(text.as_bytes()), wrong) {
        (Ok(config), None) => {
            check_ranges(&config);
            for (path, number) in numbers {
                assert_eq!(i64::from(field(&config, path)), number, "{path} of {text}");
            }
            for (path, is_on) in switches {
                assert_eq!(switch(&config, path), is_on, "{path} of {text}");
            }
            for (path, patterns) in lists {
                let (set, is_allow) = set(&config, path);
                // What is allowed another pattern of the label may deny; what is denied stays denied.
                for (_, value) in patterns.iter().filter(|_| !is_allow) {
                    assert!(!set.admits(value.as_bytes()), "{path} of {text} admits {value}");
                }
            }
        }
        (Err(_), Some(_)) => {}
        (outcome, wrong) => panic!("{text} with {wrong:?} wrong gives {outcome:?}"),
    }
}

/// Some of the choices, and whether each of them is right and they are not too many.
fn list<T>(
    input: &mut Input<'_>,
    mut choose: impl FnMut(&mut Input<'_>) -> (T, bool),
) -> (Vec<T>, bool) {
    let count = if input.chance(4) { PATTERNS_MAX + input.below(3) } else { input.below(5) };
    let mut is_right = count <= PATTERNS_MAX;
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, is_item_right) = choose(input);
        is_right &= is_item_right;
        items.push(item);
    }
    (items, is_right)
}

/// Any pattern, rewrite and value: what is taken keeps the bounds, and the lists agree with each other.
fn check_patterns(input: &mut Input<'_>) {
    let pattern = String::from_utf8_lossy(input.bytes()).into_owned();
    let replace = String::from_utf8_lossy(input.bytes()).into_owned();
    let parse = |client_id: Value| {
        let text = json!({"labels": {"client_id": client_id}}).to_string();
        Config::parse(text.as_bytes())
    };
    let Ok(allowing) = parse(json!({"allow": [pattern]})) else {
        assert!(parse(json!({"deny": [pattern]})).is_err(), "{pattern:?} is a pattern in one list");
        return;
    };
    let denying = parse(json!({"deny": [pattern]})).expect("a pattern in both lists");
    let both = parse(json!({"allow": [pattern], "deny": [pattern]})).expect("and in both at once");
    let rewriting = parse(json!({"rewrite": [{"match": pattern, "replace": replace}]}));
    while !input.is_empty() {
        let value = input.bytes();
        let is_allowed = allowing.patterns.client_id.admits(value);
        let is_denied = !denying.patterns.client_id.admits(value);
        let is_short = value.len() <= VALUE_SIZE_MAX;
        assert_eq!(is_allowed, is_denied && is_short, "{pattern:?} on {value:?}");
        assert!(is_short || is_denied, "a long value is wanted by {pattern:?}");
        assert!(!both.patterns.client_id.admits(value), "deny wins, on {value:?}");
        let Ok(rewriting) = &rewriting else { continue };
        let rewritten = rewriting.rewrites.apply(value);
        if is_allowed {
            assert!(rewritten.len() <= VALUE_SIZE_MAX, "{} bytes", rewritten.len());
            assert!(std::str::from_utf8(&rewritten).is_ok(), "{rewritten:?} is no text");
        } else {
            assert_eq!(&*rewritten, value, "{pattern:?} does not match, and rewrites");
        }
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
        "labels.client_id.values_max" => config.labels.client_id,
        "labels.group.values_max" => config.labels.group,
        "labels.software.values_max" => config.labels.software,
        "labels.software_version.values_max" => config.labels.software_version,
        "limits.combinations_max" => config.limits.combinations_max,
        "limits.lag_partitions_max" => config.limits.lag_partitions_max,
        "limits.lag_stale_seconds" => config.limits.lag_stale_seconds,
        other => panic!("the target does not know the key {other}: add it here"),
    }
}

/// The field of a switch.
fn switch(config: &Config, path: &str) -> bool {
    let group = match path {
        "access_log" => return config.access_log,
        "metrics.topics" => MetricGroup::Topics,
        "metrics.topic_duration" => MetricGroup::TopicDuration,
        "metrics.end_to_end_latency" => MetricGroup::EndToEndLatency,
        "metrics.clients" => MetricGroup::Clients,
        "metrics.software" => MetricGroup::Software,
        "metrics.deprecated" => MetricGroup::Deprecated,
        "metrics.groups" => MetricGroup::Groups,
        "metrics.lag" => MetricGroup::Lag,
        other => panic!("the target does not know the key {other}: add it here"),
    };
    config.metrics.contains(group)
}

/// The patterns of a label, and whether the path is that of those that allow.
fn set<'a>(config: &'a Config, path: &str) -> (&'a PatternSet, bool) {
    let patterns = &config.patterns;
    match path {
        "labels.topic.allow" => (&patterns.topic, true),
        "labels.topic.deny" => (&patterns.topic, false),
        "labels.client_id.allow" => (&patterns.client_id, true),
        "labels.client_id.deny" => (&patterns.client_id, false),
        "labels.group.allow" => (&patterns.group, true),
        "labels.group.deny" => (&patterns.group, false),
        "labels.software.allow" => (&patterns.software, true),
        "labels.software.deny" => (&patterns.software, false),
        other => panic!("the target does not know the key {other}: add it here"),
    }
}

/// A message is read by an operator in a log line.
const MESSAGE_SIZE_MAX: usize = 2048;

/// A pattern with a value that it matches, and whether it is a pattern.
const PATTERNS: &[((&str, &str), bool)] = &[
    (("orders", "orders"), true),
    ((".*", "any\n"), true),
    (("a|a.b", "a-b"), true),
    (("(?P<app>app-.*)", "app-1"), true),
    (("(?i)x{2}", "xX"), true),
    (("a(", "a("), false),
];

/// A pattern with a replacement, and whether they go together.
const RULES: &[((&str, &str), bool)] = &[
    (("(.+)-[0-9]+", "$1"), true),
    (("(?P<app>.+)-x", "${app}$$"), true),
    ((".*", ""), true),
    (("a", "$1"), false),
    (("a)(b", "c"), false),
];
