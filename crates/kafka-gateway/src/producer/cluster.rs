//! The client that asks: what the cluster is called, whether a broker answers, what topics there are.
//!
//! It writes nothing, so no fatal error of a producer touches it. Its thread polls it and asks for the cluster every few
//! seconds; topics are asked about by the thread of [`super::topics`].

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_gateway_api::Refusal;
use rdkafka::config::ClientConfig;
use rdkafka::producer::Producer;
use rdkafka::types::RDKafkaErrorCode;
use tracing::{error, info};

use super::classify::{self, About};
use super::client::{Client, Context, Surroundings};
use super::lane::POLL;
use super::native::{self, CallError, Persisted};
use super::topics::Lookup;

/// What is known of the cluster.
pub(super) struct Cluster {
    client: Arc<Client>,
    config: ClientConfig,
    around: Surroundings,
    auto_create: bool,
    begun: Instant,
    state: Mutex<State>,
    stopping: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    id: Option<String>,
    /// One that is there.
    broker: Option<i32>,
    answered: Option<Instant>,
    problem: Option<String>,
}

impl Cluster {
    pub(super) fn start(
        config: ClientConfig,
        around: Surroundings,
        auto_create: bool,
    ) -> Result<Arc<Self>, String> {
        let client: Client = config
            .create_with_context(Context::new(None, around.clone()))
            .map_err(|error| error.to_string())?;
        let cluster = Arc::new(Self {
            client: Arc::new(client),
            config,
            around,
            auto_create,
            begun: Instant::now(),
            state: Mutex::default(),
            stopping: AtomicBool::new(false),
            thread: Mutex::default(),
        });
        let for_thread = Arc::clone(&cluster);
        let thread = thread::Builder::new()
            .name("cluster".to_owned())
            .spawn(move || for_thread.watch())
            .map_err(|error| format!("no thread for the cluster: {error}"))?;
        *cluster.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(cluster)
    }

    pub(super) fn id(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).id.clone()
    }

    /// Whether a broker answered lately.
    pub(super) fn ready(&self, now: Instant) -> Result<(), String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(state.answered.unwrap_or(self.begun));
        if state.answered.is_some() && since < LATELY {
            return Ok(());
        }
        let why = state.problem.as_deref().unwrap_or("nobody was asked yet");
        Err(format!("no broker answered for {} s: {why}", since.as_secs()))
    }

    /// Lets the thread end.
    pub(super) fn end(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn stop(&self) {
        self.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that watches the cluster ended by a panic");
        }
    }

    fn watch(&self) {
        let mut due = Instant::now();
        while !self.stopping.load(Ordering::Acquire) {
            self.client.poll(POLL);
            if Instant::now() < due {
                continue;
            }
            let answered = self.broker().is_ok();
            due = Instant::now() + if answered { EVERY } else { EVERY_AWAY };
        }
    }

    /// Asks for a broker, and keeps what is learnt.
    fn broker(&self) -> Result<i32, CallError> {
        let client = self.client.client().native_ptr();
        let asked = native::any_broker(client, TIMEOUT);
        let id = asked.is_ok().then(|| native::cluster_id(client)).flatten();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &asked {
            Ok(broker) => {
                if state.problem.take().is_some() || state.answered.is_none() {
                    info!(cluster = id.as_deref().unwrap_or_default(), "Kafka answers");
                }
                state.answered = Some(Instant::now());
                state.broker = Some(*broker);
                state.id = id.or_else(|| state.id.take());
            }
            Err(problem) => {
                let problem = format!("{}: {}", classify::name(problem.code), problem.text);
                if state.problem.is_none() {
                    error!("Kafka does not answer: {problem}");
                }
                state.problem = Some(problem);
                state.broker = None;
            }
        }
        asked
    }

    fn describe(&self, names: &[Arc<str>]) -> Result<Vec<Result<i32, Refusal>>, Refusal> {
        let illegal = |_| classify::unsent(RDKafkaErrorCode::InvalidTopic, "a zero in the name");
        let texts: Result<Vec<CString>, Refusal> =
            names.iter().map(|name| CString::new(name.as_bytes()).map_err(illegal)).collect();
        let (texts, client) = (texts?, self.client.client().native_ptr());
        let ask = |broker| native::describe_topics(client, broker, &texts, TIMEOUT);
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).broker;
        let described = match known.map(ask) {
            Some(Ok(described)) => Ok(described),
            // None is known, or it is none any more.
            _ => self.broker().and_then(ask),
        };
        let described = described.map_err(|error| classify::unsent(error.code, &error.text))?;
        Ok(names
            .iter()
            .map(|name| {
                let found = described.iter().find(|(described, _)| **described == **name);
                match found.map(|(_, answer)| answer) {
                    Some(Ok(partitions)) => Ok(i32::try_from(*partitions).unwrap_or(i32::MAX)),
                    Some(Err(code)) => Err(refused(name, *code)),
                    None => Err(refused(name, RDKafkaErrorCode::LeaderNotAvailable)),
                }
            })
            .collect())
    }

    /// Asks for topics in the way that makes them, where the broker allows it, and waits until they are there. A client
    /// of its own is let go afterwards: librdkafka would remember every name for ever.
    fn create(&self, names: &[&Arc<str>]) -> Result<(), Refusal> {
        let context = Context::new(None, self.around.clone());
        let client: Client = self
            .config
            .create_with_context(context)
            .map_err(|error| classify::unsent(RDKafkaErrorCode::Fail, &error.to_string()))?;
        let until = Instant::now() + TIMEOUT;
        for name in names {
            let left = until.saturating_duration_since(Instant::now());
            // Whatever it answers, the topic is looked for again.
            let _ = client.client().fetch_metadata(Some(name), left);
        }
        Ok(())
    }
}

/// Asks this cluster.
pub(super) struct Ask(pub(super) Arc<Cluster>);

impl Lookup for Ask {
    fn lookup(&mut self, names: &[Arc<str>]) -> Result<Vec<Result<i32, Refusal>>, Refusal> {
        let cluster = &self.0;
        let mut answers = cluster.describe(names)?;
        if !cluster.auto_create {
            return Ok(answers);
        }
        let until = Instant::now() + CREATE;
        let mut asked = false;
        loop {
            let missing: Vec<&Arc<str>> = names
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| matches!(answer, Err(refusal) if is_missing(refusal)))
                .map(|(name, _)| name)
                .collect();
            if missing.is_empty() || Instant::now() >= until {
                return Ok(answers);
            }
            if !asked {
                cluster.create(&missing)?;
                asked = true;
            } else {
                thread::sleep(CREATE_LOOK);
            }
            answers = cluster.describe(names)?;
        }
    }
}

/// Whether a topic may still come: unknown, or without its leaders yet.
fn is_missing(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::UnknownTopic(_) | Refusal::Kafka { status: 503, .. })
}

fn refused(topic: &str, code: RDKafkaErrorCode) -> Refusal {
    let about = About { topic, partition: -1, size_bytes: 0, limit_bytes: 0 };
    classify::refusal(code, Persisted::No, classify::text_of(code), about)
}

/// How long a broker may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often the cluster is asked, while it answers and while it does not.
const EVERY: Duration = Duration::from_secs(5);
const EVERY_AWAY: Duration = Duration::from_secs(1);

/// No answer for so long is not ready.
const LATELY: Duration = Duration::from_secs(15);

/// How long a topic that is being made is waited for, and how often it is looked for.
const CREATE: Duration = Duration::from_secs(2);
const CREATE_LOOK: Duration = Duration::from_millis(100);
