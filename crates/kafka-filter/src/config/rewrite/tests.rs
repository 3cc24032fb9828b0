//! Which rule counts, what it makes of a value, and how long that may be.

use std::borrow::Cow;

use super::{Pattern, Replacement, Rewrites, Rule, VALUE_SIZE_MAX};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rewrites(rules: &[(&str, &str)]) -> Rewrites {
    let rule = |(source, replacement): &(&str, &str)| {
        let pattern = Pattern::new(source).unwrap();
        let replacement = Replacement::new(replacement, &pattern).unwrap();
        Rule::new(pattern, replacement)
    };
    Rewrites::new(rules.iter().map(rule).collect())
}

fn rewritten(rules: &[(&str, &str)], value: &str) -> String {
    String::from_utf8(rewrites(rules).apply(value.as_bytes()).into_owned()).unwrap()
}

#[test]
fn the_first_rule_that_matches_the_whole_value_counts() {
    let rules = [
        ("consumer-(.+)-[0-9]+", "$1"),
        ("(.+)-[0-9]+", "numbered"),
        ("consumer-.*", "never first"),
    ];
    assert_eq!(rewritten(&rules, "consumer-billing-7"), "billing");
    assert_eq!(rewritten(&rules, "producer-7"), "numbered");
    assert_eq!(rewritten(&rules, "consumer-billing"), "never first");
    assert_eq!(rewritten(&rules, "billing"), "billing");
    assert_eq!(rewritten(&rules, "numbered"), "numbered", "no rule is applied to what a rule made");
    assert_eq!(rewritten(&[], "consumer-billing-7"), "consumer-billing-7");
}

#[test]
fn what_no_rule_matches_is_not_copied() {
    for rules in [rewrites(&[]), rewrites(&[("a", "b")])] {
        assert!(matches!(rules.apply(b"x\xFF"), Cow::Borrowed(b"x\xFF")));
    }
}

#[test]
fn groups_stand_by_number_and_by_name() {
    let source = "(?P<app>[a-z]+)-([a-z]+)(-x)?";
    for (replacement, expected) in [
        ("$1", "web"),
        ("${1}", "web"),
        ("$app", "web"),
        ("${app}", "web"),
        ("${app}s", "webs"),
        ("$2.$1", "eu.web"),
        ("$1-$2", "web-eu"),
        ("$0", "web-eu"),
        ("[$3]", "[]"),
        ("$$1", "$1"),
        ("$$$1", "$web"),
        ("$$", "$"),
        ("100$$", "100$"),
        ("fixed", "fixed"),
        ("", ""),
        ("\u{FC}$1\u{FC}", "\u{FC}web\u{FC}"),
    ] {
        assert_eq!(rewritten(&[(source, replacement)], "web-eu"), expected, "{replacement}");
    }
}

#[test]
fn a_replacement_names_groups_that_there_are() {
    let pattern = Pattern::new("(?P<app>a)(b)").unwrap();
    let long = "a".repeat(VALUE_SIZE_MAX + 1);
    let alone = "a `$` stands alone: it is written `$$`, a group `$1` or `${name}`";
    for (replacement, problem) in [
        ("$3", "`$3` is no group of the pattern, which has 2"),
        ("$1a", "`$1a` is no group of the pattern, which has 2"),
        ("$name", "`$name` is no group of the pattern, which has 2"),
        ("${app }", "`$app ` is no group of the pattern, which has 2"),
        (
            "$99999999999999999999",
            "`$99999999999999999999` is no group of the pattern, which has 2",
        ),
        ("a$", alone),
        ("$-", alone),
        ("${", alone),
        ("${}", alone),
        ("${1", alone),
        (&long, "256 bytes are more than the 255 of a value"),
    ] {
        assert_eq!(Replacement::new(replacement, &pattern).unwrap_err(), problem, "{replacement}");
    }
}

