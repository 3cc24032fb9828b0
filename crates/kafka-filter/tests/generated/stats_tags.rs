//! envoy/stats-tags.yaml: the rules by which Envoy takes labels out of stat names, and histogram buckets.
//!
//! Envoy tries each expression once for each new stat, on a worker, with a slow engine: on 1.40.0 a rule of
//! the form `.*?(topic=...)` for each label took 0.23 ms for a new stat with a short topic and 0.36 ms with
//! a long one, and these, which say what stands before a label, half of that. Anchored as they are, names
//! that do not begin with `wasmcustom.` are not tried. Group 1 is what Envoy removes from the name, group 2
//! is the label's value.

use std::fmt::Write as _;

use kafka_filter::metrics::catalog::{Label, Metric, PREFIX, REPORTER};

/// The whole file.
pub(crate) fn document() -> String {
    format!("{HEAD}{}", stats_config())
}

/// The key `stats_config` of a bootstrap, with its value.
pub(crate) fn stats_config() -> String {
    let mut out = String::from("stats_config:\n  stats_tags:\n");
    write_rule(&mut out, REPORTER, "");
    for label in Label::ALL {
        write_rule(
            &mut out,
            label.name(),
            &format!("{REPORTER}=\\.=[a-z]+;\\.;{}", before(*label)),
        );
    }
    out.push_str("  histogram_bucket_settings:\n");
    for metric in Metric::ALL {
        let Some(buckets) = metric.buckets() else { continue };
        let definition = metric.definition();
        let per_second = match definition.unit {
            "microseconds" => 1e6,
            "milliseconds" => 1e3,
            other => panic!("{}: a histogram of {other}", definition.name),
        };
        writeln!(
            out,
            "  # {}, from {} to {} s\n  - match: {{prefix: wasmcustom.{PREFIX}{}}}\n    buckets: {buckets:?}",
            definition.unit,
            f64::from(*buckets.first().expect("a histogram has buckets")) / per_second,
            f64::from(*buckets.last().expect("a histogram has buckets")) / per_second,
            definition.name
        )
        .expect("a String takes everything");
    }
    out
}

fn write_rule(out: &mut String, label: &str, before: &str) {
    writeln!(
        out,
        "  - tag_name: {label}\n    regex: '^wasmcustom\\.{PREFIX}[a-z_]+\\.{before}({label}=\\.=([^;]*);\\.;)'"
    )
    .expect("a String takes everything");
}

/// What may stand between the reporter and this label, in any metric that has it.
fn before(label: Label) -> String {
    let mut sequences: Vec<String> = Vec::new();
    for metric in Metric::ALL {
        let labels = metric.definition().labels;
        let Some(position) = labels.iter().position(|other| *other == label) else { continue };
        let sequence: String = labels
            .iter()
            .take(position)
            .map(|other| format!("{}=\\.=[^;]*;\\.;", other.name()))
            .collect();
        if !sequences.contains(&sequence) {
            sequences.push(sequence);
        }
    }
    let all = sequences.len();
    sequences.retain(|sequence| !sequence.is_empty());
    let optional = if sequences.len() < all { "?" } else { "" };
    match sequences.as_slice() {
        [] => String::new(),
        [only] if optional.is_empty() => only.clone(),
        several => format!("(?:{}){optional}", several.join("|")),
    }
}

const HEAD: &str = "\
# How Envoy takes the labels out of the filter's stat names, and the buckets of histograms.
# Merge the key `stats_config` into the bootstrap (envoy.yaml has it already); Envoy reads it at its start only.
# Generated from the metric catalog (crates/kafka-filter/src/metrics/catalog.rs); written anew by
# UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated
";
