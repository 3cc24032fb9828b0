//! Writes message bodies along their schema tables, values chosen by the input, and says what is in them.
//!
//! It is the decoder's counterpart and shares only the tables with it, so that each checks the other.

mod found;
mod values;

use kafka_wire::schema::{Field, Kind, Message, Role};

use crate::input::Input;
use crate::records;
use crate::trace::{Event, Shown};

pub use found::{Found, Place};
pub use values::{TOPICS, contents};

/// A body, and what an observer should find in it.
#[derive(Debug, Default)]
pub struct Body {
    /// As on the wire.
    pub bytes: Vec<u8>,
    /// Every field in wire order.
    pub events: Vec<Event>,
    /// What counts.
    pub found: Found,
}

/// How wild the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Anything that the schema allows.
    Any,
    /// What clients and brokers say to each other on a good day: no errors, few topics, partitions
    /// and groups, topic ids that go with their names.
    Calm,
}

struct Encoder<'i, 'a> {
    input: &'i mut Input<'a>,
    style: Style,
    version: i16,
    flexible: bool,
    /// In the calm style the topic that is being written, among [`TOPICS`].
    topic: usize,
    body: Body,
}

/// A body of `message` in this version.
#[must_use]
pub fn body(message: &'static Message, version: i16, style: Style, input: &mut Input<'_>) -> Body {
    let flexible = message.is_flexible(version);
    let mut encoder = Encoder { input, style, version, flexible, topic: 0, body: Body::default() };
    encoder.fields(message.fields);
    encoder.body
}

/// Tagged fields that no schema knows, as a header may have them.
pub fn unknown_tags(out: &mut Vec<u8>, style: Style, input: &mut Input<'_>) {
    let count = if style == Style::Calm { 0 } else { input.below(3) };
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
        known.retain(|_| self.rarely(100));
        let unknown = self.rarely(20);
        varint(&mut self.body.bytes, known.len() + usize::from(unknown));
        for field in known {
            let outer = std::mem::take(&mut self.body.bytes);
            self.value(field, &field.kind);
            if self.rarely(20) {
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

    /// True in about `chances` of 256 cases, and never on a good day.
    fn rarely(&mut self, chances: u8) -> bool {
        self.style == Style::Any && self.input.chance(chances)
    }

    fn value(&mut self, field: &'static Field, kind: &'static Kind) {
        match kind {
            Kind::Array(element) => self.array(field, element),
            Kind::Struct(fields) => {
                if field.nullable.contains(self.version) {
                    if self.rarely(60) {
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
                let id = values::uuid(field.role, self.style, self.topic, self.input);
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
        let raw = values::number(field.role, self.style, self.input);
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
        self.show(field, Shown::Int(value));
    }

    fn string(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.rarely(40) {
            self.length(None, 2);
            return self.show(field, Shown::Null);
        }
        let text = values::text(field.role, self.style, self.topic, self.input);
        self.length(Some(text.len()), 2);
        self.body.bytes.extend_from_slice(&text);
        if text.len() <= kafka_wire::limits::STRING_MAX {
            self.show(field, Shown::Text(text));
        } else {
            self.show(field, Shown::Contents(text));
        }
    }

    fn contents(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.rarely(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let bytes = values::contents(self.style, self.input);
        self.length(Some(bytes.len()), 4);
        self.body.bytes.extend_from_slice(bytes);
        self.show(field, Shown::Contents(bytes.into()));
    }

    fn records(&mut self, field: &'static Field) {
        if field.nullable.contains(self.version) && self.rarely(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let mut set = Vec::new();
        let written = records::write(self.input, self.style, &mut set);
        self.length(Some(set.len()), 4);
        self.body.bytes.extend_from_slice(&set);
        self.body.found.saw_records(&written, set.len());
        self.show(field, Shown::Records(set.len()));
    }

    fn array(&mut self, field: &'static Field, element: &'static Kind) {
        if field.nullable.contains(self.version) && self.rarely(40) {
            self.length(None, 4);
            return self.show(field, Shown::Null);
        }
        let count = match self.style {
            Style::Calm if matches!(field.role, Role::Topics | Role::Groups) => 1,
            _ if self.input.is_empty() => 0,
            Style::Calm => 1 + self.input.below(2),
            Style::Any => self.input.below(4),
        };
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
        if field.role == Role::Topics && self.style == Style::Calm {
            self.topic = self.input.below(values::CALM_TOPICS);
        }
        self.body.events.push(Event::Enter(field.name));
        self.body.found.enter(field.role);
        self.fields(fields);
        self.body.found.leave(field.role);
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
        self.body.found.saw(field.role, &shown);
        self.body.events.push(Event::Value(field.name, shown));
    }
}

fn is_tagged(field: &Field, version: i16) -> bool {
    field.tag.is_some_and(|tag| tag.versions.contains(version))
}
