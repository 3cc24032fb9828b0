//! Stat names: a metric and its label values written as one string from which Envoy's tag rules take the
//! labels back.
//!
//! The proxy-wasm ABI knows no labels, so they travel in the name, in the grammar that Istio's own filters
//! used: `kafka_filter_requests_total.reporter=.=source;.;request=.=Produce;.;api_version=.=13;.;`. Two
//! rules hold for any bytes a peer may send: different values give different names, and the rules of
//! `envoy/stats-tags.yaml`, of Istio's `extraStatTags` and of Istio's own, unanchored tags give back these
//! labels and no others.
//!
//! What a value may not contain is written as `%` and two hexadecimal digits, like in a URL. Letters,
//! digits, `_`, `-` and nearly every `.` stay, and so does other printable UTF-8.

use core::fmt::Write as _;

use super::catalog::{Metric, PREFIX, REPORTER, Reporter};

/// The value for what is over a label's cap, or longer than [`VALUE_SIZE_MAX`].
pub const OTHER: &str = "__other__";

/// The value for what is null or empty.
pub const NONE: &str = "__none__";

/// The value for a topic id whose name no broker has told yet.
pub const UNRESOLVED: &str = "__unresolved__";

/// Values that no peer can produce: a topic that is called so is escaped.
pub const RESERVED: &[&str] = &[OTHER, NONE, UNRESOLVED];

/// The longest value of a peer that is written, in bytes before escaping; Kafka's longest topic name has
/// 249.
///
/// Envoy keeps each name for good, so the length of what a peer sends is bounded here for all labels at
/// once.
pub const VALUE_SIZE_MAX: usize = 255;

/// A value of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A word of this program: an API's name, an error's, a reason, a reserved value. Written as it is.
    Own(&'a str),
    /// What a peer sent, escaped; empty reads [`NONE`], too long reads [`OTHER`].
    Peer(&'a [u8]),
    /// A number in decimal.
    Number(i64),
    /// An API key without a name: `api_key_113`.
    ApiKey(i16),
    /// An error code without a name: `error_code_250`.
    ErrorCode(i16),
}

/// Writes the stat name of `metric` with these labels into `out`, whose former contents go.
///
/// `values` stand in the order of the metric's labels in the catalog. A missing one reads [`NONE`] and a
/// surplus one is left out, so that a name always has exactly the labels of its metric.
pub fn write_stat_name(out: &mut String, metric: Metric, reporter: Reporter, values: &[Value<'_>]) {
    let definition = metric.definition();
    out.clear();
    out.push_str(PREFIX);
    out.push_str(definition.name);
    out.push('.');
    write_label(out, REPORTER, Value::Own(reporter.as_str()));
    let mut values = values.iter();
    for label in definition.labels {
        let value = values.next().copied().unwrap_or(Value::Own(NONE));
        write_label(out, label.name(), value);
    }
}

fn write_label(out: &mut String, label: &str, value: Value<'_>) {
    out.push_str(label);
    out.push_str("=.=");
    write_value(out, value);
    out.push_str(";.;");
}

/// Appends one value as it stands in a stat name, and so in Prometheus.
pub fn write_value(out: &mut String, value: Value<'_>) {
    // Writing to a String cannot fail, so the results say nothing.
    let _ = match value {
        Value::Own(word) => out.write_str(word),
        Value::Number(number) => write!(out, "{number}"),
        Value::ApiKey(key) => write!(out, "api_key_{key}"),
        Value::ErrorCode(code) => write!(out, "error_code_{code}"),
        Value::Peer([]) => out.write_str(NONE),
        Value::Peer(bytes) if bytes.len() > VALUE_SIZE_MAX => out.write_str(OTHER),
        Value::Peer(bytes) => {
            escape(out, bytes);
            Ok(())
        }
    };
}

fn escape(out: &mut String, bytes: &[u8]) {
    let mut position = 0_usize;
    let is_reserved = RESERVED.iter().any(|word| word.as_bytes() == bytes);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let plain = match character {
                ';' | '=' | '%' => false,
                '.' => !is_dot_escaped(bytes, position),
                '_' => !(is_reserved && position == 0),
                other => !other.is_control(),
            };
            if plain {
                out.push(character);
            } else {
                let mut utf8 = [0; 4];
                escape_bytes(out, character.encode_utf8(&mut utf8).as_bytes());
            }
            position = position.saturating_add(character.len_utf8());
        }
        escape_bytes(out, chunk.invalid());
        position = position.saturating_add(chunk.invalid().len());
    }
}

fn escape_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "%{byte:02X}");
    }
}

/// Whether the dot at `position` would be lost or would make a label that the filter did not write.
fn is_dot_escaped(bytes: &[u8], position: usize) -> bool {
    let before = bytes.get(..position).unwrap_or_default();
    let after = bytes.get(position.saturating_add(1)..).unwrap_or_default();
    // Envoy drops dots at the end of a tag's value: topics `a` and `a.` would become one series.
    after.is_empty()
        || TAG_WORDS_BEFORE_DOT.iter().any(|word| before.ends_with(word.as_bytes()))
        || TAG_WORDS_AFTER_DOT.iter().any(|word| after.starts_with(word.as_bytes()))
        || (before.ends_with(b"rbac")
            && [b"allowed".as_slice(), b"denied"].iter().any(|word| after.starts_with(word)))
}

/// `cache.x.`, `component.x.`, `tag.x;.` and `wasm_filter.x.`, anywhere in a name, are labels to Istio's
/// proxies.
const TAG_WORDS_BEFORE_DOT: &[&str] = &["cache", "component", "tag", "wasm_filter"];

/// So are `.shadow_allowed` and its like, from the dry run of an authorization policy.
const TAG_WORDS_AFTER_DOT: &[&str] =
    &["shadow_allowed", "shadow_denied", "istio_dry_run_allow_", "istio_dry_run_deny_"];

#[cfg(test)]
mod tests;
