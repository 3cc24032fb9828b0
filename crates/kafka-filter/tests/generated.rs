//! What is rendered from the code is what lies in the repository: documents and Envoy's tag rules.
//!
//! `UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated` writes the files anew.

// Files are read from the source tree, which a wasm host does not have.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

#[path = "generated/configuration_page.rs"]
mod configuration_page;
#[path = "generated/istio_telemetry.rs"]
mod istio_telemetry;
#[path = "generated/metrics_page.rs"]
mod metrics_page;
#[path = "generated/stats_tags.rs"]
mod stats_tags;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const UPDATE_COMMAND: &str = "UPDATE_GENERATED=1 cargo test -p kafka-filter --test generated";

#[test]
fn the_metrics_page_is_current() {
    compare("docs/metrics.md", |_| metrics_page::render());
}

#[test]
fn the_configuration_page_lists_every_key() {
    compare("docs/configuration.md", |page| {
        with_block(page, "<!-- ", " -->", "keys", &configuration_page::table())
    });
}

#[test]
fn the_tag_rules_are_current() {
    compare("envoy/stats-tags.yaml", |_| stats_tags::document());
}

#[test]
fn the_bootstraps_hold_the_tag_rules() {
    for path in ["envoy/envoy.yaml", "envoy/envoy-three-brokers.yaml"] {
        compare(path, |text| {
            with_block(text, "# ", "", "stats-tags.yaml", &stats_tags::stats_config())
        });
    }
}

#[test]
fn the_telemetry_pieces_of_istio_are_current() {
    compare("istio/telemetry/meshconfig-extra-stat-tags.yaml", |_| istio_telemetry::mesh_config());
    compare("istio/telemetry/pod-annotation.yaml", |_| istio_telemetry::pod_annotation());
    compare("istio/telemetry/histogram-buckets.yaml", |_| istio_telemetry::histogram_buckets());
    compare("istio/telemetry/prometheus-relabel.yaml", |_| istio_telemetry::prometheus_relabel());
}

/// Envoy refuses what is not in the list, and what is in it without need is a right too many.
#[test]
fn the_bootstraps_allow_what_the_shell_calls() {
    let host = read("src/host.rs");
    let called: BTreeSet<&str> = host
        .lines()
        .filter_map(|line| line.trim().strip_prefix("fn proxy_")?.split_once('('))
        .map(|(name, _)| name)
        .collect();
    assert!(called.contains("get_buffer_bytes"), "src/host.rs declares no host functions");
    for path in
        ["envoy/envoy.yaml", "envoy/envoy-three-brokers.yaml", "istio/base/envoyfilter.yaml"]
    {
        let text = read(path);
        let allowed: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("proxy_")?.strip_suffix(": {}"))
            .filter(|name| !name.starts_with("on_"))
            .collect();
        assert_eq!(allowed, called, "{path}: allowed on the left, called on the right");
    }
}

/// baseline.yaml is envoy.yaml with the filter and its rules taken out, so that the two can be compared.
#[test]
fn the_baseline_differs_by_the_filter_alone() {
    let (full, baseline) = (read("envoy/envoy.yaml"), read("envoy/baseline.yaml"));
    let mut full = settings(&full);
    let missing: Vec<&str> =
        settings(&baseline).filter(|line| !full.any(|other| other == *line)).collect();
    assert!(missing.is_empty(), "not in envoy.yaml, or not in this order: {missing:?}");
    assert!(!baseline.contains("wasm"), "the baseline has a filter");
}

fn settings(yaml: &str) -> impl Iterator<Item = &str> {
    yaml.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares a file with what `render` makes of it, or writes it where the environment asks for that.
fn compare(path: &str, render: impl Fn(&str) -> String) {
    let file = repository().join(path);
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    let present = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(_) if update => String::new(),
        Err(error) => panic!("{path}: {error}; `{UPDATE_COMMAND}` writes it"),
    };
    let rendered = render(&present);
    if present == rendered {
        return;
    }
    if update {
        std::fs::write(&file, rendered).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let line = present.lines().zip(rendered.lines()).take_while(|(a, b)| a == b).count();
    panic!(
        "{path} is not what the code says, first in line {}:\n  file: {}\n  code: {}\nrun `{UPDATE_COMMAND}`",
        line + 1,
        present.lines().nth(line).unwrap_or("(end)"),
        rendered.lines().nth(line).unwrap_or("(end)"),
    );
}

/// Replaces what lies between the markers of a block in a file whose other parts are written by hand.
fn with_block(text: &str, open: &str, close: &str, name: &str, content: &str) -> String {
    let begin = format!("{open}generated: {name}{close}\n");
    let end = format!("{open}end of generated: {name}{close}\n");
    let (before, rest) =
        text.split_once(&begin).unwrap_or_else(|| panic!("no line `{}`", begin.trim_end()));
    let (_, after) =
        rest.split_once(&end).unwrap_or_else(|| panic!("no line `{}`", end.trim_end()));
    format!("{before}{begin}{content}{end}{after}")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
