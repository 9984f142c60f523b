//! What every [`EventLog`] is held to. A store's own tests call [`check_all`].
//!
//! ```
//! use quittance_runtime::log::contract::{check_all, Fixture};
//! use quittance_runtime::log::{EventLog, MemoryLog};
//!
//! struct Memory(MemoryLog);
//!
//! impl Fixture for Memory {
//!     fn open(&mut self) -> Box<dyn EventLog> {
//!         Box::new(self.0.clone())
//!     }
//! }
//!
//! check_all(|| Box::new(Memory(MemoryLog::new())));
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use quittance_core::event::{Event, Record};
use quittance_core::frame::{EncodedFrame, Frame, FrameBuilder, MAX_FRAME_RECORDS, Tip};
use quittance_core::ids::{AccountId, CausationId, ChainHash, DepositKey, Position, Timestamp};
use quittance_core::money::Quarks;

use super::{AppendError, EventLog, LogReader};
use crate::table::{Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, Table};

/// One log that is empty at first.
pub trait Fixture {
    /// Opens the log. The one opened before is closed or dropped; its readers may still be about.
    fn open(&mut self) -> Box<dyn EventLog>;

    /// Lets the store of the log that is open be full, or have room again. Whether it can: a store that cannot is not asked
    /// how it behaves when it is full.
    fn set_full(&mut self, full: bool) -> bool {
        let _ = full;
        false
    }
}

/// Runs every rule of the contract, each on a log of its own that `fresh` makes.
///
/// # Panics
/// The store breaks a rule; the message says which.
pub fn check_all<F: FnMut() -> Box<dyn Fixture>>(mut fresh: F) {
    for rule in [
        an_empty_log_ends_at_the_start,
        what_was_appended_reads_back_to_the_byte,
        many_frames_go_in_at_once,
        no_frames_are_no_change,
        reading_begins_with_the_frame_that_holds_the_position,
        a_frame_that_does_not_follow_is_refused_and_the_log_goes_on,
        frames_that_do_not_follow_each_other_are_refused_whole,
        a_lower_epoch_is_fenced_until_the_log_is_opened_again,
        an_open_log_and_a_reopened_one_end_at_the_same_place,
        a_dropped_log_opens_again,
        a_reader_sees_later_appends_and_does_not_stop_the_writer,
        readers_on_other_threads_see_every_frame_once_in_order,
        the_largest_frame_is_kept,
        a_full_store_refuses_whole_and_goes_on_when_there_is_room,
    ] {
        rule(fresh().as_mut());
    }
}

/// A deposit whose every field follows from `position`, so that whoever reads it back can tell it is the right one.
#[must_use]
pub fn sample_record(position: Position) -> Record {
    let key = |tag: u8| {
        let mut bytes = [tag; 32];
        bytes[..8].copy_from_slice(&position.0.to_be_bytes());
        bytes
    };
    Record {
        position,
        recorded_at: Timestamp(1_700_000_000_000_000 + position.0),
        causation: CausationId(u128::from(position.0)),
        subject: None,
        event: Event::FundsDeposited {
            key: DepositKey(key(3)),
            account: AccountId(key(5)),
            quarks: Quarks::new(position.0),
        },
    }
}

/// `count` sample records behind `tip` in as few frames as they fit, and the tip behind them.
#[must_use]
pub fn sample_frames(tip: Tip, epoch: u64, count: u64) -> (Vec<EncodedFrame>, Tip) {
    let mut builder = FrameBuilder::new(tip, epoch);
    for position in tip.position.0 + 1..=tip.position.0 + count {
        builder.push(&[sample_record(Position(position))]);
    }
    builder.finish()
}

/// Every frame, decoded, and the tip behind them; the frames must follow each other.
///
/// # Panics
/// A frame cannot be read or does not follow.
#[must_use]
pub fn read_all(reader: &dyn LogReader) -> (Vec<Frame>, Tip) {
    let mut tip = Tip::EMPTY;
    let mut frames = Vec::new();
    for bytes in reader.frames(Position(1)) {
        let bytes = bytes.unwrap_or_else(|error| panic!("reading behind {}: {error}", tip.position));
        let (frame, next) = tip.follow(&bytes).unwrap_or_else(|error| panic!("reading back: {error}"));
        frames.push(frame);
        tip = next;
    }
    (frames, tip)
}

fn append(log: &mut dyn EventLog, epoch: u64, count: u64) -> Vec<EncodedFrame> {
    let before = log.tip();
    let (frames, tip) = sample_frames(before, epoch, count);
    if let Err(error) = log.append(&frames) {
        panic!("appending {count} records behind {} failed: {error}", before.position);
    }
    assert_eq!(log.tip(), tip, "after an append the log ends with the last frame appended");
    frames
}

