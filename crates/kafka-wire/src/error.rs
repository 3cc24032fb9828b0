//! What can be wrong with bytes: small enough to be counted, not shown.

use core::fmt;

/// Bytes that contradict their schema; the connection cannot be decoded any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// A count is below the null marker or above the bytes that are left.
    Count,
    /// A frame size of zero or less.
    FrameSize,
    /// A length is below the null marker or above the bytes that are left.
    Length,
    /// Null where the version has no null.
    Null,
    /// The message ends inside a field.
    Truncated,
    /// A variable-length number of more than 32 bits.
    Varint,
}

/// Why decoding of a stream ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The handler gave up, for a reason that it keeps itself.
    Handler,
    /// The source could not give bytes that it said it has.
    Source,
    /// The bytes contradict their schema.
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "element count out of bounds",
            Self::FrameSize => "frame size not positive",
            Self::Length => "length out of bounds",
            Self::Null => "null in a field that cannot be null",
            Self::Truncated => "message ends inside a field",
            Self::Varint => "variable-length number too long",
        })
    }
}

impl core::error::Error for Malformed {}
