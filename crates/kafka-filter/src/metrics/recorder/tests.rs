use super::{MERGED_MAX, Recorder, SAMPLES_MAX};
use crate::config::Config;
use crate::fake_host::FakeHost;
use crate::metrics::cardinality::{Admission, Labels};
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::series::{Party, Request, Series};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct Bench {
    recorder: Recorder,
    labels: Labels,
    host: FakeHost,
}

impl Bench {
    fn new() -> Self {
        Self {
            recorder: Recorder::default(),
            labels: Labels::new(&Config::default(), "root"),
            host: FakeHost::default(),
        }
    }

    fn record(&mut self, series: Series, value: u64) {
        self.recorder.record(&mut self.host, &mut self.labels, series, value);
    }

    fn flush(&mut self, definitions_max: u32) {
        self.recorder.flush(&mut self.host, &mut self.labels, definitions_max);
    }
}

fn of(metric: Metric) -> Series {
    Series::new(metric, Reporter::Proxy)
}

fn duration(api_key: i16) -> Series {
    of(Metric::RequestDuration).request(Request::known(api_key))
}

#[test]
fn counts_reach_the_host_when_flushed() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.recorder.add(of(Metric::ConnectionsOpened), 2);
    }
    assert_eq!(bench.host.value("connections_opened_total"), 0);
    bench.flush(10);
    assert_eq!(bench.host.value("connections_opened_total"), 6);
    bench.flush(10);
    assert_eq!(bench.host.value("connections_opened_total"), 6, "once");
}

#[test]
fn a_gauge_that_returned_moves_nothing() {
    let mut bench = Bench::new();
    let gauge = of(Metric::RequestsInFlight);
    for amount in [1, -1, 1, -1, 1] {
        bench.recorder.add(gauge, amount);
    }
    bench.flush(10);
    assert_eq!(bench.host.value("requests_in_flight"), 1);
    bench.recorder.add(gauge, -1);
    bench.flush(10);
    assert_eq!(bench.host.value("requests_in_flight"), 0);
    assert!(bench.recorder.dirty.is_empty());
}

#[test]
fn nothing_is_defined_for_nothing() {
    let mut bench = Bench::new();
    bench.recorder.add(of(Metric::ThrottleTime), 0);
    bench.flush(10);
    assert_eq!(bench.host.names().count(), 0);
}

/// A callback defines so many series; the rest keeps its counts and comes later.
#[test]
fn what_does_not_fit_waits_and_is_not_lost() {
    let mut bench = Bench::new();
    for key in 0..20 {
        bench.recorder.add(of(Metric::Responses).request(Request::known(key)), 1);
        bench.record(duration(key), 5);
    }
    let mut defined = 0;
    while bench.host.total("responses_total") < 20 {
        bench.flush(7);
        let now = bench.host.names().count();
        assert!(now > defined && now <= defined + 7, "{defined}, then {now}");
        defined = now;
    }
    assert_eq!(defined, 40);
    assert_eq!(bench.host.total("request_duration_microseconds"), 20);
}

#[test]
fn samples_keep_their_order_and_their_values() {
    let mut bench = Bench::new();
    bench.record(duration(3), 10);
    bench.record(duration(3), 20);
    bench.flush(10);
    bench.record(duration(3), 30);
    let samples = bench.host.samples("request_duration_microseconds{request=Metadata}");
    assert_eq!(samples, [10, 20, 30]);
}

#[test]
fn waiting_samples_are_bounded() {
    let mut bench = Bench::new();
    for value in 0..SAMPLES_MAX + 10 {
        bench.record(duration(3), u64::try_from(value).unwrap());
        assert!(bench.recorder.samples.len() <= SAMPLES_MAX);
    }
    bench.flush(10);
    let samples = bench.host.samples("request_duration_microseconds{request=Metadata}");
    assert_eq!(samples.len(), SAMPLES_MAX + 10);
}

/// A host that refuses a metric costs its numbers and nothing else.
#[test]
fn a_refused_metric_is_not_asked_for_again() {
    let mut bench = Bench::new();
    bench.host.refuses_metrics = true;
    bench.recorder.add(of(Metric::ConnectionsOpened), 1);
    bench.record(duration(3), 1);
    bench.flush(10);
    bench.host.refuses_metrics = false;
    bench.recorder.add(of(Metric::ConnectionsOpened), 1);
    bench.recorder.add(of(Metric::ConnectionsClosed), 1);
    bench.record(duration(3), 1);
    bench.flush(10);
    assert_eq!(bench.host.value("connections_opened_total"), 0);
    assert_eq!(bench.host.value("connections_closed_total"), 1);
    assert!(bench.recorder.dirty.is_empty() && bench.recorder.samples.is_empty());
}

/// Clients can make every combination of two labels' values; a worker must not keep them all.
#[test]
fn combinations_beyond_their_bound_take_a_bounded_number_of_slots() {
    const GROUPS: u32 = 5_000;
    const ADMITTED: u64 = 10;
    let text = br#"{"labels":{"group":{"values_max":5000}},"limits":{"combinations_max":10}}"#;
    let mut bench = Bench::new();
    bench.labels = Labels::new(&Config::parse(text).unwrap(), "root");
    for number in 0..GROUPS {
        let name = format!("group-{number}");
        let admission =
            bench.labels.admit(&mut bench.host, Reporter::Proxy, Label::Group, name.as_bytes());
        assert!(matches!(admission, Admission::First(index, _) if index == number));
    }
    for _ in 0..2 {
        for number in 0..GROUPS {
            let series = of(Metric::GroupRebalances).party(Party::admitted(number));
            bench.recorder.add(series, 1);
            bench.record(of(Metric::GroupJoinDuration).party(Party::admitted(number)), 7);
            bench.record(of(Metric::GroupLag).party(Party::admitted(number)), 9);
            bench.flush(10);
        }
    }
    let groups = u64::from(GROUPS);
    let others = 2 * (groups - ADMITTED);
    assert_eq!(bench.host.total("group_rebalances_total"), 2 * i64::from(GROUPS));
    assert_eq!(
        bench.host.value("group_rebalances_total{group=__other__}"),
        i64::try_from(others).unwrap()
    );
    let samples = bench.host.samples("group_join_duration_microseconds{group=__other__}");
    assert_eq!(u64::try_from(samples.len()).unwrap(), others);
    assert_eq!(
        bench.host.value("label_values_overflowed_total{label=group}"),
        i64::try_from(3 * others).unwrap()
    );
    let lags = bench.host.names().filter(|name| name.contains("group_lag_records"));
    assert_eq!(lags.count(), 10, "a gauge of all others would mean nothing");
    let most = 3 * (10 + usize::from(MERGED_MAX) + 2) + 1;
    assert!(bench.recorder.slots.len() <= most, "{} slots", bench.recorder.slots.len());
}
