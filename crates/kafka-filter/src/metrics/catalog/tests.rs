//! The rules that every row of the catalog keeps.

use super::{Kind, Label, Metric, REPORTER, Reporter};
use crate::metrics::groups::MetricGroup;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn all_lists_each_metric_at_its_discriminant() {
    for (index, metric) in Metric::ALL.iter().enumerate() {
        assert_eq!(*metric as usize, index, "{metric:?} stands at the wrong place of Metric::ALL");
    }
    assert_eq!(Metric::ALL.last(), Some(&Metric::BuildInfo), "the last variant is not in ALL");
}

#[test]
fn names_are_unique_and_spelt_for_prometheus_and_istio() {
    let mut names: Vec<_> = Metric::ALL.iter().map(|m| m.definition().name).collect();
    for name in &names {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        // Istio takes `<word>.x.` and `_rq_NNN` out of any name: see name.rs.
        for word in ["cache", "component", "tag", "wasm_filter", "rbac"] {
            assert!(!name.ends_with(word), "{name} ends in a word that Istio makes a label");
        }
        assert!(!name.contains("_rq"), "{name}");
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
}

#[test]
fn kinds_follow_from_names() {
    for metric in Metric::ALL {
        let definition = metric.definition();
        assert_eq!(
            definition.name.ends_with("_total"),
            definition.kind == Kind::Counter,
            "{}: counters, and only they, end in _total",
            definition.name
        );
        if definition.kind == Kind::Histogram {
            assert!(definition.name.ends_with(definition.unit), "{}", definition.name);
        }
        assert_eq!(
            definition.kind == Kind::Histogram,
            metric.buckets().is_some(),
            "{}",
            definition.name
        );
        assert!(metric.buckets().unwrap_or_default().is_sorted(), "{}", definition.name);
        assert!(definition.help.ends_with('.'), "{}", definition.name);
    }
}

#[test]
fn no_label_is_a_suffix_of_another() {
    let names: Vec<_> =
        Label::ALL.iter().map(|l| l.name()).chain(std::iter::once(REPORTER)).collect();
    for (i, a) in names.iter().enumerate() {
        for (j, b) in names.iter().enumerate() {
            assert!(i == j || !a.ends_with(b), "`{b}` is a suffix of `{a}`");
        }
    }
}

#[test]
fn every_label_is_used_and_none_twice_in_a_metric() {
    for label in Label::ALL {
        assert!(
            Metric::ALL.iter().any(|m| m.definition().labels.contains(label)),
            "{label:?} is in no metric"
        );
    }
    for metric in Metric::ALL {
        let labels = metric.definition().labels;
        for (i, label) in labels.iter().enumerate() {
            assert!(!labels.iter().skip(i + 1).any(|other| other == label), "{metric:?}");
        }
    }
}

/// A metric can be turned off by the switch whose name its own name begins with, or by none.
#[test]
fn metrics_of_a_group_are_governed_by_its_switch() {
    let group = |metric: &Metric| {
        let name = metric.definition().name;
        let starts = |prefix: &str| name.starts_with(prefix);
        match name {
            "topic_request_duration_microseconds" => Some(MetricGroup::TopicDuration),
            "topic_end_to_end_latency_milliseconds" => Some(MetricGroup::EndToEndLatency),
            "topic_fetch_lag_records" | "group_lag_records" => Some(MetricGroup::Lag),
            _ if starts("topic_") => Some(MetricGroup::Topics),
            _ if starts("client_produced_") || starts("client_fetched_") => {
                Some(MetricGroup::Clients)
            }
            _ if starts("client_") => Some(MetricGroup::Software),
            _ if starts("deprecated_") => Some(MetricGroup::Deprecated),
            _ if starts("group_") => Some(MetricGroup::Groups),
            _ if starts("lag_") => Some(MetricGroup::Lag),
            _ => None,
        }
    };
    for metric in Metric::ALL {
        assert_eq!(metric.definition().group, group(metric), "{}", metric.definition().name);
    }
}

/// A series' key has one place for a client, a group or a software.
#[test]
fn who_stands_in_a_metric_at_most_once() {
    for metric in Metric::ALL {
        let labels = metric.definition().labels;
        let parties = labels.iter().filter(|label| label.is_party()).count();
        assert!(parties <= 1, "{}", metric.definition().name);
    }
}

/// The contract, written down a second time and by hand: a change here is a change for dashboards and
/// alerts.
#[test]
fn the_public_names_and_labels_are_these() {
    const CONTRACT: &str = "\
connections_opened_total
connections_closed_total
connections_active
connections_opaque_total reason
requests_total request api_version
request_bytes_total request
response_bytes_total request
responses_total request
request_duration_microseconds request
response_errors_total request error
unacknowledged_requests_total
requests_in_flight
in_flight_request_bytes request
in_flight_evicted_total
throttled_responses_total request
throttle_time_milliseconds_total request
topic_produced_records_total topic
topic_produced_bytes_total topic
topic_produced_batches_total topic compression
topic_fetched_records_total topic
topic_fetched_bytes_total topic
topic_fetched_batches_total topic compression
topic_errors_total topic request error
topic_request_duration_microseconds topic request
topic_end_to_end_latency_milliseconds topic
topic_fetch_lag_records topic
client_produced_records_total topic client_id
client_produced_bytes_total topic client_id
client_fetched_records_total topic client_id
client_fetched_bytes_total topic client_id
client_software_connections_total software software_version
client_telemetry_pushes_total compression software
deprecated_requests_total request api_version client_id
group_requests_total request group
group_errors_total request error group
group_rebalances_total group
group_join_duration_microseconds group
group_lag_records topic group
lag_untracked_partitions_total
undecoded_messages_total reason request
label_values label
label_values_overflowed_total label
build_info filter_release kafka_release
";
    let mut listed = String::new();
    for metric in Metric::ALL {
        let definition = metric.definition();
        listed.push_str(definition.name);
        for label in definition.labels {
            listed.push(' ');
            listed.push_str(label.name());
        }
        listed.push('\n');
    }
    assert_eq!(listed, CONTRACT);
}

#[test]
fn the_listener_decides_the_reporter() {
    assert_eq!(Reporter::from_listener_direction(Some(1)), Reporter::Destination);
    assert_eq!(Reporter::from_listener_direction(Some(2)), Reporter::Source);
    for neither in [Some(0), Some(-1), Some(7), None] {
        assert_eq!(Reporter::from_listener_direction(neither), Reporter::Proxy);
    }
}
