//! Why a record, or a whole request, was not taken: one list for all dialects, each with its HTTP status, the numeric
//! code of Confluent REST v3, a stable name, a text for people, and whether and when to try again.

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
