use std::cell::Cell;

use super::*;
use crate::direct::store::{Limits, SeriesId};
use crate::expr::{Fold, Matcher};

const TEN: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const ERRORS: &str = "kafka_filter_topic_errors_total";
const SECONDS: &str = "kafka_filter_request_duration_microseconds";
const LAG: &str = "kafka_filter_group_lag_records";

/// A store whose ticks are ten seconds apart.
struct Lab {
    store: Store,
    now_ms: i64,
}

impl Lab {
    fn new() -> Self {
        Self { store: Store::new(Limits::of(Duration::from_secs(3600))), now_ms: 1_000_000 }
    }

    fn take(&mut self, metric: &str, role: Role, labels: &[&str]) -> SeriesId {
        let part = part_of(metric, role).unwrap();
        assert_eq!(labels.len(), part.width());
        let labels: Vec<Box<str>> = labels.iter().map(|label| (*label).into()).collect();
        self.store.take(part, &labels).unwrap()
    }

    fn close(&mut self) {
        self.store.close(self.now_ms);
        self.now_ms += 10_000;
    }

    /// Closes a tick in which counters grew.
    fn tick(&mut self, grown: &[(SeriesId, f64)]) {
        for (id, by) in grown {
            self.store.grow(*id, *by);
        }
        self.close();
    }

    fn at(&self, expr: &Expr, window: Duration, points: &[usize]) -> Vec<(String, Points)> {
        let lines = {
            let whole = Reading::Whole(&self.store);
            Evaluation::new(whole, TEN, window, |_| points.to_vec()).lines(expr).unwrap()
        };
        lines.into_iter().map(|line| (line.labels.join(" "), line.points)).collect()
    }

    /// The newest numbers.
    fn now(&self, expr: &Expr, window: Duration) -> Vec<(String, f64)> {
        let last = self.store.times_ms().len() - 1;
        let lines = self.at(expr, window, &[last]);
        lines.into_iter().map(|(labels, points)| (labels, points[0].unwrap())).collect()
    }
}

