//! The store has no room for a while: writes are refused and nothing else is lost, not even the time to restart.

use std::time::Duration;

use quittance_core::ids::Position;
use quittance_core::state::{Intent, State, Status};
use quittance_runtime::log::{Full, MemoryLog};
use quittance_runtime::{Engine, Error, StartError};

use crate::support::{
    Gate, GatedLog, cancel, create, deposit, digest, eventually, intent, noon, options, start,
};

fn is_full<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Full(Full(why))) if why.contains("full"))
}

#[test]
fn a_full_store_refuses_writes_answers_questions_and_goes_on_without_a_restart() {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    let handle = engine.handle();
    let mut records = handle.subscribe(Position(1));
    handle.execute_blocking(deposit(1)).unwrap();
    for round in 1..=3 {
        let before = (handle.query_blocking(State::digest).unwrap(), handle.durable());
        log.set_full(true);
        for number in 10..40 {
            let answer = handle.execute_blocking(deposit(100 * round + number));
            assert!(is_full(&answer), "taken by a full store: {answer:?}");
        }
        assert!(is_full(&handle.execute_blocking(deposit(1))), "a repetition is not looked up either");
        assert_eq!(
            (handle.query_blocking(State::digest).unwrap(), handle.durable()),
            before,
            "what was refused left something behind"
        );
        assert_eq!(handle.record_at(Position(2)).unwrap().unwrap().position, Position(2));
        assert_eq!(handle.failure(), None, "a full store is no reason to stop");
        log.set_full(false);
        let accepted = handle.execute_blocking(deposit(100 * round + 10)).unwrap();
        assert!(!accepted.repeated, "what was refused is asked again and happens once");
    }
    assert_eq!(std::iter::from_fn(|| records.try_next().unwrap()).count(), 5);
    assert_eq!(handle.query_blocking(State::digest), Ok(digest(&log)));
    assert_eq!(engine.shutdown().unwrap().position, Position(5));
}

#[test]
fn deadlines_wait_until_there_is_room_and_nothing_is_decided_past_them() {
    let (log, clock) = (MemoryLog::new(), noon());
    let engine = Engine::start(Box::new(log.clone()), options(&clock)).unwrap();
    let handle = engine.handle();
    handle.execute_blocking(create(1)).unwrap();
    let status = |seed| move |state: &State| state.intent(&intent(seed)).map(Intent::status);
    log.set_full(true);
    clock.advance(Duration::from_secs(3_601));
    assert!(is_full(&handle.execute_blocking(cancel(1))));
    // Longer than a sequencer sleeps: it must neither write nor fail, and still answer.
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(handle.query_blocking(status(1)), Ok(Some(Status::Created)));
    assert_eq!((handle.durable(), handle.failure()), (Position(2), None));
    log.set_full(false);
    eventually("the deadline is met once there is room, though nobody asks", || handle.durable().0 == 3);
    assert_eq!(handle.query_blocking(status(1)), Ok(Some(Status::Expired)));
    assert_eq!(handle.query_blocking(State::digest), Ok(digest(&log)));
}

/// What was decided before the store said that it was full is appended from what the store keeps back; if that is not
/// enough either, the engine stops as it does at any failed append, and the log is as it was.
#[test]
fn a_store_that_is_full_for_what_was_decided_already_stops_the_engine_and_loses_nothing() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    let engine = start(GatedLog(log.clone(), gate.clone()));
    let handle = engine.handle();
    handle.execute_blocking(deposit(1)).unwrap();
    gate.set(true);
    let before = gate.arrived();
    let decided = handle.begin(deposit(2)).unwrap();
    eventually("the append begins", || gate.arrived() > before);
    log.set_full(true);
    gate.set(false);
    assert!(matches!(decided.wait_blocking(), Err(Error::Failed(_))), "acknowledged by a full store");
    assert!(engine.shutdown().is_err());
    log.set_full(false);
    let engine = start(log.clone());
    assert!(!engine.handle().execute_blocking(deposit(2)).unwrap().repeated);
    assert!(engine.handle().execute_blocking(deposit(1)).unwrap().repeated, "what was acknowledged is lost");
}

#[test]
fn a_log_is_not_begun_on_a_full_store() {
    let log = MemoryLog::new();
    log.set_full(true);
    let refused = Engine::start(Box::new(log.clone()), options(&noon())).expect_err("there is no room");
    assert!(matches!(refused, StartError::Initialize(Error::Full(_))), "{refused}");
    log.set_full(false);
    start(log);
}
