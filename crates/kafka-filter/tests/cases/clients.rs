//! Which client writes to which topic and reads it: ids as they are sent, rewritten, left out.

use super::groups::views;
use super::{only, talk};
use crate::support::lines::{connections, exchanges, sent};
use crate::support::messages::{
    Topic, fetch, fetched, heartbeat, heartbeat_told, produce, produced, records,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{batch, sent_by};

const ORDERS: Topic = Topic::Name("orders");
const AUDIT: Topic = Topic::Name("audit");

pub fn cases() -> Vec<Case> {
    vec![
        two_on_one_connection(),
        pipelined(),
        pipelined_to_a_new_topic(),
        new_topic_that_stays_unnamed(),
        ids_that_are_not_shown(),
        rewritten(),
        wanted_and_unwanted(),
        over_the_cap(),
        over_the_combinations(),
        without_records(),
        follower(),
        not_counted(),
    ]
}

/// Bytes of a batch of so many records, all alike.
fn set(records: i32) -> Vec<u8> {
    batch(records).bytes()
}

fn write(client: Option<&[u8]>, id: i32, topic: Topic, records: i32) -> Vec<u8> {
    sent_by(client, &produce(9, id, -1, &[(topic, vec![set(records)])]))
}

fn written(id: i32, topic: Topic) -> Vec<u8> {
    produced(9, id, &[(topic, &[0])], 0)
}

fn read(client: Option<&[u8]>, id: i32, topic: Topic) -> Vec<u8> {
    sent_by(client, &fetch(11, id, -1, &[topic]))
}

fn gave(id: i32, topic: Topic, records_: i32) -> Vec<u8> {
    fetched(11, id, &[(topic, vec![records(set(records_))])])
}

/// Records and bytes of one client and topic: `way` is `produced` or `fetched`.
fn counted(way: &str, topic: &str, client: &str, records: i32, batches: usize) -> String {
    let bytes = batches * set(1).len();
    format!(
        "client_{way}_records_total{{topic={topic},client_id={client}}} {records}
         client_{way}_bytes_total{{topic={topic},client_id={client}}} {bytes}\n"
    )
}

/// A proxy in front of the filter's Envoy may send what several clients ask through one connection.
fn two_on_one_connection() -> Case {
    let (one, two) = (Some(b"one".as_slice()), Some(b"two".as_slice()));
    let writes = [
        write(one, 1, ORDERS, 3),
        write(two, 2, ORDERS, 4),
        write(one, 3, AUDIT, 5),
        write(two, 4, ORDERS, 6),
        write(one, 5, ORDERS, 7),
    ];
    let answers = [1, 2, 3, 4, 5].map(|id| written(id, if id == 3 { AUDIT } else { ORDERS }));
    let reads = [read(two, 6, ORDERS), read(one, 7, ORDERS)];
    let gives = [gave(6, ORDERS, 8), gave(7, ORDERS, 9)];
    let mut steps = talk(&pairs(&writes, &answers));
    steps.pop();
    steps.extend(talk(&pairs(&reads, &gives)).into_iter().skip(1));
    Case {
        name: "two clients take turns on a connection",
        config: only(&["clients"], ""),
        steps,
        expected: connections(1)
            + &exchanges("Produce", 9, &views(&writes), &views(&answers))
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("produced", "orders", "one", 10, 2)
            + &counted("produced", "orders", "two", 10, 2)
            + &counted("produced", "audit", "one", 5, 1)
            + &counted("fetched", "orders", "two", 8, 1)
            + &counted("fetched", "orders", "one", 9, 1)
            + "label_values{label=topic} 2
               label_values{label=client_id} 2",
    }
}

/// An answer belongs to the client that asked, not to the one that asked last.
fn pipelined() -> Case {
    let (one, two) = (Some(b"one".as_slice()), Some(b"two".as_slice()));
    let reads = [read(one, 1, ORDERS), read(two, 2, ORDERS), read(one, 3, ORDERS)];
    let gives = [gave(1, ORDERS, 1), gave(2, ORDERS, 10), gave(3, ORDERS, 100)];
    Case {
        name: "clients whose requests are under way together",
        config: only(&["clients"], ""),
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, reads.concat()),
            Step::Broker(0, gives.concat()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("fetched", "orders", "one", 101, 2)
            + &counted("fetched", "orders", "two", 10, 1)
            + "label_values{label=topic} 1
               label_values{label=client_id} 2",
    }
}

/// What waits for the topic's name waits for each client apart, and the first answer names it.
fn pipelined_to_a_new_topic() -> Case {
    let (one, two) = (Some(b"one".as_slice()), Some(b"two".as_slice()));
    let writes = [write(one, 1, ORDERS, 3), write(two, 2, ORDERS, 4), write(one, 3, ORDERS, 5)];
    let answers = [1, 2, 3].map(|id| written(id, ORDERS));
    Case {
        name: "clients that write to a new topic together",
        config: only(&["clients", "topics"], ""),
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, writes.concat()),
            Step::Broker(0, answers.concat()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("Produce", 9, &views(&writes), &views(&answers))
            + &counted("produced", "orders", "one", 8, 2)
            + &counted("produced", "orders", "two", 4, 1)
            + &format!(
                "topic_produced_records_total{{topic=orders}} 12
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 3
                 label_values{{label=topic}} 1
                 label_values{{label=client_id}} 2",
                3 * set(1).len()
            ),
    }
}

/// Refused by the broker, not answered at all, and without acknowledgement.
fn new_topic_that_stays_unnamed() -> Case {
    let writes = [write(Some(b"one"), 1, ORDERS, 3), write(Some(b"two"), 2, AUDIT, 4)];
    let silent = sent_by(Some(b"one"), &produce(9, 3, 0, &[(AUDIT, vec![set(5)])]));
    let refused = produced(9, 1, &[(ORDERS, &[3])], 0);
    Case {
        name: "clients that write to topics which no broker names",
        config: only(&["clients"], ""),
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, [writes.concat(), silent.clone()].concat()),
            Step::Broker(0, refused.clone()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("Produce", 9, &[&writes[0], &writes[1], &silent])
            + &counted("produced", "__other__", "one", 8, 2)
            + &counted("produced", "__other__", "two", 4, 1)
            + &format!(
                "responses_total{{request=Produce}} 1
                 response_bytes_total{{request=Produce}} {}
                 request_duration_microseconds{{request=Produce}} 1
                 response_errors_total{{request=Produce,error=UNKNOWN_TOPIC_OR_PARTITION}} 1
                 unacknowledged_requests_total 1
                 in_flight_evicted_total 1
                 label_values{{label=client_id}} 2
                 label_values_overflowed_total{{label=topic}} 3",
                refused.len()
            ),
    }
}

/// Null, empty, as long as is shown, longer, longer than is looked at, no UTF-8, hard to write. Two
/// that are longer than is looked at are one to the connection, and overflow once.
fn ids_that_are_not_shown() -> Case {
    let shown = [b'c'; 255];
    let ids: [Option<&[u8]>; 9] = [
        Some(b"first"),
        None,
        Some(b""),
        Some(&shown),
        Some(&[b'c'; 256]),
        Some(&[b'c'; 257]),
        Some(&[b'c'; 5_000]),
        Some(b"a\xffb"),
        Some(b"a=b;\n__"),
    ];
    let reads: Vec<Vec<u8>> = ids.iter().map(|id| read(*id, 1, ORDERS)).collect();
    let gives = vec![gave(1, ORDERS, 2); ids.len()];
    let each = [
        ("first", 1),
        ("__none__", 2),
        (str::from_utf8(&shown).unwrap(), 1),
        ("__other__", 3),
        ("a%FFb", 1),
        ("a%3Db%3B%0A__", 1),
    ];
    let each: String = each
        .map(|(client, count)| {
            let records = 2 * i32::try_from(count).unwrap();
            counted("fetched", "orders", client, records, count)
        })
        .concat();
    Case {
        name: "client ids that are empty, too long or hard to write",
        config: only(&["clients"], ""),
        steps: talk(&pairs(&reads, &gives)),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &each
            + "label_values{label=topic} 1
               label_values{label=client_id} 4
               label_values_overflowed_total{label=client_id} 2",
    }
}

/// The first rule that matches the whole id decides; what it leaves empty reads as no id.
fn rewritten() -> Case {
    let ids =
        ["consumer-billing-1", "consumer-billing-22", "consumer-billing-x", "tmp-9", "__none__"];
    let reads = ids.map(|id| read(Some(id.as_bytes()), 1, ORDERS));
    let gives = vec![gave(1, ORDERS, 2); ids.len()];
    Case {
        name: "client ids that are rewritten",
        config: only(
            &["clients"],
            r#""labels": {"client_id": {"values_max": 3, "rewrite": [
               {"match": "consumer-(.+)-[0-9]+", "replace": "$1"},
               {"match": "consumer-(.+)", "replace": "a $1"},
               {"match": "tmp-.*", "replace": ""}]}}"#,
        ),
        steps: talk(&pairs(&reads, &gives)),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("fetched", "orders", "billing", 4, 2)
            + &counted("fetched", "orders", "a billing-x", 2, 1)
            + &counted("fetched", "orders", "__none__", 2, 1)
            // A client that calls itself like a reserved value cannot be taken for it.
            + &counted("fetched", "orders", "%5F_none__", 2, 1)
            + "label_values{label=topic} 1
               label_values{label=client_id} 3",
    }
}

