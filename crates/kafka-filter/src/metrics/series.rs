//! The identity of one series in 64 bits: a metric and its label values as small numbers.
//!
//! Keys are made and compared on the data path, so a label value here is an index: of an API, an
//! error code, an admitted topic. Text comes back only once, when the series is defined.

use kafka_wire::{Codec, error_code, schema};

use super::cardinality::Labels;
use super::catalog::{Label, Metric, Reporter};
use super::name::{NONE, OTHER, UNRESOLVED, Value};

/// A metric and the values of its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series(u64);

/// A value of the `topic` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic(u16);

/// A value of one of the labels that say who: `client_id`, `group`, `software`. A metric has one of
/// them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Party(u16);

/// A value of the `request` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request(u16);

/// A value of one of the labels that share a place in the key: version, error, codec, reason and the
/// like. A metric has one of them at most.
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
        Self(self.0 | u64::from(topic.0) << TOPIC_SHIFT)
    }

    /// With this client, group or software.
    #[must_use]
    pub fn party(self, party: Party) -> Self {
        Self(self.0 & !(u64::from(u16::MAX) << PARTY_SHIFT) | u64::from(party.0) << PARTY_SHIFT)
    }

    /// With this request.
    #[must_use]
    pub fn request(self, request: Request) -> Self {
        Self(self.0 | u64::from(request.0 & PLACE_MAX) << REQUEST_SHIFT)
    }

    /// With this version, error, codec, reason or label name.
    #[must_use]
    pub fn detail(self, detail: impl Into<Detail>) -> Self {
        Self(self.0 | u64::from(detail.into().0 & PLACE_MAX))
    }

    /// The label that says who, and the same series for everybody who is not told apart; `None`
    /// when it is that series already, or the metric has no such label.
    pub(super) fn party_label(self) -> Option<(Label, Self)> {
        let (metric, _) = self.parts();
        let label = metric.definition().labels.iter().find(|label| label.is_party())?;
        let merged = self.party(Party::OTHER);
        (merged != self).then_some((*label, merged))
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
        let detail = u16::try_from(self.0 & u64::from(PLACE_MAX)).unwrap_or(PLACE_MAX);
        match label {
            Label::ClientId | Label::Group | Label::Software => self.party_value(label, labels),
            Label::SoftwareVersion => match detail.checked_sub(DYNAMIC) {
                None => Value::Own(NONE),
                Some(index) => peer(labels.text(Label::SoftwareVersion, u32::from(index))),
            },
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
        match Topic(self.wide(TOPIC_SHIFT)) {
            Topic::OTHER => Value::Own(OTHER),
            Topic::UNRESOLVED => Value::Own(UNRESOLVED),
            topic => peer(labels.topic_name(topic)),
        }
    }

    fn party_value(self, label: Label, labels: &Labels) -> Value<'_> {
        match Party(self.wide(PARTY_SHIFT)) {
            Party::OTHER => Value::Own(OTHER),
            Party::NONE => Value::Own(NONE),
            party => peer(labels.party_name(label, party)),
        }
    }

    fn wide(self, shift: u32) -> u16 {
        u16::try_from(self.0 >> shift & u64::from(u16::MAX)).unwrap_or(0)
    }

    fn request_value(self, labels: &Labels) -> Value<'_> {
        let request = self.0 >> REQUEST_SHIFT & u64::from(PLACE_MAX);
        let request = u16::try_from(request).unwrap_or(PLACE_MAX);
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

    /// One that the configuration leaves out: [`Self::OTHER`] before it is counted.
    pub(crate) const DENIED: Self = Self(u16::MAX);

    /// The topic with this index among those admitted.
    #[must_use]
    pub(crate) fn admitted(index: u32) -> Self {
        wide_of(index).map_or(Self::OTHER, Self)
    }

    /// Its index among those admitted; `None` for the reserved values.
    pub(crate) fn index(self) -> Option<u32> {
        self.0.checked_sub(WIDE_FIRST).map(u32::from)
    }
}

impl Party {
    /// One over the cap, or one that the configuration does not admit.
    pub const OTHER: Self = Self(0);
    /// One that has not told who it is.
    pub const NONE: Self = Self(1);
    /// Many of whom nobody is told apart; it is never shown.
    pub(super) const CROWD: Self = Self(u16::MAX);

    /// The party with this index among those admitted for its label.
    #[must_use]
    pub(crate) fn admitted(index: u32) -> Self {
        wide_of(index).map_or(Self::OTHER, Self)
    }

    /// Its index among those admitted; `None` for the reserved values.
    pub(crate) fn index(self) -> Option<u32> {
        self.0.checked_sub(WIDE_FIRST).map(u32::from)
    }
}

/// The number in a key of the value with this index; `None` for more values than a key can tell
/// apart, which the largest cap rules out.
fn wide_of(index: u32) -> Option<u16> {
    u16::try_from(index).ok()?.checked_add(WIDE_FIRST).filter(|&value| value < u16::MAX)
}

impl Request {
    /// Fetch requests of brokers that replicate.
    pub const FETCH_FOLLOWER: Self = Self(REQUEST_FOLLOWER);
    /// A key over the cap.
    pub const OTHER: Self = Self(PLACE_MAX);

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
        value.filter(|&value| value < PLACE_MAX).map_or(Self::OTHER, Self)
    }
}

impl Detail {
    /// A version or an error code over the cap.
    pub const OTHER: Self = Self(PLACE_MAX);

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
        let value = index.checked_add(DYNAMIC);
        value.filter(|&value| value < PLACE_MAX).map_or(Self::OTHER, Self)
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
        Self(position.and_then(|index| u16::try_from(index).ok()).unwrap_or(PLACE_MAX))
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

fn peer(text: Option<&[u8]>) -> Value<'_> {
    text.map_or(Value::Own(OTHER), Value::Peer)
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

// metric 6 bits, reporter 2, topic 16, party 16, request 12, detail 12
const METRIC_SHIFT: u32 = 58;
const REPORTER_SHIFT: u32 = 56;
const TOPIC_SHIFT: u32 = 40;
const PARTY_SHIFT: u32 = 24;
const REQUEST_SHIFT: u32 = 12;
/// The greatest number in the place of a request or a detail.
const PLACE_MAX: u16 = 0xfff;
/// The first topic or party that is not a reserved value.
const WIDE_FIRST: u16 = 2;
const FETCH: u16 = 1;
const REQUEST_FOLLOWER: u16 = 0x400;
const REQUEST_DYNAMIC: u16 = 0x500;
/// From here on a version, an error code or a software's version is an index of an admitted one.
const DYNAMIC: u16 = 0x400;

const _: () = assert!(Metric::ALL.len() <= 1 << (u64::BITS - METRIC_SHIFT));

#[cfg(test)]
mod tests;
