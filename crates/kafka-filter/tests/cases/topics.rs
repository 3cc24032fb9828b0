//! Which topics become label values: those that a broker named without error, up to the cap.

use super::talk;
use crate::support::lines::{connections, exchanges};
use crate::support::messages::{
    CREATE_TOPICS, Topic, UNKNOWN_TOPIC, fetch, fetched, metadata, produce, produced, records, told,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{batch, request, response};

pub fn cases() -> Vec<Case> {
    vec![
        metadata_alone(),
        metadata_of_every_form(),
        made_again(),
        created(),
        over_the_cap(),
        no_topic_at_all(),
        names_that_are_none(),
    ]
}

/// Knowing a topic costs no series; only traffic for it does.
fn metadata_alone() -> Case {
    let ask = metadata(12, 1, &["orders", "wished"]).frame();
    let answer = told(12, 1, &[(0, "orders", 1), (UNKNOWN_TOPIC, "wished", 0)]);
    Case {
        name: "topics that are only asked for",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Metadata", 12, &[&ask], &[&answer])
            + "response_errors_total{request=Metadata,error=UNKNOWN_TOPIC_OR_PARTITION} 1
               topic_errors_total{topic=__other__,request=Metadata,error=UNKNOWN_TOPIC_OR_PARTITION} 1
               label_values_overflowed_total{label=topic} 1",
    }
}

/// The last is librdkafka's: three bytes behind the last field, which brokers accept.
fn metadata_of_every_form() -> Case {
    let versions = [1, 5, 8, 9, 10, 13];
    let asks: Vec<Vec<u8>> = versions
        .iter()
        .map(|&version| {
            let ask = metadata(version, 1, &["orders"]);
            ask.when(version == 13, |wire| wire.raw(&[0, 0, 0])).frame()
        })
        .collect();
    let answers: Vec<Vec<u8>> =
        versions.iter().map(|&version| told(version, 1, &[(0, "orders", 1)])).collect();
    let pairs: Vec<(&[u8], &[u8])> =
        asks.iter().map(Vec::as_slice).zip(answers.iter().map(Vec::as_slice)).collect();
    let (bytes_in, bytes_out): (usize, usize) =
        pairs.iter().fold((0, 0), |sum, pair| (sum.0 + pair.0.len(), sum.1 + pair.1.len()));
    let each: String = versions
        .map(|version| format!("requests_total{{request=Metadata,api_version={version}}} 1\n"))
        .concat();
    Case {
        name: "metadata of versions with and without tags, ids, operations and bytes left over",
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &each
            + &format!(
                "request_bytes_total{{request=Metadata}} {bytes_in}
                 responses_total{{request=Metadata}} 6
                 response_bytes_total{{request=Metadata}} {bytes_out}
                 request_duration_microseconds{{request=Metadata}} 6"
            ),
    }
}

/// A topic that is deleted and made again has another id, and is the same label value.
fn made_again() -> Case {
    let set = batch(1).bytes();
    let asks: Vec<Vec<u8>> = (1..=2).map(|id| metadata(12, id, &["orders"]).frame()).collect();
    let tells = [told(12, 1, &[(0, "orders", 1)]), told(12, 2, &[(0, "orders", 2)])];
    let old = produce(13, 3, -1, &[(Topic::Id(1), vec![set.clone()])]);
    let old_answer = produced(13, 3, &[(Topic::Id(1), &[0])], 0);
    let gone = produce(13, 4, -1, &[(Topic::Id(1), vec![set.clone()])]);
    let gone_answer = produced(13, 4, &[(Topic::Id(1), &[100])], 0);
    let new = produce(13, 5, -1, &[(Topic::Id(2), vec![set.clone()])]);
    let new_answer = produced(13, 5, &[(Topic::Id(2), &[0])], 0);
    let steps = talk(&[
        (&asks[0], &tells[0]),
        (&old, &old_answer),
        (&gone, &gone_answer),
        (&asks[1], &tells[1]),
        (&new, &new_answer),
    ]);
    Case {
        name: "a topic that was deleted and made again",
        config: "",
        steps,
        expected: connections(1)
            + &exchanges("Metadata", 12, &[&asks[0], &asks[1]], &[&tells[0], &tells[1]])
            + &exchanges(
                "Produce",
                13,
                &[&old, &gone, &new],
                &[&old_answer, &gone_answer, &new_answer],
            )
            + &format!(
                "topic_produced_records_total{{topic=orders}} 3
                 topic_produced_bytes_total{{topic=orders}} {}
                 topic_produced_batches_total{{topic=orders,compression=none}} 3
                 topic_request_duration_microseconds{{topic=orders,request=Produce}} 3
                 response_errors_total{{request=Produce,error=UNKNOWN_TOPIC_ID}} 1
                 topic_errors_total{{topic=orders,request=Produce,error=UNKNOWN_TOPIC_ID}} 1
                 label_values{{label=topic}} 1",
                3 * set.len()
            ),
    }
}

/// CreateTopics v7 tells the id of what it made, and what it could not make.
fn created() -> Case {
    let ask = request(CREATE_TOPICS, 7, 1, true)
        .each(&["made", "exists"], |wire, name| {
            wire.text(name).i32(1).i16(1).array(0).array(0).end()
        })
        .i32(1_000)
        .i8(0)
        .end()
        .frame();
    let answer = response(1, true)
        .i32(0)
        .each(&[("made", 5, 0), ("exists", 0, 36)], |wire, &(name, id, error)| {
            wire.text(name).raw(&[id; 16]).i16(error).null_text().i32(1).i16(1).null_array().end()
        })
        .end()
        .frame();
    let set = batch(2).bytes();
    let write = produce(13, 2, -1, &[(Topic::Id(5), vec![set.clone()])]);
    let written = produced(13, 2, &[(Topic::Id(5), &[0])], 0);
    Case {
        name: "a topic that CreateTopics told",
        config: "",
        steps: talk(&[(&ask, &answer), (&write, &written)]),
        expected: connections(1)
            + &exchanges("CreateTopics", 7, &[&ask], &[&answer])
            + &exchanges("Produce", 13, &[&write], &[&written])
            + &format!(
                "response_errors_total{{request=CreateTopics,error=TOPIC_ALREADY_EXISTS}} 1
                 topic_errors_total{{topic=__other__,request=CreateTopics,error=TOPIC_ALREADY_EXISTS}} 1
                 label_values_overflowed_total{{label=topic}} 1
                 topic_produced_records_total{{topic=made}} 2
                 topic_produced_bytes_total{{topic=made}} {}
                 topic_produced_batches_total{{topic=made,compression=none}} 1
                 topic_request_duration_microseconds{{topic=made,request=Produce}} 1
                 label_values{{label=topic}} 1",
                set.len()
            ),
    }
}

/// Two workers meet three topics; the process admits two. The third stays `__other__` for good.
fn over_the_cap() -> Case {
    let set = batch(1).bytes();
    let names = ["one", "two", "three"];
    let mut steps = vec![Step::Open(0, 0), Step::Open(1, 1)];
    let mut asks = Vec::new();
    let mut answers = Vec::new();
    for round in 0..2 {
        for (at, &name) in names.iter().enumerate() {
            let (connection, topic) = ((at + round) % 2, Topic::Name(name));
            let id = i32::try_from(at).unwrap();
            let ask = fetch(11, id, -1, &[topic]);
            let answer = fetched(11, id, &[(topic, vec![records(set.clone())])]);
            steps.push(Step::Client(connection, ask.clone()));
            steps.push(Step::Broker(connection, answer.clone()));
            asks.push(ask);
            answers.push(answer);
        }
    }
    steps.extend([Step::Close(0), Step::Close(1)]);
    let asked: Vec<&[u8]> = asks.iter().map(Vec::as_slice).collect();
    let answered: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let topics: String = ["one", "two", "__other__"]
        .map(|topic| {
            format!(
                "topic_fetched_records_total{{topic={topic}}} 2
                 topic_fetched_bytes_total{{topic={topic}}} {}
                 topic_fetched_batches_total{{topic={topic},compression=none}} 2
                 topic_request_duration_microseconds{{topic={topic},request=FetchConsumer}} 2\n",
                2 * set.len()
            )
        })
        .concat();
    Case {
        name: "topics over the cap of the process",
        config: r#"{"labels": {"topic": {"values_max": 2}}}"#,
        steps,
        expected: connections(2)
            + &exchanges("FetchConsumer", 11, &asked, &answered)
            + &topics
            + "label_values{label=topic} 2
               label_values_overflowed_total{label=topic} 2",
    }
}

fn no_topic_at_all() -> Case {
    let set = batch(1).bytes();
    let topic = Topic::Name("orders");
    let ask = produce(9, 1, -1, &[(topic, vec![set.clone()])]);
    let answer = produced(9, 1, &[(topic, &[0])], 0);
    Case {
        name: "a cap of zero topics",
        config: r#"{"labels": {"topic": {"values_max": 0}}}"#,
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Produce", 9, &[&ask], &[&answer])
            + &format!(
                "topic_produced_records_total{{topic=__other__}} 1
                 topic_produced_bytes_total{{topic=__other__}} {}
                 topic_produced_batches_total{{topic=__other__,compression=none}} 1
                 topic_request_duration_microseconds{{topic=__other__,request=Produce}} 1
                 label_values_overflowed_total{{label=topic}} 1",
                set.len()
            ),
    }
}

/// Names that no broker would accept are no label values, whatever an answer says.
fn names_that_are_none() -> Case {
    let long: &'static str = "a-name-of-250-bytes-".repeat(13)[..250].to_owned().leak();
    let longer: &'static str = "x".repeat(300).leak();
    let names = ["semi;colon", "sp ace", "n\u{e4}me", "", long, longer];
    let topics: Vec<_> =
        names.map(|name| (Topic::Name(name), vec![records(batch(1).bytes())])).to_vec();
    let asked: Vec<Topic> = names.map(Topic::Name).to_vec();
    let ask = fetch(11, 1, -1, &asked);
    let answer = fetched(11, 1, &topics);
    Case {
        name: "names that no topic can have",
        config: "",
        steps: talk(&[(&ask, &answer)]),
        expected: connections(1)
            + &exchanges("FetchConsumer", 11, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=__other__}} 6
                 topic_fetched_bytes_total{{topic=__other__}} {}
                 topic_fetched_batches_total{{topic=__other__,compression=none}} 6
                 topic_request_duration_microseconds{{topic=__other__,request=FetchConsumer}} 6
                 label_values_overflowed_total{{label=topic}} 6",
                6 * batch(1).bytes().len()
            ),
    }
}
