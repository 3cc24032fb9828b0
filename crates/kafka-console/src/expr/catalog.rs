//! The metrics that an expression may name, with their labels: what the direct source keeps of all that a proxy shows.
//! A label that does not stand here is summed away. A test holds the list against the documents that say what the
//! programs count.

use super::{Expr, Fold, Matcher, Select};

pub(crate) mod names;

/// What the numbers of a metric mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, but for a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// `_bucket`, `_sum` and `_count` are counters.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus has it; a histogram without its suffixes.
    pub name: &'static str,
    /// What its numbers mean.
    pub kind: Kind,
    /// The labels that are kept, without `le`.
    pub labels: &'static [&'static str],
}

/// The metric of a name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

impl Expr {
    /// Whether both sources can answer it: its metrics are known, of the right kind, and have the labels that it names.
    ///
    /// # Errors
    /// What is wrong with it, for the one who wrote it.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Rate(select) | Self::Increase(select) => fits(select, Kind::Counter),
            Self::Gauge(select, Fold::Sum | Fold::Max) => fits(select, Kind::Gauge),
            Self::Quantile(q, select) => {
                if !(0.0..=1.0).contains(q) {
                    return Err(format!("the quantile {q} is not between 0 and 1"));
                }
                fits(select, Kind::Histogram)
            }
            Self::Mean(select) | Self::Buckets(select) | Self::Count(select) => {
                fits(select, Kind::Histogram)
            }
            Self::Ratio(left, right) => {
                left.check()?;
                right.check()?;
                let known = left.labels();
                match right.labels().iter().find(|label| !known.contains(label)) {
                    Some(label) => Err(format!("the left side of a ratio lacks the label {label}")),
                    None => Ok(()),
                }
            }
            Self::Scale(factor, inner) => {
                if !factor.is_finite() {
                    return Err(format!("the factor {factor} is no finite number"));
                }
                inner.check()
            }
        }
    }
}

fn fits(select: &Select, kind: Kind) -> Result<(), String> {
    let Select { metric: name, matchers, by } = select;
    let metric = find(name).ok_or_else(|| format!("there is no metric {name}"))?;
    if metric.kind != kind {
        return Err(format!("{name} is a {:?}, not a {kind:?}", metric.kind));
    }
    let named = matchers.iter().map(|Matcher { label, .. }| label).chain(*by);
    match named.into_iter().find(|label| !metric.labels.contains(label)) {
        Some(label) => Err(format!("{name} has no label {label}")),
        None => Ok(()),
    }
}

const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str]) -> Metric {
    Metric { name, kind, labels }
}

use Kind::{Counter, Gauge, Histogram};

