//! Random lives of a partition against a model that sees everything: what the log holds, and what the reader was given.
//! The generator is small and seeded, so that a failure can be had again.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const LATE: Duration = Duration::from_secs(20);

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Whose record it is.
#[derive(Clone, Copy)]
enum Record {
    Own(u64),
    Foreign,
}

/// A broker's log, a producer, a reader, and the ledger that is told of them.
struct World {
    random: Random,
    ledger: Ledger,
    now: Instant,
    start: i64,
    log: Vec<Record>,
    position: i64,
    next_id: u64,
    /// Sent, and the producer was told nothing yet; with the offset if it was written.
    pending: BTreeMap<u64, Option<i64>>,
    /// Acknowledged, and where.
    acked: BTreeMap<u64, i64>,
    failed: BTreeSet<u64>,
    /// The offsets at which the reader was given each record.
    given: BTreeMap<u64, BTreeSet<i64>>,
    foreign_written: u64,
    out: Vec<Outcome>,
    seen: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            ledger: Ledger::new(Limits { remember: LATE * 100_000, ..Limits::new(LATE) }, now),
            now,
            start: 0,
            log: Vec::new(),
            position: 0,
            next_id: 0,
            pending: BTreeMap::new(),
            acked: BTreeMap::new(),
            failed: BTreeSet::new(),
            given: BTreeMap::new(),
            foreign_written: 0,
            out: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn end(&self) -> i64 {
        self.start + i64::try_from(self.log.len()).unwrap()
    }

    fn append(&mut self, record: Record) -> i64 {
        self.log.push(record);
        self.end() - 1
    }

    fn send(&mut self) {
        let id = self.next_id;
        self.next_id += 1;
        self.ledger.sent(id, 1000 + id, self.now, &mut self.out);
        let written = !self.random.one_in(8);
        let offset = written.then(|| self.append(Record::Own(id)));
        self.pending.insert(id, offset);
    }

    /// The producer is told of one record: the truth, or an error although it was written.
    fn answer(&mut self) {
        let waiting = u64::try_from(self.pending.len()).unwrap();
        if waiting == 0 {
            return;
        }
        let nth = usize::try_from(self.random.below(waiting)).unwrap();
        let (id, offset) = self.pending.iter().nth(nth).map(|(id, offset)| (*id, *offset)).unwrap();
        self.pending.remove(&id);
        match offset {
            Some(offset) if !self.random.one_in(10) => {
                self.acked.insert(id, offset);
                self.ledger.acknowledged(id, Some(offset), &mut self.out);
            }
            _ => {
                self.failed.insert(id);
                self.ledger.failed(id, &mut self.out);
            }
        }
    }

    /// The reader gets the next record, as librdkafka would with `auto.offset.reset=earliest`.
    fn read(&mut self) {
        self.obey();
        if self.position < self.start || self.position > self.end() {
            self.position = self.start;
        }
        let at = usize::try_from(self.position - self.start).unwrap();
        let Some(record) = self.log.get(at).copied() else { return };
        let offset = self.position;
        self.position += 1;
        let own = match record {
            Record::Own(id) => {
                self.given.entry(id).or_default().insert(offset);
                Some((id, 1000 + id))
            }
            Record::Foreign => None,
        };
        self.ledger.read(Seen { offset, own }, self.now, &mut self.out);
        self.obey();
    }

    /// Goes where the ledger wants, and counts what it says.
    fn obey(&mut self) {
        for outcome in std::mem::take(&mut self.out) {
            let name = match outcome {
                Outcome::ReadFrom(offset) => {
                    self.position = offset;
                    continue;
                }
                Outcome::Consumed(_) => "consumed",
                Outcome::Noticed(Anomaly::Lost) => "lost",
                Outcome::Noticed(Anomaly::Late) => "late",
                Outcome::Noticed(Anomaly::Duplicated) => "duplicated",
                Outcome::Noticed(Anomaly::OutOfOrder) => "out of order",
                Outcome::Noticed(Anomaly::Unacknowledged) => "unacknowledged",
                Outcome::Noticed(Anomaly::Foreign) => "foreign",
                Outcome::Found(_) => "found",
                Outcome::Forgotten(_) => "forgotten",
            };
            *self.seen.entry(name).or_default() += 1;
        }
        let Tally { sent, pending, outstanding, read, lost, failed, forgotten } =
            self.ledger.tally();
        assert_eq!(sent, pending + outstanding + read + lost + failed + forgotten);
        assert_eq!(pending, u64::try_from(self.pending.len()).unwrap());
        assert_eq!(failed, u64::try_from(self.failed.len()).unwrap());
    }

