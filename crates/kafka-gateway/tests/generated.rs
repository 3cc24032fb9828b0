//! The reference page of the documentation is what the program says of its keys and metrics.
//!
//! `UPDATE_GENERATED=1 cargo test --release -p kafka-gateway --test generated` writes it anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use kafka_gateway::metrics::Metrics;
use kafka_gateway::settings::keys::{ALL, Form, Key};
use kafka_operations::metrics::Description;
use kafka_operations::reference::{self, cell, table};

const PAGE: &str = "docs/gateway-reference.md";
const UPDATE_COMMAND: &str =
    "UPDATE_GENERATED=1 cargo test --release -p kafka-gateway --test generated";

#[test]
fn the_reference_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    reference::compare(&root, PAGE, &render(), UPDATE_COMMAND)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Only what has no labels, or labels whose values are known, is on `/metrics` from the start; the list has all.
#[test]
fn the_list_has_every_metric_that_is_served() {
    let metrics = Metrics::new().expect("metrics");
    let text = metrics.text().expect("metrics");
    reference::listed(&text, metrics.descriptions(), 10).unwrap_or_else(|error| panic!("{error}"));
}

/// A section of the file is a section of the page, and none is left out.
#[test]
fn every_key_is_on_the_page() {
    let page = render();
    for key in ALL {
        assert_eq!(page.matches(&format!("| `{}` |", key.path)).count(), 1, "{}", key.path);
    }
}

fn render() -> String {
    let mut page = String::from(INTRODUCTION);
    for (section, text) in SECTIONS {
        page.push_str(text);
        let in_section = |key: &&&Key| match section {
            "" => !key.path.contains('.'),
            _ => key.path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')),
        };
        keys(&mut page, ALL.iter().filter(in_section).copied());
    }
    let metrics = Metrics::new().expect("metrics");
    let is_own = |listed: &&Description| listed.name.starts_with("kafka_gateway_");
    page.push_str(OWN_METRICS);
    table(&mut page, metrics.descriptions().iter().filter(is_own));
    page.push_str(KPRF_METRICS);
    table(&mut page, metrics.descriptions().iter().filter(|listed| !is_own(listed)));
    page.push_str(PROCESS_METRICS);
    page
}

fn keys<'a>(page: &mut String, list: impl Iterator<Item = &'a Key>) {
    page.push_str("\n| key | value | default | variable | meaning |\n|---|---|---|---|---|\n");
    for key in list {
        let default = match key.default {
            "" => String::from("none"),
            default => format!("`{default}`"),
        };
        let variable = match (key.variable(), key.form) {
            (Some(variable), Form::Mapping) => format!("`{variable}__..`"),
            (Some(variable), _) => format!("`{variable}`"),
            (None, _) => String::from("in the list's"),
        };
        writeln!(
            page,
            "| `{}` | {} | {default} | {variable} | {} |",
            key.path,
            cell(&value(key.form)),
            cell(key.help)
        )
        .expect("a String takes everything");
    }
}

fn value(form: Form) -> String {
    match form {
        Form::Text => "text".to_owned(),
        Form::Secret => "text, never shown".to_owned(),
        Form::Secrets => "list of texts, never shown".to_owned(),
        Form::Texts => "list of texts, or one with commas".to_owned(),
        Form::Literals => "list of texts".to_owned(),
        Form::File => "path".to_owned(),
        Form::Files => "list of paths".to_owned(),
        Form::Address => "IP address".to_owned(),
        Form::Switch => "`true` or `false`".to_owned(),
        Form::Whole(least, most) => format!("{least} to {most}"),
        Form::Milliseconds(least, most) => format!("ms, {least} to {most}"),
        Form::Seconds(least, most) => format!("s, {least} to {most}"),
        Form::Bytes(least, most) => format!("bytes, {least} to {most}"),
        Form::Rate => "number".to_owned(),
        Form::Word(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Form::List => "list of mappings".to_owned(),
        Form::Mapping => "mapping of names to texts".to_owned(),
    }
}

const INTRODUCTION: &str = "\
<!-- Generated from crates/kafka-gateway/src/settings/keys.rs and crates/kafka-gateway/src/metrics/; written anew by
     UPDATE_GENERATED=1 cargo test --release -p kafka-gateway --test generated -->
# kafka-gateway: keys and metrics

What [kafka-gateway](gateway.md) can be told, and what it tells. Names are an interface: one may be added, none is renamed.

## Keys

`kafka-gateway --config FILE` reads a YAML file, and so JSON, which is a part of YAML. kprf's file is one, unchanged. What
kprf also read is converted once: TOML, INI and HJSON are refused with a hint. The program checks everything before it
starts, and says all that is wrong at once, each with its path and line: an unknown key with the nearest known one, a value
out of range, two that contradict each other. `kafka-gateway --check --config FILE` does that and ends: with status 0 and
what it understood, or with 2. It loads certificates and makes librdkafka's clients, and calls no broker.

An environment variable beats the file: `KAFKA_GATEWAY_`, and the path in capitals with `__` for each dot. A list of texts
has commas there; a list of mappings is written as YAML or JSON: `KAFKA_GATEWAY_RATELIMIT__RULES='[{\"topic_name\": \"a\",
\"max_requests_per_minute\": 60}]'`. A name of a mapping stands behind its path, with `_` for a dot. An unknown variable that
begins so is an error, save those that Kubernetes sets for a Service `kafka-gateway`. Empty values are as good as none, in
both places. Numbers may stand in quotes.

Secrets stand in files of their own: `kafka.password_file`, `kafka.property_files`, `access.clients[].key_files`. No secret
is in a log line, an error or the output of `--check`.
";

const SECTIONS: [(&str, &str); 7] = [
    (
        "kafka",
        "
### kafka

Properties of librdkafka that have a key of their own are errors in `kafka.properties`, and so are a few that would break
what the gateway promises, `transactional.id` for one.
",
    ),
    ("http", "\n### http\n"),
    (
        "ratelimit",
        "
### ratelimit

A record that is refused takes nothing from the limit. Everything in a request passes, or is refused, record by record.
",
    ),
    (
        "access",
        "
### access

A client is known by an API key or by its certificate. What is refused for its topic gets 403, who is not known 401.
",
    ),
    (
        "wal",
        "
### wal

The write-ahead log is on when `wal.directory` is given; the other keys without it are an error.
",
    ),
    ("idempotency", "\n### idempotency\n"),
    ("", "\n### Others\n"),
];

const OWN_METRICS: &str = "
## Metrics

`http.metrics_port` has them at `/metrics` in Prometheus' text format. Labels are bounded: names of topics that exist, up to
a limit; names of clients as configured; words of the program.

### Own

Units are seconds and bytes.
";

const KPRF_METRICS: &str = "
### As kprf

Names, labels and units are kprf's; where a meaning had to change, its text says so.
";

const PROCESS_METRICS: &str = "
Beside them, on Linux, `process_*`: CPU seconds, memory, threads, open files and the start time of the process.
";
