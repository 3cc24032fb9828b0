use std::time::Duration;

use super::*;
use crate::direct::eval::{Evaluation, Reading};
use crate::direct::store::Limits;
use crate::expr::{Expr, Fold, Select};

const TEN: Duration = Duration::from_secs(10);
const GAP_MS: i64 = 50_000;

/// A store and the time; each scrape is followed by the end of its tick.
struct Lab {
    store: Store,
    now_ms: i64,
}

impl Lab {
    fn new() -> Self {
        Self { store: Store::new(Limits::of(Duration::from_secs(3600))), now_ms: 1_000_000 }
    }

    fn scrape(&mut self, proxy: &mut Follower, body: &str) -> Result<(), Bad> {
        self.scrape_in_pieces(proxy, body, body.len().max(1))
    }

    fn scrape_in_pieces(
        &mut self,
        proxy: &mut Follower,
        body: &str,
        size: usize,
    ) -> Result<(), Bad> {
        let mut scrape = proxy.begin();
        for piece in body.as_bytes().chunks(size) {
            proxy.read(&mut scrape, piece)?;
        }
        proxy.commit(scrape, &mut self.store, self.now_ms, GAP_MS)
    }

    fn close(&mut self, proxies: &[&Follower]) {
        proxies.iter().for_each(|proxy| proxy.show_gauges(&mut self.store));
        self.store.close(self.now_ms);
        self.now_ms += 10_000;
    }

    fn lines(&self, expr: &Expr) -> Vec<(String, Vec<Option<f64>>)> {
        self.lines_over(TEN, expr)
    }

    fn lines_over(&self, window: Duration, expr: &Expr) -> Vec<(String, Vec<Option<f64>>)> {
        let all = |store: &Store| (0..store.times_ms().len()).collect();
        let evaluation = Evaluation::new(Reading::Whole(&self.store), TEN, window, all);
        let lines = evaluation.lines(expr).unwrap();
        lines.into_iter().map(|line| (line.labels.join(" "), line.points)).collect()
    }

    /// What requests were counted in each tick, whoever counted them.
    fn requests(&self) -> Vec<Option<f64>> {
        let select = Select { metric: "kafka_filter_requests_total", matchers: vec![], by: &[] };
        self.lines(&Expr::Increase(select)).into_iter().next().map_or(vec![], |(_, points)| points)
    }
}

fn requests(count: u64) -> String {
    format!(
        "kafka_filter_requests_total{{reporter=\"source\",request=\"Produce\",api_version=\"9\"}} {count}\n"
    )
}

fn number(value: f64) -> Option<f64> {
    Some(value)
}

#[test]
fn the_first_scrape_says_where_counters_stand() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for count in [1000, 1007, 1007, 1010] {
        lab.scrape(&mut proxy, &requests(count)).unwrap();
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.requests(), [None, number(7.0), number(0.0), number(3.0)]);
}

#[test]
fn a_restart_counts_from_zero_and_is_never_negative() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for count in [1000, 1010, 4, 9] {
        lab.scrape(&mut proxy, &requests(count)).unwrap();
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.requests(), [None, number(10.0), number(4.0), number(5.0)]);
}

#[test]
fn a_new_series_of_a_known_proxy_counts_from_zero() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, "envoy_server_live{} 1\n").unwrap();
    lab.close(&[&proxy]);
    lab.scrape(&mut proxy, &requests(5)).unwrap();
    lab.close(&[&proxy]);
    assert_eq!(lab.requests(), [None, number(5.0)]);
}

#[test]
fn a_new_proxy_counts_nothing_and_many_add_up() {
    let mut lab = Lab::new();
    let (mut a, mut b) = (Follower::default(), Follower::default());
    lab.scrape(&mut a, &requests(10)).unwrap();
    lab.close(&[&a]);
    lab.scrape(&mut a, &requests(11)).unwrap();
    lab.scrape(&mut b, &requests(5_000_000)).unwrap();
    lab.close(&[&a, &b]);
    lab.scrape(&mut a, &requests(13)).unwrap();
    lab.scrape(&mut b, &requests(5_000_004)).unwrap();
    lab.close(&[&a, &b]);
    assert_eq!(lab.requests(), [None, number(1.0), number(6.0)]);
    assert_eq!((lab.store.len(), lab.store.followed()), (1, 2));
}

