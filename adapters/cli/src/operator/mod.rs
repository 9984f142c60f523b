//! The operator's channel: a Unix domain socket in the data directory, through which whoever may read that directory asks the
//! running node for its log. It is no part of the HTTP port, and open to the node's own user alone.
//!
//! # Protocol, version 1
//!
//! ```text
//! request   "QTOP", version u16, what u8, from u64                  what: 1, frames
//! answer    0 u8, node id [32], durable u64, then entries:
//!             length u32, a frame's stored bytes                    in order, from the one that holds `from`
//!             0 u32                                                 the end: the last frame ended at `durable`
//!             2^32 - 1 u32, length u16, words                       something failed
//!   or      1 u8, length u16, words                                 refused
//! ```
//!
//! Integers are little endian, words are UTF-8 and at most [`MAX_WORDS_BYTES`] long, a frame has at most
//! [`MAX_FRAME_BYTES`](quittance_core::frame::MAX_FRAME_BYTES). One request a connection. `durable` is the position up to
//! which everything was durable when the request was read; no frame behind it is sent, so that nobody can hold what the node
//! may yet lose.

mod client;
mod server;

use std::io;
use std::path::{Path, PathBuf};

use quittance_core::ids::Position;

pub(crate) use client::{Answer, ask};
pub(crate) use server::Operator;

/// The socket in the data directory.
const SOCKET: &str = "operator.sock";
const MAGIC: [u8; 4] = *b"QTOP";
const VERSION: u16 = 1;
/// What can be asked for.
const FRAMES: u8 = 1;
/// magic, version, what, from.
const REQUEST_BYTES: usize = 4 + 2 + 1 + 8;
/// How an answer begins.
const GRANTED: u8 = 0;
const REFUSED: u8 = 1;
/// In place of a frame's length.
const END: u32 = 0;
const FAILED: u32 = u32::MAX;
/// The longest refusal or failure in words.
const MAX_WORDS_BYTES: usize = 1024;

/// Where the socket is.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(SOCKET)
}

fn request(from: Position) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
    bytes[6] = FRAMES;
    bytes[7..].copy_from_slice(&from.0.to_le_bytes());
    bytes
}

/// The position that a request begins at.
fn requested(bytes: [u8; REQUEST_BYTES]) -> Result<Position, String> {
    let [m0, m1, m2, m3, v0, v1, what, from @ ..] = bytes;
    if [m0, m1, m2, m3] != MAGIC {
        return Err("this is no request to a node of Quittance".to_owned());
    }
    let version = u16::from_le_bytes([v0, v1]);
    if version != VERSION {
        return Err(format!("the request has version {version}; this node answers version {VERSION}"));
    }
    if what != FRAMES {
        return Err(format!("request {what} is unknown; this node answers {FRAMES}, for frames"));
    }
    Ok(Position(u64::from_le_bytes(from)))
}

/// The system takes only short paths for a socket, and says so in its own words.
fn is_too_long(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_bytes_it_has_always_been() {
        let bytes = request(Position(0x0102));
        assert_eq!(bytes, *b"QTOP\x01\x00\x01\x02\x01\0\0\0\0\0\0");
        assert_eq!(requested(bytes), Ok(Position(0x0102)));
        for (at, said) in [(0, "no request"), (4, "version 0"), (6, "request 0")] {
            let mut other = bytes;
            other[at] ^= 1;
            let refused = requested(other).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
