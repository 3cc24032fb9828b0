//! Lists of patterns and rules: where each goes, and that a refusal names the place in the list.

use crate::config::{Config, PATTERNS_MAX};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn refusal(text: &str) -> String {
    Config::parse(text.as_bytes()).expect_err(text).to_string()
}

fn client_id(members: &str) -> String {
    format!("{{\"labels\": {{\"client_id\": {{{members}}}}}}}")
}

#[test]
fn every_list_reaches_its_own_label() {
    let text = r#"{"labels": {
        "topic": {"allow": ["topic-a", "topic-b"], "deny": ["topic-b"]},
        "client_id": {"allow": ["client-a", "client-b"], "deny": ["client-b"]},
        "group": {"allow": ["group-a", "group-b"], "deny": ["group-b"]},
        "software": {"allow": ["software-a", "software-b"], "deny": ["software-b"]}
    }}"#;
    let patterns = Config::parse(text.as_bytes()).unwrap().patterns;
    for (name, set) in [
        ("topic", &patterns.topic),
        ("client", &patterns.client_id),
        ("group", &patterns.group),
        ("software", &patterns.software),
    ] {
        let admits = |which: &str| set.admits(format!("{name}-{which}").as_bytes());
        assert_eq!([admits("a"), admits("b"), admits("c")], [true, false, false], "{name}");
    }
}

#[test]
fn rules_are_taken_in_their_order() {
    let text = client_id(
        r#""rewrite": [
            {"match": "consumer-(.+)-[0-9]+", "replace": "$1"},
            {"replace": "${app}", "match": "(?P<app>.+)-[0-9a-f]{8,10}-[0-9a-z]{5}"}
        ]"#,
    );
    let rewrites = Config::parse(text.as_bytes()).unwrap().rewrites;
    assert_eq!(&*rewrites.apply(b"consumer-billing-3"), b"billing");
    assert_eq!(&*rewrites.apply(b"shop-7d9f8b6c5d-x2x4z"), b"shop");
    assert_eq!(&*rewrites.apply(b"shop"), b"shop");
}

#[test]
fn patterns_are_refused_where_the_host_gives_no_random_bytes() {
    let refused = |text: &str| Config::parse_where(text.as_bytes(), || false);
    for name in ["allow", "deny", "rewrite"] {
        let message = refused(&client_id(&format!("\"{name}\": []"))).unwrap_err().to_string();
        let expected = format!(
            "configuration: `labels.client_id.{name}`: patterns need random bytes, which the host \
             refuses; add `random_get` to `allowed_capabilities` of the plugin, or remove the patterns"
        );
        assert_eq!(message, expected);
    }
    assert_eq!(refused(&client_id(r#""values_max": 200"#)).unwrap(), Config::default());
}

#[test]
fn an_empty_list_is_the_default() {
    let text = client_id(r#""allow": [], "deny": [], "rewrite": []"#);
    assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
}

#[test]
fn a_list_ends_where_the_documentation_says() {
    let patterns = |count| format!("[{}]", vec![r#""a""#; count].join(","));
    let rules = |count| format!("[{}]", vec![r#"{"match": "a", "replace": "b"}"#; count].join(","));
    for (name, longest, longer) in [
        ("allow", patterns(PATTERNS_MAX), patterns(PATTERNS_MAX + 1)),
        ("deny", patterns(PATTERNS_MAX), patterns(PATTERNS_MAX + 1)),
        ("rewrite", rules(PATTERNS_MAX), rules(PATTERNS_MAX + 1)),
    ] {
        assert!(Config::parse(client_id(&format!("\"{name}\": {longest}")).as_bytes()).is_ok());
        let message = refusal(&client_id(&format!("\"{name}\": {longer}")));
        let start = format!(
            "configuration: `labels.client_id.{name}`: 33 are more than 32; write an array of up to 32 "
        );
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn refusals_name_the_place_in_the_list() {
    const PATTERN: &str =
        "write a regular expression that matches the whole value, such as \"orders-.*\"";
    const REPLACE: &str = "write a text in which $1, ${1} or ${name} stands for a group of `match`, and $$ \
                           for a dollar sign";
    const RULE: &str = "write {\"match\": \"consumer-(.+)-[0-9]+\", \"replace\": \"$1\"}";
    for (members, path, problem, remedy) in [
        (
            r#""allow": "a""#,
            "allow",
            "a string stands where an array belongs",
            "write an array of up to 32 regular expressions (default [])",
        ),
        (
            r#""rewrite": {}"#,
            "rewrite",
            "an object stands where an array belongs",
            "write an array of up to 32 rules such as {\"match\": \"consumer-(.+)-[0-9]+\", \"replace\": \"$1\"} \
             (default [])",
        ),
        (r#""allow": ["a", 1]"#, "allow[1]", "a number stands where a string belongs", PATTERN),
        (
            r#""deny": ["a", "b", "c["]"#,
            "deny[2]",
            "\"c[\" is no regular expression: found unclosed character class",
            PATTERN,
        ),
        (
            r#""rewrite": [{"match": "a", "replace": "b"}, {"match": "(a", "replace": "b"}]"#,
            "rewrite[1].match",
            "\"(a\" is no regular expression: found open group without closing ')'",
            PATTERN,
        ),
        (
            r#""rewrite": [{"match": true, "replace": "b"}]"#,
            "rewrite[0].match",
            "a boolean stands where a string belongs",
            PATTERN,
        ),
        (
            r#""rewrite": [{"match": "(a)", "replace": "$2"}]"#,
            "rewrite[0].replace",
            "`$2` is no group of the pattern, which has 1",
            REPLACE,
        ),
        (
            r#""rewrite": [{"match": "(a)", "replace": null}]"#,
            "rewrite[0].replace",
            "null stands where a string belongs",
            REPLACE,
        ),
        (r#""rewrite": ["a"]"#, "rewrite[0]", "a string stands where an object belongs", RULE),
        (r#""rewrite": [{"match": "a"}]"#, "rewrite[0]", "\"replace\" is missing", RULE),
        (r#""rewrite": [{"replace": "a"}]"#, "rewrite[0]", "\"match\" is missing", RULE),
        (
            r#""rewrite": [{"match": "a", "with": "b"}]"#,
            "rewrite[0].with",
            "no such key",
            "remove it; the keys here are \"match\", \"replace\"",
        ),
    ] {
        let message = refusal(&client_id(members));
        assert_eq!(
            message,
            format!("configuration: `labels.client_id.{path}`: {problem}; {remedy}")
        );
    }
    let message = refusal(&client_id(r#""deny": ["\d"]"#));
    assert!(message.starts_with("configuration: not JSON: invalid escape"), "{message}");
}
