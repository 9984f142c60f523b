//! Every refusal of the core, produced at least once, and what it says.

use std::collections::BTreeSet;
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome, Unproven};
use quittance_core::event::PaymentForm;
use quittance_core::event::{CanceledBy, Event, Record, SignedForm, Transaction};
use quittance_core::ids::{AccountId, IntentId, NodeId, Timestamp, TransactionId};
use quittance_core::machine::Core;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::{Payment, transaction_id};
use quittance_core::policy::Policy;
use quittance_core::rejection::{Class, RejectionCode};
use quittance_core::terms::Terms;
use quittance_core::verify::MAX_SIGNED_BYTES;

use crate::support::{
    FEES, NODE, NOON, PARTNER, World, at, cancel, create, deposit, expecting, fee, intent, mark_scanned,
    no_funds, payer, rate, rates, report, shop, sign, submit, usd,
};

/// Refusals that the core cannot make, and who makes them.
const MADE_ELSEWHERE: [(RejectionCode, &str); 2] = [
    (RejectionCode::NodeOverloaded, "the runtime's queues"),
    (RejectionCode::BatchTooLarge, "the runtime's handle"),
];

const PAYER: u8 = 100;

/// A world with an open intent of five dollars (seed 1) and one of two kin (seed 2).
fn open() -> World {
    let mut world = World::funded();
    world.must(deposit("more", payer(PAYER), 50_000_000_000));
    world.must(create(1, usd(500)));
    world.must(create(2, Terms { currency: quittance_core::currency::Currency::KIN, ..usd(200) }));
    world
}

/// The quoted payment, with one thing changed.
fn pay(world: &World, change: impl FnOnce(&mut Payment)) -> Request {
    let mut payment = world.quote(1, PAYER);
    change(&mut payment);
    submit(PAYER, &payment)
}

fn set_policy(world: &mut World, change: impl FnOnce(&mut Policy)) {
    let mut policy = world.core.state().policy().clone();
    change(&mut policy);
    world.must(Request::SetPolicy { policy });
}

fn transaction_of(world: &World) -> TransactionId {
    let settlement =
        world.core.state().intent(&intent(1)).and_then(|intent| intent.settlement()).expect("paid");
    settlement.transactions[0].transaction.id
}

/// A failed intent with two transactions, of which the second was still with the rail when the first failed. Today's rules
/// order one transaction; the log may hold more.
fn failed_half_way() -> (World, TransactionId) {
    let mut world = open();
    let request = pay(&world, |_| {});
    let Request::Submit { payload, .. } = &request else { panic!("a submission") };
    let id = transaction_id(payload, 1);
    world.must(request);
    let scheduled = world.records.pop().unwrap();
    let Event::IntentScheduled { transactions } = &scheduled.event else { panic!("scheduled comes last") };
    let first = Transaction { transfers: 1, ..transactions[0] };
    let second = Transaction { id, first_transfer: 1, transfers: 1 };
    let event = Event::IntentScheduled { transactions: vec![first, second] };
    world.records.push(Record { event, ..scheduled });
    let mut state = quittance_core::state::State::default();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    world.core = Core::new(state);
    world.must(report(1, first.id, no_funds()));
    (world, id)
}

pub(crate) fn check(code: RejectionCode, field: &str, world: &mut World, request: Request) -> RejectionCode {
    let rejection = world.refused(request);
    assert_eq!((rejection.code, rejection.field.as_str()), (code, field), "{rejection}");
    assert_ne!(rejection.expected, "", "{}: the asker is not told what the rule wants", code.name());
    code
}

