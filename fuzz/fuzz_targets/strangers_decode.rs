#![no_main]

#[path = "../targets/strangers.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::strangers_decode(bytes));