#[test]
fn who_was_away_for_long_is_new() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &requests(10)).unwrap();
    lab.close(&[&proxy]);
    for _ in 0..3 {
        lab.close(&[]);
    }
    lab.scrape(&mut proxy, &requests(30)).unwrap();
    lab.close(&[&proxy]);
    for _ in 0..6 {
        lab.close(&[]);
    }
    lab.scrape(&mut proxy, &requests(9_999_999)).unwrap();
    lab.close(&[&proxy]);
    lab.scrape(&mut proxy, &requests(10_000_000)).unwrap();
    lab.close(&[&proxy]);
    let counted: f64 = lab.requests().iter().flatten().sum();
    assert_eq!(counted, 20.0 + 1.0, "no jump after more than {GAP_MS} ms");
}

#[test]
fn half_a_body_counts_nothing() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &requests(10)).unwrap();
    lab.close(&[&proxy]);
    let body = requests(20);
    for end in 1..body.len() {
        let cut = lab.scrape(&mut proxy, body.get(..end).unwrap());
        assert_eq!(cut, Err(Bad::CutOff), "after {end} bytes");
    }
    lab.close(&[&proxy]);
    lab.scrape(&mut proxy, &body).unwrap();
    lab.close(&[&proxy]);
    // It is one scrape of the time of two.
    assert_eq!(lab.requests(), [None, number(5.0), number(5.0)]);
}

#[test]
fn a_body_counts_the_same_in_any_pieces() {
    let body =
        format!("# a comment\n{}\n\nenvoy_x 1\n{}", requests(10).trim_end(), "kafka_other 7\n");
    for size in 1..body.len() {
        let (mut lab, mut proxy) = (Lab::new(), Follower::default());
        lab.scrape(&mut proxy, "\n").unwrap();
        lab.close(&[&proxy]);
        lab.scrape_in_pieces(&mut proxy, &body, size).unwrap();
        lab.close(&[&proxy]);
        assert_eq!(lab.requests(), [None, number(10.0)], "in pieces of {size}");
        assert!(proxy.facts.is_envoy && proxy.facts.has_filter);
        assert_eq!(proxy.facts.series, 1, "only what the catalog has");
    }
}

#[test]
fn garbage_counts_nothing() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    let html = "<!doctype html>\n<title>502</title>\n";
    assert_eq!(lab.scrape(&mut proxy, html), Err(Bad::Line(1, Flaw::Name)));
    let mixed = format!("{}kafka_filter_requests_total{{reporter=\"source\" 1\n", requests(10));
    assert_eq!(lab.scrape(&mut proxy, &mixed), Err(Bad::Line(2, Flaw::Labels)));
    let no_number = format!("{}kafka_filter_requests_total ten\n", requests(10));
    assert_eq!(lab.scrape(&mut proxy, &no_number), Err(Bad::Line(2, Flaw::Value)));
    let huge =
        format!("{}kafka_filter_requests_total{{a=\"{}\"}} 1\n", requests(10), "a".repeat(70_000));
    assert_eq!(lab.scrape(&mut proxy, &huge), Err(Bad::LongLine(2)));
    let endless = "a".repeat(70_000);
    assert_eq!(lab.scrape_in_pieces(&mut proxy, &endless, 1000), Err(Bad::LongLine(1)));
    assert_eq!(lab.store.len(), 0);
    assert_eq!(proxy.good_ms(), None);
}

