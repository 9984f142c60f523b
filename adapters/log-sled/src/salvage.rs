//! What a process that did not close the log has left in sled's file, looked for by the marks of our own frames.
//!
//! sled ends the log at the first of its messages that does not verify, and wipes what is behind. After a power cut that is
//! right: what was not synced is torn. But if the disk has changed a byte there, it would drop what was acknowledged since
//! the tip file was replaced, and say nothing. So we look before sled does:
//!
//! * frames that follow the tip file's and each other up to the end: the log must reach as far, and what sled dropped of them
//!   is appended once more;
//! * frames behind a gap, and a sync between the two: the gap is rot, not a torn end. The log is refused, and nothing in it
//!   is touched. One sync covers up to [`WRITES_PER_SYNC`] frames, and of these all but the last are filled up: behind a frame
//!   that is not, or behind so many, there was a sync;
//! * no sync between, or half a frame: a torn end, which is cut and reported. Rot in the very last sync looks the same, and
//!   if it takes the last frame's mark and its link, nothing is left to report.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use quittance_core::frame::{
    self, EncodedFrame, FrameHeader, MAGIC, MAX_FRAME_BYTES, MAX_FRAME_RECORDS, Tip,
};
use quittance_core::ids::{ChainHash, Position};
use quittance_runtime::log::LogError;

use crate::files::failed;
use crate::store::{Store, WRITES_PER_SYNC};

/// Looked through at a time.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// The most that is kept in memory to be appended again: twice what the tip file may lag behind.
const MAX_KEPT_BYTES: usize = 128 * 1024 * 1024;
/// Where a frame's header links to the frame before.
const LINK_AT: usize = 26;
/// A header that claims to be further ahead than this is no header: more than a second's records lie between.
const MAX_AHEAD: u64 = 1 << 24;

/// What lies in the file behind the tip file's position.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Frames that follow the tip file's and each other.
    chain: Vec<EncodedFrame>,
    /// The first position, epoch and last position of every frame that does not, whole or not.
    others: Vec<(Position, u64, Position)>,
}

impl Remains {
    /// Looks through sled's file, before sled opens it.
    ///
    /// # Errors
    /// [`LogError::Damaged`]: frames are there that had been synced, and what they follow is not.
    pub(crate) fn find(db: &Path, tip: &Tip) -> Result<Self, LogError> {
        let mut found = Found::default();
        let mut from = 0;
        windows(db, |window| {
            // Behind the last frame found, so that nothing inside a frame is taken for one.
            while let Some(at) = position_of(&MAGIC, window, from).filter(|at| *at < WINDOW_BYTES) {
                from = at + found.look_at(window.get(at..).unwrap_or_default(), tip);
            }
            from = from.saturating_sub(WINDOW_BYTES);
            Ok(())
        })?;
        if found.kept_bytes > MAX_KEPT_BYTES {
            // Only where the tip file could not be replaced for long, of which every append has warned.
            let after = tip.position.0;
            tracing::warn!(after, "too much was appended behind the tip file to check the log's end");
            return Ok(Self::default());
        }
        let mut chain = Vec::new();
        let mut end = *tip;
        while let Some(next) = found.take_behind(&end) {
            end = Tip { position: next.last, hash: next.hash, epoch: next.epoch };
            chain.push(next);
        }
        let behind = found.whole.values().flatten();
        let behind: Vec<_> =
            behind.filter(|frame| frame.first > end.position && frame.epoch >= end.epoch).collect();
        if found.synced_behind_a_gap(&behind, &end) {
            let last = behind.iter().map(|frame| frame.last).max().unwrap_or_default();
            let why = format!(
                "the frames up to position {last} were durable, and what they follow has changed on the disk"
            );
            return Err(LogError::Damaged { after: end.position, why });
        }
        let whole = behind.iter().map(|frame| (frame.first, frame.epoch, frame.last));
        let broken = found.broken.iter().map(|(header, _)| (header.first, header.epoch, last(header)));
        let mut others: Vec<_> = whole.chain(broken).collect();
        if has_header_behind(db, &end)? {
            others.push((end.position.next(), end.epoch, end.position.next()));
        }
        Ok(Self { chain, others })
    }

