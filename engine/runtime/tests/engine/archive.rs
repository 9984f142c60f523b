//! What has ended leaves memory, and nobody who asks can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quittance_core::ids::{AccountId, DepositKey};
use quittance_core::money::Quarks;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Intent, Key, State, Status};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::table::{MemoryTable, Table};
use quittance_runtime::{Checkpoints, Engine, Error, Failure, Handle, Options};

use crate::support::{
    BadlyReadLog, cancel, create, deposit, digest, eventually, intent, noon, options, quoted, settled, submit,
};

/// An engine that puts away what has ended at once, and takes snapshots all the time.
pub(crate) fn eager(table: &Arc<dyn Table>) -> Options {
    let checkpoints = Checkpoints { archive_every: 1, snapshot_every: 8, snapshot_per_open: 0 };
    Options { table: Some(Arc::clone(table)), checkpoints, ..options(&noon()) }
}

pub(crate) fn start(log: &MemoryLog, options: Options) -> Engine {
    Engine::start(Box::new(log.clone()), options).expect("the log can be started on")
}

fn in_memory(handle: &Handle) -> (usize, bool) {
    let look =
        |state: &State| (state.intents().count(), state.deposit(&DepositKey::from_text("1")).is_some());
    handle.query_blocking(look).unwrap()
}

fn status_of(handle: &Handle, seed: u8) -> Option<Status> {
    let look = move |state: &State| state.intent(&intent(seed)).map(Intent::status);
    handle.query_about_blocking(Key::Intent(intent(seed)), look).unwrap()
}

fn pay(handle: &Handle, seed: u8) {
    handle.execute_blocking(create(seed)).unwrap();
    let payment = quoted(handle, seed);
    handle.execute_blocking(submit(100, &payment)).unwrap();
    handle.execute_blocking(settled(seed, &payment)).unwrap();
}

/// Paid 1 to 4, canceled 5, open 6.
fn history(handle: &Handle) {
    handle.execute_blocking(deposit(1)).unwrap();
    handle.execute_blocking(deposit(2)).unwrap();
    handle.execute_blocking(deposit(3)).unwrap();
    (1..=4).for_each(|seed| pay(handle, seed));
    handle.execute_blocking(create(5)).unwrap();
    handle.execute_blocking(cancel(5)).unwrap();
    handle.execute_blocking(create(6)).unwrap();
}

/// Whoever asks again is answered as ever.
fn answers(handle: &Handle) {
    let repeated = handle.execute_blocking(deposit(1)).unwrap();
    assert!(repeated.repeated, "a deposit would be made twice");
    for seed in 1..=4 {
        assert_eq!(status_of(handle, seed), Some(Status::Confirmed));
        let Err(Error::Rejected(rejection)) = handle.execute_blocking(create(seed)) else {
            panic!("a paid intent could be created, and paid, again")
        };
        assert_eq!(rejection.code, RejectionCode::IntentAlreadySubmitted);
    }
    assert_eq!(status_of(handle, 5), Some(Status::Canceled));
    assert!(handle.execute_blocking(cancel(5)).unwrap().repeated);
    assert_eq!(status_of(handle, 6), Some(Status::Created));
    assert_eq!(status_of(handle, 7), None);
}

#[test]
fn memory_holds_what_is_open_and_whoever_asks_about_the_rest_is_answered_as_ever() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, eager(&table));
    let handle = engine.handle();
    history(&handle);
    let settle = || {
        // Any record gives the next checkpoint an occasion.
        handle.execute_blocking(deposit(handle.durable().0 + 1_000)).unwrap();
        in_memory(&handle) == (1, false)
    };
    eventually("what has ended leaves memory", settle);
    answers(&handle);
    assert_eq!(in_memory(&handle), (1, false), "what was only looked at stays");
    let live = handle.query_blocking(State::digest).unwrap();
    assert_eq!(live, digest(&log), "an auditor's digest differs");
    engine.shutdown().unwrap();
    assert_eq!(live, digest(&log));

    // From the snapshot, from nothing, and without a table at all.
    for options in [eager(&table), Options { rebuild: true, ..eager(&table) }, options(&noon())] {
        let engine = start(&log, options);
        let handle = engine.handle();
        assert_eq!(handle.query_blocking(State::digest), Ok(live), "a restart led elsewhere");
        answers(&handle);
        engine.shutdown().unwrap();
    }
}

