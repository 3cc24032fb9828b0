//! What is known of topics, for every request: from memory, and asked by one thread when it is not there.
//!
//! Names come from strangers. An illegal one is refused before anybody is asked; a question is asked once however many
//! wait for it, many names in one call and one call at a time; "does not exist" is believed for a while; and both the
//! names that wait and the names that do not exist have a bound. What was known stays usable while no broker answers.
//! Rules of names: Kafka's own, org.apache.kafka.common.internals.Topic.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_gateway_api::Refusal;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;
use tracing::error;

use super::classify;

/// Who is asked. Blocks.
pub(super) trait Lookup: Send + 'static {
    /// One answer for each name, in the same order; an error when nobody answered.
    fn lookup(&mut self, names: &[Arc<str>]) -> Result<Vec<Result<i32, Refusal>>, Refusal>;
}

/// What is known of topics.
pub struct Topics {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Topics {
    /// Begins to answer questions from this lookup.
    pub(super) fn start(shared: Arc<Shared>, lookup: impl Lookup) -> Result<Self, String> {
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("topics".to_owned())
            .spawn(move || for_thread.answer(lookup))
            .map_err(|error| format!("no thread for topics: {error}"))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The number of the topic's partitions, or why it has none, from memory; `None` when nobody was asked lately.
    #[must_use]
    pub fn known(&self, topic: &str) -> Option<Result<i32, Refusal>> {
        self.shared.known(topic, Instant::now())
    }

    /// The number of the topic's partitions, asked for when it is not in memory.
    ///
    /// # Errors
    /// The topic's name is illegal, it does not exist, this user may not see it, or nobody answers and it was never seen.
    pub async fn partitions(&self, topic: &str) -> Result<i32, Refusal> {
        if let Some(known) = self.known(topic) {
            return known;
        }
        let answer = self.shared.ask(topic)?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::Stopping),
            Err(_) => self.shared.remembered(topic).map_or_else(|| Err(unanswered()), Ok),
        }
    }

    /// Ends the thread; questions that wait are answered with [`Refusal::Stopping`].
    pub(super) fn stop(&self) {
        self.shared.questions().stopping = true;
        self.shared.asked.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that asks about topics ended by a panic");
        }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is known, and what is asked.
pub(super) struct Shared {
    table: RwLock<Table>,
    questions: Mutex<Questions>,
    asked: Condvar,
    unknown_ttl: Duration,
}

#[derive(Default)]
struct Table {
    topics: HashMap<Arc<str>, Entry>,
    /// Refused names, the oldest answer first.
    refused: VecDeque<(Arc<str>, Instant)>,
}

struct Entry {
    answer: Result<i32, Refusal>,
    at: Instant,
    /// From then on it is asked again, while the answer is still given.
    look_after: Instant,
    /// From then on it is asked before anything is answered.
    believed_until: Instant,
}

type Waiters = HashMap<Arc<str>, Vec<oneshot::Sender<Result<i32, Refusal>>>>;

#[derive(Default)]
struct Questions {
    /// To be asked, each with those who wait; nobody does when it is only looked at again.
    names: Waiters,
    /// Being asked right now.
    asking: Waiters,
    stopping: bool,
}

impl Shared {
    pub(super) fn new(unknown_ttl: Duration) -> Self {
        Self {
            table: RwLock::default(),
            questions: Mutex::default(),
            asked: Condvar::new(),
            unknown_ttl,
        }
    }

    /// A record shows that what is known may be wrong: it is looked at again, and believed until then.
    pub(super) fn suspect(&self, topic: &str) {
        self.look_again(topic);
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, topic: &str, now: Instant) -> Option<Result<i32, Refusal>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = table.topics.get(topic) else {
            drop(table);
            return illegal(topic).map(Err);
        };
        if now >= entry.believed_until {
            return None;
        }
        let (answer, again) = (entry.answer.clone(), now >= entry.look_after);
        drop(table);
        if again {
            self.look_again(topic);
        }
        Some(answer)
    }

