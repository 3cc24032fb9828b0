//! The direct source over HTTP: what proxies do to it, and what it does to nobody.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_console::expr::{Expr, Fold, Select};
use kafka_console::source::{DirectSettings, Health, Kind, Proxy, Source};

use crate::fake::{Answer, Fake};

const TICK: Duration = Duration::from_millis(200);

pub(crate) fn settings(proxies: &[&Fake]) -> DirectSettings {
    DirectSettings {
        proxies: proxies.iter().map(|fake| format!("http://{}", fake.address)).collect(),
        proxies_files: vec![],
        proxies_dns: vec![],
        path: "/stats/prometheus".to_owned(),
        scrape_interval: TICK,
        scrape_timeout: Duration::from_millis(150),
        history: Duration::from_secs(3600),
    }
}

fn requests(count: u64) -> String {
    format!(
        "# TYPE kafka_filter_requests_total counter\n\
         kafka_filter_requests_total{{reporter=\"proxy\",request=\"Produce\",api_version=\"9\"}} {count}\n\
         kafka_filter_build_info{{reporter=\"proxy\",filter_release=\"0.1.0\",kafka_release=\"4.3.1\"}} 1\n\
         envoy_server_live{{}} 1\n"
    )
}

/// A proxy whose counter grows by one with each scrape, from `from` on.
fn counting(from: u64) -> Fake {
    let count = AtomicU64::new(from);
    Fake::start(move |_| Answer::Text(requests(count.fetch_add(1, Ordering::Relaxed))))
}

fn increase() -> Expr {
    Expr::Increase(Select { metric: "kafka_filter_requests_total", matchers: vec![], by: &[] })
}

/// What was counted in the last minute.
async fn counted(source: &Source) -> Option<f64> {
    let found = source.instant(&[(increase(), Duration::from_secs(60))]).await.unwrap();
    found[0].first().map(|sample| sample.value)
}

