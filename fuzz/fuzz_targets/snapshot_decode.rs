#![no_main]

#[path = "../../engine/core/tests/support/mod.rs"]
#[expect(dead_code, reason = "shared with the core's tests")]
mod support;
#[path = "../targets/core.rs"]
#[expect(dead_code, reason = "one target of several")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::snapshot_decode(bytes));
