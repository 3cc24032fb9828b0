use std::collections::HashMap;
use std::sync::mpsc;

use super::*;

/// A cluster that is asked when the test says so.
struct Fake {
    asked: mpsc::Sender<Vec<String>>,
    answers: mpsc::Receiver<Result<HashMap<String, i32>, Refusal>>,
}

impl Lookup for Fake {
    fn lookup(&mut self, names: &[Arc<str>]) -> Result<Vec<Result<i32, Refusal>>, Refusal> {
        let mut sorted: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        sorted.sort();
        // A test that is over looks no more.
        let _ = self.asked.send(sorted);
        let topics = self.answers.recv().unwrap_or_else(|_| Err(unanswered()))?;
        let answer = |name: &Arc<str>| match topics.get(&**name) {
            Some(-1) => Err(Refusal::Forbidden(name.to_string())),
            Some(-2) => Err(classify::unsent(RDKafkaErrorCode::LeaderNotAvailable, "being chosen")),
            Some(partitions) => Ok(*partitions),
            None => Err(Refusal::UnknownTopic(name.to_string())),
        };
        Ok(names.iter().map(answer).collect())
    }
}

/// The thread ends with `topics`, after nobody can answer it any more.
struct World {
    answers: mpsc::Sender<Result<HashMap<String, i32>, Refusal>>,
    asked: mpsc::Receiver<Vec<String>>,
    topics: Arc<Topics>,
}

const TTL: Duration = Duration::from_secs(7);

fn world() -> World {
    let ((asking, asked), (answers, answering)) = (mpsc::channel(), mpsc::channel());
    let shared = Arc::new(Shared::new(TTL));
    let topics = Topics::start(shared, Fake { asked: asking, answers: answering }).expect("starts");
    World { topics: Arc::new(topics), asked, answers }
}

impl World {
    fn ask(&self, topic: &str) -> tokio::task::JoinHandle<Result<i32, Refusal>> {
        let (topics, topic) = (Arc::clone(&self.topics), topic.to_owned());
        tokio::spawn(async move { topics.partitions(&topic).await })
    }

