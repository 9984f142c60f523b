//! A log that was tampered with, or written by a broken program: what a replay must not take in.

use std::time::Duration;

use quittance_core::event::{AttemptState, Event, EventKind, Record, SignatureRule, Subject, Transaction};
use quittance_core::evolve::IllegalTransition;
use quittance_core::ids::{
    AccountId, AttemptNumber, DepositKey, IntentId, NodeId, Position, Revision, Timestamp, TransactionId,
};
use quittance_core::machine::Core;
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::refund::Refund;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Intent, State, Status};
use quittance_core::terms::Terms;
use quittance_core::webhook::DeliveryOutcome;
use quittance_core::withdrawal::Withdrawal;

use crate::lifecycle::{
    DEADLINE, RENDEZVOUS, TOTAL, canceled, code_scanned, created, failed, given, logged_in, login_requested,
    paid, refunded, settled, submitted, transaction, webhook_registered,
};
use crate::support::{FEES, World, intent, sign, withdrawal_of};

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
    let record =
        Record { position, subject, event, ..world.records.last().expect("a world has records").clone() };
    // Only then does it expire.
    let expired = record.event == Event::IntentExpired;
    let recorded_at =
        if expired { record.recorded_at.max(Timestamp(DEADLINE.0 + 1)) } else { record.recorded_at };
    Record { recorded_at, ..record }
}

fn apply(world: &World, record: &Record) -> Result<State, IllegalTransition> {
    let mut state = world.core.state().clone();
    state.apply(record).map(|()| state)
}

/// Every event about an intent, as it would be right in its place.
fn events() -> Vec<Event> {
    let [_, verified, scheduled] = paid().try_into().expect("three events");
    let [transaction_failed, intent_failed] = failed().try_into().expect("two events");
    let (transaction, attempt, reason) = (transaction().id, AttemptNumber::FIRST, String::from("why"));
    let (known, reported) = (AttemptState::Settled, AttemptState::Failed);
    vec![
        created(),
        code_scanned(),
        canceled(),
        Event::IntentExpired,
        submitted(),
        Event::SubmissionRefused { rejection: refusal().into() },
        Event::IntentRejected { rejection: refusal().into() },
        verified,
        scheduled,
        settled(),
        transaction_failed,
        Event::IntentConfirmed,
        intent_failed,
        Event::AttemptSent { transaction, attempt },
        Event::AttemptIndeterminate { transaction, attempt, reason: reason.clone() },
        Event::AttemptFailed { transaction, attempt, reason: reason.clone() },
        Event::SettlementContradicted { transaction, attempt, known, reported, reason: reason.clone() },
        late(),
        refunded(),
        Event::RefundConfirmed { transaction: refund_transaction(), attempt },
        Event::RefundFailed {
            transaction: refund_transaction(),
            attempt,
            reason,
            released: Quarks::new(1_000),
        },
        login_requested(),
        // The intents here ask for a payment and have no webhook: none of these can follow.
        logged_in(),
        webhook_registered(),
        Event::WebhookDelivered { attempt: 1, latency: Duration::ZERO },
        Event::WebhookAttemptFailed {
            attempt: 1,
            outcome: DeliveryOutcome::Answered { status: 500 },
            latency: Duration::ZERO,
            next: None,
        },
        Event::WebhookRedeliveryOrdered,
    ]
}

fn late() -> Event {
    let Event::IntentSubmitted { payment, form, signature, rule } = submitted() else {
        panic!("a submission")
    };
    Event::LateSubmissionRefused { payment, form, signature, rule, rejection: refusal().into() }
}

fn refund_transaction() -> TransactionId {
    let Event::RefundScheduled { refund, .. } = refunded() else { panic!("a refund") };
    refund.transaction()
}

