//! One round: every partition on its own, all at once. The reader stands at the end of each before anything is written.
//! Each gets two records: the first opens connections on the way, the second is measured.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::report::Outcome;
use crate::cluster::TopicState;
use crate::context::Context;
use crate::payload::Payload;
use crate::wire::Librdkafka;

type Consumer = StreamConsumer<Librdkafka>;
type Producer = FutureProducer<Librdkafka>;

/// What the reader says to a partition.
enum Read {
    /// It has come to the end.
    End,
    /// A record of this check, and when it was there.
    Record { message: u64, at: Instant },
}

/// Writes to and reads from every partition; what is open at the deadline has failed.
pub(super) async fn run(
    context: &Arc<Context>,
    topic: &TopicState,
    deadline: Instant,
) -> Vec<Outcome> {
    let clients = clients(context, topic);
    let mut outcomes: Vec<Outcome> = match clients {
        Err(error) => {
            let failed = format!("librdkafka's clients cannot be made: {error}");
            let of = |(number, state): (&i32, &crate::cluster::PartitionState)| Outcome {
                partition: *number,
                broker: state.leader,
                produce: None,
                end_to_end: None,
                failure: Some(failed.clone()),
            };
            topic.partitions.iter().map(of).collect()
        }
        Ok((producer, consumer)) => {
            let outcomes = probe_all(context, topic, producer, consumer, deadline).await;
            led_by_the_same(context, outcomes).await
        }
    };
    outcomes.sort_by_key(|outcome| outcome.partition);
    outcomes
}

/// A partition that another broker leads in the end says nothing of the one that is to be checked: the first record may
/// have waited until it had been replaced.
async fn led_by_the_same(context: &Context, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    if let Ok(Some(now)) = context.cluster.topic(&context.settings.topic.name).await {
        for outcome in &mut outcomes {
            let leader = now.partitions.get(&outcome.partition).and_then(|state| state.leader);
            if leader != outcome.broker && outcome.failure.is_none() {
                outcome.failure = Some(leader.map_or_else(
                    || "no broker leads it any more".to_owned(),
                    |id| format!("broker {id} has taken over meanwhile"),
                ));
            }
        }
    }
    outcomes
}

fn clients(context: &Context, topic: &TopicState) -> Result<(Producer, Consumer), KafkaError> {
    let settings = &context.settings;
    let ack_timeout = settings.probe.ack_timeout.as_millis().to_string();
    let producer = configuration(
        context,
        &[("acks", "all"), ("linger.ms", "0"), ("message.timeout.ms", &ack_timeout)],
    )
    .create_with_context(context.wire.context())?;
    let consumer: Consumer = configuration(
        context,
        &[
            ("group.id", &settings.probe.group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "latest"),
        ],
    )
    .create_with_context(context.wire.context())?;
    let mut from_end = TopicPartitionList::new();
    for partition in topic.partitions.keys() {
        from_end.add_partition_offset(&settings.topic.name, *partition, Offset::End)?;
    }
    consumer.assign(&from_end)?;
    Ok((producer, consumer))
}

/// What reaches the cluster, and these where `KAFKA_CANARY_LIBRDKAFKA` says nothing else.
fn configuration(context: &Context, own: &[(&str, &str)]) -> ClientConfig {
    let mut configuration = context.wire.librdkafka();
    for (key, value) in own {
        if configuration.get(key).is_none() {
            configuration.set(*key, *value);
        }
    }
    configuration
}

async fn probe_all(
    context: &Arc<Context>,
    topic: &TopicState,
    producer: Producer,
    consumer: Consumer,
    deadline: Instant,
) -> Vec<Outcome> {
    let complaint = Arc::new(Mutex::new(None));
    let mut listeners = BTreeMap::new();
    let mut probes = JoinSet::new();
    for (number, state) in &topic.partitions {
        let (said, heard) = unbounded_channel();
        listeners.insert(*number, said);
        let probe = Partition {
            context: context.clone(),
            producer: producer.clone(),
            number: *number,
            heard,
            complaint: complaint.clone(),
            deadline,
        };
        probes.spawn(probe.run(state.leader));
    }
    let id = producer_id(context);
    let reading = tokio::spawn(async move { read(consumer, &id, &listeners, &complaint).await });
    let outcomes = probes.join_all().await;
    reading.abort();
    outcomes
}

