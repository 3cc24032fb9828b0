use super::*;
use crate::source::Health;

fn limits(kind: Kind, interval: Duration) -> Limits {
    Limits::of(&State {
        kind,
        health: Health::Ok,
        at_s: None,
        age: None,
        message: None,
        remedy: None,
        scrape_interval: interval,
        history: None,
    })
}

fn direct() -> Limits {
    limits(Kind::Direct, Duration::from_secs(10))
}

fn ask(page: &str, given: &[(&str, &str)]) -> Result<Asked, Wrong> {
    let owned: Vec<_> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Asked::new(page, &owned, direct())
}

fn error(page: &str, given: &[(&str, &str)]) -> String {
    match ask(page, given).unwrap_err() {
        Wrong::Page(error, remedy) => format!("404 {error}; {remedy}"),
        Wrong::Parameter(error, remedy) => format!("400 {error}; {remedy}"),
    }
}

#[test]
fn nothing_given_is_the_default() {
    let asked = ask("map", &[]).unwrap();
    assert_eq!(asked.page(), Name::Map);
    assert_eq!(asked.range(), Duration::from_secs(900));
    assert_eq!(asked.window(), Duration::from_secs(60));
    assert_eq!(asked.reporter(), Reporter::SourceProxy);
    assert!(!asked.searches() && asked.finds("anything"));
    // What a form sends without a choice is the same question, and so the same page.
    assert_eq!(asked, ask("map", &[("range", ""), ("search", "  ")]).unwrap());
}

#[test]
fn what_is_given_is_taken() {
    let given = [
        ("key", "orders"),
        ("range", "1h"),
        ("window", "300s"),
        ("reporter", "destination"),
        ("search", " Bill "),
    ];
    let asked = ask("topic", &given).unwrap();
    assert_eq!(asked.key(), Some("orders"));
    assert_eq!((asked.range_text(), asked.window().as_secs()), ("1h", 300));
    assert_eq!(asked.reporter().matcher(), Matcher::is("reporter", "destination"));
    assert!(asked.finds("billing") && asked.finds("BILL") && !asked.finds("orders"));
}

#[test]
fn a_key_is_only_for_pages_about_something() {
    assert_eq!(ask("map", &[("key", "orders")]).unwrap(), ask("map", &[]).unwrap());
    for page in ["topic", "client", "group"] {
        assert!(
            error(page, &[]).starts_with(&format!("400 the page {page} needs a key")),
            "{page}"
        );
        assert!(error(page, &[("key", "")]).starts_with("400"), "{page}");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_what_can() {
    for (page, given, expected) in [
        (
            "maps",
            vec![],
            "404 there is no page \"maps\"; pages: map, topics, topic, clients, client, groups, group, requests, \
             readiness, health",
        ),
        (
            "map",
            vec![("range", "2m")],
            "400 range \"2m\" is none that this console knows; choose one of 5m, 15m, 30m, 1h",
        ),
        (
            "map",
            vec![("window", "7s")],
            "400 window \"7s\" is none that this console knows; choose one of 30s, 1m, 2m, 5m, 15m, 1h",
        ),
        (
            "map",
            vec![("reporter", "both|.*")],
            "400 reporter \"both|.*\" is none that this console knows; choose one of source-proxy, source, proxy, \
             destination",
        ),
        (
            "map",
            vec![("target", "http://127.0.0.1/")],
            "400 parameter \"target\" is none that this console knows; choose one of key, range, window, reporter, \
             search",
        ),
        (
            "map",
            vec![("range", "5m"), ("window", "15m")],
            "400 a window of 15m does not fit into a range of 5m; choose a shorter window, or a longer range",
        ),
        ("map", vec![("range", "5m"), ("range", "5m")], "400 range is given twice; give it once"),
    ] {
        assert_eq!(error(page, &given), expected);
    }
}

#[test]
fn long_texts_are_refused_and_shown_short() {
    let long = "x".repeat(2_000);
    assert_eq!(error("topic", &[("key", &long)]), "400 key has 2000 bytes; give 1024 at most");
    assert_eq!(error("map", &[("search", &long)]), "400 search has 2000 bytes; give 256 at most");
    let page = error(&long, &[]);
    assert!(page.len() < 200 && page.contains('…'), "{page}");
}

#[test]
fn the_direct_source_has_an_hour_and_prometheus_a_week() {
    let week = [("range".to_owned(), "7d".to_owned())];
    assert!(Asked::new("map", &week, direct()).is_err());
    let prometheus = limits(Kind::Prometheus, Duration::from_secs(15));
    assert_eq!(Asked::new("map", &week, prometheus).unwrap().range_text(), "7d");
    assert_eq!(direct().offered().ranges.last(), Some(&"1h"));
    assert_eq!(prometheus.offered().ranges.last(), Some(&"7d"));
}

#[test]
fn a_window_has_room_for_scrapes() {
    for (seconds, shortest, default) in
        [(1, "30s", "1m"), (10, "30s", "1m"), (30, "1m", "2m"), (60, "2m", "5m")]
    {
        let offered = limits(Kind::Prometheus, Duration::from_secs(seconds)).offered();
        assert_eq!(offered.windows.first(), Some(&shortest), "{seconds}");
        assert_eq!(offered.defaults.window, default, "{seconds}");
    }
}
