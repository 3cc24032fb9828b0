use std::collections::VecDeque;
use std::path::Path;

use kafka_gateway_api::Refusal;
use tempfile::TempDir;

use super::*;
use crate::settings::{Fsync, IdempotencySettings, LogSettings};
use crate::wal::{EntryHead, Recovery, Unobserved};

/// Value, headers, whether alone.
type Sending = (String, Vec<(String, String)>, bool, Box<Ticket>);

/// Takes records, and answers when it is told to.
#[derive(Default)]
struct Script {
    sent: Mutex<VecDeque<Sending>>,
    full: AtomicBool,
}

impl Outlet for Script {
    fn send(&self, record: &Record<'_>, ticket: Box<Ticket>, alone: bool) -> Sent {
        if self.full.load(Ordering::SeqCst) {
            return Err((SendError::Full, ticket));
        }
        assert!(record.timestamp_ms.is_some());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = record
            .headers
            .iter()
            .map(|header| (header.name.to_string(), text(header.value.as_deref().unwrap())))
            .collect();
        let value = text(record.value.as_deref().unwrap());
        self.sent.lock().unwrap().push_back((value, headers, alone, ticket));
        Ok(())
    }
}

impl Script {
    /// The next record that is sent.
    async fn next(&self) -> Sending {
        for _ in 0..2000 {
            if let Some(sent) = self.sent.lock().unwrap().pop_front() {
                return sent;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing is sent");
    }
}

fn answer(ticket: &Ticket, result: Result<Position, Refusal>) {
    ticket.sink.delivered(ticket.index, result);
}

const HERE: Position = Position { partition: 2, offset: Some(7), timestamp_ms: None };

fn kafka(code: i32, name: &'static str) -> Refusal {
    Refusal::Kafka { code, name, message: "text".to_owned(), status: 503 }
}

struct World {
    folder: TempDir,
    wal: Arc<Wal>,
    pump: Arc<Pump>,
    script: Arc<Script>,
    drain: CancellationToken,
    end: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

const IDEMPOTENCY: IdempotencySettings =
    IdempotencySettings { window: Duration::from_secs(3600), keys_max: 100 };

fn open(folder: &Path) -> (Arc<Wal>, Recovery) {
    let settings = LogSettings {
        directory: folder.to_owned(),
        max_bytes: 1 << 20,
        segment_bytes: 1 << 16,
        fsync: Fsync::Never,
    };
    Wal::open(&settings, &IDEMPOTENCY, Arc::new(Unobserved)).unwrap()
}

impl World {
    fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap(), Arc::new(NothingKnown))
    }

    fn over(folder: TempDir, known: Arc<dyn Known>) -> Self {
        let (wal, recovery) = open(folder.path());
        let script = Arc::new(Script::default());
        let (drain, end) = (CancellationToken::new(), CancellationToken::new());
        let metrics = Arc::new(Metrics::new().unwrap());
        let pump = Pump::onto(wal.clone(), script.clone(), Keys::new(IDEMPOTENCY), metrics);
        let (reader, run) = (recovery.reader, pump.clone());
        let tokens = (drain.clone(), end.clone());
        let running = tokio::spawn(run.run(reader, known, tokens.0, tokens.1));
        Self { folder, wal, pump, script, drain, end, running }
    }

    async fn append(&self, token: u64, key: Option<&str>, values: &[&str]) -> u64 {
        let records: Vec<Record<'_>> = values
            .iter()
            .map(|value| Record {
                topic: "topic".into(),
                partition: None,
                key: None,
                value: Some(value.as_bytes().into()),
                headers: Vec::new(),
                timestamp_ms: None,
            })
            .collect();
        let head = EntryHead {
            token,
            waits: token != 0,
            client: "client",
            idempotency_key: key,
            fingerprint: 1,
            accepted_ms: 5,
            count: u32::try_from(records.len()).unwrap(),
        };
        let mut bytes = Vec::new();
        Entry::encode(&head, (0..).zip(&records), &mut bytes);
        self.wal.append(bytes).await.unwrap()
    }

    async fn stop(self) -> TempDir {
        self.drain.cancel();
        timeout(Duration::from_secs(10), self.running).await.unwrap().unwrap();
        self.wal.close();
        self.folder
    }
}

#[tokio::test]
async fn an_entry_is_marked_when_all_its_records_are_written() {
    let world = World::new();
    world.append(0, None, &["a", "b"]).await;
    let (a, b) = (world.script.next().await, world.script.next().await);
    assert_eq!((a.0.as_str(), b.0.as_str()), ("a", "b"));
    answer(&b.3, Ok(HERE));
    assert_eq!(world.wal.state().entries_waiting, 1);
    answer(&a.3, Ok(HERE));
    assert!(world.wal.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn who_waits_hears_after_the_key_is_answered_and_before_the_mark_is_kept() {
    let world = World::new();
    let (token, told) = world.pump.expect();
    world.append(token, Some("key"), &["a", "b"]).await;
    let (a, b) = (world.script.next().await, world.script.next().await);
    assert_eq!(b.1, [("idempotency-key".to_owned(), "key#1".to_owned())]);
    answer(&a.3, Ok(HERE));
    answer(&b.3, Ok(HERE));
    let outcomes = told.await.unwrap();
    assert_eq!(outcomes, [(0, Outcome::Written(HERE)), (1, Outcome::Written(HERE))]);
    let claim = world.pump.keys.claim("client", "key", 1, 2, Instant::now());
    assert!(matches!(claim, crate::idempotency::Claim::Answered(_)), "{claim:?}");
    let folder = world.stop().await;
    let (_wal, recovery) = open(folder.path());
    assert_eq!(recovery.answered[0].outcomes, outcomes);
    assert_eq!((recovery.waiting, recovery.unfinished.len()), (0, 0));
}

#[tokio::test]
async fn what_is_refused_for_now_is_sent_again_and_for_good_is_a_dead_letter() {
    let world = World::new();
    let (token, told) = world.pump.expect();
    world.append(token, None, &["a", "b", "c"]).await;
    let (a, b, c) =
        (world.script.next().await, world.script.next().await, world.script.next().await);
    answer(&a.3, Err(kafka(19, "NOT_ENOUGH_REPLICAS")));
    answer(&b.3, Err(Refusal::UnknownTopic("topic".to_owned())));
    answer(&c.3, Ok(HERE));
    let again = world.script.next().await;
    assert_eq!((again.0.as_str(), again.2), ("a", false));
    assert_eq!(world.wal.state().dead_letters, 0);
    answer(&again.3, Ok(HERE));
    let outcomes = told.await.unwrap();
    assert_eq!(outcomes[0], (0, Outcome::Written(HERE)));
    assert!(matches!(outcomes[1].1, Outcome::Refused(Refusal::UnknownTopic(_))));
    assert_eq!(outcomes[2], (2, Outcome::Written(HERE)));
    let folder = world.stop().await;
    let (wal, recovery) = open(folder.path());
    assert_eq!((wal.state().dead_letters, recovery.waiting), (1, 0));
}

#[tokio::test]
async fn a_record_refused_with_its_batch_is_sent_alone_before_it_is_given_up() {
    let world = World::new();
    let (token, told) = world.pump.expect();
    world.append(token, None, &["small", "large"]).await;
    let too_large = || kafka(10, "MESSAGE_TOO_LARGE");
    for _ in 0..2 {
        let sent = world.script.next().await;
        assert!(!sent.2);
        answer(&sent.3, Err(too_large()));
    }
    let (small, large) = (world.script.next().await, world.script.next().await);
    assert!(small.2 && large.2, "alone");
    answer(&small.3, Ok(HERE));
    answer(&large.3, Err(too_large()));
    let outcomes = told.await.unwrap();
    assert_eq!(outcomes[0].1, Outcome::Written(HERE));
    assert_eq!(outcomes[1].1, Outcome::Refused(too_large()));
    assert_eq!(world.wal.state().dead_letters, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_full_queue_holds_the_order() {
    let world = World::new();
    world.script.full.store(true, Ordering::SeqCst);
    for value in ["a", "b", "c"] {
        world.append(0, None, &[value]).await;
    }
    sleep(Duration::from_millis(60)).await;
    world.script.full.store(false, Ordering::SeqCst);
    for value in ["a", "b", "c"] {
        let sent = world.script.next().await;
        assert_eq!(sent.0, value);
        answer(&sent.3, Ok(HERE));
    }
    world.stop().await;
}

/// How long an entry waits behind one that departed when records are collected no more, and is answered or not.
async fn waits_behind(world: &World, is_answered: bool) -> Duration {
    world.append(0, None, &["before"]).await;
    let before = world.script.next().await;
    sleep(COLLECT * 2).await;
    let begun = Instant::now();
    world.append(0, None, &["behind"]).await;
    sleep(Duration::from_millis(5)).await;
    if is_answered {
        answer(&before.3, Ok(HERE));
    }
    let behind = world.script.next().await;
    let waited = begun.elapsed();
    if !is_answered {
        answer(&before.3, Ok(HERE));
    }
    answer(&behind.3, Ok(HERE));
    assert!(world.wal.is_empty());
    waited
}

#[tokio::test]
async fn what_comes_while_a_request_is_under_way_waits_for_its_end_and_not_for_ever() {
    let world = World::new();
    let waited = waits_behind(&world, false).await;
    assert!(waited >= LAND_MAX, "{waited:?}");
    let mut shortest = Duration::MAX;
    for _ in 0..20 {
        // A busy machine may be late, but not each time.
        shortest = shortest.min(waits_behind(&world, true).await);
    }
    assert!(shortest < LAND_MAX, "{shortest:?}");
    world.stop().await;
}

struct FirstIsThere;

impl Known for FirstIsThere {
    fn skip(&self, sequence: u64, index: u32) -> Option<Position> {
        (sequence == 1 && index == 0).then_some(HERE)
    }
}

#[tokio::test]
async fn what_is_left_at_the_end_is_sent_by_the_next_process_but_for_what_is_there() {
    let world = World::new();
    let (token, told) = world.pump.expect();
    world.append(token, None, &["a", "b"]).await;
    world.append(0, None, &["c"]).await;
    let _sent = world.script.next().await;
    world.end.cancel();
    world.running.await.unwrap();
    world.wal.close();
    drop((world.wal, world.pump, told));

    let world = World::over(world.folder, Arc::new(FirstIsThere));
    // The token of the entry from before is this process' too; its waiter is somebody else.
    let (same, mut told) = world.pump.expect();
    assert_eq!(same, token);
    for value in ["b", "c"] {
        let sent = world.script.next().await;
        assert_eq!(sent.0, value);
        answer(&sent.3, Ok(HERE));
    }
    assert!(world.wal.is_empty());
    assert!(told.try_recv().is_err());
    world.stop().await;
}

#[tokio::test]
async fn a_drain_ends_when_what_is_left_was_delivered_before() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, recovery) = open(folder.path());
    drop(recovery);
    // The second entry is delivered, the first is not.
    let mut bytes = Vec::new();
    let head = EntryHead {
        token: 0,
        waits: false,
        client: "client",
        idempotency_key: None,
        fingerprint: 1,
        accepted_ms: 5,
        count: 0,
    };
    Entry::encode(&head, std::iter::empty(), &mut bytes);
    wal.append(bytes.clone()).await.unwrap();
    wal.append(bytes).await.unwrap();
    wal.delivered(2);
    wal.close();
    drop(wal);
    let world = World::over(folder, Arc::new(NothingKnown));
    world.drain.cancel();
    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}
