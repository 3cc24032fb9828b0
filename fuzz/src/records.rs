//! Writes record sets and keeps count of what is in them.

use crate::input::Input;

/// What record sets carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Records as the batch headers say.
    pub records: i64,
    /// Bytes of the batches.
    pub bytes: i64,
    /// Batches, and messages of the old formats.
    pub batches: i64,
}

impl Count {
    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.batches += other.batches;
    }
}

/// A record set, what it holds for users, and how many bytes of it are a batch that is cut off.
pub fn write(input: &mut Input<'_>, out: &mut Vec<u8>) -> (Count, i64) {
    let mut count = Count::default();
    for _ in 0..input.below(4) {
        let start = out.len();
        let (records, is_control) = match input.below(4) {
            0 => (message(input, out), false),
            _ => batch(input, out),
        };
        if !is_control {
            let bytes = i64::try_from(out.len() - start).unwrap_or(i64::MAX);
            count.add(Count { records, bytes, batches: 1 });
        }
    }
    let cut = if input.chance(40) { cut_off(input, out) } else { 0 };
    (count, cut)
}

/// A batch of magic 2: its records, and whether it is a control batch.
fn batch(input: &mut Input<'_>, out: &mut Vec<u8>) -> (i64, bool) {
    let attributes = input.byte();
    let records = i32::from(input.byte()) - 1;
    let payload = input.bytes();
    let length = i32::try_from(payload.len()).unwrap_or(0) + BATCH_REST;
    out.extend_from_slice(&i64::from(records).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&7_i32.to_be_bytes());
    out.push(2);
    out.extend_from_slice(&0x5eed_u32.to_be_bytes());
    out.extend_from_slice(&i16::from(attributes).to_be_bytes());
    out.extend_from_slice(&records.saturating_sub(1).to_be_bytes());
    out.extend_from_slice(&[0; 8 + 8 + 8 + 2 + 4]);
    out.extend_from_slice(&records.to_be_bytes());
    out.extend_from_slice(payload);
    (i64::from(records.max(0)), attributes & 0x20 != 0)
}

/// A message of magic 0 or 1.
fn message(input: &mut Input<'_>, out: &mut Vec<u8>) -> i64 {
    let magic = input.byte() & 1;
    let attributes = input.byte();
    let value = input.bytes();
    let mut body = vec![0; 4];
    body.extend_from_slice(&[magic, attributes]);
    if magic == 1 {
        body.extend_from_slice(&1_i64.to_be_bytes());
    }
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    body.extend_from_slice(&i32::try_from(value.len()).unwrap_or(0).to_be_bytes());
    body.extend_from_slice(value);
    out.extend_from_slice(&0_i64.to_be_bytes());
    out.extend_from_slice(&i32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&body);
    1
}

/// The beginning of a batch that says it is longer than what is there.
fn cut_off(input: &mut Input<'_>, out: &mut Vec<u8>) -> i64 {
    let mut batch = vec![0; 8];
    batch.extend_from_slice(&1_000_i32.to_be_bytes());
    batch.extend_from_slice(&[0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7]);
    batch.truncate(1 + input.below(24));
    out.extend_from_slice(&batch);
    i64::try_from(batch.len()).unwrap_or(0)
}

/// Bytes of a batch of magic 2 behind its length field, without the records.
const BATCH_REST: i32 = 49;
