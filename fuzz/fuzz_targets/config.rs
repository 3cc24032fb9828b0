//! The configuration's text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::config::run(data));
