//! What cannot be decoded: other protocols, bytes against their schema, sides out of step. The
//! connection is given up once, with its reason, and counts nothing more.

use crate::support::lines::{connections, exchanges, sent};
use crate::support::messages::{
    Topic, fetch, fetched, heartbeat, heartbeat_told, produce, records,
};
use crate::support::play::{Case, Step};
use crate::support::random::Random;
use crate::support::wire::{Wire, batch, framed, request, response};

pub fn cases() -> Vec<Case> {
    let mut cases = other_protocols();
    cases.extend(first_frames());
    cases.extend(malformed_requests());
    cases.extend(malformed_responses());
    cases.extend(out_of_step());
    cases.push(limit_of_the_walk("as many topics as are walked", 5_460, 5_460));
    cases.push(limit_of_the_walk("more topics than are walked", 6_000, 5_460));
    cases
}

/// The first bytes of a client decide; neither the rest nor an answer is looked at.
fn other_protocols() -> Vec<Case> {
    let mut hello = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    hello.extend([0x42; 512]);
    let mut proxy_v2 = b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a\x21\x11\x00\x0c".to_vec();
    proxy_v2.extend([127, 0, 0, 1, 127, 0, 0, 1, 0x1f, 0x90, 0x23, 0x84]);
    let noise = Random::new(4).bytes(300);
    vec![
        given_up("TLS", "tls", hello),
        given_up("HTTP/1.1", "not_kafka", b"GET /metrics HTTP/1.1\r\nHost: kafka\r\n\r\n".to_vec()),
        given_up("HTTP/2", "not_kafka", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        given_up(
            "PROXY protocol v1",
            "not_kafka",
            [b"PROXY TCP4 10.0.0.1 10.0.0.2 5000 9092\r\n".to_vec(), heartbeat(1, 1)].concat(),
        ),
        given_up("PROXY protocol v2", "not_kafka", [proxy_v2, heartbeat(1, 1)].concat()),
        given_up("ZooKeeper", "not_kafka", zookeeper(0, 0, true)),
        given_up("ZooKeeper before 3.4", "not_kafka", zookeeper(0, 0, false)),
        given_up(
            "ZooKeeper, reconnecting",
            "not_kafka",
            zookeeper(77, 0x1000_2000_3000_4000, true),
        ),
        given_up("SSH", "not_kafka", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        given_up("noise", "not_kafka", noise),
        given_up("zeroes", "not_kafka", vec![0; 64]),
        given_up("ones", "not_kafka", vec![0xff; 64]),
    ]
}

fn zookeeper(last_zxid: i64, session: i64, read_only_flag: bool) -> Vec<u8> {
    Wire::default()
        .i32(0)
        .i64(last_zxid)
        .i32(30_000)
        .i64(session)
        .i32(16)
        .raw(&[0; 16])
        .when(read_only_flag, |wire| wire.i8(0))
        .frame()
}

fn first_frames() -> Vec<Case> {
    let header = |key: i16, version: i16| {
        Wire::default().i16(key).i16(version).i32(1).i16(-1).raw(&[0; 20]).frame()
    };
    let client_id = |id: &[u8]| {
        let length = i16::try_from(id.len()).unwrap();
        Wire::default().i16(18).i16(0).i32(1).i16(length).raw(id).frame()
    };
    vec![
        given_up("a frame of no bytes", "not_kafka", framed(b"")),
        given_up("a frame too short for a header", "not_kafka", framed(&[0, 18, 0, 0, 0, 0, 0])),
        given_up(
            "a frame of 100 MiB and one byte",
            "not_kafka",
            vec![0x06, 0x40, 0x00, 0x01, 0, 18],
        ),
        given_up("a first key that no table has", "not_kafka", header(93, 0)),
        given_up("a first key below zero", "not_kafka", header(-1, 0)),
        given_up("a first version below zero", "not_kafka", header(18, -1)),
        given_up("a first version far ahead", "not_kafka", header(18, 13)),
        given_up("a client id with control characters", "not_kafka", client_id(b"a\x01b")),
        given_up("a client id that is no UTF-8", "not_kafka", client_id(b"a\xff\xfeb")),
        given_up(
            "a client id longer than the frame",
            "not_kafka",
            Wire::default().i16(18).i16(0).i32(1).i16(500).raw(b"abc").frame(),
        ),
        given_up(
            "a first Produce against its schema",
            "not_kafka",
            request(0, 3, 1, false).raw(&[0x55; 30]).frame(),
        ),
        server_first(),
    ]
}

/// The broker speaks first: Kafka's never does.
fn server_first() -> Case {
    Case {
        name: "a server that speaks first",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Broker(0, b"220 mail.example ESMTP\r\n".to_vec()),
            Step::Client(0, heartbeat(1, 1)),
            Step::Close(0),
        ],
        expected: connections(1) + "connections_opaque_total{reason=not_kafka} 1",
    }
}

/// A connection whose first bytes make it opaque: what follows, Kafka or not, is not looked at.
fn given_up(name: &'static str, reason: &str, first: Vec<u8>) -> Case {
    Case {
        name,
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, first),
            Step::Broker(0, heartbeat_told(1, 1, 0, 0)),
            Step::Client(0, heartbeat(1, 1)),
            Step::Close(0),
        ],
        expected: connections(1) + &format!("connections_opaque_total{{reason={reason}}} 1"),
    }
}

