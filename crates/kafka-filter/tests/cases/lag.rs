//! How far behind connections are: at the end of most conversations they are still open, because
//! a connection that closes takes back what it added.

use super::only;
use crate::support::fetching::{Ask, Part, failed_part, fetch_told, part};
use crate::support::lines::{connections, exchanges, open_connections};
use crate::support::messages::{Topic, metadata, told};
use crate::support::play::{Case, Step};
use crate::support::wire::batch;

const ORDERS: Topic = Topic::Name("orders");
const AUDIT: Topic = Topic::Name("audit");

pub fn cases() -> Vec<Case> {
    vec![
        session("lag of a fetch session, v7", 7),
        session("lag of a fetch session, v12", 12),
        partition_with_an_error(),
        seeking(),
        silence(),
        follower("a follower has no lag, v11", 11),
        follower("a follower has no lag, v14", 14),
        follower("a follower has no lag, v15", 15),
        id_that_is_told_later(),
        two_connections(),
        closed(),
        given_up(),
        more_partitions_than_are_followed(),
    ]
}

/// Offsets that are asked for, and what is told of them.
type Round<'a> = (&'a [(Topic, &'a [(i32, i64)])], Vec<(Topic, Vec<Part>)>);

/// Fetches of one version on one connection, with what is counted beside the lag.
struct Fetches {
    asks: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    version: i16,
}

impl Fetches {
    fn new(version: i16, rounds: &[Round<'_>]) -> Self {
        let (mut asks, mut answers) = (Vec::new(), Vec::new());
        for (epoch, (topics, parts)) in (0..).zip(rounds) {
            let ask = Ask { version, replica: -1, epoch, topics, forgotten: &[] };
            asks.push(ask.frame(epoch + 1));
            answers.push(fetch_told(version, epoch + 1, parts));
        }
        Self { asks, answers, version }
    }

    fn steps(&self, connection: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for (ask, answer) in self.asks.iter().zip(&self.answers) {
            steps.push(Step::Client(connection, ask.clone()));
            steps.push(Step::Broker(connection, answer.clone()));
        }
        steps
    }

    fn lines(&self) -> String {
        let asks: Vec<&[u8]> = self.asks.iter().map(Vec::as_slice).collect();
        let answers: Vec<&[u8]> = self.answers.iter().map(Vec::as_slice).collect();
        exchanges("FetchConsumer", self.version, &asks, &answers)
    }
}

/// So many records from this offset on.
fn records(base_offset: i64, count: i32) -> Vec<u8> {
    batch(count).base_offset(base_offset).bytes()
}

/// One connection that stays open.
fn open(name: &'static str, fetches: &Fetches, lag: &str) -> Case {
    let mut steps = vec![Step::Open(0, 0)];
    steps.extend(fetches.steps(0));
    Case {
        name,
        config: only(&["lag"], ""),
        steps,
        expected: open_connections(1) + &fetches.lines() + lag,
    }
}

/// The first request asks for all partitions; later ones and their answers list what is new. What a
/// request forgets is not gone: consumers forget a partition while they hold records of it.
fn session(name: &'static str, version: i16) -> Case {
    let mut fetches = Fetches::new(
        version,
        &[
            // 100 - 15 and 7 - 0 in orders, 50 - 50 in audit.
            (
                &[(ORDERS, &[(0, 10), (1, 0)]), (AUDIT, &[(0, 50)])],
                vec![
                    (ORDERS, vec![part(0, 100, records(10, 5)), part(1, 7, Vec::new())]),
                    (AUDIT, vec![part(0, 50, Vec::new())]),
                ],
            ),
            // 120 - 20 in the first partition.
            (&[(ORDERS, &[(0, 15)])], vec![(ORDERS, vec![part(0, 120, records(15, 5))])]),
            // Nothing is new.
            (&[], vec![]),
        ],
    );
    let forgets = Ask { version, replica: -1, epoch: 3, topics: &[], forgotten: &[(ORDERS, &[1])] };
    fetches.asks.push(forgets.frame(9));
    // 58 - 53 in audit.
    fetches.answers.push(fetch_told(version, 9, &[(AUDIT, vec![part(0, 58, records(50, 3))])]));
    let lag = "topic_fetch_lag_records{topic=orders} 107
        topic_fetch_lag_records{topic=audit} 5
        label_values{label=topic} 2";
    open(name, &fetches, lag)
}

/// A partition whose leader has moved leaves the sum until it is answered again.
fn partition_with_an_error() -> Case {
    let fetches = Fetches::new(
        11,
        &[
            (
                &[(ORDERS, &[(0, 0), (1, 0), (2, 0)])],
                vec![(
                    ORDERS,
                    vec![part(0, 10, Vec::new()), part(1, 20, Vec::new()), part(2, 40, Vec::new())],
                )],
            ),
            (&[], vec![(ORDERS, vec![failed_part(0, 6), failed_part(1, 6)])]),
            (&[], vec![(ORDERS, vec![part(1, 25, Vec::new())])]),
        ],
    );
    let lag = "topic_fetch_lag_records{topic=orders} 65
        response_errors_total{request=FetchConsumer,error=NOT_LEADER_OR_FOLLOWER} 2
        label_values{label=topic} 1";
    open("lag without the partitions that have an error", &fetches, lag)
}

/// The consumer moves its position: forward and backward, before any answer.
fn seeking() -> Case {
    let fetches = Fetches::new(
        11,
        &[
            (
                &[(ORDERS, &[(0, 0), (1, 90)])],
                vec![(ORDERS, vec![part(0, 100, records(0, 5)), part(1, 100, Vec::new())])],
            ),
            (&[(ORDERS, &[(0, 98), (1, 60)])], vec![]),
            // A position behind the end is an error of the next answer, and no lag.
            (&[(ORDERS, &[(0, 500)])], vec![]),
        ],
    );
    let lag = "topic_fetch_lag_records{topic=orders} 40
        label_values{label=topic} 1";
    open("lag of a consumer that seeks", &fetches, lag)
}

/// Five minutes in which a partition is neither asked for nor told.
fn silence() -> Case {
    let fetches = Fetches::new(
        11,
        &[
            (
                &[(ORDERS, &[(0, 0), (1, 0)])],
                vec![(ORDERS, vec![part(0, 100, Vec::new()), part(1, 30, Vec::new())])],
            ),
            (&[(ORDERS, &[(0, 5)])], vec![(ORDERS, vec![part(0, 100, Vec::new())])]),
            (&[(ORDERS, &[(0, 6)])], vec![(ORDERS, vec![part(0, 100, Vec::new())])]),
        ],
    );
    let mut case = open(
        "lag of a partition that nobody asks for any more",
        &fetches,
        "topic_fetch_lag_records{topic=orders} 94
         label_values{label=topic} 1",
    );
    case.steps.insert(3, Step::Wait(200_000_000));
    case.steps.insert(6, Step::Wait(150_000_000));
    case
}

fn follower(name: &'static str, version: i16) -> Case {
    let topic = if version >= 13 { Topic::Id(1) } else { ORDERS };
    let topics: &[(Topic, &[(i32, i64)])] = &[(topic, &[(0, 0), (1, 0)])];
    let ask = Ask { version, replica: 3, epoch: 0, topics, forgotten: &[] }.frame(1);
    let answer = fetch_told(version, 1, &[(topic, vec![part(0, 100, records(0, 5))])]);
    let label_values = if version >= 13 { "" } else { "label_values{label=topic} 1" };
    Case {
        name,
        config: only(&["lag"], ""),
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, ask.clone()),
            Step::Broker(0, answer.clone()),
            Step::Client(0, ask.clone()),
            Step::Broker(0, answer.clone()),
        ],
        expected: open_connections(1)
            + &exchanges("FetchFollower", version, &[&ask, &ask], &[&answer, &answer])
            + label_values,
    }
}

/// What was added under `__unresolved__` moves to the topic with the next answer.
fn id_that_is_told_later() -> Case {
    let by_id = Topic::Id(7);
    let fetches = Fetches::new(
        13,
        &[
            (
                &[(by_id, &[(0, 0), (1, 0)])],
                vec![(by_id, vec![part(0, 100, Vec::new()), part(1, 50, Vec::new())])],
            ),
            (&[], vec![(by_id, vec![part(0, 101, records(0, 1))])]),
        ],
    );
    let (ask, tell) = (metadata(12, 1, &["orders"]).frame(), told(12, 1, &[(0, "orders", 7)]));
    let mut case = open(
        "lag of a topic whose id is told later",
        &fetches,
        // The second partition is still known by the id alone: nothing was told of it since.
        "topic_fetch_lag_records{topic=orders} 100
         topic_fetch_lag_records{topic=__unresolved__} 50
         label_values{label=topic} 1",
    );
    let metadata = [
        Step::Open(1, 1),
        Step::Client(1, ask.clone()),
        Step::Broker(1, tell.clone()),
        Step::Close(1),
    ];
    case.steps.splice(3..3, metadata);
    case.expected = "connections_opened_total 2
        connections_closed_total 1
        connections_active 1\n"
        .to_owned()
        + &exchanges("Metadata", 12, &[&ask], &[&tell])
        + case.expected.split_once("connections_active 1\n").expect("the line").1;
    case
}

/// On two workers; the second closes.
fn two_connections() -> Case {
    let rounds: [Round<'_>; 1] =
        [(&[(ORDERS, &[(0, 0)])], vec![(ORDERS, vec![part(0, 100, Vec::new())])])];
    let fetches = Fetches::new(11, &rounds);
    let mut steps = vec![Step::Open(0, 0), Step::Open(1, 1), Step::Open(2, 1)];
    for connection in 0..3 {
        steps.extend(fetches.steps(connection));
    }
    steps.extend([Step::Tick, Step::Close(1)]);
    let (ask, answer) = (fetches.asks[0].as_slice(), fetches.answers[0].as_slice());
    Case {
        name: "lag of three connections, one of which closes",
        config: only(&["lag"], ""),
        steps,
        expected: exchanges("FetchConsumer", 11, &[ask; 3], &[answer; 3])
            + "connections_opened_total 3
               connections_closed_total 1
               connections_active 2
               topic_fetch_lag_records{topic=orders} 200
               label_values{label=topic} 1",
    }
}

fn closed() -> Case {
    let rounds: [Round<'_>; 1] =
        [(&[(ORDERS, &[(0, 0)])], vec![(ORDERS, vec![part(0, 100, Vec::new())])])];
    let fetches = Fetches::new(11, &rounds);
    let mut case = open("lag of a connection that closes", &fetches, "label_values{label=topic} 1");
    case.steps.extend([Step::Tick, Step::Close(0)]);
    case.expected = case.expected.replace(&open_connections(1), &connections(1));
    case
}

/// What cannot be decoded any more is not followed either.
fn given_up() -> Case {
    let rounds: [Round<'_>; 1] =
        [(&[(ORDERS, &[(0, 0)])], vec![(ORDERS, vec![part(0, 100, Vec::new())])])];
    let fetches = Fetches::new(11, &rounds);
    let mut case = open(
        "lag of a connection that is given up",
        &fetches,
        "connections_opaque_total{reason=desync} 1
         label_values{label=topic} 1",
    );
    case.steps.push(Step::Broker(0, fetches.answers[0].clone()));
    case
}

/// Two partitions of five are followed; each time that another is to be, it is counted.
fn more_partitions_than_are_followed() -> Case {
    let fetches = Fetches::new(
        11,
        &[
            (
                &[(ORDERS, &[(0, 0), (1, 0), (2, 0)])],
                vec![(ORDERS, vec![part(0, 10, Vec::new()), part(1, 20, Vec::new())])],
            ),
            (&[(AUDIT, &[(3, 0), (4, 0)])], vec![]),
        ],
    );
    let mut case = open(
        "more partitions than are followed",
        &fetches,
        "topic_fetch_lag_records{topic=orders} 30
         lag_untracked_partitions_total 3
         label_values{label=topic} 1",
    );
    case.config = only(&["lag"], r#""limits": {"lag_partitions_max": 2}"#);
    case
}
