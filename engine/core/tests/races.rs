//! Two who want different things of one intent: exactly one gets it, and the log says why.

use quittance_core::command::Request;
use quittance_core::event::{CanceledBy, Event, EventKind};
use quittance_core::ids::Timestamp;
use quittance_core::lifecycle::CommandKind;
use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::Status;
use quittance_core::verify::recheck;
use quittance_core::why::explain;

use crate::rejections;
use crate::support::{
    FEES, SHOP_SEED, World, at, cancel, create, deposit, expecting, intent, mark_scanned, payer, rates,
    refund, refund_of, report, submit, usd,
};

const FIRST: u8 = 100;
const SECOND: u8 = 101;

/// An open intent and two payers who can pay it.
fn two_payers() -> World {
    let mut world = World::with_policy(Policy::standard(FEES));
    world.must(rates(&[("usd", "0.00002")]));
    for seed in [FIRST, SECOND] {
        world.must(deposit(&seed.to_string(), payer(seed), 50_000_000_000));
    }
    world.must(create(1, usd(500)));
    world
}

fn pay(world: &World, payer: u8) -> Request {
    submit(payer, &world.quote(1, payer))
}

#[test]
fn of_two_who_race_one_wins_and_the_others_word_is_on_record_with_its_reason() {
    use RejectionCode::{IntentAlreadySubmitted, IntentCanceled, IntentExpired};
    let world = two_payers();
    let expire = |world: &mut World| {
        world.now = Timestamp(at(3_600).0 + 1);
        world.tick();
    };
    type Race = (fn(&World) -> Request, RejectionCode, Status);
    let pay_first: Race = (|world| pay(world, FIRST), IntentAlreadySubmitted, Status::Scheduled);
    let cancel_first: Race = (|_| cancel(1, CanceledBy::Merchant), IntentCanceled, Status::Canceled);
    let late = pay(&world, SECOND);
    for (wins, code, status) in [pay_first, cancel_first] {
        let mut world = world.clone();
        world.must(wins(&world));
        lose(world, late.clone(), code, status);
    }
    let mut expired = world.clone();
    expire(&mut expired);
    lose(expired, late, IntentExpired, Status::Expired);
    // The other way round: who pays first is not canceled and does not expire.
    let mut paid = world.clone();
    paid.must(pay(&world, FIRST));
    assert_eq!(paid.refusal_code(cancel(1, CanceledBy::Payer)), IntentAlreadySubmitted);
    expire(&mut paid);
    assert_eq!(paid.status(1), Status::Scheduled);
}

fn lose(mut world: World, late: Request, code: RejectionCode, status: Status) {
    let (events, answer) = world.send(late.clone());
    assert_eq!(answer.map_err(|rejection| rejection.code).err(), Some(code));
    let [Event::LateSubmissionRefused { payment, rejection, .. }] = &events[..] else {
        panic!("{code:?}: {events:?}")
    };
    assert_eq!((payment.payer, rejection.code), (payer(SECOND), code));
    assert_eq!(recheck(world.records.last().unwrap()), Some(true), "what the payer signed can be shown");
    assert_eq!(world.status(1), status, "the winner's outcome stands");
    let steps = explain(&world.records);
    let last = steps.last().expect("a step");
    assert_eq!((last.cause, last.guard().map(|guard| guard.code)), (CommandKind::Submit, Some(code)));
    // Nobody fills the log by losing.
    let most = world.core.state().policy().max_refusals;
    for n in 1..most + 3 {
        let (events, _) = world.send(late.clone());
        assert_eq!(events.len(), usize::from(n < most), "loss {n}");
    }
}

#[test]
fn a_payment_that_finds_the_deadline_passed_says_so_itself_when_no_tick_has() {
    let mut world = two_payers();
    let late = pay(&world, FIRST);
    world.now = Timestamp(at(3_600).0 + 1);
    let (events, answer) = world.send(late);
    assert_eq!(answer.map_err(|rejection| rejection.code).err(), Some(RejectionCode::IntentExpired));
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    assert_eq!(kinds, [EventKind::IntentExpired, EventKind::LateSubmissionRefused]);
    assert_eq!(explain(&world.records).last().map(|step| step.cause), Some(CommandKind::Submit));
    assert_eq!(world.tick(), []);
}

#[test]
fn who_expects_a_revision_that_is_gone_is_refused_unless_it_was_done_already() {
    let mut world = two_payers();
    let check = |world: &mut World, request: &Request, right: u32| {
        for wrong in [right.wrapping_sub(1), right + 1] {
            let request = expecting(request.clone(), wrong);
            rejections::check(RejectionCode::RevisionMismatch, "expected_revision", world, request);
        }
        let before = world.core.state().position();
        let request = expecting(request.clone(), right);
        assert_ne!(world.must(request.clone()), []);
        assert_ne!(world.core.state().position(), before);
        // A repetition holds whatever the asker saw: its answer may have been lost on the way.
        assert_eq!(world.must(request), []);
    };
    check(&mut world, &mark_scanned(1), 0);
    let paid = pay(&world, FIRST);
    check(&mut world, &paid, 1);
    let settled = report(1, world.transaction(1), quittance_core::command::SettlementOutcome::Settled);
    check(&mut world, &settled, 4);
    check(&mut world, &refund(SHOP_SEED, refund_of(1, SHOP_SEED, "back", 1)), 6);
    world.must(create(2, usd(500)));
    check(&mut world, &cancel(2, CanceledBy::Payer), 0);
    let gone = expecting(cancel(3, CanceledBy::Payer), 0);
    assert_eq!(world.refusal_code(gone), RejectionCode::IntentNotFound, "nothing is expected of nothing");
    // Before every rule but the one that says there is no such intent.
    let closed = expecting(cancel(1, CanceledBy::Payer), 0);
    assert_eq!(world.refusal_code(closed), RejectionCode::RevisionMismatch);
}

#[test]
fn a_cancellation_is_answered_the_same_for_ever_so_that_a_retry_learns_the_truth() {
    let mut world = two_payers();
    let late = pay(&world, FIRST);
    let first = world.send(cancel(1, CanceledBy::Payer)).1.expect("canceled");
    world.send(late).1.expect_err("too late");
    let again = world.send(cancel(1, CanceledBy::Payer)).1.expect("canceled before");
    assert_eq!(
        (again.position, again.repeated, again.status),
        (first.position, true, Some(Status::Canceled))
    );
    assert_ne!(world.core.state().intent(&intent(1)).unwrap().last_position, first.position);
}
