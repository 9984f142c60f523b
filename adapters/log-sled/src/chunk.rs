//! Small frames that share a value.
//!
//! sled keeps a few hundred bytes in memory for every page of its file, and a page has at most 16 values, in a log that is only
//! appended to mostly 8. With one frame to a value, a node that is little asked would fill memory with pages of frames of a few
//! hundred bytes. So a small frame joins the value of the one before: that is written once more with the new frame at its end,
//! under the same key. What was durable stays so: sled writes behind what is there, as it does with whole pages all the time.
//!
//! A value is one frame, which begins with its mark; or frames, in front of each its length and its number of records (two bytes
//! each, little endian). What a frame says of itself only its hash vouches for: the others are found without it.

use std::borrow::Cow;

use quittance_core::frame::{EncodedFrame, MAGIC};
use quittance_core::ids::Position;

/// A value grows up to this, unless its first frame alone is larger. Every append of a small frame writes half a value, and a page of
/// them now and then: with 1 KiB that costs one client nothing that could be measured, with 2 KiB a tenth to a fifth.
const MAX_SHARED_BYTES: usize = 1024;
const PREFIX_BYTES: usize = 4;

/// The value that the next small frame joins.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    first: Position,
    bytes: Vec<u8>,
}

impl Chunk {
    /// What to write for frames that follow what came before: keys and values, a key that is there already to be overwritten.
    pub(crate) fn add<'a>(&mut self, frames: &'a [EncodedFrame]) -> Vec<(Position, Cow<'a, [u8]>)> {
        let mut values = Vec::<(Position, Cow<'_, [u8]>)>::with_capacity(frames.len());
        for frame in frames {
            let room = MAX_SHARED_BYTES.saturating_sub(PREFIX_BYTES + frame.bytes.len());
            if self.bytes.is_empty() || self.bytes.len() > room {
                (self.first, self.bytes) = (frame.first, Vec::new());
            }
            let length = u16::try_from(frame.bytes.len()).ok().filter(|_| room > 0);
            let count = u16::try_from(frame.last.0.saturating_sub(frame.first.0).saturating_add(1)).ok();
            let Some((length, count)) = length.zip(count) else {
                values.push((frame.first, Cow::Borrowed(&frame.bytes)));
                continue;
            };
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(&count.to_le_bytes());
            self.bytes.extend_from_slice(&frame.bytes);
            let value = (self.first, Cow::Owned(self.bytes.clone()));
            match values.last_mut() {
                Some(last) if last.0 == self.first => *last = value,
                _ => values.push(value),
            }
        }
        values
    }
}

/// The frames in a value, with their first positions. What cannot be told apart stays together, under the position where it should
/// begin: whoever decodes it finds that it is no frame.
pub(crate) fn frames(key: Position, value: &[u8]) -> Vec<(Position, &[u8])> {
    if value.starts_with(&MAGIC) {
        return vec![(key, value)];
    }
    let (mut found, mut first, mut rest) = (Vec::new(), key, value);
    while let Some((count, bytes, behind)) = next(rest) {
        found.push((first, bytes));
        (first, rest) = (Position(first.0.saturating_add(count)), behind);
    }
    if found.is_empty() || !rest.is_empty() {
        found.push((first, rest));
    }
    found
}

/// The position behind a value that others may still join; `None` for a frame alone, which stays what it is.
pub(crate) fn end(key: Position, value: &[u8]) -> Option<Position> {
    if value.starts_with(&MAGIC) {
        return None;
    }
    let (mut end, mut rest) = (key, value);
    while let Some((count, _, behind)) = next(rest) {
        (end, rest) = (Position(end.0.saturating_add(count)), behind);
    }
    Some(end)
}

/// How many records the next frame has, its bytes, and what is behind it.
fn next(value: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (&[low, high, few, many], rest) = value.split_first_chunk::<PREFIX_BYTES>()?;
    let (bytes, behind) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
    Some((u16::from_le_bytes([few, many]).into(), bytes, behind))
}

#[cfg(test)]
mod tests {
    use quittance_core::frame::Tip;
    use quittance_runtime::log::contract::sample_frames;

    use super::*;

    #[test]
    fn frames_come_out_of_values_as_they_went_in_and_small_ones_share() {
        let (mut chunk, mut tip, mut written) = (Chunk::default(), Tip::EMPTY, Vec::new());
        let mut stored = std::collections::BTreeMap::new();
        for count in
            [1, 1, 1, 300, 2, 1, 128, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
        {
            let (frames, next) = sample_frames(tip, 1, count);
            for (key, value) in chunk.add(&frames) {
                let before = stored.insert(key, value.to_vec()).unwrap_or_default();
                assert!(value.starts_with(&before), "a frame that was durable would be gone");
            }
            written.extend(frames.into_iter().map(|frame| (frame.first, frame.bytes)));
            tip = next;
        }
        let read: Vec<_> = stored.iter().flat_map(|(key, value)| frames(*key, value)).collect();
        assert!(read.into_iter().eq(written.iter().map(|(first, bytes)| (*first, bytes.as_slice()))));
        assert!(stored.len() * 2 < written.len(), "{} values for {} frames", stored.len(), written.len());
        let large = |value: &&Vec<u8>| value.len() > MAX_SHARED_BYTES;
        assert!(stored.values().filter(large).all(|value| value.starts_with(&MAGIC)));
    }

    #[test]
    fn a_frame_that_says_something_else_of_itself_hides_none_of_the_others() {
        let (mut chunk, mut tip, mut value) = (Chunk::default(), Tip::EMPTY, Vec::new());
        for _ in 0..3 {
            let (mut frames, next) = sample_frames(tip, 1, 2);
            frames[0].bytes[14..26].fill(0xFF);
            value = chunk.add(&frames).pop().map(|(_, value)| value.into_owned()).unwrap_or_default();
            tip = next;
        }
        let firsts: Vec<_> = frames(Position(1), &value).into_iter().map(|(first, _)| first.0).collect();
        assert_eq!(firsts, [1, 3, 5]);
        for end in 0..value.len() {
            let found = frames(Position(1), &value[..end]);
            assert!(
                found.len() <= 3 && found.iter().all(|(first, _)| firsts.contains(&first.0)),
                "cut at {end}"
            );
        }
        assert_eq!(frames(Position(9), &MAGIC), [(Position(9), &MAGIC[..])]);
        assert_eq!(frames(Position(9), &[]), [(Position(9), &[][..])]);
    }
}