/// Where each event leads from where; every other pair is illegal. The end of a scheduled payment, confirmed or failed, needs
/// what the rail said before it, so it is not among them: see the test below.
const STEPS: [(Option<Status>, &str, Status); 26] = [
    (None, "payment_intent.login_requested", Status::Created),
    (Some(Status::Created), "webhook.registered", Status::Created),
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
    (Some(Status::Scheduled), "settlement.attempt_sent", Status::Scheduled),
    (Some(Status::Scheduled), "settlement.attempt_indeterminate", Status::Scheduled),
    (Some(Status::Scheduled), "settlement.attempt_failed", Status::Scheduled),
    (Some(Status::Confirmed), "settlement.contradicted", Status::Confirmed),
    (Some(Status::Confirmed), "payment_intent.refund_scheduled", Status::Confirmed),
    (Some(Status::Submitted), "payment_intent.late_submission_refused", Status::Submitted),
    (Some(Status::Verified), "payment_intent.late_submission_refused", Status::Verified),
    (Some(Status::Scheduled), "payment_intent.late_submission_refused", Status::Scheduled),
    (Some(Status::Confirmed), "payment_intent.late_submission_refused", Status::Confirmed),
    (Some(Status::Canceled), "payment_intent.late_submission_refused", Status::Canceled),
    (Some(Status::Expired), "payment_intent.late_submission_refused", Status::Expired),
    (Some(Status::Rejected), "payment_intent.late_submission_refused", Status::Rejected),
    (Some(Status::Failed), "payment_intent.late_submission_refused", Status::Failed),
];

#[test]
fn a_log_can_only_take_the_steps_of_the_lifecycle() {
    let events = events();
    let about_intents = EventKind::ALL.iter().filter(|kind| {
        !matches!(
            kind,
            EventKind::NodeInitialized
                | EventKind::PolicySet
                | EventKind::RatesPublished
                | EventKind::FundsDeposited
                | EventKind::WithdrawalScheduled
                | EventKind::WithdrawalConfirmed
                | EventKind::WithdrawalFailed
                | EventKind::RelationshipEstablished
        )
    });
    assert_eq!(events.len(), about_intents.count(), "every event about an intent");
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
    let Event::IntentSubmitted { payment, form, signature, rule } = submitted() else {
        panic!("a submission")
    };
    let transactions = |transactions| Event::IntentScheduled { transactions };
    let (whole, id, attempt) = (transaction(), transaction().id, AttemptNumber::FIRST);
    let other = TransactionId([7; 32]);
    let mut elsewhere = payment.clone();
    elsewhere.intent = IntentId([7; 32]);
    let mut foreign = payment.clone();
    foreign.node = NodeId([7; 32]);
    let submission = |payment| Event::IntentSubmitted { payment, form: form.clone(), signature, rule };
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
            Event::TransactionSettled { transaction: other, attempt },
            "an unknown transaction settled",
        ),
        (
            Status::Scheduled,
            Event::TransactionFailed { transaction: other, attempt, reason: String::new() },
            "an unknown transaction failed",
        ),
        (Status::Scheduled, Event::IntentConfirmed, "confirmed before it settled"),
        (Status::Scheduled, Event::IntentFailed { released: Quarks::ZERO }, "funds kept back"),
        (
            Status::Scheduled,
            Event::IntentFailed { released: Quarks::new(TOTAL.get() + 1) },
            "too much released",
        ),
        (Status::Confirmed, Event::TransactionSettled { transaction: id, attempt }, "settled twice"),
        (
            Status::Scheduled,
            Event::TransactionSettled { transaction: id, attempt: AttemptNumber(2) },
            "settled by an attempt that follows none",
        ),
        (
            Status::Scheduled,
            contradicted(AttemptState::Settled, AttemptState::Failed),
            "nothing contradicted",
        ),
        (
            Status::Confirmed,
            contradicted(AttemptState::Failed, AttemptState::Settled),
            "another word contradicted",
        ),
        (
            Status::Failed,
            contradicted(AttemptState::Settled, AttemptState::Failed),
            "another word contradicted",
        ),
        (Status::Confirmed, refund(&|refund| refund.node = NodeId([7; 32])), "a refund on another node"),
        (
            Status::Confirmed,
            refund(&|refund| refund.intent = IntentId([7; 32])),
            "a refund of another intent",
        ),
        (Status::Confirmed, refund(&|refund| refund.merchant = AccountId([7; 32])), "a refund by another"),
        (Status::Confirmed, refund(&|refund| refund.quarks = Quarks::ZERO), "a refund of nothing"),
        (
            Status::Confirmed,
            refund(&|refund| refund.quarks = Quarks::new(TOTAL.get() + 1)),
            "more given back than was paid",
        ),
        (Status::Confirmed, refund(&|refund| refund.quarks = TOTAL), "more given back than the shop has"),
    ] {
        let world = given(Some(from));
        assert!(apply(&world, &next(&world, event)).is_err(), "{}: {what} was taken in", from.name());
    }
    let world = given(Some(Status::Verified));
    assert!(apply(&world, &next(&world, scheduled)).is_ok(), "the right one is");
    let world = given(Some(Status::Failed));
    let settled_after_all = contradicted(AttemptState::Failed, AttemptState::Settled);
    assert!(apply(&world, &next(&world, settled_after_all)).is_ok(), "the right one is");
    // That a payer signed for another node is a fact that may be on record; that it passed the rules is not.
    let foreign = follow(given(Some(Status::Created)), submission(foreign));
    assert!(
        apply(&foreign, &next(&foreign, Event::IntentVerified { reserved: TOTAL })).is_err(),
        "another node's"
    );
}

