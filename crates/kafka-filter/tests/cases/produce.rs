//! What is produced: records, bytes, batches, codecs, acknowledgements, errors.

use super::talk;
use crate::support::lines::{connections, exchanges, sent};
use crate::support::messages::{
    NOT_LEADER, Topic, UNKNOWN_TOPIC, heartbeat, heartbeat_told, metadata, produce, produced,
    produced_elsewhere, told,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{
    GZIP, LZ4, SNAPPY, TRANSACTIONAL, Wire, ZSTD, batch, old_message, request,
};

const ORDERS: Topic = Topic::Name("orders");

pub fn cases() -> Vec<Case> {
    vec![
        by_name("produce v3 by name", 3),
        by_name("produce v7 by name", 7),
        by_name("produce v9, the first flexible one", 9),
        by_name("produce v12 by name", 12),
        by_id(),
        by_an_unknown_id(),
        every_codec(),
        several_topics_and_partitions(),
        old_message_sets(),
        odd_record_sets(),
        pipelined_to_a_new_topic(),
        without_acknowledgement(),
        refused(),
        partly_refused(),
        moved_leader(),
        throttled(),
        unanswered_unknown_version(),
        answered_unknown_version(),
    ]
}

fn by_name(name: &'static str, version: i16) -> Case {
    let set = [batch(3).bytes(), batch(2).attributes(GZIP | TRANSACTIONAL).bytes()].concat();
    let ask = produce(version, 1, -1, &[(ORDERS, vec![set.clone()])]);
    let answer = produced(version, 1, &[(ORDERS, &[0])], 0);
    Case {
        name,
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", version, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 5
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 1
                 topic_produced_batches_total{{topic=orders,compression=gzip}} 1
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

/// The client asked for metadata on another connection, which another worker handles.
fn by_id() -> Case {
    let set = batch(4).attributes(ZSTD).bytes();
    let ask_metadata = metadata(12, 9, &["orders"]).frame();
    let tell = told(12, 9, &[(0, "orders", 7)]);
    let ask = produce(13, 1, 1, &[(Topic::Id(7), vec![set.clone()])]);
    let answer = produced(13, 1, &[(Topic::Id(7), &[0])], 0);
    Case {
        name: "produce v13 by an id that another worker learnt",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Open(1, 1),
            Step::Client(0, ask_metadata.clone()),
            Step::Broker(0, tell.clone()),
            Step::Client(1, ask.clone()),
            Step::Broker(1, answer.clone()),
            Step::Close(0),
            Step::Close(1),
        ],
        expected: connections(2)
            + &exchanges("Metadata", 12, &[&ask_metadata], &[&tell])
            + &exchanges("Produce", 13, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 4
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=zstd}} 1
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

fn by_an_unknown_id() -> Case {
    let set = batch(4).bytes();
    let ask = produce(13, 1, 1, &[(Topic::Id(8), vec![set.clone()])]);
    let answer = produced(13, 1, &[(Topic::Id(8), &[0])], 0);
    Case {
        name: "produce v13 by an id that nobody has told",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 13, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=__unresolved__}} 4
                 topic_produced_bytes_total{{topic=__unresolved__}} {}
                 topic_produced_batches_total{{topic=__unresolved__,compression=none}} 1
                 topic_request_duration_microseconds{{topic=__unresolved__,request=Produce}} 1",
                set.len()
            ),
    }
}

