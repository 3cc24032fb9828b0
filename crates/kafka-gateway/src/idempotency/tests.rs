//! Keys through their lives, with given time; outcomes are told apart by their offsets.

use std::thread;

use kafka_gateway_api::{Position, Refusal};

use super::*;

const WINDOW: Duration = Duration::from_secs(600);
const ACCEPTED: Outcome = Outcome::Accepted { durable: true };

fn keys(keys_max: usize) -> Arc<Keys> {
    Keys::new(IdempotencySettings { window: WINDOW, keys_max })
}

fn written(offset: i64) -> Outcome {
    Outcome::Written(Position { partition: 0, offset: Some(offset), timestamp_ms: None })
}

fn refused() -> Outcome {
    Outcome::Refused(Refusal::Full { what: "queue", retry_after: Duration::from_secs(1) })
}

fn outcomes<const N: usize>(outcomes: [Outcome; N]) -> Arc<[Outcome]> {
    Arc::new(outcomes)
}

/// A request of so many records, with the fingerprint 7.
fn claim(keys: &Arc<Keys>, key: &str, count: usize, now: Instant) -> Claim {
    keys.claim("shop", key, 7, count, now)
}

#[track_caller]
fn new(claim: Claim) -> Held {
    match claim {
        Claim::New(held) => held,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn again(claim: Claim) -> (Held, Vec<bool>) {
    match claim {
        Claim::Again(held, before) => (held, before.iter().map(Outcome::is_success).collect()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn answered(claim: Claim) -> Vec<Outcome> {
    match claim {
        Claim::Answered(outcomes) => outcomes.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_is_given_again_until_the_window_is_over() {
    let (keys, now) = (keys(10), Instant::now());
    let held = new(claim(&keys, "k", 2, now));
    assert!(matches!(claim(&keys, "k", 2, now), Claim::InProgress));
    let later = now + Duration::from_secs(100);
    held.answer(outcomes([written(1), written(2)]), later);
    // The window is from the answer.
    let last = later + WINDOW - Duration::from_nanos(1);
    assert_eq!(answered(claim(&keys, "k", 2, last)), [written(1), written(2)]);
    drop(new(claim(&keys, "k", 2, later + WINDOW)));
    assert_eq!(keys.state().keys, 0);
}

#[test]
fn a_key_is_its_client_s_and_its_body_s() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 1, now)).answer(outcomes([written(1)]), now);
    let _other = new(keys.claim("till", "k", 7, 1, now));
    // The border between client and key counts.
    let _shifted = new(keys.claim("sho", "pk", 7, 1, now));
    assert!(matches!(keys.claim("shop", "k", 8, 1, now), Claim::Reused));
    assert!(matches!(keys.claim("shop", "k", 7, 2, now), Claim::Reused));
    // In progress, another body is refused for good too, and not told to try again.
    assert!(matches!(keys.claim("till", "k", 8, 1, now), Claim::Reused));
}

#[test]
fn without_an_answer_or_a_success_a_key_is_free_again() {
    let (keys, now) = (keys(10), Instant::now());
    drop(new(claim(&keys, "k", 1, now)));
    new(claim(&keys, "k", 2, now)).answer(outcomes([refused(), refused()]), now);
    drop(new(claim(&keys, "k", 1, now)));
    assert_eq!((keys.state().keys, keys.state().outcomes), (0, 0));
}

#[test]
fn only_what_was_refused_is_done_again() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 3, now)).answer(outcomes([written(1), refused(), written(3)]), now);
    let (held, before) = again(claim(&keys, "k", 3, now));
    assert_eq!(before, [true, false, true]);
    assert!(matches!(claim(&keys, "k", 3, now), Claim::InProgress));
    // Given up: as before, and for no longer than before.
    drop(held);
    let (held, before) = again(claim(&keys, "k", 3, now + Duration::from_secs(1)));
    assert_eq!(before, [true, false, true]);
    held.answer(outcomes([written(1), written(2), written(3)]), now);
    assert_eq!(answered(claim(&keys, "k", 3, now)), [written(1), written(2), written(3)]);
    let state = keys.state();
    assert_eq!((state.keys, state.in_progress, state.outcomes), (1, 0, 3));
}

#[test]
fn a_given_up_repetition_ends_with_the_first_window() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 2, now)).answer(outcomes([written(1), refused()]), now);
    let (held, _) = again(claim(&keys, "k", 2, now + WINDOW / 2));
    drop(held);
    drop(new(claim(&keys, "k", 2, now + WINDOW)));
}

#[test]
fn an_asynchronous_answer_gets_its_positions_later() {
    let (keys, now) = (keys(10), Instant::now());
    let held = new(claim(&keys, "k", 3, now));
    held.logged(Some(outcomes([ACCEPTED, refused(), ACCEPTED])), now);
    keys.settle("shop", "k", 7, 3, &[(0, written(10)), (2, written(12))], now);
    let (held, before) = again(claim(&keys, "k", 3, now));
    assert_eq!(before, [true, false, true]);
    held.logged(Some(outcomes([written(10), ACCEPTED, written(12)])), now);
    keys.settle("shop", "k", 7, 3, &[(1, written(11))], now);
    assert_eq!(answered(claim(&keys, "k", 3, now)), [written(10), written(11), written(12)]);
}

