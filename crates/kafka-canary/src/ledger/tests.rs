use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(20);

/// A ledger, a clock, and all that came out.
struct Case {
    ledger: Ledger,
    now: Instant,
    out: Vec<Outcome>,
}

impl Case {
    fn new() -> Self {
        let now = Instant::now();
        Self { ledger: Ledger::new(Limits::new(LATE), now), now, out: Vec::new() }
    }

    fn sent(&mut self, id: u64) {
        self.ledger.sent(id, stamp(id), self.now, &mut self.out);
    }

    fn acked(&mut self, id: u64, offset: i64) {
        self.ledger.acknowledged(id, Some(offset), &mut self.out);
    }

    fn failed(&mut self, id: u64) {
        self.ledger.failed(id, &mut self.out);
    }

    fn written(&mut self, id: u64, offset: i64) {
        self.sent(id);
        self.acked(id, offset);
    }

    fn read(&mut self, id: u64, offset: i64) {
        self.ledger.read(Seen { offset, own: Some((id, stamp(id))) }, self.now, &mut self.out);
    }

    fn read_foreign(&mut self, offset: i64) {
        self.ledger.read(Seen { offset, own: None }, self.now, &mut self.out);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ledger.tick(self.now, &mut self.out);
    }

    /// What came out since the last time, in order.
    fn told(&mut self) -> Vec<Outcome> {
        self.check();
        std::mem::take(&mut self.out)
    }

    fn check(&self) {
        let Tally { sent, pending, outstanding, read, lost, failed, forgotten } =
            self.ledger.tally();
        assert_eq!(sent, pending + outstanding + read + lost + failed + forgotten);
    }

    fn tally(&self) -> Tally {
        self.ledger.tally()
    }
}

fn stamp(id: u64) -> u64 {
    1_700_000_000_000 + id
}

fn consumed(latency: Duration) -> Outcome {
    Outcome::Consumed(latency)
}

use Anomaly::{Duplicated, Foreign, Late, Lost, OutOfOrder, Unacknowledged};
use Outcome::{Forgotten, Found, Noticed, ReadFrom};

#[test]
fn a_record_that_is_read_is_consumed_once() {
    let mut case = Case::new();
    case.written(1, 10);
    assert_eq!(case.tally().outstanding, 1);
    case.now += Duration::from_millis(5);
    case.read(1, 10);
    assert_eq!(case.told(), [consumed(Duration::from_millis(5))]);
    assert_eq!(case.tally(), Tally { sent: 1, read: 1, ..Tally::default() });
    assert_eq!(case.ledger.position(), Some(11));
}

#[test]
fn a_record_that_is_read_before_its_acknowledgement_waits_for_it() {
    let mut case = Case::new();
    case.sent(1);
    case.now += Duration::from_millis(3);
    case.read(1, 10);
    assert_eq!(case.told(), []);
    case.now += Duration::from_millis(7);
    case.acked(1, 10);
    assert_eq!(case.told(), [consumed(Duration::from_millis(3))], "the latency is that of reading");
}

#[test]
fn a_record_of_a_producer_that_got_an_error_is_unacknowledged_whenever_it_is_read() {
    let mut case = Case::new();
    case.sent(1);
    case.read(1, 10);
    case.failed(1);
    case.sent(2);
    case.failed(2);
    case.read(2, 11);
    assert_eq!(case.told(), [Noticed(Unacknowledged), Noticed(Unacknowledged)]);
    assert_eq!(case.tally(), Tally { sent: 2, failed: 2, ..Tally::default() });
    case.read(2, 12);
    assert_eq!(case.told(), [Noticed(Duplicated)]);
}

#[test]
fn the_same_record_at_another_offset_is_a_duplicate_and_at_the_same_offset_is_not() {
    let mut case = Case::new();
    case.written(1, 10);
    case.read(1, 10);
    case.read(1, 11);
    assert_eq!(case.told()[1..], [Noticed(Duplicated)]);
    // The reader is made anew and begins too early.
    case.read(1, 10);
    case.read(1, 11);
    assert_eq!(case.told(), []);
}

#[test]
fn order_is_that_of_the_log() {
    let mut case = Case::new();
    case.sent(1);
    case.sent(2);
    case.acked(2, 10);
    case.acked(1, 11);
    case.read(2, 10);
    case.read(1, 11);
    assert_eq!(
        case.told(),
        [consumed(Duration::ZERO), consumed(Duration::ZERO), Noticed(OutOfOrder)]
    );
}