fn cases() -> Vec<RejectionCode> {
    use RejectionCode as Code;
    let mut made = Vec::new();
    let mut case =
        |code, field: &str, world: &mut World, request| made.push(check(code, field, world, request));
    let nobody = Unproven::native(sign(9, b"something else"));

    let mut world = open();
    let paid = pay(&world, |_| {});
    let Request::Submit { intent: id, payer: whose, payload, signature, .. } = paid.clone() else {
        panic!("a submission")
    };
    let send = |change: &dyn Fn(&mut IntentId, &mut AccountId, &mut Vec<u8>)| {
        let (mut intent, mut payer, mut payload) = (id, whose, payload.clone());
        change(&mut intent, &mut payer, &mut payload);
        Request::Submit { intent, payer, payload, form: PaymentForm::Native, signature, expected: None }
    };
    case(
        Code::SignatureInvalid,
        "signature",
        &mut world,
        Request::MarkScanned { intent: intent(1), signed: nobody, expected: None },
    );
    let tampered = send(&|_, _, payload| *payload.last_mut().unwrap() ^= 1);
    case(Code::SignatureInvalid, "signature", &mut world, tampered);
    let long = Unproven {
        form: SignedForm::CodeMessage,
        candidates: vec![vec![0; MAX_SIGNED_BYTES + 1]],
        signature: sign(1, &vec![0; MAX_SIGNED_BYTES + 1]),
    };
    case(
        Code::SignedBytesTooLong,
        "message",
        &mut world,
        Request::MarkScanned { intent: intent(1), signed: long, expected: None },
    );
    let trailing = send(&|_, _, payload| payload.push(0));
    case(Code::PayloadMalformed, "payload.end", &mut world, trailing);
    case(
        Code::PayloadIntentMismatch,
        "payload.intent",
        &mut world,
        send(&|intent, _, _| *intent = IntentId([1; 32])),
    );
    case(
        Code::PayloadPayerMismatch,
        "payload.payer",
        &mut world,
        send(&|_, payer, _| *payer = AccountId([1; 32])),
    );

    let not_yet = || World { now: NOON, ..World::default() };
    case(Code::NodeNotInitialized, "", &mut not_yet(), mark_scanned(1));
    let again = Request::Initialize { node: NodeId([1; 32]), policy: Policy::standard(FEES) };
    case(Code::NodeAlreadyInitialized, "node", &mut world, again);
    case(Code::IntentNotFound, "intent", &mut world, mark_scanned(77));
    let unpaid = report(1, TransactionId([0; 32]), SettlementOutcome::Settled);
    case(Code::IntentNotScheduled, "intent", &mut world, unpaid);
    let stale = expecting(mark_scanned(1), 1);
    case(Code::RevisionMismatch, "expected_revision", &mut world, stale);
    case(Code::TermsMismatch, "amount", &mut world, create(1, usd(501)));

    let with_fees = |fees| create(3, Terms { fees, ..usd(500) });
    let many = (1..=6).map(|n| fee(AccountId([n; 32]), 10)).collect();
    case(Code::FeesTooMany, "fees", &mut world, with_fees(many));
    case(
        Code::FeeIsForDestination,
        "fees[1].destination",
        &mut world,
        with_fees(vec![fee(PARTNER, 1), fee(shop(), 1)]),
    );
    let twice = vec![fee(PARTNER, 1), fee(PARTNER, 1)];
    case(Code::FeeDestinationRepeated, "fees[1].destination", &mut world, with_fees(twice));
    case(Code::FeesExceedLimit, "fees", &mut world, with_fees(vec![fee(PARTNER, 5_001)]));
    let until = |expires_at| create(3, Terms { expires_at: Some(expires_at), ..usd(500) });
    case(Code::ExpiryInThePast, "expires_at", &mut world, until(Timestamp(NOON.0 - 1)));
    case(Code::ExpiryTooFar, "expires_at", &mut world, until(at(30 * 24 * 60 * 60 + 1)));

    let changed = |world: &World, change: &dyn Fn(&mut Payment)| pay(world, |payment| change(payment));
    let request = changed(&world, &|payment| payment.node = NodeId([1; 32]));
    case(Code::NodeMismatch, "payload.node", &mut world, request);
    let request = changed(&world, &|p| p.amount = NativeAmount::from_hundredths(499).unwrap());
    case(Code::PaymentTermsMismatch, "payload.amount", &mut world, request);
    let request = changed(&world, &|payment| payment.currency = "eur".parse().unwrap());
    case(Code::PaymentTermsMismatch, "payload.currency", &mut world, request);
    let request = changed(&world, &|payment| payment.valid_until = Timestamp(NOON.0 - 1));
    case(Code::QuoteExpired, "payload.valid_until", &mut world, request);
    let request = changed(&world, &|payment| payment.valid_until.0 += 1);
    case(Code::QuoteValidityTooLong, "payload.valid_until", &mut world, request);
    let request = changed(&world, &|payment| payment.rate = rate("0.00003"));
    case(Code::RateNotKnown, "payload.rate", &mut world, request);
    let request = changed(&world, &|payment| payment.transfers[1].quarks = Quarks::new(1));
    case(Code::TransfersMismatch, "payload.transfers[1]", &mut world, request);
    let mut world = open();
    let request = changed(&world, &|payment| payment.transfers.truncate(1));
    case(Code::TransfersMismatch, "payload.transfers", &mut world, request);

    // The intent names its own payer as the shop.
    let mut world = open();
    world.must(create(3, Terms { destination: payer(PAYER), ..usd(500) }));
    let mut own = world.quote(1, PAYER);
    own.intent = intent(3);
    own.transfers[1].destination = payer(PAYER);
    case(Code::PayerIsDestination, "payer", &mut world, submit(PAYER, &own));
    // the cent of the service fee is more than the two kin.
    let mut small = world.quote(1, PAYER);
    (small.intent, small.currency, small.rate) = (intent(2), "kin".parse().unwrap(), rate("1"));
    small.amount = NativeAmount::from_hundredths(200).unwrap();
    case(Code::AmountBelowFees, "amount", &mut world, submit(PAYER, &small));
    world.must(rates(&[("usd", "0.0000000000000000001")]));
    // A kin for next to nothing: five dollars are more quarks than can be counted.
    let mut huge = small;
    (huge.intent, huge.currency, huge.rate) =
        (intent(1), "usd".parse().unwrap(), rate("0.0000000000000000001"));
    huge.amount = NativeAmount::from_hundredths(500).unwrap();
    world.now = at(3_000);
    huge.valid_until = world.now;
    case(Code::AmountOutOfRange, "amount", &mut world, submit(PAYER, &huge));

    let mut world = open();
    set_policy(&mut world, |policy| policy.max_payment = Quarks::new(1_000_000));
    let request = pay(&world, |_| {});
    case(Code::AmountExceedsLimit, "amount", &mut world, request.clone());
    case(Code::IntentRejected, "intent", &mut world, request);
    let mut world = World::funded();
    world.must(create(1, usd(500)));
    let request = pay(&world, |_| {});
    case(Code::FundsInsufficient, "payer", &mut world, request);
    world.must(cancel(1, CanceledBy::Payer));
    case(Code::IntentCanceled, "intent", &mut world, create(1, usd(500)));
    world.must(create(2, usd(500)));
    world.now = at(3_601);
    case(Code::IntentExpired, "intent", &mut world, mark_scanned(2));

    let mut world = open();
    world.must(paid);
    case(Code::IntentAlreadySubmitted, "intent", &mut world, cancel(1, CanceledBy::Payer));
    let transaction = transaction_of(&world);
    let other = report(1, TransactionId([0; 32]), SettlementOutcome::Settled);
    case(Code::TransactionNotFound, "transaction", &mut world, other);
    world.must(report(1, transaction, no_funds()));
    let settled = report(1, transaction, SettlementOutcome::Settled);
    case(Code::SettlementContradicts, "outcome", &mut world, settled);
    case(Code::IntentFailed, "intent", &mut world, create(1, usd(500)));
    let (mut world, second) = failed_half_way();
    let late = report(1, second, SettlementOutcome::Sent);
    case(Code::IntentFailed, "intent", &mut world, late);
    let late = report(1, second, SettlementOutcome::Settled);
    case(Code::SettlementContradicts, "outcome", &mut world, late);

    case(Code::QuarksMustNotBeZero, "quarks", &mut world, deposit("zero", shop(), 0));
    case(Code::DepositMismatch, "quarks", &mut world, deposit("first", payer(PAYER), 1));
    case(Code::DepositMismatch, "account", &mut world, deposit("first", shop(), 100_000_000));
    case(Code::BalanceOutOfRange, "quarks", &mut world, deposit("all", shop(), u64::MAX));
    case(Code::RatesEmpty, "rates", &mut world, rates(&[]));
    case(Code::RateOfKinMustBeOne, "rates.kin", &mut world, rates(&[("kin", "2")]));
    let source = "s".repeat(129);
    let too_long = Request::PublishRates { source, rates: vec![("usd".parse().unwrap(), rate("1"))] };
    case(Code::RatesTooMany, "rates", &mut world, too_long);
    let fine = Policy { intent_lifetime: Duration::new(60, 999), ..Policy::standard(FEES) };
    case(Code::PolicyOutOfRange, "intent_lifetime", &mut world, Request::SetPolicy { policy: fine });
    made
}

