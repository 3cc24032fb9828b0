//! Begins and ends values of every type: numbers whole, the rest by length or count.
//!
//! A value that could not begin for want of bytes has changed nothing.

use crate::batch::{self, Entry};
use crate::error::Malformed;
use crate::reader::{self, Halt, LengthForm, STRING_MAX};
use crate::schema::{Field, Kind};

use super::level::Level;
use super::run::{Run, count_of, usize_of};
use super::{Elements, Leaf, Plain, Step, Value, Visitor, Walker};

impl Walker {
    /// Begins the value of `field`: reads it whole, or its length and leaves the rest to a leaf or
    /// a level of the stack.
    #[inline]
    pub(super) fn begin<V: Visitor>(
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
    pub(super) fn single<V: Visitor>(
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
    pub(super) fn number<V: Visitor>(
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

    pub(super) fn string<V: Visitor>(
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

    pub(super) fn structure<V: Visitor>(
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

    pub(super) fn array<V: Visitor>(
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
            Kind::Struct(fields) => match self.plain_width(run, field, fields) {
                Some(width) => {
                    self.leaf = Leaf::Plain(Plain { field, fields, width, left: count });
                    Ok(Step::Again)
                }
                None => self.push(run, field, fields, count.saturating_sub(1)),
            },
            _ if width > 0 && !run.visitor.wants(field) => {
                self.skip(run, count.saturating_mul(width))
            }
            _ => {
                self.elements = Some(Elements { field, kind: element, left: count });
                Ok(Step::Again)
            }
        }
    }

    /// Bytes of the fields of one struct, when all its fields have a fixed width and none is wanted,
    /// as in the versions that a broker supports.
    fn plain_width<V: Visitor>(
        &self,
        run: &Run<'_, '_, V>,
        field: &'static Field,
        fields: &'static [Field],
    ) -> Option<u32> {
        if run.visitor.wants(field) {
            return None;
        }
        let mut sum: u32 = 0;
        for field in fields.iter().filter(|field| field.versions.contains(self.version)) {
            let width = fixed_width(&field.kind);
            if width == 0 || !field.is_ordinary(self.version) || run.visitor.wants(field) {
                return None;
            }
            sum = sum.saturating_add(width);
        }
        (1..=PLAIN_WIDTH_MAX).contains(&sum).then_some(sum)
    }

    /// Passes over structs of one width, as far as the input goes.
    pub(super) fn plain<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        plain: Plain,
    ) -> Result<Step, Halt> {
        let Plain { field, fields, width, mut left } = plain;
        self.leaf = Leaf::None;
        if !self.flexible {
            let bytes = width.saturating_mul(left);
            if bytes > self.left() {
                return Err(Halt::Malformed(Malformed::Truncated));
            }
            return self.skip(run, bytes);
        }
        // Behind the fields of each stands how many tagged fields it has.
        let size = width.saturating_add(1);
        while left > 0 {
            let element = self.ahead(run, |input| reader::take(input, usize_of(size)));
            let (element, _) = element.inspect_err(|_| {
                self.leaf = Leaf::Plain(Plain { left, ..plain });
            })?;
            left = left.saturating_sub(1);
            if element.last() != Some(&0) {
                return self.push(run, field, fields, left);
            }
            self.skip(run, size)?;
        }
        Ok(Step::Again)
    }

    /// Goes into a struct, or into the first of an array's.
    pub(super) fn push<V: Visitor>(
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

    pub(super) fn text<V: Visitor>(
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

    pub(super) fn begin_contents<V: Visitor>(
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

    pub(super) fn contents<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        left: u32,
    ) -> Result<Step, Halt> {
        if left == 0 {
            self.leaf = Leaf::None;
            return Ok(Step::Again);
        }
        // Never over the limit on walked bytes, which would then depend on how the input was split.
        let rest = run.rest(self.left());
        let count = rest.len().min(usize_of(left.min(self.budget)));
        if count == 0 {
            return Err(Halt::Need(1));
        }
        run.visitor.contents(field, rest.get(..count).unwrap_or_default());
        self.leaf = Leaf::Contents(field, left.saturating_sub(count_of(count)));
        self.advance(run, count);
        Ok(Step::Again)
    }

    /// The next element of an array of simple values.
    pub(super) fn element<V: Visitor>(
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
    pub(super) fn record_set<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        field: &'static Field,
        left: u32,
    ) -> Result<Step, Halt> {
        if left == 0 {
            self.leaf = Leaf::None;
            return Ok(Step::Again);
        }
        let size = match batch::entry(run.rest(self.left()), left)? {
            Entry::Whole(batch) => {
                run.visitor.batch(field, &batch);
                batch.size_bytes.min(left)
            }
            Entry::Rest => left,
        };
        self.leaf = Leaf::Records(field, left.saturating_sub(size));
        self.skip(run, size)
    }
}

/// Bytes of a value of this kind, 0 where they vary.
pub(super) fn fixed_width(kind: &Kind) -> u32 {
    match kind {
        Kind::Bool | Kind::Int8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 => 4,
        Kind::Int64 | Kind::Float64 => 8,
        Kind::Uuid => 16,
        Kind::String | Kind::Bytes | Kind::Records | Kind::Struct(_) | Kind::Array(_) => 0,
    }
}

/// Widest struct that is passed over as a whole, so that it can be asked for in one piece.
const PLAIN_WIDTH_MAX: u32 = 64;

const _: () = assert!((PLAIN_WIDTH_MAX as usize) < super::NEED_MAX);
