#![no_main]

#[path = "../targets/native.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::native_json(bytes));