/// A connection that has proved itself, then a request against its schema.
fn malformed_requests() -> Vec<Case> {
    let set = batch(1).bytes();
    let orders = Topic::Name("orders");
    let produce_with = |write: fn(Wire) -> Wire| write(request(0, 3, 2, false)).frame();
    let flexible_with = |write: fn(Wire) -> Wire| write(request(0, 9, 2, true)).frame();
    let cut = |frame: Vec<u8>, size: usize| framed(&frame[4..size]);
    vec![
        broken_request("a frame size of zero", None, vec![0, 0, 0, 0]),
        broken_request("a frame size below zero", None, vec![0xff, 0xff, 0xff, 0xff]),
        broken_request("a frame without a whole header", None, framed(&[0, 12, 0, 1])),
        broken_request(
            "an API key below zero",
            None,
            framed(&[0xff, 0xfe, 0, 0, 0, 0, 0, 2, 0, 0]),
        ),
        broken_request(
            "a version below zero",
            None,
            framed(&[0, 12, 0xff, 0xff, 0, 0, 0, 2, 0, 0]),
        ),
        broken_request(
            "a client id that ends behind the frame",
            Some(("Produce", 3)),
            framed(&[0, 0, 0, 3, 0, 0, 0, 2, 0x7f, 0xff, b'a']),
        ),
        broken_request(
            "a client id with a length below null",
            Some(("Produce", 3)),
            framed(&[0, 0, 0, 3, 0, 0, 0, 2, 0xff, 0xfe, b'a']),
        ),
        broken_request(
            "a frame that ends in the header",
            Some(("Produce", 3)),
            framed(&[0, 0, 0, 3, 0, 0, 0, 2, 0]),
        ),
        broken_request(
            "more topics than the frame has bytes",
            Some(("Produce", 3)),
            produce_with(|wire| wire.null_text().i16(1).i32(1).i32(i32::MAX)),
        ),
        broken_request(
            "fewer topics than none",
            Some(("Produce", 3)),
            produce_with(|wire| wire.null_text().i16(1).i32(1).i32(-2)),
        ),
        broken_request(
            "null where topics belong",
            Some(("Produce", 3)),
            produce_with(|wire| wire.null_text().i16(1).i32(1).i32(-1)),
        ),
        broken_request(
            "a topic name with a negative length",
            Some(("Produce", 3)),
            produce_with(|wire| wire.null_text().i16(1).i32(1).array(1).i16(-7).raw(&[0; 30])),
        ),
        broken_request(
            "a record set longer than the frame",
            Some(("Produce", 3)),
            produce_with(|wire| {
                let wire = wire.null_text().i16(1).i32(1).array(1).text("orders").array(1);
                wire.i32(0).i32(1_000).raw(&[0; 30])
            }),
        ),
        broken_request(
            "a varint of more than 32 bits",
            Some(("Produce", 9)),
            flexible_with(|wire| wire.raw(&[0xff; 30])),
        ),
        broken_request(
            "a tagged field longer than the frame",
            Some(("Produce", 9)),
            flexible_with(|wire| {
                wire.null_text().i16(1).i32(1).array(0).varint(1).varint(0).varint(100).raw(&[0; 9])
            }),
        ),
        broken_request(
            "more tagged fields than the frame has bytes",
            Some(("Produce", 9)),
            flexible_with(|wire| wire.null_text().i16(1).i32(1).array(0).varint(900).raw(&[0; 9])),
        ),
        broken_request(
            "a Fetch that ends before its first field does",
            Some(("FetchConsumer", 11)),
            cut(fetch(11, 2, -1, &[orders]), 4 + 8 + 10 + 3),
        ),
        broken_request(
            "a Produce that ends before its records",
            Some(("Produce", 3)),
            cut(produce(3, 2, -1, &[(orders, vec![set.clone()])]), 50),
        ),
    ]
}

