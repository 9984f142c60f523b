//! What rails say of attempts, and what becomes of a payment by it.

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{AttemptState, Event, EventKind};
use quittance_core::ids::{AttemptNumber, TransactionId};
use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{MAX_CONTRADICTIONS, Status, TransactionState};

use crate::rejections;
use crate::support::{
    FEES, World, create, deposit, intent, outcome, payer, rates, report_attempt, submit, usd,
};

const PAYER: u8 = 100;
use AttemptState::{Failed, FailedRetryable, Indeterminate, Sent, Settled};

/// A scheduled payment and its transaction.
fn scheduled(policy: Policy) -> (World, TransactionId) {
    let mut world = World::with_policy(policy);
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("funds", payer(PAYER), 50_000_000_000));
    world.must(create(1, usd(500)));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    let settlement = world.core.state().intent(&intent(1)).and_then(|known| known.settlement());
    let id = settlement.expect("scheduled").transactions[0].transaction.id;
    (world, id)
}

/// What a report comes to.
#[derive(Debug, PartialEq, Eq)]
enum Comes {
    To(Vec<EventKind>),
    Nothing,
    Refusal(RejectionCode, Vec<EventKind>),
}

fn say(world: &mut World, id: TransactionId, attempt: u16, said: AttemptState) -> Comes {
    let (events, answer) = world.send(report_attempt(1, id, attempt, outcome(said, "because")));
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    match answer {
        Ok(accepted) if accepted.repeated => {
            assert_eq!(kinds, []);
            Comes::Nothing
        }
        Ok(_) => Comes::To(kinds),
        Err(rejection) => Comes::Refusal(rejection.code, kinds),
    }
}

fn check(before: &[(u16, AttemptState)], said: (u16, AttemptState), comes: &Comes) {
    let (mut world, id) = scheduled(Policy::standard(FEES));
    for (attempt, state) in before {
        assert!(
            matches!(say(&mut world, id, *attempt, *state), Comes::To(_)),
            "{before:?}: the table's setup"
        );
    }
    assert_eq!(&say(&mut world, id, said.0, said.1), comes, "{before:?}, then {said:?}");
}

#[test]
fn every_word_of_a_rail_after_every_other_does_what_the_table_says_or_a_payment_is_made_twice_or_lost() {
    use EventKind as E;
    let news = |kind| Comes::To(vec![kind]);
    let confirmed = || Comes::To(vec![E::TransactionSettled, E::IntentConfirmed]);
    let failed = || Comes::To(vec![E::TransactionFailed, E::IntentFailed]);
    let contradiction =
        || Comes::Refusal(RejectionCode::SettlementContradicts, vec![E::SettlementContradicted]);
    let refused = |code| Comes::Refusal(code, vec![]);
    // What was said of attempt 1, then what is said of it: sent, indeterminate, settled, failed_retryable, failed.
    let again = [
        (
            None,
            [
                news(E::AttemptSent),
                news(E::AttemptIndeterminate),
                confirmed(),
                news(E::AttemptFailed),
                failed(),
            ],
        ),
        (
            Some(Sent),
            [Comes::Nothing, news(E::AttemptIndeterminate), confirmed(), news(E::AttemptFailed), failed()],
        ),
        (
            Some(Indeterminate),
            [Comes::Nothing, Comes::Nothing, confirmed(), news(E::AttemptFailed), failed()],
        ),
        (Some(Settled), [Comes::Nothing, Comes::Nothing, Comes::Nothing, contradiction(), contradiction()]),
        (Some(FailedRetryable), [Comes::Nothing, Comes::Nothing, contradiction(), Comes::Nothing, failed()]),
        (Some(Failed), [Comes::Nothing, Comes::Nothing, contradiction(), Comes::Nothing, Comes::Nothing]),
    ];
    for (before, row) in &again {
        let before: Vec<_> = before.iter().map(|state| (1, *state)).collect();
        for (said, comes) in AttemptState::ALL.into_iter().zip(row) {
            check(&before, (1, said), comes);
        }
    }
    // The same, and then what is said of attempt 2.
    let unresolved = || refused(RejectionCode::AttemptUnresolved);
    let is_final = || refused(RejectionCode::TransactionAlreadyFinal);
    let out_of_order = || refused(RejectionCode::AttemptOutOfOrder);
    let next = [
        (None, [out_of_order(), out_of_order(), out_of_order(), out_of_order(), out_of_order()]),
        (Some(Sent), [unresolved(), unresolved(), unresolved(), unresolved(), unresolved()]),
        (Some(Indeterminate), [unresolved(), unresolved(), unresolved(), unresolved(), unresolved()]),
        (Some(Settled), [is_final(), is_final(), contradiction(), is_final(), is_final()]),
        (
            Some(FailedRetryable),
            [
                news(E::AttemptSent),
                news(E::AttemptIndeterminate),
                confirmed(),
                news(E::AttemptFailed),
                failed(),
            ],
        ),
        (Some(Failed), [is_final(), is_final(), contradiction(), is_final(), is_final()]),
    ];
    for (before, row) in &next {
        let before: Vec<_> = before.iter().map(|state| (1, *state)).collect();
        for (said, comes) in AttemptState::ALL.into_iter().zip(row) {
            check(&before, (2, said), comes);
            check(&before, (0, said), &out_of_order());
        }
    }
    // An attempt that was given up stays so when a later one is under way.
    check(&[(1, FailedRetryable), (2, Sent)], (1, Failed), &Comes::Nothing);
    check(&[(1, FailedRetryable), (2, Sent)], (1, Settled), &contradiction());
    check(&[(1, FailedRetryable), (2, Sent)], (3, Sent), &unresolved());
    check(&[(1, FailedRetryable), (2, Sent)], (4, Sent), &out_of_order());
}

