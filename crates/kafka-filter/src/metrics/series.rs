//! The identity of one series in 64 bits: a metric and its label values as small numbers.
//!
//! Keys are made and compared on the data path, so a label value here is an index: of an API, an
//! error code, an admitted topic. Text comes back only once, when the series is defined.

use kafka_wire::{Codec, error_code, schema};

use super::cardinality::Labels;
use super::catalog::{Label, Metric, Reporter};
use super::name::{OTHER, UNRESOLVED, Value};

/// A metric and the values of its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series(u64);

/// A value of the `topic` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic(u32);

/// A value of the `request` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request(u16);

/// A value of one of the labels that share a place in the key: a metric has one of them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Detail(u16);

/// Why a message was not decoded, or a connection given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Reason {
    /// The connection is encrypted.
    Tls,
    /// The first bytes are no Kafka request.
    NotKafka,
    /// Bytes contradict their schema.
    Malformed,
    /// A response belongs to no request.
    Desync,
    /// A bound was reached that decoding cannot go on without.
    Limit,
    /// No table for the API key.
    UnknownApiKey,
    /// No table for the version.
    UnknownApiVersion,
    /// More bytes than are walked.
    OverLimit,
}

impl Series {
    /// The series of a metric without further labels.
    #[must_use]
    pub fn new(metric: Metric, reporter: Reporter) -> Self {
        Self(u64::from(metric as u8) << METRIC_SHIFT | u64::from(reporter as u8) << REPORTER_SHIFT)
    }

    /// With this topic.
    #[must_use]
    pub fn topic(self, topic: Topic) -> Self {
        Self(self.0 | u64::from(topic.0 & TOPIC_MAX) << TOPIC_SHIFT)
    }

    /// With this request.
    #[must_use]
    pub fn request(self, request: Request) -> Self {
        Self(self.0 | u64::from(request.0 & REQUEST_MAX) << REQUEST_SHIFT)
    }

    /// With this version, error, codec, reason or label name.
    #[must_use]
    pub fn detail(self, detail: impl Into<Detail>) -> Self {
        Self(self.0 | u64::from(detail.into().0))
    }

    /// The metric and the reporter.
    pub(super) fn parts(self) -> (Metric, Reporter) {
        let metric = usize::try_from(self.0 >> METRIC_SHIFT).ok();
        let metric = metric.and_then(|index| Metric::ALL.get(index)).unwrap_or(&Metric::BuildInfo);
        let reporter = usize::try_from(self.0 >> REPORTER_SHIFT & 0b11).ok();
        let reporter = reporter.and_then(|index| Reporter::ALL.get(index));
        (*metric, *reporter.unwrap_or(&Reporter::Proxy))
    }

    /// The key as a number.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// The text of one label's value.
    pub(super) fn value(self, label: Label, labels: &Labels) -> Value<'_> {
        let detail = u16::try_from(self.0 & DETAIL_MASK).unwrap_or(u16::MAX);
        match label {
            Label::Topic => self.topic_value(labels),
            Label::Request => self.request_value(labels),
            Label::ApiVersion => match detail.checked_sub(DYNAMIC) {
                None => Value::Number(i64::from(detail)),
                Some(index) => dynamic(labels.number(Label::ApiVersion, index), Value::Number),
            },
            Label::Error => match detail.checked_sub(DYNAMIC) {
                None => known_error(detail),
                Some(index) => dynamic(labels.number(Label::Error, index), |code| {
                    Value::ErrorCode(i16::try_from(code).unwrap_or(i16::MIN))
                }),
            },
            Label::Compression => Value::Own(codec(detail).name()),
            Label::Reason => Value::Own(reason_word(detail)),
            Label::LabelName => {
                let label = Label::ALL.get(usize::from(detail));
                Value::Own(label.map_or(OTHER, |label| label.name()))
            }
            Label::FilterRelease => Value::Own(env!("CARGO_PKG_VERSION")),
            Label::KafkaRelease => Value::Own(schema::releases().first().unwrap_or(&OTHER)),
        }
    }

    fn topic_value(self, labels: &Labels) -> Value<'_> {
        let topic = u32::try_from(self.0 >> TOPIC_SHIFT).unwrap_or(0) & TOPIC_MAX;
        match Topic(topic) {
            Topic::OTHER => Value::Own(OTHER),
            Topic::UNRESOLVED => Value::Own(UNRESOLVED),
            Topic(index) => match labels.topic_name(index.saturating_sub(TOPIC_FIRST)) {
                Some(name) => Value::Peer(name),
                None => Value::Own(OTHER),
            },
        }
    }

    fn request_value(self, labels: &Labels) -> Value<'_> {
        let request = self.0 >> REQUEST_SHIFT & u64::from(REQUEST_MAX);
        let request = u16::try_from(request).unwrap_or(REQUEST_MAX);
        match Request(request) {
            Request::FETCH_FOLLOWER => Value::Own("FetchFollower"),
            Request(FETCH) => Value::Own("FetchConsumer"),
            Request(other) => match other.checked_sub(REQUEST_DYNAMIC) {
                Some(index) => dynamic(labels.number(Label::Request, index), |key| {
                    Value::ApiKey(i16::try_from(key).unwrap_or(i16::MIN))
                }),
                None => {
                    let key = i16::try_from(other).unwrap_or(i16::MAX);
                    schema::api(key).map_or(Value::ApiKey(key), |api| Value::Own(api.name))
                }
            },
        }
    }
}