fn broken_request(name: &'static str, header: Option<(&str, i16)>, bytes: Vec<u8>) -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let counted = match header {
        Some((request, version)) => format!(
            "requests_total{{request={request},api_version={version}}} 1
             in_flight_evicted_total 1
             undecoded_messages_total{{reason=malformed,request={request}}} 1\n"
        ),
        None => String::new(),
    };
    Case {
        name,
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, beat.clone()),
            Step::Broker(0, beaten.clone()),
            Step::Client(0, bytes),
            Step::Client(0, heartbeat(1, 3)),
            Step::Broker(0, heartbeat_told(1, 3, 0, 0)),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + &counted
            + "connections_opaque_total{reason=malformed} 1",
    }
}

fn malformed_responses() -> Vec<Case> {
    let answer = |write: fn(Wire) -> Wire| write(response(1, false)).frame();
    let whole = fetched(11, 1, &[(Topic::Name("orders"), vec![records(batch(1).bytes())])]);
    vec![
        broken_response("a response of zero bytes", false, vec![0, 0, 0, 0]),
        broken_response("a response of fewer bytes than none", false, vec![0x80, 0, 0, 0]),
        broken_response("a response without a whole header", false, framed(&[0, 0, 0])),
        broken_response(
            "a response that ends in the header's last byte",
            true,
            framed(&[0, 0, 0, 1]),
        ),
        broken_response(
            "more topics than the response has bytes",
            true,
            answer(|wire| wire.i32(0).i16(0).i32(0).i32(1_000_000).raw(&[0; 20])),
        ),
        broken_response(
            "null where topics belong in a response",
            true,
            answer(|wire| wire.i32(0).i16(0).i32(0).i32(-1)),
        ),
        broken_response(
            "a response that ends in mid-topic",
            true,
            framed(&whole[4..whole.len() - 9]),
        ),
    ]
}

/// Two Fetch requests; the first answer is broken.
fn broken_response(name: &'static str, begun: bool, bytes: Vec<u8>) -> Case {
    let asks = [fetch(11, 1, -1, &[]), fetch(11, 2, -1, &[])];
    let undecoded = if begun {
        "undecoded_messages_total{reason=malformed,request=FetchConsumer} 1\n"
    } else {
        ""
    };
    Case {
        name,
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, asks.concat()),
            Step::Broker(0, bytes),
            Step::Client(0, fetch(11, 3, -1, &[])),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("FetchConsumer", 11, &[&asks[0], &asks[1]])
            + undecoded
            + "in_flight_evicted_total 2
               connections_opaque_total{reason=malformed} 1",
    }
}

