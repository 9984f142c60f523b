//! Frames: the records of one commit, in one piece that is either whole or not there, chained to the one before.

use alloc::vec::Vec;
use core::fmt;

use crate::event::Record;
use crate::ids::{ChainHash, Position};
use crate::record::{self, DecodeError, MAX_RECORD_BYTES};

/// The most records in one frame.
pub const MAX_FRAME_RECORDS: usize = 128;

/// The most bytes in one frame. Together with [`MAX_FRAME_RECORDS`] this is what the embedded store keeps inline.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// What every frame begins with.
pub const MAGIC: [u8; 4] = *b"QUIT";
const VERSION: u16 = 1;
/// magic, version, epoch, first position, number of records, hash of the frame before.
const HEADER_BYTES: usize = 4 + 2 + 8 + 8 + 4 + 32;
const HASH_BYTES: usize = 32;
/// In front of every record.
const LENGTH_BYTES: usize = 4;

/// A frame as bytes, ready for a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The position of its first record.
    pub first: Position,
    /// The position of its last record.
    pub last: Position,
    /// The writer's epoch.
    pub epoch: u64,
    /// The hash of the frame before it.
    pub previous: ChainHash,
    /// Its hash, which the next frame links to.
    pub hash: ChainHash,
    /// Everything, the hash included.
    pub bytes: Vec<u8>,
}

/// A frame whose bytes verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which writer wrote it; never falls along a log.
    pub epoch: u64,
    /// Its records, at least one, at consecutive positions.
    pub records: Vec<Record>,
    /// The hash of the frame before it.
    pub previous: ChainHash,
    /// Its own hash.
    pub hash: ChainHash,
}

/// What a frame says of itself in front of its records. Nothing vouches for it but the frame's hash, which is behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The writer's epoch.
    pub epoch: u64,
    /// The position of its first record.
    pub first: Position,
    /// How many records it has.
    pub count: u32,
    /// The hash of the frame before it.
    pub previous: ChainHash,
}

/// The end of a log: what the next frame has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The position of the last record.
    pub position: Position,
    /// The hash of the last frame.
    pub hash: ChainHash,
    /// The epoch of the last frame.
    pub epoch: u64,
}

impl Tip {
    /// The end of an empty log.
    pub const EMPTY: Self = Self { position: Position::START, hash: ChainHash::GENESIS, epoch: 0 };

    /// Checks that a frame's bytes are whole and follow this tip; the frame, and the tip behind it.
    ///
    /// # Errors
    /// The bytes are not a whole frame, or not the next one.
    pub fn follow(&self, bytes: &[u8]) -> Result<(Frame, Self), FrameError> {
        let frame = decode(bytes)?;
        let tip = self.link(frame.epoch, frame.records.first().map(|r| r.position), frame.previous)?;
        let position = frame.records.last().map_or(tip.position, |last| last.position);
        let (epoch, hash) = (frame.epoch, frame.hash);
        Ok((frame, Self { position, hash, epoch }))
    }

    fn link(&self, epoch: u64, first: Option<Position>, previous: ChainHash) -> Result<Self, FrameError> {
        if first != Some(self.position.next()) {
            let (expected, got) = (self.position.next(), first.unwrap_or_default());
            return Err(FrameError::NotNext { expected, got });
        }
        if previous != self.hash {
            return Err(FrameError::BrokenLink {
                first: self.position.next(),
                expected: self.hash,
                got: previous,
            });
        }
        if epoch < self.epoch {
            return Err(FrameError::StaleEpoch {
                first: self.position.next(),
                newest: self.epoch,
                got: epoch,
            });
        }
        Ok(*self)
    }
}

