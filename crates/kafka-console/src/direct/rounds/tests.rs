use super::scripted::Tick;
use super::*;
use crate::direct::eval::{Evaluation, Reading};
use crate::direct::store::Limits;
use crate::expr::{Expr, Select};

const TEN: Duration = Duration::from_secs(10);

fn shared() -> Shared {
    let shared = Shared::new(TEN, Store::new(Limits::of(Duration::from_secs(3600))));
    Shared { clock: Clock::new(|| 0), ..shared }
}

fn listing(targets: &[(&str, &str)]) -> Listing {
    let target = |(name, url): &(&str, &str)| Target {
        name: (*name).to_owned(),
        url: format!("http://{url}/stats/prometheus").parse().unwrap(),
    };
    Listing { targets: targets.iter().map(target).collect(), problems: vec![] }
}

fn counts(at_ms: i64, requests: u64) -> Tick {
    let body = format!("kafka_filter_requests_total{{request=\"Produce\"}} {requests}\n");
    Tick { at_ms, bodies: vec![("a.example:1", Ok(body))] }
}

/// All that was counted.
fn counted(shared: &Shared) -> f64 {
    let store = shared.store.read().unwrap();
    let select = Select { metric: "kafka_filter_requests_total", matchers: vec![], by: &[] };
    let all = |store: &Store| (0..store.times_ms().len()).collect();
    let evaluation = Evaluation::new(Reading::Whole(&store), TEN, TEN * 1080, all);
    let lines = evaluation.lines(&Expr::Increase(select)).unwrap();
    lines.first().and_then(|line| *line.points.last()?).unwrap_or(0.0)
}

/// Passes time, as a machine does that sleeps.
fn pass(shared: &Shared, time: Duration) {
    shared.clock.start_ms.fetch_add(millis(time), Ordering::Relaxed);
}

#[test]
fn a_proxy_by_another_name_is_the_same() {
    let shared = shared();
    shared.reconcile(&listing(&[("a.example:1", "a.example:1")]));
    shared.play(&counts(10_000, 100));
    shared.reconcile(&listing(&[("gateway", "a.example:1")]));
    let names: Vec<String> = locked(&shared.proxies).values().map(|one| one.name()).collect();
    assert_eq!(names, ["gateway"]);
    shared.play(&counts(20_000, 107));
    assert_eq!((counted(&shared), shared.store.read().unwrap().followed()), (7.0, 1));
}

#[test]
fn who_is_missing_from_one_list_goes_on_and_who_stays_away_is_forgotten() {
    let shared = shared();
    let (one, none) = (listing(&[("a", "a.example:1")]), listing(&[]));
    shared.reconcile(&one);
    shared.play(&counts(10_000, 100));
    shared.reconcile(&none);
    shared.forget_departed();
    assert!(locked(&shared.proxies).is_empty());
    pass(&shared, TEN);
    shared.forget_departed();
    shared.reconcile(&one);
    shared.play(&counts(20_000, 107));
    assert_eq!((counted(&shared), shared.store.read().unwrap().followed()), (7.0, 1));
    shared.reconcile(&none);
    pass(&shared, TEN * 6);
    shared.forget_departed();
    assert_eq!(shared.store.read().unwrap().followed(), 0);
    shared.reconcile(&one);
    shared.play(&counts(90_000, 1_000_000));
    shared.play(&counts(100_000, 1_000_003));
    assert_eq!(counted(&shared), 10.0, "it began anew");
}

#[test]
fn of_lists_that_always_change_few_are_kept() {
    let shared = shared();
    for list in 0..4 {
        let names: Vec<String> =
            (0..600).map(|proxy| format!("p{list}-{proxy}.example:1")).collect();
        let targets: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &**name)).collect();
        pass(&shared, Duration::from_secs(1));
        shared.reconcile(&listing(&targets));
        shared.forget_departed();
    }
    let departed = locked(&shared.departed);
    assert_eq!(departed.len(), 600);
    assert!(
        departed.keys().all(|url| url.host_str().is_some_and(|host| host.starts_with("p2-"))),
        "the newest"
    );
}

#[test]
fn what_is_away_for_some_scrapes_is_not_told_by_milliseconds() {
    for late_ms in [-30, 0, 30] {
        let shared = shared();
        shared.play(&counts(10_000, 100));
        shared.play(&counts(60_000 + late_ms, 150));
        assert_eq!(counted(&shared), 50.0, "five ticks and {late_ms} ms later");
        shared.play(&counts(120_000 + late_ms, 9_999));
        assert_eq!(counted(&shared), 50.0, "six ticks later");
    }
}

#[test]
fn time_sees_a_sleep_and_a_correction_and_never_goes_back() {
    let clock = Clock::new(|| 5_000);
    assert_eq!(clock.at(5_000, 0), 5_000);
    assert_eq!(clock.at(6_000, 1_000), 6_000);
    // Two hours in which what has passed stood still.
    assert_eq!(clock.at(7_207_000, 2_000), 7_207_000);
    // Set back by an hour: it goes on from where it was.
    assert_eq!(clock.at(3_608_000, 3_000), 7_208_000);
    assert_eq!(clock.at(3_609_000, 4_000), 7_209_000);
    assert_eq!(clock.at(9_000_000, 5_000), 9_000_000);
}

#[test]
fn who_was_set_back_knows_how_far_it_is_ahead() {
    for (started_ms, system_ms, ahead_ms) in [
        // Two hours ahead at the start, and right then.
        (10_800_000, (|| 3_600_000) as fn() -> i64, 7_200_000),
        // What a clock that is corrected all the time may be off.
        (3_601_000, || 3_600_000, 0),
        (3_600_000, || 3_600_000, 0),
        // Set forward: it follows.
        (3_600_000, || 9_000_000, 0),
        (3_600_000, || 0, 0),
    ] {
        let clock = Clock { start_ms: started_ms.into(), ..Clock::new(system_ms) };
        assert_eq!(clock.ahead_ms(), ahead_ms, "{started_ms}");
        assert!(clock.now_ms() >= started_ms);
    }
}

#[test]
fn what_was_counted_while_the_machine_slept_is_no_jump() {
    let shared = shared();
    for (at_ms, requests) in [(10_000, 100), (20_000, 110), (7_220_000, 9_999), (7_230_000, 10_009)]
    {
        shared.play(&counts(at_ms, requests));
    }
    assert_eq!(counted(&shared), 10.0, "what was counted after the sleep; the rest is too old");
}
