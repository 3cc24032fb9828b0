//! The table of keys in docs/configuration.md.

use std::fmt::Write as _;

use kafka_filter::config::KEYS;

/// One row for each key.
pub(crate) fn table() -> String {
    let mut out = String::from("\n| key | default | accepts | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        writeln!(
            out,
            "| `{}` | `{}` | {} | {} |",
            key.path,
            key.default_text(),
            key.accepts(),
            key.help
        )
        .expect("a String takes everything");
    }
    out.push('\n');
    out
}
