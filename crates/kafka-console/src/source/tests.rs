use super::*;

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