#[test]
fn numbers_that_are_none_are_left_out() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for value in ["10", "NaN", "+Inf", "-Inf", "-3", "12"] {
        let line = requests(0).replace("} 0", &format!("}} {value}"));
        lab.scrape(&mut proxy, &line).unwrap();
        lab.close(&[&proxy]);
    }
    let counted = lab.requests();
    assert!(counted.iter().flatten().all(|value| *value >= 0.0), "{counted:?}");
    assert_eq!(counted.last(), Some(&number(2.0)));
}

#[test]
fn timestamps_are_passed_over() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for (count, time) in [(1, "1395066363000"), (4, "-17")] {
        let line = requests(count).replace('\n', &format!(" {time}\n"));
        lab.scrape(&mut proxy, &line).unwrap();
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.requests(), [None, number(3.0)]);
}

#[test]
fn of_a_series_that_stands_twice_the_first_counts() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for count in [10, 15] {
        let body = format!("{}{}", requests(count), requests(count + 1000));
        lab.scrape(&mut proxy, &body).unwrap();
        assert_eq!(proxy.facts.duplicates, 1);
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.requests(), [None, number(5.0)]);
}

#[test]
fn gauges_add_up_over_the_proxies_that_show_them() {
    let lag = |records: i64| {
        format!(
            "kafka_filter_group_lag_records{{reporter=\"source\",topic=\"orders\",group=\"g\"}} {records}\n"
        )
    };
    let mut lab = Lab::new();
    let (mut a, mut b) = (Follower::default(), Follower::default());
    lab.scrape(&mut a, &lag(100)).unwrap();
    lab.scrape(&mut b, &lag(20)).unwrap();
    lab.close(&[&a, &b]);
    // The other is late: what it showed last holds. Then it is gone.
    lab.scrape(&mut a, &lag(50)).unwrap();
    lab.close(&[&a, &b]);
    lab.close(&[&a]);
    b.leave(&mut lab.store);
    // A good scrape without the series ends it.
    lab.scrape(&mut a, "envoy_x 1\n").unwrap();
    lab.close(&[&a]);
    let select = || Select { metric: "kafka_filter_group_lag_records", matchers: vec![], by: &[] };
    let line = |fold| lab.lines(&Expr::Gauge(select(), fold)).remove(0).1;
    assert_eq!(line(Fold::Sum), [number(120.0), number(70.0), number(50.0), None]);
    assert_eq!(line(Fold::Max), [number(100.0), number(50.0), number(50.0), None]);
}

#[test]
fn a_scrape_that_ends_after_its_proxy_left_counts_nothing() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &requests(1)).unwrap();
    lab.close(&[&proxy]);
    let mut scrape = proxy.begin();
    proxy.read(&mut scrape, requests(9).as_bytes()).unwrap();
    proxy.leave(&mut lab.store);
    proxy.commit(scrape, &mut lab.store, lab.now_ms, GAP_MS).unwrap();
    lab.scrape(&mut proxy, &requests(99)).unwrap();
    lab.close(&[&proxy]);
    assert_eq!(lab.store.followed(), 0);
    assert_eq!(lab.requests().iter().flatten().sum::<f64>(), 0.0);
}

#[test]
fn labels_that_the_catalog_lacks_are_summed_away() {
    let line = |pod: &str, count: u64| requests(count).replace("} ", &format!(",pod=\"{pod}\"}} "));
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for (a, b) in [(1, 2), (11, 7)] {
        lab.scrape(&mut proxy, &format!("{}{}", line("a", a), line("b", b))).unwrap();
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.requests(), [None, number(15.0)]);
    assert_eq!(lab.store.len(), 1);
}

#[test]
fn a_proxy_says_what_runs_there() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    let build = |release: &str, value: u8| {
        format!(
            "kafka_filter_build_info{{reporter=\"proxy\",filter_release=\"{release}\",kafka_release=\"4.3\"}} {value}\n"
        )
    };
    lab.scrape(&mut proxy, &format!("{}{}", build("0.1.0", 0), build("0.2.0", 1))).unwrap();
    let id = proxy.facts.build.unwrap();
    let labels: Vec<&str> = lab
        .store
        .series(id)
        .unwrap()
        .labels()
        .iter()
        .map(|label| &**lab.store.text(*label))
        .collect();
    assert_eq!(labels, ["proxy", "0.2.0", "4.3"]);
}

