#![no_main]

#[path = "../targets/files.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::log_file(bytes));
