//! What an error of Kafka or librdkafka means for who sent the record: refused for good, refused for now, or unknown.
//!
//! Whether a record may be in Kafka is decided by librdkafka's account of it and never guessed from the code: the same
//! time-out is a refusal for a record that was never sent, and [`Refusal::Unknown`] for one that was. Reference: protocol
//! guide, "Error Codes"; librdkafka's rd_kafka_message_status().

use std::borrow::Cow;

use kafka_gateway_api::{Position, Refusal};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::native::{self, Persisted};

/// Whether sending the same record again is refused again, as far as can be known: the pump then gives it up.
#[must_use]
pub fn is_permanent(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Kafka { code, .. } => class(code_of(*code)).is_permanent(),
        Refusal::Malformed(_)
        | Refusal::Forbidden(_)
        | Refusal::UnknownTopic(_)
        | Refusal::UnknownPartition { .. }
        | Refusal::TooLarge { .. }
        | Refusal::Unprocessable(_) => true,
        _ => false,
    }
}

/// Whether a broker refused a whole batch, for one record in it that is too large or invalid: whose fault it is shows
/// when each is sent alone. librdkafka does not split such a batch as Java's producer does.
#[must_use]
pub fn is_of_a_batch(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Kafka { code: 10 | 18 | 32 | 87, .. })
}

/// The name of a code, as `NOT_ENOUGH_REPLICAS`; librdkafka's own begin with an underscore.
#[must_use]
pub fn name(code: RDKafkaErrorCode) -> &'static str {
    match code {
        // What librdkafka named before the protocol guide did.
        RDKafkaErrorCode::Unknown => "UNKNOWN_SERVER_ERROR",
        RDKafkaErrorCode::NoError => "NONE",
        RDKafkaErrorCode::InvalidMessage => "CORRUPT_MESSAGE",
        RDKafkaErrorCode::UnknownTopicOrPartition => "UNKNOWN_TOPIC_OR_PARTITION",
        RDKafkaErrorCode::InvalidMessageSize => "INVALID_FETCH_SIZE",
        RDKafkaErrorCode::NotLeaderForPartition => "NOT_LEADER_OR_FOLLOWER",
        RDKafkaErrorCode::MessageSizeTooLarge => "MESSAGE_TOO_LARGE",
        RDKafkaErrorCode::StaleControllerEpoch => "STALE_CONTROLLER_EPOCH",
        RDKafkaErrorCode::InvalidTopic => "INVALID_TOPIC_EXCEPTION",
        code => RDKafkaRespErr::try_from(code as i32).map_or("_UNKNOWN", native::error_name),
    }
}

/// The record that an error is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) topic: &'a str,
    /// Negative when none was chosen yet.
    pub(crate) partition: i32,
    pub(crate) size_bytes: usize,
    pub(crate) limit_bytes: usize,
}

/// What became of a record that librdkafka reports.
pub(crate) fn outcome(
    message: &BorrowedMessage<'_>,
    error: Option<RDKafkaErrorCode>,
    about: About<'_>,
) -> Result<Position, Refusal> {
    let position = Position {
        partition: message.partition(),
        offset: Some(message.offset()).filter(|offset| *offset >= 0),
        timestamp_ms: message.timestamp().to_millis(),
    };
    match (error, native::persisted(message)) {
        (None, _) => Ok(position),
        // An earlier attempt was acknowledged, and a later one was not.
        (Some(_), Persisted::Yes) => Ok(position),
        (Some(code), persisted) => {
            let text = native::broker_text(message).map(Cow::Owned);
            let text = text.unwrap_or_else(|| Cow::Borrowed(text_of(code)));
            Err(refusal(code, persisted, &text, about))
        }
    }
}

/// The refusal of a record that is not known to be in Kafka.
pub(crate) fn refusal(
    code: RDKafkaErrorCode,
    persisted: Persisted,
    text: &str,
    about: About<'_>,
) -> Refusal {
    let (number, name, message) = (code as i32, name(code), text.to_owned());
    if persisted != Persisted::No {
        return Refusal::Unknown { code: number, name, message };
    }
    match class(code) {
        Class::UnknownTopic => Refusal::UnknownTopic(about.topic.to_owned()),
        Class::UnknownPartition => {
            Refusal::UnknownPartition { topic: about.topic.to_owned(), partition: about.partition }
        }
        // The record alone is within the limit, and so not too large by itself: a broker or topic that takes less.
        Class::TooLarge if about.size_bytes <= about.limit_bytes => {
            Refusal::Kafka { code: number, name, message, status: 413 }
        }
        Class::TooLarge => {
            Refusal::TooLarge { size_bytes: about.size_bytes, limit_bytes: about.limit_bytes }
        }
        class => Refusal::Kafka { code: number, name, message, status: class.status() },
    }
}

/// The refusal for an error that is about no record that was sent.
pub(crate) fn unsent(code: RDKafkaErrorCode, text: &str) -> Refusal {
    let status = class(code).status();
    Refusal::Kafka { code: code as i32, name: name(code), message: text.to_owned(), status }
}

/// librdkafka's text of a code.
pub(crate) fn text_of(code: RDKafkaErrorCode) -> &'static str {
    RDKafkaRespErr::try_from(code as i32).map_or("unknown error", native::error_text)
}

/// What a code means when the record is not in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// May be different in a moment: a leader that moves, a cluster that is away, a gateway without rights of its own.
    Temporary,
    /// The gateway's own user may not write there.
    Forbidden,
    /// The cluster knows no such topic.
    UnknownTopic,
    /// The topic has fewer partitions.
    UnknownPartition,
    /// More than the broker or the topic takes.
    TooLarge,
    /// The record is what no broker will take.
    Invalid,
}