fn every_codec() -> Case {
    let set: Vec<u8> = [0, GZIP, SNAPPY, LZ4, ZSTD]
        .iter()
        .flat_map(|&codec| batch(10).attributes(codec).payload(200).bytes())
        .collect();
    let ask = produce(9, 1, -1, &[(ORDERS, vec![set.clone()])]);
    let answer = produced(9, 1, &[(ORDERS, &[0])], 0);
    Case {
        name: "batches of every codec",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 9, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 50
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 1
                 topic_produced_batches_total{{topic=orders,compression=gzip}} 1
                 topic_produced_batches_total{{topic=orders,compression=snappy}} 1
                 topic_produced_batches_total{{topic=orders,compression=lz4}} 1
                 topic_produced_batches_total{{topic=orders,compression=zstd}} 1
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

fn several_topics_and_partitions() -> Case {
    let (one, two, three) = (batch(1).bytes(), batch(2).bytes(), batch(3).payload(9).bytes());
    let audit = Topic::Name("audit");
    let ask = produce(
        9,
        1,
        -1,
        &[(ORDERS, vec![one.clone(), two.clone()]), (audit, vec![three.clone(), vec![]])],
    );
    let answer = produced(9, 1, &[(ORDERS, &[0, 0]), (audit, &[0, 0])], 0);
    Case {
        name: "a request with two topics of two partitions each",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 9, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 3
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 2
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 topic_produced_records_total{{topic=audit}} 3
                 topic_produced_bytes_total{{topic=audit}} {}
                 topic_produced_batches_total{{topic=audit,compression=none}} 1
                 topic_request_duration_microseconds{{topic=audit,request=Produce}} 1
                 label_values{{label=topic}} 2",
                one.len() + two.len(),
                three.len()
            ),
    }
}

/// Produce v2 carries messages of magic 0 or 1; a compressed one hides how many are inside.
fn old_message_sets() -> Case {
    let set =
        [old_message(0, 0, b"a"), old_message(1, 0, b"bb"), old_message(1, 2, &[7; 300])].concat();
    let ask = request(0, 2, 5, false)
        .i16(1)
        .i32(1_000)
        .array(1)
        .text("orders")
        .array(1)
        .i32(0)
        .bytes(&set)
        .frame();
    let answer = produced(2, 5, &[(ORDERS, &[0])], 0);
    Case {
        name: "old message sets, each outer message one record and one batch",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 2, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 3
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 2
                 topic_produced_batches_total{{topic=orders,compression=snappy}} 1
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

/// What a record set holds is the peers' business: it never makes a connection opaque.
fn odd_record_sets() -> Case {
    let negative_count = batch(-5).bytes();
    let mut unknown_magic = batch(3).bytes();
    unknown_magic[16] = 9;
    let mut huge_length = batch(3).bytes();
    huge_length[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let mut negative_length = batch(3).bytes();
    negative_length[8..12].copy_from_slice(&(-1_i32).to_be_bytes());
    let short = batch(3).bytes()[..16].to_vec();
    let noise = vec![0xff; 100];
    let sets = vec![
        negative_count,
        unknown_magic,
        huge_length,
        negative_length,
        short,
        noise,
        vec![0; 17],
    ];
    let bytes: usize = sets.iter().map(Vec::len).sum();
    let ask = produce(8, 1, -1, &[(ORDERS, sets)]);
    let answer = produced(8, 1, &[(ORDERS, &[0; 7])], 0);
    Case {
        name: "record sets that hold no whole batch, and one that counts below zero",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 8, &[&ask], &[&answer])
            + &format!(
                "topic_produced_bytes_total{{topic=orders}} {bytes}
                 topic_produced_batches_total{{topic=orders,compression=none}} 1
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 label_values{{label=topic}} 1"
            ),
    }
}

/// What waits for the topic's name is added up until the first response confirms it.
fn pipelined_to_a_new_topic() -> Case {
    let set = batch(2).bytes();
    let asks = [1, 2, 3].map(|id| produce(9, id, -1, &[(ORDERS, vec![set.clone()])]));
    let answers = [1, 2, 3].map(|id| produced(9, id, &[(ORDERS, &[0])], 0));
    Case {
        name: "three requests to a topic before it is confirmed",
        config: "",
        steps: talk(&[(&asks.concat(), &answers.concat())]),
        expected: connections(1)
            + &exchanges(
                "Produce",
                9,
                &asks.each_ref().map(Vec::as_slice),
                &answers.each_ref().map(Vec::as_slice),
            )
            + &format!(
                "topic_produced_records_total{{topic=orders}} 6
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 3
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 3
                 label_values{{label=topic}} 1",
                3 * set.len()
            ),
    }
}

/// The first topic is known to be real, the second only to the client.
fn without_acknowledgement() -> Case {
    let set = batch(6).bytes();
    let ask_metadata = metadata(1, 1, &["orders"]).frame();
    let tell = told(1, 1, &[(0, "orders", 0)]);
    let known = produce(7, 2, 0, &[(ORDERS, vec![set.clone()])]);
    let wished = produce(7, 3, 0, &[(Topic::Name("wished"), vec![set.clone()])]);
    let beat = heartbeat(1, 4);
    let beaten = heartbeat_told(1, 4, 0, 0);
    Case {
        name: "produce with acks=0 is not awaited",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, ask_metadata.clone()),
            Step::Broker(0, tell.clone()),
            Step::Client(0, [known.clone(), wished.clone(), beat.clone()].concat()),
            Step::Broker(0, beaten.clone()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("Metadata", 1, &[&ask_metadata], &[&tell])
            + &sent("Produce", 7, &[&known, &wished])
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + &format!(
                "unacknowledged_requests_total 2
                 topic_produced_records_total{{topic=orders}} 6
                 topic_produced_bytes_total{{topic=orders}} {0}
                 topic_produced_batches_total{{topic=orders,compression=none}} 1
                 topic_produced_records_total{{topic=__other__}} 6
                 topic_produced_bytes_total{{topic=__other__}} {0}
                 topic_produced_batches_total{{topic=__other__,compression=none}} 1
                 label_values{{label=topic}} 1
                 label_values_overflowed_total{{label=topic}} 1",
                set.len()
            ),
    }
}

/// A topic that the broker does not know never becomes a label value.
fn refused() -> Case {
    let set = batch(6).bytes();
    let wished = Topic::Name("wished");
    let ask = produce(5, 1, -1, &[(wished, vec![set.clone()])]);
    let answer = produced(5, 1, &[(wished, &[UNKNOWN_TOPIC])], 0);
    Case {
        name: "a produce that the broker refuses names no topic",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 5, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=__other__}} 6
                 topic_produced_bytes_total{{topic=__other__}} {}
                 topic_produced_batches_total{{topic=__other__,compression=none}} 1
                 topic_request_duration_microseconds{{topic=__other__,request=Produce}} 1
                 response_errors_total{{request=Produce,error=UNKNOWN_TOPIC_OR_PARTITION}} 1
                 topic_errors_total{{topic=__other__,request=Produce,error=UNKNOWN_TOPIC_OR_PARTITION}} 1
                 label_values_overflowed_total{{label=topic}} 1",
                set.len()
            ),
    }
}

