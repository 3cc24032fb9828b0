//! Writes down all that a decoder shows, in a form that does not depend on how bytes were split.

use kafka_wire::schema::Field;
use kafka_wire::{Batch, Flow, Outcome, Value, Visitor};

/// One thing that a decoder showed, with the field's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A value.
    Value(&'static str, Shown),
    /// A struct begins.
    Enter(&'static str),
    /// A struct ends.
    Leave(&'static str),
    /// A batch of a record set.
    Batch(&'static str, Batch),
    /// The first bytes of a frame.
    Head(Vec<u8>),
    /// A client id.
    ClientId(Option<Vec<u8>>),
    /// The end of a frame of this size.
    End(u32, Outcome),
}

/// A value, with all of its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// None.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A floating-point number's bits.
    Float(u64),
    /// An id.
    Uuid([u8; 16]),
    /// Text in one piece.
    Text(Vec<u8>),
    /// Text or bytes that came in pieces, joined.
    Contents(Vec<u8>),
    /// A record set of this size.
    Records(usize),
    /// An array of this size.
    Array(usize),
}

/// A visitor that writes down what it sees.
#[derive(Debug, Default)]
pub struct Trace {
    /// What was seen.
    pub events: Vec<Event>,
    unwanted_roles: u32,
    skip_rest_after: u32,
    values: u32,
    depth: usize,
    /// Length of the contents that are being shown.
    announced: usize,
}

impl Trace {
    /// Writes down all fields but those whose role's bit is set, of each message so many values;
    /// 0 is all.
    #[must_use]
    pub fn new(unwanted_roles: u32, skip_rest_after: u32) -> Self {
        Self { unwanted_roles, skip_rest_after, ..Self::default() }
    }

    /// Another message begins.
    pub fn begin_message(&mut self) {
        self.values = 0;
        self.depth = 0;
        self.announced = 0;
    }

    /// The message ended, to its last field or not.
    pub fn end_message(&mut self, complete: bool) {
        if complete && (self.skip_rest_after == 0 || self.values < self.skip_rest_after) {
            assert_eq!(self.depth, 0, "a struct that was entered is not left");
        }
    }

    fn check_contents(&self) {
        if let Some(Event::Value(name, Shown::Contents(bytes))) = self.events.last() {
            assert_eq!(bytes.len(), self.announced, "contents of {name} in pieces");
        }
    }
}

impl Visitor for Trace {
    fn wants(&self, field: &'static Field) -> bool {
        self.unwanted_roles & (1 << (field.role as u32)) == 0
    }

    fn wants_contents(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        assert!(self.wants(field), "{} was not wanted", field.name);
        self.values += 1;
        let shown = match value {
            Value::Null => Shown::Null,
            Value::Bool(value) => Shown::Bool(value),
            Value::Int(value) => Shown::Int(value),
            Value::Float64(value) => Shown::Float(value.to_bits()),
            Value::Uuid(id) => Shown::Uuid(*id),
            Value::String(text) => {
                assert!(text.len() <= kafka_wire::limits::STRING_MAX, "L3: text too long");
                Shown::Text(text.to_vec())
            }
            Value::Contents(length) => {
                self.announced = usize::try_from(length).expect("a length");
                Shown::Contents(Vec::new())
            }
            Value::Records(length) => Shown::Records(usize::try_from(length).expect("a length")),
            Value::Array(count) => Shown::Array(usize::try_from(count).expect("a count")),
        };
        self.events.push(Event::Value(field.name, shown));
        if self.values == self.skip_rest_after { Flow::SkipRest } else { Flow::Continue }
    }

    fn contents(&mut self, field: &'static Field, bytes: &[u8]) {
        match self.events.last_mut() {
            Some(Event::Value(name, Shown::Contents(all))) if *name == field.name => {
                all.extend_from_slice(bytes);
                assert!(all.len() <= self.announced, "more contents than announced");
            }
            other => panic!("contents of {} after {other:?}", field.name),
        }
    }

    fn enter(&mut self, field: &'static Field) {
        self.check_contents();
        self.depth += 1;
        self.events.push(Event::Enter(field.name));
    }

    fn leave(&mut self, field: &'static Field) {
        self.check_contents();
        self.depth = self.depth.checked_sub(1).expect("no struct was entered");
        self.events.push(Event::Leave(field.name));
    }

    fn batch(&mut self, field: &'static Field, batch: &Batch) {
        self.events.push(Event::Batch(field.name, *batch));
    }
}
