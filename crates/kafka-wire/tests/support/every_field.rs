//! A handler that wants every field of one message, and a source that is strict about ranges.

#![allow(dead_code, reason = "each test uses a part")]

use kafka_wire::header::{self, REQUEST_HEADER_SIZE, RESPONSE_HEADER_SIZE};
use kafka_wire::schema::{self, Direction, Field, Message};
use kafka_wire::{Batch, Flow, FrameSize, Handler, Head, Outcome, Plan, Source, Value, Visitor};

/// Every API, version and direction of the tables.
pub(crate) fn messages() -> impl Iterator<Item = (Direction, i16, i16)> {
    schema::apis().flat_map(|api| {
        [(Direction::Request, &api.request), (Direction::Response, &api.response)]
            .into_iter()
            .flat_map(|(direction, message)| {
                let versions = message.versions.first..=message.versions.last;
                versions.map(move |version| (direction, message.api_key, i16::from(version)))
            })
    })
}

/// A frame of this message: a valid header, then `body`.
pub(crate) fn frame(direction: Direction, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    if direction == Direction::Request {
        message.extend_from_slice(&key.to_be_bytes());
        message.extend_from_slice(&version.to_be_bytes());
    }
    message.extend_from_slice(&7_i32.to_be_bytes());
    if direction == Direction::Request && (key, version) != (7, 0) {
        message.extend_from_slice(&[0, 2, b'm', b'e']);
    }
    message.extend_from_slice(body);
    let size = i32::try_from(message.len()).unwrap();
    [size.to_be_bytes().as_slice(), &message].concat()
}

/// Counts what it is told, and keeps a digest of it that does not depend on splits.
pub(crate) struct EveryField {
    direction: Direction,
    message: &'static Message,
    version: i16,
    /// Skips bodies.
    pub(crate) skip: bool,
    pub(crate) events: usize,
    pub(crate) digest: u64,
    pub(crate) frames: usize,
    depth: usize,
    walk_max: u32,
}

impl EveryField {
    pub(crate) fn new(direction: Direction, key: i16, version: i16) -> Self {
        let message = schema::api(key).unwrap().message(direction);
        Self {
            direction,
            message,
            version,
            skip: false,
            events: 0,
            digest: 0,
            frames: 0,
            depth: 0,
            walk_max: u32::MAX,
        }
    }

    /// Walks so many bytes of a body at most.
    pub(crate) fn walking(self, walk_max: u32) -> Self {
        Self { walk_max, ..self }
    }

    fn note(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn event(&mut self, field: &Field, what: u8) {
        self.events += 1;
        self.note(field.name.as_bytes());
        self.note(&[what]);
    }
}

impl Visitor for EveryField {
    fn wants(&self, _field: &'static Field) -> bool {
        true
    }

    fn wants_contents(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        match value {
            Value::Null => self.event(field, 0),
            Value::Bool(value) => self.event(field, 1 + u8::from(value)),
            Value::Int(value) => {
                self.event(field, 3);
                self.note(&value.to_be_bytes());
            }
            Value::Float64(value) => {
                self.event(field, 4);
                self.note(&value.to_bits().to_be_bytes());
            }
            Value::Uuid(id) => {
                self.event(field, 5);
                self.note(id);
            }
            Value::String(text) => {
                self.event(field, 6);
                self.note(text);
            }
            Value::Contents(size) | Value::Records(size) | Value::Array(size) => {
                self.event(field, 7);
                self.note(&size.to_be_bytes());
            }
        }
        Flow::Continue
    }

    fn contents(&mut self, _field: &'static Field, bytes: &[u8]) {
        // How contents are cut into pieces depends on the split; their bytes do not.
        self.note(bytes);
    }

    fn enter(&mut self, field: &'static Field) {
        self.event(field, 8);
        self.depth += 1;
        assert!(self.depth < kafka_wire::limits::STACK_MAX, "deeper than the stack");
    }

    fn leave(&mut self, field: &'static Field) {
        self.event(field, 9);
        self.depth = self.depth.checked_sub(1).expect("what is left was entered");
    }

    fn batch(&mut self, field: &'static Field, batch: &Batch) {
        self.event(field, 10);
        self.note(&batch.base_offset.to_be_bytes());
        self.note(&batch.size_bytes.to_be_bytes());
        self.note(&batch.records.to_be_bytes());
    }
}

impl Handler for EveryField {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        match self.direction {
            Direction::Request => REQUEST_HEADER_SIZE,
            Direction::Response => RESPONSE_HEADER_SIZE,
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        if self.skip {
            return Head { size_bytes: 0, client_id: false, plan: Plan::Skip };
        }
        assert!(bytes.len() <= self.head_size());
        let (message, version) = (self.message, self.version);
        let (client_id, header_tags) = match self.direction {
            Direction::Request => {
                ((message.api_key, version) != (7, 0), header::request_has_tags(message, version))
            }
            Direction::Response => (false, header::response_has_tags(message, version)),
        };
        let plan = Plan::Walk { message, version, header_tags, walk_max: self.walk_max };
        Head { size_bytes: self.head_size(), client_id, plan }
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        self.note(id.unwrap_or(b"null"));
        true
    }

    fn frame_end(&mut self, size: u32, outcome: Outcome) {
        self.frames += 1;
        self.depth = 0;
        self.note(&size.to_be_bytes());
        self.note(&[u8::from(outcome == Outcome::OverLimit)]);
    }
}

/// One callback's bytes; a read outside of them is an error of the decoder.
pub(crate) struct Pieces<'a> {
    bytes: &'a [u8],
    /// Bytes that were asked for in all.
    pub(crate) read: usize,
    pub(crate) reads: Vec<(usize, usize)>,
    /// Fails at the read of this number.
    pub(crate) fail_at: Option<usize>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0, reads: Vec::new(), fail_at: None }
    }
}

impl<'a> Source for Pieces<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        assert!(length > 0, "a read of nothing");
        assert!(
            offset.checked_add(length).is_some_and(|end| end <= self.bytes.len()),
            "{length} bytes at {offset} of {}",
            self.bytes.len()
        );
        if self.fail_at == Some(self.reads.len()) {
            return None;
        }
        self.read += length;
        self.reads.push((offset, length));
        self.bytes.get(offset..offset + length)
    }
}

/// Random numbers that are the same in every run (xorshift64*, Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 16) % u64::try_from(end).unwrap()).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}
