//! Requests and responses: order, pipelining, bounds, unknown APIs, connections that end early.

use super::talk;
use crate::support::lines::{connections, exchanges, open_connections, sent};
use crate::support::messages::{
    FIND_COORDINATOR, HEARTBEAT, Topic, api_versions, api_versions_told, fetch, heartbeat,
    heartbeat_told, produce, produced,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{Wire, batch, request, request_of, response};

pub fn cases() -> Vec<Case> {
    vec![
        versions_told(),
        versions_refused(),
        versions_of_the_future_refused(),
        versions_of_the_future_told(),
        pipelined(),
        correlation_ids_of_all_kinds(),
        client_ids_of_all_kinds(),
        unknown_apis(),
        unknown_versions(),
        too_many_unknown_numbers(),
        errors_at_the_top(),
        unknown_errors(),
        evicted(),
        evicted_twice(),
        closed_without_answer(),
        closed_in_mid_request(),
        closed_in_mid_response(),
        still_open(),
        controlled_shutdown(),
    ]
}

fn versions_told() -> Case {
    let asks = [api_versions(0, 1), api_versions(3, 2), api_versions(4, 3)];
    let answers =
        [api_versions_told(0, 1, 0), api_versions_told(3, 2, 0), api_versions_told(4, 3, 0)];
    let (bytes_in, bytes_out) = (size(&asks), size(&answers));
    Case {
        name: "the response to ApiVersions has no tagged header",
        config: "",
        steps: talk(&[(&asks[0], &answers[0]), (&asks[1], &answers[1]), (&asks[2], &answers[2])]),
        expected: connections(1)
            + &format!(
                "requests_total{{request=ApiVersions,api_version=0}} 1
                 requests_total{{request=ApiVersions,api_version=3}} 1
                 requests_total{{request=ApiVersions,api_version=4}} 1
                 request_bytes_total{{request=ApiVersions}} {bytes_in}
                 responses_total{{request=ApiVersions}} 3
                 response_bytes_total{{request=ApiVersions}} {bytes_out}
                 request_duration_microseconds{{request=ApiVersions}} 3"
            ),
    }
}

/// An old broker answers version 3 in version 0, with error 35 (KIP-511).
fn versions_refused() -> Case {
    let (ask, answer) = (api_versions(3, 1), api_versions_told(0, 1, 35));
    Case {
        name: "ApiVersions v3 refused in version 0",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("ApiVersions", 3, &[&ask], &[&answer])
            + "response_errors_total{request=ApiVersions,error=UNSUPPORTED_VERSION} 1",
    }
}

/// franz-go begins with a version that no broker has yet, and goes on with one that it is told.
fn versions_of_the_future_refused() -> Case {
    let (ask, answer) = (api_versions(5, 1), api_versions_told(0, 1, 35));
    let (again, told) = (api_versions(4, 2), api_versions_told(4, 2, 0));
    Case {
        name: "ApiVersions of a version that nobody knows, refused in version 0",
        config: "",
        steps: talk(&[(&ask, &answer), (&again, &told)]),
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
                 label_values{{label=api_version}} 1",
                ask.len() + again.len(),
                answer.len() + told.len()
            ),
    }
}

fn versions_of_the_future_told() -> Case {
    let ask = api_versions(5, 1);
    let answer = Wire::default().i32(1).i16(0).raw(&[0x7f; 40]).frame();
    Case {
        name: "ApiVersions of a version that only the broker knows",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("ApiVersions", 5, &[&ask], &[&answer])
            + "undecoded_messages_total{reason=unknown_api_version,request=ApiVersions} 1
               label_values{label=api_version} 1",
    }
}

/// Fifty requests in one piece, then fifty responses in another.
fn pipelined() -> Case {
    let asks: Vec<Vec<u8>> = (1..=50).map(|id| heartbeat(3, id)).collect();
    let answers: Vec<Vec<u8>> = (1..=50).map(|id| heartbeat_told(3, id, 0, 0)).collect();
    Case {
        name: "fifty requests at once",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks.concat()),
            Step::Wait(5_000),
            Step::Broker(0, answers.concat()),
            Step::Close(0),
        ],
        expected: connections(1) + &exchanges("Heartbeat", 3, &views(&asks), &views(&answers)),
    }
}

