//! A log that was tampered with, or written by a broken program: what a replay must not take in.

use quittance_core::event::{Event, Record, Subject, Transaction};
use quittance_core::evolve::IllegalTransition;
use quittance_core::ids::{
    AccountId, DepositKey, IntentId, NodeId, Position, Revision, Timestamp, TransactionId,
};
use quittance_core::machine::Core;
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Intent, State, Status};

use crate::lifecycle::{
    RENDEZVOUS, TOTAL, canceled, code_scanned, created, failed, given, paid, settled, submitted, transaction,
};
use crate::support::{FEES, World, intent};

fn refusal() -> Rejection {
    Rejection::new(RejectionCode::FundsInsufficient, "payer", "more", "less")
}

/// The next record about the intent, as its log would have it.
fn next(world: &World, event: Event) -> Record {
    let last =
        world.records.iter().rev().find_map(|record| record.subject.map(|s| (record.position, s.revision)));
    let (previous, revision) = match last {
        Some((position, Revision(revision))) => (position, Revision(revision + 1)),
        None => (Position::START, Revision(0)),
    };
    let subject = Some(Subject { intent: intent(RENDEZVOUS), revision, previous });
    let position = world.core.state().position().next();
    Record { position, subject, event, ..world.records.last().expect("a world has records").clone() }
}

fn apply(world: &World, record: &Record) -> Result<State, IllegalTransition> {
    let mut state = world.core.state().clone();
    state.apply(record).map(|()| state)
}

/// Every event about an intent, as it would be right in its place.
fn events() -> Vec<Event> {
    let [_, verified, scheduled] = paid().try_into().expect("three events");
    let [transaction_failed, intent_failed] = failed().try_into().expect("two events");
    vec![
        created(),
        code_scanned(),
        canceled(),
        Event::IntentExpired,
        submitted(),
        Event::SubmissionRefused { rejection: refusal() },
        Event::IntentRejected { rejection: refusal() },
        verified,
        scheduled,
        settled(),
        transaction_failed,
        Event::IntentConfirmed,
        intent_failed,
    ]
}

/// Where each event leads from where; every other pair is illegal. The end of a scheduled payment, confirmed or failed, needs
/// what the rail said before it, so it is not among them: see the test below.
const STEPS: [(Option<Status>, &str, Status); 11] = [
    (None, "payment_intent.created", Status::Created),
    (Some(Status::Created), "payment_intent.code_scanned", Status::Created),
    (Some(Status::Created), "payment_intent.canceled", Status::Canceled),
    (Some(Status::Created), "payment_intent.expired", Status::Expired),
    (Some(Status::Created), "payment_intent.submitted", Status::Submitted),
    (Some(Status::Submitted), "payment_intent.submission_refused", Status::Created),
    (Some(Status::Submitted), "payment_intent.rejected", Status::Rejected),
    (Some(Status::Submitted), "payment_intent.verified", Status::Verified),
    (Some(Status::Verified), "payment_intent.scheduled", Status::Scheduled),
    (Some(Status::Scheduled), "payment_intent.transaction_settled", Status::Scheduled),
    (Some(Status::Scheduled), "payment_intent.transaction_failed", Status::Scheduled),
];

#[test]
fn a_log_can_only_take_the_steps_of_the_lifecycle() {
    let events = events();
    assert_eq!(events.len(), 13, "every event about an intent");
    for from in [None].into_iter().chain(Status::ALL.map(Some)) {
        let world = given(from);
        for event in &events {
            let step = STEPS.iter().find(|(known, name, _)| (*known, *name) == (from, event.name()));
            let what = format!("{:?} + {}", from.map(Status::name), event.name());
            match (apply(&world, &next(&world, event.clone())), step) {
                (Ok(state), Some((_, _, to))) => {
                    let reached = state.intent(&intent(RENDEZVOUS)).map(Intent::status);
                    assert_eq!(reached, Some(*to), "{what}");
                }
                (Err(error), None) => {
                    let text = error.to_string();
                    assert!(
                        text.contains(event.name()) && !error.why.is_empty(),
                        "{what}: names both: {text}"
                    );
                }
                (Ok(_), None) => panic!("{what}: a forged log was taken in"),
                (Err(error), Some(_)) => panic!("{what}: {error}"),
            }
        }
    }
}

#[test]
fn a_record_out_of_place_is_refused() {
    let world = given(Some(Status::Created));
    let good = next(&world, code_scanned());
    assert!(apply(&world, &good).is_ok());
    let subject = good.subject.expect("about an intent");
    let with_subject = |change: &dyn Fn(&mut Subject)| {
        let mut subject = subject;
        change(&mut subject);
        Record { subject: Some(subject), ..good.clone() }
    };
    for (record, what) in [
        (Record { position: Position(good.position.0 + 1), ..good.clone() }, "a gap"),
        (Record { position: Position(good.position.0 - 1), ..good.clone() }, "a repetition"),
        (Record { recorded_at: Timestamp(good.recorded_at.0 - 1), ..good.clone() }, "a step back in time"),
        (Record { subject: None, ..good.clone() }, "no intent"),
        (with_subject(&|subject| subject.revision.0 += 1), "a skipped revision"),
        (with_subject(&|subject| subject.previous.0 -= 1), "another record before it"),
        (with_subject(&|subject| subject.intent = IntentId([7; 32])), "an intent that was never created"),
    ] {
        assert!(apply(&world, &record).is_err(), "{what} was taken in");
    }
    let first = Record { event: Event::IntentExpired, position: Position(1), ..good };
    assert!(State::default().apply(&first).is_err(), "a log without a beginning was taken in");
}