#[test]
fn a_record_before_the_readers_start_is_fetched_and_not_out_of_order() {
    let mut case = Case::new();
    case.written(1, 10);
    case.written(2, 11);
    // The end of the log was looked up after the first record was written.
    case.read(2, 11);
    assert_eq!(case.told(), [consumed(Duration::ZERO), ReadFrom(10)]);
    case.read(1, 10);
    case.read(2, 11);
    assert_eq!(case.told(), [consumed(Duration::ZERO)]);
}

#[test]
fn an_acknowledgement_behind_the_reader_sends_it_back_once() {
    let mut case = Case::new();
    case.written(1, 10);
    case.read(1, 10);
    case.told();
    // The log was cut at 7 by an unclean election, and written anew from there.
    case.written(2, 7);
    assert_eq!(case.told(), [ReadFrom(7)]);
    case.written(3, 8);
    assert_eq!(case.told(), [], "it will come by there");
    case.read(2, 7);
    case.read(3, 8);
    assert_eq!(case.told(), [consumed(Duration::ZERO), consumed(Duration::ZERO)]);
    assert_eq!(case.ledger.position(), Some(9));
}

#[test]
fn a_record_that_the_reader_went_past_twice_is_lost_when_it_is_late() {
    let mut case = Case::new();
    case.written(1, 10);
    case.written(2, 11);
    case.read(2, 11);
    case.read(2, 11);
    assert_eq!(case.told(), [consumed(Duration::ZERO), ReadFrom(10)]);
    case.pass(LATE - SECOND);
    assert_eq!(case.told(), []);
    case.pass(SECOND);
    assert_eq!(case.told(), [Noticed(Late), Noticed(Lost)]);
    assert_eq!(case.tally(), Tally { sent: 2, read: 1, lost: 1, ..Tally::default() });
    case.pass(SECOND);
    assert_eq!(case.told(), [], "once");
}

#[test]
fn a_lost_record_that_comes_after_all_stays_lost_and_is_told() {
    let mut case = Case::new();
    case.written(1, 10);
    case.written(2, 11);
    case.read(2, 11);
    case.read(2, 11);
    case.pass(LATE);
    case.told();
    case.read(1, 12);
    assert_eq!(case.told(), [Found(1), Noticed(OutOfOrder)]);
    assert_eq!(case.tally().lost, 1);
    case.read(1, 13);
    assert_eq!(case.told(), [Noticed(Duplicated)]);
}

#[test]
fn a_late_record_is_not_lost_without_evidence_and_the_reader_takes_its_place_anew() {
    let mut case = Case::new();
    case.written(1, 10);
    case.pass(LATE);
    assert_eq!(case.told(), [Noticed(Late), ReadFrom(10)]);
    case.pass(LATE / 2);
    assert_eq!(case.told(), []);
    case.pass(LATE / 2);
    assert_eq!(case.told(), [ReadFrom(10)], "now and then");
    case.read(1, 10);
    assert_eq!(case.told(), [consumed(LATE * 2)]);
    assert_eq!(case.tally().lost, 0);
}

#[test]
fn the_logs_bounds_are_evidence_once_a_record_is_late() {
    let mut case = Case::new();
    case.written(1, 10);
    case.written(2, 11);
    case.written(3, 12);
    case.ledger.log(11, 12, case.now);
    case.pass(LATE);
    assert_eq!(
        case.told(),
        [Noticed(Late), Noticed(Late), Noticed(Late), ReadFrom(10)],
        "asked too early"
    );
    assert!(case.ledger.is_late(case.now));
    case.ledger.log(11, 12, case.now);
    case.pass(SECOND);
    assert_eq!(
        case.told(),
        [Noticed(Lost), Noticed(Lost)],
        "deleted before it was read, and cut off"
    );
    case.read(2, 11);
    assert!(!case.ledger.is_late(case.now));
    assert_eq!(case.tally(), Tally { sent: 3, read: 1, lost: 2, ..Tally::default() });
}

#[test]
fn a_record_whose_offset_belongs_to_another_is_lost() {
    let mut case = Case::new();
    case.written(1, 10);
    // Unclean election: 10 is given a second time before anything was read.
    case.written(2, 10);
    case.read(2, 10);
    case.told();
    case.pass(LATE);
    assert_eq!(case.told(), [Noticed(Late), Noticed(Lost)]);
    assert_eq!(case.tally(), Tally { sent: 2, read: 1, lost: 1, ..Tally::default() });
}

#[test]
fn deleted_records_are_looked_for_once_and_then_lost() {
    let mut case = Case::new();
    case.written(1, 10);
    case.written(2, 11);
    case.written(3, 12);
    // The broker was away from the reader, and DeleteRecords up to 12 came before it.
    case.read(3, 12);
    assert_eq!(case.told(), [consumed(Duration::ZERO), ReadFrom(10)]);
    // Out of range: reset to the log's start.
    case.read(3, 12);
    case.pass(LATE);
    assert_eq!(case.told(), [Noticed(Late), Noticed(Lost), Noticed(Late), Noticed(Lost)]);
}

