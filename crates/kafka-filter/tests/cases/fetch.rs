//! What is fetched, and by whom: consumers, followers, control batches, batches cut off.

use super::talk;
use crate::support::lines::{connections, exchanges};
use crate::support::messages::{
    FetchResponse, Fetched, NOT_LEADER, Topic, failed, fetch, fetched, metadata, records, told,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{
    CONTROL, LZ4, TRANSACTIONAL, Wire, batch, flexible_part, old_message, response,
};

const ORDERS: Topic = Topic::Name("orders");

pub fn cases() -> Vec<Case> {
    vec![
        by_name("fetch v4 by name", 4),
        by_name("fetch v7 with a session", 7),
        by_name("fetch v11 by name", 11),
        by_name("fetch v12, the first flexible one", 12),
        by_id("fetch v13 by id", 13),
        by_id("fetch v16 by id", 16),
        by_id("fetch v18 by id", 18),
        by_an_unknown_id(),
        follower("fetch v11 by a follower", 11),
        follower("fetch v15 by a follower, which says so in a tagged field", 15),
        without_news(),
        session_lost(),
        control_batches(),
        cut_off_batches(),
        old_messages(),
        moved_leader(),
        throttled(),
        tagged_fields_of_the_future(),
    ]
}

fn by_name(name: &'static str, version: i16) -> Case {
    let set = [batch(3).bytes(), batch(20).attributes(LZ4).payload(900).bytes()].concat();
    let ask = fetch(version, 3, -1, &[ORDERS]);
    let answer = fetched(version, 3, &[(ORDERS, vec![records(set.clone()), records(vec![])])]);
    Case {
        name,
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", version, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 23
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_fetched_batches_total{{topic=orders,compression=lz4}} 1
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

fn by_id(name: &'static str, version: i16) -> Case {
    let set = batch(3).bytes();
    let ask_metadata = metadata(12, 3, &["orders", "audit"]).frame();
    let tell = told(12, 3, &[(0, "orders", 1), (0, "audit", 2)]);
    let (orders, audit) = (Topic::Id(1), Topic::Id(2));
    let ask = fetch(version, 3, -1, &[orders, audit]);
    let answer = fetched(
        version,
        3,
        &[(orders, vec![records(set.clone())]), (audit, vec![records(set.clone()); 2])],
    );
    Case {
        name,
        config: "",
        steps: vec![
            Step::Open(0, 1),
            Step::Client(0, ask_metadata.clone()),
            Step::Broker(0, tell.clone()),
            Step::Close(0),
            Step::Open(1, 0),
            Step::Client(1, ask.clone()),
            Step::Broker(1, answer.clone()),
            Step::Close(1),
        ],
        expected: connections(2)
            + &exchanges("Metadata", 12, &[&ask_metadata], &[&tell])
            + &exchanges("FetchConsumer", version, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 3
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 topic_fetched_records_total{{topic=audit}} 6
                 topic_fetched_bytes_total{{topic=audit}} {}
                 topic_fetched_batches_total{{topic=audit,compression=none}} 2
                 topic_request_duration_microseconds{{topic=audit,request=FetchConsumer}} 1
                 label_values{{label=topic}} 2",
                set.len(),
                2 * set.len()
            ),
    }
}

/// UNKNOWN_TOPIC_ID: the broker does not know it either.
fn by_an_unknown_id() -> Case {
    let strange = Topic::Id(0xee);
    let ask = fetch(13, 3, -1, &[strange]);
    let answer = fetched(13, 3, &[(strange, vec![failed(100)])]);
    Case {
        name: "fetch v13 by an id that nobody has told",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 13, &[&ask], &[&answer])
            + "topic_request_duration_microseconds{topic=__unresolved__,request=FetchConsumer} 1
               response_errors_total{request=FetchConsumer,error=UNKNOWN_TOPIC_ID} 1
               topic_errors_total{topic=__unresolved__,request=FetchConsumer,error=UNKNOWN_TOPIC_ID} 1",
    }
}

/// What brokers replicate is no consumer's: neither records nor times are counted for the topic.
fn follower(name: &'static str, version: i16) -> Case {
    let topic = if version >= 13 { Topic::Id(1) } else { ORDERS };
    let ask = fetch(version, 3, 2, &[topic]);
    let answer = fetched(version, 3, &[(topic, vec![records(batch(3).bytes())])]);
    let label_values = if version >= 13 { "" } else { "label_values{label=topic} 1" };
    Case {
        name,
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchFollower", version, &[&ask], &[&answer])
            + label_values,
    }
}

fn without_news() -> Case {
    let ask = fetch(12, 3, -1, &[]);
    let answer = fetched(12, 3, &[]);
    Case {
        name: "an incremental fetch without news",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1) + &exchanges("FetchConsumer", 12, &[&ask], &[&answer]),
    }
}

/// An error at the top belongs to no topic.
fn session_lost() -> Case {
    let ask = fetch(11, 3, -1, &[]);
    let answer =
        FetchResponse { version: 11, correlation_id: 3, throttle_ms: 0, error: 70, topics: &[] };
    let answer = answer.frame();
    Case {
        name: "a fetch session that the broker forgot",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &[&ask], &[&answer])
            + "response_errors_total{request=FetchConsumer,error=FETCH_SESSION_ID_NOT_FOUND} 1",
    }
}

