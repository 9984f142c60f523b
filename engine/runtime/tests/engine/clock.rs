//! A node whose clock has been wrong. Time goes on: what waits for it comes.

use std::time::Duration;

use quittance_core::command::Request;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::Timestamp;
use quittance_core::state::{Intent, State, Status};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Clock as _, Engine, Handle, ManualClock, Options, StartError};

use crate::support::{create, deposit, eventually, intent, noon, options};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

fn is_expired(handle: &Handle, seed: u8) -> bool {
    let look = move |state: &State| state.intent(&intent(seed)).map(Intent::status);
    handle.query_blocking(look) == Ok(Some(Status::Expired))
}

/// Deadlines, and the time by which prices and limits are measured, go on by the clock, more than an eighth slower at no time.
fn goes_on(handle: &Handle, clock: &ManualClock, seed: u8) {
    let publish = |source: &str| {
        let rates = vec![(Currency::KIN, Rate::ONE)];
        handle.execute_blocking(Request::PublishRates { source: source.into(), rates }).unwrap();
        handle.query_blocking(|state: &State| state.rates().latest().unwrap().published_at).unwrap()
    };
    let first = publish("one");
    handle.execute_blocking(create(seed)).unwrap();
    let closes = handle.now().saturating_add(Duration::from_secs(3_600));
    clock.advance(Duration::from_secs(3_600 - 1));
    assert!(!is_expired(handle, seed), "before its time, {closes:?}");
    clock.advance(Duration::from_secs(3_600 / 8 + 600));
    eventually("the deadline passes", || is_expired(handle, seed));
    let took = publish("other").since(first);
    assert!(took >= Duration::from_secs(3_600), "prices an hour apart are not told apart: {took:?}");
}

#[test]
fn a_clock_that_is_wrong_for_a_moment_leaves_no_trace() {
    let (log, clock) = (MemoryLog::new(), noon());
    let engine = Engine::start(Box::new(log.clone()), options(&clock)).unwrap();
    let handle = engine.handle();
    handle.execute_blocking(create(1)).unwrap();
    clock.set(noon().now().saturating_add(YEAR));
    handle.execute_blocking(deposit(1)).unwrap();
    assert!(!is_expired(&handle, 1), "an intent ends a year before its time");
    clock.set(noon().now());
    assert_eq!(handle.query_blocking(State::time), Ok(noon().now()));
    goes_on(&handle, &clock, 2);
    engine.shutdown().unwrap();
    Engine::start(Box::new(log), options(&clock)).expect("the log is not ahead");
}

#[test]
fn a_clock_that_was_a_year_ahead_until_it_was_believed_freezes_nothing_now_or_after_a_restart() {
    let (log, clock) = (MemoryLog::new(), noon());
    let engine = Engine::start(Box::new(log.clone()), options(&clock)).unwrap();
    let handle = engine.handle();
    let right = || clock.now();
    clock.set(right().saturating_add(YEAR));
    handle.execute_blocking(deposit(1)).unwrap();
    clock.advance(Duration::from_secs(3_600));
    handle.execute_blocking(deposit(2)).unwrap();
    let recorded = handle.query_blocking(State::time).unwrap();
    assert_eq!(recorded, clock.now(), "the clock is believed after an hour");
    clock.set(right().saturating_sub(YEAR));
    goes_on(&handle, &clock, 3);
    engine.shutdown().unwrap();

    let refused = Engine::start(Box::new(log.clone()), options(&clock)).expect_err("a year apart");
    assert!(
        matches!(refused, StartError::ClockBehind { last, now } if last > recorded && now == clock.now())
    );
    let accepting = Options { accept_time: true, ..options(&clock) };
    let engine = Engine::start(Box::new(log), accepting).unwrap();
    assert!(engine.handle().now() > recorded);
    goes_on(&engine.handle(), &clock, 4);
}

/// As when a virtual machine goes on after hours: a step that stays is a right one.
#[test]
fn what_was_due_while_the_machine_was_paused_comes_a_minute_after() {
    let clock = noon();
    let engine = Engine::start(Box::new(MemoryLog::new()), options(&clock)).unwrap();
    let handle = engine.handle();
    handle.execute_blocking(create(1)).unwrap();
    clock.set(Timestamp(clock.now().0 + 3_601_000_000));
    assert!(!is_expired(&handle, 1));
    clock.advance(Duration::from_secs(60));
    eventually("the deadline passes with nobody asking", || handle.durable().0 == 3);
}
