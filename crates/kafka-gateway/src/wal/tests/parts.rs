//! The log's parts alone: the codec, what is delivered, and offsets.

use std::collections::BTreeSet;

use kafka_gateway_api::Header;

use super::super::offsets::Positions;
use super::super::progress::Progress;
use super::*;

fn full() -> Vec<u8> {
    let records = [
        Record {
            topic: "all".into(),
            partition: Some(-1),
            key: Some(b"key"[..].into()),
            value: Some(b"value"[..].into()),
            headers: vec![
                Header { name: "a".into(), value: Some(b"1"[..].into()) },
                Header { name: "".into(), value: None },
            ],
            timestamp_ms: Some(i64::MIN),
        },
        Record { topic: "".into(), value: None, ..record(b"") },
    ];
    let head = EntryHead { idempotency_key: Some("key"), count: 9, ..head(None) };
    let mut bytes = Vec::new();
    Entry::encode(&head, [3, 8].into_iter().zip(&records), &mut bytes);
    let entry = Entry::decode(&bytes).unwrap();
    assert_eq!(entry.head, head);
    assert_eq!(entry.records, [3, 8].into_iter().zip(records.clone()).collect::<Vec<_>>());
    assert_eq!(Entry::accepted_ms(&bytes), Some(head.accepted_ms));
    bytes
}

#[test]
fn an_entry_is_what_was_written_and_nothing_else_is_one() {
    let whole = full();
    for size in 0..whole.len() {
        assert!(Entry::decode(&whole[..size]).is_err(), "{size} of {} bytes", whole.len());
    }
    let mut more = whole.clone();
    more.push(0);
    assert!(Entry::decode(&more).is_err());
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            // It may be an entry; it must not be a panic, and no length may reserve memory.
            let _ = Entry::decode(&bytes);
        }
    }
}

#[test]
fn a_key_names_the_record_where_there_are_several() {
    assert_eq!(Entry::key_of(None, 0, 1), None);
    assert_eq!(Entry::key_of(Some("k"), 0, 1), Some("k".to_owned()));
    assert_eq!(Entry::key_of(Some("k"), 4, 5), Some("k#4".to_owned()));
}

#[test]
fn progress_is_the_set_of_what_was_delivered() {
    let mut state = 1_u64;
    for begin in [1, 63, 64, 1000] {
        let (mut progress, mut model) = (Progress::new(begin), BTreeSet::new());
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sequence = progress.low() + (state >> 33) % 300 % ((state >> 50) % 300 + 1);
            progress.delivered(sequence);
            model.insert(sequence);
            let low = (begin..).find(|sequence| !model.contains(sequence)).unwrap();
            assert_eq!(progress.low(), low);
            let above: Vec<u64> = model.range(low..).copied().collect();
            assert_eq!(progress.above(), above.len() as u64);
            let ranges: Vec<u64> = progress.ranges(usize::MAX).into_iter().flatten().collect();
            assert_eq!(ranges, above);
            assert!(progress.ranges(2).len() <= 2);
            assert!(!progress.is_delivered(low) && progress.is_delivered(low - 1));
        }
    }
}

#[test]
fn an_offset_is_told_when_nothing_undelivered_can_lie_below_it() {
    let positions = Positions::new(vec![("t".to_owned(), 0, 5)], 10);
    positions.topic("t").acknowledged(0, 100);
    let old = vec![("t".to_owned(), 0, 5)];
    // Entries below 10 are an earlier process', and may lie anywhere above 5.
    assert_eq!(positions.safe(9, 12), old);
    // The copy is made when entries below 12 were read.
    assert_eq!(positions.safe(10, 12), old);
    positions.topic("t").acknowledged(0, 200);
    assert_eq!(positions.safe(11, 20), old);
    assert_eq!(positions.safe(12, 20), [("t".to_owned(), 0, 100)]);
    assert_eq!(positions.safe(19, 21), [("t".to_owned(), 0, 100)]);
    assert_eq!(positions.safe(20, 21), [("t".to_owned(), 0, 200)]);
}
