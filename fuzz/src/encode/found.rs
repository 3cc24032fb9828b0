//! What an observer should find in a message, written down while it is encoded.

use kafka_wire::limits::STRING_MAX;
use kafka_wire::schema::Role;

use crate::records::{Count, Written};
use crate::trace::Shown;

/// What counts in a message.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Error codes other than zero.
    pub errors: i64,
    /// Whether the first error code is one; `None` without any.
    pub failed: Option<bool>,
    /// Those inside entries that each name a group.
    pub entry_errors: i64,
    /// Acknowledgements of a Produce request.
    pub acks: Option<i64>,
    /// The fetching broker of a Fetch request.
    pub replica_id: Option<i64>,
    /// The last throttle time.
    pub throttle_ms: i64,
    /// Record sets.
    pub records: Count,
    /// Batches of consumers with the time of their producer.
    pub timed_batches: i64,
    /// Bytes of batches that are cut off, and of control batches.
    pub other_record_bytes: i64,
    /// There are control batches among them.
    pub has_control: bool,
    /// Topics that have a part of the message.
    pub topics: i64,
    /// Groups that are named.
    pub groups: i64,
    /// The last generation or member epoch.
    pub generation: Option<i64>,
    /// A JoinGroup response is the leader's.
    pub is_leader: bool,
    /// An ApiVersions request says which release of its software the client is.
    pub tells_software: bool,
    /// Partitions with an offset.
    pub places: Vec<Place>,
    /// Names and ids of those topics.
    pub named: Vec<(Vec<u8>, [u8; 16])>,
    /// The first group that is named.
    pub group: Option<Vec<u8>>,
    leader: Option<Vec<u8>>,
    member: Option<Vec<u8>>,
    topic: Vec<u8>,
    name: Vec<u8>,
    id: [u8; 16],
    partition: i64,
    entry_group: Option<Vec<u8>>,
    in_entry: bool,
    entry_is_named: bool,
    errors_of_entry: i64,
}

/// A partition, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name or id of the topic.
    pub topic: Vec<u8>,
    /// The group of the entry that it stands in.
    pub group: Option<Vec<u8>>,
    /// Its number.
    pub partition: i64,
    /// The offset to fetch, the high watermark, or the committed offset.
    pub offset: i64,
    /// The offset behind the last batch, where there is one.
    pub next_offset: Option<i64>,
}

impl Found {
    /// An element of an array with this role begins.
    pub fn enter(&mut self, role: Role) {
        match role {
            Role::Topics => {
                self.topic.clear();
                self.name.clear();
                self.id = [0; 16];
            }
            Role::Groups => {
                self.in_entry = true;
                self.entry_group = None;
                self.entry_is_named = false;
                self.errors_of_entry = 0;
            }
            _ => {}
        }
    }

    /// It ends.
    pub fn leave(&mut self, role: Role) {
        match role {
            Role::Topics => {
                self.topics += 1;
                self.named.push((self.name.clone(), self.id));
            }
            Role::Groups => {
                self.in_entry = false;
                self.entry_group = None;
                if self.entry_is_named {
                    self.entry_errors += self.errors_of_entry;
                }
            }
            _ => {}
        }
    }

    /// A field with this role.
    pub fn saw(&mut self, role: Role, shown: &Shown) {
        match shown {
            Shown::Int(value) => self.saw_number(role, *value),
            Shown::Text(text) => self.saw_text(role, text),
            Shown::Contents(_) if role == Role::GroupId => self.saw_group(),
            Shown::Contents(_) if role == Role::SoftwareVersion => self.tells_software = true,
            Shown::Uuid(id) if role == Role::TopicId && *id != [0; 16] => {
                self.topic = id.to_vec();
                self.id = *id;
            }
            _ => {}
        }
    }

    /// A record set of this size.
    pub fn saw_records(&mut self, written: &Written, size_bytes: usize) {
        let size_bytes = i64::try_from(size_bytes).unwrap_or(i64::MAX);
        self.records.add(written.count);
        self.timed_batches += written.timed_batches;
        self.other_record_bytes += size_bytes - written.count.bytes;
        self.has_control |= size_bytes - written.count.bytes > written.cut_off_bytes;
        if let Some(place) = self.places.last_mut() {
            place.next_offset = written.next_offset;
        }
    }

    fn saw_number(&mut self, role: Role, value: i64) {
        match role {
            Role::ErrorCode => {
                self.failed.get_or_insert(value != 0);
                self.errors += i64::from(value != 0);
                self.errors_of_entry += i64::from(value != 0);
            }
            Role::Acks => self.acks = Some(value),
            Role::ReplicaId => self.replica_id = Some(value),
            Role::ThrottleTimeMs => self.throttle_ms = value,
            Role::Generation => self.generation = Some(value),
            Role::PartitionIndex => self.partition = value,
            Role::FetchOffset | Role::HighWatermark | Role::CommittedOffset => {
                let (topic, partition) = (self.topic.clone(), self.partition);
                let group = self.entry_group.clone();
                let place = Place { topic, group, partition, offset: value, next_offset: None };
                self.places.push(place);
            }
            _ => {}
        }
    }

    fn saw_text(&mut self, role: Role, text: &[u8]) {
        assert!(text.len() <= STRING_MAX, "longer text is not shown in one piece");
        match role {
            // An id says more than a name, and a longer name is none.
            Role::TopicName if text.len() <= TOPIC_NAME_MAX => {
                self.topic = text.to_vec();
                self.name = text.to_vec();
            }
            Role::GroupId => {
                self.group.get_or_insert_with(|| text.to_vec());
                if self.in_entry {
                    self.entry_group = Some(text.to_vec());
                }
                self.saw_group();
            }
            Role::Leader => self.leader = Some(text.to_vec()),
            Role::MemberId if self.member.is_none() => {
                self.member = Some(text.to_vec());
                self.is_leader = self.leader == self.member;
            }
            Role::SoftwareVersion => self.tells_software = true,
            _ => {}
        }
    }

    fn saw_group(&mut self) {
        self.groups += 1;
        self.entry_is_named |= self.in_entry;
    }
}

/// Kafka's longest topic name.
const TOPIC_NAME_MAX: usize = 249;
