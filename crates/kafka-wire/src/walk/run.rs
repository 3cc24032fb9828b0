//! The bytes of one run, and how the walker reads, shows and skips them inside the innermost limit.

use crate::error::Malformed;
use crate::reader::{self, Halt, LengthForm};
use crate::schema::Field;

use super::{Flow, Progress, Step, Value, Visitor, Walker};

/// What a run works with: its bytes, how far it is, and who watches.
pub(super) struct Run<'r, 'i, V> {
    pub(super) input: &'i [u8],
    pub(super) consumed: usize,
    pub(super) visitor: &'r mut V,
}

impl Walker {
    /// Shows a value; goes on as the visitor says.
    #[inline]
    pub(super) fn show<V: Visitor>(
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
    pub(super) fn length<V: Visitor>(
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

    pub(super) fn form(&self, inflexible: LengthForm) -> LengthForm {
        if self.flexible { LengthForm::Compact } else { inflexible }
    }

    pub(super) fn null(&self, field: &'static Field) -> Result<(), Halt> {
        if field.nullable.contains(self.version) {
            return Ok(());
        }
        Err(Halt::Malformed(Malformed::Null))
    }

    /// Bytes left to the innermost limit.
    #[inline]
    pub(super) fn left(&self) -> u32 {
        self.limit.saturating_sub(self.position)
    }

    /// Reads a value and moves over it.
    #[inline]
    pub(super) fn read<'i, T, V: Visitor>(
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
    pub(super) fn ahead<'i, T, V: Visitor>(
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
    pub(super) fn advance<V: Visitor>(&mut self, run: &mut Run<'_, '_, V>, count: usize) {
        run.consumed = run.consumed.saturating_add(count);
        self.position = self.position.saturating_add(count_of(count));
        self.budget = self.budget.saturating_sub(count_of(count));
    }

    /// Moves over `count` bytes, which are inside the limit; those not in the input are left to
    /// the caller of the run.
    #[inline]
    pub(super) fn skip<V: Visitor>(
        &mut self,
        run: &mut Run<'_, '_, V>,
        count: u32,
    ) -> Result<Step, Halt> {
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
    pub(super) fn rest(&self, left: u32) -> &'i [u8] {
        let rest = self.input.get(self.consumed..).unwrap_or_default();
        rest.get(..usize_of(left)).unwrap_or(rest)
    }
}

/// A size on the wire as a size in memory; the targets have 32 bits or more.
#[inline]
pub(super) fn usize_of(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// A size of a slice inside a message, whose size has 31 bits.
#[inline]
pub(super) fn count_of(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
