//! Message bodies of every API and version, arbitrary and encoded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::walker::run(data));