    /// Appends what sled dropped, reports what is cut, and says where the log ends.
    ///
    /// # Errors
    /// The store does.
    pub(crate) fn restore(self, store: &Store, saved: &Tip, tip: Tip) -> Result<Tip, LogError> {
        let end_of = |frame: &EncodedFrame| (frame.last, frame.hash);
        let dropped = match self.chain.iter().position(|frame| end_of(frame) == (tip.position, tip.hash)) {
            Some(index) => self.chain.get(index + 1..).unwrap_or_default(),
            None if tip == *saved => &self.chain,
            None => &[],
        };
        let mut end = tip;
        if let Some(last) = dropped.last() {
            store.append(dropped).map_err(|failure| store.failure(tip.position, failure))?;
            end = Tip { position: last.last, hash: last.hash, epoch: last.epoch };
            tracing::warn!(
                after = tip.position.0,
                to = end.position.0,
                "the store had lost frames that are whole in its file; they were appended again"
            );
        }
        let cut = self.others.iter().filter(|(first, epoch, _)| *first > end.position && *epoch >= end.epoch);
        if let Some(last) = cut.map(|(.., last)| *last).max() {
            tracing::warn!(
                after = end.position.0,
                to = last.0,
                "the end of the log was torn when its process ended, and is cut; nothing of it was acknowledged \
                 unless the disk has changed its last bytes since"
            );
        }
        Ok(end)
    }
}

#[derive(Debug, Default)]
struct Found {
    /// By the hash that they link to. Several follow the same frame when a process ended and the next one began there.
    whole: BTreeMap<ChainHash, Vec<EncodedFrame>>,
    /// Frames that are not whole, and how long they are if that can be told.
    broken: Vec<(FrameHeader, Option<usize>)>,
    kept_bytes: usize,
}

impl Found {
    /// Takes note of what may be a frame; how many bytes to go on.
    fn look_at(&mut self, bytes: &[u8], tip: &Tip) -> usize {
        let Some(header) = frame::header(bytes) else { return 1 };
        let ahead = header.first.0.saturating_sub(tip.position.0);
        let wanted = (1..=MAX_AHEAD).contains(&ahead) && header.epoch >= tip.epoch;
        let length = frame::extent(bytes);
        let whole = length.and_then(|length| bytes.get(..length)).and_then(|bytes| frame::decode(bytes).ok());
        let (Some(frame), Some(length)) = (whole, length) else {
            if wanted {
                self.broken.push((header, length));
            }
            return 1;
        };
        let others = self.whole.entry(header.previous).or_default();
        if wanted && others.iter().all(|other| other.hash != frame.hash) {
            let bytes = bytes.get(..length).unwrap_or_default().to_vec();
            self.kept_bytes += bytes.len();
            if self.kept_bytes > MAX_KEPT_BYTES {
                return length;
            }
            let (first, last, epoch) = (header.first, last(&header), header.epoch);
            others.push(EncodedFrame {
                first,
                last,
                epoch,
                previous: frame.previous,
                hash: frame.hash,
                bytes,
            });
        }
        length
    }

    /// Whether, of the whole frames `behind` a gap at `end`, any was written after a sync of what is missing.
    fn synced_behind_a_gap(&self, behind: &[&EncodedFrame], end: &Tip) -> bool {
        let follows_synced = |frame: &EncodedFrame| {
            self.broken.iter().any(|(header, length)| {
                let missing = header.previous == end.hash && header.first == end.position.next();
                let small = length.is_some_and(|bytes| is_last_of_its_append(u64::from(header.count), bytes));
                missing && small && frame.first == last(header).next() && frame.epoch >= header.epoch
            })
        };
        let mut in_order = behind.to_vec();
        in_order.sort_by_key(|frame| frame.first);
        // By a frame's hash: how many follow each other up to it, and whether a sync stood behind it.
        let mut chains = BTreeMap::<ChainHash, (usize, bool)>::new();
        for frame in in_order {
            let (before, synced) = chains.get(&frame.previous).copied().unwrap_or_default();
            if synced || before >= WRITES_PER_SYNC || follows_synced(frame) {
                return true;
            }
            let records = frame.last.0 - frame.first.0 + 1;
            chains.insert(frame.hash, (before + 1, is_last_of_its_append(records, frame.bytes.len())));
        }
        false
    }

