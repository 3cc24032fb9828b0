use super::{Filter, Meter};
use crate::config::Config;
use crate::fake_host::FakeHost;
use crate::host::Clock;
use crate::metrics::catalog::Reporter;
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