fn bytes_from(reader: &dyn LogReader, from: Position) -> Vec<Vec<u8>> {
    reader
        .frames(from)
        .map(|bytes| bytes.unwrap_or_else(|error| panic!("reading from {from}: {error}")))
        .collect()
}

fn stored(frames: &[EncodedFrame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.bytes.clone()).collect()
}

fn an_empty_log_ends_at_the_start(fixture: &mut dyn Fixture) {
    let log = fixture.open();
    assert_eq!(log.tip(), Tip::EMPTY, "an empty log ends before position 1");
    for from in [0, 1, 7] {
        let read = bytes_from(log.reader().as_ref(), Position(from));
        assert!(read.is_empty(), "an empty log has nothing to read from {from}");
    }
    close(log);
    assert_eq!(fixture.open().tip(), Tip::EMPTY, "an empty log is still empty when it is opened again");
}

fn what_was_appended_reads_back_to_the_byte(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let mut all = Vec::new();
    for count in [1, 16, 1, 128, 3] {
        all.extend(append(log.as_mut(), 1, count));
    }
    assert_eq!(
        bytes_from(log.reader().as_ref(), Position(1)),
        stored(&all),
        "what is read is what was written"
    );
    assert_eq!(
        bytes_from(log.reader().as_ref(), Position(0)),
        stored(&all),
        "position 0 is before the first"
    );
    let (frames, tip) = read_all(log.reader().as_ref());
    assert_eq!(tip, log.tip(), "the frames lead to the tip");
    for record in frames.iter().flat_map(|frame| &frame.records) {
        assert_eq!(*record, sample_record(record.position), "record {} is the one written", record.position);
    }
}

fn many_frames_go_in_at_once(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let count = 40 * MAX_FRAME_RECORDS as u64 + 5;
    let all = append(log.as_mut(), 1, count);
    assert!(all.len() > 40, "the rule needs several frames, got {}", all.len());
    assert_eq!(
        bytes_from(log.reader().as_ref(), Position(1)),
        stored(&all),
        "no frame of one append is missing"
    );
}

fn no_frames_are_no_change(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    append(log.as_mut(), 1, 3);
    let before = log.tip();
    assert_eq!(log.append(&[]), Ok(()), "appending nothing succeeds");
    assert_eq!(log.tip(), before, "appending nothing changes nothing");
}

fn reading_begins_with_the_frame_that_holds_the_position(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let frames: Vec<EncodedFrame> = [5, 1, 20].into_iter().flat_map(|n| append(log.as_mut(), 1, n)).collect();
    let reader = log.reader();
    for (from, index) in [(1, 0), (3, 0), (5, 0), (6, 1), (7, 2), (16, 2), (26, 2), (27, 3), (u64::MAX, 3)] {
        let expected = stored(frames.get(index..).unwrap_or_default());
        let read = bytes_from(reader.as_ref(), Position(from));
        assert_eq!(read, expected, "reading from {from} begins with the frame that holds it");
    }
}

fn a_frame_that_does_not_follow_is_refused_and_the_log_goes_on(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let first = append(log.as_mut(), 1, 4);
    let tip = log.tip();
    let other = Tip { hash: ChainHash([9; 32]), ..tip };
    let ahead = Tip { position: Position(tip.position.0 + 1), ..tip };
    for (what, frames) in [
        ("the same frame again", first),
        ("a frame behind a gap", sample_frames(ahead, 1, 2).0),
        ("a frame of another history", sample_frames(other, 1, 2).0),
    ] {
        let got = frames.first().map_or(Position::START, |frame| frame.first);
        let expected = Err(AppendError::NotNext { tip: tip.position, got });
        assert_eq!(log.append(&frames), expected, "{what} must be refused as not the next one");
        assert_eq!(log.tip(), tip, "{what} was refused, so the log ends where it did");
    }
    let (_, end) = read_all(log.reader().as_ref());
    assert_eq!(end, tip, "a refused frame is not in the log");
    append(log.as_mut(), 1, 2);
}

fn frames_that_do_not_follow_each_other_are_refused_whole(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    append(log.as_mut(), 1, 4);
    let tip = log.tip();
    let (mut frames, end) = sample_frames(tip, 1, 2);
    let skipped = Tip { position: end.position.next(), ..end };
    frames.extend(sample_frames(skipped, 1, 2).0);
    let refused = log.append(&frames);
    let named = matches!(refused, Err(AppendError::NotNext { .. }));
    assert!(named, "frames with a gap between them must be refused as not the next ones, got {refused:?}");
    let (_, end) = read_all(log.reader().as_ref());
    assert_eq!(end, tip, "not even the first of them is written");
    append(log.as_mut(), 1, 2);
}

