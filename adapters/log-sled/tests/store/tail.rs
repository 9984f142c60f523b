//! The end of a log whose process did not close it: what is torn is cut and reported, what sled loses is put back, and what the
//! disk has changed is refused. The tip file lags behind in all of these, so nothing but the frames themselves can tell.

use std::fs;

use quittance_core::frame::{Tip, decode};
use quittance_core::ids::{NodeId, Position};
use quittance_log_sled::SledLog;
use quittance_runtime::log::contract::sample_frames;
use quittance_runtime::log::{EventLog, LogError};
use tempfile::TempDir;

use crate::support::{Crashed, NODE, content, crashed, logged, replay, write_log};

impl Crashed {
    /// Changes a byte this far from the beginning of the frame at `first`, wherever sled keeps a copy of it.
    fn change(&self, first: Position, offset: isize) {
        let db = self.dir.path().join("log/db");
        let mut bytes = fs::read(&db).unwrap();
        let mark = [&b"QUIT\x01\0"[..], &2_u64.to_le_bytes(), &first.0.to_le_bytes()].concat();
        let mut changed = 0;
        for at in 0..bytes.len() - mark.len() {
            if bytes[at..].starts_with(&mark) {
                bytes[at.strict_add_signed(offset)] ^= 0x10;
                changed += 1;
            }
        }
        assert!(changed > 0, "no frame begins at position {first}");
        fs::write(&db, bytes).unwrap();
    }

    fn open(&self, node: Option<NodeId>) -> (Result<Tip, LogError>, String) {
        logged(|| {
            let log = SledLog::open(self.dir.path(), node)?;
            let tip = log.tip();
            Box::new(log).close()?;
            Ok(tip)
        })
    }
}

/// A frame's link to the one before, its records, and sled's own bytes in front of it.
const IN_THE_HEADER: isize = 30;
const IN_THE_RECORDS: isize = 70;
const IN_FRONT: isize = -6;

#[test]
fn a_log_that_was_not_closed_opens_whole_and_without_a_word() {
    let crashed = crashed(&[1, 3, 200, 1, 1]);
    for node in [None, Some(NODE), Some(NODE)] {
        let (tip, said) = crashed.open(node);
        assert_eq!((tip.unwrap().position, said.as_str()), (*crashed.ends.last().unwrap(), ""));
    }
    assert!(replay(crashed.dir.path()).unwrap() == crashed.frames);
}

#[test]
fn a_torn_end_is_cut_and_the_operator_hears_where() {
    for counts in [&[1, 3, 1, 5][..], &[1, 3, 128 * 3 + 5]] {
        torn(&crashed(counts));
    }
}

/// The last append is half written; if it has several frames, the first of them.
fn torn(crashed: &Crashed) {
    let [.., whole, end] = crashed.ends[..] else { panic!("some appends") };
    crashed.change(whole.next(), IN_THE_RECORDS);
    for node in [None, Some(NODE)] {
        let (tip, said) = crashed.open(node);
        assert_eq!(tip.unwrap().position, whole);
        let positions = format!("after={whole} to={end}");
        assert!(said.contains("WARN") && said.contains("torn") && said.contains(&positions), "{said:?}");
    }
    assert_eq!(crashed.open(Some(NODE)).1, "", "a log that was closed has nothing torn");
    write_log(crashed.dir.path(), NODE, &[7]);
    let frames = replay(crashed.dir.path()).unwrap();
    let (more, kept) = frames.split_last().unwrap();
    assert!(crashed.frames.starts_with(kept), "what was whole is another log");
    assert_eq!(decode(more).unwrap().records[0].position, whole.next(), "the log goes on where it was cut");
}

/// sled ends the log at its first message that does not verify, and wipes what is behind: acknowledged or not.
#[test]
fn what_sled_loses_of_an_end_that_is_whole_is_put_back() {
    for lost in [0, 5, 17, 19] {
        let crashed = crashed(&[1; 20]);
        let first = crashed.ends[lost];
        crashed.change(first, IN_FRONT);
        for node in [None, Some(NODE)] {
            let (tip, said) = crashed.open(node);
            assert_eq!(tip.unwrap().position, *crashed.ends.last().unwrap(), "append {lost}");
            assert!(said.contains("appended again"), "append {lost}: sled lost nothing: {said:?}");
        }
        assert!(replay(crashed.dir.path()).unwrap() == crashed.frames, "append {lost}");
    }
}

#[test]
fn rot_in_front_of_what_was_synced_is_refused_with_its_position_and_nothing_is_touched() {
    // Behind a large append: 16 full frames, of which two syncs make eight each durable.
    let cases: [(&[u64], usize, isize); 5] = [
        (&[1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1], 2, IN_THE_RECORDS),
        (&[1, 1, 1, 2, 1, 1], 2, IN_THE_HEADER),
        (&[1, 1, 1, 2, 1], 2, IN_THE_RECORDS),
        (&[1, 128 * 16], 0, IN_THE_RECORDS),
        (&[1, 128 * 16], 0, IN_THE_HEADER),
    ];
    for (counts, sound, offset) in cases {
        let crashed = crashed(counts);
        refused(&crashed, crashed.ends[sound], offset);
    }
}

fn refused(crashed: &Crashed, sound: Position, offset: isize) {
    let [.., end] = crashed.ends[..] else { panic!("appends") };
    crashed.change(sound.next(), offset);
    let before = content(crashed.dir.path());
    for node in [None, Some(NODE), Some(NODE)] {
        let (refused, said) = crashed.open(node);
        let text = refused.clone().unwrap_err().to_string();
        assert!(matches!(refused, Err(LogError::Damaged { after, .. }) if after == sound), "{text}");
        assert!(
            text.contains(&format!("position {sound}:")) && text.contains(&format!("position {end} ")),
            "{text}"
        );
        assert_eq!(said, "");
    }
    assert!(content(crashed.dir.path()) == before, "a log that was refused was changed");
}

#[test]
fn rot_in_a_log_that_was_closed_is_refused_with_a_position() {
    for (rotten, offset) in [(2, IN_THE_RECORDS), (2, IN_FRONT), (3, IN_THE_RECORDS), (3, IN_FRONT)] {
        let dir = TempDir::new().unwrap();
        write_log(dir.path(), NODE, &[1]);
        let crashed = Crashed { dir, ends: Vec::new(), frames: Vec::new() };
        let mut log = SledLog::open(crashed.dir.path(), Some(NODE)).unwrap();
        for _ in 0..12 {
            let (frames, _) = sample_frames(log.tip(), 2, 1);
            log.append(&frames).unwrap();
        }
        let end = log.tip();
        Box::new(log).close().unwrap();
        crashed.change(Position(rotten + 1), offset);
        match replay(crashed.dir.path()) {
            Err(LogError::Damaged { after, .. }) => {
                assert!(after <= Position(rotten), "{after} is called sound, {} is rotten", rotten + 1);
            }
            Err(LogError::Lost { acknowledged, found, .. }) => {
                assert!(acknowledged == end.position && found <= Position(rotten), "ends at {found}");
            }
            other => {
                panic!("byte {offset} of the frame behind {rotten}: {:?}", other.map(|frames| frames.len()))
            }
        }
    }
}
