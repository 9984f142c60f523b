//! Asking, being refused, and the clock.

use std::time::Duration;

use quittance_core::machine::Accepted;
use quittance_core::money::Quarks;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Intent, State, Status};
use quittance_runtime::log::{EventLog, MemoryLog};
use quittance_runtime::{Engine, Error, MAX_BATCH, Options, StartError};

use crate::support::{
    Gate, GatedLog, NODE, cancel, create, deposit, eventually, intent, is_overloaded, noon, options, payer,
    quoted, settled, start, submit,
};

fn status(seed: u8) -> impl FnOnce(&State) -> Option<Status> + Send + 'static {
    move |state| state.intent(&intent(seed)).map(Intent::status)
}

#[test]
fn a_payment_goes_from_request_to_receipt_through_the_handle() {
    let engine = start(MemoryLog::new());
    let handle = engine.handle();
    handle.execute_blocking(deposit(1)).unwrap();
    for (request, expected) in [
        (create(1), Accepted { position: 3.into_position(), repeated: false, status: Some(Status::Created) }),
        (create(1), Accepted { position: 3.into_position(), repeated: true, status: Some(Status::Created) }),
    ] {
        assert_eq!(handle.execute_blocking(request), Ok(expected));
    }
    let payment = quoted(&handle, 1);
    let scheduled = handle.execute_blocking(submit(100, &payment)).unwrap();
    assert_eq!((scheduled.position.0, scheduled.status), (6, Some(Status::Scheduled)));
    assert_eq!(handle.query_blocking(status(1)), Ok(Some(Status::Scheduled)), "a reader sees its own writes");
    let confirmed = handle.execute_blocking(settled(1, &payment)).unwrap();
    assert_eq!((confirmed.position.0, confirmed.status), (8, Some(Status::Confirmed)));
    let left = handle.query_blocking(|state| state.ledger().account(&payer(100))).unwrap();
    assert_eq!((left.balance, left.reserved), (Quarks::new(500_000), Quarks::ZERO));
    assert_eq!(handle.durable(), engine.shutdown().unwrap().position);
}

trait IntoPosition {
    fn into_position(self) -> quittance_core::ids::Position;
}

impl IntoPosition for u64 {
    fn into_position(self) -> quittance_core::ids::Position {
        quittance_core::ids::Position(self)
    }
}

#[tokio::test]
async fn an_engine_can_be_started_asked_and_stopped_inside_an_async_runtime() {
    let engine = start(MemoryLog::new());
    let handle = engine.handle();
    handle.execute(deposit(1)).await.unwrap();
    let tickets: Vec<_> = (1..=20).map(|seed| handle.begin(create(seed)).unwrap()).collect();
    for ticket in tickets {
        assert_eq!(ticket.wait().await.map(|accepted| accepted.status), Ok(Some(Status::Created)));
    }
    assert_eq!(handle.query(|state| state.intents().count()).await, Ok(20));
    let refused = handle.execute(settled(1, &quote_of(&handle, 1).await)).await;
    let Err(Error::Rejected(rejection)) = refused else { panic!("{refused:?}") };
    assert_eq!(rejection.code, RejectionCode::IntentNotScheduled);
    tokio::task::spawn_blocking(|| engine.shutdown().map(|tip| tip.position.0)).await.unwrap().unwrap();
    assert_eq!(handle.execute(deposit(2)).await, Err(Error::Stopped));
    assert_eq!(handle.query(|_| ()).await, Err(Error::Stopped));
}

async fn quote_of(handle: &quittance_runtime::Handle, seed: u8) -> quittance_core::payment::Payment {
    let now = handle.now();
    let look = move |state: &State| quittance_core::quote::quote(state, intent(seed), payer(100), now);
    handle.query(look).await.unwrap().unwrap()
}

#[test]
fn a_bad_signature_is_refused_before_the_sequencer_hears_of_it() {
    let engine = start(MemoryLog::new());
    let handle = engine.handle();
    let mut request = create(1);
    if let quittance_core::command::Request::Create { signed, .. } = &mut request {
        signed.signature.0[0] ^= 1;
    }
    let Err(Error::Rejected(rejection)) = handle.execute_blocking(request) else { panic!("accepted") };
    assert_eq!(rejection.code, RejectionCode::SignatureInvalid);
    assert_eq!(handle.durable().0, 1);
}