fn a_lower_epoch_is_fenced_until_the_log_is_opened_again(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    append(log.as_mut(), 7, 4);
    let tip = log.tip();
    let stale = sample_frames(Tip { epoch: 0, ..tip }, 6, 1).0;
    assert_eq!(
        log.append(&stale),
        Err(AppendError::Fenced { newest: 7 }),
        "a writer of an older epoch must learn that it was replaced"
    );
    let next = sample_frames(tip, 7, 1).0;
    assert!(log.append(&next).is_err(), "after a fence the log takes nothing until it is opened again");
    let (_, end) = read_all(log.reader().as_ref());
    assert_eq!(end, tip, "a fenced frame is not in the log");
    drop(log);
    let mut log = fixture.open();
    assert_eq!(log.tip(), tip, "the tip, epoch included, outlives the writer");
    append(log.as_mut(), 7, 1);
    append(log.as_mut(), 8, 1);
}

fn an_open_log_and_a_reopened_one_end_at_the_same_place(fixture: &mut dyn Fixture) {
    let mut all = Vec::new();
    for epoch in 1..=4 {
        let mut log = fixture.open();
        let (_, end) = read_all(log.reader().as_ref());
        assert_eq!(log.tip(), end, "an opened log ends with its last frame");
        for count in [1, 30, 300] {
            all.extend(append(log.as_mut(), epoch, count));
        }
        close(log);
    }
    let log = fixture.open();
    assert_eq!(bytes_from(log.reader().as_ref(), Position(1)), stored(&all), "closing loses nothing");
}

fn a_dropped_log_opens_again(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    append(log.as_mut(), 1, 10);
    let (tip, reader) = (log.tip(), log.reader());
    drop(log);
    let mut log = fixture.open();
    assert_eq!(log.tip(), tip, "what was appended does not depend on closing");
    append(log.as_mut(), 2, 10);
    drop(reader);
    let (_, end) = read_all(log.reader().as_ref());
    assert_eq!(end, log.tip(), "an old reader does not stand in the way of a new writer");
}

fn a_reader_sees_later_appends_and_does_not_stop_the_writer(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    append(log.as_mut(), 1, 200);
    let reader = log.reader();
    let mut open = reader.frames(Position(1));
    let first = open.next();
    assert!(matches!(first, Some(Ok(_))), "there is a first frame to read, got {first:?}");
    let later = append(log.as_mut(), 1, 200);
    let from = later.first().map_or(Position::START, |frame| frame.first);
    assert_eq!(
        bytes_from(reader.as_ref(), from),
        stored(&later),
        "a reader finds what came after it was made"
    );
    let rest: Result<Vec<Vec<u8>>, _> = open.collect();
    assert!(rest.is_ok(), "an iteration goes on beside appends, got {:?}", rest.err());
}

