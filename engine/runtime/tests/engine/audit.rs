//! What an auditor is told of a log, however many threads check it.

use std::num::NonZeroUsize;

use quittance_core::event::{Event, Record};
use quittance_core::frame::{FrameBuilder, Tip, decode};
use quittance_core::ids::Position;
use quittance_runtime::log::{EventLog, MemoryLog};
use quittance_runtime::{Audit, AuditError, Signatures, audit};

use crate::support::{create, deposit, start};

/// Enough for several batches on every thread.
const INTENTS: u8 = 200;

/// The records of a log with a deposit and many signed requests.
fn history() -> Vec<Record> {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    engine.handle().execute_blocking(deposit(1)).unwrap();
    for seed in 1..=INTENTS {
        engine.handle().execute_blocking(create(seed)).unwrap();
    }
    engine.shutdown().unwrap();
    log.reader().frames(Position(1)).flat_map(|bytes| decode(&bytes.unwrap()).unwrap().records).collect()
}

/// A log of these records whose chain is sound: what a forger with the disk and the program can make.
fn chained(records: &[Record]) -> MemoryLog {
    let mut log = MemoryLog::new();
    let mut builder = FrameBuilder::new(Tip::EMPTY, 1);
    records.iter().for_each(|record| builder.push(std::slice::from_ref(record)));
    log.append(&builder.finish().0).unwrap();
    log
}

fn forge_signature(record: &mut Record) {
    let Event::IntentCreated { authorization, .. } = &mut record.event else { panic!("not signed") };
    authorization.signature.0[0] ^= 1;
}

/// Somebody alters terms and leaves the signature, which then covers other bytes than the record states.
fn forge_terms(record: &mut Record) {
    let Event::IntentCreated { terms, .. } = &mut record.event else { panic!("not signed") };
    terms.destination.0[0] ^= 1;
}

fn check(log: &MemoryLog, expected: &Result<u64, String>, what: &str) {
    for threads in [1, 2, 3, 8] {
        for _ in 0..5 {
            let how = Signatures::Check { threads: NonZeroUsize::new(threads).unwrap() };
            let found = audit::<AuditError>(&*log.reader(), how, |_, _| Ok(()));
            let found = found.map(|audit| audit.signatures).map_err(|error| error.to_string());
            assert_eq!(&found, expected, "{what}, on {threads} threads");
        }
    }
}

fn bad(position: u64) -> Result<u64, String> {
    Err(format!("record {position}: the signature does not verify"))
}

#[test]
fn an_auditor_hears_of_the_first_forged_signature_whatever_the_number_of_threads() {
    let whole = history();
    check(&chained(&whole), &Ok(u64::from(INTENTS)), "nothing forged");
    for (what, forged) in
        [("the first", &[3][..]), ("the last", &[202]), ("several", &[150, 40, 41, 199]), ("two", &[35, 34])]
    {
        for forge in [forge_signature, forge_terms] {
            let mut records = whole.clone();
            forged.iter().for_each(|position| forge(&mut records[position - 1]));
            let first = *forged.iter().min().unwrap();
            check(&chained(&records), &bad(first as u64), what);
        }
    }
}

#[test]
fn what_comes_first_in_the_log_is_what_an_auditor_hears_of() {
    let whole = history();
    let illegal = |records: &mut Vec<Record>, position: usize| {
        // The same intent asked for twice.
        let event = records[2].event.clone();
        let subject = records[2].subject;
        records[position - 1].event = event;
        records[position - 1].subject = subject;
    };
    let mut signature_first = whole.clone();
    illegal(&mut signature_first, 42);
    forge_signature(&mut signature_first[40]);
    check(&chained(&signature_first), &bad(41), "a bad signature in front of a record that does not follow");

    let mut illegal_first = whole;
    illegal(&mut illegal_first, 41);
    forge_signature(&mut illegal_first[41]);
    let log = chained(&illegal_first);
    let without = audit::<AuditError>(&*log.reader(), Signatures::Skip, |_, _| Ok(())).map(drop);
    let AuditError::Replay(illegal) = without.unwrap_err() else { panic!("record 41 does not follow") };
    assert!(illegal.to_string().contains("41"), "{illegal}");
    check(&log, &Err(illegal.to_string()), "a record that does not follow in front of a bad signature");
}

#[test]
fn an_audit_counts_what_it_looked_at_and_stops_when_told() {
    let log = chained(&history());
    let Audit { records, signatures, replay } =
        audit::<AuditError>(&*log.reader(), Signatures::Skip, |_, _| Ok(())).unwrap();
    assert_eq!((records, signatures, replay.tip), (u64::from(INTENTS) + 2, 0, log.tip()));
    let mut seen = 0;
    let stopped = audit::<AuditError>(&*log.reader(), Signatures::on_all_cores(), |_, record| {
        seen += 1;
        if seen == 7 { Err(AuditError::Signature { position: record.position }) } else { Ok(()) }
    });
    assert_eq!((stopped.unwrap_err(), seen), (AuditError::Signature { position: Position(7) }, 7));
}
