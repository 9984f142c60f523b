//! The native API in front of a real engine and a real rail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "api/merchant.rs"]
mod merchant;
#[path = "api/news.rs"]
mod news;
#[path = "api/refusals.rs"]
mod refusals;
#[path = "api/stage.rs"]
mod stage;
