//! Metrics that pages are made of, each by its own name without prefix and `_total`, so that a word means one metric
//! wherever it stands.

pub(crate) const CONNECTIONS_OPENED: &str = "kafka_filter_connections_opened_total";
pub(crate) const CONNECTIONS_ACTIVE: &str = "kafka_filter_connections_active";
pub(crate) const CONNECTIONS_OPAQUE: &str = "kafka_filter_connections_opaque_total";
pub(crate) const REQUESTS: &str = "kafka_filter_requests_total";
pub(crate) const REQUEST_BYTES: &str = "kafka_filter_request_bytes_total";
pub(crate) const RESPONSE_BYTES: &str = "kafka_filter_response_bytes_total";
pub(crate) const RESPONSES: &str = "kafka_filter_responses_total";
pub(crate) const REQUEST_DURATION_MICROSECONDS: &str = "kafka_filter_request_duration_microseconds";
pub(crate) const RESPONSE_ERRORS: &str = "kafka_filter_response_errors_total";
pub(crate) const UNACKNOWLEDGED_REQUESTS: &str = "kafka_filter_unacknowledged_requests_total";
pub(crate) const REQUESTS_IN_FLIGHT: &str = "kafka_filter_requests_in_flight";
pub(crate) const IN_FLIGHT_REQUEST_BYTES: &str = "kafka_filter_in_flight_request_bytes";
pub(crate) const IN_FLIGHT_EVICTED: &str = "kafka_filter_in_flight_evicted_total";
pub(crate) const THROTTLED_RESPONSES: &str = "kafka_filter_throttled_responses_total";
pub(crate) const THROTTLE_TIME_MILLISECONDS: &str = "kafka_filter_throttle_time_milliseconds_total";
pub(crate) const TOPIC_PRODUCED_RECORDS: &str = "kafka_filter_topic_produced_records_total";
pub(crate) const TOPIC_PRODUCED_BYTES: &str = "kafka_filter_topic_produced_bytes_total";
pub(crate) const TOPIC_PRODUCED_BATCHES: &str = "kafka_filter_topic_produced_batches_total";
pub(crate) const TOPIC_FETCHED_RECORDS: &str = "kafka_filter_topic_fetched_records_total";
pub(crate) const TOPIC_FETCHED_BYTES: &str = "kafka_filter_topic_fetched_bytes_total";
pub(crate) const TOPIC_FETCHED_BATCHES: &str = "kafka_filter_topic_fetched_batches_total";
pub(crate) const TOPIC_ERRORS: &str = "kafka_filter_topic_errors_total";
pub(crate) const TOPIC_REQUEST_DURATION_MICROSECONDS: &str =
    "kafka_filter_topic_request_duration_microseconds";
pub(crate) const TOPIC_END_TO_END_LATENCY_MILLISECONDS: &str =
    "kafka_filter_topic_end_to_end_latency_milliseconds";
pub(crate) const TOPIC_FETCH_LAG_RECORDS: &str = "kafka_filter_topic_fetch_lag_records";
pub(crate) const CLIENT_PRODUCED_RECORDS: &str = "kafka_filter_client_produced_records_total";
pub(crate) const CLIENT_PRODUCED_BYTES: &str = "kafka_filter_client_produced_bytes_total";
pub(crate) const CLIENT_FETCHED_RECORDS: &str = "kafka_filter_client_fetched_records_total";
pub(crate) const CLIENT_FETCHED_BYTES: &str = "kafka_filter_client_fetched_bytes_total";
pub(crate) const CLIENT_SOFTWARE_CONNECTIONS: &str =
    "kafka_filter_client_software_connections_total";
pub(crate) const CLIENT_TELEMETRY_PUSHES: &str = "kafka_filter_client_telemetry_pushes_total";
pub(crate) const DEPRECATED_REQUESTS: &str = "kafka_filter_deprecated_requests_total";
pub(crate) const GROUP_REQUESTS: &str = "kafka_filter_group_requests_total";
pub(crate) const GROUP_ERRORS: &str = "kafka_filter_group_errors_total";
pub(crate) const GROUP_REBALANCES: &str = "kafka_filter_group_rebalances_total";
pub(crate) const GROUP_JOIN_DURATION_MICROSECONDS: &str =
    "kafka_filter_group_join_duration_microseconds";
pub(crate) const GROUP_LAG_RECORDS: &str = "kafka_filter_group_lag_records";
pub(crate) const LAG_UNTRACKED_PARTITIONS: &str = "kafka_filter_lag_untracked_partitions_total";
pub(crate) const UNDECODED_MESSAGES: &str = "kafka_filter_undecoded_messages_total";
pub(crate) const LABEL_VALUES: &str = "kafka_filter_label_values";
pub(crate) const LABEL_VALUES_OVERFLOWED: &str = "kafka_filter_label_values_overflowed_total";
pub(crate) const CANARY_BUILD_INFO: &str = "kafka_canary_build_info";
pub(crate) const CANARY_RECORDS_PRODUCED: &str = "kafka_canary_records_produced_total";
pub(crate) const CANARY_RECORDS_PRODUCE_FAILED: &str = "kafka_canary_records_produce_failed_total";
pub(crate) const CANARY_PRODUCE_LATENCY_SECONDS: &str = "kafka_canary_produce_latency_seconds";
pub(crate) const CANARY_END_TO_END_LATENCY_SECONDS: &str =
    "kafka_canary_end_to_end_latency_seconds";
pub(crate) const CANARY_RECORDS_LOST: &str = "kafka_canary_records_lost_total";
pub(crate) const CANARY_RECORDS_LATE: &str = "kafka_canary_records_late_total";
pub(crate) const CANARY_READY: &str = "kafka_canary_ready";
pub(crate) const CANARY_BROKERS: &str = "kafka_canary_brokers";
pub(crate) const GATEWAY_BUILD_INFO: &str = "kafka_gateway_build_info";
pub(crate) const GATEWAY_READY: &str = "kafka_gateway_ready";
pub(crate) const GATEWAY_REQUESTS: &str = "kafka_gateway_requests_total";
pub(crate) const GATEWAY_REQUEST_DURATION_SECONDS: &str = "kafka_gateway_request_duration_seconds";
pub(crate) const GATEWAY_RECORDS: &str = "kafka_gateway_records_total";
pub(crate) const GATEWAY_DELIVERIES_FAILED: &str = "kafka_gateway_deliveries_failed_total";
pub(crate) const GATEWAY_REFUSALS: &str = "kafka_gateway_refusals_total";
pub(crate) const GATEWAY_LOST_RECORDS: &str = "kafka_gateway_lost_records_total";
pub(crate) const GATEWAY_CERTIFICATES_FAILING: &str = "kafka_gateway_certificates_failing";
pub(crate) const GATEWAY_LOG_ENTRIES_WAITING: &str = "kafka_gateway_log_entries_waiting";
pub(crate) const GATEWAY_LOG_OLDEST_ENTRY_AGE_SECONDS: &str =
    "kafka_gateway_log_oldest_entry_age_seconds";
pub(crate) const GATEWAY_LOG_DEAD_LETTER_RECORDS: &str = "kafka_gateway_log_dead_letter_records";
pub(crate) const GATEWAY_LOG_FAILING: &str = "kafka_gateway_log_failing";