/// All of them.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("kafka_filter_connections_opened_total", Counter, &["reporter"]),
    metric("kafka_filter_connections_closed_total", Counter, &["reporter"]),
    metric("kafka_filter_connections_active", Gauge, &["reporter"]),
    metric("kafka_filter_connections_opaque_total", Counter, &["reporter", "reason"]),
    metric("kafka_filter_requests_total", Counter, &["reporter", "request", "api_version"]),
    metric("kafka_filter_request_bytes_total", Counter, &["reporter", "request"]),
    metric("kafka_filter_response_bytes_total", Counter, &["reporter", "request"]),
    metric("kafka_filter_responses_total", Counter, &["reporter", "request"]),
    metric("kafka_filter_request_duration_microseconds", Histogram, &["reporter", "request"]),
    metric("kafka_filter_response_errors_total", Counter, &["reporter", "request", "error"]),
    metric("kafka_filter_unacknowledged_requests_total", Counter, &["reporter"]),
    metric("kafka_filter_requests_in_flight", Gauge, &["reporter"]),
    metric("kafka_filter_in_flight_request_bytes", Gauge, &["reporter", "request"]),
    metric("kafka_filter_in_flight_evicted_total", Counter, &["reporter"]),
    metric("kafka_filter_throttled_responses_total", Counter, &["reporter", "request"]),
    metric("kafka_filter_throttle_time_milliseconds_total", Counter, &["reporter", "request"]),
    metric("kafka_filter_topic_produced_records_total", Counter, &["reporter", "topic"]),
    metric("kafka_filter_topic_produced_bytes_total", Counter, &["reporter", "topic"]),
    metric("kafka_filter_topic_produced_batches_total", Counter, &["reporter", "topic", "compression"]),
    metric("kafka_filter_topic_fetched_records_total", Counter, &["reporter", "topic"]),
    metric("kafka_filter_topic_fetched_bytes_total", Counter, &["reporter", "topic"]),
    metric("kafka_filter_topic_fetched_batches_total", Counter, &["reporter", "topic", "compression"]),
    metric("kafka_filter_topic_errors_total", Counter, &["reporter", "topic", "request", "error"]),
    metric("kafka_filter_topic_request_duration_microseconds", Histogram, &["reporter", "topic", "request"]),
    metric("kafka_filter_topic_end_to_end_latency_milliseconds", Histogram, &["reporter", "topic"]),
    metric("kafka_filter_topic_fetch_lag_records", Gauge, &["reporter", "topic"]),
    metric("kafka_filter_client_produced_records_total", Counter, &["reporter", "topic", "client_id"]),
    metric("kafka_filter_client_produced_bytes_total", Counter, &["reporter", "topic", "client_id"]),
    metric("kafka_filter_client_fetched_records_total", Counter, &["reporter", "topic", "client_id"]),
    metric("kafka_filter_client_fetched_bytes_total", Counter, &["reporter", "topic", "client_id"]),
    metric("kafka_filter_client_software_connections_total", Counter, &["reporter", "software", "software_version"]),
    metric("kafka_filter_client_telemetry_pushes_total", Counter, &["reporter", "compression", "software"]),
    metric("kafka_filter_deprecated_requests_total", Counter, &["reporter", "request", "api_version", "client_id"]),
    metric("kafka_filter_group_requests_total", Counter, &["reporter", "request", "group"]),
    metric("kafka_filter_group_errors_total", Counter, &["reporter", "request", "error", "group"]),
    metric("kafka_filter_group_rebalances_total", Counter, &["reporter", "group"]),
    metric("kafka_filter_group_join_duration_microseconds", Histogram, &["reporter", "group"]),
    metric("kafka_filter_group_lag_records", Gauge, &["reporter", "topic", "group"]),
    metric("kafka_filter_lag_untracked_partitions_total", Counter, &["reporter"]),
    metric("kafka_filter_undecoded_messages_total", Counter, &["reporter", "reason", "request"]),
    metric("kafka_filter_label_values", Gauge, &["reporter", "label"]),
    metric("kafka_filter_label_values_overflowed_total", Counter, &["reporter", "label"]),
    metric("kafka_filter_build_info", Gauge, &["reporter", "filter_release", "kafka_release"]),
    metric("kafka_canary_build_info", Gauge, &["version", "librdkafka"]),
    metric("kafka_canary_produce_due_total", Counter, &["partition"]),
    metric("kafka_canary_records_produced_total", Counter, &["partition"]),
    metric("kafka_canary_records_produce_failed_total", Counter, &["partition", "reason"]),
    metric("kafka_canary_produce_latency_seconds", Histogram, &["broker"]),
    metric("kafka_canary_records_consumed_total", Counter, &["partition"]),
    metric("kafka_canary_end_to_end_latency_seconds", Histogram, &["broker"]),
    metric("kafka_canary_last_consumed_timestamp_seconds", Gauge, &["partition"]),
    metric("kafka_canary_records_lost_total", Counter, &["partition"]),
    metric("kafka_canary_records_duplicated_total", Counter, &["partition"]),
    metric("kafka_canary_records_out_of_order_total", Counter, &["partition"]),
    metric("kafka_canary_records_late_total", Counter, &["partition"]),
    metric("kafka_canary_records_unacknowledged_total", Counter, &["partition"]),
    metric("kafka_canary_records_foreign_total", Counter, &["partition"]),
    metric("kafka_canary_records_outstanding", Gauge, &["partition"]),
    metric("kafka_canary_consume_errors_total", Counter, &["reason"]),
    metric("kafka_canary_client_errors_total", Counter, &["reason"]),
    metric("kafka_canary_topic_operations_total", Counter, &["operation"]),
    metric("kafka_canary_topic_operations_failed_total", Counter, &["operation", "reason"]),
    metric("kafka_canary_commits_total", Counter, &["broker"]),
    metric("kafka_canary_commits_failed_total", Counter, &["broker", "reason"]),
    metric("kafka_canary_commit_latency_seconds", Histogram, &["broker"]),
    metric("kafka_canary_connections_total", Counter, &["broker"]),
    metric("kafka_canary_connections_failed_total", Counter, &["broker", "reason"]),
    metric("kafka_canary_connection_latency_seconds", Histogram, &["broker"]),
    metric("kafka_canary_ready", Gauge, &[]),
    metric("kafka_canary_brokers", Gauge, &[]),
    metric("kafka_canary_partition_leader", Gauge, &["partition"]),
    metric("kafka_gateway_build_info", Gauge, &["version", "librdkafka"]),
    metric("kafka_gateway_ready", Gauge, &[]),
    metric("kafka_gateway_requests_total", Counter, &["api", "code"]),
    metric("kafka_gateway_request_duration_seconds", Histogram, &["api"]),
    metric("kafka_gateway_records_total", Counter, &["api", "outcome"]),
    metric("kafka_gateway_record_bytes_total", Counter, &["api"]),
    metric("kafka_gateway_delivery_duration_seconds", Histogram, &["acks"]),
    metric("kafka_gateway_deliveries_failed_total", Counter, &["acks"]),
    metric("kafka_gateway_refusals_total", Counter, &["reason"]),
    metric("kafka_gateway_kafka_errors_total", Counter, &["error"]),
    metric("kafka_gateway_clients_lost_total", Counter, &["acks", "error"]),
    metric("kafka_gateway_lost_records_total", Counter, &["error"]),
    metric("kafka_gateway_sent_alone_records_total", Counter, &[]),
    metric("kafka_gateway_certificates_failing", Gauge, &[]),
    metric("kafka_gateway_client_errors_total", Counter, &["client", "error"]),
    metric("kafka_gateway_rate_limited_records_total", Counter, &["limit"]),
    metric("kafka_gateway_topic_records_total", Counter, &["topic", "outcome"]),
    metric("kafka_gateway_topic_record_bytes_total", Counter, &["topic"]),
    metric("kafka_gateway_connections", Gauge, &[]),
    metric("kafka_gateway_body_bytes", Gauge, &[]),
    metric("kafka_gateway_log_bytes", Gauge, &[]),
    metric("kafka_gateway_log_limit_bytes", Gauge, &[]),
    metric("kafka_gateway_log_entries_waiting", Gauge, &[]),
    metric("kafka_gateway_log_oldest_entry_age_seconds", Gauge, &[]),
    metric("kafka_gateway_log_dead_letter_records", Gauge, &[]),
    metric("kafka_gateway_log_failing", Gauge, &[]),
    metric("kafka_gateway_log_appended_entries_total", Counter, &[]),
    metric("kafka_gateway_log_appended_bytes_total", Counter, &[]),
    metric("kafka_gateway_log_append_duration_seconds", Histogram, &[]),
    metric("kafka_gateway_log_sync_duration_seconds", Histogram, &[]),
    metric("kafka_gateway_log_syncs_failed_total", Counter, &[]),
    metric("kafka_gateway_dead_letters_total", Counter, &["reason"]),
    metric("kafka_gateway_log_replayed_entries_total", Counter, &[]),
    metric("kafka_gateway_log_skipped_records_total", Counter, &[]),
    metric("kafka_gateway_idempotency_claims_total", Counter, &["result"]),
    metric("kafka_gateway_idempotency_keys", Gauge, &[]),
    metric("kafka_gateway_idempotency_keys_in_progress", Gauge, &[]),
    metric("kafka_gateway_idempotency_outcomes", Gauge, &[]),
    metric("kafka_gateway_idempotency_forgotten_early_total", Counter, &[]),
];
