//! Bytes written by this version, kept for ever. `QUITTANCE_BLESS=1 cargo test -p quittance-core golden` writes files that
//! are missing; a file that exists is never written over.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use quittance_core::event::{CanceledBy, Event, Record};
use quittance_core::frame::{self, FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::money::Quarks;
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::record::{self, DecodeError, MAX_RECORD_BYTES, VERSION};
use quittance_core::state::{State, TransactionState};
use quittance_core::terms::Terms;

use crate::support::{
    FEES, PARTNER, World, at, cancel, create, deposit, fee, intent, mark_scanned, no_funds, payer, rates,
    report, submit, usd,
};

const LOST: &str = "the bytes of version 1 changed: an auditor could no longer read, or verify the hashes and signatures \
    of, any log, payment or receipt written before. Write a new version beside the old one instead";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"))
}

fn stored(name: &str) -> Vec<u8> {
    let path = file(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    unhex(&text)
}

/// Compares with the stored bytes; `found` becomes them when the file is missing and that is asked for.
fn check(name: &str, found: &[u8]) {
    let path = file(name);
    if !path.exists() && std::env::var_os("QUITTANCE_BLESS").is_some() {
        fs::write(&path, hex(found) + "\n").expect("the folder can be written");
    }
    assert!(stored(name) == found, "{name}: {LOST}\nfound {}", hex(found));
}

/// A history with every event there is.
fn history() -> World {
    let mut world = World::with_policy(Policy::standard(FEES));
    world.must(rates(&[("usd", "0.00002"), ("eur", "0.000018"), ("kin", "1")]));
    world.must(deposit("golden", payer(100), 60_000_000_000));
    let with_fees = Terms { fees: vec![fee(PARTNER, 250), fee(AccountId([9; 32]), 1)], ..usd(500) };
    world.must(create(1, Terms { expires_at: Some(at(7_200)), ..with_fees }));
    world.must(create(2, usd(500)));
    world.must(create(3, usd(100)));
    world.must(create(4, usd(1)));
    world.must(create(5, usd(700)));
    world.now = at(10);
    world.must(mark_scanned(1));
    world.refused(submit(101, &world.quote(1, 101)));
    for seed in [1, 2] {
        world.must(submit(100, &world.quote(seed, 100)));
    }
    let ordered = |world: &World, seed| {
        let settlement =
            world.core.state().intent(&intent(seed)).and_then(|known| known.settlement()).expect("paid");
        assert_eq!(settlement.transactions[0].state, TransactionState::Ordered);
        settlement.transactions[0].transaction.id
    };
    world.now = at(11);
    world.must(report(1, ordered(&world, 1), quittance_core::command::SettlementOutcome::Settled));
    world.must(report(2, ordered(&world, 2), no_funds()));
    world.must(cancel(3, CanceledBy::Payer));
    let policy = Policy { service_fee: None, max_payment: Quarks::new(1_000), ..Policy::standard(FEES) };
    world.must(quittance_core::command::Request::SetPolicy { policy });
    world.refused(submit(100, &world.quote(4, 100)));
    world.now = at(3_601);
    world.tick();
    world
}

fn bytes(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::encode(record, &mut bytes);
    bytes
}

#[test]
fn every_event_of_version_1_is_read_and_written_as_it_ever_was() {
    let history = history();
    let mut seen = BTreeMap::new();
    for record in &history.records {
        seen.entry(record.event.name()).or_insert(record);
    }
    assert_eq!(seen.len(), 17, "an event without golden bytes: {:?}", seen.keys());
    for (name, record) in &seen {
        check(&format!("record-v1-{name}"), &bytes(record));
        assert_eq!(
            record::decode(&stored(&format!("record-v1-{name}")), record.position).as_ref(),
            Ok(*record),
            "{name}: {LOST}"
        );
    }
}

#[test]
fn no_golden_file_is_orphaned() {
    // A file for an event that was renamed would otherwise rest unread while its bytes are still in logs.
    let folder = file("x");
    let count = folder.parent().expect("a folder").read_dir().expect("it is there").count();
    assert_eq!(count, 17 + 4, "one file per event, and frame, payment, terms and digest");
}

#[test]
fn a_log_of_version_1_replays_to_the_state_it_ever_did() {
    let history = history();
    let mut builder = FrameBuilder::new(Tip::EMPTY, 7);
    builder.push(&history.records);
    let (frames, end) = builder.finish();
    assert_eq!(frames.len(), 1);
    check("frame-v1", &frames[0].bytes);
    let (decoded, tip) = Tip::EMPTY.follow(&stored("frame-v1")).expect(LOST);
    assert_eq!((tip, decoded.epoch), (end, 7));
    let mut state = State::default();
    for record in &decoded.records {
        state.apply(record).expect(LOST);
    }
    check("digest-v1", &state.digest().0);
}

#[test]
fn what_payers_and_merchants_signed_stays_what_they_signed() {
    let history = history();
    let payment = history.core.state().intent(&intent(1)).and_then(|known| known.submission()).expect("paid");
    check("payment-v1", &payment.payment.to_bytes());
    assert_eq!(Payment::from_bytes(&stored("payment-v1")).as_ref(), Ok(&payment.payment), "{LOST}");
    let terms = &history.core.state().intent(&intent(1)).expect("created").terms;
    check("terms-v1", &terms.signing_bytes(intent(1)));
}

#[test]
fn a_record_that_is_not_exactly_one_of_a_known_version_is_refused_by_name() {
    let record = Record {
        event: Event::NodeInitialized { node: NodeId([1; 32]), policy: Policy::standard(FEES) },
        ..history().records[0].clone()
    };
    let good = bytes(&record);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        record::decode(&bytes, Position(1)).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|b| b.push(0)), Err(DecodeError::TrailingBytes { count: 1 }));
    assert_eq!(with(&|b| b[0] = 0), Err(DecodeError::NoSuchVersion { got: 0 }));
    assert_eq!(with(&|b| b.truncate(1)), Err(DecodeError::Size { got: 1 }));
    assert_eq!(
        with(&|b| b.resize(MAX_RECORD_BYTES + 1, 0)),
        Err(DecodeError::Size { got: MAX_RECORD_BYTES + 1 })
    );
    let newer = with(&|b| b[0] = 2).expect_err("written by tomorrow's program");
    assert_eq!(newer, DecodeError::NewerVersion { got: VERSION + 1 });
    let text = newer.to_string();
    assert!(text.contains("version 2") && text.contains("up to 1"), "names both versions: {text}");
    for cut in 2..good.len() {
        let error = record::decode(&good[..cut], Position(1));
        assert!(matches!(error, Err(DecodeError::Malformed(_))), "cut at {cut}: {error:?}");
    }
    // A length of 2^36 in front of a text: refused before anything is allocated for it.
    let mut claims = bytes(&Record {
        event: Event::RatesPublished { source: String::new(), rates: Vec::new() },
        ..record
    });
    claims.truncate(claims.len() - 2);
    claims.extend([253, 0, 0, 0, 0, 16, 0, 0, 0]);
    assert!(matches!(record::decode(&claims, Position(1)), Err(DecodeError::Malformed(_))));
}

#[test]
fn any_changed_or_missing_byte_of_a_frame_is_noticed() {
    let mut history = FrameBuilder::new(Tip::EMPTY, 1);
    history.push(&self::history().records);
    let stored = history.finish().0.remove(0).bytes;
    for at in 0..stored.len() {
        let mut bytes = stored.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(frame::decode(&bytes).is_err(), "byte {at}");
    }
    for cut in (0..stored.len()).step_by(7) {
        assert!(frame::decode(&stored[..cut]).is_err(), "cut at {cut}");
        assert!(frame::decode(&stored[stored.len() - cut..]).is_err(), "the last {cut} bytes");
    }
    assert!(frame::decode(&[stored.as_slice(), &[0]].concat()).is_err(), "a byte behind it");
    assert!(frame::decode(&[stored.as_slice(), &stored].concat()).is_err(), "twice");
}