/// The client chooses them: any number, and the same one again.
fn correlation_ids_of_all_kinds() -> Case {
    let ids = [0, -1, i32::MIN, i32::MAX, 7, 7, 7];
    let asks: Vec<Vec<u8>> = ids.iter().map(|&id| heartbeat(1, id)).collect();
    let answers: Vec<Vec<u8>> = ids.iter().map(|&id| heartbeat_told(1, id, 0, 0)).collect();
    Case {
        name: "correlation ids of all kinds",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks.concat()),
            Step::Broker(0, answers.concat()),
            Step::Close(0),
        ],
        expected: connections(1) + &exchanges("Heartbeat", 1, &views(&asks), &views(&answers)),
    }
}

fn client_ids_of_all_kinds() -> Case {
    let long = "a long client id ".repeat(100);
    let ids =
        [None, Some(""), Some("cl\u{ef}ent"), Some(&long[..256]), Some(&long[..257]), Some(&long)];
    let topic = Topic::Name("orders");
    let set = batch(1).bytes();
    let produce_of = |id: Option<&str>, correlation_id| {
        request_of(id, 0, 3, correlation_id, false)
            .null_text()
            .i16(-1)
            .i32(1_000)
            .array(1)
            .text("orders")
            .array(1)
            .i32(0)
            .bytes(&set)
            .frame()
    };
    let asks: Vec<Vec<u8>> =
        ids.iter().zip(1..).map(|(&id, number)| produce_of(id, number)).collect();
    let answers: Vec<Vec<u8>> = (1..=6).map(|id| produced(3, id, &[(topic, &[0])], 0)).collect();
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&answers)).collect();
    Case {
        name: "client ids that are null, empty, long, and longer than is looked at",
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("Produce", 3, &views(&asks), &views(&answers))
            + &format!(
                "topic_produced_records_total{{topic=orders}} 6
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 6
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 6
                 label_values{{label=topic}} 1",
                6 * set.len()
            ),
    }
}

fn strange(key: i16, version: i16, correlation_id: i32) -> (Vec<u8>, Vec<u8>) {
    let ask = request(key, version, correlation_id, false).raw(&[0xab; 33]).frame();
    (ask, response(correlation_id, false).raw(&[0xcd; 44]).frame())
}

/// A key that no table has: bytes and time are counted all the same.
fn unknown_apis() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let (ask, answer) = strange(113, 2, 2);
    Case {
        name: "an unknown API key",
        config: "",
        steps: talk(&[(&beat, &beaten), (&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + &exchanges("api_key_113", 2, &[&ask], &[&answer])
            + "undecoded_messages_total{reason=unknown_api_key,request=api_key_113} 1
               label_values{label=request} 1
               label_values{label=api_version} 1",
    }
}

fn unknown_versions() -> Case {
    let (ask, answer) = strange(HEARTBEAT, 9, 1);
    Case {
        name: "an unknown version of a known API",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Heartbeat", 9, &[&ask], &[&answer])
            + "undecoded_messages_total{reason=unknown_api_version,request=Heartbeat} 1
               label_values{label=api_version} 1",
    }
}

fn too_many_unknown_numbers() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let exchanges_of: Vec<(Vec<u8>, Vec<u8>)> =
        [(200, 40), (201, 41), (202, 42), (200, 40), (202, 42)]
            .into_iter()
            .zip(2..)
            .map(|((key, version), id)| strange(key, version, id))
            .collect();
    let pairs: Vec<(&[u8], &[u8])> = std::iter::once((beat.as_slice(), beaten.as_slice()))
        .chain(exchanges_of.iter().map(|(ask, answer)| (ask.as_slice(), answer.as_slice())))
        .collect();
    let (one_in, one_out) = (exchanges_of[0].0.len(), exchanges_of[0].1.len());
    Case {
        name: "more unknown keys and versions than are admitted",
        config: r#"{"labels": {"request": {"values_max": 2}, "api_version": {"values_max": 1}}}"#,
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + &format!(
                "requests_total{{request=api_key_200,api_version=40}} 2
                 requests_total{{request=api_key_201,api_version=__other__}} 1
                 requests_total{{request=__other__,api_version=__other__}} 2
                 request_bytes_total{{request=api_key_200}} {}
                 request_bytes_total{{request=api_key_201}} {one_in}
                 request_bytes_total{{request=__other__}} {}
                 responses_total{{request=api_key_200}} 2
                 responses_total{{request=api_key_201}} 1
                 responses_total{{request=__other__}} 2
                 response_bytes_total{{request=api_key_200}} {}
                 response_bytes_total{{request=api_key_201}} {one_out}
                 response_bytes_total{{request=__other__}} {}
                 request_duration_microseconds{{request=api_key_200}} 2
                 request_duration_microseconds{{request=api_key_201}} 1
                 request_duration_microseconds{{request=__other__}} 2
                 undecoded_messages_total{{reason=unknown_api_key,request=api_key_200}} 2
                 undecoded_messages_total{{reason=unknown_api_key,request=api_key_201}} 1
                 undecoded_messages_total{{reason=unknown_api_key,request=__other__}} 2
                 label_values{{label=request}} 2
                 label_values{{label=api_version}} 1
                 label_values_overflowed_total{{label=request}} 2
                 label_values_overflowed_total{{label=api_version}} 3",
                2 * one_in,
                2 * one_in,
                2 * one_out,
                2 * one_out
            ),
    }
}

fn errors_at_the_top() -> Case {
    let asks: Vec<Vec<u8>> = (1..=2).map(|id| heartbeat(1, id)).collect();
    let answers = [heartbeat_told(1, 1, 27, 0), heartbeat_told(1, 2, -1, 15)];
    let find = request(FIND_COORDINATOR, 1, 3, false).text("group-1").i8(0).frame();
    let found = response(3, false)
        .i32(0)
        .i16(15)
        .text("coordinator moves")
        .i32(-1)
        .text("")
        .i32(-1)
        .frame();
    Case {
        name: "errors that belong to no topic",
        config: "",
        steps: talk(&[(&asks[0], &answers[0]), (&asks[1], &answers[1]), (&find, &found)]),
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &views(&asks), &views(&answers))
            + &exchanges("FindCoordinator", 1, &[&find], &[&found])
            + "response_errors_total{request=Heartbeat,error=REBALANCE_IN_PROGRESS} 1
               response_errors_total{request=Heartbeat,error=UNKNOWN_SERVER_ERROR} 1
               response_errors_total{request=FindCoordinator,error=COORDINATOR_NOT_AVAILABLE} 1
               throttled_responses_total{request=Heartbeat} 1
               throttle_time_milliseconds_total{request=Heartbeat} 15",
    }
}