#[test]
fn every_refusal_the_rules_name_is_one_that_somebody_can_meet() {
    let all = [
        cases(),
        crate::settlement::cases(),
        crate::money_back::cases(),
        crate::limits::cases(),
        crate::sites::cases(),
    ];
    let made: BTreeSet<_> = all.into_iter().flatten().collect();
    for code in RejectionCode::ALL {
        let elsewhere = MADE_ELSEWHERE.iter().any(|(known, _)| known == code);
        assert_ne!(
            made.contains(code),
            elsewhere,
            "{}: no case produces it, or it is not made elsewhere",
            code.name()
        );
    }
}

#[test]
fn of_two_broken_rules_the_lower_number_is_told_so_that_two_nodes_tell_the_same() {
    let mut world = open();
    let until = |seconds_ago: u64| Some(Timestamp(NOON.0 - seconds_ago));
    let all_wrong = Terms {
        fees: vec![fee(PARTNER, 9_000), fee(PARTNER, 1), fee(shop(), 1)],
        expires_at: until(1),
        ..usd(1)
    };
    assert_eq!(world.refusal_code(create(5, all_wrong)), RejectionCode::FeeIsForDestination);
    let zero_again = deposit("first", payer(PAYER), 0);
    assert_eq!(world.refusal_code(zero_again), RejectionCode::QuarksMustNotBeZero);
    let (payload, signature) = (vec![1], sign(1, b""));
    let garbage = Request::Submit {
        intent: intent(1),
        payer: payer(1),
        payload,
        form: PaymentForm::Native,
        signature,
        expected: None,
    };
    assert_eq!(world.refusal_code(garbage), RejectionCode::PayloadMalformed);
    assert!(
        RejectionCode::PayloadMalformed < RejectionCode::SignatureInvalid,
        "parsed before it is verified"
    );
    let wrong_all_over = pay(&world, |payment| {
        payment.node = NodeId([1; 32]);
        payment.amount = NativeAmount::MAX;
        payment.valid_until = Timestamp(0);
        payment.rate = rate("7");
        payment.transfers.truncate(1);
    });
    assert_eq!(world.refusal_code(wrong_all_over), RejectionCode::NodeMismatch);
}

