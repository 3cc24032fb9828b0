//! What a pattern matches, what it may not be, and that no value makes it slow.

use super::{PATTERN_SIZE_MAX, Pattern, PatternSet, VALUE_SIZE_MAX};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn set(allow: &[&str], deny: &[&str]) -> PatternSet {
    let patterns =
        |sources: &[&str]| sources.iter().map(|source| Pattern::new(source).unwrap()).collect();
    PatternSet { allow: patterns(allow), deny: patterns(deny) }
}

fn matches(source: &str, value: &[u8]) -> bool {
    set(&[source], &[]).admits(value)
}

#[test]
fn a_pattern_matches_the_whole_value() {
    for (source, whole, not) in [
        ("orders", &["orders"] as &[_], &["orders-eu", "eu-orders", "order", ""] as &[_]),
        ("orders|orders-eu", &["orders", "orders-eu"], &["orders-eu-1", "xorders"]),
        ("a|b", &["a", "b"], &["ab", "ax", "xb"]),
        ("orders-.*", &["orders-", "orders-eu"], &["orders", "x-orders-eu"]),
        ("^orders$", &["orders"], &["orders-eu"]),
        ("(?m)^a$", &["a"], &["a\nb", "b\na"]),
        ("(?i)orders", &["ORDERS"], &["ORDERS-EU"]),
        ("(?x) a b # both\n", &["ab"], &["a b", "abc"]),
        ("", &[""], &["a"]),
        ("consumer-(.+)-[0-9]+", &["consumer-billing-12"], &["consumer-billing", "consumer--1x"]),
        (
            ".*-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            &["app-12345678-1234-abcd-90ef-0123456789ab"],
            &["app-1234"],
        ),
    ] {
        for value in whole {
            assert!(matches(source, value.as_bytes()), "{source:?} does not match {value:?}");
        }
        for value in not {
            assert!(!matches(source, value.as_bytes()), "{source:?} matches {value:?}");
        }
    }
}

#[test]
fn what_is_empty_admits_all_and_deny_wins() {
    assert!(set(&[], &[]).admits(b"anything"));
    let denying = set(&[], &["tmp-.*", "test"]);
    assert!(denying.admits(b"orders"));
    assert!(!denying.admits(b"tmp-1"));
    assert!(!denying.admits(b"test"));
    let both = set(&["orders.*", "payments"], &[".*-tmp"]);
    assert!(both.admits(b"orders-eu"));
    assert!(both.admits(b"payments"));
    assert!(!both.admits(b"orders-tmp"), "deny wins");
    assert!(!both.admits(b"invoices"), "not on the list");
}

#[test]
fn bytes_that_are_no_text_take_no_value_past_a_deny() {
    let denying = set(&[], &[".*secret.*", "a.b"]);
    assert!(!denying.admits(b"\xFFsecret\xC3"));
    assert!(!denying.admits(b"a\xFFb"), "one character for what is no UTF-8");
    assert!(!denying.admits("a\u{FC}b".as_bytes()), "a character, not a byte");
    assert!(!denying.admits(b"line\nsecret\r\nline"), "a line break is a character");
    assert!(!set(&["orders"], &[]).admits(b"orders\xFF"));
    assert!(set(&["orders\u{FFFD}"], &[]).admits(b"orders\xFF"));
}

#[test]
fn long_values_reach_no_pattern() {
    let (longest, longer) = (vec![b'a'; VALUE_SIZE_MAX], vec![b'a'; VALUE_SIZE_MAX + 1]);
    for patterns in [set(&["a*"], &[]), set(&[], &["b"]), set(&["a*"], &["b"])] {
        assert!(patterns.admits(&longest), "{patterns:?}");
        assert!(!patterns.admits(&longer), "{patterns:?}");
    }
    assert!(set(&[], &[]).admits(&longer), "without a pattern nothing is matched");
}