#[test]
fn a_timeout_is_not_a_failure_so_that_a_late_success_finds_its_funds() {
    let (mut world, id) = scheduled(Policy::standard(FEES));
    let known = world.core.state().intent(&intent(1)).and_then(|known| known.submission()).expect("paid");
    let total = known.payment.total().unwrap();
    for (attempt, said) in [(1, Sent), (1, Indeterminate)] {
        say(&mut world, id, attempt, said);
        assert_eq!(world.core.state().ledger().account(&payer(PAYER)).reserved, total, "still set aside");
        assert_eq!(world.status(1), Status::Scheduled);
    }
    say(&mut world, id, 1, Settled);
    assert_eq!(world.status(1), Status::Confirmed);
    let known = world.core.state().intent(&intent(1)).and_then(|known| known.settlement()).expect("settled");
    let progress = &known.transactions[0].progress;
    assert_eq!((progress.attempts().len(), progress.state()), (1, TransactionState::Settled));
    assert_eq!(progress.current(), AttemptNumber(1));
}

#[test]
fn contradictions_are_kept_up_to_a_limit_and_change_nothing_so_that_what_ended_stays_ended() {
    let (mut world, id) = scheduled(Policy::standard(FEES));
    say(&mut world, id, 1, Settled);
    let before = world.core.state().ledger().clone();
    for n in 0..MAX_CONTRADICTIONS + 3 {
        let on_record = if n < MAX_CONTRADICTIONS { vec![EventKind::SettlementContradicted] } else { vec![] };
        let expected = Comes::Refusal(RejectionCode::SettlementContradicts, on_record);
        assert_eq!(say(&mut world, id, 1, Failed), expected, "contradiction {n}");
    }
    let state = world.core.state();
    assert_eq!((state.ledger(), world.status(1)), (&before, Status::Confirmed));
    let known = state.intent(&intent(1)).and_then(|known| known.settlement()).expect("settled");
    assert_eq!(known.transactions[0].progress.contradictions(), MAX_CONTRADICTIONS);
    let told = world.records.iter().find_map(|record| match &record.event {
        Event::SettlementContradicted { known, reported, reason, .. } => {
            Some((*known, *reported, reason.clone()))
        }
        _ => None,
    });
    assert_eq!(told, Some((Settled, Failed, "because".into())));
}