    /// The frame that follows: the one of the newest writer.
    fn take_behind(&mut self, tip: &Tip) -> Option<EncodedFrame> {
        let next = self.whole.get_mut(&tip.hash)?;
        next.retain(|frame| frame.first == tip.position.next() && frame.epoch >= tip.epoch);
        let newest = (0..next.len()).max_by_key(|index| next.get(*index).map(|frame| frame.epoch))?;
        Some(next.swap_remove(newest))
    }
}

fn last(header: &FrameHeader) -> Position {
    Position(header.first.0.saturating_add(u64::from(header.count) - 1))
}

/// Whether the frames of one append end here: those before the last are filled up with commits, none of which is so large.
fn is_last_of_its_append(records: u64, bytes: usize) -> bool {
    records <= MAX_FRAME_RECORDS as u64 / 2 && bytes <= MAX_FRAME_BYTES / 2
}

/// What is known of the header behind `end`: the mark and version, as in any frame, and its position.
fn expected_header(end: &Tip) -> Vec<(usize, u8)> {
    let position = end.position.next().0.to_le_bytes();
    let mark = MAGIC.into_iter().chain([1, 0]).enumerate();
    mark.chain(position.into_iter().enumerate().map(|(index, byte)| (14 + index, byte))).collect()
}

/// Whether there is a header that links to `end`, even one that has a changed byte and is no header any more.
fn has_header_behind(db: &Path, end: &Tip) -> Result<bool, LogError> {
    let expected = expected_header(end);
    let mut found = false;
    windows(db, |window| {
        let mut from = 0;
        while let Some(at) = position_of(&end.hash.0, window, from) {
            from = at + 1;
            let header = at.checked_sub(LINK_AT).and_then(|start| window.get(start..at)).unwrap_or_default();
            let alike = expected.iter().filter(|(index, byte)| header.get(*index) == Some(byte)).count();
            // The hash is also where the frame before ends; what is in front of it there is not like a header.
            found |= alike + 2 >= expected.len();
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `look` with the whole file in pieces of [`WINDOW_BYTES`] and as much of the next one as a frame may need.
fn windows(db: &Path, mut look: impl FnMut(&[u8]) -> Result<(), LogError>) -> Result<(), LogError> {
    let mut file = File::open(db).map_err(failed(db))?;
    let (mut start, mut window) = (0_u64, Vec::new());
    loop {
        window.clear();
        file.seek(SeekFrom::Start(start)).map_err(failed(db))?;
        let most = (WINDOW_BYTES + MAX_FRAME_BYTES) as u64;
        let read = file.by_ref().take(most).read_to_end(&mut window).map_err(failed(db))?;
        look(&window)?;
        if read <= WINDOW_BYTES {
            return Ok(());
        }
        start += WINDOW_BYTES as u64;
    }
}

fn position_of(wanted: &[u8], bytes: &[u8], mut from: usize) -> Option<usize> {
    let (first, others) = wanted.split_first()?;
    loop {
        let mut rest = bytes.get(from..)?;
        // The one search for a byte in the standard library that is fast also where nothing is optimized.
        from += rest.skip_until(*first).ok().filter(|skipped| *skipped > 0)?;
        if bytes.get(from..)?.starts_with(others) && bytes.get(from - 1) == Some(first) {
            return Some(from - 1);
        }
    }
}