#[test]
fn what_is_no_pattern_is_refused_with_a_reason_on_one_line() {
    let long = "a".repeat(PATTERN_SIZE_MAX + 1);
    for (source, reason) in [
        ("a(", r#""a(" is no regular expression: found open group without closing ')'"#),
        (
            "a)|(?:b",
            r#""a)|(?:b" is no regular expression: found closing ')' without matching '('"#,
        ),
        ("(?=a)", r#""(?=a)" is no regular expression: look-around is not supported"#),
        (r"(a)\1", r#""(a)\\1" is no regular expression: backreferences are not supported"#),
        ("[z-a]", r#""[z-a]" is no regular expression: invalid range in character class"#),
        (r"\pL", r#""\\pL" is no regular expression: Unicode character classes are not supported"#),
        (
            "(?x)a # says",
            "\"(?x)a # says\" does not work inside a group: found open group without closing ')'",
        ),
        (
            "(((a{100}){100}){100}){100}",
            "\"(((a{100}){100}){100}){100}\" is no regular expression: compiled regex exceeded size limit",
        ),
        (
            "(?:){4294967295}",
            "\"(?:){4294967295}\" is no regular expression: compiled regex exceeded size limit",
        ),
        ("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)", "10 groups are more than the 9 of a pattern"),
        (&long, "257 bytes are more than the 256 of a pattern"),
    ] {
        assert_eq!(Pattern::new(source).unwrap_err(), reason, "{source:?}");
    }
    assert!(Pattern::new(&"(?:".repeat(80)).unwrap_err().contains("is no regular expression"));
    let nested = format!("{}a{}", "(?:".repeat(60), ")".repeat(60));
    assert!(Pattern::new(&nested).unwrap_err().ends_with("pattern has too much nesting"));
}

#[test]
fn a_useful_pattern_is_not_too_large() {
    for source in [
        "[A-Za-z0-9._-]{1,249}",
        ".{0,255}",
        "(?i)[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "(a)(b)(c)(d)(e)(f)(g)(h)(i)",
        &"a".repeat(PATTERN_SIZE_MAX),
    ] {
        Pattern::new(source).unwrap();
    }
}

/// A machine that backtracks would need up to 2^255 steps for these: that the test ends at all is
/// what it asserts, beside the answers.
#[test]
fn no_pattern_backtracks() {
    let near = [b"a".repeat(VALUE_SIZE_MAX - 1).as_slice(), b"!"].concat();
    for source in [
        "(a+)+",
        "(a+)+$",
        "((a*)*)*",
        "(a|aa)+",
        "(a|a?)+",
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
        "(?:a?){120}(?:a){120}",
        "(?:(?:a+)+)+b",
    ] {
        assert!(!matches(source, &near), "{source}");
    }
    assert!(matches("(a+)+", &b"a".repeat(VALUE_SIZE_MAX)));
    assert!(matches("(?:a?){120}(?:a){120}", &b"a".repeat(240)));
    assert!(!matches("(?:a?){120}(?:a){120}", &b"a".repeat(241)));
}

#[cfg(not(target_family = "wasm"))]
mod beside_another_engine {
    use proptest::prelude::*;

    use super::super::Pattern;

    /// Pieces of the syntax that both engines understand alike.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "a", "b", "-", ".", "[ab]", "[^a]", "[0-9]", "^", "$", "\u{FC}",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join("|")),
                (inner.clone(), prop::sample::select(vec!["*", "+", "?", "{2}", "{0,3}", "*?"]))
                    .prop_map(|(inner, times)| format!("(?:{inner}){times}")),
                inner.prop_map(|inner| format!("(?:{inner})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// The search of the full engine, over a span that must be the whole value.
        #[test]
        fn both_match_the_same_values(source in pattern(), value in "[ab0\n\u{FC}-]{0,12}") {
            let Ok(pattern) = Pattern::new(&source) else {
                prop_assert!(source.len() > super::PATTERN_SIZE_MAX, "{source} is refused");
                return Ok(());
            };
            let other = regex::RegexBuilder::new(&format!(r"\A(?:{source})\z"))
                .dot_matches_new_line(true)
                .build()
                .unwrap();
            prop_assert_eq!(pattern.matches(&value), other.is_match(&value), "{} on {:?}", source, value);
        }
    }
}