#[test]
fn a_late_payment_for_a_put_away_intent_goes_on_record_once_and_is_there_after_a_restart() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, eager(&table));
    let handle = engine.handle();
    for key in 1..=9 {
        handle.execute_blocking(deposit(key)).unwrap();
    }
    handle.execute_blocking(create(1)).unwrap();
    let (one, late) = (quoted(&handle, 1), crate::support::quoted_to(&handle, 1, 101));
    handle.execute_blocking(submit(100, &one)).unwrap();
    handle.execute_blocking(settled(1, &one)).unwrap();
    let gone = || {
        handle.execute_blocking(deposit(handle.durable().0 + 1_000)).unwrap();
        handle.query_blocking(|state| state.intents().count()) == Ok(0)
    };
    eventually("it leaves memory", gone);
    let revision = |handle: &Handle| {
        let look = |state: &State| state.intent(&intent(1)).map(|known| (known.revision.0, known.refusals));
        handle.query_about_blocking(Key::Intent(intent(1)), look).unwrap().unwrap()
    };
    let before = revision(&handle);
    let Err(Error::Rejected(refused)) = handle.execute_blocking(submit(101, &late)) else {
        panic!("paid twice")
    };
    assert_eq!(refused.code, RejectionCode::IntentAlreadySubmitted);
    assert_eq!(revision(&handle), (before.0 + 1, before.1 + 1), "what a payer signed left no trace");
    eventually("it leaves memory again", gone);
    assert_eq!(revision(&handle), (before.0 + 1, before.1 + 1), "an older version came back");
    let live = handle.query_blocking(State::digest).unwrap();
    engine.shutdown().unwrap();
    assert_eq!(live, digest(&log));
    let engine = start(&log, eager(&table));
    assert_eq!(revision(&engine.handle()), (before.0 + 1, before.1 + 1));
    assert_eq!(engine.handle().query_blocking(State::digest), Ok(live));
}

#[test]
fn a_snapshot_that_was_damaged_or_is_of_another_log_is_never_believed() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, eager(&table));
    history(&engine.handle());
    engine.shutdown().unwrap();
    let expected = digest(&log);
    let all = table.scan(b"", usize::MAX).unwrap();
    assert!(all.iter().any(|entry| entry.key == b"snapshot"), "there is a snapshot to damage");
    for entry in &all {
        let changed = |change: &dyn Fn(&dyn Table)| {
            let copy: Arc<dyn Table> = Arc::new(MemoryTable::new());
            all.iter().for_each(|entry| copy.put(&entry.key, &entry.value).unwrap());
            change(&*copy);
            match Engine::start(Box::new(log.clone()), eager(&copy)) {
                Ok(engine) => {
                    let handle = engine.handle();
                    assert_eq!(handle.query_blocking(State::digest), Ok(expected), "{:?}", entry.key);
                    // A damaged block is met when it is needed. Whoever only looks is told, and nobody else suffers;
                    let look = |state: &State| state.intent(&intent(1)).map(Intent::status);
                    match handle.query_about_blocking(Key::Intent(intent(1)), look) {
                        Ok(status) => assert_eq!(status, Some(Status::Confirmed)),
                        Err(Error::Unreadable(_)) => {
                            assert_eq!(handle.failure(), None, "a question stopped the node");
                        }
                        Err(error) => panic!("{error}"),
                    }
                    // and nothing is decided on what it may have said.
                    match handle.execute_blocking(create(1)) {
                        Err(Error::Rejected(refused)) => {
                            assert_eq!(refused.code, RejectionCode::IntentAlreadySubmitted);
                        }
                        Err(Error::Failed(Failure::Recall(_))) => {}
                        answer => panic!("{answer:?}: a paid intent could be paid again"),
                    }
                }
                Err(error) => panic!("{error}"),
            }
        };
        changed(&|table| table.delete(&entry.key).unwrap());
        for at in [0, entry.value.len() / 2, entry.value.len().saturating_sub(1)] {
            let mut value = entry.value.clone();
            let Some(byte) = value.get_mut(at) else { continue };
            *byte ^= 4;
            changed(&|table| table.put(&entry.key, &value).unwrap());
        }
    }

    // The same table beside another history of the same node: what it says has ended never did here.
    let other = MemoryLog::new();
    let engine = start(&other, options(&noon()));
    for key in 1..=3 {
        engine.handle().execute_blocking(deposit(key)).unwrap();
    }
    for seed in 10..=40 {
        engine.handle().execute_blocking(create(seed)).unwrap();
    }
    engine.shutdown().unwrap();
    let engine = start(&other, eager(&table));
    assert_eq!(
        engine.handle().query_blocking(State::digest),
        Ok(digest(&other)),
        "another log's snapshot was believed"
    );
    assert!(engine.handle().execute_blocking(create(1)).is_ok());
}

