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
#[path = "generated/metrics_page.rs"]
mod metrics_page;
#[path = "generated/stats_tags.rs"]
mod stats_tags;

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
