//! Against librdkafka's mock brokers: they speak the protocol, and fail as they are told.

use std::borrow::Cow;
use std::sync::mpsc;
use std::time::Duration;

use kafka_gateway_api::Header;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

type Mock = MockCluster<'static, DefaultProducerContext>;
type Told = (u64, Result<Position, Refusal>);

struct Channel(std::sync::Mutex<mpsc::Sender<Told>>);

impl Sink for Channel {
    fn delivered(&self, index: u64, result: Result<Position, Refusal>) {
        // A test that saw enough looks no more.
        let _ = self.0.lock().expect("not poisoned").send((index, result));
    }
}

struct World {
    mock: Mock,
    producers: Producers,
    sink: Arc<dyn Sink>,
    told: mpsc::Receiver<Told>,
}

const TOPIC: &str = "orders";
const WAIT: Duration = Duration::from_secs(60);

fn settings(brokers: String, more: &[(&str, &str)]) -> KafkaSettings {
    let mut properties =
        vec![("bootstrap.servers".to_owned(), brokers), ("linger.ms".to_owned(), "1".to_owned())];
    properties.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    KafkaSettings {
        properties,
        acks: Acks::All,
        idempotence: true,
        message_max_bytes: 1_000_000,
        message_timeout: Duration::from_secs(30),
        statistics_interval: Duration::ZERO,
        auto_create_topics: false,
        unknown_topic_ttl: Duration::from_millis(200),
    }
}

fn world_with(more: &[(&str, &str)], change: impl FnOnce(&mut KafkaSettings)) -> World {
    let mock = MockCluster::new(1).expect("mock brokers");
    mock.create_topic(TOPIC, 4, 1).expect("a topic");
    let mut settings = settings(mock.bootstrap_servers(), more);
    change(&mut settings);
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let producers = Producers::new(&settings, metrics).expect("producers");
    let (tell, told) = mpsc::channel();
    World { mock, producers, sink: Arc::new(Channel(std::sync::Mutex::new(tell))), told }
}

fn world() -> World {
    world_with(&[], |_| ())
}

