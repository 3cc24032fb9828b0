//! The Prometheus source against servers that behave like one, and that do not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafka_console::expr::{Expr, Matcher, Select};
use kafka_console::source::{Health, Kind, PrometheusSettings, Source, SourceError};

use crate::fake::{Answer, Fake};

const MINUTE: Duration = Duration::from_secs(60);

fn settings(url: &str) -> PrometheusSettings {
    PrometheusSettings {
        url: url.to_owned(),
        bearer_token_file: None,
        tick: Duration::from_secs(3600),
        timeout: Duration::from_millis(500),
        concurrency_max: 4,
    }
}

fn source(fake: &Fake) -> Source {
    Source::prometheus(settings(&format!("http://{}/prom/", fake.address))).unwrap()
}

fn rate(topic: &str) -> Expr {
    Expr::Rate(Select {
        metric: "kafka_filter_topic_produced_bytes_total",
        matchers: vec![Matcher::is("topic", topic)],
        by: &["topic", "reporter"],
    })
}

fn answer(result_type: &str, result: &str) -> Answer {
    Answer::Text(format!(
        r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}"#
    ))
}

fn raw(status: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Raw(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into())
}

async fn refused(fake: &Fake) -> SourceError {
    source(fake).instant(&[(rate("a"), MINUTE)]).await.unwrap_err()
}

#[tokio::test]
async fn a_query_is_asked_once_for_all_viewers() {
    let fake = Fake::start(|head| {
        let result = r#"[{"metric":{"topic":"b"},"value":[1,"2.5"]},
            {"metric":{"topic":"a","reporter":"x"},"value":[1,"7"]},
            {"metric":{"topic":"c"},"value":[1,"NaN"]},{"metric":{"topic":"d"},"value":[1,"+Inf"]}]"#;
        answer("vector", if head.contains("timestamp") { "[]" } else { result })
    });
    let source = source(&fake);
    assert_eq!(source.state().kind, Kind::Prometheus);
    let asks = [(rate("a"), MINUTE), (rate("b"), MINUTE)];
    let (first, second) = tokio::join!(source.instant(&asks), source.instant(&asks));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(Arc::ptr_eq(&first[0], &second[0]));
    let found: Vec<(Vec<&str>, f64)> = first[0]
        .iter()
        .map(|sample| (sample.labels.iter().map(|label| &**label).collect(), sample.value))
        .collect();
    assert_eq!(found, [(vec!["a", "x"], 7.0), (vec!["b", ""], 2.5)]);
    let asked: Vec<String> =
        fake.heads().into_iter().filter(|head| head.contains("produced_bytes")).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].starts_with("GET /prom/api/v1/query?query=sum+by+%28topic"), "{}", asked[0]);
    assert_eq!(source.figures().queries_total, 2);
}

#[tokio::test]
async fn matrices_have_a_place_for_each_time() {
    let fake = Fake::start(|head| {
        let asked = |name: &str| -> f64 {
            let text = head.split(&format!("{name}=")).nth(1).unwrap();
            text.split(['&', ' ']).next().unwrap().parse().unwrap()
        };
        if !head.contains("query_range") {
            return answer("vector", "[]");
        }
        let (start, step) = (asked("start"), asked("step"));
        let result = format!(
            r#"[{{"metric":{{"topic":"a"}},"values":[[{:.3},"1"],[{:.3},"NaN"],[{:.3},"3"]]}}]"#,
            start + step,
            start + 2.0 * step,
            start + 3.0 * step
        );
        answer("matrix", &result)
    });
    let tick = Duration::from_millis(500);
    let url = format!("http://{}", fake.address);
    let source = Source::prometheus(PrometheusSettings { tick, ..settings(&url) }).unwrap();
    let found = source.range(&[(rate("a"), MINUTE)], Duration::from_secs(8), 5).await.unwrap();
    assert_eq!(found[0].times_s.len(), 5);
    assert!(found[0].times_s.windows(2).all(|pair| pair[1] - pair[0] == 2));
    assert_eq!(found[0].lines[0].points, [None, Some(1.0), None, Some(3.0), None]);
}