/// Why bytes are not a frame, or not the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Too short, or not marked as a frame.
    NotAFrame,
    /// Written by a newer program.
    NewerVersion {
        /// The version found.
        got: u16,
    },
    /// The bytes are not the ones that were written.
    HashMismatch,
    /// The number of records, or a record's length, does not fit the bytes.
    Malformed,
    /// A record does not decode.
    Record {
        /// Its position.
        position: Position,
        /// Why.
        error: DecodeError,
    },
    /// A frame is missing in front of it, or it was written twice.
    NotNext {
        /// The position that should come.
        expected: Position,
        /// The position that came.
        got: Position,
    },
    /// It follows another history.
    BrokenLink {
        /// The position of its first record.
        first: Position,
        /// The hash of the frame before.
        expected: ChainHash,
        /// The hash it links to.
        got: ChainHash,
    },
    /// It comes from a writer that was replaced.
    StaleEpoch {
        /// The position of its first record.
        first: Position,
        /// The newest epoch in front of it.
        newest: u64,
        /// Its own.
        got: u64,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFrame => f.write_str("the bytes are not a frame"),
            Self::NewerVersion { got } => {
                write!(
                    f,
                    "frame version {got} was written by a newer program; this one reads up to {VERSION}"
                )
            }
            Self::HashMismatch => f.write_str("the frame's bytes are not the ones that were written"),
            Self::Malformed => f.write_str("the frame's lengths do not add up"),
            Self::Record { position, error } => write!(f, "record {position}: {error}"),
            Self::NotNext { expected, got } => {
                write!(f, "the frame should begin at position {expected}, it begins at {got}")
            }
            Self::BrokenLink { first, expected, got } => {
                write!(f, "the frame at position {first} links to {got}, the one before it is {expected}")
            }
            Self::StaleEpoch { first, newest, got } => {
                write!(f, "the frame at position {first} has epoch {got}, after one with epoch {newest}")
            }
        }
    }
}

impl core::error::Error for FrameError {}

/// Collects records into frames that keep to the limits and follow each other.
#[derive(Debug)]
pub struct FrameBuilder {
    tip: Tip,
    bytes: Vec<u8>,
    count: u32,
    last: Position,
    done: Vec<EncodedFrame>,
}

impl FrameBuilder {
    /// Frames behind `tip`, by the writer of `epoch`, which is at least the tip's.
    #[must_use]
    pub fn new(tip: Tip, epoch: u64) -> Self {
        let tip = Tip { epoch: epoch.max(tip.epoch), ..tip };
        Self { tip, bytes: Vec::new(), count: 0, last: tip.position, done: Vec::new() }
    }

    /// Adds records that belong together: they come into one frame, a new one if the current one has no room.
    ///
    /// Invariant: together they keep to [`MAX_FRAME_RECORDS`] and [`MAX_FRAME_BYTES`]. What one input can cause does, by a
    /// wide margin.
    pub fn push(&mut self, records: &[Record]) {
        let Some(first) = records.first() else { return };
        // A frame states only its first position: a record from elsewhere would silently take another's place.
        assert_eq!(first.position, self.last.next(), "records are pushed in the order of their positions");
        if self.count == 0 {
            self.begin();
        }
        let (before, begun) = (self.last, self.bytes.len());
        for record in records {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
            record::encode(record, &mut self.bytes);
            let length = u32::try_from(self.bytes.len() - start - LENGTH_BYTES).unwrap_or(u32::MAX);
            if let Some(prefix) = self.bytes.get_mut(start..start + LENGTH_BYTES) {
                prefix.copy_from_slice(&length.to_le_bytes());
            }
            self.last = record.position;
        }
        let full = self.count as usize + records.len() > MAX_FRAME_RECORDS
            || self.bytes.len() + HASH_BYTES > MAX_FRAME_BYTES;
        if self.count > 0 && full {
            let encoded = self.bytes.split_off(begun);
            self.seal(before);
            self.begin();
            self.bytes.extend_from_slice(&encoded);
        }
        self.count += u32::try_from(records.len()).unwrap_or(u32::MAX);
    }

    /// The frames, and the tip behind them.
    #[must_use]
    pub fn finish(mut self) -> (Vec<EncodedFrame>, Tip) {
        if self.count > 0 {
            self.seal(self.last);
        }
        (self.done, self.tip)
    }

    fn begin(&mut self) {
        // The next frame is about as long as the one before: growing to that would move its records several times.
        self.bytes.reserve(self.done.last().map_or(0, |frame| frame.bytes.len()));
        self.bytes.extend_from_slice(&MAGIC);
        self.bytes.extend_from_slice(&VERSION.to_le_bytes());
        self.bytes.extend_from_slice(&self.tip.epoch.to_le_bytes());
        self.bytes.extend_from_slice(&self.tip.position.next().0.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&self.tip.hash.0);
    }

    fn seal(&mut self, last: Position) {
        let mut bytes = core::mem::take(&mut self.bytes);
        if let Some(count) = bytes.get_mut(22..26) {
            count.copy_from_slice(&self.count.to_le_bytes());
        }
        let hash = hash(&bytes);
        bytes.extend_from_slice(&hash.0);
        let Tip { position, hash: previous, epoch } = self.tip;
        self.done.push(EncodedFrame { first: position.next(), last, epoch, previous, hash, bytes });
        self.tip = Tip { position: last, hash, epoch };
        self.count = 0;
    }
}

