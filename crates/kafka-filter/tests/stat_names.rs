//! The labels that go into a stat's name come out again, by the shipped rules and by Istio's.
//!
//! Envoy's extraction is done here as Envoy does it: every rule searches the whole name, group 1 of each
//! match is cut out of it, group 2 is the label's value, and dots at the end of what remains are dropped.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use kafka_filter::metrics::catalog::{Label, Metric, PREFIX, REPORTER, Reporter};
use kafka_filter::metrics::name::{Value, write_stat_name, write_value};
use regex::Regex;

type Labels = BTreeMap<String, String>;

struct Rule {
    label: String,
    expression: Regex,
}

#[test]
fn the_shipped_rules_give_back_the_labels() {
    round_trip(&shipped_rules());
}

#[test]
fn istio_gives_back_the_labels_and_adds_none() {
    round_trip(&istio_rules());
}

/// Without escapes the values used here do add labels: the test above is able to fail.
#[test]
fn istio_adds_labels_to_what_is_not_escaped() {
    let rules = istio_rules();
    for (value, spurious) in [
        ("my-cache.x", "cache"),
        ("component.x.y", "component"),
        ("price-tag.v1", "tag"),
        ("wasm_filter.x", "wasm_filter"),
        ("rbac.allowed", "authz_enforce_result"),
        ("x.istio_dry_run_deny_", "authz_dry_run_action"),
        ("x.shadow_denied", "authz_dry_run_result"),
    ] {
        let name = format!("wasmcustom.{PREFIX}x_total.reporter=.=proxy;.;topic=.={value};.;");
        let (labels, _) = extract(&rules, &name);
        assert!(labels.contains_key(spurious), "{value}: {labels:?}");
    }
}

fn round_trip(rules: &[Rule]) {
    let values = values();
    let mut name = String::new();
    for metric in Metric::ALL {
        let definition = metric.definition();
        for (index, value) in values.iter().enumerate() {
            // Neighbours differ, so that a value that leaks into another label is seen.
            let own: Vec<Value<'_>> = (0..definition.labels.len())
                .map(|offset| Value::Peer(&values[(index + offset * 7) % values.len()]))
                .collect();
            write_stat_name(&mut name, *metric, Reporter::Destination, &own);
            let mut expected = Labels::from([(REPORTER.to_owned(), "destination".to_owned())]);
            for (label, value) in definition.labels.iter().zip(&own) {
                let mut written = String::new();
                write_value(&mut written, *value);
                assert!(!written.ends_with('.'), "Envoy would drop the dot of {written}");
                expected.insert(label.name().to_owned(), written);
            }
            let (labels, rest) = extract(rules, &format!("wasmcustom.{name}"));
            assert_eq!(labels, expected, "{name} with {value:?}");
            assert_eq!(rest, format!("wasmcustom.{PREFIX}{}", definition.name), "{name}");
        }
    }
}

fn extract(rules: &[Rule], name: &str) -> (Labels, String) {
    let mut labels = Labels::new();
    let mut keep = vec![true; name.len()];
    for rule in rules {
        let Some(found) = rule.expression.captures(name) else { continue };
        let cut = found.get(1).expect("group 1 is part of each rule");
        let value = found.get(2).expect("group 2 is part of each rule");
        labels.insert(rule.label.clone(), value.as_str().to_owned());
        keep[cut.range()].fill(false);
    }
    let rest: String = name
        .char_indices()
        .filter(|(position, _)| keep[*position])
        .map(|(_, character)| character)
        .collect();
    (labels, rest.trim_end_matches('.').to_owned())
}

/// Values by hand, and random ones of pieces that rules react to.
fn values() -> Vec<Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"a",
        b".",
        b"..",
        b";",
        b"=",
        b";.;",
        b"=.=",
        b"topic=.=x;.;",
        b"request=.=",
        b"error",
        b"cache.",
        b"component.",
        b"tag.",
        b"wasm_filter.",
        b"rbac",
        b".allowed",
        b".denied",
        b".shadow_allowed",
        b".istio_dry_run_deny_",
        b"_rq_200",
        b"-",
        b"%2E",
        b"\n",
        b"\0",
        b"\xFF",
        b"\xC3\xA9",
    ];
    let mut values: Vec<Vec<u8>> = PIECES.iter().map(|piece| piece.to_vec()).collect();
    values.push(Vec::new());
    values.push(vec![b'x'; 249]);
    values.push(b"cache.component.tag.wasm_filter.rbac.allowed.shadow_denied.".to_vec());
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..150 {
        let mut value = Vec::new();
        for _ in 0..5 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            value.extend_from_slice(PIECES[usize::try_from(seed >> 40).unwrap() % PIECES.len()]);
        }
        values.push(value);
    }
    values
}

/// The rules as they are shipped, read from the file.
fn shipped_rules() -> Vec<Rule> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy/stats-tags.yaml");
    let text = std::fs::read_to_string(&path).expect("envoy/stats-tags.yaml");
    let mut rules = Vec::new();
    let mut label = None;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("- tag_name: ") {
            label = Some(name.to_owned());
        } else if let Some(expression) = line.trim().strip_prefix("regex: '") {
            let expression = expression.strip_suffix('\'').expect("a quote at the end");
            rules.push(rule(&label.take().expect("tag_name stands before regex"), expression));
        }
    }
    assert_eq!(rules.len(), Label::ALL.len() + 1, "a rule for each label and for the reporter");
    rules
}

/// The rules of an Istio proxy whose `extraStatTags` are the catalog's labels, and its own that are not
/// anchored.
fn istio_rules() -> Vec<Rule> {
    let labels = std::iter::once(REPORTER).chain(Label::ALL.iter().map(|label| label.name()));
    let mut rules: Vec<Rule> =
        labels.map(|label| rule(label, &format!(r"({label}=\.=(.*?);\.;)"))).collect();
    for (label, expression) in [
        ("response_code", r"_rq(_(\d{3}))$"),
        ("response_code_class", r"_rq(_(\dxx))$"),
        ("cache", r"(cache\.(.+?)\.)"),
        ("component", r"(component\.(.+?)\.)"),
        ("tag", r"(tag\.(.+?);\.)"),
        ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
        ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
        ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
        ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
    ] {
        rules.push(rule(label, expression));
    }
    rules
}

fn rule(label: &str, expression: &str) -> Rule {
    let expression = Regex::new(expression).unwrap_or_else(|error| panic!("{label}: {error}"));
    Rule { label: label.to_owned(), expression }
}
