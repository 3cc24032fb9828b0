//! Which software clients are (KIP-511), and the telemetry that they push (KIP-714).

use super::groups::views;
use super::{only, talk};
use crate::support::lines::{connections, exchanges};
use crate::support::messages::{API_VERSIONS, api_versions, api_versions_told};
use crate::support::play::{Case, Step};
use crate::support::wire::{request, response};

const PUSH_TELEMETRY: i16 = 72;

pub fn cases() -> Vec<Case> {
    vec![
        told_at_once(),
        told_late(),
        told_twice(),
        unknown_version_first(),
        names_and_versions(),
        over_the_caps(),
        wanted_and_unwanted(),
        telemetry(),
    ]
}

/// ApiVersions 3 of this software.
fn ask(id: i32, name: &str, version: &str) -> Vec<u8> {
    request(API_VERSIONS, 3, id, true).text(name).text(version).end().frame()
}

fn told_at_once() -> Case {
    let (ask, tell) = (api_versions(3, 1), api_versions_told(3, 1, 0));
    Case {
        name: "a client that tells its software",
        config: only(&["software"], ""),
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("ApiVersions", 3, &[&ask], &[&tell])
            + "client_software_connections_total{software=made-by-hand,software_version=1.0} 1
               label_values{label=software} 1
               label_values{label=software_version} 1",
    }
}

/// Java asks with version 0 before it authenticates.
fn told_late() -> Case {
    let asks = [api_versions(0, 1), api_versions(4, 2)];
    let tells = [api_versions_told(0, 1, 0), api_versions_told(4, 2, 0)];
    Case {
        name: "a client that tells its software with the second request",
        config: only(&["software"], ""),
        steps: talk(&[(&asks[0], &tells[0]), (&asks[1], &tells[1])]),
        expected: connections(1)
            + &format!(
                "requests_total{{request=ApiVersions,api_version=0}} 1
                 requests_total{{request=ApiVersions,api_version=4}} 1
                 request_bytes_total{{request=ApiVersions}} {}
                 responses_total{{request=ApiVersions}} 2
                 response_bytes_total{{request=ApiVersions}} {}
                 request_duration_microseconds{{request=ApiVersions}} 2
                 client_software_connections_total{{software=made-by-hand,software_version=1.0}} 1
                 label_values{{label=software}} 1
                 label_values{{label=software_version}} 1",
                asks.concat().len(),
                tells.concat().len()
            ),
    }
}

/// A connection counts once: re-authentication asks again.
fn told_twice() -> Case {
    let asks = [ask(1, "one", "1"), ask(2, "two", "2")];
    let tells = [api_versions_told(3, 1, 0), api_versions_told(3, 2, 0)];
    Case {
        name: "a client that tells two kinds of software",
        config: only(&["software"], ""),
        steps: talk(&[(&asks[0], &tells[0]), (&asks[1], &tells[1])]),
        expected: connections(1)
            + &exchanges("ApiVersions", 3, &views(&asks), &views(&tells))
            + "client_software_connections_total{software=one,software_version=1} 1
               label_values{label=software} 1
               label_values{label=software_version} 1",
    }
}

/// franz-go opens with version 5: brokers answer in version 0 that they do not know it.
fn unknown_version_first() -> Case {
    let asks = [
        request(API_VERSIONS, 5, 1, true).text("kgo").text("1.18").end().frame(),
        request(API_VERSIONS, 4, 2, true).text("kgo").text("1.18").end().frame(),
    ];
    let tells = [api_versions_told(0, 1, 35), api_versions_told(4, 2, 0)];
    Case {
        name: "a client that opens with a version of the future",
        config: only(&["software"], ""),
        steps: talk(&[(&asks[0], &tells[0]), (&asks[1], &tells[1])]),
        expected: connections(1)
            + &format!(
                "requests_total{{request=ApiVersions,api_version=5}} 1
                 requests_total{{request=ApiVersions,api_version=4}} 1
                 request_bytes_total{{request=ApiVersions}} {}
                 responses_total{{request=ApiVersions}} 2
                 response_bytes_total{{request=ApiVersions}} {}
                 request_duration_microseconds{{request=ApiVersions}} 2
                 response_errors_total{{request=ApiVersions,error=UNSUPPORTED_VERSION}} 1
                 undecoded_messages_total{{reason=unknown_api_version,request=ApiVersions}} 1
                 client_software_connections_total{{software=kgo,software_version=1.18}} 1
                 label_values{{label=api_version}} 1
                 label_values{{label=software}} 1
                 label_values{{label=software_version}} 1",
                asks.concat().len(),
                tells.concat().len()
            ),
    }
}