    /// Waits until the thread asks, and says what.
    async fn asks(&self) -> Vec<String> {
        loop {
            match self.asked.try_recv() {
                Ok(names) => return names,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// The cluster's answer to the question that waits.
    fn tell(&self, topics: &[(&str, i32)]) {
        let topics = topics.iter().map(|(name, partitions)| ((*name).to_owned(), *partitions));
        self.answers.send(Ok(topics.collect())).expect("the thread waits");
    }

    /// What is answered from memory so much later.
    fn later(&self, topic: &str, after: Duration) -> Option<Result<i32, Refusal>> {
        self.topics.shared.known(topic, Instant::now() + after)
    }

    /// Waits until this many wait for an answer that is being fetched.
    async fn waiting(&self, topic: &str, count: usize) {
        let waiters = || self.topics.shared.questions().asking.get(topic).map_or(0, Vec::len);
        while waiters() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn unknown(topic: &str) -> Result<i32, Refusal> {
    Err(Refusal::UnknownTopic(topic.to_owned()))
}

#[tokio::test]
async fn a_topic_is_asked_about_once_however_many_wait() {
    let world = world();
    let first = world.ask("orders");
    assert_eq!(world.asks().await, ["orders"]);
    let others: Vec<_> = (0..20).map(|_| world.ask("orders")).collect();
    world.waiting("orders", 21).await;
    world.tell(&[("orders", 6)]);
    assert_eq!(first.await.expect("runs"), Ok(6));
    for other in others {
        assert_eq!(other.await.expect("runs"), Ok(6));
    }
    assert_eq!(world.topics.known("orders"), Some(Ok(6)));
    assert!(world.asked.try_recv().is_err(), "asked twice");
}

#[tokio::test]
async fn names_that_came_meanwhile_go_in_one_call() {
    let world = world();
    let first = world.ask("a");
    assert_eq!(world.asks().await, ["a"]);
    let others = [world.ask("b"), world.ask("c")];
    while world.topics.shared.questions().names.len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.tell(&[("a", 1)]);
    assert_eq!(world.asks().await, ["b", "c"]);
    world.tell(&[("b", 2), ("c", -1)]);
    assert_eq!(first.await.expect("runs"), Ok(1));
    let [b, c] = others;
    assert_eq!(b.await.expect("runs"), Ok(2));
    assert_eq!(c.await.expect("runs"), Err(Refusal::Forbidden("c".to_owned())));
}

#[tokio::test]
async fn an_unknown_topic_is_believed_for_its_time_and_found_after_it() {
    let world = world();
    let asked = world.ask("new");
    world.asks().await;
    world.tell(&[]);
    assert_eq!(asked.await.expect("runs"), unknown("new"));
    assert_eq!(world.later("new", TTL - Duration::from_secs(1)), Some(unknown("new")));
    assert_eq!(world.later("new", TTL), None);
}

#[tokio::test]
async fn a_known_topic_is_looked_at_again_while_it_is_used_and_may_be_gone_then() {
    let world = world();
    let asked = world.ask("orders");
    world.asks().await;
    world.tell(&[("orders", 3)]);
    assert_eq!(asked.await.expect("runs"), Ok(3));
    assert_eq!(world.later("orders", REFRESH), Some(Ok(3)), "answered while it is asked");
    assert_eq!(world.asks().await, ["orders"]);
    world.tell(&[]);
    while world.topics.known("orders") == Some(Ok(3)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.topics.known("orders"), Some(unknown("orders")));
}

#[tokio::test]
async fn a_suspect_is_looked_at_again_at_once() {
    let world = world();
    let asked = world.ask("orders");
    world.asks().await;
    world.tell(&[("orders", 3)]);
    assert_eq!(asked.await.expect("runs"), Ok(3));
    world.topics.shared.suspect("orders");
    assert_eq!(world.asks().await, ["orders"]);
    world.tell(&[("orders", 12)]);
    while world.topics.known("orders") != Some(Ok(12)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn without_a_broker_known_topics_are_usable_and_others_are_told_so() {
    let world = world();
    let asked = world.ask("orders");
    world.asks().await;
    world.tell(&[("orders", 3)]);
    assert_eq!(asked.await.expect("runs"), Ok(3));
    let away = classify::unsent(RDKafkaErrorCode::BrokerTransportFailure, "away");
    let (known, never_seen) = (world.topics.shared.ask("orders"), world.ask("other"));
    let mut names = world.asks().await;
    world.answers.send(Err(away.clone())).expect("the thread waits");
    if names.len() == 1 {
        names.extend(world.asks().await);
        world.answers.send(Err(away.clone())).expect("the thread waits");
    }
    names.sort();
    assert_eq!(names, ["orders", "other"]);
    assert_eq!(known.expect("asked").await.expect("answered"), Ok(3));
    assert_eq!(never_seen.await.expect("runs"), Err(away));
    assert_eq!(world.later("orders", BELIEVED - Duration::from_secs(1)), Some(Ok(3)));
    assert_eq!(world.topics.known("other"), None, "nobody said that it does not exist");
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_not_remembered() {
    let world = world();
    let asked = world.ask("orders");
    world.asks().await;
    world.tell(&[("orders", -2)]);
    assert_eq!(asked.await.expect("runs").expect_err("no leader").status(), 503);
    assert_eq!(world.topics.known("orders"), None);
}

#[tokio::test]
async fn illegal_names_are_refused_and_nobody_is_asked() {
    let world = world();
    let long = "a".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "ä", "a\0b", "a\n", long.as_str()] {
        let refused = world.topics.partitions(name).await.expect_err("illegal");
        assert!(matches!(refused, Refusal::Unprocessable(_)), "{name:?}: {refused:?}");
    }
    assert!(world.asked.try_recv().is_err());
    let longest = "a".repeat(249);
    for name in ["...", "_", "A-z.0", longest.as_str()] {
        assert_eq!(world.topics.known(name), None, "{name:?} is legal");
    }
}

#[tokio::test]
async fn names_of_strangers_have_bounds() {
    let world = world();
    let first = world.ask("first");
    world.asks().await;
    for name in 0..WAITING_MAX {
        drop(world.topics.shared.ask(&format!("t{name}")).expect("there is room"));
    }
    let refused = world.topics.shared.ask("one-more").expect_err("there is none");
    assert!(matches!(refused, Refusal::Full { .. }), "{refused:?}");
    drop(first);

    let names: Vec<Arc<str>> = (0..REFUSED_MAX + 500).map(|n| format!("u{n}").into()).collect();
    let answers: Vec<_> = names.iter().map(|name| unknown(name)).collect();
    world.topics.shared.learn(&names, &answers, Instant::now());
    let table = world.topics.shared.table.read().expect("not poisoned");
    assert_eq!((table.topics.len(), table.refused.len()), (REFUSED_MAX, REFUSED_MAX));
    assert!(!table.topics.contains_key("u0"), "the oldest goes first");
    drop(table);
    world.topics.shared.learn(&[], &[], Instant::now() + TTL);
    let table = world.topics.shared.table.read().expect("not poisoned");
    assert_eq!((table.topics.len(), table.refused.len()), (0, 0));
}

#[tokio::test]
async fn the_end_answers_who_waits() {
    let world = world();
    let first = world.ask("a");
    world.asks().await;
    let second = world.ask("b");
    while world.topics.shared.questions().names.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stopping = {
        let topics = Arc::clone(&world.topics);
        tokio::task::spawn_blocking(move || topics.stop())
    };
    while !world.topics.shared.questions().stopping {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.tell(&[("a", 1)]);
    stopping.await.expect("ends");
    assert_eq!(first.await.expect("runs"), Ok(1));
    assert_eq!(second.await.expect("runs"), Err(Refusal::Stopping));
    assert_eq!(world.topics.partitions("c").await, Err(Refusal::Stopping));
}
