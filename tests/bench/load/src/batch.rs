//! Record batches of a chosen size, valid to the checksum: a real broker takes them as it takes a client's.
//!
//! Format: Kafka's documentation, "Record Batch" (magic 2); CRC-32C over everything after the checksum field.

/// Bytes of a batch before its first record.
pub(crate) const HEADER: usize = 61;

/// An uncompressed batch of `size` bytes (at most two less), of records with values of about `value` bytes.
///
/// Sizes below 70 bytes are raised to it: a batch has a header and at least one record.
pub(crate) fn batch(size: usize, value: usize) -> Vec<u8> {
    let size = size.max(HEADER + 9);
    let mut records = Vec::with_capacity(size);
    let mut count = 0i32;
    let room = size - HEADER;
    loop {
        let left = room - records.len();
        // The last record takes all that is left, so that no rest remains that is too small for a record.
        let take = if left < value + 2 * OVERHEAD { left } else { value + OVERHEAD };
        if !record(&mut records, count, take) {
            break;
        }
        count += 1;
    }
    let size = HEADER + records.len();
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(&0i64.to_be_bytes());
    out.extend_from_slice(&((size - 12) as i32).to_be_bytes());
    out.extend_from_slice(&(-1i32).to_be_bytes());
    out.push(2);
    let mut checked = Vec::with_capacity(size);
    checked.extend_from_slice(&0i16.to_be_bytes());
    checked.extend_from_slice(&(count - 1).to_be_bytes());
    let now = now_ms();
    checked.extend_from_slice(&now.to_be_bytes());
    checked.extend_from_slice(&now.to_be_bytes());
    checked.extend_from_slice(&(-1i64).to_be_bytes());
    checked.extend_from_slice(&(-1i16).to_be_bytes());
    checked.extend_from_slice(&(-1i32).to_be_bytes());
    checked.extend_from_slice(&count.to_be_bytes());
    checked.extend_from_slice(&records);
    out.extend_from_slice(&crc32c(&checked).to_be_bytes());
    out.extend_from_slice(&checked);
    out
}

/// Milliseconds since 1970: real brokers refuse records from far away times.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_millis() as i64)
}

/// What a record needs besides its value, at most: length, attributes, deltas, key, value length, headers.
const OVERHEAD: usize = 16;

/// Appends the largest record that takes at most `total` bytes: no key, no headers. False where none fits.
fn record(out: &mut Vec<u8>, index: i32, total: usize) -> bool {
    for value in (0..total).rev() {
        let mut body = vec![0, 0];
        zigzag(&mut body, i64::from(index));
        zigzag(&mut body, -1);
        zigzag(&mut body, value as i64);
        let mut whole = Vec::new();
        zigzag(&mut whole, (body.len() + value + 1) as i64);
        if whole.len() + body.len() + value < total {
            out.extend_from_slice(&whole);
            out.extend_from_slice(&body);
            out.extend((0..value).map(|i| b'a' + (i % 23) as u8));
            out.push(0);
            return true;
        }
    }
    false
}

/// A signed varint as records have it.
fn zigzag(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push((rest as u8 & 0x7f) | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// CRC-32C (Castagnoli), bit by bit: it runs once for each load.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of CRC-32C (RFC 3720, appendix B.4 uses the same polynomial).
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_batch_has_the_size_asked_for() {
        for size in (70..2300).chain([16 * 1024, 128 * 1024, 1024 * 1024]) {
            let bytes = batch(size, 1000);
            assert!(bytes.len() <= size && bytes.len() + 2 >= size, "{size}: {}", bytes.len());
            let length = i32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            assert_eq!(length as usize, bytes.len() - 12);
            assert_eq!(bytes[16], 2);
        }
    }
}