fn select(metric: &'static str, by: &'static [&'static str]) -> Select {
    Select { metric, matchers: vec![], by }
}

/// reporter, topic, request, error
fn errors(lab: &mut Lab, topic: &str, error: &str) -> SeriesId {
    lab.take(ERRORS, Role::Plain, &["source", topic, "Produce", error])
}

fn named(name: &str, value: f64) -> (String, f64) {
    (name.to_owned(), value)
}

#[test]
fn a_rate_is_what_was_counted_through_the_time_it_took() {
    let mut lab = Lab::new();
    let (a, b) = (errors(&mut lab, "orders", "X"), errors(&mut lab, "orders", "Y"));
    let c = errors(&mut lab, "carts", "X");
    lab.tick(&[(a, 0.0), (b, 0.0), (c, 0.0)]);
    for _ in 0..9 {
        lab.tick(&[(a, 30.0), (b, 10.0), (c, 0.0)]);
    }
    let rate = Expr::Rate(select(ERRORS, &["topic"]));
    assert_eq!(lab.now(&rate, MINUTE), [named("carts", 0.0), named("orders", 4.0)]);
    assert_eq!(lab.now(&Expr::Rate(select(ERRORS, &[])), MINUTE), [named("", 4.0)]);
    let increase = Expr::Increase(select(ERRORS, &["error"]));
    assert_eq!(lab.now(&increase, MINUTE), [named("X", 180.0), named("Y", 60.0)]);
    // There are only 90 seconds: nothing is invented for the rest of the hour.
    assert_eq!(lab.now(&increase, MINUTE * 60), [named("X", 270.0), named("Y", 90.0)]);
    assert_eq!(lab.now(&rate, MINUTE * 60), [named("carts", 0.0), named("orders", 4.0)]);
    // A window shorter than a scrape is the newest one.
    assert_eq!(lab.now(&rate, Duration::from_secs(1)), []);
    assert_eq!(lab.now(&rate, TEN), [named("carts", 0.0), named("orders", 4.0)]);
}

#[test]
fn matchers_choose_series() {
    let mut lab = Lab::new();
    let ids = ["X", "Y", "Z"].map(|error| errors(&mut lab, "orders", error));
    lab.tick(&ids.map(|id| (id, 0.0)));
    lab.tick(&[(ids[0], 10.0), (ids[1], 20.0), (ids[2], 30.0)]);
    let rate = |matchers: Vec<Matcher>| {
        let found = lab.now(&Expr::Rate(Select { metric: ERRORS, matchers, by: &[] }), MINUTE);
        found.first().map(|(_, value)| *value)
    };
    assert_eq!(rate(vec![Matcher::is("error", "X")]), Some(1.0));
    assert_eq!(rate(vec![Matcher::is_not("error", "X")]), Some(5.0));
    assert_eq!(rate(vec![Matcher::one_of("error", "X|Z")]), Some(4.0));
    assert_eq!(rate(vec![Matcher::none_of("error", "X|Z")]), Some(2.0));
    assert_eq!(rate(vec![Matcher::is("error", "X|Z")]), None, "no regular expression");
    assert_eq!(rate(vec![Matcher::is("topic", "orders"), Matcher::is("error", "Y")]), Some(2.0));
}

#[test]
fn a_series_is_there_while_somebody_shows_it() {
    let mut lab = Lab::new();
    let (a, b) = (errors(&mut lab, "orders", "X"), errors(&mut lab, "carts", "X"));
    lab.tick(&[(a, 0.0), (b, 0.0)]);
    lab.tick(&[(a, 10.0), (b, 10.0)]);
    for _ in 0..8 {
        lab.tick(&[(a, 10.0)]);
    }
    let rate = Expr::Rate(select(ERRORS, &["topic"]));
    assert_eq!(lab.now(&rate, MINUTE), [named("orders", 1.0)], "the other has gone");
    let lines = lab.at(&rate, MINUTE, &[0, 1, 5, 7, 8]);
    let carts = &lines[0].1;
    assert_eq!(carts[0], None, "one scrape is no rate");
    assert_eq!(carts[1], Some(1.0));
    assert_eq!(carts[2], Some(0.2));
    assert_eq!(carts[3], None, "the window has left it behind");
    assert_eq!(lines[1].1, [None, Some(1.0), Some(1.0), Some(1.0), Some(1.0)]);
}

#[test]
fn after_a_pause_the_time_is_what_it_was() {
    let mut lab = Lab::new();
    let id = errors(&mut lab, "orders", "X");
    lab.tick(&[(id, 0.0)]);
    lab.now_ms += 90_000;
    lab.tick(&[(id, 300.0)]);
    let rate = Expr::Rate(select(ERRORS, &[]));
    assert_eq!(lab.now(&rate, MINUTE), [named("", 3.0)], "300 in 100 s, not in 60");
    let increase = Expr::Increase(select(ERRORS, &[]));
    assert_eq!(lab.now(&increase, MINUTE), [named("", 180.0)]);
}

#[test]
fn gauges_hold_over_chunks_and_end() {
    let mut lab = Lab::new();
    let a = lab.take(LAG, Role::Plain, &["source", "orders", "g"]);
    let b = lab.take(LAG, Role::Plain, &["source", "carts", "g"]);
    for tick in 0..150 {
        lab.store.show(a, 7.0);
        if (10..140).contains(&tick) {
            // Two proxies show it.
            lab.store.show(b, 2.0);
            lab.store.show(b, f64::from(tick));
        }
        lab.close();
    }
    let points = [0, 9, 10, 63, 64, 65, 139, 140, 149];
    let sum = lab.at(&Expr::Gauge(select(LAG, &["group"]), Fold::Sum), MINUTE, &points);
    let expected = [7.0, 7.0, 19.0, 72.0, 73.0, 74.0, 148.0, 7.0, 7.0].map(Some);
    assert_eq!(sum, [("g".to_owned(), expected.to_vec())]);
    let max = lab.at(&Expr::Gauge(select(LAG, &["topic"]), Fold::Max), MINUTE, &points);
    let carts =
        [None, None, Some(10.0), Some(63.0), Some(64.0), Some(65.0), Some(139.0), None, None];
    assert_eq!(max[0], ("carts".to_owned(), carts.to_vec()));
    assert_eq!(max[1], ("orders".to_owned(), vec![Some(7.0); 9]));
    assert_eq!(lab.now(&Expr::Gauge(select(LAG, &[]), Fold::Max), MINUTE), [named("", 7.0)]);
}

/// Takes the buckets of a request's duration, and its sum and count.
fn histogram(lab: &mut Lab, request: &str) -> ([SeriesId; 3], SeriesId, SeriesId) {
    let buckets =
        ["100", "1000", "+Inf"].map(|le| lab.take(SECONDS, Role::Bucket, &["source", request, le]));
    let sum = lab.take(SECONDS, Role::Sum, &["source", request]);
    let count = lab.take(SECONDS, Role::Count, &["source", request]);
    (buckets, sum, count)
}

#[test]
fn histograms_give_quantiles_means_counts_and_buckets() {
    let mut lab = Lab::new();
    let (buckets, sum, count) = histogram(&mut lab, "Produce");
    let (idle, idle_sum, idle_count) = histogram(&mut lab, "Metadata");
    let all = [buckets.as_slice(), &idle, &[sum, count, idle_sum, idle_count]].concat();
    lab.tick(&all.iter().map(|id| (*id, 0.0)).collect::<Vec<_>>());
    for id in &all {
        lab.store.grow(*id, 0.0);
    }
    lab.tick(&[
        (buckets[0], 10.0),
        (buckets[1], 40.0),
        (buckets[2], 50.0),
        (sum, 25_000.0),
        (count, 50.0),
    ]);
    let by: &[&str] = &["request"];
    let quantile = |q| lab.now(&Expr::Quantile(q, select(SECONDS, by)), MINUTE);
    assert_eq!(quantile(0.5), [named("Produce", 550.0)], "none for what was idle");
    assert_eq!(quantile(0.1), [named("Produce", 50.0)]);
    assert_eq!(quantile(0.99), [named("Produce", 1000.0)]);
    assert_eq!(lab.now(&Expr::Mean(select(SECONDS, by)), MINUTE), [named("Produce", 500.0)]);
    let count = lab.now(&Expr::Count(select(SECONDS, by)), MINUTE);
    assert_eq!(count, [named("Metadata", 0.0), named("Produce", 5.0)]);
    let buckets = lab.now(&Expr::Buckets(select(SECONDS, &[])), TEN);
    assert_eq!(buckets, [named("100", 10.0), named("1000", 40.0), named("+Inf", 50.0)]);
    let scaled = Expr::Scale(0.001, Box::new(Expr::Mean(select(SECONDS, by))));
    assert_eq!(lab.now(&scaled, MINUTE), [named("Produce", 0.5)]);
}

#[test]
fn ratios_meet_by_their_labels() {
    let mut lab = Lab::new();
    let (x, y) = (errors(&mut lab, "orders", "X"), errors(&mut lab, "orders", "Y"));
    let z = errors(&mut lab, "carts", "Z");
    lab.tick(&[(x, 0.0), (y, 0.0), (z, 0.0)]);
    lab.tick(&[(x, 30.0), (y, 10.0), (z, 0.0)]);
    let by_error = || Box::new(Expr::Rate(select(ERRORS, &["topic", "error"])));
    let by_topic = || Box::new(Expr::Rate(select(ERRORS, &["topic"])));
    let all = || Box::new(Expr::Rate(select(ERRORS, &[])));
    assert_eq!(
        lab.now(&Expr::Ratio(by_error(), by_topic()), MINUTE),
        [named("orders X", 0.75), named("orders Y", 0.25)],
        "0 through 0 is none"
    );
    assert_eq!(
        lab.now(&Expr::Ratio(by_topic(), all()), MINUTE),
        [named("carts", 0.0), named("orders", 1.0)]
    );
    let other = Expr::Rate(Select {
        metric: ERRORS,
        matchers: vec![Matcher::is("topic", "orders")],
        by: &["topic"],
    });
    assert_eq!(lab.now(&Expr::Ratio(by_topic(), Box::new(other)), MINUTE), [named("orders", 1.0)]);
}

/// A store to which something is written before each piece that is read of it.
struct WrittenBetween<W> {
    store: RwLock<Store>,
    write: W,
}

impl<W: Fn(&mut Store)> Pieces for WrittenBetween<W> {
    fn piece(&self) -> RwLockReadGuard<'_, Store> {
        (self.write)(&mut self.store.write().unwrap());
        self.store.read().unwrap()
    }
}

