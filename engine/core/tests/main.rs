//! What the core promises, checked from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forgeries;
mod fuzz_replay;
mod golden;
mod layout;
mod lifecycle;
mod properties;
mod rate_window;
mod rejections;
mod speccheck;
mod support;
