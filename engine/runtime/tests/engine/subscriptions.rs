//! Readers: every durable record, in order, exactly once.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use quittance_core::event::Record;
use quittance_core::ids::Position;
use quittance_runtime::log::{EventLog, LogError, MemoryLog};
use quittance_runtime::{Engine, Handle, Subscription};

use crate::support::{BadlyReadLog, deposit, noon, options, ready, start};

/// More than the engine keeps at hand, so that a reader from the beginning needs the log.
const MANY: u64 = 9_000;

fn fill(handle: &Handle, numbers: std::ops::RangeInclusive<u64>) {
    for chunk in numbers.collect::<Vec<_>>().chunks(1_000) {
        let tickets: Vec<_> = chunk.iter().map(|number| handle.begin(deposit(*number)).unwrap()).collect();
        for ticket in tickets {
            ticket.wait_blocking().unwrap();
        }
    }
}

fn positions(records: Vec<Record>) -> Vec<u64> {
    records.into_iter().map(|record| record.position.0).collect()
}

fn take(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    positions((0..count).map(|_| subscription.next_blocking().expect("the engine runs").unwrap()).collect())
}

#[test]
fn a_reader_gets_every_record_in_order_once_wherever_it_begins() {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    let handle = engine.handle();
    fill(&handle, 1..=MANY);
    let durable = MANY + 1;
    for from in [0, 1, 2, 500, durable - 1, durable, durable + 1, durable + 5] {
        let mut subscription = handle.subscribe(Position(from));
        let first = from.max(1);
        let there: Vec<_> = (first..=durable).collect();
        assert_eq!(take(&mut subscription, there.len()), there, "from {from}");
        assert_eq!(subscription.try_next(), Ok(None), "from {from}: nothing that is not there yet");
        assert_eq!(subscription.position(), Position(first.max(durable + 1)));
    }
    let mut behind = handle.subscribe(Position(1));
    let mut live = handle.subscribe(Position(durable + 1));
    let mut future = handle.subscribe(Position(durable + 3));
    assert_eq!(take(&mut behind, 10), (1..=10).collect::<Vec<_>>());
    fill(&handle, MANY + 1..=MANY + 4);
    assert_eq!(take(&mut live, 4), (durable + 1..=durable + 4).collect::<Vec<_>>());
    assert_eq!(take(&mut future, 2), [durable + 3, durable + 4]);
    let rest: Vec<_> = (11..=durable + 4).collect();
    assert_eq!(take(&mut behind, rest.len()), rest, "a slow reader catches up");
    for position in [1, 2, 4_000, durable + 4] {
        let record = handle.record_at(Position(position)).unwrap();
        assert_eq!(record.map(|record| record.position.0), Some(position));
    }
    for position in [0, durable + 5] {
        assert_eq!(handle.record_at(Position(position)), Ok(None));
    }
    // What was made durable before the end is delivered after it, and then the end is told.
    let mut late = handle.subscribe(Position(durable + 4));
    engine.shutdown().unwrap();
    assert_eq!(take(&mut late, 1), [durable + 4]);
    for mut ended in [late, live, behind, handle.subscribe(Position(u64::MAX))] {
        assert_eq!(ended.next_blocking(), None);
        assert_eq!(ended.next_blocking(), None, "and told again");
    }
    // After a restart nothing is at hand, and all of it is in the log.
    let handle = start(log).handle();
    let mut again = handle.subscribe(Position(durable));
    assert_eq!(take(&mut again, 5), (durable..=durable + 4).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_waits_is_woken() {
    let engine = start(MemoryLog::new());
    let handle = engine.handle();
    let mut subscription = handle.subscribe(Position(2));
    assert!(ready(subscription.next()).is_none());
    let reader = std::thread::spawn(move || take(&mut subscription, 50));
    fill(&handle, 1..=50);
    assert_eq!(reader.join().unwrap(), (2..=51).collect::<Vec<_>>());
}

#[test]
fn a_read_error_is_told_and_repeats_and_loses_no_record() {
    for good in 0..5 {
        let log = MemoryLog::new();
        let engine = start(log.clone());
        for number in 1..=9 {
            engine.handle().execute_blocking(deposit(number)).unwrap();
        }
        engine.shutdown().unwrap();
        let left = Arc::new(AtomicU64::new(0));
        let bad = BadlyReadLog { inner: log, good, left: left.clone() };
        let engine = Engine::start(Box::new(bad), options(&noon())).unwrap();
        let mut subscription = engine.handle().subscribe(Position(1));
        left.store(2, std::sync::atomic::Ordering::SeqCst);
        let (mut records, mut errors) = (Vec::new(), 0);
        while records.len() < 10 {
            match subscription.next_blocking().expect("the engine runs") {
                Ok(record) => records.push(record),
                Err(error) => {
                    assert!(matches!(error, LogError::Store { .. }), "{error}");
                    errors += 1;
                }
            }
        }
        assert_eq!(positions(records), (1..=10).collect::<Vec<_>>(), "an error behind {good} good frames");
        assert_eq!(errors, 2);
        assert_eq!(subscription.try_next(), Ok(None));
    }
}

#[test]
fn a_missing_frame_is_an_error_and_not_a_silent_gap() {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    for number in 1..=3 {
        engine.handle().execute_blocking(deposit(number)).unwrap();
    }
    engine.shutdown().unwrap();
    assert_eq!(log.tip().position, Position(4));
    // A good frame and then the end, although more is durable.
    let left = Arc::new(AtomicU64::new(0));
    let engine =
        Engine::start(Box::new(BadlyReadLog { inner: log, good: 1, left: left.clone() }), options(&noon()))
            .unwrap();
    let mut subscription = engine.handle().subscribe(Position(1));
    left.store(100, std::sync::atomic::Ordering::SeqCst);
    let seen: Vec<_> =
        (0..4).map(|_| subscription.try_next().map(|record| record.map(|r| r.position.0))).collect();
    assert!(seen.iter().any(Result::is_err), "{seen:?}");
}