impl Class {
    const fn is_permanent(self) -> bool {
        !matches!(self, Self::Temporary)
    }

    const fn status(self) -> u16 {
        match self {
            Self::Temporary => 503,
            Self::Forbidden => 403,
            Self::UnknownTopic | Self::UnknownPartition => 404,
            Self::TooLarge => 413,
            Self::Invalid => 422,
        }
    }
}

/// The table. A code that is not in it is temporary: a record is given up only for what is known to be final.
pub(crate) const fn class(code: RDKafkaErrorCode) -> Class {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAuthorizationFailed => Class::Forbidden,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownTopicId => {
            Class::UnknownTopic
        }
        Code::UnknownPartition => Class::UnknownPartition,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => Class::TooLarge,
        Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidArgument
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat => Class::Invalid,
        _ => Class::Temporary,
    }
}

fn code_of(code: i32) -> RDKafkaErrorCode {
    RDKafkaRespErr::try_from(code).map_or(RDKafkaErrorCode::Unknown, RDKafkaErrorCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const ABOUT: About<'_> =
        About { topic: "orders", partition: 7, size_bytes: 90, limit_bytes: 100 };

    /// Every code that librdkafka has.
    fn codes() -> Vec<RDKafkaErrorCode> {
        let marks = [RDKafkaErrorCode::Begin, RDKafkaErrorCode::End, RDKafkaErrorCode::EndAll];
        let known = (-250..=250).filter_map(|code| RDKafkaRespErr::try_from(code).ok());
        known.map(RDKafkaErrorCode::from).filter(|code| !marks.contains(code)).collect()
    }

    #[test]
    fn every_code_has_a_name_of_its_own_and_a_text() {
        let codes = codes();
        assert!(codes.len() > 160, "only {} codes", codes.len());
        let mut names = HashSet::new();
        for code in codes {
            let name = name(code);
            let legal = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
            assert!(!name.is_empty() && name.bytes().all(legal), "{code:?} is {name}");
            assert_eq!(name.starts_with('_'), (code as i32) < -1, "{code:?} is {name}");
            assert!(names.insert(name), "{name} twice");
            assert!(!text_of(code).is_empty(), "{code:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_protocol_guide() {
        for (code, expected) in [
            (-192, "_MSG_TIMED_OUT"),
            (-184, "_QUEUE_FULL"),
            (-150, "_FATAL"),
            (-1, "UNKNOWN_SERVER_ERROR"),
            (0, "NONE"),
            (2, "CORRUPT_MESSAGE"),
            (3, "UNKNOWN_TOPIC_OR_PARTITION"),
            (4, "INVALID_FETCH_SIZE"),
            (6, "NOT_LEADER_OR_FOLLOWER"),
            (10, "MESSAGE_TOO_LARGE"),
            (11, "STALE_CONTROLLER_EPOCH"),
            (17, "INVALID_TOPIC_EXCEPTION"),
            (18, "RECORD_LIST_TOO_LARGE"),
            (19, "NOT_ENOUGH_REPLICAS"),
            (45, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
            (87, "INVALID_RECORD"),
        ] {
            assert_eq!(name(code_of(code)), expected);
        }
    }

    #[test]
    fn a_record_that_was_not_sent_is_refused_by_what_the_code_means() {
        let special = |code: i32| match code {
            3 | 100 | -188 => Some(Refusal::UnknownTopic("orders".to_owned())),
            -190 => Some(Refusal::UnknownPartition { topic: "orders".to_owned(), partition: 7 }),
            _ => None,
        };
        let status = |code: i32| match code {
            29 => 403,
            10 | 18 => 413,
            17 | 32 | 43 | 44 | 87 | -186 => 422,
            _ => 503,
        };
        for code in codes() {
            let number = code as i32;
            let found = refusal(code, Persisted::No, "why", ABOUT);
            let expected = special(number).unwrap_or_else(|| Refusal::Kafka {
                code: number,
                name: name(code),
                message: "why".to_owned(),
                status: status(number),
            });
            assert_eq!(found, expected, "{code:?}");
            let permanent = expected.status() != 503;
            assert_eq!(is_permanent(&found), permanent, "{code:?}");
        }
    }

    #[test]
    fn a_record_that_may_be_in_kafka_is_unknown_whatever_the_code() {
        for code in codes() {
            let found = refusal(code, Persisted::Possibly, "why", ABOUT);
            let expected =
                Refusal::Unknown { code: code as i32, name: name(code), message: "why".to_owned() };
            assert_eq!(found, expected);
            assert!(!is_permanent(&found));
        }
    }

    #[test]
    fn a_record_over_the_gateways_own_limit_says_so() {
        let about = About { size_bytes: 101, ..ABOUT };
        let found = refusal(RDKafkaErrorCode::MessageSizeTooLarge, Persisted::No, "why", about);
        assert_eq!(found, Refusal::TooLarge { size_bytes: 101, limit_bytes: 100 });
    }

    #[test]
    fn what_is_no_ones_fault_is_not_permanent() {
        for refusal in [Refusal::Stopping, Refusal::LogFailed("disk".to_owned())] {
            assert!(!is_permanent(&refusal));
        }
        let strange = Refusal::Kafka { code: 9999, name: "X", message: String::new(), status: 503 };
        assert!(!is_permanent(&strange));
    }
}
