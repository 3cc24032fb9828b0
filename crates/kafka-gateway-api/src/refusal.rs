//! Why a record, or a whole request, was not taken: one list for all dialects, each with its HTTP status, the numeric
//! code of Confluent REST v3, a stable name, a text for people, and whether and when to try again.

use std::fmt;
use std::time::Duration;

/// Why a record, or a whole request, was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the body is not what the endpoint takes; where, and what is wrong.
    Malformed(String),
    /// 401: no key or certificate, or one that nobody here knows.
    Unauthenticated,
    /// 403: this client may not write to this topic.
    Forbidden(String),
    /// 404: no such path.
    UnknownPath,
    /// 405: the path takes other methods, listed in the header Allow.
    MethodNotAllowed,
    /// 408: the body stopped coming.
    BodyTimeout,
    /// 404: the cluster in the path is not the one behind this gateway.
    UnknownCluster(String),
    /// 404: the topic does not exist, and the gateway does not make topics.
    UnknownTopic(String),
    /// 404: the topic has fewer partitions.
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
    },
    /// 409: a request with the same Idempotency-Key is being worked on.
    InProgress,
    /// 413: more bytes than the gateway or the topic takes.
    TooLarge {
        /// Bytes that were too many.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// 415: a content type that the endpoint does not read.
    UnsupportedMediaType(String),
    /// 422: well-formed, and impossible: an illegal topic name, base64 that is none, two values at once; what.
    Unprocessable(String),
    /// 422: a format that needs a schema registry, which this gateway does not have; where.
    NoSchemas(String),
    /// 422: a batch that is empty, too long, or whose entries cannot be told apart; what.
    Batch(String),
    /// 422: the same Idempotency-Key with another body.
    KeyReused,
    /// 429: a rate limit; which, and when there is room again.
    RateLimited {
        /// `topic` or `client`, then its name.
        limit: String,
        /// Until there is room for what was asked.
        retry_after: Duration,
    },
    /// 503: the queue to Kafka, or the write-ahead log, is full.
    Full {
        /// Which.
        what: &'static str,
        /// A guess.
        retry_after: Duration,
    },
    /// 503: the process is stopping.
    Stopping,
    /// 503: the write-ahead log cannot be written; the operating system's text.
    LogFailed(String),
    /// Kafka, or librdkafka, refused it for good: nothing was written.
    Kafka {
        /// The protocol's or librdkafka's (negative) code.
        code: i32,
        /// Its name, as `NOT_ENOUGH_REPLICAS` or `_MSG_TIMED_OUT`.
        name: &'static str,
        /// librdkafka's text.
        message: String,
        /// 403, 404, 413, 422, 503 or 504, by what the code means.
        status: u16,
    },
    /// 504: nobody knows: sent, and not answered in time. It may be in Kafka.
    Unknown {
        /// librdkafka's (negative) code.
        code: i32,
        /// Its name.
        name: &'static str,
        /// librdkafka's text.
        message: String,
    },
}

