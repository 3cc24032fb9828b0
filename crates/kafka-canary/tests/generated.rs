//! The reference page of the documentation is what the program says of its variables and metrics.
//!
//! `UPDATE_GENERATED=1 cargo test --release -p kafka-canary --test generated` writes it anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use kafka_canary::metrics::{Description, Kind, Metrics};
use kafka_canary::settings::MetricSettings;
use kafka_canary::settings::variables::{Form, OWN, STRIMZI, Variable};

const PAGE: &str = "docs/canary-reference.md";
const UPDATE_COMMAND: &str =
    "UPDATE_GENERATED=1 cargo test --release -p kafka-canary --test generated";

#[test]
fn the_reference_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let rendered = render();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&file, rendered).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
        return;
    }
    let present = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{PAGE}: {error}; `{UPDATE_COMMAND}` writes it"));
    let line = present.lines().zip(rendered.lines()).take_while(|(a, b)| a == b).count();
    assert!(
        present == rendered,
        "{PAGE} is not what the code says, first in line {}:\n  file: {}\n  code: {}\nrun `{UPDATE_COMMAND}`",
        line + 1,
        present.lines().nth(line).unwrap_or("(end)"),
        rendered.lines().nth(line).unwrap_or("(end)"),
    );
}

/// Only what has no labels, or labels whose values are known, is on `/metrics` from the start; the list has all.
#[test]
fn the_list_has_every_metric_that_is_served() {
    let metrics = metrics();
    let text = String::from_utf8(metrics.text().expect("metrics")).expect("UTF-8");
    let served: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(name, _)| !name.starts_with("process_"))
        .collect();
    assert!(served.len() > 10, "{served:?}");
    for (name, kind) in served {
        let listed = metrics.descriptions().iter().find(|listed| listed.name == name);
        assert_eq!(listed.map(|listed| word(listed.kind)), Some(kind), "{name}");
    }
}

fn metrics() -> Metrics {
    let settings = MetricSettings {
        producer_latency_ms: vec![1.0],
        end_to_end_latency_ms: vec![1.0],
        connection_latency_ms: vec![1.0],
        seconds: vec![1.0],
        constant_labels: Vec::new(),
    };
    Metrics::new(&settings, "client", "topic").expect("no constant labels, ascending buckets")
}

fn render() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str(STRIMZI_VARIABLES);
    variables(&mut page, &STRIMZI);
    page.push_str(OWN_VARIABLES);
    variables(&mut page, &OWN);
    let metrics = metrics();
    let family = |prefix: &'static str| {
        metrics.descriptions().iter().filter(move |listed| listed.name.starts_with(prefix))
    };
    page.push_str(OWN_METRICS);
    table(&mut page, family("kafka_canary_"));
    page.push_str(STRIMZI_METRICS);
    table(&mut page, family("strimzi_canary_"));
    page.push_str(PROCESS_METRICS);
    page
}

fn variables(page: &mut String, list: &[&Variable]) {
    page.push_str("\n| variable | flag | default | meaning |\n|---|---|---|---|\n");
    for variable in list {
        let unit = if variable.form == Form::Milliseconds { " ms" } else { "" };
        let default = match variable.default {
            "" => String::from("none"),
            default => format!("`{default}`{unit}"),
        };
        writeln!(
            page,
            "| `{}` | `--{}` | {default} | {} |",
            variable.name,
            variable.flag,
            cell(variable.help)
        )
        .expect("a String takes everything");
    }
}

fn table<'a>(page: &mut String, list: impl Iterator<Item = &'a Description>) {
    page.push_str("\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in list {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.name,
            word(metric.kind),
            labels.join(", "),
            cell(&metric.help)
        )
        .expect("a String takes everything");
    }
}

/// As the text format calls it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const INTRODUCTION: &str = "\
<!-- Generated from crates/kafka-canary/src/settings/variables.rs and crates/kafka-canary/src/metrics/; written anew by
     UPDATE_GENERATED=1 cargo test --release -p kafka-canary --test generated -->
# kafka-canary: variables and metrics

What [kafka-canary](canary.md) can be told, and what it tells. Names are an interface: one may be added, none is renamed.

## Variables

Each is an environment variable and a flag with the same value. The flag wins; an empty value is the default. What is
not possible is refused at the start, all of it at once. `kafka-canary --help` has the same list, and
`kafka-canary check --help` what belongs to one round.
";

const STRIMZI_VARIABLES: &str = "
### As strimzi-canary

Names, meanings and defaults are strimzi-canary's.
";

const OWN_VARIABLES: &str = "
### Own
";

const OWN_METRICS: &str = "
## Metrics

`/metrics` has them in Prometheus' text format. Labels are partitions, brokers, and reasons: small sets, and no text of a
peer. `broker` is a broker's id; of a latency it is the one that led the partition. `reason` is Kafka's name of an error,
or the client's, in small letters. `PROMETHEUS_CONSTANT_LABELS` come on top of all. Series of partitions and brokers begin
at 0 when these are known, and end when these are gone.

### Own

Units are seconds. Histograms have the buckets of `KAFKA_CANARY_SECONDS_BUCKETS` and no partition: partitions times buckets
would be many.
";

const STRIMZI_METRICS: &str = "
### As strimzi-canary

Names, labels and units are strimzi-canary's: latencies are milliseconds.
";

const PROCESS_METRICS: &str = "
Beside them, on Linux, `process_*`: CPU seconds, memory, threads, open files and the start time of the process.
";