fn partly_refused() -> Case {
    let set = batch(1).bytes();
    let ask = produce(9, 1, -1, &[(ORDERS, vec![set.clone(), set.clone(), set.clone()])]);
    let answer = produced(9, 1, &[(ORDERS, &[10, 0, 10])], 0);
    Case {
        name: "one accepted partition makes the topic real",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 9, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 3
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 3
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 1
                 response_errors_total{{request=Produce,error=MESSAGE_TOO_LARGE}} 2
                 topic_errors_total{{topic=orders,request=Produce,error=MESSAGE_TOO_LARGE}} 2
                 label_values{{label=topic}} 1",
                3 * set.len()
            ),
    }
}

/// The broker names the new leader in tagged fields (KIP-951).
fn moved_leader() -> Case {
    let set = batch(1).bytes();
    let first = produce(10, 1, -1, &[(ORDERS, vec![set.clone()])]);
    let accepted = produced(10, 1, &[(ORDERS, &[0])], 0);
    let second = produce(10, 2, -1, &[(ORDERS, vec![set.clone()])]);
    let moved = produced_elsewhere(10, 2, &[(ORDERS, &[NOT_LEADER])]);
    Case {
        name: "produce v10 to a leader that moved",
        config: "",
        steps: talk(&[(&first, &accepted), (&second, &moved)]),
        expected: connections(1)
            + &exchanges("Produce", 10, &[&first, &second], &[&accepted, &moved])
            + &format!(
                "topic_produced_records_total{{topic=orders}} 2
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 2
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 2
                 response_errors_total{{request=Produce,error=NOT_LEADER_OR_FOLLOWER}} 1
                 topic_errors_total{{topic=orders,request=Produce,error=NOT_LEADER_OR_FOLLOWER}} 1
                 label_values{{label=topic}} 1",
                2 * set.len()
            ),
    }
}

/// In Produce the throttle time is the last field.
fn throttled() -> Case {
    let set = batch(1).bytes();
    let asks: Vec<Vec<u8>> =
        (1..=3).map(|id| produce(9, id, -1, &[(ORDERS, vec![set.clone()])])).collect();
    let answers: Vec<Vec<u8>> = [(1, 250), (2, 0), (3, 30)]
        .map(|(id, throttle_ms)| produced(9, id, &[(ORDERS, &[0])], throttle_ms))
        .to_vec();
    let asked: Vec<&[u8]> = asks.iter().map(Vec::as_slice).collect();
    let answered: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let pairs: Vec<(&[u8], &[u8])> = asked.iter().copied().zip(answered.iter().copied()).collect();
    Case {
        name: "throttled producers",
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("Produce", 9, &asked, &answered)
            + &format!(
                "throttled_responses_total{{request=Produce}} 2
                 throttle_time_milliseconds_total{{request=Produce}} 280
                 topic_produced_records_total{{topic=orders}} 3
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 3
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 3
                 label_values{{label=topic}} 1",
                3 * set.len()
            ),
    }
}

fn unknown_version(correlation_id: i32) -> Vec<u8> {
    Wire::default().i16(0).i16(15).i32(correlation_id).i16(-1).raw(&[0xee; 60]).frame()
}

/// Whether an unknown version asked for no acknowledgement shows when the next response is not its.
fn unanswered_unknown_version() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let strange = unknown_version(2);
    let (beat_2, beaten_2) = (heartbeat(1, 3), heartbeat_told(1, 3, 0, 0));
    Case {
        name: "a produce of an unknown version without a response",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, beat.clone()),
            Step::Broker(0, beaten.clone()),
            Step::Client(0, strange.clone()),
            Step::Client(0, beat_2.clone()),
            Step::Broker(0, beaten_2.clone()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &[&beat, &beat_2], &[&beaten, &beaten_2])
            + &sent("Produce", 15, &[&strange])
            + "unacknowledged_requests_total 1
               undecoded_messages_total{reason=unknown_api_version,request=Produce} 1
               label_values{label=api_version} 1",
    }
}

fn answered_unknown_version() -> Case {
    let strange = unknown_version(2);
    let answer = Wire::default().i32(2).raw(&[0xdd; 80]).frame();
    Case {
        name: "a produce of an unknown version with a response",
        config: "",
        steps: talk(&[(&strange, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 15, &[&strange], &[&answer])
            + "undecoded_messages_total{reason=unknown_api_version,request=Produce} 1
               label_values{label=api_version} 1",
    }
}