/// Scrapes are folded in and ticks close between the pieces of an answer: all series count the same, a number that tells
/// the tick, so that an answer of two ticks would show. Where the store is swept between them there is no answer.
#[test]
fn an_answer_is_of_one_tick_whatever_is_counted_meanwhile() {
    let mut lab = Lab::new();
    lab.store = Store::new(Limits::of(Duration::from_secs(900)));
    let topics: Vec<String> = (0..3 * FOLDED_AT_ONCE).map(|topic| format!("t{topic}")).collect();
    let ids: Vec<SeriesId> = topics.iter().map(|topic| errors(&mut lab, topic, "X")).collect();
    let number = Cell::new(0);
    let write = |store: &mut Store| {
        ids.iter().for_each(|id| store.grow(*id, f64::from(number.get())));
        // One that comes and goes, so that symbols and places are used again.
        let part = part_of(ERRORS, Role::Plain).unwrap();
        let labels = ["source", &format!("new{}", number.get()), "Produce", "X"].map(Box::from);
        let id = store.take(part, &labels).unwrap();
        store.grow(id, 1e9);
        store.give_back(id);
        store.close(i64::from(number.get()) * 10_000);
        number.set(number.get() + 1);
    };
    (0..100).for_each(|_| write(&mut lab.store));
    let shared = WrittenBetween { store: RwLock::new(lab.store), write };
    let expr = Expr::Increase(select(ERRORS, &["topic"]));
    let (mut whole, mut swept) = (0, 0);
    for _ in 0..100 {
        let (mut at, revision) = (0.0, shared.store.read().unwrap().revision());
        let newest = |store: &Store| {
            at = seconds(*store.times_ms().back().unwrap()) / 10.0;
            vec![store.times_ms().len() - 1]
        };
        let before = number.get();
        let lines = Evaluation::new(Reading::Pieces(&shared), TEN, TEN, newest).lines(&expr);
        let was_swept = shared.store.read().unwrap().revision() > revision;
        let Ok(mut lines) = lines else {
            assert!(was_swept, "no answer, and no sweep");
            swept += 1;
            continue;
        };
        // Once to begin, to count and to select, and once for each piece that is folded.
        assert!(number.get() - before >= 6, "{} ticks beside the answer", number.get() - before);
        lines.retain(|line| line.labels.iter().all(|topic| topic.starts_with('t')));
        assert_eq!(lines.len(), topics.len());
        lines.retain(|line| line.points != [Some(at)]);
        assert!(lines.is_empty(), "{} of {} lines, {:?}", lines.len(), topics.len(), lines.first());
        whole += 1;
    }
    assert!(whole > 80 && swept > 5, "{whole} answers, {swept} swept away");
}
