//! Cuts one direction of a connection into frames and shows a handler what is in them.
//!
//! A frame is an int32 size and a message. A message is a head of fixed size, a client id where the
//! head says so, and a body along a schema table. The same events come out however the bytes were
//! split. Reference: protocol guide, "Requests and responses".

use bytes::BytesMut;

use crate::error::{Malformed, Stop};
use crate::header;
use crate::intake::{CARRY_MAX, Intake, Shortage, Source, WINDOW_MIN};
use crate::reader::{self, STRING_MAX};
use crate::schema::Message;
use crate::walk::{Progress, Visitor, Walker};

/// Decides about the frames of one direction and sees their fields.
pub trait Handler: Visitor {
    /// A frame begins; its size field says `size` bytes.
    fn frame_start(&mut self, size: i32) -> FrameSize;

    /// How many bytes [`Self::head`] wants to see, at most [`HEAD_MAX`]. It gets fewer from a
    /// shorter frame.
    fn head_size(&self) -> usize;

    /// The first bytes of the frame; says what follows them.
    fn head(&mut self, bytes: &[u8]) -> Head;

    /// The client id; `None` when it is null. False gives up.
    fn client_id(&mut self, _id: Option<&[u8]>) -> bool {
        true
    }

    /// The client id is longer than [`STRING_MAX`] and not shown. False gives up.
    fn long_client_id(&mut self) -> bool {
        self.client_id(None)
    }

    /// The last byte of a frame of `size` bytes, the size field not among them, has passed.
    fn frame_end(&mut self, size: u32, outcome: Outcome);
}

/// What a handler makes of a frame's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameSize {
    /// So many bytes belong to the frame.
    Bytes(u32),
    /// Not a frame: the stream cannot be decoded, for a reason that the handler keeps.
    GiveUp,
}

/// What a handler makes of a frame's first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// How many of the bytes belong to the head.
    pub size_bytes: usize,
    /// Whether a client id follows.
    pub client_id: bool,
    /// What to do with the rest.
    pub plan: Plan,
}

/// What to do with a body.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// Skip it unread.
    Skip,
    /// Walk along the table.
    Walk {
        /// The table.
        message: &'static Message,
        /// Version of the message.
        version: i16,
        /// Whether tagged fields of the header come first.
        header_tags: bool,
        /// Bytes to walk before the rest is skipped; skipped values do not count.
        walk_max: u32,
    },
    /// The stream cannot be decoded, for a reason that the handler keeps.
    GiveUp,
}

/// How far a body was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As far as it was wanted.
    Decoded,
    /// To the limit on walked bytes, with wanted fields perhaps behind it.
    OverLimit,
}

/// Decoder of one direction of a connection; its memory does not grow.
pub struct FrameDecoder {
    carry: BytesMut,
    window_size: usize,
    frame: Frame,
}

