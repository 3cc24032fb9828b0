//! How old records are when they are fetched: which batches are measured.

use super::{only, talk};
use crate::support::fetching::{Ask, fetch_told, part};
use crate::support::lines::{connections, exchanges};
use crate::support::messages::Topic;
use crate::support::play::{Case, STARTED_MS};
use crate::support::wire::{CONTROL, LOG_APPEND_TIME, TRANSACTIONAL, batch, old_message};

const ORDERS: Topic = Topic::Name("orders");
const AUDIT: Topic = Topic::Name("audit");

pub fn cases() -> Vec<Case> {
    vec![
        measured_batches(),
        old_messages(),
        topics_of_one_answer(),
        follower("records that a follower fetches, v11", 11),
        follower("records that a follower fetches, v15", 15),
    ]
}

/// Of the producer's time, and one sample a batch however many records it has.
fn measured_batches() -> Case {
    let batches = [
        batch(3).max_timestamp(STARTED_MS),
        batch(900).max_timestamp(STARTED_MS - 60_000),
        // A producer whose clock is ahead: the sample is zero, but it is one.
        batch(1).max_timestamp(STARTED_MS + 60_000),
        batch(1).max_timestamp(i64::MAX),
        batch(1).max_timestamp(1),
        batch(1).attributes(TRANSACTIONAL).max_timestamp(STARTED_MS),
    ];
    let not_measured = [
        batch(3).attributes(LOG_APPEND_TIME).max_timestamp(STARTED_MS),
        batch(1).attributes(TRANSACTIONAL | CONTROL).max_timestamp(STARTED_MS),
        batch(3).max_timestamp(0),
        batch(3).max_timestamp(-1),
        batch(3).max_timestamp(i64::MIN),
    ];
    let mut set: Vec<u8> =
        batches.iter().chain(&not_measured).flat_map(|one| one.bytes()).collect();
    // Cut off at the end: the client asks for it again.
    set.extend(&batches[0].bytes()[..70]);
    one_answer("batches whose age is measured", 11, set, 6)
}

/// Magic 0 has no time, magic 1 has one and says whose it is.
fn old_messages() -> Case {
    let set = [
        old_message(0, 0, b"no time"),
        old_message(1, 0, b"the producer's"),
        old_message(1, 1, b"the producer's, compressed"),
        old_message(1, 8, b"the broker's"),
    ]
    .concat();
    one_answer("messages of old formats whose age is measured", 4, set, 2)
}

fn one_answer(name: &'static str, version: i16, set: Vec<u8>, measured: usize) -> Case {
    let ask =
        Ask { version, replica: -1, epoch: 0, topics: &[(ORDERS, &[(0, 0)])], forgotten: &[] };
    let (ask, answer) =
        (ask.frame(1), fetch_told(version, 1, &[(ORDERS, vec![part(0, 9_000, set)])]));
    Case {
        name,
        config: only(&["end_to_end_latency"], ""),
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", version, &[&ask], &[&answer])
            + &format!(
                "topic_end_to_end_latency_milliseconds{{topic=orders}} {measured}
                 label_values{{label=topic}} 1"
            ),
    }
}

fn topics_of_one_answer() -> Case {
    let (orders, audit, by_id) = (batch(3).bytes(), batch(2).bytes().repeat(2), Topic::Id(9));
    let ask = Ask { version: 13, replica: -1, epoch: 0, topics: &[], forgotten: &[] }.frame(1);
    let answer = fetch_told(13, 1, &[(by_id, vec![part(0, 9_000, orders.clone())])]);
    let ask_by_name =
        Ask { version: 11, replica: -1, epoch: 0, topics: &[], forgotten: &[] }.frame(2);
    let answer_by_name = fetch_told(
        11,
        2,
        &[
            (ORDERS, vec![part(0, 9_000, orders.clone()), part(1, 9_000, orders)]),
            (AUDIT, vec![part(0, 9_000, audit), part(1, 9_000, Vec::new())]),
        ],
    );
    Case {
        name: "ages of several topics, one of them by an id that nobody has told",
        config: only(&["end_to_end_latency"], ""),
        steps: talk(&[(&ask, &answer), (&ask_by_name, &answer_by_name)]),
        expected: connections(1)
            + &format!(
                "requests_total{{request=FetchConsumer,api_version=13}} 1
                 requests_total{{request=FetchConsumer,api_version=11}} 1
                 request_bytes_total{{request=FetchConsumer}} {}
                 responses_total{{request=FetchConsumer}} 2
                 response_bytes_total{{request=FetchConsumer}} {}
                 request_duration_microseconds{{request=FetchConsumer}} 2
                 topic_end_to_end_latency_milliseconds{{topic=__unresolved__}} 1
                 topic_end_to_end_latency_milliseconds{{topic=orders}} 2
                 topic_end_to_end_latency_milliseconds{{topic=audit}} 2
                 label_values{{label=topic}} 2",
                ask.len() + ask_by_name.len(),
                answer.len() + answer_by_name.len()
            ),
    }
}

fn follower(name: &'static str, version: i16) -> Case {
    let topic = if version >= 13 { Topic::Id(9) } else { ORDERS };
    let ask = Ask { version, replica: 2, epoch: 0, topics: &[(topic, &[(0, 0)])], forgotten: &[] };
    let (ask, answer) =
        (ask.frame(1), fetch_told(version, 1, &[(topic, vec![part(0, 9, batch(3).bytes())])]));
    let label_values = if version >= 13 { "" } else { "label_values{label=topic} 1" };
    Case {
        name,
        config: only(&["end_to_end_latency"], ""),
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchFollower", version, &[&ask], &[&answer])
            + label_values,
    }
}
