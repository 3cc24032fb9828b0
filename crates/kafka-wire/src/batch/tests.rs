use std::vec::Vec;

use super::{Batch, Codec, Entry, entry};
use crate::reader::Halt;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A header of magic 2 by hand (protocol guide, "Record Batch"), and so many bytes of payload.
fn batch(length: i32, magic: i8, attributes: i16, records: i32, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&1_000_i64.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&5_i32.to_be_bytes());
    bytes.extend_from_slice(&magic.to_be_bytes());
    bytes.extend_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    bytes.extend_from_slice(&attributes.to_be_bytes());
    bytes.extend_from_slice(&9_i32.to_be_bytes());
    bytes.extend_from_slice(&111_i64.to_be_bytes());
    bytes.extend_from_slice(&222_i64.to_be_bytes());
    bytes.extend_from_slice(&(-1_i64).to_be_bytes());
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    bytes.extend_from_slice(&records.to_be_bytes());
    assert_eq!(bytes.len(), 61);
    bytes.resize(61 + payload, 0x77);
    bytes
}

/// An old message by hand (protocol guide, "Message sets").
fn message(magic: i8, attributes: i8, value: usize) -> Vec<u8> {
    let timestamp: &[u8] = if magic == 0 { &[] } else { &333_i64.to_be_bytes() };
    let length = i32::try_from(4 + 1 + 1 + timestamp.len() + 4 + 4 + value).unwrap();
    let mut bytes = 7_i64.to_be_bytes().to_vec();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[1, 2, 3, 4]);
    bytes.extend_from_slice(&magic.to_be_bytes());
    bytes.extend_from_slice(&attributes.to_be_bytes());
    bytes.extend_from_slice(timestamp);
    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    bytes.extend_from_slice(&i32::try_from(value).unwrap().to_be_bytes());
    bytes.resize(12 + usize::try_from(length).unwrap(), 0x77);
    bytes
}

fn whole(bytes: &[u8]) -> Batch {
    let left = u32::try_from(bytes.len()).unwrap();
    match entry(bytes, left) {
        Ok(Entry::Whole(batch)) => batch,
        other => panic!("{other:?}"),
    }
}

fn is_rest(bytes: &[u8]) -> bool {
    entry(bytes, u32::try_from(bytes.len()).unwrap()) == Ok(Entry::Rest)
}

#[test]
fn a_batch_shows_its_header() {
    let expected = Batch {
        base_offset: 1_000,
        size_bytes: 161,
        magic: 2,
        attributes: 3,
        last_offset_delta: 9,
        max_timestamp: 222,
        records: 10,
    };
    assert_eq!(whole(&batch(149, 2, 3, 10, 100)), expected);
}

#[test]
fn old_messages_count_one_each() {
    for (magic, max_timestamp) in [(0, -1), (1, 333)] {
        let bytes = message(magic, 2, 11);
        let found = whole(&bytes);
        assert_eq!((found.records, found.magic, found.codec()), (1, magic, Codec::Snappy));
        assert_eq!(found.max_timestamp, max_timestamp);
        assert_eq!(found.size_bytes, u32::try_from(bytes.len()).unwrap());
        assert!(!found.is_control());
    }
}

#[test]
fn what_is_no_whole_batch_is_the_rest() {
    assert!(is_rest(&[]));
    assert!(is_rest(&[0; 16]), "shorter than up to the magic byte");
    assert!(is_rest(&[0; 17]), "magic 0, and too short for a message");
    assert!(is_rest(&batch(150, 2, 0, 1, 100)), "one byte was cut off");
    assert!(is_rest(&batch(i32::MAX, 2, 0, 1, 100)));
    assert!(is_rest(&batch(-1, 2, 0, 1, 100)));
    assert!(is_rest(&batch(i32::MIN, 2, 0, 1, 100)));
    assert!(is_rest(&batch(48, 2, 0, 1, 100)), "a length shorter than the header");
    assert!(is_rest(&batch(149, 3, 0, 1, 100)), "a format of the future");
    assert!(is_rest(&batch(149, -1, 0, 1, 100)));
    assert!(is_rest(&message(0, 0, 5)[..28]), "an old message cut off");
}

#[test]
fn the_smallest_of_each_format_is_whole() {
    assert_eq!(whole(&batch(49, 2, 0, 0, 0)).size_bytes, 61);
    assert_eq!(whole(&message(0, 0, 0)).size_bytes, 26);
    assert_eq!(whole(&message(1, 0, 0)).size_bytes, 34);
}

#[test]
fn a_count_below_zero_is_none() {
    assert_eq!(whole(&batch(49, 2, 0, -1, 0)).records, 0);
    assert_eq!(whole(&batch(49, 2, 0, i32::MAX, 0)).records, 0x7fff_ffff);
}

#[test]
fn a_header_that_is_not_there_yet_is_asked_for_as_a_whole() {
    let two_small: Vec<u8> = [message(0, 0, 5), message(0, 0, 5)].concat();
    let cut_off = batch(150, 2, 0, 1, 100);
    for bytes in [batch(149, 2, 0, 1, 100), message(1, 0, 200), two_small, cut_off] {
        let left = u32::try_from(bytes.len()).unwrap();
        for have in 0..61 {
            assert_eq!(entry(&bytes[..have], left), Err(Halt::Need(61)), "{have} bytes");
        }
        assert!(entry(&bytes[..61], left).is_ok());
    }
}

#[test]
fn a_set_shorter_than_a_header_is_asked_for_to_its_end() {
    let bytes = message(0, 0, 5);
    for have in 0..31 {
        assert_eq!(entry(&bytes[..have], 31), Err(Halt::Need(31)), "{have} bytes");
    }
    assert_eq!(whole(&bytes).size_bytes, 31);
}

#[test]
fn attributes_tell_codec_and_kind() {
    let with = |attributes| whole(&batch(49, 2, attributes, 1, 0));
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd", "unknown", "unknown", "unknown"];
    for (attributes, name) in (0..).zip(codecs) {
        assert_eq!(with(attributes).codec().name(), name);
        assert_eq!(with(attributes | 0x78).codec().name(), name, "other bits are no codec");
    }
    assert!(with(0x20).is_control() && !with(0x10).is_control());
    assert!(with(0x08).is_log_append_time() && !with(0x10).is_log_append_time());
}
