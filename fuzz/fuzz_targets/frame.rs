//! Frames over arbitrary bytes and splits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::frame::run(data));
