//! Runs over a message body along its schema table and shows a visitor the fields it wants.
//!
//! The walker can stop after any byte and go on with the next: its whole state is a stack of fixed
//! depth and one value in progress. It reads only lengths, counts and wanted values; anything else
//! is skipped by length. Counts and lengths are checked against the bytes that are left before
//! they are believed. Format: KIP-482, protocol guide.

use crate::batch::Batch;
use crate::error::Malformed;
use crate::reader::{self, Halt, STRING_MAX};
use crate::schema::{Field, Kind, Message};

mod level;
mod run;
mod value;

pub use level::STACK_MAX;
use level::{Level, Phase, Stack};
use run::Run;
use value::fixed_width;

/// Sees the fields of a message in wire order.
pub trait Visitor {
    /// Whether the field is to be shown. For an array or a struct, whether to be told of its
    /// elements' beginnings and ends; the fields inside are asked for one by one.
    fn wants(&self, field: &'static Field) -> bool;

    /// Whether bytes of any length are wanted, in pieces as they come ([`Self::contents`]).
    fn wants_contents(&self, _field: &'static Field) -> bool {
        false
    }

    /// A value; for an array its count, then the elements follow.
    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow;

    /// A piece of a value that was announced as [`Value::Contents`].
    fn contents(&mut self, _field: &'static Field, _bytes: &[u8]) {}

    /// A struct begins, or the next element of an array of structs.
    fn enter(&mut self, _field: &'static Field) {}

    /// The struct that was entered last and not left yet ends.
    fn leave(&mut self, _field: &'static Field) {}

    /// The header of a batch in a wanted record set.
    fn batch(&mut self, _field: &'static Field, _batch: &Batch) {}
}

/// A value on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A number of any integer type.
    Int(i64),
    /// A floating-point number.
    Float64(f64),
    /// Sixteen bytes.
    Uuid(&'a [u8; 16]),
    /// Text in one piece, as bytes of at most [`STRING_MAX`]; UTF-8 if the peer keeps to the rules.
    String(&'a [u8]),
    /// Text or bytes of this length, whose pieces follow if they are wanted, and are skipped if
    /// not.
    Contents(u32),
    /// A record set of this length in bytes, whose batches follow.
    Records(u32),
    /// So many elements follow.
    Array(u32),
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// On to the next field.
    Continue,
    /// Nothing that follows in this message is wanted.
    SkipRest,
}

/// Where a run over some input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The last field was read; bytes may be left over.
    Done,
    /// As many bytes were read as may be.
    OverLimit,
    /// So many bytes in one piece are needed to go on; at most [`NEED_MAX`].
    Need(usize),
    /// So many bytes are to be skipped before the next run; they count as consumed.
    Skip(u32),
}

/// Largest piece that a run asks for, in bytes.
pub(crate) const NEED_MAX: usize = STRING_MAX;

/// A walk over one message.
pub(crate) struct Walker {
    version: i16,
    flexible: bool,
    stack: Stack,
    leaf: Leaf,
    elements: Option<Elements>,
    /// Bytes of the message consumed so far.
    position: u32,
    /// Where the innermost enclosing length ends: the message, or a tagged field.
    limit: u32,
    /// Bytes that may still be read; skipped ones are free.
    budget: u32,
}

/// A value that is read in more than one step.
#[derive(Clone, Copy)]
enum Leaf {
    None,
    /// Text that is wanted in one piece.
    Text(&'static Field, u32),
    /// Bytes that are wanted in pieces.
    Contents(&'static Field, u32),
    /// Bytes of a record set that are left.
    Records(&'static Field, u32),
    /// Structs that are passed over.
    Plain(Plain),
}

/// What is left of an array of structs that all have the same size and nothing that is wanted.
#[derive(Clone, Copy)]
struct Plain {
    field: &'static Field,
    fields: &'static [Field],
    /// Bytes of the fields of one struct.
    width: u32,
    left: u32,
}

/// What is left of an array of anything but structs.
#[derive(Clone, Copy)]
struct Elements {
    field: &'static Field,
    kind: &'static Kind,
    left: u32,
}

/// One step: go on, or leave the run.
enum Step {
    Again,
    Leave(Progress),
}

impl Walker {
    /// A walk over a message of this version, `size` bytes in all from here on. With
    /// `header_tags` the tagged fields of a flexible header stand in front. It ends after
    /// `walk_max` bytes were read.
    pub(crate) fn new(
        message: &'static Message,
        version: i16,
        size: u32,
        header_tags: bool,
        walk_max: u32,
    ) -> Self {
        let flexible = message.is_flexible(version);
        Self {
            version,
            flexible,
            stack: Stack::new(message.fields, header_tags),
            leaf: Leaf::None,
            elements: None,
            position: 0,
            limit: size,
            budget: walk_max,
        }
    }

    /// Runs on over `input`, the message's next bytes and no byte behind its end. Returns how many
    /// bytes of it were consumed.
    pub(crate) fn run<V: Visitor>(
        &mut self,
        input: &[u8],
        visitor: &mut V,
    ) -> Result<(usize, Progress), Malformed> {
        let mut run = Run { input, consumed: 0, visitor };
        loop {
            if self.budget == 0 {
                return Ok((run.consumed, Progress::OverLimit));
            }
            match self.step(&mut run) {
                Ok(Step::Again) => {}
                Ok(Step::Leave(progress)) => return Ok((run.consumed, progress)),
                Err(Halt::Need(need)) => return Ok((run.consumed, Progress::Need(need))),
                Err(Halt::Malformed(malformed)) => return Err(malformed),
            }
        }
    }

    #[inline]
    fn step<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>) -> Result<Step, Halt> {
        match self.leaf {
            Leaf::None => {}
            Leaf::Text(field, length) => return self.text(run, field, length),
            Leaf::Contents(field, left) => return self.contents(run, field, left),
            Leaf::Records(field, left) => return self.record_set(run, field, left),
            Leaf::Plain(plain) => return self.plain(run, plain),
        }
        if let Some(elements) = self.elements {
            return self.element(run, elements);
        }
        match self.stack.level().phase {
            Phase::Ordinary => self.next_ordinary(run),
            Phase::TagCount => self.tag_count(run),
            Phase::TagNumber { tags: 0 } => self.end_struct(run),
            Phase::TagNumber { tags } => {
                let number = self.read(run, reader::varint)?;
                self.stack.level_mut().phase =
                    Phase::TagSize { tags: tags.saturating_sub(1), number };
                Ok(Step::Again)
            }
            Phase::TagSize { tags, number } => self.tagged(run, tags, number),
            Phase::TagBegin { tags, outer_limit, field } => {
                let phase = Phase::TagValue { tags, outer_limit };
                self.begin_marked(run, field, |level| level.phase = phase)
            }
            Phase::TagValue { tags, outer_limit } => {
                // What the schema does not know of a tagged field is behind what it knows.
                let rest = self.left();
                self.limit = outer_limit;
                self.stack.level_mut().phase = Phase::TagNumber { tags };
                self.skip(run, rest)
            }
        }
    }

    /// The next field of the current struct, or its tagged fields. Fields of fixed width that are
    /// not wanted are passed over together: most messages are made of them.
    #[inline]
    fn next_ordinary<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>) -> Result<Step, Halt> {
        let version = self.version;
        let level = self.stack.level();
        let ahead = level.fields.get(level.next..).unwrap_or_default();
        let mut unwanted: u32 = 0;
        let mut next = level.next;
        let mut stop = None;
        for field in ahead {
            if field.is_ordinary(version) {
                let width = fixed_width(&field.kind);
                if width == 0 || run.visitor.wants(field) {
                    stop = Some(field);
                    break;
                }
                unwanted = unwanted.saturating_add(width);
            }
            next = next.saturating_add(1);
        }
        if unwanted > 0 {
            if unwanted > self.left() {
                return Err(Halt::Malformed(Malformed::Truncated));
            }
            self.stack.level_mut().next = next;
            return self.skip(run, unwanted);
        }
        match stop {
            Some(field) => {
                let next = next.saturating_add(1);
                self.begin_marked(run, field, |level| level.next = next)
            }
            None if self.flexible => {
                self.stack.level_mut().phase = Phase::TagCount;
                self.tag_count(run)
            }
            None => self.end_struct(run),
        }
    }

    /// How many tagged fields the current struct has: nearly always none.
    #[inline]
    fn tag_count<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>) -> Result<Step, Halt> {
        let count = self.read(run, reader::varint)?;
        if count == 0 {
            return self.end_struct(run);
        }
        // A tagged field takes two bytes at least.
        if count > self.left() / 2 {
            return Err(Halt::Malformed(Malformed::Count));
        }
        self.stack.level_mut().phase = Phase::TagNumber { tags: count };
        Ok(Step::Again)
    }

    /// Begins a field and marks it as begun on the current level; not if it cannot begin for want
    /// of bytes, when the next run begins it anew.
    #[inline]
    fn begin_marked<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        mark: impl FnOnce(&mut Level),
    ) -> Result<Step, Halt> {
        // Before it begins: the value may put a level of its own on top.
        let before = *self.stack.level();
        mark(self.stack.level_mut());
        let begun = self.begin(run, field);
        if begun.is_err() {
            *self.stack.level_mut() = before;
        }
        begun
    }

    /// The size of a tagged field is next.
    fn tagged<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        tags: u32,
        number: u32,
    ) -> Result<Step, Halt> {
        let size = self.read(run, reader::varint)?;
        if size > self.left() {
            return Err(Halt::Malformed(Malformed::Length));
        }
        let version = self.version;
        let known = self.stack.level().fields.iter().find(|field| {
            field.is_tagged(version) && field.tag.is_some_and(|tag| u32::from(tag.number) == number)
        });
        let Some(field) = known else {
            self.stack.level_mut().phase = Phase::TagNumber { tags };
            return self.skip(run, size);
        };
        let outer_limit = self.limit;
        self.limit = self.position.saturating_add(size);
        self.stack.level_mut().phase = Phase::TagBegin { tags, outer_limit, field };
        Ok(Step::Again)
    }

    /// All fields of the current struct are read.
    fn end_struct<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>) -> Result<Step, Halt> {
        let level = self.stack.level();
        if let Some(scope) = level.scope
            && run.visitor.wants(scope)
        {
            run.visitor.leave(scope);
            if level.elements > 0 {
                run.visitor.enter(scope);
            }
        }
        if self.stack.next_element() { Ok(Step::Again) } else { Ok(Step::Leave(Progress::Done)) }
    }
}
