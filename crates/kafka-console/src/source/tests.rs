use super::*;
use crate::direct::scripted::Tick;
use crate::expr::Select;

#[test]
fn times_are_whole_scrapes_apart_and_not_too_many() {
    let seconds = Duration::from_secs;
    let at = 1_700_000_000_123;
    let cases = [
        // range, at most, interval -> count, step
        (seconds(900), 240, seconds(10), 91, 10_000),
        (seconds(3600), 240, seconds(10), 181, 20_000),
        (seconds(300), 240, seconds(2), 151, 2_000),
        (seconds(300), 240, Duration::from_millis(500), 151, 2_000),
        (seconds(60), 240, Duration::from_millis(500), 61, 1_000),
        (seconds(5), 240, seconds(10), 1, 0),
        (seconds(604_800), 240, seconds(15), 239, 2_535_000),
    ];
    for (range, points_max, interval, count, step) in cases {
        let times = times(at, range, points_max, interval);
        assert_eq!((times.len(), times.last()), (count, Some(&at)), "{range:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step), "{range:?} {times:?}");
    }
}

#[tokio::test]
async fn times_are_right_again_when_the_system_is_set_back() {
    let ten = Duration::from_secs(10);
    let tick = |at_ms, requests: u64| {
        let body = format!("kafka_filter_requests_total{{request=\"Produce\"}} {requests}\n");
        Tick { at_ms, bodies: vec![("a.example:1", Ok(body))] }
    };
    // Two hours ahead, and the system right by now.
    let ticks = [tick(10_780_000, 100), tick(10_790_000, 107), tick(10_800_000, 114)];
    let engine = Engine::Direct(Direct::scripted_by(|| 3_600_000, ten, &ticks));
    let source = Source::of(engine);
    assert_eq!(source.state().at_s, Some(3_600));
    let select = Select { metric: "kafka_filter_requests_total", matchers: vec![], by: &[] };
    let asks = [(Expr::Increase(select), ten)];
    let found = source.range(&asks, ten, 2).await.unwrap();
    assert_eq!(found[0].times_s, [3_590, 3_600]);
    assert_eq!(found[0].lines[0].points, [Some(7.0), Some(7.0)]);
}