/// Patterns look at what the rules left. What they leave out takes no place and overflows nothing.
fn wanted_and_unwanted() -> Case {
    let ids = ["team-a-1", "team-a-2", "team-a-3.bad", "team-b-1"];
    let reads = ids.map(|id| read(Some(id.as_bytes()), 1, ORDERS));
    let gives = vec![gave(1, ORDERS, 2); ids.len()];
    Case {
        name: "client ids that are wanted and those that are not",
        config: only(
            &["clients"],
            r#""labels": {"client_id": {"values_max": 1, "allow": ["a(-.*)?"], "deny": [".*bad"],
               "rewrite": [{"match": "team-(.+?)(-[0-9]+)?", "replace": "$1"}]}}"#,
        ),
        steps: talk(&pairs(&reads, &gives)),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("fetched", "orders", "a", 4, 2)
            + &counted("fetched", "orders", "__other__", 4, 2)
            + "label_values{label=topic} 1
               label_values{label=client_id} 1",
    }
}

/// Two workers meet three clients, one a connection; the process admits two. An id is looked up
/// once for a connection, and so overflows once for each.
fn over_the_cap() -> Case {
    let mut steps = Vec::new();
    let (mut reads, mut gives) = (Vec::new(), Vec::new());
    for (at, client) in ["one", "two", "three", "three", "two", "one"].into_iter().enumerate() {
        steps.push(Step::Open(at, at % 2));
        for id in 1..=2 {
            let (ask, answer) = (read(Some(client.as_bytes()), id, ORDERS), gave(id, ORDERS, 5));
            steps.extend([Step::Client(at, ask.clone()), Step::Broker(at, answer.clone())]);
            reads.push(ask);
            gives.push(answer);
        }
        steps.push(Step::Close(at));
    }
    Case {
        name: "client ids over the cap of the process",
        config: only(&["clients"], r#""labels": {"client_id": {"values_max": 2}}"#),
        steps,
        expected: connections(6)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("fetched", "orders", "one", 20, 4)
            + &counted("fetched", "orders", "two", 20, 4)
            + &counted("fetched", "orders", "__other__", 20, 4)
            + "label_values{label=topic} 1
               label_values{label=client_id} 2
               label_values_overflowed_total{label=client_id} 2",
    }
}

/// Two clients and two topics are four series, and a metric may have three.
fn over_the_combinations() -> Case {
    let (one, two) = (Some(b"one".as_slice()), Some(b"two".as_slice()));
    let reads = [
        read(one, 1, ORDERS),
        read(one, 2, AUDIT),
        read(two, 3, ORDERS),
        read(two, 4, AUDIT),
        read(two, 5, AUDIT),
        read(two, 6, ORDERS),
    ];
    let topics = [ORDERS, AUDIT, ORDERS, AUDIT, AUDIT, ORDERS];
    let gives: Vec<Vec<u8>> = (1..).zip(topics).map(|(id, topic)| gave(id, topic, 2)).collect();
    Case {
        name: "more series of a metric than may tell clients apart",
        config: only(&["clients", "topics"], r#""limits": {"combinations_max": 3}"#),
        steps: talk(&pairs(&reads, &gives)),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &views(&reads), &views(&gives))
            + &counted("fetched", "orders", "one", 2, 1)
            + &counted("fetched", "audit", "one", 2, 1)
            + &counted("fetched", "orders", "two", 4, 2)
            + &counted("fetched", "audit", "__other__", 4, 2)
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 6
                 topic_fetched_bytes_total{{topic=orders}} {bytes}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 3
                 topic_fetched_records_total{{topic=audit}} 6
                 topic_fetched_bytes_total{{topic=audit}} {bytes}
                 topic_fetched_batches_total{{topic=audit,compression=none}} 3
                 label_values{{label=topic}} 2
                 label_values{{label=client_id}} 2
                 label_values_overflowed_total{{label=client_id}} 4",
                bytes = 3 * set(1).len()
            ),
    }
}