fn record(topic: &str) -> Record<'_> {
    Record {
        topic: topic.into(),
        partition: Some(0),
        key: None,
        value: Some(Cow::Borrowed(b"value")),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

/// The gateway's own user may not; no client of it is told that it is the one.
fn forbidden() -> Refusal {
    Refusal::Kafka {
        code: 29,
        name: "TOPIC_AUTHORIZATION_FAILED",
        message: "Broker: Topic authorization failed".to_owned(),
        status: 403,
    }
}

impl World {
    fn send(&self, lane: Lane, index: u64, record: &Record<'_>) -> Result<(), SendError> {
        let ticket = Box::new(Ticket { sink: self.sink.clone(), index, sent: Instant::now() });
        self.producers.send(lane, record, ticket).map_err(|(error, ticket)| {
            assert_eq!(ticket.index, index, "the ticket comes back");
            error
        })
    }

    fn told(&self) -> Told {
        self.told.recv_timeout(WAIT).expect("every ticket is told")
    }

    fn refused(&self) -> Refusal {
        self.told().1.expect_err("refused")
    }

    fn fail(&self, request: RDKafkaApiKey, error: RDKafkaRespErr, times: usize) {
        self.mock.request_errors(request, &vec![error; times]);
    }
}

#[test]
fn every_lane_writes_and_says_where() {
    let world = world();
    for (number, lane) in Lane::ALL.into_iter().enumerate() {
        let record = Record {
            partition: Some(i32::try_from(number).expect("four")),
            key: Some(Cow::Borrowed(b"key")),
            headers: vec![
                Header { name: "a".into(), value: Some(Cow::Borrowed(b"")) },
                Header { name: "a".into(), value: None },
            ],
            timestamp_ms: Some(1_700_000_000_000),
            ..record(TOPIC)
        };
        for offset in 0..3 {
            world.send(lane, offset, &record).expect("taken");
            let (index, position) = world.told();
            let position = position.expect("written");
            assert_eq!((index, Some(position.partition)), (offset, record.partition));
            let answered = lane != Lane::Acks(Acks::None);
            let expected = answered.then(|| i64::try_from(offset).expect("three"));
            assert_eq!(position.offset, expected, "lane {}", lane.name());
            // The mock brokers' topics have LogAppendTime, and this is their clock.
            let stamp = if answered { 1234 } else { 1_700_000_000_000 };
            assert_eq!(position.timestamp_ms, Some(stamp));
        }
    }
    assert_eq!(world.producers.flush(Instant::now() + WAIT), 0);
    assert_eq!(world.producers.in_flight(), 0);
}

#[test]
fn a_full_queue_gives_the_ticket_back_and_takes_records_again() {
    let world = world_with(&[("queue.buffering.max.messages", "10")], |_| ());
    world.mock.broker_down(-1).expect("down");
    let lane = Lane::Acks(Acks::Leader);
    for index in 0..10 {
        world.send(lane, index, &record(TOPIC)).expect("room");
    }
    assert_eq!(world.send(lane, 10, &record(TOPIC)), Err(SendError::Full));
    assert_eq!(world.producers.in_flight(), 10);
    world.mock.broker_up(-1).expect("up");
    for _ in 0..10 {
        assert!(world.told().1.is_ok());
    }
    // librdkafka gives the room back a moment after it told.
    let told = Instant::now();
    while let Err(error) = world.send(lane, 11, &record(TOPIC)) {
        assert!(error == SendError::Full && told.elapsed() < WAIT, "{error:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(world.told().0, 11);
}

#[test]
fn what_a_broker_refuses_for_good_is_refused_by_its_meaning() {
    let world = world();
    let lane = Lane::Acks(Acks::All);
    for (error, expected) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            Refusal::Kafka {
                code: 10,
                name: "MESSAGE_TOO_LARGE",
                message: "Broker: Message size too large".to_owned(),
                status: 413,
            },
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD,
            Refusal::Kafka {
                code: 87,
                name: "INVALID_RECORD",
                message: "Broker: Broker failed to validate record".to_owned(),
                status: 422,
            },
        ),
    ] {
        world.fail(RDKafkaApiKey::Produce, error, 1);
        world.send(lane, 0, &record(TOPIC)).expect("taken");
        let refused = world.refused();
        assert_eq!(refused, expected);
        assert!(is_permanent(&refused));
    }
    world.send(lane, 1, &record(TOPIC)).expect("taken");
    assert!(world.told().1.is_ok(), "the next record is none the worse");

    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    world.fail(RDKafkaApiKey::Produce, denied, 1);
    world.send(lane, 2, &record(TOPIC)).expect("taken");
    assert_eq!(world.refused(), forbidden());
}

#[test]
fn what_passes_is_tried_again() {
    let world = world();
    world.fail(RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 3);
    world.send(Lane::Log, 0, &record(TOPIC)).expect("taken");
    assert_eq!(world.told().1.expect("written").offset, Some(0));
}

#[test]
fn a_record_that_was_never_sent_is_refused_and_one_that_was_is_unknown() {
    let world = world_with(&[], |settings| settings.message_timeout = Duration::from_millis(700));
    let lane = Lane::Acks(Acks::Leader);
    world.send(lane, 0, &record(TOPIC)).expect("taken");
    assert!(world.told().1.is_ok(), "the lane is connected");
    world.mock.broker_round_trip_time(-1, Duration::from_secs(5)).expect("slow");
    world.send(lane, 1, &record(TOPIC)).expect("taken");
    let refused = world.refused();
    assert!(matches!(refused, Refusal::Unknown { code: -192, name: "_MSG_TIMED_OUT", .. }));
    assert!(!is_permanent(&refused));

    let world = world_with(&[], |settings| settings.message_timeout = Duration::from_millis(700));
    world.mock.broker_down(-1).expect("down");
    world.send(lane, 2, &record(TOPIC)).expect("taken");
    let refused = world.refused();
    assert!(
        matches!(refused, Refusal::Kafka { code: -192, name: "_MSG_TIMED_OUT", status: 503, .. }),
        "{refused:?}"
    );
    assert!(!is_permanent(&refused));
}

#[test]
fn what_cannot_be_sent_is_said_at_once() {
    let world = world();
    let lane = Lane::Acks(Acks::All);
    let large = vec![0_u8; 2_000_000];
    let too_large = Record { value: Some(Cow::Borrowed(&large)), ..record(TOPIC) };
    assert_eq!(
        world.send(lane, 0, &too_large),
        Err(SendError::Refused(Refusal::TooLarge {
            size_bytes: 2_000_000,
            limit_bytes: 1_000_000
        }))
    );
    let zero = Record { timestamp_ms: Some(0), ..record(TOPIC) };
    let refused = world.send(lane, 0, &zero);
    assert!(matches!(refused, Err(SendError::Refused(Refusal::Unprocessable(_)))));
    let name = world.send(lane, 0, &record("a\0b"));
    assert!(matches!(name, Err(SendError::Refused(Refusal::Unprocessable(_)))));
}

#[test]
fn flushing_counts_what_is_left_and_stopping_tells_it() {
    let world = world();
    world.mock.broker_down(-1).expect("down");
    for index in 0..3 {
        world.send(Lane::Log, index, &record(TOPIC)).expect("taken");
    }
    let begun = Instant::now();
    assert_eq!(world.producers.flush(begun + Duration::from_millis(300)), 3);
    assert!(begun.elapsed() < Duration::from_secs(2));
    world.producers.stop();
    for _ in 0..3 {
        let refused = world.refused();
        assert!(matches!(refused, Refusal::Kafka { name: "_PURGE_QUEUE", status: 503, .. }));
    }
    assert_eq!(
        world.send(Lane::Log, 4, &record(TOPIC)),
        Err(SendError::Refused(Refusal::Stopping))
    );
    assert_eq!(world.producers.in_flight(), 0);
}

#[test]
fn one_record_alone_is_refused_for_itself_only() {
    let world = world();
    let ticket = |index| Box::new(Ticket { sink: world.sink.clone(), index, sent: Instant::now() });
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    world.mock.broker_round_trip_time(-1, Duration::from_millis(200)).expect("slow");
    world.fail(RDKafkaApiKey::Produce, too_large, 1);
    for index in 0..5 {
        let sent = world.producers.send_alone(&record(TOPIC), ticket(index));
        assert!(sent.is_ok(), "taken");
    }
    let told: Vec<bool> = (0..5).map(|_| world.told().1.is_ok()).collect();
    assert_eq!(told.iter().filter(|written| **written).count(), 4, "{told:?}");
}

#[test]
fn flushing_sends_what_lingers() {
    let more = [("linger.ms", "60000")];
    let world = world_with(&more, |settings| settings.message_timeout = Duration::from_secs(90));
    world.send(Lane::Acks(Acks::Leader), 0, &record(TOPIC)).expect("taken");
    assert_eq!(world.producers.flush(Instant::now() + WAIT), 0);
    assert!(world.told().1.is_ok());
}

#[test]
fn a_lost_client_is_replaced_and_its_records_are_told() {
    let world = world();
    world.fail(
        RDKafkaApiKey::InitProducerId,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        1,
    );
    let lane = Lane::Acks(Acks::All);
    world.send(lane, 0, &record(TOPIC)).expect("taken");
    let refused = world.refused();
    assert_eq!(refused.status(), 503, "{refused:?}");
    let until = Instant::now() + WAIT;
    loop {
        match world.send(lane, 1, &record(TOPIC)) {
            Ok(()) => match world.told() {
                (1, Ok(position)) => break assert_eq!(position.offset, Some(0)),
                (_, result) => assert_eq!(result.expect_err("lost too").status(), 503),
            },
            Err(error) => assert!(matches!(error, SendError::Refused(_)), "{error:?}"),
        }
        assert!(Instant::now() < until, "no new client");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_about_a_topic_does_not_make_it() {
    let world = world();
    let topics = world.producers.topics();
    assert_eq!(topics.partitions(TOPIC).await, Ok(4));
    assert_eq!(topics.known(TOPIC), Some(Ok(4)));
    for _ in 0..3 {
        let refused = topics.partitions("invented").await;
        assert_eq!(refused, Err(Refusal::UnknownTopic("invented".to_owned())));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    world.mock.create_topic("invented", 2, 1).expect("made by somebody");
    assert_eq!(topics.partitions("invented").await, Ok(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_makes_a_topic_where_the_settings_say_so() {
    let world = world_with(&[], |settings| settings.auto_create_topics = true);
    let found = world.producers.topics().partitions("invented").await;
    assert_eq!(found, Ok(4), "the mock brokers' default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_without_rights_is_forbidden() {
    let world = world();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    world.mock.topic_error(TOPIC, denied).expect("an error");
    let refused = world.producers.topics().partitions(TOPIC).await;
    assert_eq!(refused, Err(forbidden()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_topic_never_seen_is_no_404() {
    let world = world();
    world.mock.broker_down(-1).expect("down");
    let begun = Instant::now();
    let refused = world.producers.topics().partitions("never-seen").await;
    assert_eq!(refused.expect_err("nobody tells").status(), 503);
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn ready_is_a_broker_that_answered_lately() {
    let world = world();
    let until = Instant::now() + WAIT;
    while let Err(why) = world.producers.ready() {
        assert!(Instant::now() < until, "{why}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = world.producers.cluster_id().expect("told");
    assert!(id.starts_with("mockCluster"), "{id}");
    let later = world.producers.cluster.ready(Instant::now() + Duration::from_secs(60));
    assert!(later.expect_err("too long ago").starts_with("no broker answered for"));
}

#[test]
fn wrong_properties_are_known_at_the_start() {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    for (key, value, expected) in [
        ("no.such.property", "1", "no.such.property"),
        ("socket.timeout.ms", "soon", "socket.timeout.ms"),
        ("ssl.ca.location", "/no/such/file.pem", "ssl.ca.location"),
    ] {
        let more = [("security.protocol", "ssl"), (key, value)];
        let settings = settings("127.0.0.1:1".to_owned(), &more);
        let error = Producers::new(&settings, metrics.clone()).err().expect("refused");
        assert!(error.contains(expected), "{error}");
    }
}
