//! The history of one series in a few bytes: what a counter grew by in each tick, or where a gauge changed.
//!
//! Ticks are cut into chunks of [`CHUNK_TICKS`]. A chunk is a run of (ticks since the last entry, value), both as
//! variable-length numbers, because nearly all values are whole and small. A tick in which nothing happened costs
//! nothing, and a series at rest has no chunk at all.

/// History of one series.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    chunks: Vec<Chunk>,
}

#[derive(Debug)]
struct Chunk {
    /// Its ticks are `number * CHUNK_TICKS` and those that follow.
    number: u32,
    /// The tick of the newest entry, counted from the chunk's first; the next entry starts from here.
    last: u8,
    bytes: Vec<u8>,
}

/// Ticks of a chunk.
pub(crate) const CHUNK_TICKS: u32 = 64;

impl Ring {
    /// Remembers a value at a tick not older than any before; `None` is the end of a gauge. Returns how many bytes more
    /// it holds now.
    pub(crate) fn push(&mut self, tick: u32, value: Option<f64>) -> usize {
        let (number, offset) = (tick / CHUNK_TICKS, low_byte(tick % CHUNK_TICKS));
        let before = self.tail_bytes();
        if let Some(chunk) = self.chunks.last_mut().filter(|chunk| chunk.number == number) {
            chunk.write(offset, value);
            return self.tail_bytes().saturating_sub(before);
        }
        if let Some(full) = self.chunks.last_mut() {
            full.bytes.shrink_to_fit();
        }
        let freed = before.saturating_sub(self.tail_bytes());
        // Most series have few chunks, and a vector that grows by itself begins with room for four.
        self.chunks.reserve_exact(1);
        let mut chunk = Chunk::new(number);
        chunk.write(offset, value);
        self.chunks.push(chunk);
        (CHUNK_BYTES + self.tail_bytes()).saturating_sub(freed)
    }

    /// Adds to what a counter grew by in ticks that may be older than others, rising. Writes their chunks anew.
    pub(crate) fn add(&mut self, grown: &[(u32, f64)]) {
        for ticks in grown.chunk_by(|a, b| a.0 / CHUNK_TICKS == b.0 / CHUNK_TICKS) {
            let number = ticks.first().map_or(0, |(tick, _)| tick / CHUNK_TICKS);
            let place = self.chunks.partition_point(|chunk| chunk.number < number);
            if self.chunks.get(place).is_none_or(|chunk| chunk.number != number) {
                self.chunks.reserve_exact(1);
                self.chunks.insert(place, Chunk::new(number));
            }
            if let Some(chunk) = self.chunks.get_mut(place) {
                chunk.add(ticks);
            }
        }
    }

    /// Whether a chunk has been begun in which this tick lies.
    pub(crate) fn covers(&self, tick: u32) -> bool {
        self.chunks.last().is_some_and(|chunk| chunk.number == tick / CHUNK_TICKS)
    }

    /// Shows each entry from a tick on, oldest first, and for a gauge the one that holds at that tick.
    pub(crate) fn each(&self, from: u32, mut visit: impl FnMut(u32, Option<f64>)) {
        for chunk in self.chunks.iter().filter(|chunk| chunk.number >= from / CHUNK_TICKS) {
            let mut tick = chunk.number.saturating_mul(CHUNK_TICKS);
            let mut bytes = chunk.bytes.as_slice();
            while let Some((gap, value)) = read(&mut bytes) {
                tick = tick.saturating_add(gap);
                visit(tick, value);
            }
        }
    }

    /// Forgets chunks that lie wholly before a tick. Returns how many bytes fewer it holds now.
    pub(crate) fn forget(&mut self, before: u32) -> usize {
        let mut freed = 0;
        self.chunks.retain(|chunk| {
            let keep = chunk.number.saturating_add(1).saturating_mul(CHUNK_TICKS) > before;
            if !keep {
                freed += CHUNK_BYTES + chunk.bytes.capacity();
            }
            keep
        });
        if freed > 0 {
            self.chunks.shrink_to_fit();
        }
        freed
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| CHUNK_BYTES + chunk.bytes.capacity()).sum()
    }

    fn tail_bytes(&self) -> usize {
        self.chunks.last().map_or(0, |chunk| chunk.bytes.capacity())
    }
}

impl Chunk {
    fn new(number: u32) -> Self {
        Self { number, last: 0, bytes: Vec::with_capacity(FIRST_BYTES) }
    }

    fn write(&mut self, offset: u8, value: Option<f64>) {
        self.bytes.push(offset.saturating_sub(self.last));
        self.last = offset;
        match value {
            None => self.bytes.push(ABSENT),
            Some(value) => match whole(value) {
                Some(whole) => varint(&mut self.bytes, whole + FIRST_WHOLE),
                None => {
                    self.bytes.push(RAW);
                    self.bytes.extend(value.to_le_bytes());
                }
            },
        }
    }

