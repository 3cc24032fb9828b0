//! JSON whose numbers are as long as they are true. A rate is a quotient of two measurements, and 17 digits of it are
//! most of a page with 1,000 topics: what is not whole gets seven, which is more than anybody is shown. What is whole,
//! as records and bytes are, stays as it is.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

/// A value as JSON.
///
/// # Errors
/// As serde_json's.
pub(super) fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Brief))?;
    Ok(bytes)
}

struct Brief;

impl Formatter for Brief {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        CompactFormatter.write_f64(writer, brief(value))
    }
}

/// Seven significant digits, and all before the point.
fn brief(value: f64) -> f64 {
    if value.fract() == 0.0 {
        return value;
    }
    // Negative for numbers below one: they have more places behind the point.
    let places = DIGITS - 1.0 - value.abs().log10().floor();
    if places > PLACES_MAX {
        return value;
    }
    // A whole number through a power of ten is the float nearest to that decimal, so it is written with its digits.
    let scale = 10_f64.powf(places.max(0.0));
    (value * scale).round() / scale
}

const DIGITS: f64 = 7.0;

/// Powers of ten up to this one are exact.
const PLACES_MAX: f64 = 22.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_digits_and_all_before_the_point() {
        for (value, written) in [
            (0.0, "0.0"),
            (12.0, "12.0"),
            (123_456_789_012.0, "123456789012.0"),
            (-3.0, "-3.0"),
            (1.0 / 3.0, "0.3333333"),
            (-2.0 / 3.0, "-0.6666667"),
            (1_234.567_891_23, "1234.568"),
            (9_999_999.96, "10000000.0"),
            (123_456_789.25, "123456789.0"),
            (0.000_012_345_678_9, "0.00001234568"),
            (1.5e-300, "1.5e-300"),
            (0.1, "0.1"),
        ] {
            assert_eq!(String::from_utf8(to_vec(&value).unwrap()).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        assert_eq!(to_vec(&[f64::NAN, f64::INFINITY]).unwrap(), b"[null,null]");
    }
}
