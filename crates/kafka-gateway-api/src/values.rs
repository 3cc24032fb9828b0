//! The values that all dialects have: base64, times, partitions, acks.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use crate::json::{Place, Scalar};
use crate::{Header, Refusal};

/// One record may have so many headers; Kafka itself sets no limit, and each costs a consumer memory.
pub const HEADERS_MAX: usize = 256;

/// 9999-12-30T22:00:00.000Z: later times cannot be written as RFC 3339 in every time zone.
pub const TIMESTAMP_MAX_MS: i64 = 253_402_207_200_000;

/// RFC 4648 section 4, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What base64 stands for.
pub(crate) fn base64(text: &[u8], place: Place) -> Result<Vec<u8>, Refusal> {
    BASE64.decode(text).map_err(|_| {
        place.unprocessable("is not base64 of the standard alphabet (A-Z a-z 0-9 + /)")
    })
}

/// The bytes of a text, without a copy where it was borrowed.
pub(crate) fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Milliseconds since the epoch. Zero cannot be sent: to librdkafka it means now.
pub(crate) fn milliseconds(value: i64, place: Place) -> Result<i64, Refusal> {
    if (1..=TIMESTAMP_MAX_MS).contains(&value) {
        return Ok(value);
    }
    Err(place.unprocessable("must be between 1 and 253402207200000 milliseconds since 1970-01-01"))
}

/// RFC 3339, what is finer than milliseconds cut off.
pub(crate) fn rfc_3339(text: &str, place: Place) -> Result<i64, Refusal> {
    // jiff reads more forms than RFC 3339 has; a name of a time zone behind the offset is the one that misleads.
    let parsed = text.parse::<Timestamp>().ok().filter(|_| !text.contains('['));
    let time = parsed.ok_or_else(|| {
        place.unprocessable("is not a time of RFC 3339, as 2026-01-31T12:00:00.250Z")
    })?;
    milliseconds(time.as_millisecond(), place)
}

/// RFC 3339 in UTC with milliseconds; empty when out of range.
pub(crate) fn to_rfc_3339(milliseconds: i64) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    Timestamp::from_millisecond(milliseconds)
        .map(|time| PRINTER.timestamp_to_string(&time))
        .unwrap_or_default()
}

/// -1 is all, as Kafka writes it.
pub(crate) fn acks(value: &Scalar<'_>, place: Place) -> Result<Option<i16>, Refusal> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) if text == "all" => Ok(Some(-1)),
        Scalar::Integer(-1) => Ok(Some(-1)),
        Scalar::Integer(0) => Ok(Some(0)),
        Scalar::Integer(1) => Ok(Some(1)),
        _ => Err(place.unprocessable("must be -1, \"all\", 0 or 1")),
    }
}

/// Adds a header while there is room.
pub(crate) fn push_header<'a>(
    headers: &mut Vec<Header<'a>>,
    header: Header<'a>,
    place: Place,
) -> Result<(), Refusal> {
    if headers.len() >= HEADERS_MAX {
        return Err(place.unprocessable("more than 256 headers on one record"));
    }
    headers.push(header);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Result<i64, Refusal> {
        rfc_3339(text, Place::default())
    }

    #[test]
    fn times_of_rfc_3339() {
        assert_eq!(time("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(time("2001-09-09T01:46:40.123Z"), Ok(1_000_000_000_123));
        assert_eq!(time("2001-09-09T01:46:40.123999Z"), Ok(1_000_000_000_123));
        assert_eq!(time("2001-09-09T03:46:40+02:00"), Ok(1_000_000_000_000));
        for wrong in [
            "",
            "now",
            "2001-09-09",
            "2001-09-09T01:46:40",
            "2001-09-09T03:46:40 02:00",
            "2001-09-09T03:46:40+02:00[Europe/Berlin]",
            "2001-02-30T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(time(wrong).is_err(), "{wrong:?} is taken");
        }
        assert_eq!(to_rfc_3339(1_000_000_000_000), "2001-09-09T01:46:40.000Z");
        assert_eq!(to_rfc_3339(1_000_000_000_123), "2001-09-09T01:46:40.123Z");
        assert_eq!(to_rfc_3339(TIMESTAMP_MAX_MS), "9999-12-30T22:00:00.000Z");
        assert_eq!(to_rfc_3339(i64::MAX), "");
    }

    #[test]
    fn base64_with_and_without_padding() {
        let decode = |text: &str| base64(text.as_bytes(), Place::default()).ok();
        assert_eq!(decode("AAECAw=="), Some(vec![0, 1, 2, 3]));
        assert_eq!(decode("AAECAw"), Some(vec![0, 1, 2, 3]));
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
        for wrong in ["A", "AA=A", "AAEC Aw==", "-_-_", "AAECAw===", "%%"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