fn control_batches() -> Case {
    let user = batch(5).attributes(TRANSACTIONAL).bytes();
    let marker = batch(1).attributes(TRANSACTIONAL | CONTROL).payload(10).bytes();
    let set = [marker.clone(), user.clone(), marker.clone()].concat();
    let ask = fetch(11, 3, -1, &[ORDERS]);
    let answer = fetched(11, 3, &[(ORDERS, vec![records(set), records(marker)])]);
    Case {
        name: "transaction markers are no user's records",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 5
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 label_values{{label=topic}} 1",
                user.len()
            ),
    }
}

/// A broker sends as many bytes as were asked for, and so cuts the last batch anywhere.
fn cut_off_batches() -> Case {
    let whole = batch(5).bytes();
    let partitions: Vec<Fetched> = [1, 8, 16, 17, 60, 61, 62, whole.len() - 1, whole.len()]
        .iter()
        .map(|&size| records([whole.as_slice(), &whole[..size]].concat()))
        .collect();
    let count = partitions.len() + 1;
    let ask = fetch(11, 3, -1, &[ORDERS]);
    let answer = fetched(11, 3, &[(ORDERS, partitions)]);
    Case {
        name: "the last batch is cut off",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} {}
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} {count}
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 label_values{{label=topic}} 1",
                5 * count,
                count * whole.len()
            ),
    }
}

fn old_messages() -> Case {
    let message = old_message(1, 0, b"old");
    let set = [message.as_slice(), &old_message(0, 1, &[9; 50]), &message[..20]].concat();
    let ask = fetch(4, 3, -1, &[ORDERS]);
    let answer = fetched(4, 3, &[(ORDERS, vec![records(set.clone())])]);
    Case {
        name: "an old log, its last message cut off",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 4, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 2
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_fetched_batches_total{{topic=orders,compression=gzip}} 1
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 label_values{{label=topic}} 1",
                set.len() - 20
            ),
    }
}

/// The answer names the new leader, and its address in a tagged field (KIP-951).
fn moved_leader() -> Case {
    let ask = fetch(16, 3, -1, &[Topic::Id(1)]);
    let answer = fetched(16, 3, &[(Topic::Id(1), vec![failed(NOT_LEADER), failed(NOT_LEADER)])]);
    let (topic, error) = ("topic=__unresolved__", "error=NOT_LEADER_OR_FOLLOWER");
    Case {
        name: "fetch v16 from a leader that moved",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 16, &[&ask], &[&answer])
            + &format!(
                "topic_request_duration_microseconds{{{topic},request=FetchConsumer}} 1
                 response_errors_total{{request=FetchConsumer,{error}}} 2
                 topic_errors_total{{{topic},request=FetchConsumer,{error}}} 2"
            ),
    }
}

/// A known tagged field may be longer than is known of it, and others may be unknown (KIP-482).
fn tagged_fields_of_the_future() -> Case {
    let set = batch(3).bytes();
    let partition =
        |wire: Wire, error| wire.i32(0).i16(error).i64(9).i64(9).i64(0).null_array().i32(-1);
    let leader = flexible_part().i32(2).i32(7).end().raw(&[9, 9, 9]);
    let wire = response(3, true).i32(0).i16(0).i32(0).array(1).text("orders").array(2);
    let wire = partition(wire, NOT_LEADER).null_array();
    let wire = wire.end_with(&[(1, leader), (77, flexible_part().raw(&[8; 5]))]);
    let answer = partition(wire, 0).bytes(&set).end().end().end().frame();
    let ask = fetch(12, 3, -1, &[ORDERS]);
    let error = "error=NOT_LEADER_OR_FOLLOWER";
    Case {
        name: "tagged fields that are longer than known, or unknown",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 12, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 3
                 topic_fetched_bytes_total{{topic=orders}} {}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_request_duration_microseconds{{topic=orders,request=FetchConsumer}} 1
                 response_errors_total{{request=FetchConsumer,{error}}} 1
                 topic_errors_total{{topic=orders,request=FetchConsumer,{error}}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

fn throttled() -> Case {
    let ask = fetch(18, 3, -1, &[]);
    let answer =
        FetchResponse { version: 18, correlation_id: 3, throttle_ms: 77, error: 0, topics: &[] };
    let answer = answer.frame();
    Case {
        name: "a throttled consumer",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 18, &[&ask], &[&answer])
            + "throttled_responses_total{request=FetchConsumer} 1
               throttle_time_milliseconds_total{request=FetchConsumer} 77",
    }
}
