//! Against librdkafka's mock brokers, with a log that a process before might have left.

use std::borrow::Cow;

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::settings::Acks;
use crate::wal::EntryHead;

const TOPIC: &str = "orders";
const ACCEPTED_MS: i64 = 1_700_000_000_000;

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock() -> Mock {
    let mock = MockCluster::new(1).expect("mock brokers");
    mock.create_topic(TOPIC, 2, 1).expect("a topic");
    mock
}

fn settings(mock: &Mock) -> KafkaSettings {
    KafkaSettings {
        properties: vec![("bootstrap.servers".to_owned(), mock.bootstrap_servers())],
        acks: Acks::All,
        idempotence: true,
        message_max_bytes: 1_000_000,
        message_timeout: Duration::from_secs(10),
        statistics_interval: Duration::ZERO,
        auto_create_topics: false,
        unknown_topic_ttl: Duration::from_secs(5),
    }
}

/// Writes values with their headers, in this order, to one partition.
fn write(mock: &Mock, partition: i32, records: &[(Option<&str>, &str)]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", mock.bootstrap_servers())
        .create()
        .expect("a producer");
    for (key, value) in records {
        let mut record: BaseRecord<'_, str, str> =
            BaseRecord::to(TOPIC).partition(partition).payload(value);
        if let Some(key) = key {
            let headers = OwnedHeaders::new();
            let headers = headers.insert(Header { key: "other", value: Some("x") });
            let key = Header { key: "idempotency-key", value: Some(*key) };
            record = record.headers(headers.insert(key));
        }
        producer.send(record).map_err(|(error, _)| error).expect("taken");
    }
    producer.flush(Duration::from_secs(20)).expect("written");
}

/// An entry as it is in the log.
fn entry(sequence: u64, key: Option<&str>, values: &[&str]) -> (u64, Vec<u8>) {
    let records: Vec<Record<'_>> = values.iter().map(|value| record(value)).collect();
    let head = EntryHead {
        token: 0,
        waits: false,
        client: "shop",
        idempotency_key: key,
        fingerprint: 0,
        accepted_ms: ACCEPTED_MS,
        count: u32::try_from(values.len()).expect("few"),
    };
    let mut bytes = Vec::new();
    Entry::encode(&head, (0..).zip(&records), &mut bytes);
    (sequence, bytes)
}

