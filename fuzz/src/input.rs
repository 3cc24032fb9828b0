//! Decisions drawn from a fuzzer's bytes, one after the other; an exhausted input decides zero.

/// What is left of the input.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next two bytes as a number.
    pub fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.array())
    }

    /// The next four bytes as a number.
    pub fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    /// The next bytes, padded with zeros behind the end of the input.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// A number below `bound`, which is not zero and at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// True in about `chances` of 256 cases; false at the end of the input.
    pub fn chance(&mut self, chances: u8) -> bool {
        self.byte() > u8::MAX - chances
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// So many bytes, or all that are left.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Bytes with their length in front: one byte of it, or two for lengths from 224 on.
    pub fn bytes(&mut self) -> &'a [u8] {
        let first = usize::from(self.byte());
        let length = match first.checked_sub(SHORT_MAX) {
            None => first,
            Some(high) => SHORT_MAX + (high << 8) + usize::from(self.byte()),
        };
        self.take(length)
    }
}

/// Writes what [`Input::bytes`] reads, for seeds; false when there are too many bytes.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match bytes.len().checked_sub(SHORT_MAX) {
        None => out.push(u8::try_from(bytes.len()).unwrap_or_default()),
        Some(long) if long < (256 - SHORT_MAX) << 8 => {
            out.push(u8::try_from(SHORT_MAX + (long >> 8)).unwrap_or(u8::MAX));
            out.push(u8::try_from(long & 0xff).unwrap_or_default());
        }
        Some(_) => return false,
    }
    out.extend_from_slice(bytes);
    true
}

/// Lengths below this take one byte.
const SHORT_MAX: usize = 224;