fn contradicted(known: AttemptState, reported: AttemptState) -> Event {
    let (transaction, attempt) = (transaction().id, AttemptNumber::FIRST);
    Event::SettlementContradicted { transaction, attempt, known, reported, reason: String::new() }
}

fn refund(change: &dyn Fn(&mut Refund)) -> Event {
    let Event::RefundScheduled { mut refund, signature, rule } = refunded() else { panic!("a refund") };
    change(&mut refund);
    Event::RefundScheduled { refund, signature, rule }
}

#[test]
fn a_refund_ends_once_and_with_its_own_figure() {
    let world = follow(given(Some(Status::Confirmed)), refunded());
    let (transaction, attempt) = (refund_transaction(), AttemptNumber::FIRST);
    let confirmed = || Event::RefundConfirmed { transaction, attempt };
    let failed = |quarks| {
        let (reason, released) = (String::new(), Quarks::new(quarks));
        Event::RefundFailed { transaction, attempt, reason, released }
    };
    let payment = self::transaction().id;
    for (event, right, what) in [
        (confirmed(), true, "the right end"),
        (failed(1_000), true, "the other right end"),
        (failed(999), false, "funds kept back"),
        (failed(1_001), false, "too much released"),
        (Event::RefundConfirmed { transaction: payment, attempt }, false, "the payment's transaction"),
        (Event::AttemptSent { transaction: payment, attempt }, false, "an attempt at what is final"),
        (Event::AttemptSent { transaction, attempt }, true, "an attempt at the refund"),
        (refunded(), false, "the same refund again"),
    ] {
        assert_eq!(apply(&world, &next(&world, event)).is_ok(), right, "{what}");
    }
    for end in [confirmed(), failed(1_000)] {
        let ended = follow(world.clone(), end);
        for event in [confirmed(), failed(1_000)] {
            assert!(apply(&ended, &next(&ended, event)).is_err(), "ended twice");
        }
    }
}

