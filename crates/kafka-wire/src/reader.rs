//! Primitive types of the protocol, read from the front of a slice.
//!
//! Each reader either takes a whole value or takes nothing: running out of bytes is
//! [`Halt::Need`], "not yet", never an error. References: protocol guide, "Protocol Primitive
//! Types"; KIP-482 for the compact forms.

use nom::number::streaming as number;
use nom::{IResult, Needed};

use crate::error::Malformed;

/// Longest text that is handed over in one piece, in bytes; longer values are skipped by length.
/// Topic names have at most 249.
pub const STRING_MAX: usize = 256;

/// Why a reader gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// So many bytes in all, from the start of the value, would do; at least one more than given.
    Need(usize),
    /// No number of bytes would do.
    Malformed(Malformed),
}

/// The rest of the input and the value.
pub(crate) type Read<'a, T> = Result<(&'a [u8], T), Halt>;

/// How a length or a count is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthForm {
    /// Two bytes, -1 is null.
    Int16,
    /// Four bytes, -1 is null.
    Int32,
    /// Unsigned varint of the length plus one, zero is null.
    Compact,
}

pub(crate) fn int8(input: &[u8]) -> Read<'_, i8> {
    fixed(input, number::be_i8)
}

pub(crate) fn int16(input: &[u8]) -> Read<'_, i16> {
    fixed(input, number::be_i16)
}

pub(crate) fn uint16(input: &[u8]) -> Read<'_, u16> {
    fixed(input, number::be_u16)
}

pub(crate) fn int32(input: &[u8]) -> Read<'_, i32> {
    fixed(input, number::be_i32)
}

pub(crate) fn uint32(input: &[u8]) -> Read<'_, u32> {
    fixed(input, number::be_u32)
}

pub(crate) fn int64(input: &[u8]) -> Read<'_, i64> {
    fixed(input, number::be_i64)
}

pub(crate) fn float64(input: &[u8]) -> Read<'_, f64> {
    fixed(input, number::be_f64)
}

/// The sixteen bytes of a UUID.
pub(crate) fn uuid(input: &[u8]) -> Read<'_, &[u8; 16]> {
    input.split_first_chunk().map(|(id, rest)| (rest, id)).ok_or(Halt::Need(16))
}

/// So many bytes in one piece.
pub(crate) fn take(input: &[u8], length: usize) -> Read<'_, &[u8]> {
    fixed(input, nom::bytes::streaming::take(length))
}

/// Unsigned varint of at most 32 bits (KIP-482).
pub(crate) fn varint(input: &[u8]) -> Read<'_, u32> {
    let mut value: u32 = 0;
    let mut rest = input;
    for shift in [0_u32, 7, 14, 21, 28] {
        let Some((&byte, tail)) = rest.split_first() else {
            return Err(Halt::Need(input.len().saturating_add(1)));
        };
        rest = tail;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && bits > 0x0f {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok((rest, value));
        }
    }
    Err(Halt::Malformed(Malformed::Varint))
}

/// A length or a count in the given form; `None` is null.
pub(crate) fn length(input: &[u8], form: LengthForm) -> Read<'_, Option<u32>> {
    let (rest, signed) = match form {
        LengthForm::Compact => {
            let (rest, raw) = varint(input)?;
            return Ok((rest, raw.checked_sub(1)));
        }
        LengthForm::Int16 => int16(input).map(|(rest, raw)| (rest, i32::from(raw)))?,
        LengthForm::Int32 => int32(input)?,
    };
    match u32::try_from(signed) {
        Ok(length) => Ok((rest, Some(length))),
        Err(_) if signed == -1 => Ok((rest, None)),
        Err(_) => Err(Halt::Malformed(Malformed::Length)),
    }
}

/// Runs a nom streaming parser; its `Incomplete` becomes [`Halt::Need`].
#[inline]
fn fixed<'a, T, P>(input: &'a [u8], mut parser: P) -> Read<'a, T>
where
    P: nom::Parser<&'a [u8], Output = T, Error = ()>,
{
    let outcome: IResult<&'a [u8], T, ()> = parser.parse(input);
    outcome.map_err(|error| match error {
        nom::Err::Incomplete(Needed::Size(more)) => {
            Halt::Need(input.len().saturating_add(more.get()))
        }
        // The parsers used here have no other way to fail.
        _ => Halt::Need(input.len().saturating_add(1)),
    })
}

#[cfg(test)]
mod tests;