#[test]
fn many_ask_at_once_while_everything_is_put_away_under_them() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, Options { verify_workers: 3, ..eager(&table) });
    let handle = engine.handle();
    for key in 1..=60 {
        handle.execute_blocking(deposit(key)).unwrap();
    }
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let handle = handle.clone();
            scope.spawn(move || {
                for seed in (0..40).filter(|seed| seed % 4 == thread).map(|seed| seed + 110) {
                    pay(&handle, seed);
                    for known in (0..seed - 109).filter(|known| known % 4 == thread).map(|known| known + 110)
                    {
                        assert_eq!(status_of(&handle, known), Some(Status::Confirmed), "{known}");
                        let again = handle.execute_blocking(create(known));
                        assert!(
                            matches!(again, Err(Error::Rejected(_))),
                            "{known} could be paid twice: {again:?}"
                        );
                    }
                    assert!(handle.execute_blocking(deposit(u64::from(seed) % 60 + 1)).unwrap().repeated);
                }
            });
        }
    });
    let (live, end) = handle.query_blocking(|state| (state.digest(), state.position())).unwrap();
    assert_eq!(live, digest(&log));
    let bought = handle.query_blocking(|state| state.ledger().account(&AccountId([0x51; 32]))).unwrap();
    assert_eq!(bought.balance, Quarks::new(40 * 500_000));
    engine.shutdown().unwrap();
    let engine = start(&log, eager(&table));
    assert_eq!(engine.handle().query_blocking(State::digest), Ok(live));
    assert_eq!(engine.handle().durable(), end);
}

/// Lost if this fails: whoever asks about one old payment time and again takes the time of the threads that check signatures.
#[test]
fn what_was_asked_about_a_moment_ago_is_not_read_again() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let failing = Arc::new(AtomicU64::new(0));
    let bad = BadlyReadLog { inner: log, good: 0, left: failing.clone() };
    let engine = Engine::start(Box::new(bad), eager(&table)).unwrap();
    let handle = engine.handle();
    history(&handle);
    let gone = || {
        handle.execute_blocking(deposit(handle.durable().0 + 1_000)).unwrap();
        in_memory(&handle).0 == 1
    };
    eventually("what has ended leaves memory", gone);
    let ask = |seed| {
        let look = move |state: &State| state.intent(&intent(seed)).map(|intent| intent.revision.0);
        handle.query_about_blocking(Key::Intent(intent(seed)), look)
    };
    let before = ask(1).unwrap().unwrap();
    failing.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(ask(1), Ok(Some(before)), "read again");
    assert!(matches!(ask(2), Err(Error::Unreadable(_))), "the reads do fail");
}
