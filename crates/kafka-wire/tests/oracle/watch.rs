//! A handler that wants everything, or a choice of it, and writes it down in the oracle's words.

use std::fmt::Write as _;

use kafka_wire::header::{
    self, REQUEST_HEADER_SIZE, RESPONSE_HEADER_SIZE, RequestHeader, correlation_id,
};
use kafka_wire::schema::{self, Direction, Field, Kind};
use kafka_wire::{Batch, Flow, FrameSize, Handler, Head, Outcome, Plan, Source, Value, Visitor};

/// What was seen so far.
pub(crate) struct Watch {
    direction: Direction,
    /// Key and version of a response; a request says them itself.
    expected: Option<(i16, i16)>,
    pub(crate) frames: usize,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: String,
    pub(crate) fields: Vec<String>,
    /// Which of several choices of fields is wanted; all fields without one.
    choice: Option<u32>,
    /// Bytes of the last field that are still to come.
    pieces_left: usize,
}

/// The bytes of one callback.
pub(crate) struct Slice<'a>(pub(crate) &'a [u8]);

impl Watch {
    pub(crate) fn of(direction: Direction, key: i16, version: i16) -> Self {
        Self {
            direction,
            expected: Some((key, version)),
            frames: 0,
            correlation_id: 0,
            client_id: "-".to_owned(),
            fields: Vec::new(),
            choice: None,
            pieces_left: 0,
        }
    }

    /// For a stream of requests of any kind.
    pub(crate) fn of_requests() -> Self {
        Self { expected: None, ..Self::of(Direction::Request, 0, 0) }
    }

    /// Wants the fields of this choice alone.
    pub(crate) fn choosing(self, choice: u32) -> Self {
        Self { choice: Some(choice), ..self }
    }

    fn found(&mut self, field: &Field, value: &str) {
        assert_eq!(
            self.pieces_left,
            0,
            "{} came before the end of {:?}",
            field.name,
            self.fields.last()
        );
        let name = field.name.to_ascii_lowercase();
        self.fields.push(format!("{name}={value}"));
    }
}

impl Visitor for Watch {
    fn wants(&self, field: &'static Field) -> bool {
        self.choice.is_none_or(|choice| is_chosen(&field.name.to_ascii_lowercase(), choice))
    }

    fn wants_contents(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        let text = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("z:{value}"),
            Value::Int(value) => format!("i:{value}"),
            Value::Float64(value) => format!("d:{:x}", value.to_bits()),
            Value::Uuid(id) => format!("u:{}", hex(id)),
            Value::String(text) => format!("s:{}", hex(text)),
            Value::Contents(_) if is_text(&field.kind) => "s:".to_owned(),
            Value::Contents(_) => "b:".to_owned(),
            Value::Records(size) => format!("r:{size}"),
            Value::Array(count) => format!("a:{count}"),
        };
        self.found(field, &text);
        if let Value::Contents(size) = value {
            self.pieces_left = usize::try_from(size).unwrap();
        }
        Flow::Continue
    }

    fn contents(&mut self, _field: &'static Field, bytes: &[u8]) {
        self.pieces_left = self.pieces_left.checked_sub(bytes.len()).unwrap();
        self.fields.last_mut().unwrap().push_str(&hex(bytes));
    }

    fn enter(&mut self, field: &'static Field) {
        self.found(field, "{");
    }

    fn leave(&mut self, field: &'static Field) {
        self.found(field, "}");
    }

    fn batch(&mut self, field: &'static Field, batch: &Batch) {
        let text = format!(
            "B:{},{},{},{},{},{},{},{},{}",
            batch.base_offset,
            batch.size_bytes,
            batch.magic,
            batch.codec().name(),
            batch.last_offset_delta,
            batch.max_timestamp,
            batch.records,
            batch.is_control(),
            batch.is_log_append_time(),
        );
        self.found(field, &text);
    }
}

impl Handler for Watch {
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
        let give_up = Head { size_bytes: 0, client_id: false, plan: Plan::GiveUp };
        let (key, version, client_id) = match self.direction {
            Direction::Request => {
                let Some(header) = RequestHeader::parse(bytes) else { return give_up };
                self.correlation_id = header.correlation_id;
                if let Some(expected) = self.expected {
                    assert_eq!((header.api_key, header.api_version), expected);
                }
                (header.api_key, header.api_version, header.has_client_id())
            }
            Direction::Response => {
                let Some(id) = correlation_id(bytes) else { return give_up };
                self.correlation_id = id;
                let (key, version) = self.expected.unwrap();
                (key, version, false)
            }
        };
        let message = schema::api(key).unwrap().message(self.direction);
        let header_tags = match self.direction {
            Direction::Request => header::request_has_tags(message, version),
            Direction::Response => header::response_has_tags(message, version),
        };
        let plan = Plan::Walk { message, version, header_tags, walk_max: u32::MAX };
        Head { size_bytes: bytes.len(), client_id, plan }
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        self.client_id = id.map_or("null".to_owned(), |id| format!("s:{}", hex(id)));
        true
    }

    fn frame_end(&mut self, _size: u32, outcome: Outcome) {
        assert_eq!(outcome, Outcome::Decoded);
        assert_eq!(self.pieces_left, 0);
        self.frames += 1;
    }
}

impl<'a> Source for Slice<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..offset + length)
    }
}

/// Whether a choice has the field of this name: some half of all fields, another half each time;
/// the last choice has none.
pub(crate) fn is_chosen(name: &str, choice: u32) -> bool {
    let hash = name.bytes().fold(17_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(byte));
    choice < LAST_CHOICE && hash.wrapping_mul(0x9e37_79b9) >> (31 - choice) & 1 == 1
}

pub(crate) const LAST_CHOICE: u32 = 4;

fn is_text(kind: &Kind) -> bool {
    match kind {
        Kind::Array(element) => is_text(element),
        kind => matches!(kind, Kind::String),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
