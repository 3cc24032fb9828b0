//! What a scrape says, against expectations written by hand, and what Prometheus' conventions ask of names.

use std::collections::{BTreeMap, BTreeSet};

use kafka_operations::metrics::Kind;

use super::*;
use crate::settings::Acks;

/// Lines of a scrape by their name and labels.
fn scrape(metrics: &Metrics) -> BTreeMap<String, f64> {
    let text = String::from_utf8(metrics.text().unwrap()).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[track_caller]
fn check(metrics: &Metrics, expected: &[(&str, f64)]) {
    let scraped = scrape(metrics);
    for (series, value) in expected {
        assert_eq!(scraped.get(*series), Some(value), "{series}");
    }
}

fn written() -> Outcome {
    Outcome::Written(Position { partition: 0, offset: Some(1), timestamp_ms: None })
}

fn kafka(code: i32, name: &'static str) -> Refusal {
    Refusal::Kafka { code, name, message: "text".to_owned(), status: 503 }
}

#[test]
fn requests_and_records_are_counted_by_where_they_came_in() {
    let metrics = Metrics::new().unwrap();
    metrics.request(Api::Push, 200, Duration::from_millis(3));
    metrics.request(Api::Push, 200, Duration::from_millis(3));
    metrics.request(Api::Batch, 207, Duration::from_secs(60));
    metrics.request(Api::Other, 418, Duration::ZERO);
    metrics.record(Api::Push, "orders", 100, &written());
    metrics.record(Api::Push, "orders", 10, &Outcome::Accepted { durable: true });
    metrics.record(Api::Topic, "orders", 1, &Outcome::Accepted { durable: false });
    metrics.record(Api::Push, "orders", 5, &Outcome::Refused(kafka(19, "NOT_ENOUGH_REPLICAS")));
    metrics.refusal(&Refusal::Unauthenticated);
    check(
        &metrics,
        &[
            (r#"kafka_gateway_requests_total{api="push",code="200"}"#, 2.0),
            (r#"kafka_gateway_requests_total{api="batch",code="207"}"#, 1.0),
            (r#"kafka_gateway_requests_total{api="other",code="other"}"#, 1.0),
            (r#"kafka_gateway_request_duration_seconds_bucket{api="push",le="0.0025"}"#, 0.0),
            (r#"kafka_gateway_request_duration_seconds_bucket{api="push",le="0.005"}"#, 2.0),
            (r#"kafka_gateway_request_duration_seconds_bucket{api="batch",le="30"}"#, 0.0),
            (r#"kafka_gateway_request_duration_seconds_count{api="batch"}"#, 1.0),
            (r#"kafka_gateway_records_total{api="push",outcome="written"}"#, 1.0),
            (r#"kafka_gateway_records_total{api="push",outcome="logged"}"#, 1.0),
            (r#"kafka_gateway_records_total{api="push",outcome="refused"}"#, 1.0),
            (r#"kafka_gateway_records_total{api="topic",outcome="queued"}"#, 1.0),
            (r#"kafka_gateway_records_total{api="records",outcome="written"}"#, 0.0),
            (r#"kafka_gateway_record_bytes_total{api="push"}"#, 110.0),
            (r#"kafka_gateway_topic_records_total{outcome="refused",topic="orders"}"#, 1.0),
            (r#"kafka_gateway_topic_record_bytes_total{topic="orders"}"#, 111.0),
            (r#"kafka_gateway_refusals_total{reason="kafka"}"#, 1.0),
            (r#"kafka_gateway_refusals_total{reason="unauthenticated"}"#, 1.0),
            (r#"kafka_gateway_kafka_errors_total{error="NOT_ENOUGH_REPLICAS"}"#, 1.0),
        ],
    );
}

#[test]
fn kprf_s_metrics_mean_what_they_meant() {
    let metrics = Metrics::new().unwrap();
    metrics.push(true, 200, Duration::from_millis(12));
    metrics.push(false, 500, Duration::from_micros(4_900));
    for _ in 0..3 {
        metrics.sent("orders");
    }
    metrics.send_failed("orders", -184);
    let ok = Ok(Position { partition: 0, offset: Some(1), timestamp_ms: None });
    let lane = Lane::Acks(Acks::Leader);
    metrics.delivery(lane, "orders", Duration::from_millis(30), &ok);
    metrics.delivery(lane, "orders", Duration::from_secs(2), &Err(kafka(-192, "_MSG_TIMED_OUT")));
    let limit = "topic orders".to_owned();
    let refusal = Refusal::RateLimited { limit, retry_after: Duration::from_secs(1) };
    metrics.record(Api::Push, "orders", 1, &Outcome::Refused(refusal));
    let version = format!(r#"kprf_app_metadata{{version="{}"}}"#, env!("CARGO_PKG_VERSION"));
    check(
        &metrics,
        &[
            (r#"http_requests_duration_bucket{code="200",method="push/sync",le="10"}"#, 0.0),
            (r#"http_requests_duration_bucket{code="200",method="push/sync",le="20"}"#, 1.0),
            (r#"http_requests_duration_sum{code="200",method="push/sync"}"#, 12.0),
            (r#"http_requests_duration_bucket{code="500",method="push/async",le="5"}"#, 1.0),
            (r#"kafka_sent_messages{topic="orders"}"#, 4.0),
            (r#"kafka_internal_queue_size{topic="orders"}"#, 1.0),
            (r#"kafka_message_send_duration_bucket{topic="orders",le="40"}"#, 1.0),
            (r#"kafka_message_send_duration_count{topic="orders"}"#, 2.0),
            (r#"kafka_message_send_duration_sum{topic="orders"}"#, 2030.0),
            (r#"kafka_errors_count{error_code="-184",topic="orders"}"#, 1.0),
            (r#"kafka_errors_count{error_code="-192",topic="orders"}"#, 1.0),
            (r#"ratelimit_messages_count{topic="orders"}"#, 1.0),
            (&version, 1.0),
            (r#"kafka_gateway_delivery_duration_seconds_count{acks="leader"}"#, 2.0),
            (r#"kafka_gateway_delivery_duration_seconds_bucket{acks="leader",le="0.05"}"#, 1.0),
            (r#"kafka_gateway_deliveries_failed_total{acks="leader"}"#, 1.0),
            (r#"kafka_gateway_rate_limited_records_total{limit="topic orders"}"#, 1.0),
        ],
    );
}

fn topics_of(metrics: &Metrics, name: &str) -> BTreeSet<String> {
    let of = |series: &String| {
        let (_, rest) = series.strip_prefix(name)?.split_once("topic=\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    scrape(metrics).keys().filter_map(of).collect()
}

#[test]
fn invented_topics_make_no_series() {
    let metrics = Metrics::new().unwrap();
    for number in 0..1000 {
        let name = format!("invented-{number}");
        for refusal in [
            Refusal::UnknownTopic(name.clone()),
            Refusal::Forbidden(name.clone()),
            Refusal::Unprocessable(name.clone()),
            kafka(-188, "_UNKNOWN_TOPIC"),
        ] {
            metrics.record(Api::Push, &name, 1, &Outcome::Refused(refusal));
        }
    }
    assert!(topics_of(&metrics, "kafka_gateway_topic_records_total").is_empty());
    assert!(!String::from_utf8(metrics.text().unwrap()).unwrap().contains("invented"));
    check(&metrics, &[(r#"kafka_gateway_refusals_total{reason="unknown_topic"}"#, 1000.0)]);
}

#[test]
fn topics_beyond_the_cap_share_their_series() {
    let metrics = Metrics::new().unwrap();
    for number in 0..TOPICS_MAX + 20 {
        let name = format!("t{number}");
        metrics.sent(&name);
        metrics.record(Api::Push, &name, 10, &written());
    }
    metrics.record(Api::Push, "__other__", 10, &written());
    let other = topics_of(&metrics, "kafka_gateway_topic_records_total");
    assert_eq!(other.len(), TOPICS_MAX + 1);
    check(
        &metrics,
        &[
            (r#"kafka_sent_messages{topic="t0"}"#, 1.0),
            (r#"kafka_sent_messages{topic="__other__"}"#, 20.0),
            (r#"kafka_gateway_topic_record_bytes_total{topic="__other__"}"#, 210.0),
        ],
    );
}

#[test]
fn the_log_and_the_keys_are_as_they_were_set() {
    let metrics = Metrics::new().unwrap();
    metrics.log(&LogState {
        bytes: 10,
        limit_bytes: 100,
        entries_waiting: 3,
        oldest_age: Duration::from_millis(1500),
        dead_letters: 2,
        failing: true,
    });
    metrics.appended(4, 400, Duration::from_micros(700));
    metrics.synced(Duration::from_millis(2), true);
    metrics.synced(Duration::from_millis(2), false);
    metrics.dead_letter("too_large");
    metrics.log_replayed(7);
    metrics.log_skipped(5);
    let earlier = KeysState { keys: 5, claims_new: 8, claims_answered: 2, ..KeysState::default() };
    let later = KeysState { keys: 4, in_progress: 1, claims_new: 9, forgotten_early: 3, ..earlier };
    metrics.keys(&earlier);
    metrics.keys(&later);
    // A scrape that began earlier and comes later.
    metrics.keys(&earlier);
    metrics.keys(&later);
    check(
        &metrics,
        &[
            ("kafka_gateway_log_bytes", 10.0),
            ("kafka_gateway_log_limit_bytes", 100.0),
            ("kafka_gateway_log_entries_waiting", 3.0),
            ("kafka_gateway_log_oldest_entry_age_seconds", 1.5),
            ("kafka_gateway_log_dead_letter_records", 2.0),
            ("kafka_gateway_log_failing", 1.0),
            ("kafka_gateway_log_appended_entries_total", 4.0),
            ("kafka_gateway_log_appended_bytes_total", 400.0),
            (r#"kafka_gateway_log_append_duration_seconds_bucket{le="0.0005"}"#, 0.0),
            (r#"kafka_gateway_log_append_duration_seconds_bucket{le="0.001"}"#, 1.0),
            ("kafka_gateway_log_sync_duration_seconds_count", 2.0),
            ("kafka_gateway_log_syncs_failed_total", 1.0),
            (r#"kafka_gateway_dead_letters_total{reason="too_large"}"#, 1.0),
            ("kafka_gateway_log_replayed_entries_total", 7.0),
            ("kafka_gateway_log_skipped_records_total", 5.0),
            ("kafka_gateway_idempotency_keys", 4.0),
            ("kafka_gateway_idempotency_keys_in_progress", 1.0),
            (r#"kafka_gateway_idempotency_claims_total{result="new"}"#, 9.0),
            (r#"kafka_gateway_idempotency_claims_total{result="answered"}"#, 2.0),
            ("kafka_gateway_idempotency_forgotten_early_total", 3.0),
        ],
    );
}

/// The conventions: a name says its unit, a counter ends in `_total`, nothing else does, everything has a help text.
/// kprf's names are older, and API.
#[test]
fn names_follow_the_conventions() {
    let metrics = Metrics::new().unwrap();
    let descriptions = metrics.descriptions();
    let names: BTreeSet<&str> = descriptions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), descriptions.len(), "a name is used twice");
    for one in descriptions {
        let name = one.name.as_str();
        assert!(
            one.help.len() > 5
                && one.help.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()),
            "{name}: {}",
            one.help
        );
        assert!(!one.help.ends_with('.') && !one.help.contains('\n'), "{name}: {}", one.help);
        let Some(short) = name.strip_prefix("kafka_gateway_") else { continue };
        assert_eq!(short.ends_with("_total"), one.kind == Kind::Counter, "{name}");
        if one.kind == Kind::Histogram || short.contains("age") || short.contains("duration") {
            assert!(short.ends_with("_seconds"), "{name}");
        }
        for unit in ["milliseconds", "_ms", "_kb", "_count", "_sum", "_bucket"] {
            assert!(!short.contains(unit), "{name}");
        }
        for label in &one.labels {
            assert!(!["le", "quantile", "job", "instance"].contains(&label.as_str()), "{name}");
        }
    }
}

/// kprf's names and types, as its documentation and its own scrape have them; gauges where kprf counted what is no total.
#[test]
fn kprf_s_names_are_all_there() {
    let metrics = Metrics::new().unwrap();
    let found: BTreeMap<&str, (Kind, Vec<&str>)> = metrics
        .descriptions()
        .iter()
        .map(|one| (one.name.as_str(), (one.kind, one.labels.iter().map(String::as_str).collect())))
        .collect();
    let check = |name: &str, kind: Kind, labels: &[&str]| {
        let (is, mut has) = found.get(name).cloned().unwrap_or_else(|| panic!("{name}"));
        has.sort_unstable();
        assert_eq!((is, has.as_slice()), (kind, labels), "{name}");
    };
    check("http_requests_duration", Kind::Histogram, &["code", "method"]);
    check("kafka_message_send_duration", Kind::Histogram, &["topic"]);
    check("kafka_internal_queue_size", Kind::Gauge, &["topic"]);
    check("kafka_sent_messages", Kind::Counter, &["topic"]);
    check("kafka_errors_count", Kind::Counter, &["error_code", "topic"]);
    check("ratelimit_messages_count", Kind::Counter, &["topic"]);
    for name in "reply_queue_size current_messages_in_queue current_messages_in_queue_bytes \
                 metadata_cache_topics_count"
        .split_whitespace()
    {
        check(&format!("kafka_producer_{name}"), Kind::Gauge, &[]);
    }
    for name in
        "total_requests_count total_bytes_sent total_responses_received total_bytes_received \
                 total_messages_sent total_messages_bytes_sent"
            .split_whitespace()
    {
        check(&format!("kafka_producer_{name}"), Kind::Counter, &[]);
    }
    for name in "broker_state broker_state_age broker_outbuf_count broker_outbuf_msg_count \
                 broker_waitresp_count broker_waitresp_msg_count"
        .split_whitespace()
    {
        check(&format!("kafka_producer_{name}"), Kind::Gauge, &["broker"]);
    }
    for name in "broker_requests_sent broker_requests_sent_bytes broker_transmission_errors \
                 broker_request_retries request_timeouts broker_responses_count broker_bytes_received \
                 broker_errors_count"
        .split_whitespace()
    {
        check(&format!("kafka_producer_{name}"), Kind::Counter, &["broker"]);
    }
    for name in ["topic_metadata_age", "topic_batchsize_avg", "topic_batchcount_avg"] {
        check(&format!("kafka_producer_{name}"), Kind::Gauge, &["topic"]);
    }
}

/// As librdkafka reports it: a client with one broker, by its totals.
fn report(tx: i64, queued: u64, broker: &str, state: &str) -> Statistics {
    let broker = (
        broker.to_owned(),
        rdkafka::statistics::Broker {
            state: state.to_owned(),
            stateage: 1000,
            tx: u64::try_from(tx).unwrap(),
            outbuf_cnt: 2,
            ..Default::default()
        },
    );
    Statistics {
        tx,
        msg_cnt: queued,
        brokers: [broker].into_iter().collect(),
        ..Default::default()
    }
}

#[test]
fn totals_of_librdkafka_are_neither_added_twice_nor_lost() {
    let metrics = Metrics::new().unwrap();
    let (all, log) = (Lane::Acks(Acks::All), Lane::Log);
    let check_both = |requests: f64, queued: f64| {
        check(
            &metrics,
            &[
                ("kafka_producer_total_requests_count", requests),
                (r#"kafka_producer_broker_requests_sent{broker="a:9092/1"}"#, requests),
                ("kafka_producer_current_messages_in_queue", queued),
            ],
        );
    };
    metrics.statistics(all, &report(10, 5, "a:9092/1", "UP"));
    check_both(10.0, 5.0);
    // The same report again adds nothing.
    metrics.statistics(all, &report(10, 5, "a:9092/1", "UP"));
    check_both(10.0, 5.0);
    metrics.statistics(all, &report(25, 1, "a:9092/1", "UP"));
    metrics.statistics(log, &report(4, 100, "a:9092/1", "INIT"));
    check_both(29.0, 101.0);
    check(
        &metrics,
        &[
            (r#"kafka_producer_broker_outbuf_count{broker="a:9092/1"}"#, 4.0),
            // Of the client that is connected: the other has nothing to say to this broker.
            (r#"kafka_producer_broker_state{broker="a:9092/1"}"#, 6.0),
        ],
    );
    // A client that was replaced begins anew.
    metrics.statistics(log, &report(3, 0, "a:9092/1", "DOWN"));
    check_both(32.0, 1.0);
    // A broker that no client knows any more has no series.
    metrics.statistics(all, &report(25, 0, "b:9092/2", "UP"));
    metrics.statistics(log, &report(3, 0, "b:9092/2", "UP"));
    let scraped = scrape(&metrics);
    assert!(!scraped.keys().any(|series| series.contains("a:9092")), "{scraped:?}");
    check(&metrics, &[(r#"kafka_producer_broker_requests_sent{broker="b:9092/2"}"#, 28.0)]);
}

#[test]
fn statistics_of_topics_are_weighed_and_only_of_known_ones() {
    let metrics = Metrics::new().unwrap();
    metrics.sent("orders");
    let with = |batches: i64, sum: i64| {
        let window = rdkafka::statistics::Window { cnt: batches, sum, ..Default::default() };
        let topic = rdkafka::statistics::Topic {
            metadata_age: batches,
            batchcnt: window,
            ..Default::default()
        };
        let topics = ["orders", "invented"].map(|name| (name.to_owned(), topic.clone()));
        Statistics { topics: topics.into_iter().collect(), ..Default::default() }
    };
    metrics.statistics(Lane::Acks(Acks::All), &with(1, 10));
    metrics.statistics(Lane::Log, &with(3, 90));
    check(
        &metrics,
        &[
            (r#"kafka_producer_topic_batchcount_avg{topic="orders"}"#, 25.0),
            (r#"kafka_producer_topic_batchsize_avg{topic="orders"}"#, 0.0),
            (r#"kafka_producer_topic_metadata_age{topic="orders"}"#, 3.0),
        ],
    );
    assert!(!scrape(&metrics).keys().any(|series| series.contains("invented")));
}
