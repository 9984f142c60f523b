//! The log fails, or another writer has it: no acknowledgement after that, and nobody saw what was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quittance_core::ids::Position;
use quittance_runtime::log::{AppendError, EventLog, Fault, FaultyLog, MemoryLog};
use quittance_runtime::{Engine, Error, Failure, ShutdownError, StartError};

use crate::support::{
    Gate, GatedLog, create, deposit, digest, eventually, eventually_decided, noon, options, ready, start,
};

fn failed_append<T: std::fmt::Debug>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Failed(Failure::Append(_))))
}

#[test]
fn after_a_failed_append_nothing_is_acknowledged_and_everybody_is_told() {
    for fault in [Fault::Nothing, Fault::Everything, Fault::Prefix(1)] {
        let (log, gate) = (MemoryLog::new(), Gate::default());
        // The first append is the log's beginning, the second a deposit; the third fails.
        let engine = start(GatedLog(FaultyLog::new(log.clone(), 2, fault), gate.clone()));
        let handle = engine.handle();
        let mut subscription = handle.subscribe(Position(1));
        handle.execute_blocking(deposit(1)).unwrap();
        gate.set(true);
        let before = gate.arrived();
        let mut tickets = vec![handle.begin(deposit(2)).unwrap()];
        eventually("the append begins", || gate.arrived() > before);
        tickets.extend((3..=300).map(|number| handle.begin(deposit(number)).unwrap()));
        let mut query = Box::pin(handle.query(quittance_core::state::State::digest));
        assert!(ready(&mut query).is_none(), "{fault:?}: a query saw what is not durable");
        eventually_decided(&handle, Position(301));
        gate.set(false);
        for ticket in tickets {
            let answer = ticket.wait_blocking();
            assert!(failed_append(&answer), "{fault:?}: {answer:?}");
        }
        let answer = pollster::block_on(query);
        assert!(failed_append(&answer), "{fault:?}: a query saw what was lost: {answer:?}");
        assert!(
            failed_append(&handle.execute_blocking(deposit(1))),
            "{fault:?}: even a repetition is not known"
        );
        assert!(failed_append(&handle.query_blocking(|_| ())));
        assert!(matches!(handle.failure(), Some(Failure::Append(AppendError::Unknown(_)))));
        assert_eq!(handle.durable(), Position(2), "{fault:?}");
        let seen: Vec<_> = std::iter::from_fn(|| subscription.try_next().unwrap()).collect();
        assert_eq!(seen.len(), 2, "{fault:?}: a reader saw what was not acknowledged");
        assert!(matches!(engine.shutdown(), Err(ShutdownError::Failed(_))));
        assert_eq!(subscription.next_blocking(), None);
        // The restart finds out, and asking again is safe.
        let kept = log.tip().position.0;
        assert_eq!(kept, if fault == Fault::Nothing { 2 } else { 3 }, "{fault:?}");
        let engine = start(log.clone());
        let answer = engine.handle().execute_blocking(deposit(2)).unwrap();
        assert_eq!(answer.repeated, fault != Fault::Nothing, "{fault:?}");
        assert_eq!(engine.handle().query_blocking(quittance_core::state::State::digest), Ok(digest(&log)));
    }
}

#[test]
fn a_query_is_not_shown_an_empty_state_after_a_failure() {
    let engine = start(FaultyLog::new(MemoryLog::new(), 1, Fault::Nothing));
    let handle = engine.handle();
    let looked = Arc::new(AtomicBool::new(false));
    // Under way together, so that some are queued when the failure strikes.
    let tickets: Vec<_> = (0..50).map(|number| handle.begin(deposit(number))).collect();
    let answers: Vec<_> = (0..50)
        .map(|_| {
            let looked = looked.clone();
            handle.query_blocking(move |state| looked.fetch_or(state.node().is_none(), Ordering::SeqCst))
        })
        .collect();
    // Those asked before the failure may have been answered; none of them was shown anything else than the log.
    assert!(answers.iter().all(|answer| *answer == Ok(false) || failed_append(answer)));
    eventually("the append fails", || handle.failure().is_some());
    assert!(failed_append(&handle.query_blocking(|_| ())));
    assert!(!looked.load(Ordering::SeqCst), "a query ran on a state that never was");
    drop(tickets);
}

#[test]
fn a_deadline_that_can_no_longer_be_met_does_not_keep_a_failed_engine_from_stopping() {
    let clock = noon();
    let log = FaultyLog::new(MemoryLog::new(), 2, Fault::Nothing);
    let engine = Engine::start(Box::new(log), options(&clock)).unwrap();
    let handle = engine.handle();
    handle.execute_blocking(create(1)).unwrap();
    assert!(failed_append(&handle.execute_blocking(deposit(1))));
    clock.advance(std::time::Duration::from_secs(4_000));
    assert!(failed_append(&handle.execute_blocking(deposit(1))));
    assert!(matches!(engine.shutdown(), Err(ShutdownError::Failed(_))));
}

#[test]
fn a_log_that_cannot_be_begun_is_not_started_on() {
    let error =
        Engine::start(Box::new(FaultyLog::new(MemoryLog::new(), 0, Fault::Nothing)), options(&noon()));
    assert!(matches!(error, Err(StartError::Initialize(Error::Failed(_)))));
}

#[test]
fn of_two_writers_on_one_log_the_second_is_refused_and_stops() {
    // How many records the second one has decided before it finds out, in one commit.
    for behind in [1, 2, 5, 300] {
        let log = MemoryLog::new();
        start(log.clone()).shutdown().unwrap();
        let (first, gate) = (start(log.clone()), Gate::default());
        let second = start(GatedLog(log.clone(), gate.clone()));
        for number in 1..=2 {
            first.handle().execute_blocking(deposit(number)).unwrap();
        }
        gate.set(true);
        let handle = second.handle();
        let before = gate.arrived();
        let mut tickets = vec![handle.begin(deposit(900)).unwrap()];
        eventually("the append begins", || gate.arrived() > before);
        tickets.extend((901..900 + behind).map(|number| handle.begin(deposit(number)).unwrap()));
        gate.set(false);
        for ticket in tickets {
            assert!(failed_append(&ticket.wait_blocking()), "two writers were both told yes");
        }
        let refused = AppendError::NotNext { tip: Position(3), got: Position(2) };
        assert_eq!(handle.failure(), Some(Failure::Append(refused)));
        first.handle().execute_blocking(deposit(3)).unwrap();
        let known = first.handle().query_blocking(quittance_core::state::State::digest).unwrap();
        first.shutdown().unwrap();
        assert_eq!(known, digest(&log), "the second writer damaged the log");
        assert!(matches!(second.shutdown(), Err(ShutdownError::Failed(_))));
    }
}

#[test]
fn a_writer_with_many_records_does_not_slip_in_behind_one_that_wrote_few() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    start(log.clone()).shutdown().unwrap();
    let (first, second) = (start(log.clone()), start(GatedLog(log.clone(), gate.clone())));
    // All of the second one's records are decided while it still believes that it is alone, and go into one commit after
    // the first one has written a single record.
    let handle = second.handle();
    gate.set(true);
    first.handle().execute_blocking(deposit(1)).unwrap();
    let tickets: Vec<_> = (900..1_000).map(|number| handle.begin(deposit(number)).unwrap()).collect();
    eventually_decided(&handle, Position(101));
    gate.set(false);
    for ticket in tickets {
        assert!(failed_append(&ticket.wait_blocking()));
    }
    assert_eq!(log.tip().position, Position(2));
    assert_eq!(first.handle().query_blocking(quittance_core::state::State::digest), Ok(digest(&log)));
}
