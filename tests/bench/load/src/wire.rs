//! Kafka's primitive types, in the classic and in the compact form (KIP-482).
//!
//! One flag decides the form of a whole message, so that every message is written once for all its versions.
//! Independent of the filter's decoder on purpose: the load must not share a mistake with what it measures.

use std::io::{Error, ErrorKind, Result};

/// Builds one message; sizes and tags follow `flexible`.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    flexible: bool,
}

impl Writer {
    /// Starts a frame: the size is filled in by [`Writer::frame`].
    pub(crate) fn new(flexible: bool) -> Self {
        Self { bytes: vec![0; 4], flexible }
    }

    pub(crate) fn i8(&mut self, value: i8) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn i16(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A string; its length is an int16 in the classic form.
    pub(crate) fn string(&mut self, value: &str) -> &mut Self {
        if self.flexible {
            self.varint(value.len() + 1);
        } else {
            self.i16(value.len() as i16);
        }
        self.raw(value.as_bytes())
    }

    /// An absent nullable string.
    pub(crate) fn no_string(&mut self) -> &mut Self {
        if self.flexible { self.raw(&[0]) } else { self.i16(-1) }
    }

    /// The count of an array, or the size of a byte field: both are an int32 in the classic form.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        if self.flexible { self.varint(count + 1) } else { self.i32(count as i32) }
    }

    /// An absent nullable array.
    pub(crate) fn no_array(&mut self) -> &mut Self {
        if self.flexible { self.raw(&[0]) } else { self.i32(-1) }
    }

    /// The end of a structure: no tagged fields.
    pub(crate) fn end(&mut self) -> &mut Self {
        if self.flexible { self.raw(&[0]) } else { self }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, value: usize) -> &mut Self {
        let mut rest = value;
        while rest >= 0x80 {
            self.bytes.push((rest as u8 & 0x7f) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self
    }

    /// The finished frame, its size in front.
    pub(crate) fn frame(mut self) -> Vec<u8> {
        let size = (self.bytes.len() - 4) as u32;
        self.bytes[..4].copy_from_slice(&size.to_be_bytes());
        self.bytes
    }
}

/// Reads one message; everything out of range is an error, never a panic.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self { rest: bytes, flexible }
    }

    /// The body may be in another form than the header.
    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    pub(crate) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A string that may be null.
    pub(crate) fn string(&mut self) -> Result<Option<&'a str>> {
        let size = if self.flexible { self.compact()? } else { usize::try_from(self.i16()?).ok() };
        self.text(size)
    }

    /// The header's client id stays in the classic form in every version.
    pub(crate) fn classic_string(&mut self) -> Result<Option<&'a str>> {
        let size = usize::try_from(self.i16()?).ok();
        self.text(size)
    }

    /// The count of an array or the size of a byte field; null is `None`.
    pub(crate) fn count(&mut self) -> Result<Option<usize>> {
        if self.flexible { self.compact() } else { Ok(usize::try_from(self.i32()?).ok()) }
    }

    /// Skips the tagged fields at the end of a structure.
    pub(crate) fn end(&mut self) -> Result<()> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.take(size)?;
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(size).ok_or_else(short)?;
        self.rest = tail;
        Ok(head)
    }

    fn text(&mut self, size: Option<usize>) -> Result<Option<&'a str>> {
        let Some(size) = size else { return Ok(None) };
        let bytes = self.take(size)?;
        std::str::from_utf8(bytes).map(Some).map_err(|e| Error::new(ErrorKind::InvalidData, e))
    }

    fn compact(&mut self) -> Result<Option<usize>> {
        Ok(self.varint()?.checked_sub(1))
    }

    fn varint(&mut self) -> Result<usize> {
        let mut value = 0usize;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::new(ErrorKind::InvalidData, "a varint longer than five bytes"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| short())
    }
}

fn short() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the message ends before its fields do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_string_and_an_array_read_back() {
        for flexible in [false, true] {
            let mut writer = Writer::new(flexible);
            writer.string("topic").no_string().count(300).no_array().end();
            let frame = writer.frame();
            assert_eq!(
                u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize,
                frame.len() - 4
            );
            let mut reader = Reader::new(&frame[4..], flexible);
            assert_eq!(reader.string().expect("a string"), Some("topic"));
            assert_eq!(reader.string().expect("a null"), None);
            assert_eq!(reader.count().expect("a count"), Some(300));
            assert_eq!(reader.count().expect("a null count"), None);
            reader.end().expect("an end");
            assert!(reader.i8().is_err(), "nothing is left");
        }
    }

    #[test]
    fn the_compact_form_is_the_documented_bytes() {
        let mut writer = Writer::new(true);
        writer.string("ab").count(200).end();
        assert_eq!(writer.frame(), [0, 0, 0, 6, 3, b'a', b'b', 0xc9, 0x01, 0]);
    }
}