fn out_of_step() -> Vec<Case> {
    let asks = [heartbeat(1, 1), heartbeat(1, 2)];
    let first = heartbeat_told(1, 1, 0, 0);
    let strange = Wire::default().i16(0).i16(15).i32(3).i16(-1).frame();
    vec![
        Case {
            name: "a response with the id of another request",
            config: "",
            steps: vec![
                Step::Open(0, 0),
                Step::Client(0, asks.concat()),
                Step::Broker(0, heartbeat_told(1, 2, 0, 0)),
                Step::Broker(0, first.clone()),
                Step::Close(0),
            ],
            expected: connections(1)
                + &sent("Heartbeat", 1, &[&asks[0], &asks[1]])
                + "in_flight_evicted_total 2
                   connections_opaque_total{reason=desync} 1",
        },
        Case {
            name: "a response too many",
            config: "",
            steps: vec![
                Step::Open(0, 0),
                Step::Client(0, asks[0].clone()),
                Step::Broker(0, first.clone()),
                Step::Broker(0, first.clone()),
                Step::Close(0),
            ],
            expected: connections(1)
                + &exchanges("Heartbeat", 1, &[&asks[0]], &[&first])
                + "connections_opaque_total{reason=desync} 1",
        },
        Case {
            name: "a response out of step behind a produce that perhaps gets none",
            config: "",
            steps: vec![
                Step::Open(0, 0),
                Step::Client(0, [strange.clone(), asks[0].clone()].concat()),
                Step::Broker(0, heartbeat_told(1, 99, 0, 0)),
                Step::Close(0),
            ],
            expected: connections(1)
                + &sent("Produce", 15, &[&strange])
                + &sent("Heartbeat", 1, &[&asks[0]])
                + "undecoded_messages_total{reason=unknown_api_version,request=Produce} 1
                   label_values{label=api_version} 1
                   in_flight_evicted_total 2
                   connections_opaque_total{reason=desync} 1",
        },
        Case {
            name: "a response before the request is whole",
            config: "",
            steps: vec![
                Step::Open(0, 0),
                Step::Client(0, asks[0].clone()),
                Step::Broker(0, first.clone()),
                Step::Client(0, asks[1][..15].to_vec()),
                Step::Broker(0, heartbeat_told(1, 2, 0, 0)),
                Step::Close(0),
            ],
            expected: connections(1)
                + &format!(
                    "requests_total{{request=Heartbeat,api_version=1}} 2
                     request_bytes_total{{request=Heartbeat}} {}
                     responses_total{{request=Heartbeat}} 1
                     response_bytes_total{{request=Heartbeat}} {}
                     request_duration_microseconds{{request=Heartbeat}} 1
                     in_flight_evicted_total 1
                     connections_opaque_total{{reason=desync}} 1",
                    asks[0].len(),
                    first.len()
                ),
        },
    ]
}

/// Of a message only so many bytes are read. 65,536 suffice for 4 of the throttle time, 4 of the
/// count of topics, and 12 of each of 5,460 topics: 2 + 6 of the name, 4 of the count of partitions.
fn limit_of_the_walk(name: &'static str, topics: usize, read: usize) -> Case {
    let ask = fetch(4, 2, -1, &[]);
    let answer = fetched(4, 2, &vec![(Topic::Name("orders"), vec![]); topics]);
    let (beat, beaten) = (heartbeat(1, 3), heartbeat_told(1, 3, 0, 0));
    let over = if topics > read {
        "undecoded_messages_total{reason=over_limit,request=FetchConsumer} 1\n"
    } else {
        ""
    };
    Case {
        name,
        config: r#"{"limits": {"walk_size_bytes": 65536}}"#,
        steps: super::talk(&[(&ask, &answer), (&beat, &beaten)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 4, &[&ask], &[&answer])
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + over
            // No partition of theirs was answered without error, so they have no name.
            + &format!(
                "topic_request_duration_microseconds{{topic=__other__,request=FetchConsumer}} {read}
                 label_values_overflowed_total{{label=topic}} {read}"
            ),
    }
}
