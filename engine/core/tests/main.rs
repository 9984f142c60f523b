//! What the core promises, checked from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archive;
mod edges;
mod exhaustive;
mod forgeries;
mod frame_search;
mod fuzz_replay;
mod golden;
mod layout;
mod lifecycle;
mod limits;
mod money_back;
mod properties;
mod races;
mod rate_window;
mod rejections;
mod settlement;
mod sites;
mod snapshot;
mod speccheck;
mod support;
mod terms;
mod wycheproof;