/// Brokers refuse what KIP-511 does not allow: it becomes no label value. One connection each.
fn names_and_versions() -> Case {
    let longest = "x".repeat(255);
    let (too_long, far_too_long) = ("x".repeat(256), "x".repeat(300));
    let told: [(&str, &str, &str, &str); 11] = [
        ("apache-kafka-java", "4.3.0", "apache-kafka-java", "4.3.0"),
        ("Sarama", "1.46.3-rc.1", "Sarama", "1.46.3-rc.1"),
        ("", "", "__none__", "__other__"),
        ("two words", "1", "__other__", "1"),
        ("-dash", "1-", "__other__", "__other__"),
        ("under_score", "v;1", "__other__", "__other__"),
        ("x=y", ".", "__other__", "__other__"),
        (&longest, "a", &longest, "a"),
        (&too_long, "a", "__other__", "a"),
        (&far_too_long, "a", "__other__", "a"),
        ("b", &far_too_long, "b", "__other__"),
    ];
    let asks = told.map(|(name, version, ..)| ask(1, name, version));
    let mut counts = std::collections::BTreeMap::new();
    for (.., software, version) in told {
        *counts.entry((software, version)).or_insert(0) += 1;
    }
    let each: String = counts
        .iter()
        .map(|((software, version), count)| {
            let labels = format!("software={software},software_version={version}");
            format!("client_software_connections_total{{{labels}}} {count}\n")
        })
        .collect();
    let rest = "label_values{label=software} 4
        label_values{label=software_version} 4
        label_values_overflowed_total{label=software} 6
        label_values_overflowed_total{label=software_version} 5";
    one_connection_each("names and versions of software", "", &asks, &(each + rest))
}

fn over_the_caps() -> Case {
    let asks = [ask(1, "one", "1"), ask(1, "two", "2"), ask(1, "one", "2"), ask(1, "two", "1")];
    let each = "client_software_connections_total{software=one,software_version=1} 1
        client_software_connections_total{software=__other__,software_version=__other__} 1
        client_software_connections_total{software=one,software_version=__other__} 1
        client_software_connections_total{software=__other__,software_version=1} 1
        label_values{label=software} 1
        label_values{label=software_version} 1
        label_values_overflowed_total{label=software} 2
        label_values_overflowed_total{label=software_version} 2";
    one_connection_each(
        "more software than is told apart",
        r#""labels": {"software": {"values_max": 1}, "software_version": {"values_max": 1}}"#,
        &asks,
        each,
    )
}

fn wanted_and_unwanted() -> Case {
    let asks = [ask(1, "librdkafka", "2.6"), ask(1, "kgo", "1"), ask(1, "librdkafka", "3")];
    let each = "client_software_connections_total{software=librdkafka,software_version=2.6} 1
        client_software_connections_total{software=__other__,software_version=1} 1
        client_software_connections_total{software=librdkafka,software_version=3} 1
        label_values{label=software} 1
        label_values{label=software_version} 3";
    one_connection_each(
        "software that is wanted and software that is not",
        r#""labels": {"software": {"allow": ["lib.*"]}}"#,
        &asks,
        each,
    )
}

fn one_connection_each(name: &'static str, more: &str, asks: &[Vec<u8>], each: &str) -> Case {
    let tells = vec![api_versions_told(3, 1, 0); asks.len()];
    let mut steps = Vec::new();
    for (number, (ask, tell)) in asks.iter().zip(&tells).enumerate() {
        steps.push(Step::Open(number, number % 2));
        steps.push(Step::Client(number, ask.clone()));
        steps.push(Step::Broker(number, tell.clone()));
        steps.push(Step::Close(number));
    }
    Case {
        name,
        config: only(&["software"], more),
        steps,
        expected: connections(asks.len())
            + &exchanges("ApiVersions", 3, &views(asks), &views(&tells))
            + each,
    }
}

/// Codecs as batches number them, and one that has no name; before the client has told its
/// software and after.
fn telemetry() -> Case {
    let push = |id: i32, codec: i8| {
        let wire = request(PUSH_TELEMETRY, 0, id, true).raw(&[3; 16]).i32(9).i8(0).i8(codec);
        wire.bytes(&[0x5a; 700]).end().frame()
    };
    let pushed = |id: i32| response(id, true).i32(0).i16(0).end().frame();
    let pushes: Vec<Vec<u8>> =
        (1..).zip([0, 4, 0, 1, 2, 3, 4, 9]).map(|(id, codec)| push(id, codec)).collect();
    let answers: Vec<Vec<u8>> = (1..9).map(pushed).collect();
    let (versions, told) = (api_versions(3, 50), api_versions_told(3, 50, 0));
    let mut pairs: Vec<(&[u8], &[u8])> = views(&pushes).into_iter().zip(views(&answers)).collect();
    pairs.insert(2, (&versions, &told));
    Case {
        name: "telemetry that clients push",
        config: only(&["software"], ""),
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("PushTelemetry", 0, &views(&pushes), &views(&answers))
            + &exchanges("ApiVersions", 3, &[&versions], &[&told])
            + "client_telemetry_pushes_total{compression=none,software=__none__} 1
               client_telemetry_pushes_total{compression=zstd,software=__none__} 1
               client_telemetry_pushes_total{compression=none,software=made-by-hand} 1
               client_telemetry_pushes_total{compression=gzip,software=made-by-hand} 1
               client_telemetry_pushes_total{compression=snappy,software=made-by-hand} 1
               client_telemetry_pushes_total{compression=lz4,software=made-by-hand} 1
               client_telemetry_pushes_total{compression=zstd,software=made-by-hand} 1
               client_telemetry_pushes_total{compression=unknown,software=made-by-hand} 1
               client_software_connections_total{software=made-by-hand,software_version=1.0} 1
               label_values{label=software} 1
               label_values{label=software_version} 1",
    }
}
