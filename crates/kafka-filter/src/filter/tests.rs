use super::{Filter, Meter};
use crate::config::Config;
use crate::fake_host::FakeHost;
use crate::host::Clock;
use crate::metrics::catalog::Reporter;
use crate::metrics::series::Party;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn admit(filter: &mut Filter, host: &mut FakeHost, name: &str) {
    Meter { filter, host, reporter: Reporter::Proxy }.admit_topic(name.as_bytes());
}

#[test]
fn a_gauge_that_workers_set_in_the_wrong_order_is_right_after_a_tick() {
    let mut host = FakeHost::default();
    let mut early = Filter::new(Config::default(), "root");
    let mut late = Filter::new(Config::default(), "root");
    admit(&mut early, &mut host, "orders");
    admit(&mut late, &mut host, "audit");
    late.settle(&mut host);
    early.settle(&mut host);
    assert_eq!(host.total("label_values"), 1, "the order that this test is about");
    early.on_tick(&mut host, Clock { monotonic_ns: 0, unix_ms: 0 });
    assert_eq!(host.total("label_values"), 2);
}

/// Each client id is matched with patterns, and a client may send another one with each request.
#[test]
fn a_second_has_patterns_matched_so_many_times_and_no_more() {
    let config = br#"{"labels": {"client_id": {"rewrite": [{"match": ".*", "replace": "all"}]}}}"#;
    let mut host = FakeHost::default();
    let mut filter = Filter::new(Config::parse(config).unwrap(), "root");
    let mut resolved = 0;
    while resolved < 100_000 && client(&mut filter, &mut host, resolved).is_some() {
        resolved += 1;
    }
    assert!((1_000..10_000).contains(&resolved), "{resolved} in one second");
    filter.on_tick(&mut host, Clock { monotonic_ns: 1_000_000_000, unix_ms: 0 });
    assert_eq!(client(&mut filter, &mut host, resolved), Some(Party::admitted(0)));
    assert_eq!(host.value("label_values_overflowed_total{label=client_id}"), 1);
}

fn client(filter: &mut Filter, host: &mut FakeHost, number: u32) -> Option<Party> {
    let id = format!("client-{number}");
    Meter { filter, host, reporter: Reporter::Proxy }.client(id.as_bytes())
}
