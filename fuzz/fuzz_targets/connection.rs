//! Conversations of arbitrary and half-valid messages: the laws L1 to L5.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::connection::run(data));