    fn add(&mut self, grown: &[(u32, f64)]) {
        // A tick without growth has no entry.
        let mut sums = [0.0; CHUNK_TICKS as usize];
        let mut add = |offset: u32, by: f64| {
            let slot = usize::try_from(offset).ok().and_then(|offset| sums.get_mut(offset));
            slot.into_iter().for_each(|sum| *sum += by);
        };
        let (mut offset, mut bytes) = (0, self.bytes.as_slice());
        while let Some((gap, value)) = read(&mut bytes) {
            offset += gap;
            add(offset, value.unwrap_or(0.0));
        }
        grown.iter().for_each(|(tick, by)| add(tick % CHUNK_TICKS, *by));
        self.bytes.clear();
        self.last = 0;
        for (offset, sum) in (0_u8..).zip(sums).filter(|(_, sum)| *sum != 0.0) {
            self.write(offset, Some(sum));
        }
    }
}

fn read(bytes: &mut &[u8]) -> Option<(u32, Option<f64>)> {
    let (gap, rest) = bytes.split_first()?;
    *bytes = rest;
    let mut code = 0_u64;
    let mut shift = 0_u32;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        code |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let value = match code {
        code if code == u64::from(ABSENT) => None,
        code if code == u64::from(RAW) => {
            let (raw, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Some(f64::from_le_bytes(*raw))
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 by `whole`")]
        code => Some((code - FIRST_WHOLE) as f64),
    };
    Some((u32::from(*gap), value))
}

/// A whole number that a float holds exactly.
fn whole(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range of both types by the comparison"
    )]
    ((0.0..WHOLE_END).contains(&value) && value.fract() == 0.0 && value.is_sign_positive())
        .then_some(value as u64)
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = low_byte(u32::try_from(value & 0x7f).unwrap_or(0));
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn low_byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Codes before the whole numbers.
const RAW: u8 = 0;
const ABSENT: u8 = 1;
const FIRST_WHOLE: u64 = 2;
/// 2^53
const WHOLE_END: f64 = 9_007_199_254_740_992.0;
/// What a chunk begins with.
const FIRST_BYTES: usize = 8;
/// What a chunk costs beside its bytes: itself, and what the allocator keeps for each piece.
const CHUNK_BYTES: usize = size_of::<Chunk>() + 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ring: &Ring, from: u32) -> Vec<(u32, Option<f64>)> {
        let mut found = Vec::new();
        ring.each(from, |tick, value| found.push((tick, value)));
        found
    }

    #[test]
    fn what_was_pushed_comes_back() {
        let entries = [
            (3, Some(0.0)),
            (4, Some(1.0)),
            (63, Some(125.0)),
            (64, Some(126.0)),
            (65, Some(9_007_199_254_740_991.0)),
            (66, Some(9_007_199_254_740_992.0)),
            (70, None),
            (200, Some(0.25)),
            (201, Some(-7.0)),
            (4000, Some(1e300)),
        ];
        let mut ring = Ring::default();
        let grown: usize = entries.iter().map(|(tick, value)| ring.push(*tick, *value)).sum();
        assert_eq!(all(&ring, 0), entries);
        assert_eq!(all(&ring, 65), entries[3..], "from the chunk of the tick on");
        assert!(ring.bytes() <= grown, "{} > {grown}", ring.bytes());
        assert!(ring.covers(4031) && !ring.covers(4032));
    }

    #[test]
    fn growth_is_added_to_ticks_that_are_past() {
        let mut ring = Ring::default();
        for (tick, by) in [(10, 1.0), (12, 2.5), (63, 3.0), (200, 4.0)] {
            ring.push(tick, Some(by));
        }
        ring.add(&[(11, 7.0), (12, 0.5), (13, 300.0), (64, 8.0), (130, 9.0)]);
        ring.push(201, Some(5.0));
        let expected = [
            (10, 1.0),
            (11, 7.0),
            (12, 3.0),
            (13, 300.0),
            (63, 3.0),
            (64, 8.0),
            (130, 9.0),
            (200, 4.0),
            (201, 5.0),
        ];
        assert_eq!(all(&ring, 0), expected.map(|(tick, by)| (tick, Some(by))));
    }

    #[test]
    fn old_chunks_are_forgotten_whole() {
        let mut ring = Ring::default();
        for tick in 0..640 {
            ring.push(tick, Some(1.0));
        }
        let before = ring.bytes();
        let freed = ring.forget(130);
        assert_eq!(all(&ring, 0).first(), Some(&(128, Some(1.0))));
        assert_eq!(ring.bytes(), before - freed);
        ring.forget(10_000);
        assert_eq!(ring.bytes(), 0);
    }

    #[test]
    fn an_hour_of_small_numbers_is_small() {
        let mut ring = Ring::default();
        for tick in 0..360 {
            ring.push(tick, Some(f64::from(tick % 100)));
        }
        assert!(ring.bytes() < 1200, "{}", ring.bytes());
    }
}
