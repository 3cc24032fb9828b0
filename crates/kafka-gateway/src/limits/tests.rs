//! Time is given.

use std::sync::Barrier;
use std::thread;

use super::*;
use crate::settings::{Grant, Rate};

fn rate(per_second: f64, burst: u64) -> Option<Rate> {
    Some(Rate { per_second, burst })
}

fn client(rates: Rates) -> Client {
    Client::new("shop", &Grant { topics: Vec::new(), rates })
}

fn free() -> Client {
    client(Rates::default())
}

fn limits(rates: Rates) -> Limits {
    Limits::new(&[TopicLimit { topic: "orders".to_owned(), rates }])
}

fn records(per_second: f64, burst: u64) -> Limits {
    limits(Rates { records: rate(per_second, burst), bytes: None })
}

fn bytes(per_second: f64, burst: u64) -> Limits {
    limits(Rates { records: None, bytes: rate(per_second, burst) })
}

fn after(limits: &Limits, ns: u64) -> Instant {
    limits.started + Duration::from_nanos(ns)
}

/// `None` when it passed, else how long to wait.
fn take(limits: &Limits, client: &Client, size_bytes: u64, now: Instant) -> Option<Duration> {
    match limits.take(client, "orders", size_bytes, now) {
        Ok(()) => None,
        Err(Refusal::RateLimited { retry_after, .. }) => Some(retry_after),
        Err(other) => panic!("{other:?}"),
    }
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_burst_passes_whole_and_then_the_rate() {
    // A third of a second is no whole number of nanoseconds: the burst is three all the same.
    let limits = records(3.0, 3);
    let client = free();
    for _ in 0..3 {
        assert_eq!(take(&limits, &client, 1, after(&limits, 0)), None);
    }
    let wait = take(&limits, &client, 1, after(&limits, 0)).unwrap();
    assert_eq!(wait, Duration::from_nanos(333_333_334));
    let just_before = after(&limits, 333_333_333);
    assert_eq!(take(&limits, &client, 1, just_before), Some(Duration::from_nanos(1)));
    assert_eq!(take(&limits, &client, 1, after(&limits, 333_333_334)), None);
    // In ten more seconds thirty, but for the one that is due at their very end.
    let passed = (1..=100_u64)
        .filter(|tenth| {
            let now = after(&limits, 333_333_334 + tenth * SECOND / 10);
            take(&limits, &client, 1, now).is_none()
        })
        .count();
    assert!((29..=30).contains(&passed), "{passed}");
}

#[test]
fn a_limit_of_kprf_is_records_of_a_minute() {
    let limits = records(1000.0 / 60.0, 1000);
    let client = free();
    let passed = (0..5000).filter(|_| take(&limits, &client, 1, after(&limits, 0)).is_none());
    assert_eq!(passed.count(), 1000);
    assert_eq!(
        take(&limits, &client, 1, after(&limits, 0)),
        Some(Duration::from_nanos(60_000_000))
    );
}

#[test]
fn hammering_starves_nobody() {
    let limits = records(10.0, 1);
    let client = free();
    // A hundred attempts a millisecond, for ten seconds: a hundred pass.
    let mut passed = 0;
    for ms in 0..10_000_u64 {
        for part in 0..100 {
            let now = after(&limits, ms * 1_000_000 + part * 10_000);
            passed += u32::from(take(&limits, &client, 1, now).is_none());
        }
    }
    assert_eq!(passed, 100);
}

#[test]
fn the_longest_wait_is_told_and_nothing_is_taken() {
    let limits = limits(Rates { records: rate(100.0, 10), bytes: rate(1000.0, 1000) });
    let client = client(Rates { records: rate(1.0, 1), bytes: rate(1e6, 1_000_000) });
    let now = after(&limits, 0);
    assert_eq!(take(&limits, &client, 900, now), None);
    // Bytes of the topic would be there in 0.8 seconds, a record of the client in one.
    let refused = limits.take(&client, "orders", 900, now).unwrap_err();
    let Refusal::RateLimited { limit, retry_after } = refused else { panic!("{refused:?}") };
    assert_eq!((limit.as_str(), retry_after), ("client shop", Duration::from_secs(1)));
    // The other nine records of the topic's burst are still there for others.
    let other = free();
    let passed = (0..20).filter(|_| take(&limits, &other, 0, now).is_none()).count();
    assert_eq!(passed, 9);
    // A topic without limits, and a client with: the client's hold.
    assert!(limits.take(&client, "free", 1, now).is_err());
    assert!(limits.take(&other, "free", 1 << 40, now).is_ok());
}

#[test]
fn more_than_the_burst_passes_when_full_and_is_paid_for() {
    let limits = bytes(1000.0, 500);
    let client = free();
    assert_eq!(take(&limits, &client, 1, after(&limits, 0)), None);
    // Not full: one byte is missing, for a millisecond.
    let wait = take(&limits, &client, 2000, after(&limits, 0)).unwrap();
    assert_eq!(wait, Duration::from_millis(1));
    assert_eq!(take(&limits, &client, 2000, after(&limits, 1_000_000)), None);
    // 1500 in debt: a byte passes when these are paid.
    let wait = take(&limits, &client, 1, after(&limits, 1_000_000)).unwrap();
    assert_eq!(wait, Duration::from_millis(1501));
    assert_eq!(take(&limits, &client, 1, after(&limits, 1_000_000 + 1_501_000_000)), None);
}

#[test]
fn what_was_not_accepted_is_given_back() {
    let limits = limits(Rates { records: rate(1.0, 2), bytes: rate(10.0, 100) });
    let client = client(Rates { records: rate(1.0, 1), bytes: None });
    let now = after(&limits, 0);
    assert_eq!(take(&limits, &client, 100, now), None);
    assert!(take(&limits, &client, 0, now).is_some());
    limits.give_back(&client, "orders", 100, now, now);
    assert_eq!(take(&limits, &client, 100, now), None);
    // Half a second later the half that came in is kept, the other half is given back: a burst is never exceeded.
    let later = after(&limits, SECOND / 2);
    limits.give_back(&client, "orders", 100, now, later);
    assert_eq!(take(&limits, &client, 0, later), None);
    assert_eq!(take(&limits, &client, 0, later), Some(Duration::from_secs(1)));
    // An age later there is nothing left to give back.
    let much_later = after(&limits, 100 * SECOND);
    limits.give_back(&client, "orders", 100, later, much_later);
    assert_eq!(take(&limits, &client, 0, much_later), None);
    assert_eq!(take(&limits, &client, 0, much_later), Some(Duration::from_secs(1)));
}

#[test]
fn absurd_numbers_neither_wrap_nor_block() {
    let client = free();
    for (per_second, burst) in [
        (f64::MAX, u64::MAX),
        (f64::INFINITY, 1),
        (1e19, u64::MAX),
        (1e-300, u64::MAX),
        (f64::MIN_POSITIVE, 1),
        (0.0, 0),
        (-1.0, 3),
        (f64::NAN, 3),
    ] {
        let limits = bytes(per_second, burst);
        let now = limits.started + Duration::from_secs(50 * 365 * 86_400);
        assert_eq!(take(&limits, &client, 1, now), None, "{per_second} {burst}");
        assert_eq!(take(&limits, &client, 0, now), None, "{per_second} {burst}");
        // In debt for ever, or passed; a wait is a number in any case.
        let _ = take(&limits, &client, u64::MAX, now);
        let _ = take(&limits, &client, u64::MAX, now);
        limits.give_back(&client, "orders", u64::MAX, now, now);
    }
    // Before the start, as a clock of another thread may say.
    let limits = records(1.0, 1);
    if let Some(before) = limits.started.checked_sub(Duration::from_secs(1)) {
        assert_eq!(take(&limits, &client, 1, before), None);
        assert_eq!(take(&limits, &client, 1, before), Some(Duration::from_secs(1)));
    }
}

#[test]
fn a_wait_is_exact_at_odd_rates() {
    for per_second in [0.017, 0.3, 1.0, 3.0, 7.7, 999.0, 123_456.7, 9e8, 3.3e9] {
        let limits = bytes(per_second, 10);
        let client = free();
        assert_eq!(take(&limits, &client, 10, after(&limits, 5)), None);
        let wait = take(&limits, &client, 7, after(&limits, 5)).unwrap();
        let ideal = 7.0 / per_second;
        assert!(
            (wait.as_secs_f64() - ideal).abs() <= ideal * 1e-8 + 2e-9,
            "{per_second}: {wait:?}"
        );
        let ready = after(&limits, 5) + wait;
        let early = ready.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(take(&limits, &client, 7, early), Some(Duration::from_nanos(1)), "{per_second}");
        assert_eq!(take(&limits, &client, 7, ready), None, "{per_second}");
    }
}

/// Threads that hammer the same moment, then the next, through four limits of which each is the tightest for some: no
/// more passes than may, and nobody's refusals keep others below the rate.
#[test]
fn threads_together_get_the_rate_and_no_more() {
    const ROUNDS: u64 = 500;
    let limits = limits(Rates { records: rate(20_000.0, 50), bytes: rate(1e9, 1_000_000) });
    let clients: Vec<Client> = (0..4)
        .map(|thread| {
            // Half of them are limited so tightly that they are refused almost always.
            let own = if thread % 2 == 0 { rate(1000.0, 5) } else { None };
            client(Rates { records: own, bytes: rate(1e9, 1_000_000) })
        })
        .collect();
    let together = Barrier::new(clients.len());
    let passed: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter()
            .map(|client| {
                let (limits, together) = (&limits, &together);
                scope.spawn(move || {
                    let mut passed = 0;
                    for round in 0..=ROUNDS {
                        together.wait();
                        let now = after(limits, round * 1_000_000);
                        let attempts = (0..100).filter(|_| take(limits, client, 10, now).is_none());
                        passed += attempts.count() as u64;
                    }
                    passed
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Twenty a round, and the burst. Who is refused by one limit may hold another's token for a moment, while others find
    // it gone: of the last round as many may be left as there are threads.
    let (total, most) = (passed.iter().sum::<u64>(), 20 * ROUNDS + 50);
    assert!((most - 4..=most).contains(&total), "{passed:?}, at most {most}");
    for tight in passed.iter().step_by(2) {
        assert!(*tight <= ROUNDS + 5, "{passed:?}");
    }
}