#[test]
fn a_rails_words_are_cut_to_what_is_kept_so_that_no_rail_fills_the_log() {
    let (mut world, id) = scheduled(Policy::standard(FEES));
    let reason = "ä".repeat(300);
    world.must(report_attempt(1, id, 1, SettlementOutcome::Indeterminate { reason }));
    let Some(Event::AttemptIndeterminate { reason, .. }) = world.records.last().map(|record| &record.event)
    else {
        panic!("on record")
    };
    assert_eq!(reason, &"ä".repeat(128));
}

#[test]
fn a_lower_limit_does_not_strand_the_attempt_that_is_under_way() {
    for said in [Indeterminate, FailedRetryable, Failed, Settled] {
        let (mut world, id) = scheduled(Policy::standard(FEES));
        say(&mut world, id, 1, FailedRetryable);
        say(&mut world, id, 2, Sent);
        let policy = Policy { max_attempts: 1, ..Policy::standard(FEES) };
        world.must(Request::SetPolicy { policy });
        assert!(matches!(say(&mut world, id, 2, said), Comes::To(_)), "{said:?}: its funds would be stuck");
    }
}

#[test]
fn a_rail_that_contradicts_itself_begins_nothing_more_or_what_moved_would_move_twice() {
    // It said that attempt 1 failed and may be tried again, and then that it settled.
    let doubtful = || {
        let (mut world, id) = scheduled(Policy::standard(FEES));
        for said in [FailedRetryable, Settled] {
            say(&mut world, id, 1, said);
        }
        (world, id)
    };
    let unresolved = || Comes::Refusal(RejectionCode::AttemptUnresolved, vec![]);
    for (attempt, said) in [(2, Sent), (2, Indeterminate), (2, FailedRetryable), (1, Failed)] {
        let (mut world, id) = doubtful();
        assert_eq!(say(&mut world, id, attempt, said), unresolved(), "attempt {attempt}: {said:?}");
        assert_eq!(world.status(1), Status::Scheduled, "its funds stay set aside");
    }
    // Whoever has looked into it says how it ended.
    for (said, status) in [(Settled, Status::Confirmed), (Failed, Status::Failed)] {
        let (mut world, id) = doubtful();
        assert!(matches!(say(&mut world, id, 2, said), Comes::To(_)));
        assert_eq!(world.status(1), status);
    }
    // An attempt that was under way already may still turn out to have succeeded, and not to have failed for good.
    for begun in [Sent, Indeterminate] {
        for (said, comes) in
            [(Failed, unresolved()), (FailedRetryable, Comes::To(vec![EventKind::AttemptFailed]))]
        {
            let (mut world, id) = scheduled(Policy::standard(FEES));
            for (attempt, said) in [(1, FailedRetryable), (2, begun), (1, Settled)] {
                say(&mut world, id, attempt, said);
            }
            assert_eq!(say(&mut world, id, 2, said), comes, "{begun:?}, then {said:?}");
        }
    }
}

/// The refusals that only rails meet.
pub(crate) fn cases() -> Vec<RejectionCode> {
    use RejectionCode as Code;
    let mut made = Vec::new();
    let (mut world, id) = scheduled(Policy { max_attempts: 2, ..Policy::standard(FEES) });
    let mut case = |code, field: &str, world: &mut World, request: Request| {
        made.push(rejections::check(code, field, world, request));
    };
    let report = |attempt, said| report_attempt(1, id, attempt, outcome(said, "because"));
    case(Code::AttemptOutOfOrder, "attempt", &mut world, report(2, Sent));
    world.must(report(1, Sent));
    case(Code::AttemptUnresolved, "attempt", &mut world, report(2, Sent));
    world.must(report(1, FailedRetryable));
    world.must(report(2, FailedRetryable));
    case(Code::AttemptsTooMany, "attempt", &mut world, report(3, Sent));
    // A final word begins nothing, and is taken whatever the limit says.
    assert_eq!(world.clone().must(report(3, Failed)).len(), 2);
    world.must(report(3, Settled));
    case(Code::TransactionAlreadyFinal, "transaction", &mut world, report(4, Sent));
    made
}