fn readers_on_other_threads_see_every_frame_once_in_order(fixture: &mut dyn Fixture) {
    const ROUNDS: u64 = 60;
    let mut log = fixture.open();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (reader, done) = (log.reader(), Arc::clone(&done));
            thread::spawn(move || {
                let mut tip = Tip::EMPTY;
                loop {
                    let last_look = done.load(Ordering::Acquire);
                    for bytes in reader.frames(tip.position.next()) {
                        let bytes = bytes.unwrap_or_else(|error| panic!("following the log: {error}"));
                        let followed = tip.follow(&bytes);
                        tip = followed.unwrap_or_else(|error| panic!("following the log: {error}")).1;
                    }
                    if last_look {
                        return tip;
                    }
                    thread::yield_now();
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        append(log.as_mut(), 1, 1 + round % 40);
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        let tip = reader.join().unwrap_or_else(|_| panic!("a reader beside the writer failed"));
        assert_eq!(tip, log.tip(), "a reader that looks after the last append finds it");
    }
}

fn the_largest_frame_is_kept(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    let frames = large_frames(log.tip(), 20);
    assert_eq!(log.append(&frames), Ok(()), "frames up to the limit are taken");
    close(log);
    let log = fixture.open();
    assert_eq!(
        bytes_from(log.reader().as_ref(), Position(1)),
        stored(&frames),
        "large frames are kept whole"
    );
}

fn a_full_store_refuses_whole_and_goes_on_when_there_is_room(fixture: &mut dyn Fixture) {
    let mut log = fixture.open();
    if !fixture.set_full(false) {
        return;
    }
    let room = log.room();
    assert_eq!(room.check(), Ok(()), "an empty store has room");
    let (kept, tip) = sample_frames(log.tip(), 1, 3);
    assert_eq!(log.append(&kept), Ok(()));
    fixture.set_full(true);
    let (refused, _) = sample_frames(tip, 1, 300);
    for _ in 0..2 {
        assert!(room.check().is_err(), "a full store says so before anything is decided");
        let answer = log.append(&refused);
        assert!(matches!(answer, Err(AppendError::Full(_))), "a full store says that it is full: {answer:?}");
        assert_eq!(log.tip(), tip, "what was refused is not the end of the log");
        assert_eq!(bytes_from(log.reader().as_ref(), Position(1)), stored(&kept), "reads go on");
    }
    fixture.set_full(false);
    assert_eq!(room.check(), Ok(()), "a store with room again says so");
    let (more, tip) = sample_frames(tip, 1, 2);
    assert_eq!(log.append(&more), Ok(()), "a store with room again goes on without being opened again");
    close(log);
    let log = fixture.open();
    assert_eq!(log.tip(), tip);
    assert_eq!(
        bytes_from(log.reader().as_ref(), Position(1)),
        stored(&[kept, more].concat()),
        "nothing of what was refused is there"
    );
}

/// Frames of nearly the most bytes one may have.
fn large_frames(tip: Tip, count: u64) -> Vec<EncodedFrame> {
    let mut builder = FrameBuilder::new(tip, 1);
    for position in 1..=count * 2 {
        let mut record = sample_record(Position(tip.position.0 + position));
        // Two of these and the frame's own bytes make 64 KiB less a little.
        record.event = Event::RatesPublished { source: "x".repeat(32_500), rates: Vec::new() };
        builder.push(&[record]);
    }
    builder.finish().0
}

fn close(log: Box<dyn EventLog>) {
    if let Err(error) = log.close() {
        panic!("a sound log must close: {error}");
    }
}

/// Checks a [`Table`] that is empty.
///
/// # Panics
/// The table breaks a rule; the message says which.
pub fn check_table(table: &dyn Table) {
    let get = |key: &[u8]| table.get(key).unwrap_or_else(|error| panic!("get: {error}"));
    let put = |key: &[u8], value: &[u8]| table.put(key, value).unwrap_or_else(|error| panic!("put: {error}"));
    let scan =
        |prefix: &[u8], limit| table.scan(prefix, limit).unwrap_or_else(|error| panic!("scan: {error}"));
    assert_eq!(get(b"a"), None, "an empty table has no value");
    assert_eq!(scan(b"", 10), Vec::new(), "an empty table has nothing to scan");
    for (key, value) in [("b/2", "two"), ("a", "first"), ("b/1", "one"), ("b", "bare"), ("c", "last")] {
        put(key.as_bytes(), value.as_bytes());
    }
    assert_eq!(get(b"b/1"), Some(b"one".to_vec()), "what was put is got");
    put(b"b/1", b"another");
    assert_eq!(get(b"b/1"), Some(b"another".to_vec()), "a second put replaces the first");
    let under = |text: &[(&str, &str)]| -> Vec<Entry> {
        text.iter()
            .map(|(key, value)| Entry { key: key.as_bytes().into(), value: value.as_bytes().into() })
            .collect()
    };
    assert_eq!(
        scan(b"b/", 10),
        under(&[("b/1", "another"), ("b/2", "two")]),
        "a scan keeps to its prefix, in order"
    );
    assert_eq!(scan(b"", 2), under(&[("a", "first"), ("b", "bare")]), "a scan keeps to its limit");
    assert_eq!(scan(&[255], 2), Vec::new(), "a prefix nothing has finds nothing");
    for (from, limit, found) in [
        ("", 1, &[("b/1", "another")][..]),
        ("b/1", 9, &[("b/1", "another"), ("b/2", "two")]),
        ("b/1\0", 9, &[("b/2", "two")]),
        ("b/2\0", 9, &[]),
        ("c", 9, &[]),
    ] {
        let portion = table.scan_from(b"b/", from.as_bytes(), limit);
        let portion = portion.unwrap_or_else(|error| panic!("scan_from: {error}"));
        assert_eq!(portion, under(found), "a scan that goes on begins at {from:?}");
    }
    for _ in 0..2 {
        table.delete(b"b/1").unwrap_or_else(|error| panic!("delete, also of what is not there: {error}"));
        assert_eq!(get(b"b/1"), None, "what was deleted is gone");
    }
    put(&[7; MAX_KEY_BYTES], &vec![8; MAX_VALUE_BYTES]);
    assert_eq!(get(&[7; MAX_KEY_BYTES]), Some(vec![8; MAX_VALUE_BYTES]), "the largest entry is kept");
    let long_key = table.put(&[7; MAX_KEY_BYTES + 1], b"").is_err();
    assert!(
        long_key && table.put(b"k", &vec![0; MAX_VALUE_BYTES + 1]).is_err(),
        "larger entries are refused"
    );
}
