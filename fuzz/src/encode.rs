//! Writes message bodies along their schema tables, values chosen by the input, and says what is in them.
//!
//! It is the decoder's counterpart and shares only the tables with it, so that each checks the other.

use kafka_wire::schema::{Field, Kind, Message, Role};

use crate::input::Input;
use crate::records::{self, Count};
use crate::trace::{Event, Shown};

/// A body, and what an observer should find in it.
#[derive(Debug, Default)]
pub struct Body {
    /// As on the wire.
    pub bytes: Vec<u8>,
    /// Every field in wire order.
    pub events: Vec<Event>,
    /// Error codes other than zero.
    pub errors: i64,
    /// Acknowledgements of a Produce request.
    pub acks: Option<i64>,
    /// The fetching broker of a Fetch request.
    pub replica_id: Option<i64>,
    /// The last throttle time.
    pub throttle_ms: i64,
    /// Record sets.
    pub records: Count,
    /// Bytes of batches that are cut off, and of control batches.
    pub other_record_bytes: i64,
    /// There are control batches among them.
    pub has_control: bool,
}

struct Encoder<'i, 'a> {
    input: &'i mut Input<'a>,
    version: i16,
    flexible: bool,
    body: Body,
}

/// A body of `message` in this version.
#[must_use]
pub fn body(message: &'static Message, version: i16, input: &mut Input<'_>) -> Body {
    let flexible = message.is_flexible(version);
    let mut encoder = Encoder { input, version, flexible, body: Body::default() };
    encoder.fields(message.fields);
    encoder.body
}

