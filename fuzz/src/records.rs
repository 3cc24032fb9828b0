//! Writes record sets and keeps count of what is in them.

use crate::encode::{self, Style};
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

/// A record set that was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// What it holds for users.
    pub count: Count,
    /// Batches for users whose producer set a time.
    pub timed_batches: i64,
    /// The offset behind the last batch that is whole, control batches among them.
    pub next_offset: Option<i64>,
    /// Bytes of a batch that is cut off at the end.
    pub cut_off_bytes: i64,
}

struct Batch {
    records: i64,
    is_control: bool,
    is_timed: bool,
    next_offset: i64,
}

/// A record set.
pub fn write(input: &mut Input<'_>, style: Style, out: &mut Vec<u8>) -> Written {
    let mut written = Written::default();
    for _ in 0..input.below(4) {
        let start = out.len();
        let Batch { records, is_control, is_timed, next_offset } = match input.below(4) {
            0 => message(input, style, out),
            _ => batch(input, style, out),
        };
        written.next_offset = Some(next_offset);
        if !is_control {
            let bytes = i64::try_from(out.len() - start).unwrap_or(i64::MAX);
            written.count.add(Count { records, bytes, batches: 1 });
            written.timed_batches += i64::from(is_timed);
        }
    }
    if style == Style::Any && input.chance(40) {
        written.cut_off_bytes = cut_off(input, out);
    }
    written
}

/// A batch of magic 2.
fn batch(input: &mut Input<'_>, style: Style, out: &mut Vec<u8>) -> Batch {
    let attributes = match style {
        Style::Any => input.byte(),
        Style::Calm => input.byte() & 0x07,
    };
    let records = i32::from(input.byte()) - 1;
    let payload = encode::contents(style, input);
    let length = i32::try_from(payload.len()).unwrap_or(0) + BATCH_REST;
    let base_offset = match style {
        Style::Any if input.chance(20) => i64::from_be_bytes(input.array()),
        _ => i64::from(records),
    };
    let max_timestamp = input.pick(TIMESTAMPS);
    let last_offset_delta = records.saturating_sub(1);
    out.extend_from_slice(&base_offset.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&7_i32.to_be_bytes());
    out.push(2);
    out.extend_from_slice(&0x5eed_u32.to_be_bytes());
    out.extend_from_slice(&i16::from(attributes).to_be_bytes());
    out.extend_from_slice(&last_offset_delta.to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&max_timestamp.to_be_bytes());
    out.extend_from_slice(&[0; 8 + 2 + 4]);
    out.extend_from_slice(&records.to_be_bytes());
    out.extend_from_slice(payload);
    Batch {
        records: i64::from(records.max(0)),
        is_control: attributes & 0x20 != 0,
        is_timed: attributes & 0x08 == 0 && max_timestamp > 0,
        next_offset: base_offset.saturating_add(i64::from(last_offset_delta)).saturating_add(1),
    }
}

/// A message of magic 0 or 1.
fn message(input: &mut Input<'_>, style: Style, out: &mut Vec<u8>) -> Batch {
    let magic = input.byte() & 1;
    let attributes = input.byte();
    let value = encode::contents(style, input);
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
    Batch {
        records: 1,
        is_control: false,
        is_timed: magic == 1 && attributes & 0x08 == 0,
        next_offset: 1,
    }
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
/// Times of batches: none, the first there is, about that of the scripts, later, the last.
const TIMESTAMPS: &[i64] = &[-1, 0, 1, 1_699_999_999_000, 1_700_000_900_000, i64::MAX, i64::MIN];
