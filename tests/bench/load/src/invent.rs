//! A hostile client: a quarter of the names and numbers that a client may choose are new ones in each request, the others
//! come from a pool, so that every combination of those that were admitted comes up too.
//!
//! It keeps to the protocol, because what is malformed is not decoded any further: a filter with a weakness for
//! invented names shows it here. Names are pseudo-random and the same in each run.

use std::io::{ErrorKind, Result};
use std::thread;
use std::time::{Duration, Instant};

use crate::batch;
use crate::load::{Link, Outcome, Target};
use crate::requests::{Kind, Plan};
use crate::wire::Writer;

/// Opens `per_second` connections a second, one after another, until `target` says that it is enough; `pool` is how
/// many names of each kind are used again.
///
/// # Errors
/// When no connection can be made; that a broker ends one is part of the game.
pub(crate) fn invent(target: &Target, per_second: f64, pool: u64) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut names = Names::new(pool);
    let start = Instant::now();
    let mut opened = 0;
    while start.elapsed().as_secs_f64() < target.seconds
        && opened < target.count.unwrap_or(u64::MAX)
    {
        let due = start + Duration::from_secs_f64(opened as f64 / per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        opened += 1;
        let mut link = Link::connect(target.address)?;
        if let Err(error) = connection(&mut link, &mut names, &mut outcome) {
            let gone =
                [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
            if !gone.contains(&error.kind()) {
                return Err(error);
            }
        }
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    Ok(outcome)
}

/// What an honest client does, with invented names, and at the end requests that no broker knows.
fn connection(link: &mut Link, names: &mut Names, outcome: &mut Outcome) -> Result<()> {
    let request = software(names);
    outcome.sent_bytes += request.len() as u64;
    link.tell(&request)?;
    link.skip_answer()?;
    let plan = Plan {
        kind: Kind::Metadata,
        client_id: names.client_id(),
        group: names.group(),
        topic: names.word(),
        topics: 3,
        partitions: 1,
        batch: 100,
        value: 20,
        fetch_bytes: 1 << 16,
        partition_bytes: 1 << 16,
        allowed_error: 0,
    };
    for kind in [Kind::Metadata, Kind::Produce, Kind::Commit, Kind::Committed, Kind::Join] {
        let own = Plan { kind, client_id: names.client_id(), group: names.group(), ..plan.clone() };
        exchange(link, &own, outcome)?;
    }
    let fetched = format!("{}-0", plan.topic);
    let own = Plan { kind: Kind::Fetch, topic: fetched, topics: 1, ..plan.clone() };
    exchange(link, &own, outcome)?;
    // Topics that no broker has named: they must become no label values at all.
    for kind in [Kind::Produce, Kind::Fetch, Kind::Commit] {
        let (client_id, group, topic) = (names.client_id(), names.group(), names.fresh());
        let one = if kind == Kind::Fetch { 1 } else { 3 };
        let own = Plan { kind, client_id, group, topic, topics: one, ..plan.clone() };
        exchange(link, &own, outcome)?;
    }
    for kind in [Kind::Sync, Kind::Heartbeat, Kind::Leave] {
        let own = Plan { kind, group: names.group(), ..plan.clone() };
        exchange(link, &own, outcome)?;
    }
    let mut odd = Vec::new();
    for _ in 0..ODD {
        odd.extend_from_slice(&unknown(names));
        odd.extend_from_slice(&deprecated(names));
        outcome.pairs += 2;
    }
    outcome.sent_bytes += odd.len() as u64;
    link.tell(&odd)
}

/// Sends a request and takes its answer as it is: errors are what an inventor gets.
fn exchange(link: &mut Link, plan: &Plan, outcome: &mut Outcome) -> Result<()> {
    let request = plan.request();
    link.tell(&request)?;
    link.skip_answer()?;
    outcome.pairs += 1;
    outcome.sent_bytes += request.len() as u64;
    Ok(())
}

/// ApiVersions 3 of a software that nobody has heard of.
fn software(names: &mut Names) -> Vec<u8> {
    let client_id = names.client_id();
    let mut out = Writer::new(true);
    out.i16(18).i16(3).i32(0).i16(client_id.len() as i16).raw(client_id.as_bytes()).end();
    // A connection says it once, so the pool is small: else not all pairs would come up.
    let word = if names.again() {
        format!("again-{}", names.below(names.pool.div_ceil(2)))
    } else {
        names.fresh()
    };
    let version = if names.again() { names.below(10) } else { names.below(1_000_000) };
    out.string(&word).string(&format!("{version}.1")).end();
    out.frame()
}

/// A key or a version that is in no table, with a body of anything.
fn unknown(names: &mut Names) -> Vec<u8> {
    let client_id = names.client_id();
    let known_key = names.below(2) == 0;
    let key = if known_key { names.below(KEYS) } else { FIRST_UNKNOWN + names.number(30_000) };
    let version = FIRST_UNKNOWN + names.number(30_000);
    let mut out = Writer::new(false);
    out.i16(key as i16).i16(version as i16).i32(0).string(&client_id);
    out.raw(names.word().as_bytes());
    out.frame()
}

/// One of the versions that Kafka 4 has removed (KIP-896).
fn deprecated(names: &mut Names) -> Vec<u8> {
    let client_id = names.client_id();
    let group = names.group();
    let version = names.below(2) as i16;
    let mut out = Writer::new(false);
    match names.below(4) {
        0 => {
            let records = batch::batch(70, 9);
            out.i16(0).i16(version).i32(0).string(&client_id).i16(1).i32(1000);
            out.count(1).string(&names.word()).count(1).i32(0).count(records.len()).raw(&records);
        }
        1 => {
            out.i16(1).i16(version).i32(0).string(&client_id).i32(-1).i32(0).i32(0);
            out.count(1).string(&names.word()).count(1).i32(0).i64(0).i32(1000);
        }
        2 => {
            out.i16(8).i16(0).i32(0).string(&client_id).string(&group);
            out.count(1).string(&names.word()).count(1).i32(0).i64(1).string("");
        }
        _ => {
            out.i16(11).i16(0).i32(0).string(&client_id).string(&group);
            out.i32(10_000).string("").string("consumer").count(0);
        }
    }
    out.frame()
}

/// A source of names: xorshift64*, the same in each run.
struct Names {
    state: u64,
    pool: u64,
    drawn: u64,
}

impl Names {
    fn new(pool: u64) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, pool: pool.max(1), drawn: 0 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Whether the next one comes from the pool: at first all do, so that they are what is admitted.
    fn again(&mut self) -> bool {
        self.drawn += 1;
        self.drawn < 64 * self.pool || self.below(4) > 0
    }

    /// A number that comes up often, or any.
    fn number(&mut self, bound: u64) -> u64 {
        let often = (self.pool / 2).clamp(1, bound);
        let bound = if self.again() { often } else { bound };
        self.below(bound)
    }

    /// What brokers take for a topic and for a software; one that was never there.
    fn fresh(&mut self) -> String {
        format!("invented-{:016x}", self.next())
    }

    /// One of the pool's names, or a new one.
    fn word(&mut self) -> String {
        self.word_and_form().0
    }

    /// Any text is a client id: some with what a stat's name is made of, some long, some empty.
    fn client_id(&mut self) -> String {
        match self.word_and_form() {
            (word, 0) => format!("{word};.;topic=.=fake;.;"),
            (word, 1) => format!("{word}\u{1}\u{202e}\n\"\\{{}}"),
            (word, 2) => format!("{word}{}", "x".repeat(400 - word.len())),
            (_, 3) => String::new(),
            (word, _) => word,
        }
    }

    fn group(&mut self) -> String {
        match self.word_and_form() {
            (word, 0) => format!("{word}.component.x.{word}."),
            (word, 1) => format!("{word}{}", "y".repeat(3000)),
            (word, _) => word,
        }
    }

    /// A word, and in which of eight forms it is used: always the same one for a word of the pool.
    fn word_and_form(&mut self) -> (String, u64) {
        if self.again() {
            let number = self.below(self.pool);
            (format!("again-{number}"), number % 8)
        } else {
            (self.fresh(), self.below(8))
        }
    }
}

/// Requests of each odd kind at the end of a connection.
const ODD: usize = 12;
/// API keys of Kafka 4.3: 0 to 92.
const KEYS: u64 = 93;
/// Above all keys and versions in the tables.
const FIRST_UNKNOWN: u64 = 100;
