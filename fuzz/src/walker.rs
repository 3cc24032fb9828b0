//! Bodies of every API and version: arbitrary, encoded, and encoded with a byte changed.
//!
//! What the encoder wrote must be what the walker shows; anything else must not panic, not depend on the
//! split, and not take more memory.

use kafka_wire::schema::{self, Field, Message};
use kafka_wire::{
    Batch, Flow, FrameDecoder, FrameSize, Handler, Head, Outcome, Plan, Stop, Value, Visitor,
};

use crate::encode::{self, Style};
use crate::frame::deliver;
use crate::heap;
use crate::input::Input;
use crate::trace::{Event, Trace};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let apis: Vec<_> = schema::apis().collect();
    let api = apis[input.below(apis.len())];
    let choice = input.byte();
    let message = if choice & 1 == 0 { &api.request } else { &api.response };
    let version = i16::from(input.byte() % (message.versions.last + 2));
    let header_tags = choice & 2 != 0;
    let mut walk = Walk { message, version, header_tags, walk_max: u32::MAX, unwanted_roles: 0 };
    let mut bytes = Vec::new();
    if header_tags {
        encode::unknown_tags(&mut bytes, Style::Any, &mut input);
    }
    match (choice >> 2) % 4 {
        0 => {
            let body = encode::body(message, version, Style::Any, &mut input);
            bytes.extend_from_slice(&body.bytes);
            bytes.extend_from_slice(input.bytes());
            walk.check_encoded(&bytes, &body.events);
        }
        1 => {
            bytes.extend_from_slice(&encode::body(message, version, Style::Any, &mut input).bytes);
            for _ in 0..=input.below(4) {
                let place = usize::from(input.int16().unsigned_abs()) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= input.byte();
                }
            }
        }
        2 => {
            bytes.extend_from_slice(&encode::body(message, version, Style::Any, &mut input).bytes);
            let cut = usize::from(input.int16().unsigned_abs()) % (bytes.len() + 1);
            bytes.truncate(cut);
        }
        _ => bytes.extend_from_slice(input.take(usize::MAX)),
    }
    walk.walk_max = [u32::MAX, 0, 7, 100][input.below(4)];
    walk.unwanted_roles = u32::from_be_bytes(input.array());
    let whole = walk.traced(&bytes, &[bytes.len()]);
    assert_eq!(whole, walk.traced(&bytes, &[1]), "L2: whole and byte by byte");
    let splits = [input.below(256), input.below(256), input.below(256)];
    assert_eq!(whole, walk.traced(&bytes, &splits), "L2: whole and by {splits:?}");
    walk.check_memory(&bytes);
}

/// How a body is walked.
struct Walk {
    message: &'static Message,
    version: i16,
    header_tags: bool,
    walk_max: u32,
    unwanted_roles: u32,
}

impl Walk {
    fn traced(&self, bytes: &[u8], splits: &[usize]) -> (Vec<Event>, Result<(), Stop>) {
        let trace = Trace::new(self.unwanted_roles, 0);
        let mut body = Body { walk: self, visitor: trace, outcome: None };
        let result = deliver(&mut FrameDecoder::new(), &framed(bytes), splits, &mut body);
        if result.is_ok() {
            let outcome = body.outcome.expect("the frame is complete");
            body.visitor.end_message(outcome == Outcome::Decoded);
            body.visitor.events.push(Event::End(0, outcome));
        }
        (body.visitor.events, result)
    }

    /// What was written is what is shown, batches aside, which the encoder does not list.
    fn check_encoded(&self, bytes: &[u8], written: &[Event]) {
        let (mut shown, result) = self.traced(bytes, &[bytes.len() + 4]);
        let name = self.message.name;
        let version = self.version;
        assert_eq!(result, Ok(()), "{name} v{version} as encoded");
        assert_eq!(shown.pop(), Some(Event::End(0, Outcome::Decoded)), "{name} v{version}");
        shown.retain(|event| !matches!(event, Event::Batch(..)));
        assert_eq!(shown, written, "{name} v{version}");
    }

    /// Decoding takes no memory but the decoder's own, which does not grow.
    fn check_memory(&self, bytes: &[u8]) {
        let frame = framed(bytes);
        let mut decoder = FrameDecoder::new();
        let mut body = Body { walk: self, visitor: Blind, outcome: None };
        let before = heap::live_bytes();
        // The end is the same with an error; here only memory counts.
        let _ = deliver(&mut decoder, &frame, &[3], &mut body);
        assert_eq!(heap::live_bytes(), before, "L3: decoding took memory");
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let size = i32::try_from(bytes.len()).expect("a body below 2 GiB");
    [&size.to_be_bytes(), bytes].concat()
}

/// One frame that is a body from its first byte on.
struct Body<'w, V> {
    walk: &'w Walk,
    visitor: V,
    outcome: Option<Outcome>,
}

impl<V: Visitor> Handler for Body<'_, V> {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        0
    }

    fn head(&mut self, _bytes: &[u8]) -> Head {
        let Walk { message, version, header_tags, walk_max, .. } = *self.walk;
        let plan = Plan::Walk { message, version, header_tags, walk_max };
        Head { size_bytes: 0, client_id: false, plan }
    }

    fn frame_end(&mut self, _size: u32, outcome: Outcome) {
        assert_eq!(self.outcome.replace(outcome), None, "the frame ends once");
    }
}

impl<V: Visitor> Visitor for Body<'_, V> {
    fn wants(&self, field: &'static Field) -> bool {
        self.visitor.wants(field)
    }

    fn wants_contents(&self, field: &'static Field) -> bool {
        self.visitor.wants_contents(field)
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        self.visitor.value(field, value)
    }

    fn contents(&mut self, field: &'static Field, bytes: &[u8]) {
        self.visitor.contents(field, bytes);
    }

    fn enter(&mut self, field: &'static Field) {
        self.visitor.enter(field);
    }

    fn leave(&mut self, field: &'static Field) {
        self.visitor.leave(field);
    }

    fn batch(&mut self, field: &'static Field, batch: &Batch) {
        self.visitor.batch(field, batch);
    }
}

/// Wants all and keeps nothing.
struct Blind;

impl Visitor for Blind {
    fn wants(&self, _field: &'static Field) -> bool {
        true
    }

    fn wants_contents(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, _field: &'static Field, _value: Value<'_>) -> Flow {
        Flow::Continue
    }
}