fn record(value: &str) -> Record<'_> {
    Record {
        topic: TOPIC.into(),
        partition: None,
        key: None,
        value: Some(Cow::Borrowed(value.as_bytes())),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

async fn find(
    mock: &Mock,
    entries: Vec<(u64, Vec<u8>)>,
    offsets: &[(&str, i32, i64)],
) -> Arc<dyn Known> {
    let offsets = offsets.iter().map(|(topic, part, offset)| ((*topic).to_owned(), *part, *offset));
    let search = Search::new(&settings(mock), entries.into_iter(), offsets.collect());
    search.find(CancellationToken::new()).await
}

fn at(known: &dyn Known, sequence: u64, index: u32) -> Option<(i32, Option<i64>)> {
    known.skip(sequence, index).map(|position| (position.partition, position.offset))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_there_are_found_and_others_are_not() {
    let mock = mock();
    write(&mock, 0, &[(None, "a"), (Some("one"), "a"), (Some("many#1"), "c"), (Some("two"), "b")]);
    write(&mock, 1, &[(Some("many#0"), "b")]);
    let entries = vec![
        entry(5, Some("one"), &["a"]),
        entry(6, None, &["a"]),
        entry(7, Some("many"), &["b", "c", "d"]),
        entry(8, Some("two"), &["another value under the same key"]),
    ];
    let offsets = [(TOPIC, 0, -1), (TOPIC, 1, -1)];
    let known = find(&mock, entries, &offsets).await;
    assert_eq!(at(&*known, 5, 0), Some((0, Some(1))));
    assert_eq!(at(&*known, 6, 0), None, "it has no key");
    assert_eq!(at(&*known, 7, 0), Some((1, Some(0))));
    assert_eq!(at(&*known, 7, 1), Some((0, Some(2))));
    assert_eq!(at(&*known, 7, 2), None, "it is not there");
    assert_eq!(at(&*known, 8, 0), None, "it is another record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_stands_for_one_entry_only() {
    let mock = mock();
    write(&mock, 0, &[(Some("k"), "a")]);
    let entries = vec![entry(5, Some("k"), &["a"]), entry(6, Some("k"), &["a"])];
    let known = find(&mock, entries, &[(TOPIC, 0, -1), (TOPIC, 1, -1)]).await;
    assert_eq!(at(&*known, 5, 0), Some((0, Some(0))));
    assert_eq!(at(&*known, 6, 0), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_below_the_checkpoint_is_an_older_record() {
    let mock = mock();
    write(&mock, 0, &[(Some("k"), "a"), (Some("k"), "a")]);
    let known =
        find(&mock, vec![entry(5, Some("k"), &["a"])], &[(TOPIC, 0, 0), (TOPIC, 1, -1)]).await;
    assert_eq!(at(&*known, 5, 0), Some((0, Some(1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_it_is_searched_is_found() {
    let mock = mock();
    let entries = vec![entry(5, Some("late"), &["a"])];
    let search = Search::new(
        &settings(&mock),
        entries.into_iter(),
        vec![(TOPIC.to_owned(), 0, -1), (TOPIC.to_owned(), 1, -1)],
    );
    let searching = tokio::spawn(search.find(CancellationToken::new()));
    tokio::time::sleep(SETTLE / 3).await;
    write(&mock, 1, &[(Some("late"), "a")]);
    let known = searching.await.expect("ends");
    assert_eq!(at(&*known, 5, 0), Some((1, Some(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_right_to_a_group_is_needed() {
    let mock = mock();
    write(&mock, 0, &[(Some("k"), "a")]);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::FindCoordinator, &[denied; 100]);
    let entries = vec![entry(5, Some("k"), &["a"])];
    let known = find(&mock, entries, &[(TOPIC, 0, -1), (TOPIC, 1, -1)]).await;
    assert_eq!(at(&*known, 5, 0), Some((0, Some(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_right_to_the_topic_ends_the_search() {
    let mock = mock();
    write(&mock, 0, &[(Some("k"), "a")]);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.topic_error(TOPIC, denied).expect("an error");
    let begun = Instant::now();
    let known = find(&mock, vec![entry(5, Some("k"), &["a"])], &[(TOPIC, 0, -1)]).await;
    assert_eq!(at(&*known, 5, 0), None);
    assert!(begun.elapsed() < TIMEOUT, "it says so at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_with_a_key_needs_no_search() {
    let mock = mock();
    mock.broker_down(-1).expect("down");
    let begun = Instant::now();
    let known = find(&mock, vec![entry(5, None, &["a"])], &[]).await;
    assert_eq!(at(&*known, 5, 0), None);
    assert!(begun.elapsed() < SETTLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_it_waits_until_it_is_told_to_stop() {
    let mock = mock();
    mock.broker_down(-1).expect("down");
    let (entries, stop) = (vec![entry(5, Some("k"), &["a"])], CancellationToken::new());
    let search = Search::new(&settings(&mock), entries.into_iter(), Vec::new());
    let searching = tokio::spawn(search.find(stop.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!searching.is_finished());
    stop.cancel();
    let known = tokio::time::timeout(Duration::from_secs(20), searching).await.expect("in time");
    assert_eq!(at(&*known.expect("ends"), 5, 0), None);
}

#[test]
fn a_client_can_choose_neither_the_topic_nor_where_one_field_ends() {
    let digests = [
        digest_of(b"k", "t", None, None),
        digest_of(b"k", "t", Some(b""), None),
        digest_of(b"k", "t", None, Some(b"")),
        digest_of(b"k", "t", Some(b"a"), Some(b"b")),
        digest_of(b"k", "t", Some(b"ab"), Some(b"")),
        digest_of(b"kt", "", None, None),
    ];
    let different: BTreeSet<u64> = digests.into_iter().collect();
    assert_eq!(different.len(), digests.len());
}