/// The header that `bytes` begin with, whether or not the frame behind it is whole.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<FrameHeader> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    if header[..4] != MAGIC || u16::from_le_bytes([header[4], header[5]]) != VERSION {
        return None;
    }
    let parsed = FrameHeader {
        epoch: u64::from_le_bytes(part(header, 6)),
        first: Position(u64::from_le_bytes(part(header, 14))),
        count: u32::from_le_bytes(part(header, 22)),
        previous: ChainHash(part(header, 26)),
    };
    (1..=MAX_FRAME_RECORDS).contains(&(parsed.count as usize)).then_some(parsed)
}

/// How many bytes the frame takes that `bytes` begin with, as the lengths in it say; `None` if they make no sense, or there are
/// fewer bytes than that.
#[must_use]
pub fn extent(bytes: &[u8]) -> Option<usize> {
    let mut end = HEADER_BYTES;
    for _ in 0..header(bytes)?.count {
        let length = u32::from_le_bytes(*bytes.get(end..)?.first_chunk::<LENGTH_BYTES>()?) as usize;
        end = end.checked_add(LENGTH_BYTES)?.checked_add(length)?;
    }
    end = end.checked_add(HASH_BYTES)?;
    (end <= bytes.len().min(MAX_FRAME_BYTES)).then_some(end)
}

/// The frame in `bytes`, wherever it belongs.
///
/// # Errors
/// The bytes are not one whole frame, to the last bit.
pub fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    let Opened { epoch, first, count, previous, hash, mut rest } = open(bytes)?;
    let mut records = Vec::with_capacity(count as usize);
    for index in 0..u64::from(count) {
        let position = Position(first.0.checked_add(index).ok_or(FrameError::Malformed)?);
        let bytes = next_record(&mut rest)?;
        records
            .push(record::decode(bytes, position).map_err(|error| FrameError::Record { position, error })?);
    }
    if !rest.is_empty() {
        return Err(FrameError::Malformed);
    }
    Ok(Frame { epoch, records, previous, hash })
}

/// The record at `position` in a frame whose hash verifies; `None` when the frame does not hold it. The other records are not
/// decoded, which makes this many times faster than [`decode`].
///
/// # Errors
/// The bytes are not one whole frame, or the record is not one.
pub fn find(bytes: &[u8], position: Position) -> Result<Option<Record>, FrameError> {
    let Opened { first, count, mut rest, .. } = open(bytes)?;
    let Some(index) = position.0.checked_sub(first.0).filter(|index| *index < u64::from(count)) else {
        return Ok(None);
    };
    for _ in 0..index {
        next_record(&mut rest)?;
    }
    let record = record::decode(next_record(&mut rest)?, position);
    record.map(Some).map_err(|error| FrameError::Record { position, error })
}

/// A frame whose hash verified and whose records are still bytes.
struct Opened<'a> {
    epoch: u64,
    first: Position,
    /// At least one, at most [`MAX_FRAME_RECORDS`].
    count: u32,
    previous: ChainHash,
    hash: ChainHash,
    rest: &'a [u8],
}

fn open(bytes: &[u8]) -> Result<Opened<'_>, FrameError> {
    let (body, stored) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(FrameError::NotAFrame)?;
    let (header, rest) = body.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::NotAFrame)?;
    if header[..4] != MAGIC {
        return Err(FrameError::NotAFrame);
    }
    let hash = hash(body);
    if hash.0 != *stored {
        return Err(FrameError::HashMismatch);
    }
    let version = u16::from_le_bytes([header[4], header[5]]);
    if version != VERSION {
        return Err(FrameError::NewerVersion { got: version });
    }
    let count = u32::from_le_bytes(part(header, 22));
    if count == 0 || count as usize > MAX_FRAME_RECORDS {
        return Err(FrameError::Malformed);
    }
    Ok(Opened {
        epoch: u64::from_le_bytes(part(header, 6)),
        first: Position(u64::from_le_bytes(part(header, 14))),
        count,
        previous: ChainHash(part(header, 26)),
        hash,
        rest,
    })
}

/// The bytes of the next record.
fn next_record<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], FrameError> {
    let (length, tail) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(FrameError::Malformed)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_RECORD_BYTES {
        return Err(FrameError::Malformed);
    }
    let (bytes, tail) = tail.split_at_checked(length).ok_or(FrameError::Malformed)?;
    *rest = tail;
    Ok(bytes)
}

fn part<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    if let Some(source) = header.get(at..at + N) {
        part.copy_from_slice(source);
    }
    part
}

fn hash(bytes: &[u8]) -> ChainHash {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 log frame v1");
    hasher.update(bytes);
    ChainHash(*hasher.finalize().as_bytes())
}
