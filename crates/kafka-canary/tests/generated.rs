//! The reference page of the documentation is what the program says of its variables and metrics.
//!
//! `UPDATE_GENERATED=1 cargo test --release -p kafka-canary --test generated` writes it anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use kafka_canary::metrics::Metrics;
use kafka_canary::settings::MetricSettings;
use kafka_canary::settings::variables::{Form, OWN, STRIMZI, Variable};
use kafka_operations::reference::{self, cell, table};

const PAGE: &str = "docs/canary-reference.md";
const UPDATE_COMMAND: &str =
    "UPDATE_GENERATED=1 cargo test --release -p kafka-canary --test generated";

#[test]
fn the_reference_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    reference::compare(&root, PAGE, &render(), UPDATE_COMMAND)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Only what has no labels, or labels whose values are known, is on `/metrics` from the start; the list has all.
#[test]
fn the_list_has_every_metric_that_is_served() {
    let metrics = metrics();
    let text = metrics.text().expect("metrics");
    reference::listed(&text, metrics.descriptions(), 10).unwrap_or_else(|error| panic!("{error}"));
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
