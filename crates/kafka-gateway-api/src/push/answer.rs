//! What `/push` answers. `status` and `errors` are kprf's, byte for byte in their meaning: `errors` is empty when all is
//! well and has one element for each record otherwise. `records` is new, one element for each record always.

use serde::Serialize;

use crate::response::{JSON, json};
use crate::{Outcome, Refusal, Response};

/// The answer for the records, in their order. 200 when none was refused; the status of the refusals when they all have
/// the same, whatever became of the other records; 500, as kprf for every failure, when they differ.
#[must_use]
pub fn respond(outcomes: &[Outcome]) -> Response {
    let refusals = || {
        outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal),
            _ => None,
        })
    };
    let status = match refusals().next().map(Refusal::status) {
        None => 200,
        Some(first) if refusals().all(|refusal| refusal.status() == first) => first,
        Some(_) => 500,
    };
    let records = outcomes.iter().map(Item::of).collect();
    let errors = if status == 200 { Vec::new() } else { outcomes.iter().map(Error::of).collect() };
    Response {
        status,
        content_type: JSON,
        body: json(&Body { status: if status == 200 { "ok" } else { "err" }, errors, records }),
        retry_after: refusals().filter_map(Refusal::retry_after).max(),
    }
}

/// The answer for a request of which no record was looked at.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Response {
    Response {
        status: refusal.status(),
        content_type: JSON,
        body: json(&Refused {
            status: "err",
            errors: [Error { error: true, message: Some(refusal.to_string()) }],
            error_code: refusal.error_code(),
            name: refusal.name(),
        }),
        retry_after: refusal.retry_after(),
    }
}

#[derive(Serialize)]
struct Body {
    status: &'static str,
    errors: Vec<Error>,
    records: Vec<Item>,
}

#[derive(Serialize)]
struct Refused {
    status: &'static str,
    errors: [Error; 1],
    error_code: i32,
    name: &'static str,
}

/// kprf's.
#[derive(Serialize)]
struct Error {
    error: bool,
    message: Option<String>,
}

impl Error {
    fn of(outcome: &Outcome) -> Self {
        let message = match outcome {
            Outcome::Refused(Refusal::RateLimited { .. }) => Some(KPRF_RATE_LIMIT.to_owned()),
            Outcome::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        };
        Self { error: message.is_some(), message }
    }
}

/// kprf's whole message, which clients compare with.
const KPRF_RATE_LIMIT: &str = "ratelimit";

/// What kprf never said.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Item {
    Written {
        partition: i32,
        offset: Option<i64>,
        timestamp: Option<i64>,
    },
    Accepted {
        durable: bool,
    },
    Refused {
        error_code: i32,
        name: &'static str,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        kafka_code: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kafka_name: Option<&'static str>,
    },
}

impl Item {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Written(position) => Self::Written {
                partition: position.partition,
                offset: position.offset,
                timestamp: position.timestamp_ms,
            },
            Outcome::Accepted { durable } => Self::Accepted { durable: *durable },
            Outcome::Refused(refusal) => {
                let kafka = refusal.kafka();
                Self::Refused {
                    error_code: refusal.error_code(),
                    name: refusal.name(),
                    message: refusal.to_string(),
                    kafka_code: kafka.map(|(code, _)| code),
                    kafka_name: kafka.map(|(_, name)| name),
                }
            }
        }
    }
}
