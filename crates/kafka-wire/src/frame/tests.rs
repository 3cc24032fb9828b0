use std::vec::Vec;

use super::{FrameDecoder, FrameSize, Handler, Head, Outcome, Plan};
use crate::error::{Malformed, Stop};
use crate::intake::Source;
use crate::schema::{self, Field};
use crate::walk::{Flow, Value, Visitor};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Writes down what it is told, and answers as it was told to.
struct Script {
    head_size: usize,
    head: Head,
    give_up_at_client_id: bool,
    heads: Vec<Vec<u8>>,
    client_ids: Vec<Option<Vec<u8>>>,
    ends: Vec<(u32, Outcome)>,
}

impl Script {
    fn new(head_size: usize, size_bytes: usize, client_id: bool, plan: Plan) -> Self {
        Self {
            head_size,
            head: Head { size_bytes, client_id, plan },
            give_up_at_client_id: false,
            heads: Vec::new(),
            client_ids: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Visitor for Script {
    fn wants(&self, _field: &'static Field) -> bool {
        false
    }

    fn value(&mut self, _field: &'static Field, _value: Value<'_>) -> Flow {
        Flow::Continue
    }
}

impl Handler for Script {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        self.head_size
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        self.heads.push(bytes.to_vec());
        self.head
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        self.client_ids.push(id.map(<[u8]>::to_vec));
        !self.give_up_at_client_id
    }

    fn frame_end(&mut self, size: u32, outcome: Outcome) {
        self.ends.push((size, outcome));
    }
}

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

/// A source that says more than it has.
struct Broken;

impl Source for Broken {
    type Window = &'static [u8];

    fn len(&self) -> usize {
        100
    }

    fn read(&mut self, _offset: usize, _length: usize) -> Option<&'static [u8]> {
        None
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let size = i32::try_from(body.len()).unwrap();
    [size.to_be_bytes().as_slice(), body].concat()
}

/// ApiVersions v3: a flexible request of two texts.
fn walk(walk_max: u32) -> Plan {
    let message = &schema::api(18).unwrap().request;
    Plan::Walk { message, version: 3, header_tags: true, walk_max }
}

#[test]
fn a_head_is_shown_whole_however_it_comes() {
    let stream = framed(b"0123456789abcdef");
    for at in 0..stream.len() {
        let mut script = Script::new(8, 8, false, Plan::Skip);
        let mut decoder = FrameDecoder::new();
        let (front, back) = stream.split_at(at);
        decoder.run(&mut Piece(front), &mut script).unwrap();
        assert_eq!(script.ends, [], "the end is not there yet");
        decoder.run(&mut Piece(back), &mut script).unwrap();
        assert_eq!(script.heads, [b"01234567"]);
        assert_eq!(script.ends, [(16, Outcome::Decoded)]);
    }
}

#[test]
fn a_short_frame_shows_the_bytes_it_has() {
    for size in 0..=4 {
        let mut script = Script::new(4, 0, false, Plan::Skip);
        let body = &b"wxyz"[..size];
        let stream = [framed(body), framed(b"next")].concat();
        FrameDecoder::new().run(&mut Piece(&stream), &mut script).unwrap();
        assert_eq!(script.heads, [body, b"next"]);
        assert_eq!(script.ends.len(), 2);
    }
}

#[test]
fn no_more_than_the_bound_is_shown_of_a_head() {
    let mut script = Script::new(10_000, 0, false, Plan::Skip);
    FrameDecoder::new().run(&mut Piece(&framed(&[7; 100])), &mut script).unwrap();
    assert_eq!(script.heads, [[7; super::HEAD_MAX]]);
}

#[test]
fn client_ids_come_in_one_piece_or_not_at_all() {
    let long = [b'x'; crate::reader::STRING_MAX + 1];
    let most = &long[1..];
    for (bytes, expected) in [
        (None, None),
        (Some(b"".as_slice()), Some(b"".as_slice())),
        (Some(b"client"), Some(b"client")),
        (Some(most), Some(most)),
        (Some(long.as_slice()), None),
    ] {
        let length = bytes.map_or(-1, |id| i16::try_from(id.len()).unwrap());
        let mut message = b"HEADHEAD".to_vec();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(bytes.unwrap_or_default());
        // No tagged fields in the header, two empty texts, no tagged fields.
        message.extend_from_slice(&[0, 1, 1, 0]);
        let stream = framed(&message).repeat(2);
        for step in [1, 5, stream.len()] {
            let mut script = Script::new(8, 8, true, walk(1_000));
            let mut decoder = FrameDecoder::new();
            for piece in stream.chunks(step) {
                decoder.run(&mut Piece(piece), &mut script).unwrap();
            }
            assert_eq!(
                script.client_ids,
                [expected.map(<[u8]>::to_vec), expected.map(<[u8]>::to_vec)]
            );
            assert_eq!(script.ends.len(), 2);
        }
    }
}

#[test]
fn a_client_id_must_be_inside_its_frame() {
    let cases: [(&[u8], Malformed); 5] = [
        (b"HEADHEAD", Malformed::Truncated),
        (b"HEADHEAD\x00", Malformed::Truncated),
        (b"HEADHEAD\x00\x01", Malformed::Length),
        (b"HEADHEAD\x7f\xffabc", Malformed::Length),
        (b"HEADHEAD\xff\xfeabc", Malformed::Length),
    ];
    for (body, malformed) in cases {
        let mut script = Script::new(8, 8, true, Plan::Skip);
        let ended = FrameDecoder::new().run(&mut Piece(&framed(body)), &mut script);
        assert_eq!(ended, Err(Stop::Malformed(malformed)), "{body:?}");
    }
}

#[test]
fn bytes_behind_the_last_field_are_passed_over() {
    let body = [b"HEADHEAD\xff\xff".as_slice(), &[0, 1, 1, 0], &[0xee; 90]].concat();
    let mut script = Script::new(8, 8, true, walk(1_000));
    let stream = framed(&body).repeat(3);
    FrameDecoder::new().run(&mut Piece(&stream), &mut script).unwrap();
    assert_eq!(script.ends, [(104, Outcome::Decoded); 3]);
}

#[test]
fn a_walk_ends_at_its_limit_and_the_next_frame_begins() {
    let body = [b"HEADHEAD\xff\xff".as_slice(), &[0, 1, 1, 0]].concat();
    let mut script = Script::new(8, 8, true, walk(2));
    let stream = framed(&body).repeat(2);
    FrameDecoder::new().run(&mut Piece(&stream), &mut script).unwrap();
    assert_eq!(script.ends, [(14, Outcome::OverLimit); 2]);
}

#[test]
fn a_handler_may_give_up_at_every_place() {
    let stream = framed(b"HEADHEAD\x00\x01c");
    let run = |mut script: Script, stream: &[u8]| {
        FrameDecoder::new().run(&mut Piece(stream), &mut script)
    };
    let negative = (-1_i32).to_be_bytes();
    assert_eq!(run(Script::new(8, 8, false, Plan::Skip), &negative), Err(Stop::Handler));
    assert_eq!(run(Script::new(8, 8, false, Plan::GiveUp), &stream), Err(Stop::Handler));
    let at_client_id = Script { give_up_at_client_id: true, ..Script::new(8, 8, true, Plan::Skip) };
    assert_eq!(run(at_client_id, &stream), Err(Stop::Handler));
}

#[test]
fn a_source_that_fails_ends_decoding() {
    let mut script = Script::new(8, 8, false, Plan::Skip);
    assert_eq!(FrameDecoder::new().run(&mut Broken, &mut script), Err(Stop::Source));
}

#[test]
fn a_payload_that_nobody_wants_is_not_read() {
    struct Strict<'a>(&'a [u8], usize);
    impl<'a> Source for Strict<'a> {
        type Window = &'a [u8];
        fn len(&self) -> usize {
            self.0.len()
        }
        fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
            self.1 += length;
            self.0.get(offset..)?.get(..length)
        }
    }
    let stream = framed(&[9; 1 << 20]).repeat(2);
    let mut source = Strict(&stream, 0);
    let mut script = Script::new(8, 8, false, Plan::Skip);
    FrameDecoder::new().run(&mut source, &mut script).unwrap();
    assert_eq!(script.ends.len(), 2);
    assert!(source.1 <= 3 * crate::intake::WINDOW_MAX, "{} bytes of 2 MiB were read", source.1);
}