fn unknown_errors() -> Case {
    let asks: Vec<Vec<u8>> = (1..=4).map(|id| heartbeat(1, id)).collect();
    let answers: Vec<Vec<u8>> = [250, -7, 251, 250]
        .into_iter()
        .zip(1..)
        .map(|(e, id)| heartbeat_told(1, id, e, 0))
        .collect();
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&answers)).collect();
    Case {
        name: "more unknown error codes than are admitted",
        config: r#"{"labels": {"error": {"values_max": 2}}}"#,
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &views(&asks), &views(&answers))
            + "response_errors_total{request=Heartbeat,error=error_code_250} 2
               response_errors_total{request=Heartbeat,error=error_code_-7} 1
               response_errors_total{request=Heartbeat,error=__other__} 1
               label_values{label=error} 2
               label_values_overflowed_total{label=error} 1",
    }
}

/// Beyond the bound nothing is remembered but that an answer is to come; matching goes on behind.
fn evicted() -> Case {
    let asks: Vec<Vec<u8>> = (1..=6).map(|id| heartbeat(1, id)).collect();
    let answers: Vec<Vec<u8>> = (1..=6).map(|id| heartbeat_told(1, id, 0, 0)).collect();
    Case {
        name: "more requests in flight than are remembered",
        config: r#"{"limits": {"in_flight_max": 2}}"#,
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks[..5].concat()),
            Step::Broker(0, answers[..5].concat()),
            Step::Client(0, asks[5].clone()),
            Step::Broker(0, answers[5].clone()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("Heartbeat", 1, &views(&asks))
            + &format!(
                "responses_total{{request=Heartbeat}} 3
                 response_bytes_total{{request=Heartbeat}} {}
                 request_duration_microseconds{{request=Heartbeat}} 3
                 in_flight_evicted_total 3",
                3 * answers[0].len()
            ),
    }
}

/// The table fills again while evicted requests are still in its middle.
fn evicted_twice() -> Case {
    let asks: Vec<Vec<u8>> = (1..=7).map(|id| heartbeat(1, id)).collect();
    let answers: Vec<Vec<u8>> = (1..=7).map(|id| heartbeat_told(1, id, 0, 0)).collect();
    Case {
        name: "requests evicted in two places",
        config: r#"{"limits": {"in_flight_max": 2}}"#,
        // Tracked: 1 2, evicted: 3. Answered: 1. Tracked: 4. Evicted: 5 6. Answered: 2 to 6.
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks[..3].concat()),
            Step::Broker(0, answers[0].clone()),
            Step::Client(0, asks[3..6].concat()),
            Step::Broker(0, answers[1..6].concat()),
            Step::Client(0, asks[6].clone()),
            Step::Broker(0, answers[6].clone()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("Heartbeat", 1, &views(&asks))
            + &format!(
                "responses_total{{request=Heartbeat}} 4
                 response_bytes_total{{request=Heartbeat}} {}
                 request_duration_microseconds{{request=Heartbeat}} 4
                 in_flight_evicted_total 3",
                4 * answers[0].len()
            ),
    }
}

