//! The limit on walked bytes falls on the same byte however the input is split.

#![expect(clippy::expect_used, reason = "a failed test says so by panicking")]

use kafka_wire::schema::{self, Field};
use kafka_wire::{
    Flow, FrameDecoder, FrameSize, Handler, Head, Outcome, Plan, Source, Value, Visitor,
};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes of one callback.
struct Piece<'a>(&'a [u8]);

impl<'a> Source for Piece<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..)?.get(..length)
    }
}

/// Walks SaslAuthenticate v0 requests, whose one field is bytes, up to a limit.
struct Limited {
    walk_max: u32,
    contents: Vec<u8>,
    outcome: Option<Outcome>,
}

impl Handler for Limited {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        0
    }

    fn head(&mut self, _bytes: &[u8]) -> Head {
        let message = &schema::api(36).expect("SaslAuthenticate").request;
        let walk_max = self.walk_max;
        let plan = Plan::Walk { message, version: 0, header_tags: false, walk_max };
        Head { size_bytes: 0, client_id: false, plan }
    }

    fn frame_end(&mut self, _size: u32, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Visitor for Limited {
    fn wants(&self, _field: &'static Field) -> bool {
        true
    }

    fn wants_contents(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, _field: &'static Field, _value: Value<'_>) -> Flow {
        Flow::Continue
    }

    fn contents(&mut self, _field: &'static Field, bytes: &[u8]) {
        self.contents.extend_from_slice(bytes);
    }
}

#[test]
fn contents_end_at_the_limit_for_every_split() {
    // A frame of 24 bytes: a length of 20 and the bytes 1 to 20.
    let mut stream = vec![0, 0, 0, 24, 0, 0, 0, 20];
    stream.extend(1..=20_u8);
    // Four of the seven bytes go to the length.
    for (walk_max, expected, outcome) in [
        (7, &[1, 2, 3][..], Outcome::OverLimit),
        (24, &stream[8..], Outcome::OverLimit),
        (25, &stream[8..], Outcome::Decoded),
    ] {
        for piece in 1..=stream.len() {
            let mut limited = Limited { walk_max, contents: Vec::new(), outcome: None };
            let mut decoder = FrameDecoder::new();
            for bytes in stream.chunks(piece) {
                decoder.run(&mut Piece(bytes), &mut limited).expect("right bytes");
            }
            assert_eq!(limited.contents, expected, "limit {walk_max}, pieces of {piece}");
            assert_eq!(limited.outcome, Some(outcome), "limit {walk_max}, pieces of {piece}");
        }
    }
}
