//! docs/metrics.md: what the filter counts, from the catalog.

use std::fmt::Write as _;

use kafka_filter::config::{Config, KEYS, Shape};
use kafka_filter::metrics::catalog::{Label, Metric, PREFIX, REPORTER, Reporter};
use kafka_filter::metrics::groups::MetricGroup;
use kafka_filter::metrics::name::{
    NONE, OTHER, UNRESOLVED, VALUE_SIZE_MAX, Value, write_stat_name, write_value,
};

/// The whole page.
pub(crate) fn render() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str(METRICS);
    page.push_str("|---|---|---|---|---|---|\n");
    for metric in Metric::ALL {
        let definition = metric.definition();
        let labels: Vec<String> =
            definition.labels.iter().map(|label| format!("`{}`", label.name())).collect();
        writeln!(
            page,
            "| `{PREFIX}{}` | {} | {} | {} | {} | {} |",
            definition.name,
            definition.kind.as_str(),
            labels.join(", "),
            switch(definition.group),
            definition.unit,
            definition.help
        )
        .expect("a String takes everything");
    }
    page.push_str("\nHistograms come as Prometheus histograms (`_bucket`, `_sum`, `_count`); their buckets are set in\n");
    page.push_str("`envoy/stats-tags.yaml`:\n\n");
    for metric in Metric::ALL {
        let Some(buckets) = metric.buckets() else { continue };
        let bounds: Vec<String> = buckets.iter().map(u32::to_string).collect();
        writeln!(page, "- `{PREFIX}{}`: {}", metric.definition().name, bounds.join(", "))
            .expect("a String takes everything");
    }
    labels(&mut page);
    stat_names(&mut page);
    page
}

/// The key of the configuration that turns a group of metrics off.
fn switch(group: Option<MetricGroup>) -> String {
    let Some(group) = group else { return String::from("always on") };
    let governs = |set: fn(&mut Config, bool)| {
        let mut config = Config::default();
        set(&mut config, false);
        !config.metrics.contains(group)
    };
    let key =
        KEYS.iter().find(|key| matches!(key.shape, Shape::Switch { set, .. } if governs(set)));
    format!("`{}`", key.expect("a switch for each group").path)
}

fn labels(page: &mut String) {
    page.push_str("\n## Labels\n\n| label | values |\n|---|---|\n");
    let reporters: Vec<String> =
        Reporter::ALL.iter().map(|reporter| format!("`{}`", reporter.as_str())).collect();
    writeln!(
        page,
        "| `{REPORTER}` | {}: an outbound listener, an inbound one, or one without a direction; the key \
         `reporter` of the configuration overrules it |",
        reporters.join(", ")
    )
    .expect("a String takes everything");
    for label in Label::ALL {
        writeln!(page, "| `{}` | {} |", label.name(), label.help())
            .expect("a String takes everything");
    }
    write!(
        page,
        "
Three values are reserved: `{OTHER}` (over the label's cap, not confirmed by a broker, or longer than
{VALUE_SIZE_MAX} bytes), `{NONE}` (null or empty) and `{UNRESOLVED}` (a topic id whose name no broker has
told yet). No peer can make them: a topic that is called so reads `{}`.
",
        escaped(OTHER)
    )
    .expect("a String takes everything");
    page.push_str(CAPS);
}

fn stat_names(page: &mut String) {
    let mut name = String::new();
    let values = [Value::Own("Produce"), Value::Number(13)];
    write_stat_name(&mut name, Metric::Requests, Reporter::Source, &values);
    write!(page, "{STAT_NAMES_BEFORE}\n    wasmcustom.{name}\n{STAT_NAMES_AFTER}")
        .expect("a String takes everything");
    page.push_str("\n| what | a value | reads |\n|---|---|---|\n");
    for (what, value) in ESCAPES {
        writeln!(page, "| {what} | `{}` | `{}` |", value.escape_default(), escaped(value))
            .expect("a String takes everything");
    }
    page.push_str(AFTER_ESCAPES);
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    write_value(&mut out, Value::Peer(value.as_bytes()));
    out
}

