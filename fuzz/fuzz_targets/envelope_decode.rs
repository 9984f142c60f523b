#![no_main]

#[path = "../targets/code_api.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::envelope_decode(bytes));
