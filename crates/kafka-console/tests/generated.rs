//! The settings and metrics in `docs/console.md` are the program's own.
//!
//! `UPDATE_GENERATED=1 cargo test --release -p kafka-console --test generated` writes them anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::Path;

use kafka_console::http::Metrics;
use kafka_console::settings::flags::{FLAGS, Flag};
use kafka_console::source::Figures;
use kafka_operations::reference;

const PAGE: &str = "docs/console.md";
const SETTINGS: &str = "| flag | default | meaning |\n|---|---|---|\n";
const METRICS: &str = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
const UPDATE_COMMAND: &str =
    "UPDATE_GENERATED=1 cargo test --release -p kafka-console --test generated";

#[test]
fn the_tables_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let present =
        std::fs::read_to_string(root.join(PAGE)).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
    let flags: String = FLAGS.iter().map(row).collect();
    let mut metrics = String::new();
    reference::table(&mut metrics, Metrics::new().expect("metrics").descriptions().iter());
    let rows = metrics.trim_start().strip_prefix(METRICS).expect("a table with this head");
    let rendered = replaced(&replaced(&present, SETTINGS, &flags), METRICS, rows);
    reference::compare(&root, PAGE, &rendered, UPDATE_COMMAND)
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_list_has_every_metric_that_is_served() {
    let metrics = Metrics::new().expect("metrics");
    let text = metrics.text(&Figures::default(), 0).expect("metrics");
    reference::listed(&text, metrics.descriptions(), 14).unwrap_or_else(|error| panic!("{error}"));
}

/// The page with other rows beneath this head.
fn replaced(page: &str, head: &str, rows: &str) -> String {
    let (before, behind) = page.split_once(head).unwrap_or_else(|| panic!("{PAGE} lacks {head}"));
    let (_, after) = behind.split_once("\n\n").expect("a line behind the table");
    format!("{before}{head}{rows}\n{after}")
}

fn row(flag: &Flag) -> String {
    let many = if flag.many { " (more than once)" } else { "" };
    let default = match flag.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    // A bar would end the cell.
    let value = flag.value.replace('|', " or ");
    let help = reference::cell(flag.help);
    format!("| `--{} {value}`{many} | {default} | {help} |\n", flag.name)
}
