use super::{Detail, Party, Reason, Request, Series, Topic};
use crate::config::Config;
use crate::fake_host::{FakeHost, readable};
use crate::metrics::cardinality::Labels;
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::name::{Value, write_stat_name};
use kafka_wire::{Codec, error_code, schema};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Topics `one` and `two`, one client, group, software and version of it, the unknown key 113,
/// version 40 and error 250, each with its index.
fn labels() -> Labels {
    let (mut labels, mut host) = (Labels::new(&Config::default(), "root"), FakeHost::default());
    for (label, value) in [
        (Label::Topic, "one"),
        (Label::Topic, "two"),
        (Label::ClientId, "client"),
        (Label::Group, "group"),
        (Label::Software, "library"),
        (Label::SoftwareVersion, "1.2"),
    ] {
        labels.admit(&mut host, Reporter::Proxy, label, value.as_bytes());
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
fn parties_read_as_they_call_themselves() {
    let series = |metric| of(metric).topic(Topic::admitted(0)).request(Request::known(0));
    let parties = |metric, party| name(series(metric).party(party));
    for (metric, labels, party) in [
        (Metric::ClientProducedBytes, "client_produced_bytes_total{topic=one,client_id", "client"),
        (Metric::GroupLag, "group_lag_records{topic=one,group", "group"),
        (Metric::GroupRequests, "group_requests_total{request=Produce,group", "group"),
    ] {
        assert_eq!(parties(metric, Party::admitted(0)), format!("{labels}={party}}}"));
        assert_eq!(parties(metric, Party::admitted(1)), format!("{labels}=__other__}}"));
        assert_eq!(parties(metric, Party::admitted(u32::MAX)), format!("{labels}=__other__}}"));
        assert_eq!(parties(metric, Party::OTHER), format!("{labels}=__other__}}"));
        assert_eq!(parties(metric, Party::NONE), format!("{labels}=__none__}}"));
    }
    let software =
        |party, version| name(of(Metric::ClientSoftwareConnections).party(party).detail(version));
    let metric = "client_software_connections_total";
    assert_eq!(
        software(Party::admitted(0), Detail::admitted(0)),
        format!("{metric}{{software=library,software_version=1.2}}")
    );
    assert_eq!(
        software(Party::NONE, Detail::OTHER),
        format!("{metric}{{software=__none__,software_version=__other__}}")
    );
}

/// Whoever is over a metric's bound of combinations is counted in one series with the others.
#[test]
fn the_series_of_all_others_keeps_the_labels_that_say_nothing_of_who() {
    let series = of(Metric::GroupErrors)
        .request(Request::known(11))
        .detail(Detail::error(25))
        .party(Party::admitted(0));
    let (label, others) = series.party_label().expect("a label that says who");
    assert_eq!(label, Label::Group);
    assert_eq!(
        name(others),
        "group_errors_total{request=JoinGroup,error=UNKNOWN_MEMBER_ID,group=__other__}"
    );
    assert_eq!(others.party_label(), None, "it is merged with nothing");
    assert_eq!(of(Metric::TopicProducedBytes).topic(Topic::admitted(0)).party_label(), None);
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
        for topic in [Topic::OTHER, Topic::UNRESOLVED, Topic::admitted(0), Topic::admitted(0xfffc)]
        {
            for request in [0, 1, 92].map(Request::known).into_iter().chain([
                Request::FETCH_FOLLOWER,
                Request::OTHER,
                Request::admitted(0),
                Request::admitted(999),
            ]) {
                let details =
                    [Detail::version(0), Detail::version(13), Detail::admitted(0), Detail::OTHER];
                let parties = [Party::OTHER, Party::NONE, Party::admitted(0), Party::admitted(999)];
                for (detail, party) in
                    details.into_iter().flat_map(|detail| parties.map(|party| (detail, party)))
                {
                    let series = of(metric).topic(topic).request(request).detail(detail);
                    assert!(
                        keys.insert(series.party(party).bits()),
                        "{metric:?} {topic:?} {request:?} {detail:?} {party:?}"
                    );
                }
            }
        }
    }
}
