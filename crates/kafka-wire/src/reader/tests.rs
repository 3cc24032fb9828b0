use super::*;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn varint_reads_its_five_lengths() {
    for (bytes, value) in [
        (&[0x00][..], 0),
        (&[0x7f], 127),
        (&[0x80, 0x01], 128),
        (&[0xff, 0xff, 0x7f], 0x1f_ffff),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
        // Longer than it had to be, as some encoders write.
        (&[0x81, 0x80, 0x00], 1),
    ] {
        assert_eq!(varint(bytes), Ok((&[][..], value)));
    }
}

#[test]
fn varint_asks_for_one_more_byte_until_it_ends() {
    let bytes = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for end in 0..bytes.len() {
        assert_eq!(varint(&bytes[..end]), Err(Halt::Need(end + 1)));
    }
}

#[test]
fn varint_over_32_bits_is_malformed() {
    for bytes in [[0xff, 0xff, 0xff, 0xff, 0x10], [0xff, 0xff, 0xff, 0xff, 0x8f]] {
        assert_eq!(varint(&bytes), Err(Halt::Malformed(Malformed::Varint)));
    }
}

#[test]
fn lengths_know_null_and_refuse_less() {
    use LengthForm::{Compact, Int16, Int32};
    assert_eq!(length(&[0xff, 0xff], Int16), Ok((&[][..], None)));
    assert_eq!(length(&[0, 2, 7], Int16), Ok((&[7][..], Some(2))));
    assert_eq!(length(&[0xff, 0xfe], Int16), Err(Halt::Malformed(Malformed::Length)));
    assert_eq!(length(&[0xff; 4], Int32), Ok((&[][..], None)));
    assert_eq!(length(&[0x80, 0, 0, 0], Int32), Err(Halt::Malformed(Malformed::Length)));
    assert_eq!(length(&[0], Compact), Ok((&[][..], None)));
    assert_eq!(length(&[1], Compact), Ok((&[][..], Some(0))));
}

#[test]
fn fixed_widths_take_all_or_nothing() {
    assert_eq!(int16(&[1]), Err(Halt::Need(2)));
    assert_eq!(int32(&[1, 2]), Err(Halt::Need(4)));
    assert_eq!(int64(&[]), Err(Halt::Need(8)));
    assert_eq!(uuid(&[0; 15]), Err(Halt::Need(16)));
    assert_eq!(take(&[1, 2], 5), Err(Halt::Need(5)));
    assert_eq!(int16(&[0xff, 0xfe, 9]), Ok((&[9][..], -2)));
}