#[test]
fn an_asynchronous_record_that_kafka_refuses_can_be_repeated() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 2, now)).logged(Some(outcomes([ACCEPTED, ACCEPTED])), now);
    keys.settle("shop", "k", 7, 2, &[(0, written(1)), (1, refused())], now);
    let (_held, before) = again(claim(&keys, "k", 2, now));
    assert_eq!(before, [true, false]);
}

#[test]
fn the_log_may_be_quicker_than_the_request_that_wrote_to_it() {
    let (keys, now) = (keys(10), Instant::now());
    // Nobody waits.
    let held = new(claim(&keys, "a", 1, now));
    keys.settle("shop", "a", 7, 1, &[(0, written(1))], now);
    held.logged(Some(outcomes([ACCEPTED])), now);
    assert_eq!(answered(claim(&keys, "a", 1, now)), [written(1)]);
    // Somebody waits.
    let held = new(claim(&keys, "b", 1, now));
    keys.settle("shop", "b", 7, 1, &[(0, written(2))], now);
    held.logged(None, now);
    assert_eq!(answered(claim(&keys, "b", 1, now)), [written(2)]);
    // The request was given up after it wrote to the log: its record is in Kafka, and the key knows.
    let held = new(claim(&keys, "c", 1, now));
    keys.settle("shop", "c", 7, 1, &[(0, written(3))], now);
    drop(held);
    assert_eq!(answered(claim(&keys, "c", 1, now)), [written(3)]);
}

#[test]
fn a_waiting_request_is_in_progress_until_its_records_are_settled() {
    let (keys, now) = (keys(1), Instant::now());
    new(claim(&keys, "k", 2, now)).logged(None, now);
    let much_later = now + 10 * WINDOW;
    assert!(matches!(claim(&keys, "k", 2, much_later), Claim::InProgress));
    assert!(matches!(claim(&keys, "other", 1, much_later), Claim::Full));
    // Of two records one was refused before the log.
    keys.settle("shop", "k", 7, 2, &[(0, written(1))], much_later);
    let (held, before) = again(claim(&keys, "k", 2, much_later));
    assert_eq!(before, [true, false]);
    drop(held);
}

#[test]
fn an_earlier_entry_settled_late_does_not_end_a_later_one() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 2, now)).logged(Some(outcomes([ACCEPTED, refused()])), now);
    // The repetition waits for the second record, while the first one's entry is still in the log.
    let (held, _) = again(claim(&keys, "k", 2, now));
    keys.settle("shop", "k", 7, 2, &[(0, written(1))], now);
    held.logged(None, now);
    assert!(matches!(claim(&keys, "k", 2, now), Claim::InProgress));
    keys.settle("shop", "k", 7, 2, &[(1, written(2))], now);
    assert_eq!(answered(claim(&keys, "k", 2, now)), [written(1), written(2)]);
}

#[test]
fn what_was_settled_after_it_was_forgotten_is_known_again() {
    let (keys, now) = (keys(1), Instant::now());
    new(claim(&keys, "k", 1, now)).logged(Some(outcomes([ACCEPTED])), now);
    new(claim(&keys, "other", 1, now)).answer(outcomes([written(9)]), now);
    assert_eq!(keys.state().forgotten_early, 1);
    keys.settle("shop", "k", 7, 1, &[(0, written(1))], now);
    assert_eq!(answered(claim(&keys, "k", 1, now)), [written(1)]);
    // But not where it stands for something else by now.
    let held = new(keys.claim("shop", "new", 8, 1, now));
    keys.settle("shop", "new", 7, 1, &[(0, written(5))], now);
    held.answer(outcomes([written(6)]), now);
    assert_eq!(answered(keys.claim("shop", "new", 8, 1, now)), [written(6)]);
}

#[test]
fn a_restart_is_not_noticed() {
    let (keys, now) = (keys(10), Instant::now());
    let restore = |key, restored| keys.restore("shop", key, 7, 1, restored, now);
    restore("old", Restored::Answered(outcomes([written(1)]), WINDOW - Duration::from_secs(1)));
    restore("past", Restored::Answered(outcomes([written(2)]), WINDOW));
    restore("async", Restored::Answered(outcomes([ACCEPTED]), Duration::ZERO));
    restore("wait", Restored::InProgress);
    assert_eq!(answered(claim(&keys, "old", 1, now)), [written(1)]);
    drop(new(claim(&keys, "old", 1, now + Duration::from_secs(1))));
    drop(new(claim(&keys, "past", 1, now)));
    assert_eq!(answered(claim(&keys, "async", 1, now)), [ACCEPTED]);
    assert!(matches!(claim(&keys, "wait", 1, now), Claim::InProgress));
    keys.settle("shop", "wait", 7, 1, &[(0, written(4))], now);
    keys.settle("shop", "async", 7, 1, &[(0, written(3))], now);
    assert_eq!(answered(claim(&keys, "wait", 1, now)), [written(4)]);
    assert_eq!(answered(claim(&keys, "async", 1, now)), [written(3)]);
}

