//! What error codes mean to somebody who is looking for the fault, and which of them healthy clusters have. The list of
//! healthy ones is that of `envoy/recording-rules.yaml`, whose alerts leave out the same.

use crate::page::{Cell, Tone};

/// Steps of a protocol, and what a failover brings for seconds; as [`Matcher::none_of`] wants them.
///
/// [`Matcher::none_of`]: crate::expr::Matcher::none_of
pub(super) const HEALTHY: &str = "MEMBER_ID_REQUIRED|REBALANCE_IN_PROGRESS|CONCURRENT_TRANSACTIONS|\
    UNSTABLE_OFFSET_COMMIT|FETCH_SESSION_ID_NOT_FOUND|INVALID_FETCH_SESSION_EPOCH|SHARE_SESSION_NOT_FOUND|\
    INVALID_SHARE_SESSION_EPOCH|COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|COORDINATOR_LOAD_IN_PROGRESS";

/// Those of a failover, which pass within seconds: the kind `failover` of `envoy/recording-rules.yaml`.
pub(super) const FAILOVER: &str =
    "COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|COORDINATOR_LOAD_IN_PROGRESS";

/// Whether it is there after a failover, and no longer.
pub(super) fn passes(error: &str) -> bool {
    FAILOVER.split('|').any(|name| name == error)
}

/// Whether healthy clusters have it. Clients ask ApiVersions in order to be refused and fall back.
pub(super) fn is_healthy(request: &str, error: &str) -> bool {
    HEALTHY.split('|').any(|name| name == error)
        || (request == "ApiVersions" && error == "UNSUPPORTED_VERSION")
}

/// The name, which stands out when it is trouble.
pub(super) fn cell(request: &str, error: &str) -> Cell {
    if is_healthy(request, error) {
        Cell::Text(error.to_owned())
    } else {
        Cell::Toned { text: error.to_owned(), tone: Tone::Error }
    }
}