/// Reads until it is ended.
async fn read(
    consumer: Consumer,
    id: &str,
    listeners: &BTreeMap<i32, UnboundedSender<Read>>,
    complaint: &Mutex<Option<String>>,
) {
    let tell = |partition: i32, what: Read| {
        // Nobody listens any more when the partition is done.
        let _ = listeners.get(&partition).map(|listener| listener.send(what));
    };
    loop {
        match consumer.recv().await {
            Ok(record) => {
                let at = Instant::now();
                if let Some(payload) = record
                    .payload()
                    .and_then(Payload::read)
                    .filter(|payload| payload.producer_id == id)
                {
                    tell(record.partition(), Read::Record { message: payload.message_id, at });
                }
            }
            Err(KafkaError::PartitionEOF(partition)) => tell(partition, Read::End),
            Err(error) => {
                *complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// One partition's round.
struct Partition {
    context: Arc<Context>,
    producer: Producer,
    number: i32,
    heard: UnboundedReceiver<Read>,
    complaint: Arc<Mutex<Option<String>>>,
    deadline: Instant,
}

impl Partition {
    async fn run(mut self, leader: Option<i32>) -> Outcome {
        let mut outcome = Outcome {
            partition: self.number,
            broker: leader,
            produce: None,
            end_to_end: None,
            failure: None,
        };
        outcome.failure = self.measured(&mut outcome).await.err();
        outcome
    }

    async fn measured(&mut self, outcome: &mut Outcome) -> Result<(), String> {
        self.until(|read| matches!(read, Read::End).then_some(())).await?;
        self.record(0).await?.1?;
        let (produce, end_to_end) = self.record(1).await?;
        outcome.produce = Some(produce);
        outcome.end_to_end = Some(end_to_end?);
        Ok(())
    }

    /// Writes and reads one record. The error is for one that was not acknowledged, that within for one not read.
    async fn record(
        &mut self,
        message: u64,
    ) -> Result<(Duration, Result<Duration, String>), String> {
        let settings = &self.context.settings;
        let id = producer_id(&self.context);
        let payload =
            Payload { producer_id: id.into(), message_id: message, timestamp: unix_milliseconds() };
        let mut value = Vec::new();
        payload.write(settings.probe.value_bytes, &mut value).map_err(|error| error.to_string())?;
        let record =
            FutureRecord::<(), _>::to(&settings.topic.name).partition(self.number).payload(&value);
        let sent = Instant::now();
        timeout_at(self.deadline, self.producer.send(record, settings.probe.ack_timeout))
            .await
            .map_err(|_| "not acknowledged in time".to_owned())?
            .map_err(|(error, _)| format!("not acknowledged: {error}"))?;
        let produce = sent.elapsed();
        let read = self.until(|read| match read {
            Read::Record { message: number, at } if *number == message => Some(*at),
            _ => None,
        });
        Ok((produce, read.await.map(|at| at.saturating_duration_since(sent))))
    }

    /// Whoever reads later than this is late, in the check as in the canary.
    fn limit(&self) -> Instant {
        self.deadline.min(Instant::now() + self.context.settings.probe.late_after)
    }

    async fn until<T>(&mut self, wanted: impl Fn(&Read) -> Option<T>) -> Result<T, String> {
        let limit = self.limit();
        let found = async {
            while let Some(read) = self.heard.recv().await {
                if let Some(found) = wanted(&read) {
                    return Some(found);
                }
            }
            None
        };
        if let Ok(Some(found)) = timeout_at(limit, found).await {
            return Ok(found);
        }
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(complaint.map_or_else(
            || "not read in time".to_owned(),
            |error| format!("not read in time: {error}"),
        ))
    }
}

/// Another than the running canary's, which counts these records as foreign.
fn producer_id(context: &Context) -> String {
    format!("{}-check-{}", context.settings.kafka.client_id, std::process::id())
}

fn unix_milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

const ERROR_PAUSE: Duration = Duration::from_millis(50);
