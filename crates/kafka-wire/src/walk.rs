//! Runs over a message body along its schema table and shows a visitor the fields it wants.
//!
//! The walker can stop after any byte and go on with the next: its whole state is a stack of fixed
//! depth and one value in progress. It reads only lengths, counts and wanted values; anything else
//! is skipped by length. Counts and lengths are checked against the bytes that are left before
//! they are believed. Format: KIP-482, protocol guide.

use crate::batch::{self, Batch, Entry};
use crate::error::Malformed;
use crate::reader::{self, Halt, LengthForm, STRING_MAX};
use crate::schema::{Field, Kind, Message};

mod level;

pub use level::STACK_MAX;
use level::{Level, Phase, Stack};

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

/// What a run works with.
struct Run<'r, 'i, V> {
    input: &'i [u8],
    consumed: usize,
    visitor: &'r mut V,
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
        }
        if let Some(elements) = self.elements {
            return self.element(run, elements);
        }
        match self.stack.level().phase {
            Phase::Ordinary => self.next_ordinary(run),
            Phase::TagCount => {
                let count = self.read(run, reader::varint)?;
                // A tagged field takes two bytes at least.
                if count > self.left() / 2 {
                    return Err(Halt::Malformed(Malformed::Count));
                }
                self.stack.level_mut().phase = Phase::TagNumber { tags: count };
                Ok(Step::Again)
            }
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

    /// The next field of the current struct, or its tagged fields.
    #[inline]
    fn next_ordinary<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>) -> Result<Step, Halt> {
        let version = self.version;
        let level = self.stack.level();
        let ahead = level.fields.get(level.next..).unwrap_or_default();
        match ahead.iter().position(|field| field.is_ordinary(version)) {
            Some(index) => {
                let next = level.next.saturating_add(index).saturating_add(1);
                match ahead.get(index) {
                    Some(field) => self.begin_marked(run, field, |level| level.next = next),
                    None => Ok(Step::Again),
                }
            }
            None if self.flexible => {
                self.stack.level_mut().phase = Phase::TagCount;
                Ok(Step::Again)
            }
            None => self.end_struct(run),
        }
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

    /// Begins the value of `field`: reads it whole, or its length and leaves the rest to a leaf or
    /// a level of the stack.
    #[inline]
    fn begin<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
    ) -> Result<Step, Halt> {
        match field.kind {
            Kind::Array(element) => self.array(run, field, element),
            ref kind => self.single(run, field, kind),
        }
    }

    /// Begins one value that is not an array.
    fn single<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        kind: &'static Kind,
    ) -> Result<Step, Halt> {
        match *kind {
            Kind::Struct(fields) => self.structure(run, field, fields),
            Kind::String => self.string(run, field),
            Kind::Bytes => {
                let Some(length) = self.length(run, field, LengthForm::Int32)? else {
                    return Ok(self.show(run, field, Value::Null));
                };
                self.begin_contents(run, field, length)
            }
            Kind::Records => {
                let Some(length) = self.length(run, field, LengthForm::Int32)? else {
                    return Ok(self.show(run, field, Value::Null));
                };
                if !run.visitor.wants(field) {
                    return self.skip(run, length);
                }
                self.leaf = Leaf::Records(field, length);
                Ok(self.show(run, field, Value::Records(length)))
            }
            // An array of arrays does not occur: the generator refuses it.
            Kind::Array(_) => Ok(Step::Again),
            ref number => self.number(run, field, number),
        }
    }

    /// A value of fixed width.
    fn number<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        kind: &'static Kind,
    ) -> Result<Step, Halt> {
        if !run.visitor.wants(field) {
            let width = fixed_width(kind);
            if width > self.left() {
                return Err(Halt::Malformed(Malformed::Truncated));
            }
            return self.skip(run, width);
        }
        let value = match kind {
            Kind::Bool => Value::Bool(self.read(run, reader::int8)? != 0),
            Kind::Int8 => Value::Int(i64::from(self.read(run, reader::int8)?)),
            Kind::Int16 => Value::Int(i64::from(self.read(run, reader::int16)?)),
            Kind::Uint16 => Value::Int(i64::from(self.read(run, reader::uint16)?)),
            Kind::Int32 => Value::Int(i64::from(self.read(run, reader::int32)?)),
            Kind::Uint32 => Value::Int(i64::from(self.read(run, reader::uint32)?)),
            Kind::Float64 => Value::Float64(self.read(run, reader::float64)?),
            Kind::Uuid => Value::Uuid(self.read(run, reader::uuid)?),
            _ => Value::Int(self.read(run, reader::int64)?),
        };
        Ok(self.show(run, field, value))
    }

    fn string<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
    ) -> Result<Step, Halt> {
        let Some(length) = self.length(run, field, LengthForm::Int16)? else {
            return Ok(self.show(run, field, Value::Null));
        };
        if !run.visitor.wants(field) {
            return self.skip(run, length);
        }
        if usize_of(length) > STRING_MAX {
            return self.begin_contents(run, field, length);
        }
        self.leaf = Leaf::Text(field, length);
        Ok(Step::Again)
    }

    fn structure<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        fields: &'static [Field],
    ) -> Result<Step, Halt> {
        if field.nullable.contains(self.version) {
            // One byte in front, below zero is null (KIP-893).
            let marker = self.read(run, reader::int8)?;
            if marker < 0 {
                return Ok(self.show(run, field, Value::Null));
            }
        }
        self.push(run, field, fields, 0)
    }

    fn array<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        element: &'static Kind,
    ) -> Result<Step, Halt> {
        let form = self.form(LengthForm::Int32);
        let (count, used) = self.ahead(run, |input| reader::length(input, form))?;
        let Some(count) = count else {
            self.null(field)?;
            self.advance(run, used);
            return Ok(self.show(run, field, Value::Null));
        };
        let width = fixed_width(element);
        let left = self.left().saturating_sub(count_of(used));
        // An element takes one byte at least, so that a count costs no more than its bytes.
        if u64::from(count).saturating_mul(u64::from(width.max(1))) > u64::from(left) {
            return Err(Halt::Malformed(Malformed::Count));
        }
        self.advance(run, used);
        if let Step::Leave(progress) = self.show(run, field, Value::Array(count)) {
            return Ok(Step::Leave(progress));
        }
        match element {
            _ if count == 0 => Ok(Step::Again),
            Kind::Struct(fields) => self.push(run, field, fields, count.saturating_sub(1)),
            _ if width > 0 && !run.visitor.wants(field) => {
                self.skip(run, count.saturating_mul(width))
            }
            _ => {
                self.elements = Some(Elements { field, kind: element, left: count });
                Ok(Step::Again)
            }
        }
    }

    /// Goes into a struct, or into the first of an array's.
    fn push<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        fields: &'static [Field],
        more_elements: u32,
    ) -> Result<Step, Halt> {
        if !self.stack.push(Level::of(field, fields, more_elements)) {
            // Tables that need more are refused by a test.
            return Err(Halt::Malformed(Malformed::Count));
        }
        if run.visitor.wants(field) {
            run.visitor.enter(field);
        }
        Ok(Step::Again)
    }

    fn text<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        length: u32,
    ) -> Result<Step, Halt> {
        let length = usize_of(length);
        let (text, used) = self.ahead(run, |input| reader::take(input, length))?;
        self.leaf = Leaf::None;
        self.advance(run, used);
        Ok(self.show(run, field, Value::String(text)))
    }

    fn begin_contents<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        length: u32,
    ) -> Result<Step, Halt> {
        if !run.visitor.wants(field) {
            return self.skip(run, length);
        }
        let step = self.show(run, field, Value::Contents(length));
        if run.visitor.wants_contents(field) {
            self.leaf = Leaf::Contents(field, length);
            return Ok(step);
        }
        match step {
            Step::Again => self.skip(run, length),
            leave @ Step::Leave(_) => Ok(leave),
        }
    }

    fn contents<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        left: u32,
    ) -> Result<Step, Halt> {
        if left == 0 {
            self.leaf = Leaf::None;
            return Ok(Step::Again);
        }
        let rest = run.rest(self.left());
        let count = rest.len().min(usize_of(left));
        if count == 0 {
            return Err(Halt::Need(1));
        }
        run.visitor.contents(field, rest.get(..count).unwrap_or_default());
        self.leaf = Leaf::Contents(field, left.saturating_sub(count_of(count)));
        self.advance(run, count);
        Ok(Step::Again)
    }

    /// The next element of an array of simple values.
    fn element<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        elements: Elements,
    ) -> Result<Step, Halt> {
        let Some(left) = elements.left.checked_sub(1) else {
            self.elements = None;
            return Ok(Step::Again);
        };
        let step = self.single(run, elements.field, elements.kind)?;
        self.elements = Some(Elements { left, ..elements });
        Ok(step)
    }

    /// The next batch of a record set, shown and skipped.
    fn record_set<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        left: u32,
    ) -> Result<Step, Halt> {
        if left == 0 {
            self.leaf = Leaf::None;
            return Ok(Step::Again);
        }
        let entry = batch::entry(run.rest(self.left()), left).map_err(|halt| match halt {
            Halt::Need(need) => Halt::Need(need.min(usize_of(left))),
            malformed @ Halt::Malformed(_) => malformed,
        })?;
        let size = match entry {
            Entry::Whole(batch) => {
                run.visitor.batch(field, &batch);
                batch.size_bytes.min(left)
            }
            Entry::Rest => left,
        };
        self.leaf = Leaf::Records(field, left.saturating_sub(size));
        self.skip(run, size)
    }

    /// Shows a value; goes on as the visitor says.
    #[inline]
    fn show<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        value: Value<'_>,
    ) -> Step {
        if run.visitor.wants(field) && run.visitor.value(field, value) == Flow::SkipRest {
            return Step::Leave(Progress::Done);
        }
        Step::Again
    }

    /// The length in front of text, bytes or records; shows nothing.
    fn length<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        form: LengthForm,
    ) -> Result<Option<u32>, Halt> {
        let form = self.form(form);
        let (length, used) = self.ahead(run, |input| reader::length(input, form))?;
        match length {
            None => self.null(field)?,
            Some(length) if length > self.left().saturating_sub(count_of(used)) => {
                return Err(Halt::Malformed(Malformed::Length));
            }
            Some(_) => {}
        }
        self.advance(run, used);
        Ok(length)
    }

    fn form(&self, inflexible: LengthForm) -> LengthForm {
        if self.flexible { LengthForm::Compact } else { inflexible }
    }

    fn null(&self, field: &'static Field) -> Result<(), Halt> {
        if field.nullable.contains(self.version) {
            return Ok(());
        }
        Err(Halt::Malformed(Malformed::Null))
    }

    /// Bytes left to the innermost limit.
    #[inline]
    fn left(&self) -> u32 {
        self.limit.saturating_sub(self.position)
    }

    /// Reads a value and moves over it.
    #[inline]
    fn read<'i, T, V: Visitor>(
        &mut self,
        run: &mut Run<'_, 'i, V>,
        reader: impl FnOnce(&'i [u8]) -> reader::Read<'i, T>,
    ) -> Result<T, Halt> {
        let (value, used) = self.ahead(run, reader)?;
        self.advance(run, used);
        Ok(value)
    }

    /// Reads a value and stays in front of it; returns its size in bytes too.
    #[inline]
    fn ahead<'i, T, V: Visitor>(
        &self,
        run: &Run<'_, 'i, V>,
        reader: impl FnOnce(&'i [u8]) -> reader::Read<'i, T>,
    ) -> Result<(T, usize), Halt> {
        let input = run.rest(self.left());
        match reader(input) {
            Ok((rest, value)) => Ok((value, input.len().saturating_sub(rest.len()))),
            // More than there will ever be.
            Err(Halt::Need(need)) if need > usize_of(self.left()) => {
                Err(Halt::Malformed(Malformed::Truncated))
            }
            Err(halt) => Err(halt),
        }
    }

    #[inline]
    fn advance<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>, count: usize) {
        run.consumed = run.consumed.saturating_add(count);
        self.position = self.position.saturating_add(count_of(count));
        self.budget = self.budget.saturating_sub(count_of(count));
    }

    /// Moves over `count` bytes, which are inside the limit; those not in the input are left to
    /// the caller of the run.
    #[inline]
    fn skip<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>, count: u32) -> Result<Step, Halt> {
        let here = run.input.len().saturating_sub(run.consumed).min(usize_of(count));
        run.consumed = run.consumed.saturating_add(here);
        self.position = self.position.saturating_add(count);
        match count.saturating_sub(count_of(here)) {
            0 => Ok(Step::Again),
            beyond => Ok(Step::Leave(Progress::Skip(beyond))),
        }
    }
}

impl<'i, V> Run<'_, 'i, V> {
    /// What is left of the input, inside a limit `left` bytes ahead.
    #[inline]
    fn rest(&self, left: u32) -> &'i [u8] {
        let rest = self.input.get(self.consumed..).unwrap_or_default();
        rest.get(..usize_of(left)).unwrap_or(rest)
    }
}

/// Bytes of a value of this kind, 0 where they vary.
fn fixed_width(kind: &Kind) -> u32 {
    match kind {
        Kind::Bool | Kind::Int8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 => 4,
        Kind::Int64 | Kind::Float64 => 8,
        Kind::Uuid => 16,
        Kind::String | Kind::Bytes | Kind::Records | Kind::Struct(_) | Kind::Array(_) => 0,
    }
}

/// A size on the wire as a size in memory; the targets have 32 bits or more.
#[inline]
fn usize_of(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// A size of a slice inside a message, whose size has 31 bits.
#[inline]
fn count_of(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
