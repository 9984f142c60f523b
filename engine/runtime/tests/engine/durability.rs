//! Nothing is told before it is durable, and nothing told is lost.

use std::thread;

use quittance_core::ids::Position;
use quittance_runtime::log::{EventLog, MemoryLog};
use quittance_runtime::{Engine, Error};

use crate::support::{
    Gate, GatedLog, create, deposit, digest, eventually, eventually_decided, noon, options, quoted, ready,
    settled, start, submit,
};

#[test]
fn nobody_hears_of_anything_before_it_is_durable() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    let engine = start(GatedLog(log.clone(), gate.clone()));
    let handle = engine.handle();
    let mut subscription = handle.subscribe(Position(2));
    gate.set(true);
    let before = gate.arrived();
    let mut held = Box::pin(handle.begin(deposit(1)).unwrap().wait());
    eventually("the append begins", || gate.arrived() > before);
    // Decided, handed to the store, not durable: a repetition, a refusal and a query that stand on it wait as well.
    let mut repeated = Box::pin(handle.begin(deposit(1)).unwrap().wait());
    let mut refused = Box::pin(handle.begin(mismatched()).unwrap().wait());
    let asker = handle.clone();
    let query = thread::spawn(move || asker.query_blocking(quittance_core::state::State::position));
    for _ in 0..50 {
        thread::sleep(std::time::Duration::from_millis(1));
        assert!(ready(&mut held).is_none(), "acknowledged before it was durable");
        assert!(ready(&mut repeated).is_none(), "acknowledged by what was not durable");
        assert!(ready(&mut refused).is_none(), "refused for the sake of what was not durable");
        assert!(!query.is_finished(), "shown before it was durable");
        assert_eq!(subscription.try_next(), Ok(None), "published before it was durable");
        assert_eq!(handle.record_at(Position(2)), Ok(None));
        assert_eq!(handle.durable(), Position(1));
    }
    gate.set(false);
    assert_eq!(
        pollster::block_on(held).map(|accepted| (accepted.position.0, accepted.repeated)),
        Ok((2, false))
    );
    assert_eq!(
        pollster::block_on(repeated).map(|accepted| (accepted.position.0, accepted.repeated)),
        Ok((2, true))
    );
    assert!(matches!(pollster::block_on(refused), Err(Error::Rejected(_))));
    assert_eq!(query.join().unwrap(), Ok(Position(2)));
    assert_eq!(subscription.next_blocking().unwrap().unwrap().position, Position(2));
}

/// The same deposit key for another amount: refused because of what was deposited before.
fn mismatched() -> quittance_core::command::Request {
    let mut request = deposit(1);
    if let quittance_core::command::Request::Deposit { quarks, .. } = &mut request {
        *quarks = quittance_core::money::Quarks::new(1);
    }
    request
}

#[test]
fn requests_that_come_while_a_commit_syncs_share_the_next_one() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    let engine = start(GatedLog(log, gate.clone()));
    let handle = engine.handle();
    gate.set(true);
    let before = gate.arrived();
    let first = handle.begin(deposit(0)).unwrap();
    eventually("the append begins", || gate.arrived() == before + 1);
    let tickets: Vec<_> = (1..=1_000).map(|number| handle.begin(deposit(number)).unwrap()).collect();
    eventually_decided(&handle, Position(1_002));
    gate.set(false);
    first.wait_blocking().unwrap();
    for ticket in tickets {
        ticket.wait_blocking().unwrap();
    }
    assert_eq!(gate.arrived() - before, 2, "more syncs than one for all that waited");
}

#[test]
fn what_was_answered_before_a_shutdown_is_there_after_it() {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    let handle = engine.handle();
    let tickets: Vec<_> = (1..=500).map(|number| handle.begin(deposit(number)).unwrap()).collect();
    let tip = engine.shutdown().unwrap();
    let positions: Vec<_> =
        tickets.into_iter().map(|ticket| ticket.wait_blocking().unwrap().position.0).collect();
    assert_eq!(positions, (2..=501).collect::<Vec<_>>(), "what was taken was not carried out");
    assert_eq!(tip, log.tip());
    assert_eq!(tip.position, Position(501));
    assert_eq!(handle.execute_blocking(deposit(1)), Err(Error::Stopped));
}

#[test]
fn every_request_gets_an_answer_even_if_it_races_with_the_shutdown() {
    for _ in 0..20 {
        let log = MemoryLog::new();
        let engine = start(log.clone());
        let askers: Vec<_> = (0..4)
            .map(|asker| {
                let handle = engine.handle();
                thread::spawn(move || {
                    let mut answered = 0;
                    for number in 0.. {
                        match handle.execute_blocking(deposit(asker * 1_000_000 + number)) {
                            Ok(_) => answered += 1,
                            Err(Error::Stopped) => return answered,
                            Err(error) => panic!("{error}"),
                        }
                        if number % 3 == 0 && handle.query_blocking(|_| ()) == Err(Error::Stopped) {
                            return answered;
                        }
                    }
                    answered
                })
            })
            .collect();
        thread::sleep(std::time::Duration::from_millis(3));
        let tip = engine.shutdown().unwrap();
        let answered: u64 = askers.into_iter().map(|asker| asker.join().unwrap()).sum();
        // Each asker may have had one more carried out than it was told of.
        let deposited = tip.position.0 - 1;
        assert!(
            (answered..=answered + 4).contains(&deposited),
            "{answered} acknowledged, {deposited} in the log"
        );
    }
}

#[test]
fn a_restart_knows_exactly_what_was_known_before() {
    let log = MemoryLog::new();
    let clock = noon();
    let run = |requests: &mut dyn FnMut(&quittance_runtime::Handle)| {
        let engine = Engine::start(Box::new(log.clone()), options(&clock)).unwrap();
        let handle = engine.handle();
        requests(&handle);
        let seen = handle.query_blocking(quittance_core::state::State::digest).unwrap();
        let tip = engine.shutdown().unwrap();
        assert_eq!(seen, digest(&log), "the log and the engine disagree");
        (seen, tip)
    };
    let mut payment = None;
    run(&mut |handle| {
        handle.execute_blocking(deposit(1)).unwrap();
        handle.execute_blocking(create(1)).unwrap();
        handle.execute_blocking(create(2)).unwrap();
        payment = Some(quoted(handle, 1));
    });
    let payment = payment.unwrap();
    let (paid, tip) = run(&mut |handle| {
        handle.execute_blocking(submit(100, &payment)).unwrap();
        handle.execute_blocking(settled(1, &payment)).unwrap();
    });
    assert_eq!(tip.epoch, 2, "each writer has an epoch of its own");
    let (after, tip) = run(&mut |handle| {
        let again = handle.execute_blocking(submit(100, &payment)).unwrap();
        assert!(again.repeated, "a payment was taken twice");
    });
    assert_eq!((after, tip.epoch), (paid, 2), "a restart without a request changes nothing");
}
