#![no_main]

#[path = "../targets/submissions.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::submit_actions(bytes));