    /// What was known once, for when nobody answers.
    fn remembered(&self, topic: &str) -> Option<i32> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.topics.get(topic).and_then(|entry| entry.answer.as_ref().ok().copied())
    }

    fn look_again(&self, topic: &str) {
        let mut questions = self.questions();
        let known = questions.names.contains_key(topic) || questions.asking.contains_key(topic);
        if !known && questions.names.len() < WAITING_MAX {
            questions.names.insert(topic.into(), Vec::new());
            drop(questions);
            self.asked.notify_one();
        }
    }

    /// Joins the question, or asks it.
    fn ask(&self, topic: &str) -> Result<oneshot::Receiver<Result<i32, Refusal>>, Refusal> {
        let (answer, receiver) = oneshot::channel();
        let mut questions = self.questions();
        if questions.stopping {
            return Err(Refusal::Stopping);
        }
        if let Some(waiting) = questions.asking.get_mut(topic) {
            waiting.push(answer);
        } else if let Some(waiting) = questions.names.get_mut(topic) {
            waiting.push(answer);
        } else if questions.names.len() < WAITING_MAX {
            questions.names.insert(topic.into(), vec![answer]);
        } else {
            return Err(Refusal::Full {
                what: "the list of topics to ask about",
                retry_after: ANSWER,
            });
        }
        drop(questions);
        self.asked.notify_one();
        Ok(receiver)
    }

    /// The thread: takes what is asked, asks it, tells it.
    fn answer(&self, mut lookup: impl Lookup) {
        while let Some(names) = self.next() {
            let answers = lookup.lookup(&names);
            let now = Instant::now();
            match &answers {
                Ok(answers) => self.learn(&names, answers, now),
                Err(_) => self.keep(&names, now),
            }
            // The table first: who asks from now on finds the answer there.
            let mut waiting = std::mem::take(&mut self.questions().asking);
            for (index, name) in names.iter().enumerate() {
                let answer = match &answers {
                    Ok(answers) => answers.get(index).cloned().unwrap_or_else(|| Err(unanswered())),
                    Err(refusal) => self.remembered(name).ok_or_else(|| refusal.clone()),
                };
                for waiter in waiting.remove(name).into_iter().flatten() {
                    // Who gave up does not hear it.
                    let _ = waiter.send(answer.clone());
                }
            }
        }
        let mut questions = self.questions();
        // Their waiters see that nobody will answer.
        questions.names.clear();
        questions.asking.clear();
    }

    /// Waits for questions; `None` is the end.
    fn next(&self) -> Option<Vec<Arc<str>>> {
        let mut questions = self.questions();
        while questions.names.is_empty() && !questions.stopping {
            questions = self.asked.wait(questions).unwrap_or_else(PoisonError::into_inner);
        }
        if questions.stopping {
            return None;
        }
        let names: Vec<Arc<str>> = questions.names.keys().take(BATCH).cloned().collect();
        for name in &names {
            if let Some(waiters) = questions.names.remove(name) {
                questions.asking.insert(Arc::clone(name), waiters);
            }
        }
        Some(names)
    }

    fn learn(&self, names: &[Arc<str>], answers: &[Result<i32, Refusal>], now: Instant) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for (name, answer) in names.iter().zip(answers) {
            let believed = match answer {
                Ok(_) => BELIEVED,
                // Nobody's answer about the topic: a leader that is being chosen, a broker that starts.
                Err(refusal) if !classify::is_permanent(refusal) => continue,
                Err(_) => self.unknown_ttl,
            };
            let entry = Entry {
                answer: answer.clone(),
                at: now,
                look_after: now + if answer.is_ok() { REFRESH } else { believed },
                believed_until: now + believed,
            };
            if answer.is_err() {
                table.refused.push_back((Arc::clone(name), now));
            } else if table.topics.len() >= TOPICS_MAX && !table.topics.contains_key(name) {
                continue;
            }
            table.topics.insert(Arc::clone(name), entry);
        }
        table.forget(self.unknown_ttl, now);
    }

    /// Nobody answered: what is known stays, and is looked at again soon.
    fn keep(&self, names: &[Arc<str>], now: Instant) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if let Some(entry) = table.topics.get_mut(name)
                && entry.answer.is_ok()
            {
                (entry.look_after, entry.believed_until) = (now + AGAIN, now + BELIEVED);
            }
        }
    }
}

impl Table {
    /// Lets go of refused names that are too old or too many.
    fn forget(&mut self, ttl: Duration, now: Instant) {
        while let Some((name, at)) = self.refused.front() {
            let old = now.saturating_duration_since(*at) >= ttl;
            if !old && self.refused.len() <= REFUSED_MAX {
                return;
            }
            // It may have become a topic since, or been refused once more.
            if self.topics.get(name).is_some_and(|entry| entry.answer.is_err() && entry.at == *at) {
                self.topics.remove(name);
            }
            self.refused.pop_front();
        }
    }
}

/// Why no topic can have this name, when none can.
fn illegal(topic: &str) -> Option<Refusal> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let why = if topic.is_empty() {
        "a topic's name is not empty"
    } else if topic.len() > NAME_MAX {
        "a topic's name has 249 characters at most"
    } else if matches!(topic, "." | "..") {
        "a topic's name is neither . nor .."
    } else if !topic.bytes().all(legal) {
        "a topic's name has only letters and digits of ASCII, and . _ -"
    } else {
        return None;
    };
    Some(Refusal::Unprocessable(why.to_owned()))
}

fn unanswered() -> Refusal {
    classify::unsent(RDKafkaErrorCode::OperationTimedOut, "no broker tells about the topic")
}

/// The longest legal name.
const NAME_MAX: usize = 249;

/// A known topic is looked at again after this, when it is used.
const REFRESH: Duration = Duration::from_secs(30);

/// A topic that nobody used for so long is asked about first.
const BELIEVED: Duration = Duration::from_secs(300);

/// After a call that nobody answered.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a request waits for an answer, at most.
const ANSWER: Duration = Duration::from_secs(5);

/// Names in one call.
const BATCH: usize = 100;

/// Names that wait to be asked; more are refused for the moment.
const WAITING_MAX: usize = 1000;

/// Names that do not exist, or are not to be seen, in memory.
const REFUSED_MAX: usize = 10_000;

/// Topics in memory; more are asked about each time.
const TOPICS_MAX: usize = 200_000;

#[cfg(test)]
mod tests;