#[tokio::test]
async fn a_token_is_sent_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "a-token\n").unwrap();
    let fake = Fake::start(|head| {
        if head.to_lowercase().contains("authorization: bearer a-token\r\n") {
            answer("vector", "[]")
        } else {
            raw("401 Unauthorized", "no")
        }
    });
    let error = refused(&fake).await;
    assert_eq!(error.message, "Prometheus answers 401 Unauthorized");
    assert!(error.remedy.contains("--prometheus-token-file"));
    let with = |path: &Path| {
        let url = format!("http://{}", fake.address);
        let bearer_token_file = Some(path.to_owned());
        Source::prometheus(PrometheusSettings { bearer_token_file, ..settings(&url) }).unwrap()
    };
    assert!(with(&path).instant(&[(rate("a"), MINUTE)]).await.unwrap()[0].is_empty());
    let gone = with(&folder.path().join("none")).instant(&[(rate("a"), MINUTE)]).await.unwrap_err();
    assert!(gone.message.contains("cannot be read"), "{gone}");
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let wrong = Fake::start(|_| raw("404 Not Found", "<html>"));
    let error = refused(&wrong).await;
    assert!(
        error.message.ends_with("answers 404 Not Found, and not as Prometheus does"),
        "{error}"
    );

    let text = r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
    let busy = Fake::start(move |_| raw("503 Service Unavailable", text));
    assert_eq!(refused(&busy).await.message, "Prometheus refuses a query: query timed out");

    let hung = Fake::start(|_| Answer::Never);
    assert_eq!(refused(&hung).await.message, "Prometheus does not answer within 0.5 s");

    let strange = Fake::start(|_| answer("vector", r#"[{"no":"metric"}]"#));
    assert!(refused(&strange).await.message.ends_with("200 OK, and not as Prometheus does"));

    let cut =
        Fake::start(|_| Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{".to_vec()));
    assert!(refused(&cut).await.message.contains("cannot be reached"));

    let redirects = Fake::start(|_| raw("302 Found\r\nlocation: http://127.0.0.1:1/", ""));
    assert!(refused(&redirects).await.message.contains("answers 302 Found"));

    let source = Source::prometheus(settings("http://127.0.0.1:1")).unwrap();
    let error = source.instant(&[(rate("a"), MINUTE)]).await.unwrap_err();
    assert!(
        error.message.starts_with("Prometheus at http://127.0.0.1:1/ cannot be reached"),
        "{error}"
    );
    for url in ["", "127.0.0.1:9090", "ftp://a.example", "file:///x"] {
        assert!(Source::prometheus(settings(url)).is_err(), "{url:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let fake = Fake::start(|_| {
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"".to_vec();
        bytes.resize(40 << 20, b'a');
        Answer::Raw(bytes)
    });
    let url = format!("http://{}", fake.address);
    let timeout = Duration::from_secs(20);
    let source = Source::prometheus(PrometheusSettings { timeout, ..settings(&url) }).unwrap();
    let error = source.instant(&[(rate("a"), MINUTE)]).await.unwrap_err();
    assert_eq!(error.message, "an answer of Prometheus has more than 33554432 bytes");
}

#[tokio::test]
async fn the_state_is_what_the_last_look_found() {
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let cases = [
        ("[]".to_owned(), Health::Empty),
        (format!(r#"[{{"metric":{{}},"value":[1,"{}"]}}]"#, now()), Health::Ok),
        (format!(r#"[{{"metric":{{}},"value":[1,"{}"]}}]"#, now() - 200), Health::Stale),
    ];
    for (result, health) in cases {
        let fake = Fake::start(move |_| answer("vector", &result));
        let url = format!("http://{}", fake.address);
        let tick = Duration::from_millis(200);
        let source = Source::prometheus(PrometheusSettings { tick, ..settings(&url) }).unwrap();
        assert_eq!(source.state().health, Health::Starting);
        let mut changes = source.changes();
        tokio::time::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
        let state = source.state();
        assert_eq!(state.health, health, "{state:?}");
        assert_eq!(state.message.is_some(), health != Health::Ok);
        drop(fake);
        let gone = async {
            while source.state().health != Health::Unreachable {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    }
}

/// A Prometheus whose newest sample is so old, and what it has counted.
fn counted(age: u64, census: &[(&str, f64)]) -> Fake {
    let one = |(name, value): &(&str, f64)| {
        format!(r#"{{"metric":{{"is":"{name}"}},"value":[1,"{value}"]}}"#)
    };
    let census = format!("[{}]", census.iter().map(one).collect::<Vec<_>>().join(","));
    Fake::start(move |head| {
        if head.contains("last_over_time") {
            return answer("vector", &census);
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        answer("vector", &format!(r#"[{{"metric":{{}},"value":[1,"{}"]}}]"#, now.as_secs() - age))
    })
}

/// What is said after the first look of a console that is told ten seconds.
async fn said(fake: &Fake) -> (Health, String, String) {
    let tick = Duration::from_secs(10);
    let url = format!("http://{}", fake.address);
    let source = Source::prometheus(PrometheusSettings { tick, ..settings(&url) }).unwrap();
    let mut changes = source.changes();
    tokio::time::timeout(Duration::from_secs(9), changes.changed()).await.unwrap().unwrap();
    assert_eq!(fake.heads().len(), 2, "queries of a look, however many proxies there are");
    let state = source.state();
    (state.health, state.message.unwrap_or_default(), state.remedy.unwrap_or_default())
}

#[tokio::test]
async fn proxies_that_are_gone_are_told_while_others_are_fresh() {
    let (health, message, remedy) =
        said(&counted(1, &[("seen", 10.0), ("gone", 2.0), ("before", 10.0), ("every", 10.0)]))
            .await;
    assert_eq!(health, Health::Ok);
    assert_eq!(message, "2 of 10 proxies that were seen within 15 minutes have no new numbers");
    assert!(remedy.contains("Health") && remedy.contains("scaled down leave"), "{remedy}");

    let (health, message, remedy) = said(&counted(
        1,
        &[("seen", 20.0), ("gone", 11.0), ("silent", 1.0), ("before", 10.0), ("every", 10.0)],
    ))
    .await;
    assert_eq!(health, Health::Ok);
    assert_eq!(message, "1 of 10 proxies do not answer Prometheus, and have no new numbers");
    assert!(remedy.contains("Health") && remedy.contains("Targets"), "{remedy}");

    let rollout = [("seen", 20.0), ("gone", 10.0), ("before", 10.0), ("every", 10.0)];
    assert_eq!(said(&counted(1, &rollout)).await, (Health::Ok, String::new(), String::new()));
}

#[tokio::test]
async fn a_prometheus_that_scrapes_less_often_than_was_told_is_told() {
    let gone = [("seen", 10.0), ("gone", 2.0), ("before", 10.0)];
    let slow = [&gone[..], &[("every", 59.998)]].concat();
    let (health, message, remedy) = said(&counted(1, &slow)).await;
    assert_eq!(health, Health::Ok);
    assert_eq!(
        message,
        "Prometheus scrapes about every 60 s, and the console is told 10 s: windows are too short for rates"
    );
    assert_eq!(remedy, "start the console with --scrape-interval=60s");

    // A sample between two such scrapes is not old.
    assert_eq!(said(&counted(70, &slow)).await.0, Health::Ok);
    assert_eq!(said(&counted(70, &gone)).await.0, Health::Stale);
    assert_eq!(said(&counted(200, &slow)).await.0, Health::Stale);
}
