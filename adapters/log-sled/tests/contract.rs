//! The published contract, on sled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use quittance_core::frame::{Tip, decode};
use quittance_core::ids::{NodeId, Position};
use quittance_log_sled::{Reserve, SledLog};
use quittance_runtime::log::contract::{Fixture, check_all, check_table, sample_frames};
use quittance_runtime::log::{AppendError, EventLog};
use quittance_runtime::table::{MAX_VALUE_BYTES, Table};
use tempfile::TempDir;

const NODE: NodeId = NodeId([7; 32]);

struct Sled {
    dir: TempDir,
    /// Of the log that is open.
    reserve: Option<Reserve>,
}

impl Sled {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), reserve: None }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data/log of a node")
    }

    fn log(&self) -> SledLog {
        SledLog::open(self.path(), Some(NODE)).unwrap()
    }
}

impl Fixture for Sled {
    fn open(&mut self) -> Box<dyn EventLog> {
        let log = self.log();
        self.reserve = Some(log.reserve());
        Box::new(log)
    }

    fn set_full(&mut self, full: bool) -> bool {
        // No disk has as much free as this.
        self.reserve.as_ref().unwrap().set(if full { u64::MAX } else { Reserve::DEFAULT_BYTES });
        true
    }
}

#[test]
fn the_sled_log_keeps_the_contract_that_the_engine_relies_on() {
    check_all(|| Box::new(Sled::new()));
}

#[test]
fn the_sled_table_keeps_the_contract_of_tables() {
    let sled = Sled::new();
    check_table(&sled.log().table("contract"));
}

/// Lost if this fails: whoever follows a quiet node hears of damage where there is none, or misses a payment.
#[test]
fn readers_beside_the_writer_find_every_small_frame_once_wherever_they_begin() {
    let sled = Sled::new();
    let mut log = sled.log();
    let reader = log.reader();
    let (told, durable) = mpsc::channel();
    let follower = thread::spawn(move || {
        let (mut tip, mut upto) = (Tip::EMPTY, Position::START);
        for last in durable {
            upto = last;
            for bytes in reader.frames(tip.position.next()) {
                // One that is written behind what was told may be there already.
                tip = tip.follow(&bytes.unwrap()).unwrap().1;
            }
            assert!(tip.position >= upto, "a frame that was durable is not found");
        }
        (tip.position, upto)
    });
    let mut firsts = Vec::new();
    for round in 0..2_000_u64 {
        let (frames, tip) = sample_frames(log.tip(), 1, if round % 97 == 0 { 150 } else { round % 3 + 1 });
        log.append(&frames).unwrap();
        firsts.extend(frames.iter().map(|frame| (frame.first, frame.last)));
        told.send(tip.position).unwrap();
    }
    drop(told);
    assert_eq!(follower.join().unwrap(), (log.tip().position, log.tip().position));
    for (first, last) in firsts.into_iter().rev().step_by(7) {
        for from in [first, last] {
            let found = log.reader().frames(from).next().unwrap().unwrap();
            let records = decode(&found).unwrap().records;
            assert_eq!(
                (records[0].position, records[records.len() - 1].position),
                (first, last),
                "from {from}"
            );
        }
    }
}

#[test]
fn tables_are_apart_from_each_other_and_from_the_log_and_are_there_after_closing() {
    let sled = Sled::new();
    let mut log = sled.log();
    let (acks, other) = (log.table("acks"), log.table("other"));
    for round in 0..40_u8 {
        acks.put(&[round], &vec![round; MAX_VALUE_BYTES]).unwrap();
        let (frames, _) = sample_frames(log.tip(), 1, 200);
        log.append(&frames).unwrap();
        other.put(&[round], b"other").unwrap();
    }
    let tip = log.tip();
    Box::new(log).close().unwrap();
    assert!(acks.get(&[1]).is_err(), "a table of a closed log says so");
    let log = sled.log();
    assert_eq!(log.tip(), tip);
    assert_eq!(log.table("acks").scan(b"", 100).unwrap().len(), 40);
    assert_eq!(log.table("acks").get(&[3]).unwrap(), Some(vec![3; MAX_VALUE_BYTES]));
    assert_eq!(log.table("other").get(&[3]).unwrap(), Some(b"other".to_vec()));
}

#[test]
fn a_frame_too_large_to_be_kept_safely_is_refused_before_it_is_written() {
    let sled = Sled::new();
    let mut log = sled.log();
    let (frames, _) = sample_frames(log.tip(), 1, 10);
    log.append(&frames).unwrap();
    let tip = log.tip();
    let (mut frames, _) = sample_frames(tip, 1, 10);
    frames[0].bytes.resize(64 * 1024 + 1, 0);
    assert!(matches!(log.append(&frames), Err(AppendError::Unknown(_))));
    let (frames, _) = sample_frames(tip, 1, 10);
    let latched = log.append(&frames).unwrap_err().to_string();
    assert!(latched.contains("65537 bytes") && latched.contains("opened again"), "{latched}");
    drop(log);
    let mut log = sled.log();
    assert_eq!(log.tip(), tip);
    log.append(&frames).unwrap();
}

/// Lost if this fails: a frame that a bit has changed in is passed over in silence, and an auditor is told that a record is
/// missing where it is damaged. Nothing but its hash vouches for what a frame says of itself.
#[test]
fn whoever_asks_for_a_record_gets_the_frame_it_is_in_also_where_that_says_something_else_of_itself() {
    let first_of = |bytes: &[u8]| u64::from_le_bytes(bytes[14..22].try_into().unwrap());
    for (at, value) in [(22, 5), (22, 1), (22, 0), (22, 200), (14, 1), (14, 77), (0, 0)] {
        let sled = Sled::new();
        let mut log = sled.log();
        for count in [3, 5, 2] {
            let (mut frames, _) = sample_frames(log.tip(), 1, count);
            if count == 5 {
                frames[0].bytes[at] = value;
            }
            log.append(&frames).unwrap();
        }
        for (position, first) in [(1, 1), (3, 1), (4, 4), (6, 4), (8, 4), (9, 9), (10, 9)] {
            let bytes = log.reader().frames(Position(position)).next().unwrap().unwrap();
            let found = if first == 4 && at == 14 { u64::from(value) } else { first };
            assert_eq!(first_of(&bytes), found, "position {position}, byte {at} is {value}");
        }
        assert!(log.reader().frames(Position(11)).next().is_none());
    }
}
