//! Requests and answers of the gateway, in all its dialects.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::gateway::run(data));