#[test]
fn too_many_requests_are_refused_at_once_and_none_that_was_taken_is_lost() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    let narrow = Options { queue: 1, ..options(&noon()) };
    let engine = Engine::start(Box::new(GatedLog(log.clone(), gate.clone())), narrow).unwrap();
    let handle = engine.handle();
    gate.set(true);
    let (mut taken, mut number, mut refused_in_a_row) = (Vec::new(), 0, 0);
    // Every stage holds a request or two; when all are full and nothing moves, every further one is refused.
    while refused_in_a_row < 50 {
        number += 1;
        match handle.begin(deposit(number)) {
            Ok(ticket) => {
                taken.push(ticket);
                refused_in_a_row = 0;
            }
            Err(error) => {
                assert!(is_overloaded(&Err::<(), _>(error)));
                refused_in_a_row += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(taken.len() < 20, "a queue grows");
    }
    gate.set(false);
    for ticket in taken {
        assert!(ticket.wait_blocking().is_ok());
    }
    eventually("the node recovers from overload", || {
        let answer = handle.execute_blocking(deposit(number + 1));
        assert!(answer.is_ok() || is_overloaded(&answer));
        answer.is_ok()
    });
    assert_eq!(engine.shutdown().unwrap().position, log.tip().position);
}

#[test]
fn an_intent_expires_when_the_clock_says_so_and_whoever_looks_sees_it() {
    let clock = noon();
    let engine = Engine::start(Box::new(MemoryLog::new()), options(&clock)).unwrap();
    let handle = engine.handle();
    for seed in 1..=70 {
        handle.execute_blocking(create(seed)).unwrap();
    }
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(handle.query_blocking(status(1)), Ok(Some(Status::Created)), "the deadline itself is in time");
    clock.advance(Duration::from_micros(1));
    assert_eq!(
        handle.query_blocking(status(1)),
        Ok(Some(Status::Expired)),
        "a query is not older than the clock"
    );
    eventually("every deadline is met, in portions", || {
        let open = |state: &State| state.intents().filter(|(_, i)| i.status() == Status::Created).count();
        handle.query_blocking(open) == Ok(0)
    });
}

#[test]
fn an_intent_expires_on_a_quiet_node_too() {
    let clock = noon();
    let engine = Engine::start(Box::new(MemoryLog::new()), options(&clock)).unwrap();
    let handle = engine.handle();
    handle.execute_blocking(create(1)).unwrap();
    // As when a machine wakes up: the clock has moved on, the steady one has not, and nobody asks for anything.
    clock.advance(Duration::from_secs(3_601));
    eventually("the sequencer looks at the clock by itself", || handle.durable().0 == 3);
}

#[test]
fn a_log_is_not_started_on_by_another_node() {
    let log = MemoryLog::new();
    start(log.clone()).shutdown().unwrap();
    let other = quittance_core::ids::NodeId([1; 32]);
    let error = Engine::start(Box::new(log), Options::new(other)).expect_err("another node's log");
    assert!(matches!(error, StartError::OtherNode { expected, found } if (expected, found) == (other, NODE)));
}

#[test]
fn a_batch_is_decided_in_order_and_one_that_is_refused_holds_up_none_of_the_others() {
    let log = MemoryLog::new();
    let engine = start(log.clone());
    let handle = engine.handle();
    let batch = vec![deposit(1), create(1), create(1), settled_unknown(), cancel(1), deposit(1), deposit(2)];
    let answers = handle.begin_batch(batch).unwrap().wait_blocking().unwrap();
    let said: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(accepted) => Ok((accepted.position.0, accepted.repeated)),
            Err(Error::Rejected(rejection)) => Err(rejection.code),
            Err(error) => panic!("{error}"),
        })
        .collect();
    let expected = [
        Ok((2, false)),
        Ok((3, false)),
        Ok((3, true)),
        Err(RejectionCode::IntentNotFound),
        Ok((4, false)),
        Ok((2, true)),
        Ok((5, false)),
    ];
    assert_eq!(said, expected);
    assert_eq!(handle.durable().0, 5, "an answer came before its record was durable");
    assert_eq!(handle.begin_batch(Vec::new()).unwrap().wait_blocking(), Ok(Vec::new()));
    let too_many = (0..=MAX_BATCH as u64).map(|number| deposit(100 + number)).collect();
    let Err(Error::Rejected(refused)) = handle.begin_batch(too_many).map(drop) else { panic!("no limit") };
    assert_eq!(refused.code, RejectionCode::BatchTooLarge);
    let most: Vec<_> = (0..MAX_BATCH as u64).map(|number| deposit(10_000 + number)).collect();
    let answers = handle.begin_batch(most).unwrap().wait_blocking().unwrap();
    assert!(answers.iter().all(Result::is_ok));
    let live = handle.query_blocking(State::digest).unwrap();
    engine.shutdown().unwrap();
    assert_eq!(live, crate::support::digest(&log), "a batch replays to something else");
}

#[test]
fn batches_that_wait_are_counted_by_their_requests_so_that_memory_stays_bounded() {
    let (log, gate) = (MemoryLog::new(), Gate::default());
    let engine =
        Engine::start(Box::new(GatedLog(log, gate.clone())), Options { queue: 1, ..options(&noon()) })
            .expect("the log can be started on");
    let handle = engine.handle();
    gate.set(true);
    let batch = |first: u64| (first..first + MAX_BATCH as u64).map(deposit).collect::<Vec<_>>();
    // As many as the stages behind the queue take; what waits in it is one batch's worth of requests.
    let mut tickets = Vec::new();
    eventually("the queue is full", || {
        match handle.begin_batch(batch(10_000 * (tickets.len() as u64 + 1))) {
            Ok(ticket) => {
                tickets.push(ticket);
                false
            }
            refused => tickets.len() > 1 && is_overloaded(&refused),
        }
    });
    assert!(tickets.len() < 10, "{} batches were taken", tickets.len());
    gate.set(false);
    for ticket in tickets {
        assert!(ticket.wait_blocking().unwrap().iter().all(Result::is_ok), "a batch that was taken was lost");
    }
    assert!(handle.begin_batch(batch(1)).unwrap().wait_blocking().is_ok(), "places given back stay taken");
}

/// A report about an intent that nobody has created.
fn settled_unknown() -> quittance_core::command::Request {
    let engine = start(MemoryLog::new());
    let handle = engine.handle();
    handle.execute_blocking(create(9)).unwrap();
    settled(9, &quoted(&handle, 9))
}