#[test]
fn a_withdrawal_that_was_not_signed_for_this_node_or_ends_twice_is_refused() {
    let mut world = given(None);
    let order = |change: &dyn Fn(&mut Withdrawal)| {
        let mut withdrawal = withdrawal_of(100, "out", 5, "bank");
        change(&mut withdrawal);
        let signature = sign(100, &withdrawal.signing_bytes());
        Event::WithdrawalScheduled {
            withdrawal: withdrawal.into(),
            signature,
            rule: SignatureRule::Ed25519VerifyStrict,
        }
    };
    let add = |world: &World, event| {
        let position = world.core.state().position().next();
        let record = Record { position, subject: None, event, ..world.records[0].clone() };
        apply(world, &record).map(|state| (state, record))
    };
    for (event, what) in [
        (order(&|withdrawal| withdrawal.node = NodeId([7; 32])), "for another node"),
        (order(&|withdrawal| withdrawal.quarks = Quarks::new(u64::MAX)), "more than the account has"),
        (order(&|withdrawal| withdrawal.quarks = Quarks::ZERO), "of nothing"),
        (order(&|withdrawal| withdrawal.to.clear()), "to nowhere"),
        (order(&|withdrawal| withdrawal.to = "b".repeat(129)), "to too long an address"),
    ] {
        assert!(add(&world, event).is_err(), "{what} was taken in");
    }
    let (state, record) = add(&world, order(&|_| {})).expect("the right one");
    (world.core, world.records) = (Core::new(state), [world.records, vec![record]].concat());
    let (transaction, attempt) = (withdrawal_of(100, "out", 5, "bank").transaction(), AttemptNumber::FIRST);
    let failed = |released| {
        let released = Quarks::new(released);
        Event::WithdrawalFailed { transaction, attempt, reason: String::new(), released }
    };
    let other = TransactionId([7; 32]);
    for (event, right, what) in [
        (order(&|_| {}), false, "ordered twice"),
        (order(&|withdrawal| withdrawal.quarks = Quarks::new(1)), false, "the same key for another"),
        (failed(5), true, "the right end"),
        (failed(4), false, "funds kept back"),
        (Event::WithdrawalConfirmed { transaction, attempt }, true, "the other right end"),
        (Event::WithdrawalConfirmed { transaction: other, attempt }, false, "an unknown one"),
        (
            Event::WithdrawalConfirmed { transaction, attempt: AttemptNumber(2) },
            false,
            "by an attempt too far",
        ),
        (Event::AttemptSent { transaction, attempt }, true, "an attempt"),
        (Event::TransactionSettled { transaction, attempt }, false, "as if it were a payment"),
    ] {
        assert_eq!(add(&world, event).is_ok(), right, "{what}");
    }
    let (state, record) = add(&world, Event::WithdrawalConfirmed { transaction, attempt }).expect("it ends");
    (world.core, world.records) = (Core::new(state), [world.records, vec![record]].concat());
    assert!(add(&world, failed(5)).is_err(), "ended twice");
}

/// The world with one more record.
fn follow(mut world: World, event: Event) -> World {
    let record = next(&world, event);
    world.core = Core::new(apply(&world, &record).unwrap());
    world.records.push(record);
    world
}

#[test]
fn a_payment_that_is_not_what_the_terms_ask_for_is_not_verified_whoever_signed_it() {
    let Event::IntentSubmitted { payment, form, signature, rule } = submitted() else {
        panic!("a submission")
    };
    let other = AccountId([7; 32]);
    type Change = fn(&mut Payment);
    let changes: [(Change, &str); 9] = [
        (|payment| payment.amount = NativeAmount::from_hundredths(499).unwrap(), "another amount"),
        (|payment| payment.currency = "eur".parse().unwrap(), "another currency"),
        (|payment| payment.transfers[2].destination = AccountId([7; 32]), "to another destination"),
        (|payment| payment.transfers[1].destination = AccountId([7; 32]), "a fee to another"),
        (|payment| payment.transfers[1].quarks = Quarks::new(1), "a smaller fee"),
        (|payment| payment.transfers = vec![payment.transfers[0], payment.transfers[2]], "a fee left out"),
        (|payment| payment.transfers.truncate(2), "nothing for the destination"),
        (|payment| payment.transfers.reverse(), "in another order"),
        (|payment| payment.transfers[0].destination = payment.payer, "back to the payer"),
    ];
    let verified = |payment: Box<Payment>| {
        let reserved = payment.total().expect("it fits");
        let world = follow(
            given(Some(Status::Created)),
            Event::IntentSubmitted { payment, form: form.clone(), signature, rule },
        );
        apply(&world, &next(&world, Event::IntentVerified { reserved })).is_ok()
    };
    for (change, what) in changes {
        let mut payment = payment.clone();
        change(&mut payment);
        assert!(!verified(payment), "{what} was taken in");
    }
    assert!(verified(payment.clone()), "the right one is");
    let mut dearer = payment;
    dearer.transfers[0].destination = other;
    assert!(verified(dearer), "whose the service fee is, and how much, the policy of the time decided");
}

