use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::catalog::{Kind, METRICS};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn select(by: &'static [&'static str], matchers: Vec<Matcher>) -> Select {
    Select { metric: "kafka_filter_topic_errors_total", matchers, by }
}

fn duration_of(by: &'static [&'static str]) -> Select {
    Select {
        metric: "kafka_filter_request_duration_microseconds",
        matchers: vec![Matcher::one_of("reporter", "source|proxy")],
        by,
    }
}

#[test]
fn every_kind_is_rendered() {
    let hostile = "a\"b\\c\nd";
    let cases = [
        (
            Expr::Rate(select(&["topic", "error"], vec![Matcher::is("topic", hostile)])),
            r#"sum by (topic, error) (rate(kafka_filter_topic_errors_total{topic="a\"b\\c\nd"}[1m]))"#,
        ),
        (
            Expr::Increase(select(&[], vec![Matcher::is_not("error", "X")])),
            r#"sum (increase(kafka_filter_topic_errors_total{error!="X"}[1m]))"#,
        ),
        (
            Expr::Rate(select(&[], vec![Matcher::none_of("error", "X|Y")])),
            r#"sum (rate(kafka_filter_topic_errors_total{error!~"X|Y"}[1m]))"#,
        ),
        (
            Expr::Gauge(
                Select { metric: "kafka_filter_label_values", matchers: vec![], by: &["label"] },
                Fold::Max,
            ),
            "max by (label) (kafka_filter_label_values)",
        ),
        (
            Expr::Quantile(0.99, duration_of(&["request"])),
            "histogram_quantile(0.99, sum by (request, le) \
             (rate(kafka_filter_request_duration_microseconds_bucket{reporter=~\"source|proxy\"}[1m])))",
        ),
        (
            Expr::Buckets(duration_of(&[])),
            "sum by (le) \
             (increase(kafka_filter_request_duration_microseconds_bucket{reporter=~\"source|proxy\"}[1m]))",
        ),
        (
            Expr::Scale(0.000_001, Box::new(Expr::Mean(duration_of(&[])))),
            "(sum (rate(kafka_filter_request_duration_microseconds_sum{reporter=~\"source|proxy\"}[1m])) / \
             sum (rate(kafka_filter_request_duration_microseconds_count{reporter=~\"source|proxy\"}[1m]))) \
             * 0.000001",
        ),
        (
            Expr::Ratio(
                Box::new(Expr::Rate(select(&["topic", "error"], vec![]))),
                Box::new(Expr::Rate(select(&["topic"], vec![]))),
            ),
            "sum by (topic, error) (rate(kafka_filter_topic_errors_total[1m])) / on (topic) group_left () \
             sum by (topic) (rate(kafka_filter_topic_errors_total[1m]))",
        ),
        (
            Expr::Ratio(
                Box::new(Expr::Rate(select(&["topic"], vec![]))),
                Box::new(Expr::Count(duration_of(&[]))),
            ),
            "sum by (topic) (rate(kafka_filter_topic_errors_total[1m])) / on () group_left () \
             sum (rate(kafka_filter_request_duration_microseconds_count{reporter=~\"source|proxy\"}[1m]))",
        ),
    ];
    for (expr, promql) in cases {
        assert_eq!(expr.promql(MINUTE), promql);
        assert_eq!(expr.check(), Ok(()));
    }
}

#[test]
fn a_bar_is_the_difference_of_two_buckets() {
    let bar = |above, up_to| Expr::bar_promql(&duration_of(&[]), above, up_to, MINUTE);
    let bucket = "sum (increase(kafka_filter_request_duration_microseconds_bucket{reporter=~\"source|proxy\", le=";
    assert_eq!(bar(None, "1000.0"), format!("{bucket}\"1000.0\"}}[1m]))"));
    assert_eq!(
        bar(Some("1000.0"), "+Inf"),
        format!("clamp_min({bucket}\"+Inf\"}}[1m])) - {bucket}\"1000.0\"}}[1m])), 0)")
    );
}