#[test]
fn what_a_proxy_no_longer_shows_is_forgotten() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    let other = requests(1).replace("Produce", "Metadata");
    lab.scrape(&mut proxy, &format!("{}{other}", requests(1))).unwrap();
    assert_eq!(lab.store.followed(), 2);
    for count in 0..2 * u64::from(FORGOTTEN_AFTER) {
        lab.scrape(&mut proxy, &requests(count)).unwrap();
        lab.close(&[&proxy]);
    }
    assert_eq!(lab.store.followed(), 1);
    assert_eq!(lab.requests().last(), Some(&number(1.0)), "the one that stays goes on");
    for _ in 0..500 {
        lab.close(&[]);
    }
    assert_eq!(lab.store.len(), 1, "the history of the other is over");
}

#[test]
fn a_proxy_that_is_always_new_takes_no_more_than_its_room() {
    const EACH: usize = PROXY_SERIES_MAX / 5 * 3;
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    for round in 0..4 {
        let mut body = requests(10 * (round + 1));
        for number in 0..EACH {
            body += &requests(7).replace("Produce", &format!("{round}-{number}"));
        }
        lab.scrape(&mut proxy, &body).unwrap();
        lab.close(&[&proxy]);
        assert!(proxy.entries.len() <= PROXY_SERIES_MAX, "{}", proxy.entries.len());
        assert_eq!(proxy.places.len(), proxy.entries.len());
        assert_eq!(lab.store.followed(), proxy.entries.len());
    }
    // What was forgotten may come back: only what stays is counted.
    assert_eq!(lab.requests(), [None, number(10.0), number(10.0), number(10.0)]);
}

#[test]
fn a_body_of_known_and_new_series_is_bounded_too() {
    let many = |name: &str| -> String {
        let line = |number| requests(7).replace("Produce", &format!("{name}{number}"));
        (0..PROXY_SERIES_MAX / 5 * 3).map(line).collect()
    };
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &many("a")).unwrap();
    let new_first = format!("{}{}", many("b"), many("a"));
    assert_eq!(lab.scrape(&mut proxy, &new_first), Err(Bad::ManySeries));
}

#[test]
fn what_the_store_had_no_room_for_is_tried_again() {
    let mut lab = Lab::new();
    lab.store = Store::new(Limits { followed_max: 2, ..Limits::of(Duration::from_secs(3600)) });
    let (mut flood, mut healthy) = (Follower::default(), Follower::default());
    lab.scrape(&mut healthy, "envoy_x 1\n").unwrap();
    let other = requests(1).replace("Produce", "Fetch");
    lab.scrape(&mut flood, &format!("{other}{}", other.replace("Fetch", "Metadata"))).unwrap();
    lab.close(&[]);
    let mut count = 1_000_000;
    let mut rounds = |lab: &mut Lab| {
        for _ in 0..2 * RETRIED_AFTER {
            count += 5;
            lab.scrape(&mut healthy, &requests(count)).unwrap();
            lab.close(&[&healthy]);
        }
    };
    rounds(&mut lab);
    assert_eq!((lab.store.followed(), lab.store.refused()), (2, 1), "it is refused once");
    flood.leave(&mut lab.store);
    rounds(&mut lab);
    let counted = lab.requests();
    assert_eq!(counted.last(), Some(&number(5.0)));
    let most = counted.iter().flatten().fold(0.0_f64, |most, count| most.max(*count));
    assert!(most <= 5.0, "no jump: {counted:?}");
}

