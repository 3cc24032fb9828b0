//! Decoding allocates nothing: one buffer a stream, when it begins.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "support/alloc.rs"]
mod alloc;
#[path = "support/every_field.rs"]
mod every_field;

use alloc::{Counting, count, held};
use every_field::{EveryField, Random, frame, messages};
use kafka_wire::{FrameDecoder, Source, limits};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

/// Every message with bodies of all sorts, most of them against their schema, in pieces.
#[test]
fn decoding_allocates_nothing() {
    let mut random = Random::new(5);
    for (direction, key, version) in messages() {
        let mut body = random.bytes(200);
        for (at, byte) in body.iter_mut().enumerate() {
            // A body of small numbers gets further than one of noise.
            *byte = if at % 3 == 0 { *byte % 3 } else { 0 };
        }
        let frame = frame(direction, key, version, &body);
        for step in [1, 7, frame.len()] {
            let mut decoder = FrameDecoder::new();
            let mut every = EveryField::new(direction, key, version);
            let allocations = count(|| {
                for piece in frame.chunks(step) {
                    if decoder.run(&mut Piece(piece), &mut every).is_err() {
                        break;
                    }
                }
            });
            assert_eq!(allocations, 0, "{key} v{version} in steps of {step}");
        }
    }
}

/// Nor does a long stream: what was carried over once is carried over again and again.
#[test]
fn a_long_stream_allocates_nothing() {
    let body = [[0, 3].as_slice(), &[0, 0, 0, 9], &[0; 9 * 6]].concat();
    let frame = frame(kafka_wire::schema::Direction::Response, 18, 0, &body);
    let stream = frame.repeat(500);
    let mut decoder = FrameDecoder::new();
    let mut every = EveryField::new(kafka_wire::schema::Direction::Response, 18, 0);
    let allocations = count(|| {
        for piece in stream.chunks(13) {
            decoder.run(&mut Piece(piece), &mut every).expect("a valid stream");
        }
    });
    assert_eq!((allocations, every.frames), (0, 500));
}

#[test]
fn a_decoder_holds_one_buffer_of_fixed_size() {
    let before = held();
    let allocations = count(|| drop(FrameDecoder::new()));
    assert_eq!((allocations, held()), (1, before));
    let decoder = FrameDecoder::new();
    assert_eq!(held() - before, isize::try_from(limits::CARRY_MAX).unwrap());
    drop(decoder);
}
