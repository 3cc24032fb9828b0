//! envoy/stats-tags.yaml: the rules by which Envoy takes labels out of stat names, and histogram buckets.
//!
//! Each expression is anchored, so that Envoy tries it on names that begin with `wasmcustom.` alone, and holds no
//! repetition inside a repetition: the time it takes is bounded by the name's length. Group 1 is what Envoy removes
//! from the name, group 2 is the label's value.

use std::fmt::Write as _;

use kafka_filter::metrics::catalog::{Label, Metric, PREFIX, REPORTER};

/// The whole file.
pub(crate) fn document() -> String {
    format!("{HEAD}{}", stats_config())
}

/// The key `stats_config` of a bootstrap, with its value.
pub(crate) fn stats_config() -> String {
    let mut out = String::from("stats_config:\n  stats_tags:\n");
    let labels = std::iter::once(REPORTER).chain(Label::ALL.iter().map(|label| label.name()));
    for label in labels {
        writeln!(
            out,
            "  - tag_name: {label}\n    regex: '^wasmcustom\\.{PREFIX}.*?({label}=\\.=([^;]*);\\.;)'"
        )
        .expect("a String takes everything");
    }
    out.push_str("  histogram_bucket_settings:\n");
    for metric in Metric::ALL {
        let Some(buckets) = metric.buckets() else { continue };
        writeln!(
            out,
            "  # microseconds, from {} to {} s\n  - match: {{prefix: wasmcustom.{PREFIX}{}}}\n    buckets: {buckets:?}",
            f64::from(*buckets.first().expect("a histogram has buckets")) / 1e6,
            f64::from(*buckets.last().expect("a histogram has buckets")) / 1e6,
            metric.definition().name
        )
        .expect("a String takes everything");
    }
    out
}

const HEAD: &str = "\
# How Envoy takes the labels out of the filter's stat names, and histogram buckets in microseconds.
# Merge the key `stats_config` into the bootstrap: it cannot be changed while Envoy runs. envoy.yaml has it already.
# Generated from the metric catalog (crates/kafka-filter/src/metrics/catalog.rs); written anew by
# UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated
";