    fn tick(&mut self, time: Duration) {
        self.now += time;
        self.ledger.tick(self.now, &mut self.out);
        if self.ledger.is_late(self.now) {
            let (start, end) = (self.start, self.end());
            self.ledger.log(start, end, self.now);
        }
        self.obey();
    }

    /// An unclean election: the last records are gone, whoever was told of them.
    fn cut(&mut self) {
        let records = u64::try_from(self.log.len()).unwrap();
        let cut = usize::try_from(self.random.below(records.min(6) + 1)).unwrap();
        self.log.truncate(self.log.len() - cut);
    }

    fn delete_records(&mut self) {
        let records = u64::try_from(self.log.len()).unwrap();
        let deleted = usize::try_from(self.random.below(records + 1)).unwrap();
        self.log.drain(..deleted);
        self.start += i64::try_from(deleted).unwrap();
    }

    fn step(&mut self, disasters: bool) {
        match self.random.below(if disasters { 24 } else { 20 }) {
            0..6 => self.send(),
            6..12 => self.answer(),
            12..17 => self.read(),
            17 => self.tick(Duration::from_millis(500)),
            18 => {
                self.append(Record::Foreign);
                self.foreign_written += 1;
            }
            // A retry of the producer: written twice.
            19 => {
                if let Some((id, Some(_))) =
                    self.pending.iter().next_back().map(|(id, at)| (*id, *at))
                {
                    self.append(Record::Own(id));
                }
            }
            20 => self.cut(),
            21 => self.delete_records(),
            // The reader is made anew, where the ledger says.
            22 => self.position = self.ledger.resume().unwrap_or(self.start),
            _ if self.random.one_in(8) => {
                self.log.clear();
                self.start = 0;
            }
            _ => self.tick(LATE),
        }
        self.obey();
    }

    /// Everything that can come to an end does.
    fn settle(&mut self) {
        while !self.pending.is_empty() {
            self.answer();
        }
        // A few records more, as there always are: the reader passes what is gone.
        for _ in 0..4 {
            self.tick(LATE);
            for _ in 0..self.log.len() * 2 + 4 {
                self.read();
            }
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.seen.get(name).copied().unwrap_or(0)
    }
}

#[test]
fn without_disasters_nothing_is_lost_and_every_number_is_exact() {
    for seed in 1..=300 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step(false);
        }
        world.settle();
        let given = |ids: &BTreeSet<u64>| {
            ids.iter().filter(|id| world.given.contains_key(*id)).count() as u64
        };
        let tally = world.ledger.tally();
        assert_eq!(tally.outstanding + tally.lost + tally.forgotten, 0, "seed {seed}");
        assert_eq!(world.count("consumed"), world.acked.len() as u64, "seed {seed}");
        assert_eq!(world.count("unacknowledged"), given(&world.failed), "seed {seed}");
        assert_eq!(world.count("foreign"), world.foreign_written, "seed {seed}");
        let duplicates: usize = world.given.values().map(|offsets| offsets.len() - 1).sum();
        assert_eq!(world.count("duplicated"), duplicates as u64, "seed {seed}");
        assert_eq!(world.count("found"), 0, "seed {seed}");
    }
}

#[test]
fn with_cut_deleted_and_remade_logs_what_was_given_is_read_and_the_rest_is_lost() {
    let mut lost = 0;
    for seed in 1..=1000 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step(true);
        }
        world.settle();
        let tally = world.ledger.tally();
        let (given, missing): (Vec<u64>, Vec<u64>) =
            world.acked.keys().partition(|id| world.given.contains_key(*id));
        assert_eq!(tally.outstanding + tally.forgotten, 0, "seed {seed}");
        // A record that was lost by all evidence and came after all is the one way to be both.
        assert_eq!(tally.read + world.count("found"), given.len() as u64, "seed {seed}");
        assert_eq!(tally.lost - world.count("found"), missing.len() as u64, "seed {seed}");
        assert_eq!(world.count("lost"), tally.lost, "seed {seed}");
        assert_eq!(world.count("consumed"), tally.read, "seed {seed}");
        // Whatever is where the producer was told has been given: the reader was always sent to it.
        for (id, offset) in &world.acked {
            let at = usize::try_from(offset - world.start).ok();
            if let Some(Record::Own(there)) = at.and_then(|at| world.log.get(at))
                && there == id
            {
                assert!(
                    world.given.contains_key(id),
                    "seed {seed}: {id} at {offset} was never read"
                );
            }
        }
        lost += tally.lost;
    }
    assert!(lost > 1000, "the disasters cost something: {lost}");
}
