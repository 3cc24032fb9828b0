use super::{Detail, Reason, Request, Series, Topic};
use crate::config::LabelCaps;
use crate::fake_host::{FakeHost, readable};
use crate::metrics::cardinality::Labels;
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::name::{Value, write_stat_name};
use kafka_wire::{Codec, error_code, schema};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Topics `one` and `two`, the unknown key 113, version 40 and error 250, each with its index.
fn labels() -> Labels {
    let caps = LabelCaps { topic: 2, request: 1, api_version: 1, error: 1 };
    let (mut labels, mut host) = (Labels::new(caps, "root"), FakeHost::default());
    for name in ["one", "two"] {
        labels.admit_topic(&mut host, Reporter::Proxy, name.as_bytes());
    }
    for (label, number) in [(Label::Request, 113), (Label::ApiVersion, 40), (Label::Error, 250)] {
        labels.admit_number(&mut host, Reporter::Proxy, label, number);
    }
    labels
}

fn name(series: Series) -> String {
    let labels = labels();
    let (metric, reporter) = series.parts();
    let values: Vec<Value<'_>> =
        metric.definition().labels.iter().map(|label| series.value(*label, &labels)).collect();
    let mut name = String::new();
    write_stat_name(&mut name, metric, reporter, &values);
    readable(&name)
}

fn of(metric: Metric) -> Series {
    Series::new(metric, Reporter::Proxy)
}

#[test]
fn every_metric_and_reporter_comes_back() {
    for &metric in Metric::ALL {
        for &reporter in Reporter::ALL {
            let series = Series::new(metric, reporter)
                .topic(Topic::admitted(u32::MAX))
                .request(Request::OTHER)
                .detail(Detail::OTHER);
            assert_eq!(series.parts(), (metric, reporter), "whatever the other labels are");
        }
    }
}

#[test]
fn requests_read_as_brokers_call_them() {
    let requests = |request| name(of(Metric::Responses).request(request));
    assert_eq!(requests(Request::known(0)), "responses_total{request=Produce}");
    assert_eq!(requests(Request::known(1)), "responses_total{request=FetchConsumer}");
    assert_eq!(requests(Request::FETCH_FOLLOWER), "responses_total{request=FetchFollower}");
    assert_eq!(requests(Request::admitted(0)), "responses_total{request=api_key_113}");
    assert_eq!(requests(Request::admitted(1)), "responses_total{request=__other__}");
    assert_eq!(requests(Request::OTHER), "responses_total{request=__other__}");
    assert_eq!(requests(Request::known(-1)), "responses_total{request=__other__}");
    for api in schema::apis().filter(|api| api.key != 1) {
        assert_eq!(
            requests(Request::known(api.key)),
            format!("responses_total{{request={}}}", api.name)
        );
    }
}

#[test]
fn topics_read_as_they_are_called() {
    let topics = |topic| name(of(Metric::TopicProducedBytes).topic(topic));
    assert_eq!(topics(Topic::admitted(0)), "topic_produced_bytes_total{topic=one}");
    assert_eq!(topics(Topic::admitted(1)), "topic_produced_bytes_total{topic=two}");
    assert_eq!(topics(Topic::admitted(2)), "topic_produced_bytes_total{topic=__other__}");
    assert_eq!(topics(Topic::admitted(u32::MAX)), "topic_produced_bytes_total{topic=__other__}");
    assert_eq!(topics(Topic::OTHER), "topic_produced_bytes_total{topic=__other__}");
    assert_eq!(topics(Topic::UNRESOLVED), "topic_produced_bytes_total{topic=__unresolved__}");
}

#[test]
fn versions_are_numbers() {
    let versions = |version| name(of(Metric::Requests).request(Request::known(0)).detail(version));
    assert_eq!(versions(Detail::version(13)), "requests_total{request=Produce,api_version=13}");
    assert_eq!(versions(Detail::admitted(0)), "requests_total{request=Produce,api_version=40}");
    assert_eq!(versions(Detail::OTHER), "requests_total{request=Produce,api_version=__other__}");
    assert_eq!(
        versions(Detail::version(-1)),
        "requests_total{request=Produce,api_version=__other__}"
    );
}

#[test]
fn errors_are_kafkas_names() {
    let errors = |error| name(of(Metric::ResponseErrors).request(Request::known(3)).detail(error));
    for code in error_code::codes() {
        let expected = format!(
            "response_errors_total{{request=Metadata,error={}}}",
            error_code::name(code).unwrap()
        );
        assert_eq!(errors(Detail::error(code)), expected);
    }
    let unknown = "response_errors_total{request=Metadata,error=error_code_250}";
    assert_eq!(errors(Detail::admitted(0)), unknown);
    let other = "response_errors_total{request=Metadata,error=__other__}";
    assert_eq!(errors(Detail::OTHER), other);
    assert_eq!(errors(Detail::admitted(1)), other);
}

#[test]
fn the_remaining_details_are_words() {
    let series = of(Metric::TopicFetchedBatches).topic(Topic::admitted(0)).detail(Codec::Zstd);
    assert_eq!(name(series), "topic_fetched_batches_total{topic=one,compression=zstd}");
    let series = of(Metric::LabelValues).detail(Label::ApiVersion);
    assert_eq!(name(series), "label_values{label=api_version}");
    let words = ["tls", "not_kafka", "malformed", "desync", "limit"];
    for (reason, word) in Reason::ALL.into_iter().zip(words) {
        let series = of(Metric::ConnectionsOpaque).detail(reason);
        assert_eq!(name(series), format!("connections_opaque_total{{reason={word}}}"));
    }
    let series = of(Metric::UndecodedMessages).request(Request::known(3)).detail(Reason::OverLimit);
    assert_eq!(name(series), "undecoded_messages_total{reason=over_limit,request=Metadata}");
}

/// No two series have one key: values of one label never reach into the place of another.
#[test]
fn keys_differ() {
    let mut keys = std::collections::HashSet::new();
    for &metric in Metric::ALL {
        for topic in
            [Topic::OTHER, Topic::UNRESOLVED, Topic::admitted(0), Topic::admitted(0xff_fffd)]
        {
            for request in [0, 1, 92].map(Request::known).into_iter().chain([
                Request::FETCH_FOLLOWER,
                Request::OTHER,
                Request::admitted(0),
                Request::admitted(999),
            ]) {
                for detail in
                    [Detail::version(0), Detail::version(13), Detail::admitted(0), Detail::OTHER]
                {
                    let series = of(metric).topic(topic).request(request).detail(detail);
                    assert!(
                        keys.insert(series.bits()),
                        "{metric:?} {topic:?} {request:?} {detail:?}"
                    );
                }
            }
        }
    }
}
