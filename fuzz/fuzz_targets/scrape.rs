//! Lines of Prometheus' text format, as the console reads what proxies show.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_filter_fuzz::scrape::run(data));
