//! Request and response headers against a reference of their own.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::header::run(data));
