//! The grammar word by word, and that no two values share a name.

use std::collections::HashMap;

use super::{
    NONE, OTHER, RESERVED, UNRESOLVED, VALUE_SIZE_MAX, Value, write_stat_name, write_value,
};
use crate::metrics::catalog::{Metric, Reporter};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn peer(bytes: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    write_value(&mut out, Value::Peer(bytes.as_ref()));
    out
}

#[test]
fn a_name_is_the_metric_then_the_labels_in_catalog_order() {
    let mut out = String::from("left from before");
    let values = [Value::Own("Produce"), Value::Number(13)];
    write_stat_name(&mut out, Metric::Requests, Reporter::Source, &values);
    assert_eq!(
        out,
        "kafka_filter_requests_total.reporter=.=source;.;request=.=Produce;.;api_version=.=13;.;"
    );

    write_stat_name(&mut out, Metric::ConnectionsActive, Reporter::Proxy, &[]);
    assert_eq!(out, "kafka_filter_connections_active.reporter=.=proxy;.;");

    let values = [Value::Peer(b"orders.eu-1"), Value::ApiKey(113), Value::ErrorCode(-7)];
    write_stat_name(&mut out, Metric::TopicErrors, Reporter::Destination, &values);
    assert_eq!(
        out,
        "kafka_filter_topic_errors_total.reporter=.=destination;.;topic=.=orders.eu-1;.;\
         request=.=api_key_113;.;error=.=error_code_-7;.;"
    );
}

#[test]
fn missing_values_read_none_and_surplus_ones_are_left_out() {
    let mut out = String::new();
    write_stat_name(&mut out, Metric::Requests, Reporter::Proxy, &[Value::Own("Fetch")]);
    assert!(out.ends_with(";.;request=.=Fetch;.;api_version=.=__none__;.;"), "{out}");
    write_stat_name(
        &mut out,
        Metric::Responses,
        Reporter::Proxy,
        &[Value::Own("A"), Value::Own("B")],
    );
    assert!(out.ends_with("proxy;.;request=.=A;.;"), "{out}");
}

#[test]
fn ordinary_topic_names_stay_as_they_are() {
    for name in [
        "orders",
        "orders.eu-1",
        "a.b.c",
        "..a",
        "a..b",
        "_schemas",
        "__consumer_offsets",
        "__other",
        "cache",
        "cached.x",
        "tags.x",
        "rbac.x",
        "Component.x",
        "shadow_allowed",
        "0123456789-ABCDEF_xyz",
        &"x".repeat(249),
    ] {
        assert_eq!(peer(name), name);
    }
    assert_eq!(peer("заказы"), "заказы");
}

#[test]
fn what_breaks_a_name_is_escaped() {
    for (value, written) in [
        ("a;b", "a%3Bb"),
        ("a=b", "a%3Db"),
        ("50%", "50%25"),
        ("a%3Bb", "a%253Bb"),
        ("a\nb\0", "a%0Ab%00"),
        ("a\u{7f}\u{85}b", "a%7F%C2%85b"),
        ("a.", "a%2E"),
        ("a..", "a.%2E"),
        (".", "%2E"),
        ("component.x.y", "component%2Ex.y"),
        ("my-cache.events", "my-cache%2Eevents"),
        ("price-tag.v1", "price-tag%2Ev1"),
        ("wasm_filter.x", "wasm_filter%2Ex"),
        ("rbac.allowed", "rbac%2Eallowed"),
        ("rbac.denied.x", "rbac%2Edenied.x"),
        ("x.shadow_denied", "x%2Eshadow_denied"),
        ("x.istio_dry_run_allow_y", "x%2Eistio_dry_run_allow_y"),
    ] {
        assert_eq!(peer(value), written);
    }
    assert_eq!(peer(b"a\xFFb\xC3"), "a%FFb%C3");
}

#[test]
fn reserved_values_cannot_be_made_by_a_peer() {
    assert_eq!(peer(""), NONE);
    assert_eq!(peer("x".repeat(VALUE_SIZE_MAX)), "x".repeat(VALUE_SIZE_MAX));
    assert_eq!(peer("x".repeat(VALUE_SIZE_MAX + 1)), OTHER);
    assert_eq!(peer("__other__"), "%5F_other__");
    assert_eq!(peer("__none__"), "%5F_none__");
    assert_eq!(peer("__unresolved__"), "%5F_unresolved__");
    for word in [OTHER, NONE, UNRESOLVED] {
        assert!(RESERVED.contains(&word));
    }
}

/// Random values from pieces that are chosen to collide, each decoded again and each name unique.
#[test]
fn distinct_values_give_distinct_names() {
    const PIECES: &[&[u8]] = &[
        b"",
        b"a",
        b".",
        b"..",
        b";",
        b"=",
        b"%",
        b"%2E",
        b"%3B",
        b";.;",
        b"=.=",
        b"cache",
        b"component",
        b"tag",
        b"wasm_filter",
        b"rbac",
        b"allowed",
        b"shadow_denied",
        b"_",
        b"__other__",
        b"\n",
        b"\0",
        b"\xFF",
        b"\xC3",
        b"\xA9",
        b"\xC2\x80",
        b"2E",
        b"\xE2\x82\xAC",
    ];
    let mut written: HashMap<String, Vec<u8>> = HashMap::new();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..100_000 {
        let mut value = Vec::new();
        for _ in 0..6 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let piece = usize::try_from(seed >> 40).unwrap() % PIECES.len();
            value.extend_from_slice(PIECES[piece]);
        }
        if value.is_empty() {
            continue;
        }
        let name = peer(&value);
        assert_eq!(percent_decoded(&name), value, "{name}");
        assert!(!RESERVED.contains(&name.as_str()), "{name}");
        let first = written.entry(name).or_insert_with(|| value.clone());
        assert_eq!(*first, value, "two values share a name");
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let digits = std::str::from_utf8(&rest[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    bytes
}