/// A consumer leaves with its Fetch unanswered: evicted, as it will never be answered.
fn closed_without_answer() -> Case {
    let ask = fetch(11, 1, -1, &[Topic::Name("orders")]);
    let set = batch(2).bytes();
    let write = produce(7, 2, -1, &[(Topic::Name("orders"), vec![set.clone()])]);
    Case {
        name: "closed with two requests unanswered",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, [ask.clone(), write.clone()].concat()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("FetchConsumer", 11, &[&ask])
            + &sent("Produce", 7, &[&write])
            + &format!(
                "in_flight_evicted_total 2
                 topic_produced_records_total{{topic=__other__}} 2
                 topic_produced_bytes_total{{topic=__other__}} {}
                 topic_produced_batches_total{{topic=__other__,compression=none}} 1
                 label_values_overflowed_total{{label=topic}} 1",
                set.len()
            ),
    }
}

/// The header was read, so it is a request; its bytes are counted only when all have passed.
fn closed_in_mid_request() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let cut = heartbeat(1, 2)[..20].to_vec();
    Case {
        name: "closed in mid-request",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, beat.clone()),
            Step::Broker(0, beaten.clone()),
            Step::Client(0, cut),
            Step::Close(0),
        ],
        expected: connections(1)
            + &format!(
                "requests_total{{request=Heartbeat,api_version=1}} 2
                 request_bytes_total{{request=Heartbeat}} {}
                 responses_total{{request=Heartbeat}} 1
                 response_bytes_total{{request=Heartbeat}} {}
                 request_duration_microseconds{{request=Heartbeat}} 1
                 in_flight_evicted_total 1",
                beat.len(),
                beaten.len()
            ),
    }
}

fn closed_in_mid_response() -> Case {
    let ask = api_versions(3, 1);
    let answer = api_versions_told(3, 1, 0);
    Case {
        name: "closed in mid-response",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, ask.clone()),
            Step::Broker(0, answer[..answer.len() - 1].to_vec()),
            Step::Close(0),
        ],
        expected: connections(1) + &sent("ApiVersions", 3, &[&ask]) + "in_flight_evicted_total 1",
    }
}

fn still_open() -> Case {
    let asks = [heartbeat(1, 1), heartbeat(1, 2), heartbeat(1, 3)];
    let answer = heartbeat_told(1, 1, 0, 0);
    Case {
        name: "gauges of a connection that is open",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks.concat()),
            Step::Broker(0, answer.clone()),
            // In the middle of the second response the request still is in flight.
            Step::Broker(0, heartbeat_told(1, 2, 0, 0)[..9].to_vec()),
        ],
        expected: open_connections(1)
            + &sent("Heartbeat", 1, &views(&asks))
            + &format!(
                "responses_total{{request=Heartbeat}} 1
                 response_bytes_total{{request=Heartbeat}} {}
                 request_duration_microseconds{{request=Heartbeat}} 1
                 requests_in_flight 2
                 in_flight_request_bytes{{request=Heartbeat}} {}",
                answer.len(),
                asks[1].len() + asks[2].len()
            ),
    }
}

/// Version 0 has the one request header without a client id.
fn controlled_shutdown() -> Case {
    let ask = Wire::default().i16(7).i16(0).i32(1).i32(3).frame();
    let answer = response(1, false).i16(0).array(0).frame();
    let (versions, told) = (api_versions(0, 2), api_versions_told(0, 2, 0));
    Case {
        name: "ControlledShutdown v0",
        config: "",
        steps: talk(&[(&ask, &answer), (&versions, &told)]),
        expected: connections(1)
            + &exchanges("ControlledShutdown", 0, &[&ask], &[&answer])
            + &exchanges("ApiVersions", 0, &[&versions], &[&told]),
    }
}

fn views(frames: &[Vec<u8>]) -> Vec<&[u8]> {
    frames.iter().map(Vec::as_slice).collect()
}

fn size(frames: &[Vec<u8>]) -> usize {
    frames.iter().map(Vec::len).sum()
}