#[test]
fn windows_are_written_as_promql_has_them() {
    let cases = [(3600, "1h"), (5400, "90m"), (300, "5m"), (90, "90s"), (86_400, "24h"), (1, "1s")];
    for (seconds, text) in cases {
        assert_eq!(duration(Duration::from_secs(seconds)), text);
    }
    assert_eq!(duration(Duration::from_millis(1500)), "1500ms");
}

#[test]
fn what_peers_chose_cannot_end_a_string() {
    let cases = [
        ("orders", r#""orders""#),
        (r#"a"} or vector(1) #"#, r#""a\"} or vector(1) #""#),
        ("back\\slash\\", r#""back\\slash\\""#),
        ("new\nline", r#""new\nline""#),
        ("bell\u{7}\r\u{85}", r#""bell\u0007\u000d\u0085""#),
        ("Größe→\u{202e}", "\"Größe→\u{202e}\""),
    ];
    for (value, text) in cases {
        assert_eq!(quoted(value), text);
    }
}

#[test]
fn labels_are_told_in_the_order_of_values() {
    assert_eq!(Expr::Buckets(duration_of(&["request"])).labels(), ["request", "le"]);
    let share = Expr::Ratio(
        Box::new(Expr::Rate(select(&["topic", "error"], vec![]))),
        Box::new(Expr::Rate(select(&["topic"], vec![]))),
    );
    assert_eq!(share.labels(), ["topic", "error"]);
}

#[test]
fn what_no_source_could_answer_is_refused() {
    let unknown = Expr::Rate(Select { metric: "kafka_x_total", matchers: vec![], by: &[] });
    assert_eq!(unknown.check(), Err("there is no metric kafka_x_total".to_owned()));
    let kind = Expr::Count(select(&[], vec![]));
    assert_eq!(
        kind.check(),
        Err("kafka_filter_topic_errors_total is a Counter, not a Histogram".to_owned())
    );
    let by = Expr::Rate(select(&["group"], vec![]));
    assert_eq!(by.check(), Err("kafka_filter_topic_errors_total has no label group".to_owned()));
    let matcher = Expr::Rate(select(&[], vec![Matcher::is("client_id", "a")]));
    assert_eq!(
        matcher.check(),
        Err("kafka_filter_topic_errors_total has no label client_id".to_owned())
    );
    let wide = Expr::Ratio(
        Box::new(Expr::Rate(select(&[], vec![]))),
        Box::new(Expr::Rate(select(&["topic"], vec![]))),
    );
    assert_eq!(wide.check(), Err("the left side of a ratio lacks the label topic".to_owned()));
    assert!(Expr::Quantile(1.5, duration_of(&[])).check().is_err());
}

/// Name, kind and labels of each metric in the tables of a document.
fn documented(document: &str, prefix: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells.as_slice() else { continue };
        let name = name.trim_matches('`');
        if name.starts_with(prefix) && ["counter", "gauge", "histogram"].contains(kind) {
            let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            found.insert(name.to_owned(), ((*kind).to_owned(), labels));
        }
    }
    assert!(found.len() > 20, "{document} has no table of metrics");
    found
}

#[test]
fn the_catalog_is_what_the_programs_count() {
    for (document, prefix) in [
        ("metrics.md", "kafka_filter_"),
        ("canary-reference.md", "kafka_canary_"),
        ("gateway-reference.md", "kafka_gateway_"),
    ] {
        let mut known = BTreeMap::new();
        for metric in METRICS.iter().filter(|metric| metric.name.starts_with(prefix)) {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            // The document of the filter has "labels beside reporter".
            let labels = metric.labels.iter().filter(|label| **label != "reporter");
            let entry = (kind.to_owned(), labels.map(|label| (*label).to_owned()).collect());
            known.insert(metric.name.to_owned(), entry);
        }
        assert_eq!(known, documented(document, prefix), "{document}");
    }
}