#[test]
fn a_topic_made_anew_begins_at_offset_0() {
    let mut case = Case::new();
    case.written(1, 1000);
    case.read(1, 1000);
    case.written(2, 1001);
    case.told();
    case.written(3, 0);
    assert_eq!(case.told(), [ReadFrom(0)]);
    case.read(3, 0);
    case.written(4, 1);
    case.read(4, 1);
    assert_eq!(case.told(), [consumed(Duration::ZERO), consumed(Duration::ZERO)]);
    case.pass(LATE);
    assert_eq!(case.told(), [Noticed(Late), ReadFrom(2)]);
    case.ledger.log(0, 2, case.now);
    case.pass(SECOND);
    assert_eq!(case.told(), [Noticed(Lost)]);
    assert_eq!(case.tally(), Tally { sent: 4, read: 3, lost: 1, ..Tally::default() });
}

#[test]
fn foreign_records_are_counted_once_and_are_never_consumed() {
    let mut case = Case::new();
    case.written(1, 10);
    case.read(1, 10);
    case.told();
    case.read_foreign(11);
    // The right id with another timestamp, an id that was never sent: another canary of the same name.
    case.ledger.read(Seen { offset: 12, own: Some((1, 5)) }, case.now, &mut case.out);
    case.ledger.read(Seen { offset: 13, own: Some((77, stamp(77))) }, case.now, &mut case.out);
    assert_eq!(case.told(), [Noticed(Foreign); 3]);
    case.read_foreign(11);
    assert_eq!(case.told(), [], "read again by the reader");
}

#[test]
fn a_record_of_this_run_that_is_forgotten_is_not_foreign() {
    let mut case = Case::new();
    case.written(1, 10);
    case.read(1, 10);
    case.told();
    case.pass(LATE * 4);
    case.written(2, 11);
    case.read(1, 12);
    assert_eq!(case.told(), [ReadFrom(11)]);
    assert_eq!(case.tally().sent, 2);
}

#[test]
fn without_offsets_a_later_record_is_the_evidence() {
    let mut case = Case::new();
    case.sent(1);
    case.ledger.acknowledged(1, None, &mut case.out);
    case.sent(2);
    case.ledger.acknowledged(2, None, &mut case.out);
    case.pass(LATE);
    assert_eq!(case.told(), [Noticed(Late), Noticed(Late)]);
    case.read(2, 4);
    case.pass(SECOND);
    assert_eq!(case.told(), [consumed(LATE), Noticed(Lost)]);
}

#[test]
fn memory_is_bounded_and_what_it_costs_is_counted() {
    let mut case = Case::new();
    case.ledger.limits.records = 3;
    case.written(1, 10);
    case.sent(2);
    case.sent(3);
    case.failed(3);
    case.written(4, 11);
    case.sent(5);
    case.written(6, 12);
    assert_eq!(case.told(), [Forgotten(1), Forgotten(2)], "a failed one is nothing to forget");
    assert_eq!(case.ledger.entries.len(), 3);
    assert_eq!(case.ledger.outstanding.len(), 2, "no offset is kept of what is forgotten");
    case.acked(2, 13);
    case.read(1, 10);
    assert_eq!(case.told(), [], "nothing is known of them");
    assert_eq!(
        case.tally(),
        Tally { sent: 6, pending: 1, outstanding: 2, failed: 1, forgotten: 2, ..Tally::default() }
    );
}

#[test]
fn settled_records_are_forgotten_behind_one_that_is_not() {
    let mut case = Case::new();
    case.written(1, 10);
    for id in 2..1000 {
        case.sent(id);
        case.failed(id);
        case.pass(SECOND);
    }
    assert!(case.ledger.entries.len() <= 62, "{}", case.ledger.entries.len());
    assert!(case.ledger.entries.capacity() < 300, "{}", case.ledger.entries.capacity());
    assert_eq!(case.tally().outstanding, 1);
}

#[test]
fn a_reader_made_anew_begins_at_the_first_record_that_is_missing() {
    let mut case = Case::new();
    assert_eq!(case.ledger.resume(), None);
    case.written(1, 10);
    assert_eq!(case.ledger.resume(), Some(10));
    case.read(1, 10);
    assert_eq!(case.ledger.resume(), Some(11));
    case.written(2, 11);
    case.written(3, 12);
    assert_eq!(case.ledger.resume(), Some(11));
}

#[test]
fn an_entry_is_as_small_as_the_limit_says() {
    assert!(size_of::<Entry>() <= 48, "{}", size_of::<Entry>());
}