/// Nothing is counted for a client that moves no records: its id takes no place.
fn without_records() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    Case {
        name: "a client that moves no records",
        config: only(&["clients"], ""),
        steps: talk(&[(&beat, &beaten)]),
        expected: connections(1) + &exchanges("Heartbeat", 1, &[&beat], &[&beaten]),
    }
}

fn follower() -> Case {
    let (ask, tell) = (fetch(11, 1, 2, &[ORDERS]), gave(1, ORDERS, 5));
    Case {
        name: "a broker that replicates is no client",
        config: only(&["clients"], ""),
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("FetchFollower", 11, &[&ask], &[&tell])
            + "label_values{label=topic} 1",
    }
}

/// With the switch off no id becomes a value, not even to be counted otherwise.
fn not_counted() -> Case {
    let (ask, tell) = (write(Some(b"one"), 1, ORDERS, 3), written(1, ORDERS));
    Case {
        name: "clients are not counted",
        config: only(&["groups", "software", "lag"], ""),
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("Produce", 9, &[&ask], &[&tell])
            + "label_values{label=topic} 1",
    }
}

fn pairs<'a>(asks: &'a [Vec<u8>], answers: &'a [Vec<u8>]) -> Vec<(&'a [u8], &'a [u8])> {
    asks.iter().map(Vec::as_slice).zip(answers.iter().map(Vec::as_slice)).collect()
}
