//! Numbers and counted strings in little-endian order, written to a vector and read back from bytes nobody vouches for.
//!
//! Reading never panics and never allocates by a length that was read: what is not there is [`Corrupt`].

use std::fmt;

/// Bytes that are not what they should be, and where in them that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt {
    /// What was expected.
    pub what: &'static str,
    /// From the beginning of the bytes that were decoded.
    pub at: usize,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no {} at byte {} of the entry", self.what, self.at)
    }
}

impl std::error::Error for Corrupt {}

/// Reads from the front.
#[derive(Debug)]
pub(super) struct Take<'a> {
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes.len(), rest: bytes }
    }

    pub(super) fn corrupt(&self, what: &'static str) -> Corrupt {
        Corrupt { what, at: self.whole.saturating_sub(self.rest.len()) }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Corrupt> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.corrupt(what));
        };
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, Corrupt> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, Corrupt> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Corrupt> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn i32(&mut self, what: &'static str) -> Result<i32, Corrupt> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Corrupt> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(super) fn i64(&mut self, what: &'static str) -> Result<i64, Corrupt> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Corrupt> {
        let size = self.u32(what)? as usize;
        let Some((bytes, rest)) = self.rest.split_at_checked(size) else {
            return Err(self.corrupt(what));
        };
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, Corrupt> {
        let corrupt = self.corrupt(what);
        std::str::from_utf8(self.bytes(what)?).map_err(|_| corrupt)
    }

    /// How many things follow; each takes at least `each` bytes, so that a wrong number cannot reserve memory.
    pub(super) fn count(&mut self, each: usize, what: &'static str) -> Result<usize, Corrupt> {
        let count = self.u32(what)? as usize;
        if count.checked_mul(each).is_none_or(|size| size > self.rest.len()) {
            return Err(self.corrupt(what));
        }
        Ok(count)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(super) fn end(&self) -> Result<(), Corrupt> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("end")) }
    }
}

/// Bytes with their length before them. Nothing of 4 GiB comes here: [`super::ENTRY_BYTES_MAX`].
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&size(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
