//! Bytes from someone who means ill, for every API, version and direction: the decoder ends, in a
//! time bounded by their number, without a panic, without asking for bytes that are not there, and
//! sees the same however they were split.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test says so by panicking"
)]

#[path = "support/every_field.rs"]
mod every_field;

use every_field::{EveryField, Pieces, Random, messages};
use kafka_wire::schema::Direction;
use kafka_wire::{FrameDecoder, Stop, limits};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the decoder made of a frame.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    outcome: Result<(), Stop>,
    events: usize,
    digest: u64,
    frames: usize,
}

#[test]
fn random_bodies() {
    let mut random = Random::new(1);
    for (direction, key, version) in messages() {
        for size in [0, 1, 2, 5, 17, 61, 200, 900] {
            let body = random.bytes(size);
            check(direction, key, version, &body, &mut random);
        }
    }
}

/// Bytes that read as extreme numbers: counts and lengths of zero, of all there is, of more than
/// there is, of less than nothing; tags without end; structs as deep as the tables go.
#[test]
fn extreme_bodies() {
    let mut random = Random::new(2);
    let patterns: [&[u8]; 12] = [
        &[0x00],
        &[0x01],
        &[0x02],
        &[0x7f],
        &[0x80],
        &[0xff],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0xff, 0xff, 0xff, 0xfe],
        &[0x00, 0x00, 0x00, 0x01],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x02, 0x00],
    ];
    for (direction, key, version) in messages() {
        for pattern in patterns {
            let body: Vec<u8> = pattern.iter().copied().cycle().take(400).collect();
            check(direction, key, version, &body, &mut random);
        }
    }
}

/// Mostly zeroes and ones: such bodies pass many checks and get deep into a message.
#[test]
fn bodies_that_get_far() {
    let mut random = Random::new(3);
    let mut far = 0;
    for (direction, key, version) in messages() {
        for _ in 0..12 {
            let body: Vec<u8> =
                (0..300).map(|_| [0, 0, 0, 0, 1, 1, 2, 3, 0xff][random.below(9)]).collect();
            far = far.max(check(direction, key, version, &body, &mut random).events);
        }
    }
    assert!(far > 100, "no body got further than {far} fields");
}

/// A count costs no more than the bytes that back it.
#[test]
fn a_large_frame_costs_its_bytes_and_no_more() {
    let mut random = Random::new(4);
    for (key, version) in [(0, 9), (1, 12), (3, 12), (18, 3)] {
        for byte in [0, 1, 2] {
            let body = vec![byte; 300_000];
            check(Direction::Response, key, version, &body, &mut random);
        }
    }
}

/// Sizes that lie about what follows: the frame ends where its size says, or never.
#[test]
fn sizes_that_lie() {
    for (size, expected) in [(0, 1), (1, 1), (12, 1), (i32::MAX, 0)] {
        let mut every = EveryField::new(Direction::Response, 18, 0);
        let mut decoder = FrameDecoder::new();
        let prefix = size.to_be_bytes();
        // What is too short for a header is the handler's to refuse; here it skips.
        every.skip = true;
        decoder.run(&mut Pieces::new(&prefix), &mut every).unwrap();
        let body = vec![0; usize::try_from(size).unwrap().min(1 << 16)];
        decoder.run(&mut Pieces::new(&body), &mut every).unwrap();
        assert_eq!(every.frames, expected, "{size}");
    }
}

fn check(direction: Direction, key: i16, version: i16, body: &[u8], random: &mut Random) -> Seen {
    let frame = every_field::frame(direction, key, version, body);
    let whole = decode(direction, key, version, &[&frame]);
    let size = frame.len();
    // Each field takes a byte at least, and begins and ends structs around it.
    assert!(
        whole.events <= (limits::STACK_MAX + 2) * (size + 8),
        "{} events of {size} bytes in {key} v{version}",
        whole.events
    );
    let cut = random.below(size);
    let (front, back) = frame.split_at(cut);
    assert_eq!(whole, decode(direction, key, version, &[front, back]), "{key} v{version} at {cut}");
    if size < 500 {
        let bytes: Vec<&[u8]> = frame.chunks(1).collect();
        assert_eq!(whole, decode(direction, key, version, &bytes), "{key} v{version} by bytes");
    }
    whole
}

fn decode(direction: Direction, key: i16, version: i16, pieces: &[&[u8]]) -> Seen {
    let mut every = EveryField::new(direction, key, version);
    let mut decoder = FrameDecoder::new();
    let mut outcome = Ok(());
    for piece in pieces {
        let mut source = Pieces::new(piece);
        outcome = decoder.run(&mut source, &mut every);
        assert!(
            source.read <= 2 * piece.len() + limits::CARRY_MAX,
            "{} bytes read of {} in {key} v{version}",
            source.read,
            piece.len()
        );
        if outcome.is_err() {
            break;
        }
    }
    Seen { outcome, events: every.events, digest: every.digest, frames: every.frames }
}
