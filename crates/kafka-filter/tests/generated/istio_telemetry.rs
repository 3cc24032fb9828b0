//! istio/telemetry/: how the labels and buckets of the filter's metrics come out of an Istio proxy.
//!
//! Istio has one expression for each of `extraStatTags`, not anchored, so no label may end with the name of
//! another. Where these are not set, labels are part of the name that Prometheus sees, every character but
//! letters, digits and `_` written as `_`; the relabelling takes them out again. It names each metric,
//! because only that says which labels follow.

use std::fmt::Write as _;

use kafka_filter::metrics::catalog::{Kind, Label, Metric, PREFIX, REPORTER, Reporter};

/// meshconfig-extra-stat-tags.yaml
pub(crate) fn mesh_config() -> String {
    let mut out =
        format!("{MESH_CONFIG}{GENERATED}meshConfig:\n  defaultConfig:\n    extraStatTags:\n");
    for label in labels() {
        writeln!(out, "    - {label}").expect("a String takes everything");
    }
    out
}

/// pod-annotation.yaml
pub(crate) fn pod_annotation() -> String {
    let list = labels().collect::<Vec<_>>().join(",");
    format!("{POD_ANNOTATION}{GENERATED}{POD}        sidecar.istio.io/extraStatTags: \"{list}\"\n")
}

/// histogram-buckets.yaml
pub(crate) fn histogram_buckets() -> String {
    let settings: Vec<String> = Metric::ALL
        .iter()
        .filter_map(|metric| Some((metric.definition().name, metric.buckets()?)))
        .map(|(name, buckets)| {
            let bounds: Vec<String> = buckets.iter().map(u32::to_string).collect();
            format!("          \"wasmcustom.{PREFIX}{name}\": [{}]", bounds.join(", "))
        })
        .collect();
    format!(
        "{HISTOGRAM_BUCKETS}{GENERATED}{POD}        sidecar.istio.io/statsHistogramBuckets: |\n          \
         {{\n{}\n          }}\n",
        settings.join(",\n")
    )
}

/// prometheus-relabel.yaml
pub(crate) fn prometheus_relabel() -> String {
    let mut out = format!("{PROMETHEUS_RELABEL}{GENERATED}metric_relabel_configs:\n");
    let mut sequences: Vec<&[Label]> = Vec::new();
    for metric in Metric::ALL {
        let labels = metric.definition().labels;
        if !sequences.contains(&labels) {
            sequences.push(labels);
        }
    }
    for sequence in sequences {
        write_group(&mut out, sequence);
    }
    out
}

/// The rules for all metrics with these labels: one for each label, then the name.
fn write_group(out: &mut String, sequence: &[Label]) {
    let metrics: Vec<&Metric> =
        Metric::ALL.iter().filter(|metric| metric.definition().labels == sequence).collect();
    let names: Vec<&str> = metrics.iter().map(|metric| metric.definition().name).collect();
    let reporters: Vec<&str> = Reporter::ALL.iter().map(|reporter| reporter.as_str()).collect();
    let mut regex =
        format!("{PREFIX}({})_{REPORTER}___({})___", names.join("|"), reporters.join("|"));
    for label in sequence {
        write!(regex, "{}___(.+)___", label.name()).expect("a String takes everything");
    }
    // The last group is there for all, so that its number does not depend on the kind.
    let has_histogram = metrics.iter().any(|metric| metric.definition().kind == Kind::Histogram);
    regex.push_str(if has_histogram { "(|_bucket|_sum|_count)" } else { "()" });
    let labels = [REPORTER].into_iter().chain(sequence.iter().map(|label| label.name()));
    let mut group = 2;
    for label in labels {
        write_rule(out, &regex, label, &format!("${{{group}}}"));
        group += 1;
    }
    write_rule(out, &regex, "__name__", &format!("{PREFIX}${{1}}${{{group}}}"));
}

fn write_rule(out: &mut String, regex: &str, target: &str, replacement: &str) {
    write!(
        out,
        "- source_labels: [__name__]\n  regex: {regex}\n  target_label: {target}\n  replacement: {replacement}\n"
    )
    .expect("a String takes everything");
}

fn labels() -> impl Iterator<Item = &'static str> {
    [REPORTER].into_iter().chain(Label::ALL.iter().map(|label| label.name()))
}

const GENERATED: &str = "\
# Generated from the metric catalog (crates/kafka-filter/src/metrics/catalog.rs); written anew by
# UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated
";

const MESH_CONFIG: &str = "\
# The labels of the filter's metrics, for all proxies of the mesh: Helm values of istiod, and under `spec` of an
# IstioOperator the same. Proxies read it when they start, so restart the pods that speak Kafka.
";

const POD_ANNOTATION: &str = "\
# The labels of the filter's metrics, for the pods of one workload; it restarts them:
#     kubectl patch deployment NAME --patch-file istio/telemetry/pod-annotation.yaml
";

const HISTOGRAM_BUCKETS: &str = "\
# The buckets of the filter's histograms, for the pods of one workload; it restarts them:
#     kubectl patch deployment NAME --patch-file istio/telemetry/histogram-buckets.yaml
# Without it they have Istio's, from 0.5 to 3,600,000: right for milliseconds, and all within an hour for microseconds.
";

const POD: &str = "\
spec:
  template:
    metadata:
      annotations:
";

const PROMETHEUS_RELABEL: &str = "\
# Labels out of the flat names that proxies without `extraStatTags` have: for a look without restarting anything. Put
# the key into each scrape job of Istio's proxies; series that have their labels already are left alone.
# What is lost cannot come back: in a flat name every character but letters, digits and `_` reads `_`. Topics `a.b`
# and `a-b` are one name there, of which Prometheus keeps one. The annotation and MeshConfig beside this file have no such limit.
";
