//! Rates and their bursts: none that lets no record through for ever.

use super::super::keys::{self as k, Key, RateKeys};
use super::super::scope::Scope;
use super::super::{Rate, Rates, TopicLimit};

/// The rules of `ratelimit`.
pub(super) fn topics(
    root: &Scope<'_>,
    message_max_bytes: usize,
    warnings: &mut Vec<String>,
) -> Vec<TopicLimit> {
    let mut limits: Vec<TopicLimit> = Vec::new();
    for rule in root.items(&k::RULES, "ratelimit.rules[]") {
        let Some(topic) = rule.text(&k::RULE_TOPIC) else {
            rule.refuse(&k::RULE_TOPIC, "is missing; write the name of a topic");
            continue;
        };
        if !is_topic(&topic) {
            rule.refuse(&k::RULE_TOPIC, TOPIC_REMEDY);
        }
        if limits.iter().any(|known| known.topic == topic) {
            rule.refuse(&k::RULE_TOPIC, "has a rule already; write one rule for each topic");
        }
        let mut rates = rates(&rule, &k::RULE_RATES, message_max_bytes);
        let per_minute = rule.number(&k::RULE_PER_MINUTE);
        if per_minute > 0 {
            if rates.records.is_some() {
                rule.refuse(
                    &k::RULE_PER_MINUTE,
                    "stands beside max_records_per_second, which counts the same; write one of them",
                );
            }
            let burst = rule.whole(&k::RULE_RATES.records_burst).unwrap_or(per_minute);
            rates.records = Some(Rate { per_second: float(per_minute) / 60.0, burst });
        }
        limits.push(TopicLimit { topic, rates });
    }
    if root.is_on(&k::RATELIMIT) {
        return limits;
    }
    if !limits.is_empty() {
        warnings.push("ratelimit.rules have no effect: ratelimit.enabled is false".to_owned());
    }
    Vec::new()
}

/// Limits in records and bytes a second.
pub(super) fn rates(scope: &Scope<'_>, keys: &RateKeys, message_max_bytes: usize) -> Rates {
    let records = scope.rate(&keys.records);
    let is_rule_by_minute = scope.has(&keys.records_burst)
        && keys.records.path == k::RULE_RATES.records.path
        && scope.number(&k::RULE_PER_MINUTE) > 0;
    if !is_rule_by_minute {
        refuse_lonely(scope, &keys.records_burst, records);
    }
    let bytes = scope.rate(&keys.bytes);
    refuse_lonely(scope, &keys.bytes_burst, bytes);
    let message_max = u64::try_from(message_max_bytes).unwrap_or(u64::MAX);
    let bytes_burst = scope.whole(&keys.bytes_burst);
    if bytes_burst.is_some_and(|burst| burst < message_max) {
        scope.refuse(
            &keys.bytes_burst,
            format!(
                "is less than kafka.message_max_bytes, and such a record could never pass; write at least {message_max}"
            ),
        );
    }
    Rates {
        records: records.map(|per_second| Rate {
            per_second,
            burst: scope.whole(&keys.records_burst).unwrap_or_else(|| second(per_second)),
        }),
        bytes: bytes.map(|per_second| Rate {
            per_second,
            burst: bytes_burst.unwrap_or_else(|| second(per_second).max(message_max)),
        }),
    }
}

fn refuse_lonely(scope: &Scope<'_>, burst: &Key, rate: Option<f64>) {
    if rate.is_none() && scope.has(burst) {
        scope.refuse(burst, "needs the rate that it belongs to; write that too");
    }
}

/// What comes in a second, at least one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is between 0 and 10^12, and `as` saturates"
)]
fn second(rate: f64) -> u64 {
    (rate.ceil() as u64).max(1)
}

/// A number of a minute is at most 2^32, which a float has exactly.
fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// Kafka's rule for names of topics.
pub(super) fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(in_topic)
}

/// Whether a topic's name may have it.
pub(super) fn in_topic(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

pub(super) const TOPIC_REMEDY: &str =
    "is no topic's name; write 1 to 249 letters, digits, '.', '_' and '-'";
