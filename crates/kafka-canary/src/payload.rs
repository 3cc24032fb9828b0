//! What a record says: `{"producerId":…,"messageId":…,"timestamp":…}`, in this order, as Strimzi's proposal 013 has it.
//!
//! Reading is strict (no other field, nothing behind the JSON but blanks) and bounded: a foreign record of any size costs no
//! more than a look at [`JSON_MAX`] bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A record's value without its padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload<'a> {
    /// `CLIENT_ID` of the canary that wrote it.
    #[serde(borrow)]
    pub producer_id: Cow<'a, str>,
    /// One counter over all partitions of one run.
    pub message_id: u64,
    /// When it was sent, in milliseconds since 1970. Not used for latency: clocks jump.
    pub timestamp: u64,
}

impl<'a> Payload<'a> {
    /// Writes it into `out`, padded with blanks to `value_bytes` if it is shorter.
    ///
    /// # Errors
    /// None that is known: a string and two numbers always are JSON.
    pub fn write(
        &self,
        value_bytes: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        out.clear();
        serde_json::to_writer(&mut *out, self)?;
        if let Some(length) = value_bytes.filter(|length| *length > out.len()) {
            out.resize(length, b' ');
        }
        Ok(())
    }

    /// Reads what [`Payload::write`] wrote; none is a foreign or broken record.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let last = value.iter().take(JSON_MAX).rposition(|byte| *byte == b'}')?;
        let (json, padding) = value.split_at_checked(last.checked_add(1)?)?;
        if padding.len() > PADDING_MAX || padding.iter().any(|byte| *byte != b' ') {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}

/// The longest JSON that is looked at: a client id of that length is none.
pub const JSON_MAX: usize = 4 << 10;

/// The most blanks behind it, and so the bound of `value_bytes`: what brokers take by default as a message.
pub const PADDING_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(payload: &Payload<'_>, value_bytes: Option<usize>) -> Vec<u8> {
        let mut out = b"left over".to_vec();
        payload.write(value_bytes, &mut out).unwrap();
        out
    }

    fn payload(producer_id: &str) -> Payload<'_> {
        Payload { producer_id: producer_id.into(), message_id: 7, timestamp: 1_700_000_000_123 }
    }

    #[test]
    fn writes_the_fields_in_the_order_of_the_proposal() {
        assert_eq!(
            written(&payload("strimzi-canary-client"), None),
            br#"{"producerId":"strimzi-canary-client","messageId":7,"timestamp":1700000000123}"#
        );
    }

    #[test]
    fn pads_with_blanks_and_never_cuts() {
        let padded = written(&payload("c"), Some(100));
        assert_eq!(padded.len(), 100);
        assert_eq!(Payload::read(&padded), Some(payload("c")));
        assert_eq!(written(&payload("c"), Some(3)), written(&payload("c"), None));
    }

    #[test]
    fn reads_what_it_wrote_whatever_the_client_id() {
        for id in ["", "c", "with } brace", "quote \" and \\ and ü", "}}}"] {
            for value_bytes in [None, Some(300)] {
                assert_eq!(
                    Payload::read(&written(&payload(id), value_bytes)),
                    Some(payload(id)),
                    "{id:?}"
                );
            }
        }
    }

    #[test]
    fn refuses_what_is_not_exactly_that() {
        for value in [
            "",
            "{}",
            "hello",
            "{\"producerId\":\"c\",\"messageId\":7}",
            "{\"producerId\":\"c\",\"messageId\":7,\"timestamp\":1,\"more\":1}",
            "{\"producerId\":\"c\",\"messageId\":7,\"messageId\":7,\"timestamp\":1}",
            "{\"producerId\":\"c\",\"messageId\":-7,\"timestamp\":1}",
            "{\"producerId\":\"c\",\"messageId\":7.5,\"timestamp\":1}",
            "{\"producerId\":\"c\",\"messageId\":\"7\",\"timestamp\":1}",
            "{\"producerId\":\"c\",\"messageId\":7,\"timestamp\":1} x",
            "{\"producerId\":\"c\",\"messageId\":7,\"timestamp\":1}\n",
        ] {
            assert_eq!(Payload::read(value.as_bytes()), None, "{value}");
        }
        assert_eq!(Payload::read(&[0xff, 0xfe, b'}']), None);
    }

    #[test]
    fn looks_no_further_than_the_limits() {
        let mut long = written(&payload(&"c".repeat(JSON_MAX)), None);
        assert_eq!(Payload::read(&long), None, "the JSON is longer than the limit");
        long = written(&payload("c"), None);
        long.resize(long.len() + PADDING_MAX, b' ');
        assert_eq!(Payload::read(&long), Some(payload("c")));
        long.push(b' ');
        assert_eq!(Payload::read(&long), None, "more padding than the limit");
    }
}