/// What it is, and where to look.
pub(super) fn meaning(request: &str, error: &str) -> &'static str {
    match error {
        "MEMBER_ID_REQUIRED" => {
            "A new member is told its id and joins again. Part of the protocol."
        }
        "REBALANCE_IN_PROGRESS" => {
            "A member hears that its group rebalances. Part of the protocol."
        }
        "CONCURRENT_TRANSACTIONS" | "UNSTABLE_OFFSET_COMMIT" => {
            "A transaction is being finished; the client asks again."
        }
        "FETCH_SESSION_ID_NOT_FOUND" | "INVALID_FETCH_SESSION_EPOCH" => {
            "A fetch session was forgotten and begins anew. Many of them: raise the brokers' \
             max.incremental.fetch.session.cache.slots."
        }
        "SHARE_SESSION_NOT_FOUND" | "INVALID_SHARE_SESSION_EPOCH" => {
            "A share session was forgotten and begins anew."
        }
        "NOT_COORDINATOR" | "COORDINATOR_NOT_AVAILABLE" | "COORDINATOR_LOAD_IN_PROGRESS" => {
            "Seconds after a failover, or while a cluster is new. If it lasts: do all partitions of \
             __consumer_offsets and __transaction_state have a leader?"
        }
        "NOT_LEADER_OR_FOLLOWER" | "FENCED_LEADER_EPOCH" | "UNKNOWN_LEADER_EPOCH" => {
            "A leader moved. If it lasts: a partition has no leader, or clients hold old metadata."
        }
        "LEADER_NOT_AVAILABLE" => "A partition is choosing its leader; if it lasts, it has none.",
        "UNSUPPORTED_VERSION" if request == "ApiVersions" => {
            "A newer client asks and falls back. Harmless."
        }
        "UNSUPPORTED_VERSION" => {
            "The broker refuses this version of the request: see Kafka 4 readiness."
        }
        "UNKNOWN_TOPIC_OR_PARTITION" => {
            "A topic that is not there: a name misspelt, or not made yet. It reads __other__, because a name that no \
             broker confirms is no label."
        }
        "MESSAGE_TOO_LARGE" => {
            "Over the topic's max.message.bytes: the record is lost unless the client notices."
        }
        "NOT_ENOUGH_REPLICAS" | "NOT_ENOUGH_REPLICAS_AFTER_APPEND" => {
            "Too few replicas are in sync for acks=all: look for brokers that are down or slow."
        }
        "TOPIC_AUTHORIZATION_FAILED"
        | "GROUP_AUTHORIZATION_FAILED"
        | "CLUSTER_AUTHORIZATION_FAILED"
        | "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" => "An ACL is missing.",
        "SASL_AUTHENTICATION_FAILED" | "ILLEGAL_SASL_STATE" | "UNSUPPORTED_SASL_MECHANISM" => {
            "A login was refused: wrong secret, or another mechanism than the listener's."
        }
        "OFFSET_OUT_OF_RANGE" => {
            "A consumer asks for what retention has removed: it was behind for too long."
        }
        "REQUEST_TIMED_OUT" => {
            "The broker waited for followers, or for its own work, longer than the request allows."
        }
        "UNKNOWN_MEMBER_ID" => {
            "The coordinator had thrown this member out: no heartbeat in session.timeout.ms, or \
             max.poll.interval.ms was over."
        }
        "ILLEGAL_GENERATION" | "FENCED_MEMBER_EPOCH" | "STALE_MEMBER_EPOCH" => {
            "A member missed a rebalance and joins again."
        }
        "FENCED_INSTANCE_ID" => "Two members have the same group.instance.id.",
        "GROUP_MAX_SIZE_REACHED" => "The group has as many members as the brokers' group.max.size.",
        "GROUP_ID_NOT_FOUND" => "The group is not there: never used, or removed.",
        "INVALID_PRODUCER_EPOCH" | "PRODUCER_FENCED" => {
            "Another producer took over the same transactional.id."
        }
        "OUT_OF_ORDER_SEQUENCE_NUMBER" | "UNKNOWN_PRODUCER_ID" => {
            "An idempotent producer and the broker disagree on what was written: records may be missing."
        }
        "DUPLICATE_SEQUENCE_NUMBER" => "A batch was sent twice and written once. Harmless.",
        "INVALID_RECORD" | "CORRUPT_MESSAGE" => {
            "The broker refuses the batch: against the topic's rules (compaction without key), or damaged."
        }
        "INVALID_TIMESTAMP" => "A timestamp is too far from the broker's clock.",
        "RECORD_LIST_TOO_LARGE" => "A batch is larger than a segment.",
        "KAFKA_STORAGE_ERROR" => "A broker's disk fails.",
        "THROTTLING_QUOTA_EXCEEDED" => "The quota on changes of topics is used up.",
        "TOPIC_ALREADY_EXISTS" => "Somebody makes a topic that is there.",
        "INVALID_TOPIC_EXCEPTION" => "A name that no topic may have.",
        "POLICY_VIOLATION" => "A rule of the brokers forbids it.",
        "UNKNOWN_TOPIC_ID" | "INCONSISTENT_TOPIC_ID" => {
            "A topic was removed and made again; clients learn its new id."
        }
        "NETWORK_EXCEPTION" => "A broker lost its connection to another.",
        "UNKNOWN_SERVER_ERROR" => "A fault in the broker: its log says which.",
        _ => "See Kafka's list of error codes.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_healthy_ones_are_those_of_the_alerts() {
        let rules = include_str!("../../../../envoy/recording-rules.yaml");
        let names: Vec<&str> = rules
            .lines()
            .filter(|line| line.contains("record: kafka_filter:healthy_error,"))
            .filter_map(|line| line.split("error: ").nth(1)?.split('}').next())
            .collect();
        assert_eq!(names.join("|"), HEALTHY);
        let failover = rules.lines().filter(|line| line.contains("kind: failover"));
        let names: Vec<&str> =
            failover.filter_map(|line| line.split("error: ").nth(1)?.split('}').next()).collect();
        assert_eq!(names.join("|"), FAILOVER);
    }

    #[test]
    fn trouble_stands_out() {
        assert_eq!(
            cell("Produce", "MESSAGE_TOO_LARGE"),
            Cell::Toned { text: "MESSAGE_TOO_LARGE".to_owned(), tone: Tone::Error }
        );
        assert_eq!(
            cell("Heartbeat", "REBALANCE_IN_PROGRESS"),
            Cell::Text("REBALANCE_IN_PROGRESS".to_owned())
        );
        assert!(is_healthy("ApiVersions", "UNSUPPORTED_VERSION"));
        assert!(!is_healthy("Produce", "UNSUPPORTED_VERSION"));
    }
}