impl Topic {
    /// A topic over the cap, or one that no broker has named.
    pub const OTHER: Self = Self(0);
    /// A topic id whose name is not known.
    pub const UNRESOLVED: Self = Self(1);

    /// The topic with this index among those admitted.
    #[must_use]
    pub(crate) fn admitted(index: u32) -> Self {
        index.checked_add(TOPIC_FIRST).filter(|&topic| topic <= TOPIC_MAX).map_or(Self::OTHER, Self)
    }
}

impl Request {
    /// Fetch requests of brokers that replicate.
    pub const FETCH_FOLLOWER: Self = Self(REQUEST_FOLLOWER);
    /// A key over the cap.
    pub const OTHER: Self = Self(REQUEST_MAX);

    /// An API of the tables; Fetch is taken for a consumer's.
    #[must_use]
    pub fn known(api_key: i16) -> Self {
        match u16::try_from(api_key) {
            Ok(key) if key < REQUEST_FOLLOWER => Self(key),
            _ => Self::OTHER,
        }
    }

    /// The unknown key with this index among those admitted.
    #[must_use]
    pub(crate) fn admitted(index: u16) -> Self {
        let value = index.checked_add(REQUEST_DYNAMIC);
        value.filter(|&value| value < REQUEST_MAX).map_or(Self::OTHER, Self)
    }
}

impl Detail {
    /// A version or an error code over the cap.
    pub const OTHER: Self = Self(u16::MAX);

    /// A version of the tables.
    #[must_use]
    pub fn version(version: i16) -> Self {
        u16::try_from(version).ok().filter(|&version| version < DYNAMIC).map_or(Self::OTHER, Self)
    }

    /// An error code with a name.
    #[must_use]
    pub fn error(code: i16) -> Self {
        let value = code.checked_add(1).and_then(|value| u16::try_from(value).ok());
        value.filter(|&value| value < DYNAMIC).map_or(Self::OTHER, Self)
    }

    /// The unknown version or code with this index among those admitted.
    #[must_use]
    pub(crate) fn admitted(index: u16) -> Self {
        index.checked_add(DYNAMIC).map_or(Self::OTHER, Self)
    }
}

impl From<Codec> for Detail {
    fn from(codec: Codec) -> Self {
        Self(codec as u16)
    }
}

impl From<Reason> for Detail {
    fn from(reason: Reason) -> Self {
        Self(reason as u16)
    }
}

impl From<Label> for Detail {
    fn from(label: Label) -> Self {
        let position = Label::ALL.iter().position(|&other| other == label);
        Self(position.and_then(|index| u16::try_from(index).ok()).unwrap_or(u16::MAX))
    }
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Tls,
        Self::NotKafka,
        Self::Malformed,
        Self::Desync,
        Self::Limit,
        Self::UnknownApiKey,
        Self::UnknownApiVersion,
        Self::OverLimit,
    ];

    /// The value of the `reason` label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::NotKafka => "not_kafka",
            Self::Malformed => "malformed",
            Self::Desync => "desync",
            Self::Limit => "limit",
            Self::UnknownApiKey => "unknown_api_key",
            Self::UnknownApiVersion => "unknown_api_version",
            Self::OverLimit => "over_limit",
        }
    }
}

fn dynamic(number: Option<i16>, value: impl FnOnce(i64) -> Value<'static>) -> Value<'static> {
    number.map_or(Value::Own(OTHER), |number| value(i64::from(number)))
}

fn known_error(detail: u16) -> Value<'static> {
    let code = i16::try_from(detail).map_or(i16::MAX, |value| value.saturating_sub(1));
    error_code::name(code).map_or(Value::ErrorCode(code), Value::Own)
}

fn codec(detail: u16) -> Codec {
    const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    ALL.into_iter().find(|&codec| codec as u16 == detail).unwrap_or(Codec::Unknown)
}

fn reason_word(detail: u16) -> &'static str {
    let reason = Reason::ALL.into_iter().find(|&reason| reason as u16 == detail);
    reason.map_or(OTHER, Reason::word)
}

// metric 6 bits, reporter 2, topic 24, request 16, detail 16
const METRIC_SHIFT: u32 = 58;
const REPORTER_SHIFT: u32 = 56;
const TOPIC_SHIFT: u32 = 32;
const REQUEST_SHIFT: u32 = 16;
const DETAIL_MASK: u64 = 0xffff;
const TOPIC_MAX: u32 = 0xff_ffff;
const TOPIC_FIRST: u32 = 2;
const FETCH: u16 = 1;
const REQUEST_FOLLOWER: u16 = 0x1000;
const REQUEST_DYNAMIC: u16 = 0x2000;
const REQUEST_MAX: u16 = 0xffff;
/// From here on a version or an error code is an index of an admitted unknown one.
const DYNAMIC: u16 = 0x4000;

const _: () = assert!(Metric::ALL.len() <= 1 << (u64::BITS - METRIC_SHIFT));

#[cfg(test)]
mod tests;
