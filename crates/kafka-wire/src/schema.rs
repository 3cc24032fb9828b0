//! The shape of every Kafka message as tables of fields, one table a message for all its versions.
//!
//! A table is read with a version in hand: a field is on the wire when `versions` contains it. The
//! tables in [`generated`] come from Kafka's own message definitions; `UPSTREAM.md` beside them
//! says from which. Format: KIP-482 and the protocol guide.

mod define;
mod generated;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Client to broker.
    Request,
    /// Broker to client.
    Response,
}

/// One message type of one direction: every version that Kafka ever had since 0.8.
#[derive(Debug)]
pub struct Message {
    /// Kafka's name for it, as `ProduceRequest`.
    pub name: &'static str,
    /// The API it belongs to.
    pub api_key: i16,
    /// Versions with a known layout.
    pub versions: Versions,
    /// Versions with compact lengths and tagged fields (KIP-482).
    pub flexible: Versions,
    /// Fields in wire order. Tagged fields come where the definition has them; the wire puts them
    /// at the end of their struct.
    pub fields: &'static [Field],
    /// Every role that occurs anywhere in the message, in any version.
    pub roles: RoleSet,
}

/// One API: what both sides send, and what a Kafka 4 broker no longer takes.
#[derive(Debug)]
pub struct Api {
    /// API key.
    pub key: i16,
    /// Name without `Request`, as `Produce`.
    pub name: &'static str,
    /// Layout of its requests.
    pub request: Message,
    /// Layout of its responses.
    pub response: Message,
    /// Request versions that brokers of the newest release refuse and older ones took (KIP-896);
    /// always the lowest versions, or all of them.
    pub refused: Versions,
}

/// A field of a message or of a struct inside it.
#[derive(Debug)]
pub struct Field {
    /// Kafka's name for it.
    pub name: &'static str,
    /// What an observer of traffic may want it for.
    pub role: Role,
    /// Type of the value.
    pub kind: Kind,
    /// Message versions that have the field.
    pub versions: Versions,
    /// Message versions in which the value may be null.
    pub nullable: Versions,
    /// Tag number, for a field that is sent as a tagged field in some versions.
    pub tag: Option<Tag>,
}

/// Where a field is sent as a tagged field (KIP-482).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Tag number, unique inside its struct.
    pub number: u8,
    /// Message versions in which the field is tagged; in others it is an ordinary field.
    pub versions: Versions,
}

/// Type of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One byte, zero is false.
    Bool,
    /// Signed, one byte.
    Int8,
    /// Signed, two bytes, big-endian as all numbers.
    Int16,
    /// Unsigned, two bytes.
    Uint16,
    /// Signed, four bytes.
    Int32,
    /// Unsigned, four bytes.
    Uint32,
    /// Signed, eight bytes.
    Int64,
    /// IEEE 754, eight bytes.
    Float64,
    /// Sixteen bytes; all zero means none.
    Uuid,
    /// UTF-8 text with a length in front.
    String,
    /// Bytes with a length in front.
    Bytes,
    /// Record batches or a message set, with a length in bytes in front.
    Records,
    /// Fields one after the other.
    Struct(&'static [Field]),
    /// A count, then so many values. Never an array of arrays.
    Array(&'static Kind),
}

/// What an observer of traffic may want a field for; assigned by the generator from the definition
/// (its name, its entity type, its place), so that decoding compares no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Nothing: skipped by length.
    None = 0,
    /// Produce request: how many replicas must acknowledge; 0 means that no response follows.
    Acks,
    /// Fetch request: the fetching broker's id, negative for a consumer.
    ReplicaId,
    /// Milliseconds that the broker delayed the response, or asks the client to wait.
    ThrottleTimeMs,
    /// An error code, 0 is none; any nesting.
    ErrorCode,
    /// An array of structs whose elements each name one topic: the scope of the fields inside.
    Topics,
    /// A topic's name.
    TopicName,
    /// A topic's id (KIP-516).
    TopicId,
    /// A record set: batches or old messages.
    Records,
    /// A consumer, share or streams group's id.
    GroupId,
    /// An array of structs whose elements each name one group: the scope of the fields inside.
    Groups,
    /// The generation of a classic group, or a member's epoch (KIP-848, KIP-932, KIP-1071).
    Generation,
    /// JoinGroup response: the member that the coordinator chose to assign partitions.
    Leader,
    /// JoinGroup response: the member that is answered, then all members in the leader's answer.
    MemberId,
    /// A partition's number inside its topic.
    PartitionIndex,
    /// Fetch request: the next offset that the client wants.
    FetchOffset,
    /// Fetch response: the offset behind the last record that consumers may see.
    HighWatermark,
    /// The offset that a group has committed, or commits; negative for none.
    CommittedOffset,
    /// ApiVersions request: name of the client library (KIP-511).
    SoftwareName,
    /// ApiVersions request: version of the client library (KIP-511).
    SoftwareVersion,
    /// PushTelemetry request: codec of the payload (KIP-714).
    CompressionType,
}

/// A set of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RoleSet(u32);

/// An inclusive range of message versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Lowest version of the range.
    pub first: u8,
    /// Highest version of the range; below `first` in an empty range.
    pub last: u8,
}

/// Levels of structs and arrays of structs below the body of the deepest message, tagged ones
/// included.
pub const STACK_DEPTH_NEEDED: usize = generated::STACK_DEPTH_NEEDED;

/// The API with this key, when the tables have it.
#[must_use]
pub fn api(key: i16) -> Option<&'static Api> {
    let index = usize::try_from(key).ok()?;
    *generated::APIS.get(index)?
}

/// Every API of the tables in the order of their keys.
pub fn apis() -> impl Iterator<Item = &'static Api> {
    generated::APIS.iter().filter_map(|api| *api)
}

/// Kafka releases whose definitions made the tables, newest first.
#[must_use]
pub fn releases() -> &'static [&'static str] {
    generated::RELEASES
}

impl Api {
    /// The message of this direction.
    #[must_use]
    pub fn message(&self, direction: Direction) -> &Message {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }
}

impl Message {
    /// Whether this version has compact lengths and tagged fields.
    #[must_use]
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible.contains(version)
    }
}

impl Field {
    /// Whether the field stands in its place among the ordinary fields.
    #[must_use]
    pub(crate) fn is_ordinary(&self, version: i16) -> bool {
        self.versions.contains(version) && !self.is_tagged(version)
    }

    /// Whether the field is sent among the tagged fields.
    #[must_use]
    pub(crate) fn is_tagged(&self, version: i16) -> bool {
        self.tag.is_some_and(|tag| tag.versions.contains(version))
    }
}

impl RoleSet {
    /// No role.
    pub const EMPTY: Self = Self(0);

    /// The set of these roles.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut rest = roles;
        while let [role, tail @ ..] = rest {
            bits |= 1 << (*role as u32);
            rest = tail;
        }
        Self(bits)
    }

    /// The roles of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the role is in the set.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << (role as u32)) != 0
    }

    /// Whether the two sets share a role.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Versions {
    /// No version at all.
    pub const NONE: Self = Self { first: 1, last: 0 };

    /// From `first` to `last`, both included.
    #[must_use]
    pub const fn new(first: u8, last: u8) -> Self {
        Self { first, last }
    }

    /// Whether the range has no version.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Whether the version is in the range.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        version >= self.first as i16 && version <= self.last as i16
    }
}
