//! The embedded event log of Quittance: one directory, one writer, on [sled] 0.34.
//!
//! ```text
//! DIR/lock     held by the one process that has the log open
//! DIR/tip      how far the log was acknowledged, its chain hash and its node; replaced whole
//! DIR/running  there while the log is open to append, and after a process that did not close it
//! DIR/log/     sled's directory: the tree of frames, and small tables beside it
//! ```
//!
//! The tree has frames under the position of their first record, in big-endian order: a large one by itself, small ones that follow
//! each other together in a value of at most 1 KiB, under the first one's position.
//!
//! # Durability
//! When an append returns, its frames survive a power cut. sled alone does not promise that: its `flush` ends in
//! `sync_file_range`, which syncs neither the file's length nor the disk's cache. So after it comes `fdatasync` of sled's
//! file through a handle of our own; values stay small enough never to leave that file; and the tip file, which sled
//! does not know, tells a log that lost its end, or all of it, from a new one. `tests/powercut` in the repository cuts the
//! power under it and looks.
//!
//! A process that did not close the log may have left a torn end. sled cuts what does not verify, and cannot know whether that
//! was acknowledged; so its file is searched for our frames first. What it would lose is put back, rot is refused with its
//! position, and what is cut is logged as a warning. What no search can tell from a torn end is rot in the last sync before
//! the process ended, behind the tip file, which lags by at most a second or 1024 frames.
//!
//! A full disk is met before it is full: below a [`Reserve`] of free space the log takes no more writes, loses nothing, and
//! goes on when there is room again.
//!
//! [sled]: https://docs.rs/sled/0.34.7

mod chunk;
mod failure;
mod files;
mod log;
mod place;
mod reader;
mod reserve;
mod salvage;
mod store;
mod table;
mod tip;

pub use files::create_dir;
pub use log::SledLog;
pub use reserve::Reserve;
pub use store::{WRITES_PER_SYNC, sled_config};
pub use table::SledTable;
