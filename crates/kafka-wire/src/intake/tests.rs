use std::vec::Vec;

use bytes::BytesMut;

use super::{CARRY_MAX, Intake, Shortage, Source, WINDOW_MAX, WINDOW_MIN};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes that notes what is read of them.
struct Noted<'a> {
    bytes: &'a [u8],
    reads: Vec<(usize, usize)>,
}

impl<'a> Source for Noted<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.reads.push((offset, length));
        Some(&self.bytes[offset..offset + length])
    }
}

fn numbered(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// Takes values of the given sizes off a stream cut into pieces; they come out as they went in.
fn values(stream: &[u8], step: usize, sizes: &[usize]) {
    let mut carry = BytesMut::with_capacity(CARRY_MAX);
    let mut window_size = WINDOW_MIN;
    let mut found = Vec::new();
    let mut next = 0;
    for piece in stream.chunks(step) {
        let mut source = Noted { bytes: piece, reads: Vec::new() };
        let mut intake = Intake::new(&mut carry, &mut window_size, &mut source);
        loop {
            let need = sizes[next % sizes.len()];
            match intake.peek(need) {
                Ok(bytes) => {
                    assert!(bytes.len() >= need);
                    found.extend_from_slice(&bytes[..need]);
                    intake.consume(need);
                    next += 1;
                }
                Err(Shortage::Later) => break,
                Err(Shortage::Source) => panic!("the source did not fail"),
            }
        }
        assert!(carry.len() < 256 && carry.capacity() == CARRY_MAX, "{}", carry.len());
    }
    assert_eq!(found, stream[..found.len()]);
    assert!(stream.len() - found.len() < 256, "{} of {}", found.len(), stream.len());
}

#[test]
fn values_come_out_as_they_went_in() {
    let stream = numbered(5_000);
    for step in [1, 2, 3, 16, 255, 256, 257, 511, 512, 513, 1_500, 5_000] {
        values(&stream, step, &[1, 4, 256, 2, 61, 8, 255]);
        values(&stream, step, &[256]);
        values(&stream, step, &[3]);
    }
}

#[test]
fn what_is_skipped_is_not_read() {
    let bytes = numbered(100_000);
    let mut carry = BytesMut::with_capacity(CARRY_MAX);
    let mut window_size = WINDOW_MIN;
    let mut source = Noted { bytes: &bytes, reads: Vec::new() };
    let mut intake = Intake::new(&mut carry, &mut window_size, &mut source);
    assert_eq!(intake.skip(90_000), 90_000);
    assert_eq!(intake.peek(4).unwrap()[..4], bytes[90_000..90_004]);
    assert_eq!(intake.skip(20_000), 10_000, "no more than there is");
    assert_eq!(source.reads, [(90_000, WINDOW_MIN)]);
}

#[test]
fn reading_on_takes_larger_windows_up_to_a_bound() {
    let bytes = numbered(100_000);
    let mut carry = BytesMut::with_capacity(CARRY_MAX);
    let mut window_size = WINDOW_MIN;
    let mut source = Noted { bytes: &bytes, reads: Vec::new() };
    let mut intake = Intake::new(&mut carry, &mut window_size, &mut source);
    for at in 0..bytes.len() / 100 {
        assert_eq!(intake.peek(100).unwrap()[..100], bytes[at * 100..at * 100 + 100]);
        intake.consume(100);
    }
    let sizes: Vec<usize> = source.reads.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes[0], WINDOW_MIN);
    assert!(sizes.iter().all(|&size| size <= WINDOW_MAX));
    assert!(sizes.len() < 12, "{sizes:?}");
}

#[test]
fn a_skip_goes_over_what_was_carried() {
    let bytes = numbered(40);
    let mut carry = BytesMut::with_capacity(CARRY_MAX);
    let mut window_size = WINDOW_MIN;
    let mut first = Noted { bytes: &bytes[..10], reads: Vec::new() };
    let mut intake = Intake::new(&mut carry, &mut window_size, &mut first);
    assert_eq!(intake.peek(20), Err(Shortage::Later));
    let mut second = Noted { bytes: &bytes[10..], reads: Vec::new() };
    let mut intake = Intake::new(&mut carry, &mut window_size, &mut second);
    assert_eq!(intake.skip(4), 4);
    assert_eq!(intake.peek(20).unwrap()[..20], bytes[4..24]);
    assert_eq!(intake.skip(30), 30);
    assert_eq!(intake.peek(6).unwrap(), &bytes[34..]);
}
