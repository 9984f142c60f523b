//! The operator's channel: a Unix domain socket in the data directory, through which whoever may read that directory asks the
//! running node for its log, and for what only its operator may do. It is no part of the HTTP port, and open to the node's own
//! user alone.
//!
//! # Protocol, version 1
//!
//! ```text
//! request   "QTOP", version u16, what u8, from u64                  what: 1, frames; 2, pending webhooks; 5, what stands beside
//!             and for what 3, one webhook, 4, redeliver, and 6, give up:  intent id [32]
//! answer    0 u8, node id [32], durable u64, then entries:
//!             length u32, a frame's stored bytes, or JSON,          frames in order, from the one that holds `from`
//!             or length of a key u16, key, value                    entries of tables, in order of key
//!             0 u32                                                 the end: the last frame ended at `durable`
//!             2^32 - 1 u32, length u16, words                       something failed
//!   or      1 u8, length u16, words                                 refused
//! ```
//!
//! An entry about a webhook is an object with `intent` and `webhook`, as the native API writes it; or with `refused`, words, when
//! the rules refuse what was asked. At most [`MAX_WEBHOOKS`] are listed, those that are due first.
//!
//! Integers are little endian, words are UTF-8 and at most [`MAX_WORDS_BYTES`] long, a frame has at most
//! [`MAX_FRAME_BYTES`](quittance_core::frame::MAX_FRAME_BYTES). One request a connection. `durable` is the position up to
//! which everything was durable when the request was read; no frame behind it is sent, so that nobody can hold what the node
//! may yet lose.

mod client;
mod server;
mod webhooks;

use std::io;
use std::path::{Path, PathBuf};

use quittance_core::ids::{IntentId, Position};

pub(crate) use client::{Answer, ask, ask_about_webhooks, ask_beside};
pub(crate) use server::{Operator, Store};

/// The socket in the data directory.
const SOCKET: &str = "operator.sock";
const MAGIC: [u8; 4] = *b"QTOP";
const VERSION: u16 = 1;
/// What can be asked for.
const FRAMES: u8 = 1;
const PENDING_WEBHOOKS: u8 = 2;
const WEBHOOK: u8 = 3;
const REDELIVER: u8 = 4;
const BESIDE: u8 = 5;
const GIVE_UP: u8 = 6;
/// The most webhooks that are listed.
pub(crate) const MAX_WEBHOOKS: usize = 1000;
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

/// What an operator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The log, from the frame on that holds this position.
    Frames(Position),
    /// What others rely on and the log does not have: entries of the node's tables.
    Beside,
    /// The webhooks that are still to be called.
    PendingWebhooks,
    /// One intent's webhook.
    Webhook(IntentId),
    /// The same, after ordering its delivery again.
    Redeliver(IntentId),
    /// The same, after giving its delivery up.
    GiveUp(IntentId),
}

impl Question {
    fn to_bytes(self) -> Vec<u8> {
        let (what, from, intent) = match self {
            Self::Frames(from) => (FRAMES, from.0, None),
            Self::Beside => (BESIDE, 0, None),
            Self::PendingWebhooks => (PENDING_WEBHOOKS, 0, None),
            Self::Webhook(intent) => (WEBHOOK, 0, Some(intent)),
            Self::Redeliver(intent) => (REDELIVER, 0, Some(intent)),
            Self::GiveUp(intent) => (GIVE_UP, 0, Some(intent)),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.push(what);
        bytes.extend_from_slice(&from.to_le_bytes());
        bytes.extend(intent.iter().flat_map(|intent| intent.0));
        bytes
    }
}

/// How a request goes on.
#[derive(Clone, Copy, Debug)]
enum Begun {
    /// It is whole.
    Whole(Question),
    /// An intent id follows, of which this is asked.
    About(fn(IntentId) -> Question),
}

/// Reads how a request begins.
fn begun(bytes: [u8; REQUEST_BYTES]) -> Result<Begun, String> {
    let [m0, m1, m2, m3, v0, v1, what, from @ ..] = bytes;
    if [m0, m1, m2, m3] != MAGIC {
        return Err("this is no request to a node of Quittance".to_owned());
    }
    let version = u16::from_le_bytes([v0, v1]);
    if version != VERSION {
        return Err(format!("the request has version {version}; this node answers version {VERSION}"));
    }
    match what {
        FRAMES => Ok(Begun::Whole(Question::Frames(Position(u64::from_le_bytes(from))))),
        BESIDE => Ok(Begun::Whole(Question::Beside)),
        PENDING_WEBHOOKS => Ok(Begun::Whole(Question::PendingWebhooks)),
        WEBHOOK => Ok(Begun::About(Question::Webhook)),
        REDELIVER => Ok(Begun::About(Question::Redeliver)),
        GIVE_UP => Ok(Begun::About(Question::GiveUp)),
        _ => Err(format!("request {what} is unknown; this node answers {FRAMES} to {GIVE_UP}")),
    }
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
        let bytes = Question::Frames(Position(0x0102)).to_bytes();
        assert_eq!(bytes, *b"QTOP\x01\x00\x01\x02\x01\0\0\0\0\0\0");
        let bytes: [u8; REQUEST_BYTES] = bytes.try_into().unwrap();
        assert!(matches!(begun(bytes), Ok(Begun::Whole(Question::Frames(Position(0x0102))))));
        for (at, said) in [(0, "no request"), (4, "version 0"), (6, "request 0")] {
            let mut other = bytes;
            other[at] ^= 1;
            let refused = begun(other).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn what_is_asked_is_what_is_read() {
        let intent = IntentId([9; 32]);
        for question in [
            Question::Frames(Position(7)),
            Question::Beside,
            Question::PendingWebhooks,
            Question::Webhook(intent),
            Question::Redeliver(intent),
            Question::GiveUp(intent),
        ] {
            let bytes = question.to_bytes();
            let (head, rest) = bytes.split_first_chunk().unwrap();
            let read = match begun(*head).unwrap() {
                Begun::Whole(read) => read,
                Begun::About(of) => of(IntentId(rest.try_into().unwrap())),
            };
            assert_eq!(read, question);
        }
    }
}