#[test]
fn who_is_in_time_follows_from_the_records_times_and_not_from_who_wrote_them() {
    let late = Timestamp(DEADLINE.0 + 1);
    for (event, in_time) in
        [(code_scanned(), true), (canceled(), true), (submitted(), true), (Event::IntentExpired, false)]
    {
        let world = given(Some(Status::Created));
        let record = next(&world, event);
        for (recorded_at, right) in [(DEADLINE, in_time), (late, !in_time)] {
            let record = Record { recorded_at, ..record.clone() };
            assert_eq!(apply(&world, &record).is_ok(), right, "{} at {recorded_at:?}", record.event.name());
        }
    }
}

#[test]
fn what_no_rule_lets_in_is_refused_also_from_a_log() {
    let world = given(None);
    let about_nothing = |event| {
        let position = world.core.state().position().next();
        Record { position, subject: None, event, ..world.records[0].clone() }
    };
    let policy = |change: fn(&mut Policy)| {
        let mut policy = Policy::standard(FEES);
        change(&mut policy);
        Event::PolicySet { policy: policy.into() }
    };
    let published = |list: &[(&str, &str)]| Event::RatesPublished {
        source: "forged".into(),
        rates: list.iter().map(|(code, price)| (code.parse().unwrap(), price.parse().unwrap())).collect(),
    };
    for (event, right, what) in [
        (policy(|_| {}), true, "a policy"),
        (policy(|policy| policy.max_attempts = 0), false, "a policy without attempts"),
        (
            policy(|policy| policy.rate_tolerance = BasisPoints::new(10_000)),
            false,
            "a policy that lets payers choose",
        ),
        (published(&[("eur", "2"), ("usd", "1")]), true, "rates"),
        (published(&[]), false, "no rates"),
        (published(&[("usd", "1"), ("eur", "2")]), false, "rates out of order"),
        (published(&[("usd", "1"), ("usd", "2")]), false, "two rates for one currency"),
        (published(&[("kin", "2")]), false, "a kin that is two"),
    ] {
        assert_eq!(apply(&world, &about_nothing(event)).is_ok(), right, "{what}");
    }
    let begin = Record {
        event: Event::NodeInitialized {
            node: NodeId([1; 32]),
            policy: Policy { max_attempts: 0, ..Policy::standard(FEES) }.into(),
        },
        ..world.records[0].clone()
    };
    assert!(State::default().apply(&begin).is_err(), "a beginning without attempts");
    let create = |change: fn(&mut Terms, &mut Timestamp)| {
        let Event::IntentCreated { mut terms, authorization, mut expires_at } = created() else {
            panic!("it")
        };
        change(&mut terms, &mut expires_at);
        Event::IntentCreated { terms, authorization, expires_at }
    };
    for (event, right, what) in [
        (create(|_, _| {}), true, "an intent"),
        (create(|terms, _| terms.fees[0].destination = terms.destination), false, "a fee to the destination"),
        (create(|terms, _| terms.expires_at = Some(Timestamp(1))), false, "another deadline than its terms'"),
        (create(|_, expires_at| *expires_at = Timestamp(1)), false, "over before it began"),
    ] {
        assert_eq!(apply(&world, &next(&world, event)).is_ok(), right, "{what}");
    }
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
            Event::NodeInitialized { node: NodeId([1; 32]), policy: Policy::standard(FEES).into() },
            "a second beginning",
        ),
        (deposit(key, 1), "the same deposit twice"),
        (deposit(DepositKey([1; 32]), 0), "nothing"),
        (deposit(DepositKey([1; 32]), u64::MAX), "more quarks than can be counted"),
    ] {
        assert!(apply(&world, &about_nothing(event)).is_err(), "{what} was taken in");
    }
    assert!(apply(&world, &about_nothing(deposit(DepositKey([1; 32]), 1))).is_ok());
}