/// Where in a frame the stream is.
struct Frame {
    stage: Stage,
    /// Bytes of the frame, the size field not among them.
    size: u32,
    /// Bytes of it that were not consumed yet.
    left: u32,
    /// Bytes to pass over before the next stage.
    skip: u32,
    /// Bytes that the next step wants in one piece.
    need: usize,
    plan: Plan,
    walker: Option<Walker>,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Stage {
    Size,
    Head,
    ClientIdLength,
    ClientId,
    Body,
    End,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameDecoder {
    /// A decoder at the start of a stream. Allocates its one buffer.
    #[must_use]
    pub fn new() -> Self {
        let frame = Frame {
            stage: Stage::Size,
            size: 0,
            left: 0,
            skip: 0,
            need: SIZE_FIELD,
            plan: Plan::Skip,
            walker: None,
            outcome: Outcome::Decoded,
        };
        Self { carry: BytesMut::with_capacity(CARRY_MAX), window_size: WINDOW_MIN, frame }
    }

    /// Passes over the bytes of a callback when all of them are inside something that is skipped,
    /// and more of it follows. False when they have to be looked at, by [`Self::run`].
    pub fn pass(&mut self, bytes: usize) -> bool {
        let Ok(bytes) = u32::try_from(bytes) else { return false };
        if !self.carry.is_empty() || self.frame.skip <= bytes {
            return false;
        }
        self.frame.skip = self.frame.skip.saturating_sub(bytes);
        self.frame.left = self.frame.left.saturating_sub(bytes);
        true
    }

    /// Decodes all bytes of a callback.
    ///
    /// # Errors
    /// The stream cannot be decoded; the decoder must not be run again.
    pub fn run<S: Source, H: Handler>(
        &mut self,
        source: &mut S,
        handler: &mut H,
    ) -> Result<(), Stop> {
        let mut intake = Intake::new(&mut self.carry, &mut self.window_size, source);
        loop {
            if self.frame.skip > 0 && !self.frame.pass(&mut intake) {
                return Ok(());
            }
            if self.frame.ends(handler) {
                continue;
            }
            let input = match intake.peek(self.frame.need) {
                Ok(input) => input,
                Err(Shortage::Later) => return Ok(()),
                Err(Shortage::Source) => return Err(Stop::Source),
            };
            let used = self.frame.step(input, handler)?;
            intake.consume(used);
        }
    }
}

impl Frame {
    /// Passes over bytes that nobody wants; false when the callback has no more.
    fn pass<S: Source>(&mut self, intake: &mut Intake<'_, S>) -> bool {
        let passed = intake.skip(usize::try_from(self.skip).unwrap_or(usize::MAX));
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.skip = self.skip.saturating_sub(passed);
        self.left = self.left.saturating_sub(passed);
        self.skip == 0
    }

    /// Ends the frame when its last byte has passed.
    fn ends<H: Handler>(&mut self, handler: &mut H) -> bool {
        let Stage::End = self.stage else {
            return false;
        };
        self.stage = Stage::Size;
        self.need = SIZE_FIELD;
        handler.frame_end(self.size, self.outcome);
        true
    }

    /// One step on `input`, which has the bytes that were needed; returns how many it consumed.
    fn step<H: Handler>(&mut self, input: &[u8], handler: &mut H) -> Result<usize, Stop> {
        match self.stage {
            Stage::Size => self.start(input, handler),
            Stage::Head => self.head(input, handler),
            Stage::ClientIdLength => self.client_id_length(input, handler),
            Stage::ClientId => {
                let id = input.get(..self.need).unwrap_or_default();
                if !handler.client_id(Some(id)) {
                    return Err(Stop::Handler);
                }
                let used = self.need;
                self.consumed(used);
                self.begin_body();
                Ok(used)
            }
            Stage::Body => self.body(input, handler),
            Stage::End => Ok(0),
        }
    }

    fn start<H: Handler>(&mut self, input: &[u8], handler: &mut H) -> Result<usize, Stop> {
        let size = reader::int32(input).map_or(0, |(_, size)| size);
        match handler.frame_start(size) {
            FrameSize::GiveUp => Err(Stop::Handler),
            FrameSize::Bytes(size) => {
                self.size = size;
                self.left = size;
                self.outcome = Outcome::Decoded;
                self.stage = Stage::Head;
                self.need = self.inside(handler.head_size().min(HEAD_MAX));
                Ok(SIZE_FIELD)
            }
        }
    }

    fn head<H: Handler>(&mut self, input: &[u8], handler: &mut H) -> Result<usize, Stop> {
        let bytes = input.get(..self.need).unwrap_or_default();
        let head = handler.head(bytes);
        if let Plan::GiveUp = head.plan {
            return Err(Stop::Handler);
        }
        let used = head.size_bytes.min(bytes.len());
        self.consumed(used);
        self.plan = head.plan;
        if head.client_id {
            if self.left < CLIENT_ID_LENGTH_FIELD {
                return Err(Malformed::Truncated.into());
            }
            self.stage = Stage::ClientIdLength;
            self.need = 2;
        } else {
            self.begin_body();
        }
        Ok(used)
    }

    fn client_id_length<H: Handler>(
        &mut self,
        input: &[u8],
        handler: &mut H,
    ) -> Result<usize, Stop> {
        let Ok((_, length)) = header::client_id_length(input) else {
            return Err(Malformed::Length.into());
        };
        self.consumed(2);
        let Some(length) = length else {
            if !handler.client_id(None) {
                return Err(Stop::Handler);
            }
            self.begin_body();
            return Ok(2);
        };
        if length > self.left {
            return Err(Malformed::Length.into());
        }
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size <= STRING_MAX {
            self.stage = Stage::ClientId;
            self.need = size;
        } else {
            if !handler.long_client_id() {
                return Err(Stop::Handler);
            }
            self.skip = length;
            self.begin_body_behind(length);
        }
        Ok(2)
    }

    fn begin_body(&mut self) {
        self.begin_body_behind(0);
    }

    /// What follows the head and the client id, `ahead` bytes of which are still to be skipped.
    fn begin_body_behind(&mut self, ahead: u32) {
        match self.plan {
            Plan::Walk { message, version, header_tags, walk_max } => {
                let size = self.left.saturating_sub(ahead);
                self.walker = Some(Walker::new(message, version, size, header_tags, walk_max));
                self.stage = Stage::Body;
                self.need = 0;
            }
            Plan::Skip | Plan::GiveUp => self.finish(),
        }
    }

    fn body<H: Handler>(&mut self, input: &[u8], handler: &mut H) -> Result<usize, Stop> {
        let Some(walker) = self.walker.as_mut() else {
            self.finish();
            return Ok(0);
        };
        let end = usize::try_from(self.left).unwrap_or(usize::MAX);
        let input = input.get(..end).unwrap_or(input);
        let (used, progress) = walker.run(input, handler)?;
        self.consumed(used);
        match progress {
            Progress::Done => self.finish(),
            Progress::OverLimit => {
                self.outcome = Outcome::OverLimit;
                self.finish();
            }
            Progress::Need(need) => self.need = need,
            Progress::Skip(count) => {
                self.skip = count;
                self.need = 0;
            }
        }
        Ok(used)
    }

    /// Nothing more of the frame is wanted.
    fn finish(&mut self) {
        self.walker = None;
        self.stage = Stage::End;
        self.skip = self.left;
    }

    fn consumed(&mut self, count: usize) {
        self.left = self.left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// As many bytes as the frame has, `count` at most.
    fn inside(&self, count: usize) -> usize {
        count.min(usize::try_from(self.left).unwrap_or(usize::MAX))
    }
}

/// Most bytes that a handler can see of a message before it decides.
pub const HEAD_MAX: usize = 32;
/// Bytes of a frame's size field.
const SIZE_FIELD: usize = 4;
/// Bytes of the length in front of a client id.
const CLIENT_ID_LENGTH_FIELD: u32 = 2;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a failed test says so by panicking")]
mod tests;