/// Waits until it is so, and fails when that takes too long.
async fn until<T>(what: &str, mut is: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = is().await {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ticks(source: &Source, count: u64) {
    let mut changes = source.changes();
    for _ in 0..count {
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
    }
}

async fn proxy(source: &Source, fake: &Fake) -> Proxy {
    until("the proxy", async || {
        source.proxies().await.into_iter().find(|proxy| proxy.name == fake.address)
    })
    .await
}

#[tokio::test]
async fn proxies_add_up() {
    let (a, b) = (counting(0), counting(1_000_000));
    let source = Source::direct(settings(&[&a, &b])).unwrap();
    assert_eq!(source.state().kind, Kind::Direct);
    until("numbers", async || counted(&source).await.filter(|count| *count >= 10.0)).await;
    let state = source.state();
    assert_eq!((state.health, state.message), (Health::Ok, None));
    let found = proxy(&source, &b).await;
    assert!(found.up && found.has_filter && found.is_envoy, "{found:?}");
    assert_eq!(found.filter_release.as_deref(), Some("0.1.0"));
    assert_eq!(found.kafka_release.as_deref(), Some("4.3.1"));
    assert_eq!((found.series, found.error), (2, None));
    let figures = source.figures();
    assert_eq!((figures.proxies, figures.series, figures.proxy_series), (2, 2, 4));
    assert!(figures.scrapes_total >= 10 && figures.scrapes_failed_total == 0, "{figures:?}");
    assert!(figures.read_bytes_total > 1000 && figures.queries_total > 0, "{figures:?}");
    for head in a.heads() {
        assert!(head.starts_with("GET /stats/prometheus HTTP/1.1\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("accept-encoding"), "{head}");
    }
}

#[tokio::test]
async fn matrices_are_evenly_spaced_and_end_now() {
    let fake = counting(0);
    let source = Source::direct(settings(&[&fake])).unwrap();
    ticks(&source, 15).await;
    let builds =
        Select { metric: "kafka_filter_build_info", matchers: vec![], by: &["filter_release"] };
    let asks = [
        (increase(), Duration::from_secs(1)),
        (Expr::Gauge(builds, Fold::Sum), Duration::from_secs(1)),
    ];
    let found = source.range(&asks, Duration::from_secs(10), 100).await.unwrap();
    for matrix in &found {
        assert_eq!(matrix.times_s.len(), 11);
        assert!(
            matrix.times_s.windows(2).all(|pair| pair[1] - pair[0] == 1),
            "{:?}",
            matrix.times_s
        );
        assert_eq!(matrix.lines[0].points.len(), 11);
        assert!(matrix.lines[0].points[0].is_none(), "from before the start");
    }
    assert_eq!(found[1].lines[0].labels, ["0.1.0".into()]);
    assert_eq!(found[1].lines[0].points.last(), Some(&Some(1.0)));
    let newest = found[0].lines[0].points.last().unwrap().unwrap();
    assert!((4.0..=6.0).contains(&newest), "about five scrapes in a second, not {newest}");
}

#[tokio::test]
async fn a_proxy_that_restarts_goes_or_talks_nonsense_breaks_nothing() {
    let stage = Arc::new(AtomicU64::new(0));
    let count = AtomicU64::new(5000);
    let now = Arc::clone(&stage);
    let shaky = Fake::start(move |_| match now.load(Ordering::Relaxed) {
        0 => Answer::Text(requests(count.fetch_add(1, Ordering::Relaxed))),
        1 => Answer::Text("<html>502 Bad Gateway</html>\n".to_owned()),
        2 => Answer::Raw(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec()),
        3 => {
            let text = requests(9_999_999);
            let half = &text[..text.len() / 2];
            Answer::Raw(
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{half}", text.len()).into(),
            )
        }
        4 => {
            let text = requests(9_999_999);
            Answer::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", &text[..150]).into())
        }
        5 => Answer::Raw(vec![]),
        // Restarted: it counts from 0 again.
        _ => Answer::Text(requests(1)),
    });
    let steady = counting(0);
    let source = Source::direct(settings(&[&shaky, &steady])).unwrap();
    until("numbers", async || counted(&source).await.filter(|count| *count > 2.0)).await;
    let stages = [
        (1, "line 1 is no line"),
        (2, "answers 503"),
        (3, "breaks off"),
        (4, "is cut off"),
        (5, ""),
    ];
    for (number, error) in stages {
        stage.store(number, Ordering::Relaxed);
        let found = until("an error", async || {
            let found = proxy(&source, &shaky).await;
            found.error.clone().filter(|said| said.contains(error)).map(|_| found)
        })
        .await;
        assert!(!found.up, "{found:?}");
        let state = source.state();
        assert_eq!(state.health, Health::Ok, "{state:?}");
        assert!(state.message.unwrap().starts_with("1 of 2 proxies"));
    }
    stage.store(6, Ordering::Relaxed);
    until("an answer", async || proxy(&source, &shaky).await.up.then_some(())).await;
    ticks(&source, 2).await;
    let second = Duration::from_secs(1);
    let lines = source.range(&[(increase(), second)], Duration::from_secs(30), 100).await.unwrap();
    let points: Vec<f64> = lines[0].lines[0].points.iter().copied().flatten().collect();
    assert!(points.iter().all(|point| (0.0..50.0).contains(point)), "{points:?}");
}

#[tokio::test]
async fn who_never_answers_holds_nobody_up() {
    let (hung, steady) = (Fake::start(|_| Answer::Never), counting(0));
    let source = Source::direct(settings(&[&hung, &steady])).unwrap();
    until("an error", async || proxy(&source, &hung).await.error).await;
    let start = Instant::now();
    let before = counted(&source).await.unwrap_or(0.0);
    ticks(&source, 10).await;
    assert!(counted(&source).await.unwrap() >= before + 8.0);
    assert!(start.elapsed() < TICK * 15, "{:?}", start.elapsed());
    let error = proxy(&source, &hung).await.error.unwrap();
    assert_eq!(error, "does not answer within 0.15 s");
}

#[tokio::test]
async fn who_stalls_in_the_middle_holds_nobody_up() {
    let stalling: Vec<Fake> =
        (0..40).map(|_| Fake::start(|_| Answer::Stall(requests(1)))).collect();
    let count = AtomicU64::new(0);
    // Its answers begin when all the others have begun.
    let steady = Fake::start(move |_| {
        std::thread::sleep(Duration::from_millis(150));
        Answer::Text(requests(count.fetch_add(1, Ordering::Relaxed)))
    });
    let mut all: Vec<&Fake> = stalling.iter().collect();
    all.push(&steady);
    let second = Duration::from_secs(1);
    let source = Source::direct(DirectSettings {
        scrape_interval: second,
        scrape_timeout: second,
        ..settings(&all)
    })
    .unwrap();
    // The first round or two tell who stalls.
    ticks(&source, 3).await;
    let before = counted(&source).await.unwrap_or(0.0);
    for _ in 0..4 {
        ticks(&source, 1).await;
        let found = proxy(&source, &steady).await;
        assert!(found.up && found.age.unwrap() < second, "{found:?}");
    }
    let after = counted(&source).await.unwrap();
    assert!(after >= before + 3.0, "from {before} to {after}");
    let stalled = source.proxies().await.into_iter().filter(|proxy| proxy.error.is_some()).count();
    assert_eq!(stalled, stalling.len());
}

#[tokio::test]
async fn who_stalled_and_answers_again_is_there_again() {
    let stalls = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&stalls);
    let shaky = Fake::start(move |_| {
        if now.load(Ordering::Relaxed) {
            Answer::Stall(requests(1))
        } else {
            Answer::Text(requests(1))
        }
    });
    let source = Source::direct(settings(&[&shaky])).unwrap();
    until("an error", async || proxy(&source, &shaky).await.error).await;
    stalls.store(false, Ordering::Relaxed);
    until("an answer", async || proxy(&source, &shaky).await.up.then_some(())).await;
}

#[tokio::test]
async fn who_is_always_slow_delays_no_numbers() {
    let slow = Fake::start(|_| {
        std::thread::sleep(Duration::from_millis(800));
        Answer::Text(requests(1))
    });
    let asked = Arc::new(Mutex::new(Instant::now()));
    let (begin, count) = (Arc::clone(&asked), AtomicU64::new(0));
    let steady = Fake::start(move |_| {
        *begin.lock().unwrap() = Instant::now();
        Answer::Text(requests(count.fetch_add(1, Ordering::Relaxed)))
    });
    let second = Duration::from_secs(1);
    let source = Source::direct(DirectSettings {
        scrape_interval: second,
        scrape_timeout: second,
        ..settings(&[&slow, &steady])
    })
    .unwrap();
    ticks(&source, 2).await;
    let mut changes = source.changes();
    for _ in 0..4 {
        changes.changed().await.unwrap();
        let delay = asked.lock().unwrap().elapsed();
        assert!(delay < Duration::from_millis(450), "{delay:?} after the round began");
    }
    assert!(proxy(&source, &slow).await.up, "late, but there");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let secret = counting(0);
    let location = format!("http://{}/", secret.address);
    let lures = Fake::start(move |_| {
        let head =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        Answer::Raw(head.into())
    });
    let source = Source::direct(settings(&[&lures])).unwrap();
    let error = until("an error", async || proxy(&source, &lures).await.error).await;
    assert_eq!(error, "answers 302 Found; redirects are not followed");
    ticks(&source, 3).await;
    assert_eq!(secret.heads(), Vec::<String>::new());
    assert_eq!(source.state().health, Health::Unreachable);
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_refused() {
    let packed = Fake::start(|_| {
        Answer::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b"
                .to_vec(),
        )
    });
    let source = Source::direct(settings(&[&packed])).unwrap();
    let error = until("an error", async || proxy(&source, &packed).await.error).await;
    assert_eq!(error, "answers in an encoding that was not asked for");
}

#[tokio::test]
async fn a_huge_line_and_an_endless_body_end_early() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let endless = Fake::start(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\nkafka_filter_requests_total{a=\"".to_vec();
        bytes.resize(1 << 20, b'a');
        Answer::Raw(bytes)
    });
    let source = Source::direct(settings(&[&endless])).unwrap();
    let error = until("an error", async || proxy(&source, &endless).await.error).await;
    assert_eq!(error, "line 1 is longer than 65536 bytes");
    let read = source.figures().read_bytes_total / sent.load(Ordering::Relaxed);
    assert!(read < 512 << 10, "{read} bytes were read of each");
}

#[tokio::test]
async fn each_state_says_what_to_do() {
    let nobody = DirectSettings { proxies: vec!["127.0.0.1:1".to_owned()], ..settings(&[]) };
    let source = Source::direct(nobody).unwrap();
    assert_eq!(source.state().health, Health::Starting);
    let state = until("a failure", async || {
        Some(source.state()).filter(|state| state.health != Health::Starting)
    })
    .await;
    assert_eq!(state.health, Health::Unreachable);
    assert!(state.message.unwrap().contains("127.0.0.1:1 cannot be reached"));
    assert!(state.remedy.is_some());

    let plain = Fake::start(|_| Answer::Text("envoy_server_live{} 1\n".to_owned()));
    let source = Source::direct(settings(&[&plain])).unwrap();
    let state = until("an answer", async || {
        Some(source.state()).filter(|state| state.health != Health::Starting)
    })
    .await;
    assert_eq!(state.health, Health::Empty);
    let found = proxy(&source, &plain).await;
    assert!(found.up && found.is_envoy && !found.has_filter, "{found:?}");

    let going = counting(0);
    let source = Source::direct(settings(&[&going])).unwrap();
    until("numbers", async || (source.state().health == Health::Ok).then_some(())).await;
    drop(going);
    let state = until("old numbers", async || {
        Some(source.state()).filter(|state| state.health == Health::Stale)
    })
    .await;
    assert!(state.age.unwrap() > TICK * 3, "{state:?}");
    assert!(state.message.is_some() && state.remedy.is_some());
}

#[tokio::test]
async fn a_broken_list_does_not_hide_that_numbers_are_old() {
    let going = counting(0);
    let missing = DirectSettings {
        proxies_files: vec![PathBuf::from("/nowhere/proxies.yaml")],
        ..settings(&[&going])
    };
    let source = Source::direct(missing).unwrap();
    let state =
        until("numbers", async || Some(source.state()).filter(|state| state.health == Health::Ok))
            .await;
    assert!(state.message.unwrap().starts_with("/nowhere/proxies.yaml: cannot be read"));
    drop(going);
    let state = until("old numbers", async || {
        Some(source.state()).filter(|state| state.health == Health::Stale)
    })
    .await;
    let message = state.message.unwrap();
    assert!(message.starts_with("no proxy answers any more; "), "{message}");
    assert!(message.contains("; /nowhere/proxies.yaml: cannot be read"), "{message}");
}

#[tokio::test]
async fn a_list_that_changes_is_followed() {
    let (a, b) = (counting(0), counting(0));
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("proxies.yaml");
    let list = |fakes: &[&Fake]| {
        let targets: Vec<&str> = fakes.iter().map(|fake| fake.address.as_str()).collect();
        std::fs::write(&path, format!("- targets: {targets:?}\n")).unwrap();
    };
    list(&[&a]);
    let source =
        Source::direct(DirectSettings { proxies_files: vec![path.clone()], ..settings(&[]) })
            .unwrap();
    let names = async || {
        let proxies = source.proxies().await;
        proxies.into_iter().map(|proxy| proxy.name).collect::<Vec<_>>()
    };
    until("the first", async || (names().await == [&*a.address]).then_some(())).await;
    list(&[&b]);
    until("the other", async || (names().await == [&*b.address]).then_some(())).await;
    until("its numbers", async || proxy(&source, &b).await.series.eq(&2).then_some(())).await;
    std::fs::write(&path, "- targets: [").unwrap();
    let state =
        until("a message", async || Some(source.state()).filter(|state| state.message.is_some()))
            .await;
    assert!(state.message.unwrap().contains("proxies.yaml"));
    assert_eq!(names().await, [&*b.address]);
    std::fs::write(&path, "").unwrap();
    ticks(&source, 5).await;
    assert_eq!(names().await, [&*b.address], "an empty file is being written");
    list(&[]);
    until("nobody", async || names().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn an_expression_that_no_source_has_is_an_error() {
    let fake = counting(0);
    let source = Source::direct(settings(&[&fake])).unwrap();
    ticks(&source, 1).await;
    let select = Select { metric: "kafka_filter_nothing_total", matchers: vec![], by: &[] };
    let error = source.instant(&[(Expr::Rate(select), TICK)]).await.unwrap_err();
    assert_eq!(error.message, "there is no metric kafka_filter_nothing_total");
}

#[tokio::test]
async fn no_time_is_in_the_future() {
    let proxy = counting(0);
    let source = Source::direct(settings(&[&proxy])).unwrap();
    until("two scrapes", async || counted(&source).await.filter(|count| *count > 1.0)).await;
    let asks = [(increase(), Duration::from_secs(60))];
    let found = source.range(&asks, Duration::from_secs(10), 10).await.unwrap();
    let at_s = source.state().at_s.unwrap();
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_s = i64::try_from(now_s.as_secs()).unwrap();
    for time_s in [at_s, *found[0].times_s.last().unwrap()] {
        assert!((now_s - 20..=now_s).contains(&time_s), "{time_s} at {now_s}");
    }
}
