//! One run of bytes out of two places: what a stream kept from before, and the bytes of a callback.
//!
//! Bytes are pulled in windows and only where the decoder looks; a skip moves on without reading.
//! What is left of a value at the end of a callback, fewer than [`CARRY_MAX`] bytes, is carried.

use core::ops::Deref;

use bytes::BytesMut;

/// Bytes of one direction that one callback brought, readable by range.
///
/// In a proxy-wasm host every read crosses into the host and copies, so reads are few and small.
pub trait Source {
    /// Bytes read by one call.
    type Window: Deref<Target = [u8]>;

    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `offset` on, `length` of them; the decoder asks only for what is there.
    /// `None` when the host fails to give them, which ends decoding.
    fn read(&mut self, offset: usize, length: usize) -> Option<Self::Window>;
}

/// What was asked for cannot be had, now or at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// The callback has no more bytes; those left are carried.
    Later,
    /// The source failed.
    Source,
}

/// Reads on over `carry` and then `source`.
pub(crate) struct Intake<'a, S: Source> {
    carry: &'a mut BytesMut,
    source: &'a mut S,
    len: usize,
    /// Offset in `source` of the first byte that is neither consumed nor in `carry`.
    position: usize,
    /// How many bytes at the end of `carry` were taken from `source` by this callback.
    borrowed: usize,
    window: Option<S::Window>,
    window_start: usize,
    window_size: &'a mut usize,
    /// A skip went further than it pays to read on since the last read.
    jumped: bool,
}

impl<'a, S: Source> Intake<'a, S> {
    /// `window_size` is the size of the stream's last read, [`WINDOW_MIN`] at first.
    pub(crate) fn new(
        carry: &'a mut BytesMut,
        window_size: &'a mut usize,
        source: &'a mut S,
    ) -> Self {
        let len = source.len();
        Self {
            carry,
            source,
            len,
            position: 0,
            borrowed: 0,
            window: None,
            window_start: 0,
            window_size,
            jumped: false,
        }
    }

    /// At least `need` bytes in one piece, more when they are at hand. `need` is at most
    /// [`CARRY_MAX`]; zero asks for what is at hand.
    pub(crate) fn peek(&mut self, need: usize) -> Result<&[u8], Shortage> {
        if need == 0 && self.carry.is_empty() && self.in_window() == 0 {
            return Ok(&[]);
        }
        if self.carry.is_empty() {
            if self.available() < need {
                self.keep()?;
                return Err(Shortage::Later);
            }
            return self.ahead(need);
        }
        if self.carry.len() < need {
            self.top_up()?;
        }
        if self.carry.len() < need {
            return Err(Shortage::Later);
        }
        Ok(self.carry)
    }

    /// Moves over `count` bytes of what [`Self::peek`] gave.
    pub(crate) fn consume(&mut self, count: usize) {
        if self.carry.is_empty() {
            self.position = self.position.saturating_add(count);
            return;
        }
        // Not `Buf::advance`, which gives up capacity that a later refill would allocate again.
        let used = count.min(self.carry.len());
        let left = self.carry.len().saturating_sub(used);
        self.carry.copy_within(used.., 0);
        self.carry.truncate(left);
        if self.carry.len() <= self.borrowed {
            // All that is left also stands in the source: go on there, without a copy.
            self.position = self.position.saturating_sub(self.carry.len());
            self.carry.clear();
            self.borrowed = 0;
        }
    }

    /// Moves over at most `count` bytes without reading them; returns over how many.
    pub(crate) fn skip(&mut self, count: usize) -> usize {
        let carried = count.min(self.carry.len());
        self.consume(carried);
        let left = count.saturating_sub(carried);
        if left > JUMP_MAX.max(*self.window_size) {
            *self.window_size = WINDOW_MIN;
            self.jumped = true;
        }
        let ahead = if self.carry.is_empty() { left.min(self.available()) } else { 0 };
        self.position = self.position.saturating_add(ahead);
        carried.saturating_add(ahead)
    }

    fn available(&self) -> usize {
        self.len.saturating_sub(self.position)
    }

    /// The window from the current position on, pulled anew when it holds fewer than `need` bytes.
    fn ahead(&mut self, need: usize) -> Result<&[u8], Shortage> {
        if self.in_window() < need {
            self.pull(need)?;
        }
        let start = self.position.saturating_sub(self.window_start);
        let window = self.window.as_deref().and_then(|window| window.get(start..));
        window.filter(|bytes| bytes.len() >= need).ok_or(Shortage::Source)
    }

    /// Bytes of the window that are at the current position or after it.
    fn in_window(&self) -> usize {
        let end = self
            .window
            .as_deref()
            .map_or(0, |window| self.window_start.saturating_add(window.len()));
        if self.position < self.window_start { 0 } else { end.saturating_sub(self.position) }
    }

    /// Reads a window at the current position. A read costs about as much as copying some kilobytes
    /// does, so going on near the last window's end makes the next one larger: small messages and
    /// small batches come in few reads. A jump starts small again: large payloads are not pulled.
    fn pull(&mut self, need: usize) -> Result<(), Shortage> {
        if self.window.is_some() && !self.jumped {
            *self.window_size = self.window_size.saturating_mul(4).min(WINDOW_MAX);
        }
        self.jumped = false;
        let size = need.max(*self.window_size).min(self.available());
        // Given back before the next one is asked for, so that the host's allocator can reuse it.
        self.window = None;
        self.window = self.source.read(self.position, size);
        self.window_start = self.position;
        if self.window.is_some() { Ok(()) } else { Err(Shortage::Source) }
    }

    /// Copies from the source behind the carried bytes.
    fn top_up(&mut self) -> Result<(), Shortage> {
        let room = CARRY_MAX.saturating_sub(self.carry.len());
        let count = room.min(self.available());
        if count == 0 {
            return Ok(());
        }
        if self.in_window() < count {
            self.pull(count)?;
        }
        let start = self.position.saturating_sub(self.window_start);
        let bytes = self.window.as_deref().and_then(|window| window.get(start..)?.get(..count));
        self.carry.extend_from_slice(bytes.ok_or(Shortage::Source)?);
        self.position = self.position.saturating_add(count);
        self.borrowed = self.borrowed.saturating_add(count);
        Ok(())
    }

    /// Carries the bytes that are left, which are too few for the value they begin.
    fn keep(&mut self) -> Result<(), Shortage> {
        self.top_up()
    }
}

/// Capacity of the carry buffer, in bytes: twice the largest value that is read in one piece, so
/// that the carried bytes are always behind after one more value.
pub const CARRY_MAX: usize = 512;
/// First read of a callback and after a jump, in bytes.
pub const WINDOW_MIN: usize = 1024;
/// Largest read, in bytes.
pub const WINDOW_MAX: usize = 64 * 1024;
/// A skip up to this many bytes is read on over, because a read of its own would cost more.
const JUMP_MAX: usize = 8 * 1024;

// A value of the largest need always fits behind a remainder of a smaller one.
const _: () = assert!(crate::walk::NEED_MAX * 2 <= CARRY_MAX + 1);

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a failed test says so by panicking")]
mod tests;