impl Refusal {
    /// The HTTP status when it is the whole answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden(_) => 403,
            Self::UnknownCluster(_) | Self::UnknownTopic(_) | Self::UnknownPartition { .. } => 404,
            Self::UnknownPath => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTimeout => 408,
            Self::InProgress => 409,
            Self::TooLarge { .. } => 413,
            Self::UnsupportedMediaType(_) => 415,
            Self::Unprocessable(_) | Self::NoSchemas(_) | Self::Batch(_) | Self::KeyReused => 422,
            Self::RateLimited { .. } => 429,
            Self::Full { .. } | Self::Stopping | Self::LogFailed(_) => 503,
            Self::Kafka { status, .. } => *status,
            Self::Unknown { .. } => 504,
        }
    }

    /// The numeric code, as Confluent REST v3 builds them: the status, or the status and two digits.
    #[must_use]
    pub fn error_code(&self) -> i32 {
        match self {
            Self::Forbidden(_) | Self::Kafka { status: 403, .. } => 40301,
            Self::UnknownTopic(_) => 40401,
            Self::UnknownPartition { .. } => 40402,
            // A topic or a partition: the broker does not say which.
            Self::Kafka { status: 404, .. } => 40403,
            Self::Unprocessable(_) | Self::Kafka { status: 422, .. } => 42206,
            Self::NoSchemas(_) => 42207,
            Self::Batch(_) => 42208,
            other => i32::from(other.status()),
        }
    }

    /// A stable name, fit for a label of a metric.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::UnknownCluster(_) => "unknown_cluster",
            Self::UnknownTopic(_) => "unknown_topic",
            Self::UnknownPartition { .. } => "unknown_partition",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTimeout => "body_timeout",
            Self::InProgress => "in_progress",
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::Unprocessable(_) => "unprocessable",
            Self::NoSchemas(_) => "no_schemas",
            Self::Batch(_) => "batch",
            Self::KeyReused => "key_reused",
            Self::RateLimited { .. } => "rate_limited",
            Self::Full { .. } => "full",
            Self::Stopping => "stopping",
            Self::LogFailed(_) => "log_failed",
            Self::Kafka { .. } => "kafka",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The code and the name that Kafka or librdkafka gave.
    #[must_use]
    pub fn kafka(&self) -> Option<(i32, &'static str)> {
        match self {
            Self::Kafka { code, name, .. } | Self::Unknown { code, name, .. } => {
                Some((*code, name))
            }
            _ => None,
        }
    }

    /// How long to wait before the next attempt; `None` where another attempt is refused again, or no time is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Full { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::InProgress | Self::Stopping | Self::LogFailed(_) => Some(Duration::from_secs(1)),
            Self::Kafka { status: 503, .. } => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what)
            | Self::UnsupportedMediaType(what)
            | Self::Unprocessable(what)
            | Self::NoSchemas(what)
            | Self::Batch(what) => to.write_str(what),
            Self::Unauthenticated => {
                to.write_str("an API key or a client certificate that this gateway knows is needed")
            }
            Self::Forbidden(topic) => write!(to, "this client may not write to topic {topic}"),
            Self::UnknownCluster(cluster) => {
                write!(to, "cluster {cluster} is not behind this gateway")
            }
            Self::UnknownTopic(topic) => write!(to, "topic {topic} does not exist"),
            Self::UnknownPartition { topic, partition } => {
                write!(to, "topic {topic} has no partition {partition}")
            }
            Self::UnknownPath => to.write_str("there is nothing here: /openapi.yaml lists what is"),
            Self::MethodNotAllowed => {
                to.write_str("this path takes another method: see the header Allow")
            }
            Self::BodyTimeout => to.write_str("the body stopped coming before its end"),
            Self::InProgress => to.write_str(
                "a request with this Idempotency-Key is being worked on: try again for its answer",
            ),
            Self::TooLarge { size_bytes, limit_bytes } => {
                write!(to, "{size_bytes} bytes are more than the limit of {limit_bytes}")
            }
            Self::KeyReused => to.write_str(
                "this Idempotency-Key was used for another request: use a new key for each request",
            ),
            Self::RateLimited { limit, .. } => write!(to, "the rate limit of {limit} is reached"),
            Self::Full { what, .. } => write!(to, "{what} is full: try again later"),
            Self::Stopping => {
                to.write_str("the gateway is stopping: try again, elsewhere or later")
            }
            Self::LogFailed(text) => write!(to, "the write-ahead log cannot be written: {text}"),
            Self::Kafka { name, message, .. } => write!(to, "{name}: {message}"),
            Self::Unknown { name, message, .. } => {
                write!(to, "{name}: {message}; whether the record was written is not known")
            }
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients and dashboards hold on to these.
    #[test]
    fn statuses_codes_names_and_texts() {
        let second = Some(Duration::from_secs(1));
        let kafka = |status| Refusal::Kafka {
            code: 87,
            name: "INVALID_RECORD",
            message: "text".to_owned(),
            status,
        };
        let text = || "a".to_owned();
        let retry_after = Duration::from_secs(1);
        for (refusal, status, error_code, name, retry_after, message) in [
            (Refusal::Malformed(text()), 400, 400, "malformed", None, "a"),
            (Refusal::Unauthenticated, 401, 401, "unauthenticated", None, "an API key or"),
            (Refusal::Forbidden(text()), 403, 40301, "forbidden", None, "this client may not"),
            (Refusal::UnknownPath, 404, 404, "unknown_path", None, "there is nothing here"),
            (Refusal::MethodNotAllowed, 405, 405, "method_not_allowed", None, "this path takes"),
            (Refusal::BodyTimeout, 408, 408, "body_timeout", None, "the body stopped"),
            (Refusal::UnknownCluster(text()), 404, 404, "unknown_cluster", None, "cluster a is"),
            (Refusal::UnknownTopic(text()), 404, 40401, "unknown_topic", None, "topic a does"),
            (
                Refusal::UnknownPartition { topic: text(), partition: 7 },
                404,
                40402,
                "unknown_partition",
                None,
                "topic a has no partition 7",
            ),
            (Refusal::InProgress, 409, 409, "in_progress", second, "a request with this"),
            (
                Refusal::TooLarge { size_bytes: 3, limit_bytes: 2 },
                413,
                413,
                "too_large",
                None,
                "3 bytes are more than the limit of 2",
            ),
            (Refusal::UnsupportedMediaType(text()), 415, 415, "unsupported_media_type", None, "a"),
            (Refusal::Unprocessable(text()), 422, 42206, "unprocessable", None, "a"),
            (Refusal::NoSchemas(text()), 422, 42207, "no_schemas", None, "a"),
            (Refusal::Batch(text()), 422, 42208, "batch", None, "a"),
            (Refusal::KeyReused, 422, 422, "key_reused", None, "this Idempotency-Key was used"),
            (
                Refusal::RateLimited { limit: "client a".to_owned(), retry_after },
                429,
                429,
                "rate_limited",
                second,
                "the rate limit of client a is reached",
            ),
            (
                Refusal::Full { what: "queue", retry_after },
                503,
                503,
                "full",
                second,
                "queue is full",
            ),
            (Refusal::Stopping, 503, 503, "stopping", second, "the gateway is stopping"),
            (Refusal::LogFailed(text()), 503, 503, "log_failed", second, "the write-ahead log"),
            (kafka(403), 403, 40301, "kafka", None, "INVALID_RECORD: text"),
            (kafka(404), 404, 40403, "kafka", None, "INVALID_RECORD: text"),
            (kafka(413), 413, 413, "kafka", None, "INVALID_RECORD: text"),
            (kafka(422), 422, 42206, "kafka", None, "INVALID_RECORD: text"),
            (kafka(503), 503, 503, "kafka", second, "INVALID_RECORD: text"),
            (kafka(504), 504, 504, "kafka", None, "INVALID_RECORD: text"),
            (
                Refusal::Unknown { code: -192, name: "_MSG_TIMED_OUT", message: text() },
                504,
                504,
                "unknown",
                None,
                "_MSG_TIMED_OUT: a; whether the record was written is not known",
            ),
        ] {
            let found = (refusal.status(), refusal.error_code(), refusal.name());
            assert_eq!(found, (status, error_code, name));
            assert_eq!(refusal.retry_after(), retry_after, "{name}");
            assert!(refusal.to_string().starts_with(message), "{refusal}");
        }
    }
}