#[test]
fn a_gauge_that_is_back_shows_with_the_scrape_that_has_it() {
    let lag = |records: u64| {
        format!("kafka_filter_group_lag_records{{topic=\"orders\",group=\"g\"}} {records}\n")
    };
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &lag(100)).unwrap();
    lab.close(&[&proxy]);
    lab.scrape(&mut proxy, "envoy_x 1\n").unwrap();
    lab.close(&[&proxy]);
    let mut running = proxy.begin();
    proxy.read(&mut running, lag(50).as_bytes()).unwrap();
    lab.close(&[&proxy]);
    proxy.commit(running, &mut lab.store, lab.now_ms, GAP_MS).unwrap();
    lab.close(&[&proxy]);
    let select = Select { metric: "kafka_filter_group_lag_records", matchers: vec![], by: &[] };
    let shown = lab.lines(&Expr::Gauge(select, Fold::Sum)).remove(0).1;
    assert_eq!(shown, [number(100.0), None, None, number(50.0)]);
}

#[test]
fn what_was_counted_while_scrapes_were_missed_is_spread_over_them() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    // Ten a tick, across the end of a chunk; four scrapes are missed, then three with a restart and a new series.
    let mut stands = |lab: &mut Lab, good: bool, body: &str| {
        if good {
            lab.scrape(&mut proxy, body).unwrap();
        }
        lab.close(&[]);
    };
    for tick in 0..80_u64 {
        let missed = (62..66).contains(&tick) || (70..73).contains(&tick);
        let fetches = requests(7).replace("Produce", "Fetch");
        let body = match tick {
            ..70 => requests(1000 + 10 * tick),
            _ => format!("{}{fetches}", requests(10 * (tick - 69))),
        };
        stands(&mut lab, !missed, &body);
    }
    let select = || Select { metric: "kafka_filter_requests_total", matchers: vec![], by: &[] };
    let produced = || {
        let matchers = vec![crate::expr::Matcher::is("request", "Produce")];
        Expr::Increase(Select { matchers, ..select() })
    };
    let expected: Vec<Option<f64>> =
        std::iter::once(None).chain((1..80).map(|_| number(10.0))).collect();
    assert_eq!(lab.lines(&produced()).remove(0).1, expected);
    let rate = lab.lines_over(TEN * 6, &Expr::Rate(select())).remove(0).1;
    let most = rate.iter().flatten().fold(0.0_f64, |most, rate| most.max(*rate));
    assert!(most <= 1.0 + 7.0 / 60.0, "{most}");
    let all: f64 = lab.requests().iter().flatten().sum();
    assert_eq!(all, 790.0 + 7.0, "nothing is lost and nothing counts twice");
}

#[test]
fn a_late_scrape_counts_for_the_time_until_its_end() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    let mut at = |lab: &mut Lab, seconds: i64, count: u64| {
        let mut scrape = proxy.begin();
        proxy.read(&mut scrape, requests(count).as_bytes()).unwrap();
        let now_ms = 1_000_000 + seconds * 1000;
        proxy.commit(scrape, &mut lab.store, now_ms, GAP_MS).unwrap();
    };
    at(&mut lab, 0, 1000);
    lab.close(&[]);
    // The tick of second 10 is closed when its scrape ends at 18.
    lab.close(&[]);
    at(&mut lab, 18, 1180);
    at(&mut lab, 20, 1200);
    lab.close(&[]);
    assert_eq!(lab.requests(), [None, number(100.0), number(100.0)]);
}

#[test]
fn an_answer_begins_anew_when_ticks_that_it_has_seen_are_changed() {
    let (mut lab, mut proxy) = (Lab::new(), Follower::default());
    lab.scrape(&mut proxy, &requests(0)).unwrap();
    lab.close(&[]);
    let before = lab.store.revision();
    lab.scrape(&mut proxy, &requests(10)).unwrap();
    lab.close(&[]);
    assert_eq!(lab.store.revision(), before, "nothing was missed");
    lab.close(&[]);
    lab.scrape(&mut proxy, &requests(30)).unwrap();
    assert!(lab.store.revision() > before);
}
