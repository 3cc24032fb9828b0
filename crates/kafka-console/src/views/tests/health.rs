//! Health: proxies, and the programs beside.

use super::*;
use crate::page::Unit;

#[tokio::test]
async fn health_says_what_is_missing() {
    let page = page_of(&shop(), "health", &[]).await;
    assert_near(tile(&page, "Targets up"), 2.0);
    assert_near(tile(&page, "Not decoded"), 90.0);
    let proxies = table(&page, "proxies");
    assert_eq!(firsts(proxies), ["10.0.0.2:9901", "10.0.0.3:9901", "10.0.0.1:9901"]);
    assert_eq!(
        cell(proxies, "10.0.0.2:9901", "state"),
        Cell::Toned { text: "down: connection refused".to_owned(), tone: Tone::Error }
    );
    assert_eq!(cell(proxies, "10.0.0.1:9901", "filter"), Cell::Text("0.1.0".to_owned()));
    assert_near(number(table(&page, "opaque"), "tls", "in_range"), 90.0);
    assert_near(number(table(&page, "labels"), "topic", "overflowed"), 270.0);
    let canary = table(&page, "canary");
    let measured = |row| match cell(canary, row, "value") {
        Cell::Measured { value, unit, promql, tone } => (value, unit, promql, tone),
        other => panic!("{row}: {other:?}"),
    };
    let promql = "sum (increase(kafka_canary_records_lost_total[15m]))".to_owned();
    assert_eq!(measured("Probes lost"), (Some(9.0), Unit::Count, promql, Tone::Error));
    let promql = "sum (kafka_canary_ready)".to_owned();
    assert_eq!(
        measured("Canaries that are ready"),
        (Some(1.0), Unit::Count, promql, Tone::Warning),
        "one of two"
    );
    assert_eq!(measured("Probes late").0, Some(0.0), "a counter that never was counted up");
    assert_eq!(measured("Brokers probed").0, Some(3.0));
    assert_eq!(measured("End to end p99").0, None);
    assert!(table(&page, "gateway").empty.starts_with("No kafka-gateway is scraped"));
}