/// A request of three: two were written, the third was repeated and is in the log; then the process died.
#[test]
fn a_restart_puts_the_parts_of_an_answer_together() {
    let (keys, now) = (keys(10), Instant::now());
    let restore = |outcomes| {
        let restored = Restored::Answered(outcomes, Duration::ZERO);
        keys.restore("shop", "k", 7, 3, restored, now);
    };
    restore(outcomes([written(1), refused(), written(3)]));
    restore(outcomes([refused(), ACCEPTED, refused()]));
    assert_eq!(answered(claim(&keys, "k", 3, now)), [written(1), ACCEPTED, written(3)]);
    keys.settle("shop", "k", 7, 3, &[(1, written(2))], now);
    assert_eq!(answered(claim(&keys, "k", 3, now)), [written(1), written(2), written(3)]);
    assert_eq!((keys.state().keys, keys.state().outcomes), (1, 3));
}

#[test]
fn keys_are_bounded_and_the_oldest_answer_goes_first() {
    let (keys, now) = (keys(3), Instant::now());
    let held = new(claim(&keys, "held", 1, now));
    for key in ["a", "b", "c"] {
        new(claim(&keys, key, 1, now)).answer(outcomes([written(1)]), now);
    }
    assert_eq!((keys.state().keys, keys.state().forgotten_early), (3, 1));
    assert_eq!(answered(claim(&keys, "c", 1, now)), [written(1)]);
    let (x, y) = (new(claim(&keys, "x", 1, now)), new(claim(&keys, "y", 1, now)));
    assert!(matches!(claim(&keys, "z", 1, now), Claim::Full));
    drop((x, y, held));
    assert_eq!(keys.state().keys, 0);
    let state = keys.state();
    assert_eq!((state.claims_new, state.claims_answered, state.claims_full), (6, 1, 1));
}

#[test]
fn outcomes_are_bounded_too() {
    let (keys, now) = (keys(10), Instant::now());
    let many: Arc<[Outcome]> = vec![written(1); 30].into();
    for key in ["a", "b", "c"] {
        new(claim(&keys, key, 30, now)).answer(many.clone(), now);
    }
    // Eighty are remembered for ten keys.
    assert_eq!((keys.state().keys, keys.state().outcomes), (2, 60));
    drop(new(claim(&keys, "a", 30, now)));
    // A single answer is stored whatever its size: it is what keeps the next repetition from writing again.
    let huge: Arc<[Outcome]> = vec![written(1); 1000].into();
    new(claim(&keys, "huge", 1000, now)).answer(huge, now);
    assert_eq!(answered(claim(&keys, "huge", 1000, now)).len(), 1000);
    assert_eq!((keys.state().keys, keys.state().outcomes), (1, 1000));
}

#[test]
fn old_answers_go_by_themselves_a_few_at_a_time() {
    let (keys, now) = (keys(1000), Instant::now());
    for number in 0..100 {
        new(claim(&keys, &number.to_string(), 1, now)).answer(outcomes([written(1)]), now);
    }
    let later = now + WINDOW;
    for number in 0..25 {
        drop(new(claim(&keys, &format!("later {number}"), 1, later)));
    }
    assert_eq!((keys.state().keys, keys.state().outcomes), (0, 0));
    assert_eq!(keys.state().forgotten_early, 0);
}

/// Repetitions of the same few keys leave nothing behind that grows.
#[test]
fn repeating_for_ever_takes_no_memory() {
    let (keys, now) = (keys(10), Instant::now());
    new(claim(&keys, "k", 2, now)).answer(outcomes([written(1), refused()]), now);
    for _ in 0..10_000 {
        let (held, _) = again(claim(&keys, "k", 2, now));
        held.answer(outcomes([written(1), refused()]), now);
    }
    assert!(keys.table().aging_len() <= 2 * (1 + 64), "{}", keys.table().aging_len());
}

/// However many ask at once, one works and the others learn its answer.
#[test]
fn of_many_threads_one_works() {
    let keys = keys(1000);
    for round in 0..200 {
        let key = round.to_string();
        let worked: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            match claim(&keys, &key, 1, Instant::now()) {
                                Claim::New(held) => {
                                    thread::yield_now();
                                    held.answer(outcomes([written(round)]), Instant::now());
                                    return 1;
                                }
                                Claim::Answered(answer) => {
                                    assert_eq!(*answer, [written(round)]);
                                    return 0;
                                }
                                Claim::InProgress => thread::yield_now(),
                                other => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(worked, 1);
    }
}