#[test]
fn a_refused_payment_is_on_record_up_to_a_limit_so_that_nobody_fills_the_log_by_failing() {
    let mut world = open();
    let most = usize::from(world.core.state().policy().max_refusals);
    for attempt in 0..most + 3 {
        let request = pay(&world, |payment| payment.rate = rate("0.5"));
        let (events, answer) = world.send(request);
        assert_eq!(answer.map_err(|rejection| rejection.code).err(), Some(RejectionCode::RateNotKnown));
        let names: Vec<_> = events.iter().map(Event::name).collect();
        let on_record = ["payment_intent.submitted", "payment_intent.submission_refused"];
        assert_eq!(names, if attempt < most { on_record.as_slice() } else { &[] }, "attempt {attempt}");
    }
    let request = pay(&world, |_| {});
    world.must(request);
}

#[test]
fn a_transient_refusal_can_turn_into_success_without_another_signature() {
    let mut world = World::funded();
    world.must(create(1, usd(500)));
    let request = pay(&world, |_| {});
    let refusal = world.refused(request.clone());
    assert_eq!((refusal.code, refusal.code.class()), (RejectionCode::FundsInsufficient, Class::Transient));
    world.must(deposit("late", payer(PAYER), 50_000_000_000));
    world.must(request);
}

#[test]
fn a_deadline_of_1970_is_in_the_past_since_its_signed_bytes_say_none() {
    let (none, zero) = (usd(1), Terms { expires_at: Some(Timestamp(0)), ..usd(1) });
    assert_eq!(none.signing_bytes(intent(1)), zero.signing_bytes(intent(1)));
    let mut world = World::default();
    world.must(Request::Initialize { node: NODE, policy: Policy::standard(FEES) });
    assert_eq!(world.core.state().time(), Timestamp(0), "the one moment at which zero is not the past");
    assert_eq!(world.refusal_code(create(1, zero)), RejectionCode::ExpiryInThePast);
}

#[test]
fn a_policy_means_the_same_before_and_after_a_restart() {
    // The log keeps whole microseconds, and not more of them than fit.
    for (rate_window, taken) in [
        (Duration::from_micros(1), true),
        (Duration::from_nanos(1_001), false),
        (Duration::from_secs(100 * 366 * 86_400), true),
        (Duration::MAX, false),
    ] {
        let policy = Policy { rate_window, ..Policy::standard(FEES) };
        let begin = Request::Initialize { node: NODE, policy: policy.clone() };
        let begun = World { now: NOON, ..World::default() }.send(begin).1;
        let changed = World::funded().send(Request::SetPolicy { policy }).1;
        for answer in [begun, changed] {
            assert_eq!(answer.is_ok(), taken, "{rate_window:?}");
        }
    }
}

#[test]
fn a_payer_may_spend_the_last_quark_and_not_one_more() {
    for (short, outcome) in [(0, None), (1, Some(RejectionCode::FundsInsufficient))] {
        let mut world = World::with_policy(Policy::standard(FEES));
        world.must(rates(&[("usd", "0.00002")]));
        world.must(create(1, usd(500)));
        let payment = world.quote(1, PAYER);
        let total = payment.total().unwrap().get();
        world.must(deposit("exactly", payer(PAYER), total - short));
        let answer = world.send(submit(PAYER, &payment)).1;
        assert_eq!(answer.err().map(|rejection| rejection.code), outcome, "{short} quarks short");
    }
}