#[test]
fn a_record_whose_figures_are_wrong_is_refused_so_that_no_quark_is_made_by_editing_a_log() {
    let [_, _, scheduled] = paid().try_into().expect("three events");
    let Event::IntentSubmitted { payment, signature, rule } = submitted() else { panic!("a submission") };
    let transactions = |transactions| Event::IntentScheduled { transactions };
    let (whole, id) = (transaction(), transaction().id);
    let other = TransactionId([7; 32]);
    let mut elsewhere = payment.clone();
    elsewhere.intent = IntentId([7; 32]);
    let mut foreign = payment.clone();
    foreign.node = NodeId([7; 32]);
    let submission = |payment| Event::IntentSubmitted { payment, signature, rule };
    for (from, event, what) in [
        (Status::Created, submission(elsewhere), "a payment for another intent"),
        (Status::Submitted, Event::IntentVerified { reserved: Quarks::ZERO }, "nothing set aside"),
        (
            Status::Submitted,
            Event::IntentVerified { reserved: Quarks::new(TOTAL.get() + 1) },
            "more than the payment",
        ),
        (Status::Verified, transactions(vec![]), "no transactions"),
        (Status::Verified, transactions(vec![Transaction { transfers: 2, ..whole }]), "a transfer left out"),
        (
            Status::Verified,
            transactions(vec![Transaction { transfers: 4, ..whole }]),
            "a transfer that is not there",
        ),
        (
            Status::Verified,
            transactions(vec![Transaction { first_transfer: 1, ..whole }]),
            "the first one left out",
        ),
        (Status::Verified, transactions(vec![whole, whole]), "every transfer twice"),
        (
            Status::Verified,
            transactions(vec![Transaction { id: other, ..whole }]),
            "another transaction's name",
        ),
        (
            Status::Scheduled,
            Event::TransactionSettled { transaction: other },
            "an unknown transaction settled",
        ),
        (
            Status::Scheduled,
            Event::TransactionFailed { transaction: other, reason: String::new() },
            "an unknown transaction failed",
        ),
        (Status::Scheduled, Event::IntentConfirmed, "confirmed before it settled"),
        (Status::Scheduled, Event::IntentFailed { released: Quarks::ZERO }, "funds kept back"),
        (
            Status::Scheduled,
            Event::IntentFailed { released: Quarks::new(TOTAL.get() + 1) },
            "too much released",
        ),
        (Status::Confirmed, Event::TransactionSettled { transaction: id }, "settled twice"),
    ] {
        let world = given(Some(from));
        assert!(apply(&world, &next(&world, event)).is_err(), "{}: {what} was taken in", from.name());
    }
    let world = given(Some(Status::Verified));
    assert!(apply(&world, &next(&world, scheduled)).is_ok(), "the right one is");
    // That a payer signed for another node is a fact that may be on record; that it passed the rules is not.
    let foreign = follow(given(Some(Status::Created)), submission(foreign));
    assert!(
        apply(&foreign, &next(&foreign, Event::IntentVerified { reserved: TOTAL })).is_err(),
        "another node's"
    );
}

/// The world with one more record.
fn follow(mut world: World, event: Event) -> World {
    let record = next(&world, event);
    world.core = Core::new(apply(&world, &record).unwrap());
    world.records.push(record);
    world
}

#[test]
fn a_payment_ends_as_the_rail_said_and_in_no_other_way() {
    let scheduled = || given(Some(Status::Scheduled));
    let [transaction_failed, intent_failed] = failed().try_into().expect("two events");
    for (said, confirmed, failed) in
        [(None, false, false), (Some(settled()), true, false), (Some(transaction_failed), false, true)]
    {
        let world = said.into_iter().fold(scheduled(), follow);
        let takes = |event: Event| apply(&world, &next(&world, event)).is_ok();
        let nothing_left = Event::IntentFailed { released: Quarks::ZERO };
        assert_eq!(takes(Event::IntentConfirmed), confirmed);
        assert_eq!((takes(intent_failed.clone()), takes(nothing_left)), (failed, false));
    }
}

#[test]
fn a_second_beginning_or_deposit_is_refused() {
    let world = given(None);
    let about_nothing = |event| {
        let position = world.core.state().position().next();
        Record { position, subject: None, event, ..world.records[0].clone() }
    };
    let key = DepositKey::from_text("first");
    let deposit =
        |key, quarks| Event::FundsDeposited { key, account: AccountId([1; 32]), quarks: Quarks::new(quarks) };
    for (event, what) in [
        (
            Event::NodeInitialized { node: NodeId([1; 32]), policy: Policy::standard(FEES) },
            "a second beginning",
        ),
        (deposit(key, 1), "the same deposit twice"),
        (deposit(DepositKey([1; 32]), u64::MAX), "more quarks than can be counted"),
    ] {
        assert!(apply(&world, &about_nothing(event)).is_err(), "{what} was taken in");
    }
    assert!(apply(&world, &about_nothing(deposit(DepositKey([1; 32]), 1))).is_ok());
}