/// Tagged fields that no schema knows, as a header may have them.
pub fn unknown_tags(out: &mut Vec<u8>, input: &mut Input<'_>) {
    let count = input.below(3);
    varint(out, count);
    for index in 0..count {
        let first = input.pick(&[100, 16_000, 0xffff_fff0]);
        let bytes = input.bytes();
        varint(out, first + index);
        varint(out, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// An unsigned varint.
pub fn varint(out: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

impl Encoder<'_, '_> {
    fn fields(&mut self, fields: &'static [Field]) {
        let version = self.version;
        for field in fields {
            if field.versions.contains(version) && !is_tagged(field, version) {
                self.value(field, &field.kind);
            }
        }
        if self.flexible {
            self.tagged_fields(fields);
        }
    }

    /// Those of the tables that the input chose, then perhaps one that no table has.
    fn tagged_fields(&mut self, fields: &'static [Field]) {
        let version = self.version;
        let mut known: Vec<&'static Field> = fields
            .iter()
            .filter(|field| field.versions.contains(version) && is_tagged(field, version))
            .collect();
        known.sort_by_key(|field| field.tag.map(|tag| tag.number));
        known.retain(|_| self.input.chance(100));
        let unknown = self.input.chance(20);
        varint(&mut self.body.bytes, known.len() + usize::from(unknown));
        for field in known {
            let outer = std::mem::take(&mut self.body.bytes);
            self.value(field, &field.kind);
            if self.input.chance(20) {
                self.body.bytes.extend_from_slice(b"later");
            }
            let value = std::mem::replace(&mut self.body.bytes, outer);
            let number = field.tag.map_or(0, |tag| usize::from(tag.number));
            varint(&mut self.body.bytes, number);
            varint(&mut self.body.bytes, value.len());
            self.body.bytes.extend_from_slice(&value);
        }
        if unknown {
            let bytes = self.input.bytes();
            varint(&mut self.body.bytes, 9_999);
            varint(&mut self.body.bytes, bytes.len());
            self.body.bytes.extend_from_slice(bytes);
        }
    }

    fn value(&mut self, field: &'static Field, kind: &'static Kind) {
        match kind {
            Kind::Array(element) => self.array(field, element),
            Kind::Struct(fields) => {
                if field.nullable.contains(self.version) {
                    if self.input.chance(60) {
                        self.body.bytes.push(0xff);
                        return self.show(field, Shown::Null);
                    }
                    // Any byte from zero on says that it is there (KIP-893).
                    let marker = self.input.byte() & 0x7f;
                    self.body.bytes.push(marker);
                }
                self.structure(field, fields);
            }
            Kind::String => self.string(field),
            Kind::Bytes => self.contents(field),
            Kind::Records => self.records(field),
            Kind::Uuid => {
                let id = match self.input.byte() {
                    choice @ 0..=200 => [choice % 5; 16],
                    _ => self.input.array(),
                };
                self.body.bytes.extend_from_slice(&id);
                self.show(field, Shown::Uuid(id));
            }
            Kind::Float64 => {
                let bits = self.input.array::<8>();
                self.body.bytes.extend_from_slice(&bits);
                self.show(field, Shown::Float(u64::from_be_bytes(bits)));
            }
            Kind::Bool => {
                let byte = self.input.byte() & 1;
                self.body.bytes.push(byte);
                self.show(field, Shown::Bool(byte == 1));
            }
            Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Uint16 | Kind::Uint32 => {
                self.number(field, kind);
            }
        }
    }

    fn number(&mut self, field: &'static Field, kind: &'static Kind) {
        let raw = match field.role {
            Role::ErrorCode => i64::from(match self.input.byte() {
                0..=150 => 0,
                choice @ 151..=240 => i16::from(choice) - 150,
                _ => self.input.int16(),
            }),
            Role::Acks => self.input.pick(&[1, -1, 0, 1]),
            Role::ReplicaId => self.input.pick(&[-1, -1, -1, 2]),
            Role::ThrottleTimeMs => i64::from(self.input.byte()) - 200,
            _ => i64::from_be_bytes(self.input.array()),
        };
        let bytes = raw.to_be_bytes();
        let (width, value) = match kind {
            Kind::Int8 => (1, i64::from(i8::from_be_bytes([bytes[7]]))),
            Kind::Int16 => (2, i64::from(i16::from_be_bytes([bytes[6], bytes[7]]))),
            Kind::Uint16 => (2, i64::from(u16::from_be_bytes([bytes[6], bytes[7]]))),
            Kind::Int32 => {
                (4, i64::from(i32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])))
            }
            Kind::Uint32 => {
                (4, i64::from(u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])))
            }
            _ => (8, raw),
        };
        self.body.bytes.extend_from_slice(&bytes[8 - width..]);
        match field.role {
            Role::ErrorCode => self.body.errors += i64::from(value != 0),
            Role::Acks => self.body.acks = Some(value),
            Role::ReplicaId => self.body.replica_id = Some(value),
            Role::ThrottleTimeMs => self.body.throttle_ms = value,
            _ => {}
        }
        self.show(field, Shown::Int(value));
    }

    fn string(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.input.chance(40) {
            self.length(None, 2);
            return self.show(field, Shown::Null);
        }
        let text: Vec<u8> = match (field.role, self.input.byte()) {
            (Role::TopicName, choice @ 0..=200) => {
                TOPICS[usize::from(choice) % TOPICS.len()].into()
            }
            (_, 0..=250) => self.input.bytes().into(),
            (_, choice) => vec![b'x'; usize::from(choice) + 4],
        };
        self.length(Some(text.len()), 2);
        self.body.bytes.extend_from_slice(&text);
        if text.len() <= kafka_wire::limits::STRING_MAX {
            self.show(field, Shown::Text(text));
        } else {
            self.show(field, Shown::Contents(text));
        }
    }

    fn contents(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.input.chance(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let bytes = self.input.bytes();
        self.length(Some(bytes.len()), 4);
        self.body.bytes.extend_from_slice(bytes);
        self.show(field, Shown::Contents(bytes.into()));
    }

    fn records(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.input.chance(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let mut set = Vec::new();
        let (count, cut_off) = records::write(self.input, &mut set);
        self.length(Some(set.len()), 4);
        self.body.bytes.extend_from_slice(&set);
        self.body.records.add(count);
        let size = i64::try_from(set.len()).unwrap_or(i64::MAX);
        self.body.other_record_bytes += size - count.bytes;
        self.body.has_control |= size - count.bytes > cut_off;
        self.show(field, Shown::Records(set.len()));
    }

    fn array(&mut self, field: &'static Field, element: &'static Kind) {
        if field.nullable.contains(self.version) && self.input.chance(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let count = if self.input.is_empty() { 0 } else { self.input.below(4) };
        self.length(Some(count), 4);
        self.show(field, Shown::Array(count));
        for _ in 0..count {
            match element {
                Kind::Struct(fields) => self.structure(field, fields),
                element => self.value(field, element),
            }
        }
    }

    fn structure(&mut self, field: &'static Field, fields: &'static [Field]) {
        self.body.events.push(Event::Enter(field.name));
        self.fields(fields);
        self.body.events.push(Event::Leave(field.name));
    }

    /// A length or count in the form of the version; `width` bytes where it is not compact.
    fn length(&mut self, length: Option<usize>, width: usize) {
        if self.flexible {
            return varint(&mut self.body.bytes, length.map_or(0, |length| length + 1));
        }
        let number = length.map_or(-1, |length| i32::try_from(length).unwrap_or(i32::MAX));
        self.body.bytes.extend_from_slice(&number.to_be_bytes()[4 - width..]);
    }

    fn show(&mut self, field: &'static Field, shown: Shown) {
        self.body.events.push(Event::Value(field.name, shown));
    }
}

fn is_tagged(field: &Field, version: i16) -> bool {
    field.tag.is_some_and(|tag| tag.versions.contains(version))
}

/// Names that topics have here, the last two no names at all.
const TOPICS: &[&[u8]] =
    &[b"orders", b"payments", b"a", b"a.", b"__consumer_offsets", b"shadow.x", b"no name", b""];