const INTRODUCTION: &str = "\
<!-- Generated from crates/kafka-filter/src/metrics/catalog.rs; written anew by
     UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated -->
# Metrics

What kafka-filter counts on every connection it sees, as Envoy's Prometheus endpoint (`/stats/prometheus` of
the admin listener) shows it. Names and labels are an interface: one may be added, none is renamed.

- Every name begins with `kafka_filter_`, counters end in `_total`, and units are part of the name. Envoy's
  stats are whole numbers: durations are microseconds or milliseconds, never fractions of a second.
- Every metric has the label `reporter`. A call between two workloads of a mesh passes two proxies and is
  counted by both: choose one side, `kafka_filter_requests_total{reporter=\"source\"}`, before summing.
- Values of labels are the broker's own words where it has them (`request=\"FetchConsumer\"`,
  `error=\"NOT_LEADER_OR_FOLLOWER\"`), so that these series join with the broker's.
- Counts are exact where the table does not say otherwise. Bytes are those on the wire of the Kafka
  protocol, without TLS and TCP.
- Counters live as long as the Envoy process; an update of the filter or of its configuration does not reset
  them.
";

const METRICS: &str = "
## Metrics

What the column `switch` names can be turned off in the [configuration](configuration.md), and then costs
nothing.

| metric | kind | labels beside `reporter` | switch | counts | meaning |
";

const CAPS: &str = "
What peers choose has a cap for the whole Envoy process: `labels.*.values_max` in
[configuration.md](configuration.md). Envoy never forgets a stat, so nobody may invent values without end:

- A topic becomes a value only when a broker's answer named it without error.
- A client id, a group, a software and its version are whatever a client says, so their values are those that
  come first: list the ones you want (`labels.client_id.allow`), or make many into one
  (`labels.client_id.rewrite`). What the patterns leave out reads `__other__` and takes no place.
- Names and versions of software must be as KIP-511 wants them: letters, digits, dots and dashes.
- `client_id`, `group` and `software` multiply with other labels: a metric has at most
  `limits.combinations_max` series with one of them, and what comes later is counted in the series where that
  label reads `__other__`.

`kafka_filter_label_values` shows how many values each label has, and
`kafka_filter_label_values_overflowed_total` how many events went to `__other__` for want of a place; those
that the patterns leave out are none.
";

const STAT_NAMES_BEFORE: &str = "
## Stat names and escapes

A wasm module can give Envoy names but no labels, so a stat carries its labels in its name, in the grammar
of Istio's own wasm filters:
";

const STAT_NAMES_AFTER: &str = "
`envoy/stats-tags.yaml` tells plain Envoy how to take them out again; in Istio, `proxyConfig.extraStatTags`
with the names of the labels above does the same. Without either, the whole string is the name in
Prometheus.

So that nothing a peer sends can break such a name or add a label to it, some characters of a value are
written as `%` and two hexadecimal digits of each byte, like in a URL:
";

const ESCAPES: &[(&str, &str)] = &[
    ("separators of the grammar, and `%` itself", "a;b=50%"),
    ("control characters (and bytes that are not UTF-8)", "a\nb"),
    ("a dot at the end, which Envoy would drop", "a."),
    ("the dot after `cache`, `component`, `tag` and `wasm_filter`", "price-tag.v1"),
    ("the dot in `rbac.allowed` and `rbac.denied`", "rbac.allowed"),
    (
        "the dot before `shadow_allowed`, `shadow_denied`, `istio_dry_run_allow_` and `istio_dry_run_deny_`",
        "x.shadow_denied",
    ),
    ("the first character of a reserved word", "__none__"),
];

const AFTER_ESCAPES: &str = "
The dots are there because Istio's proxies make labels of such words wherever they stand in a name.
Different values never share a name, and every other topic name reads as it is. To compare an escaped one
with a broker's series, turn it back in the query:

    label_replace(kafka_filter_topic_produced_records_total, \"topic\", \"$1.$2\", \"topic\", \"(.*)%2E(.*)\")
";
