//! The event log of Quittance as plain files: one portable file, and a backup that grows with its log.
//!
//! # Format, version 1
//!
//! ```text
//! header    "QUITTLOG", version u16, node id [32]
//! frame     length u32, the frame's stored bytes                    any number of them
//! trailer   0 u32, position u64, chain hash [32], digest [32], digest of an empty state [32], checksum [32]
//! ```
//!
//! Integers are little endian. A frame has 1 to [`MAX_FRAME_BYTES`](quittance_core::frame::MAX_FRAME_BYTES) bytes, the very
//! ones that the log stores: they carry a hash of their own and the hash of the frame before, so that the chain is checked
//! while a file is read. The first record names the node, which has to be the header's. The trailer says where the log ends;
//! its checksum is the BLAKE3 key derivation `quittance 2026-11 portable log trailer v1` of the header and of what stands
//! before it in the trailer. Nothing comes behind it.
//!
//! Every version of the program has its own way to reckon the digest of a state. The digest of an empty state tells two ways
//! apart: where it differs, the digests say nothing about each other, and the chain hash alone is compared.
//!
//! An export is one such file. A backup is the same in two files, so that what an earlier run has vouched for is never
//! overwritten: header and frames in one that is only appended to, the trailer in one that is replaced whole. See
//! [`Backup`].
//!
//! A third file of a backup has what stands beside the log in a node's tables and others rely on:
//!
//! ```text
//! header    "QUITTTAB", version u16, node id [32]
//! entry     length of the key u16, of the value u32, key, value     any number of them, in order of key
//! end       0 u16, number of entries u64, checksum [32]
//! ```
//!
//! Its checksum is the BLAKE3 key derivation `quittance 2026-11 entries beside the log v1` of everything before it.
//!
//! # Durability
//! What [`Export::finish`] and [`Backup::vouch`] have returned from survives a power cut, on file systems that keep their
//! word about `fsync`.
//!
//! Architecture invariant: nothing here knows another store, a socket or a key.

mod backup;
mod beside;
mod entries;
mod error;
mod export;
mod files;
mod format;
mod reader;
mod writer;

pub use backup::{Backup, KeptBackup, Leftover};
pub use beside::BesideWriter;
pub use error::FileError;
pub use export::Export;
pub use format::Trailer;
pub use reader::LogFile;
