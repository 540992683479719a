#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters::fuzz(env!("CARGO_BIN_NAME"), bytes));
