//! Headers of record batches (magic 2) and of old messages (magic 0 and 1).
//!
//! A record set is told apart and counted from these headers alone: nothing is decompressed and no
//! payload byte is read. References: protocol guide, "Record Batch" and "Message sets"; KIP-98.

use crate::reader::{self, Halt};

/// One record batch, or one message of an old message set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Offset of its first record; of the last one inside for a compressed old message.
    pub base_offset: i64,
    /// Bytes on the wire, its own header included.
    pub size_bytes: u32,
    /// Format: 0, 1 or 2.
    pub magic: i8,
    /// Attribute bits as they came.
    pub attributes: i16,
    /// Offset of the last record minus `base_offset`.
    pub last_offset_delta: i32,
    /// Highest timestamp inside, in milliseconds; -1 where the format has none.
    pub max_timestamp: i64,
    /// Records as the header tells; 1 for an old message, whose compressed form hides its count.
    pub records: u32,
}

/// How records are compressed: the three lowest attribute bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed.
    None,
    /// GZIP.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
    /// A number that no release of Kafka uses.
    Unknown,
}

/// What stands at the front of what is left of a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A whole batch.
    Whole(Batch),
    /// A batch whose end was cut off, as a Fetch response may do, or no batch at all.
    Rest,
}

impl Batch {
    /// The codec of its records.
    #[must_use]
    pub fn codec(&self) -> Codec {
        Codec::from_number(i64::from(self.attributes & 0x07))
    }

    /// The offset behind its last record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    /// Whether it carries transaction markers instead of user records (KIP-98).
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.magic >= 2 && self.attributes & 0x20 != 0
    }

    /// Whether the broker set the timestamps.
    #[must_use]
    pub fn is_log_append_time(&self) -> bool {
        self.magic >= 1 && self.attributes & 0x08 != 0
    }
}

impl Codec {
    /// The codec of this number, as attributes of batches and fields of requests have it.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => Self::Unknown,
        }
    }

    /// Kafka's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Unknown => "unknown",
        }
    }
}

/// Reads the header at the front of `input` when so many bytes of the record set are `left`.
///
/// Nothing is told before as many bytes are there as the longest header has, or the set: what is
/// told when must not depend on how the bytes were split, nor does one header take two refills.
///
/// # Errors
/// Only [`Halt::Need`]: contents of a record set are the peers' business, never malformed here.
pub(crate) fn entry(input: &[u8], left: u32) -> Result<Entry, Halt> {
    if left < PREFIX_SIZE {
        return Ok(Entry::Rest);
    }
    let need = usize::try_from(left.min(BATCH_HEADER_SIZE)).unwrap_or(usize::MAX);
    if input.len() < need {
        return Err(Halt::Need(need));
    }
    let (rest, base_offset) = reader::int64(input)?;
    let (rest, length) = reader::int32(rest)?;
    let (rest, _leader_epoch_or_crc) = reader::int32(rest)?;
    let (rest, magic) = reader::int8(rest)?;
    let size_bytes = u32::try_from(length).ok().and_then(|n| n.checked_add(LENGTH_END));
    let Some(size_bytes) = size_bytes.filter(|&size| size <= left) else {
        return Ok(Entry::Rest);
    };
    let start = Batch {
        base_offset,
        size_bytes,
        magic,
        attributes: 0,
        last_offset_delta: 0,
        max_timestamp: -1,
        records: 1,
    };
    match magic {
        2 if size_bytes >= BATCH_HEADER_SIZE => batch(rest, start),
        0 | 1 if size_bytes >= MESSAGE_SIZE_MIN => message(rest, start),
        _ => Ok(Entry::Rest),
    }
}

/// The rest of a magic 2 header, from the crc on.
fn batch(input: &[u8], start: Batch) -> Result<Entry, Halt> {
    let (rest, _crc) = reader::uint32(input)?;
    let (rest, attributes) = reader::int16(rest)?;
    let (rest, last_offset_delta) = reader::int32(rest)?;
    let (rest, _base_timestamp) = reader::int64(rest)?;
    let (rest, max_timestamp) = reader::int64(rest)?;
    let (rest, _producer_id) = reader::int64(rest)?;
    let (rest, _producer_epoch) = reader::int16(rest)?;
    let (rest, _base_sequence) = reader::int32(rest)?;
    let (_, records) = reader::int32(rest)?;
    let records = u32::try_from(records).unwrap_or(0);
    Ok(Entry::Whole(Batch { attributes, last_offset_delta, max_timestamp, records, ..start }))
}

/// The rest of a magic 0 or 1 header, from the attributes on.
fn message(input: &[u8], start: Batch) -> Result<Entry, Halt> {
    let (rest, attributes) = reader::int8(input)?;
    let attributes = i16::from(attributes);
    let max_timestamp = match start.magic {
        0 => -1,
        _ => reader::int64(rest)?.1,
    };
    Ok(Entry::Whole(Batch { attributes, max_timestamp, ..start }))
}

/// baseOffset and batchLength; the length counts what follows them.
const LENGTH_END: u32 = 12;
/// Up to and with the magic byte, which stands at the same place in all formats.
const PREFIX_SIZE: u32 = 17;
/// A magic 2 header, the longest of all.
const BATCH_HEADER_SIZE: u32 = 61;
/// An old message with null key and null value; the timestamp of magic 1 ends at the same byte.
const MESSAGE_SIZE_MIN: u32 = 26;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a failed test says so by panicking")]
mod tests;
