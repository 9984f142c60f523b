use std::fs;
use std::path::Path;

use quittance_core::frame::EncodedFrame;
use quittance_core::ids::{NodeId, Position};
use quittance_log_file::{Export, FileError, LogFile};
use quittance_runtime::log::{LogError, LogReader};

use crate::support::{NODE, frames, read, tip, trailer};

const HEADER_BYTES: usize = 42;
const TRAILER_BYTES: usize = 140;

fn export(path: &Path, frames: &[EncodedFrame]) {
    let mut export = Export::create(path, NODE).expect("a new file");
    frames.iter().for_each(|frame| export.append(&frame.bytes).expect("the next frame"));
    export.finish(&trailer(&tip(frames))).expect("a finished file");
}

#[test]
fn what_was_put_into_a_file_comes_out_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.quittance");
    let frames = frames(NODE, 4);
    export(&path, &frames);
    let file = LogFile::open(&path).unwrap();
    assert_eq!(file.node(), NODE);
    assert_eq!(file.trailer().unwrap(), trailer(&tip(&frames)));
    let bytes: Vec<_> = frames.iter().map(|frame| frame.bytes.clone()).collect();
    assert_eq!(read(&file).unwrap(), bytes);
    // Positions 5 and 6 are the third frame.
    for (from, first) in [(1, 0), (2, 0), (5, 2), (6, 2), (8, 3), (9, 4)] {
        let rest: Vec<_> = file.frames(Position(from)).map(Result::unwrap).collect();
        assert_eq!(rest, bytes[first..], "from position {from}");
    }
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["log.quittance"], "something else was left behind");
}

/// Lost if this fails: a payment that silently is not in the file on the day that the file is all there is.
#[test]
fn no_flipped_missing_or_added_byte_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.quittance");
    let frames = frames(NODE, 3);
    export(&path, &frames);
    let bytes = fs::read(&path).unwrap();
    // Where each frame ends, and the last position up to there.
    let mut ends = vec![(HEADER_BYTES, Position::START)];
    for frame in &frames {
        let (end, _) = ends[ends.len() - 1];
        ends.push((end + 4 + frame.bytes.len(), frame.last));
    }
    assert_eq!(ends[ends.len() - 1].0 + TRAILER_BYTES, bytes.len());
    let check = |what: &str, at: usize, changed: &[u8]| {
        fs::write(&path, changed).unwrap();
        let sound = ends.iter().rev().find(|(end, _)| *end <= at).map(|(_, position)| *position);
        let error = LogFile::open(&path).and_then(|file| file.trailer()).unwrap_err();
        match (&error, sound) {
            (FileError::NotALog { .. }, None) => return,
            // Another node's name in the header is noticed at the first record.
            (FileError::Damaged { after: Position::START, .. }, None) => {}
            (FileError::Damaged { after, .. }, Some(sound)) => {
                assert_eq!(*after, sound, "{what} {at}: {error}");
                assert!(error.to_string().contains(&format!("position {sound}")), "{error}");
            }
            _ => panic!("{what} {at}: {error}"),
        }
        let replayed = read(&LogFile::open(&path).unwrap());
        let said = Err(LogError::Damaged { after: sound.unwrap_or_default(), why: String::new() });
        let told = replayed.map_err(|error| match error {
            LogError::Damaged { after, .. } => LogError::Damaged { after, why: String::new() },
            other => other,
        });
        assert_eq!(told, said, "{what} {at}, read as a log");
    };
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            check("a flipped bit of byte", at, &changed);
        }
        check("cut to bytes", at, &bytes[..at]);
    }
    check("one byte more than", bytes.len(), &[&bytes[..], &[0]].concat());
    check("two files in one of", bytes.len(), &[&bytes[..], &bytes[..]].concat());
    let (first, second) = (ends[1].0, ends[2].0);
    check("without the frame at", first, &[&bytes[..first], &bytes[second..]].concat());
    check("twice the frame at", second, &[&bytes[..second], &bytes[first..]].concat());
}

#[test]
fn a_file_takes_only_frames_that_follow_and_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.quittance");
    let (ours, theirs) = (frames(NODE, 3), frames(NodeId([8; 32]), 3));
    let mut export = Export::create(&path, NODE).unwrap();
    for (what, frame) in [("another node's", &theirs[0]), ("the second", &ours[1])] {
        let refused = export.append(&frame.bytes).unwrap_err();
        assert!(matches!(refused, FileError::NotNext { after: Position::START, .. }), "{what}: {refused}");
    }
    export.append(&ours[0].bytes).unwrap();
    assert!(export.append(&ours[0].bytes).is_err(), "the same frame twice");
    assert!(export.append(&ours[1].bytes[1..]).is_err(), "a frame without its first byte");
    export.append(&ours[1].bytes).unwrap();
    assert_eq!(read(&export.written().unwrap()).unwrap().len(), 2);
    assert!(!path.exists(), "an unfinished file has its name");
    fs::write(&path, "somebody's").unwrap();
    let refused = export.finish(&trailer(&tip(&ours[..2]))).unwrap_err();
    assert!(matches!(refused, FileError::Exists { .. }), "{refused}");
    assert!(matches!(Export::create(&path, NODE), Err(FileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"somebody's");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "an unfinished file was left behind");
}
