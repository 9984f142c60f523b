//! Two who want what only one can have: exactly one gets it, and the log says who and why the other did not.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use quittance_core::command::Request;
use quittance_core::event::{Event, Record};
use quittance_core::ids::{AccountId, DepositKey, IntentId, Position};
use quittance_core::machine::Accepted;
use quittance_core::money::Quarks;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Intent, State, Status};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Engine, Error, Handle, ManualClock, Options};

use crate::support::{cancel, create, digest, eventually, intent, noon, options, payer, quoted_to, submit};

const ROUNDS: u8 = 200;
const PAYERS: [u8; 2] = [251, 252];

type Answer = Result<Accepted, Error>;

/// An engine whose signature checks run side by side, and two payers who can pay everything.
fn stage(log: &MemoryLog, clock: &ManualClock) -> Engine {
    let options = Options { verify_workers: 4, ..options(clock) };
    let engine = Engine::start(Box::new(log.clone()), options).unwrap();
    for seed in PAYERS {
        let (key, quarks) = (DepositKey([seed; 32]), Quarks::new(1_000_000_000));
        let account = payer(seed);
        engine.handle().execute_blocking(Request::Deposit { key, account, quarks }).unwrap();
    }
    engine
}

/// Does two things at the same moment, on two threads.
fn together<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            start.wait();
            one()
        });
        start.wait();
        let other = other();
        (one.join().unwrap(), other)
    })
}

fn refused(answer: &Answer) -> Option<RejectionCode> {
    match answer {
        Ok(_) => None,
        Err(Error::Rejected(rejection)) => Some(rejection.code),
        Err(error) => panic!("{error}"),
    }
}

fn status(handle: &Handle, seed: u8) -> Option<Status> {
    handle.query_blocking(move |state: &State| state.intent(&intent(seed)).map(Intent::status)).unwrap()
}

/// Ends the engine and gives what its log says of late payments: by intent, whose it was and why it was refused.
fn late(engine: Engine, log: &MemoryLog) -> BTreeMap<IntentId, (AccountId, RejectionCode)> {
    let handle = engine.handle();
    let mut records = handle.subscribe(Position(1));
    let (known, end) = handle.query_blocking(|state| (state.digest(), state.position())).unwrap();
    let mut late = BTreeMap::new();
    for _ in 0..end.0 {
        let Record { subject, event, .. } = records.next_blocking().unwrap().unwrap();
        if let (Some(subject), Event::LateSubmissionRefused { payment, rejection, .. }) = (subject, event) {
            let again = late.insert(subject.intent, (payment.payer, rejection.code));
            assert_eq!(again, None, "one refusal is on record twice");
        }
    }
    engine.shutdown().unwrap();
    assert_eq!(known, digest(log), "a restart would know something else");
    late
}

#[test]
fn of_two_payers_exactly_one_pays_and_the_other_is_refused_on_record() {
    let log = MemoryLog::new();
    let engine = stage(&log, &noon());
    let handle = engine.handle();
    let mut losers = BTreeMap::new();
    for seed in 1..=ROUNDS {
        handle.execute_blocking(create(seed)).unwrap();
        let [one, other] = PAYERS.map(|payer| submit(payer, &quoted_to(&handle, seed, payer)));
        let answers = together(|| handle.execute_blocking(one), || handle.execute_blocking(other));
        let loser = match (refused(&answers.0), refused(&answers.1)) {
            (None, Some(RejectionCode::IntentAlreadySubmitted)) => PAYERS[1],
            (Some(RejectionCode::IntentAlreadySubmitted), None) => PAYERS[0],
            both => panic!("intent {seed}: {both:?}"),
        };
        losers.insert(intent(seed), (payer(loser), RejectionCode::IntentAlreadySubmitted));
    }
    let spent = handle.query_blocking(|state| {
        PAYERS.map(|seed| state.ledger().account(&payer(seed)).reserved.get()).iter().sum::<u64>()
    });
    assert_eq!(spent, Ok(u64::from(ROUNDS) * 500_000), "somebody paid twice, or nobody paid");
    assert_eq!(late(engine, &log), losers);
}

#[test]
fn a_request_that_is_taken_back_while_somebody_pays_is_either_taken_back_or_paid() {
    let log = MemoryLog::new();
    let engine = stage(&log, &noon());
    let handle = engine.handle();
    let mut refusals = BTreeMap::new();
    for seed in 1..=ROUNDS {
        handle.execute_blocking(create(seed)).unwrap();
        let pay = submit(PAYERS[0], &quoted_to(&handle, seed, PAYERS[0]));
        let (taken_back, paid) =
            together(|| handle.execute_blocking(cancel(seed)), || handle.execute_blocking(pay));
        match (refused(&taken_back), refused(&paid)) {
            (None, Some(code @ RejectionCode::IntentCanceled)) => {
                assert_eq!(status(&handle, seed), Some(Status::Canceled));
                refusals.insert(intent(seed), (payer(PAYERS[0]), code));
            }
            (Some(RejectionCode::IntentAlreadySubmitted), None) => {
                assert_eq!(status(&handle, seed), Some(Status::Scheduled));
            }
            both => panic!("intent {seed}: {both:?}"),
        }
    }
    assert_eq!(late(engine, &log), refusals);
}

#[test]
fn a_payment_at_the_deadline_is_either_in_time_or_refused_as_too_late() {
    let (log, clock) = (MemoryLog::new(), noon());
    let engine = stage(&log, &clock);
    let handle = engine.handle();
    let mut refusals = BTreeMap::new();
    for seed in 1..=ROUNDS {
        handle.execute_blocking(create(seed)).unwrap();
        let pay = submit(PAYERS[0], &quoted_to(&handle, seed, PAYERS[0]));
        let advance = || {
            // Now before the payment is decided, now after.
            thread::sleep(Duration::from_micros(u64::from(seed % 8) * 50));
            // An intent stays open for an hour.
            clock.advance(Duration::from_secs(3_601));
        };
        let ((), paid) = together(advance, || handle.execute_blocking(pay));
        match refused(&paid) {
            None => assert_eq!(status(&handle, seed), Some(Status::Scheduled)),
            Some(code @ RejectionCode::IntentExpired) => {
                eventually("it expires", || status(&handle, seed) == Some(Status::Expired));
                refusals.insert(intent(seed), (payer(PAYERS[0]), code));
            }
            Some(code) => panic!("intent {seed}: {code:?}"),
        }
    }
    assert_eq!(late(engine, &log), refusals);
}