#[test]
fn what_comes_out_is_no_longer_than_a_value() {
    let longest = "a".repeat(VALUE_SIZE_MAX);
    assert_eq!(rewritten(&[("(.*)", "$1$1$1")], &longest), longest);
    assert_eq!(rewritten(&[("(.*)", "x$1")], &longest), format!("x{}", "a".repeat(254)));
    // Cut between characters: 127 of two bytes fit, and nothing follows the cut.
    let wide = "\u{FC}".repeat(100);
    assert_eq!(rewritten(&[("(.*)", "$1$1-")], &wide), "\u{FC}".repeat(127));
    let full = "$0".repeat(127);
    assert_eq!(rewritten(&[(".*", &full)], "aaa"), longest);
}

#[test]
fn long_values_reach_no_rule() {
    let longer = [b'a'; VALUE_SIZE_MAX + 1];
    assert!(matches!(rewrites(&[(".*", "x")]).apply(&longer), Cow::Borrowed(_)));
}

#[test]
fn bytes_that_are_no_text_come_out_as_the_replacement_character() {
    let rules = rewrites(&[("(.+)-[0-9]+", "$1")]);
    assert_eq!(&*rules.apply(b"a\xFFb-1"), "a\u{FFFD}b".as_bytes());
    // Three bytes for one: the bound is that of what comes out.
    let bytes = [0xFF; VALUE_SIZE_MAX];
    assert_eq!(&*rewrites(&[("(.+)", "$1")]).apply(&bytes), "\u{FFFD}".repeat(85).as_bytes());
}

#[cfg(not(target_family = "wasm"))]
mod beside_another_engine {
    use proptest::prelude::*;

    use super::super::VALUE_SIZE_MAX;

    const PATTERNS: &[&str] = &[
        "(.*)",
        "(?P<n>[a-c]*)(.*)",
        "(.+)-([0-9]+)",
        "(?:(a)|(b))(.*)",
        "(.)(.*)(.)",
        "((a|ab)(c|bcd)?)(.*)",
        "(.*?)-(.*)",
    ];

    /// A pattern, and a replacement that names groups of it.
    fn rule() -> impl Strategy<Value = (&'static str, String)> {
        let parts = vec!["${0}", "$1-", "${1}", "${n}", "$$", "x", "-", "\u{20AC}"];
        let part = prop::sample::select(parts);
        let replacement = prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat());
        (prop::sample::select(PATTERNS), replacement).prop_map(|(source, replacement)| {
            let named = source.contains("<n>");
            (source, if named { replacement } else { replacement.replace("${n}", "${1}") })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// The full engine expands the same text; what is kept of it is its start, and all that fits.
        #[test]
        fn both_make_the_same_of_a_value(
            (source, replacement) in rule(),
            value in prop_oneof!["[abcd0-9\u{FC}-]{0,40}", "[a\u{20AC}]{60,85}"],
        ) {
            let other = regex::Regex::new(&format!(r"\A(?s:{source})\z")).unwrap();
            let mut expected = value.clone();
            if let Some(captures) = other.captures(&value) {
                expected.clear();
                captures.expand(&replacement, &mut expected);
            }
            let actual = super::rewritten(&[(source, &replacement)], &value);
            let cut = expected.strip_prefix(&actual).expect("the start of what is expected");
            prop_assert!(actual.len() <= VALUE_SIZE_MAX);
            if let Some(next) = cut.chars().next() {
                prop_assert!(actual.len().saturating_add(next.len_utf8()) > VALUE_SIZE_MAX);
            }
        }

        /// Whatever the value is.
        #[test]
        fn no_value_makes_it_longer(
            (source, replacement) in rule(),
            value in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let rules = super::rewrites(&[(source, &replacement)]);
            let actual = rules.apply(&value);
            if value.len() > VALUE_SIZE_MAX {
                prop_assert_eq!(&*actual, value.as_slice());
            } else {
                prop_assert!(actual.len() <= VALUE_SIZE_MAX);
            }
        }
    }
}
