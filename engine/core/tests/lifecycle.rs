//! Every pair of a phase and a command, one by one: what becomes true, and what the asker is told.

use std::time::Duration;

use crate::support::{
    FEES, NODE, PARTNER, SHOP_SEED, World, at, cancel, create, fee, give_up, intent, login, login_terms,
    mark_scanned, payer, refund, refund_of, register_webhook, report, report_delivery, request_login, shop,
    sign, submit, usd,
};
use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{
    Authorization, CanceledBy, Event, EventKind, PaymentForm, SignatureRule, SignedForm, Transaction,
};
use quittance_core::ids::{AccountId, AttemptNumber, Position, Timestamp};
use quittance_core::lifecycle::{self, CommandKind, Outcome};
use quittance_core::machine::{Accepted, Core, Input};
use quittance_core::money::Quarks;
use quittance_core::payment::{Payment, transaction_id};
use quittance_core::policy::Policy;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{State, Status};
use quittance_core::terms::Terms;
use quittance_core::verify::{cancel_signing_bytes, login_signing_bytes, scan_signing_bytes};

pub(crate) const RENDEZVOUS: u8 = 1;
const PAYER: u8 = 100;
/// The key that the site of a login publishes, and the account it knows its user by.
const VERIFIER: u8 = 150;
const USER: u8 = 160;
const HOOK: &str = "https://shop.example/paid";
/// The intent's deadline by the standard policy: an hour after noon.
pub(crate) const DEADLINE: Timestamp = Timestamp(crate::support::NOON.0 + 3_600_000_000);

/// What follows from a command.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// These events, and the answer is the last one's position.
    Done(Vec<Event>),
    /// No event: the record at this position had done it.
    Repeated(u64),
    /// No event: the rules refuse it.
    Refused(RejectionCode),
    /// The rules refuse it, and that is on record.
    Noted(RejectionCode),
    /// These events without an answer: nobody asked.
    Ticked(Vec<Event>),
}
use RejectionCode::{
    IntentAlreadySubmitted, IntentCanceled, IntentExpired, IntentFailed, IntentNotConfirmed, IntentNotFound,
    IntentNotScheduled, IntentRejected, LoginNotRequested, SettlementContradicts, TermsMismatch,
    WebhookNotArmed,
};
use Status::{Canceled, Confirmed, Created, Expired, Failed, Rejected, Scheduled, Submitted, Verified};
use Then::{Done, Noted, Refused, Repeated, Ticked};

fn terms() -> Terms {
    Terms { fees: vec![fee(PARTNER, 250)], ..usd(500) }
}

/// Where the first quote says every quark goes, computed by hand: $5.00 at $0.00002 a kin is 250 000 kin, in quarks
/// 2.5 × 10¹⁰; the service fee of a cent 5 × 10⁷; 2.5 % of the whole 6.25 × 10⁸; the rest to the shop.
fn split() -> [(AccountId, u64); 3] {
    [(FEES, 50_000_000), (PARTNER, 625_000_000), (shop(), 24_325_000_000)]
}
pub(crate) const TOTAL: Quarks = Quarks::new(25_000_000_000);

fn authorization(signed: Vec<u8>) -> Authorization {
    let signature = sign(RENDEZVOUS, &signed);
    Authorization { form: SignedForm::Native, rule: SignatureRule::Ed25519VerifyStrict, signed, signature }
}

pub(crate) fn created() -> Event {
    let authorization = authorization(terms().signing_bytes(intent(RENDEZVOUS)));
    Event::IntentCreated { terms: terms().into(), authorization, expires_at: DEADLINE }
}

pub(crate) fn login_requested() -> Event {
    let login = login_terms("shop.example", VERIFIER);
    let authorization = authorization(login.signing_bytes(intent(RENDEZVOUS)));
    Event::LoginRequested { login: login.into(), authorization, expires_at: DEADLINE }
}

pub(crate) fn logged_in() -> Event {
    let signed = login_signing_bytes(intent(RENDEZVOUS), payer(USER));
    let signature = sign(USER, &signed);
    let (form, rule) = (SignedForm::Native, SignatureRule::Ed25519VerifyStrict);
    Event::LoggedIn {
        user: payer(USER),
        authorization: Authorization { form, rule, signed, signature }.into(),
    }
}

pub(crate) fn webhook_registered() -> Event {
    Event::WebhookRegistered { url: HOOK.into() }
}

pub(crate) fn code_scanned() -> Event {
    Event::CodeScanned { authorization: authorization(scan_signing_bytes(intent(RENDEZVOUS))) }
}

pub(crate) fn canceled() -> Event {
    let by = CanceledBy::Merchant;
    let authorization = authorization(cancel_signing_bytes(intent(RENDEZVOUS), by));
    Event::IntentCanceled { by, authorization }
}

/// The payment that the payer signs in every case: as quoted at noon.
fn payment() -> Payment {
    let mut world = open(Policy::standard(FEES));
    world.now = at(0);
    world.quote(RENDEZVOUS, PAYER)
}

pub(crate) fn submitted() -> Event {
    let payment = payment();
    let signature = sign(PAYER, &payment.to_bytes());
    Event::IntentSubmitted {
        payment: payment.into(),
        form: PaymentForm::Native,
        signature,
        rule: SignatureRule::Ed25519VerifyStrict,
    }
}

pub(crate) fn transaction() -> Transaction {
    Transaction { id: transaction_id(&payment().to_bytes(), 0), first_transfer: 0, transfers: 3 }
}

pub(crate) fn settled() -> Event {
    Event::TransactionSettled { transaction: transaction().id, attempt: AttemptNumber::FIRST }
}

pub(crate) fn refunded() -> Event {
    let refund = refund_of(RENDEZVOUS, SHOP_SEED, "back", 1_000);
    let signature = sign(SHOP_SEED, &refund.signing_bytes());
    Event::RefundScheduled { refund: refund.into(), signature, rule: SignatureRule::Ed25519VerifyStrict }
}

pub(crate) fn paid() -> Vec<Event> {
    let transactions = vec![transaction()];
    vec![submitted(), Event::IntentVerified { reserved: TOTAL }, Event::IntentScheduled { transactions }]
}

pub(crate) fn failed() -> Vec<Event> {
    let (transaction, attempt) = (transaction().id, AttemptNumber::FIRST);
    let transaction_failed =
        Event::TransactionFailed { transaction, attempt, reason: "the rail is closed".into() };
    vec![transaction_failed, Event::IntentFailed { released: TOTAL }]
}

/// Positions 1 to 4: the node, its rates, the payer's funds, the intent.
fn open(policy: Policy) -> World {
    let mut world = World::with_policy(policy);
    world.must(crate::support::rates(&[("usd", "0.00002")]));
    world.must(crate::support::deposit("funds", payer(PAYER), 2 * TOTAL.get()));
    world.must(create(RENDEZVOUS, terms()));
    world
}

fn request(command: &str) -> Request {
    match command {
        "create" => create(RENDEZVOUS, terms()),
        "mark_scanned" => mark_scanned(RENDEZVOUS),
        "cancel" => cancel(RENDEZVOUS, CanceledBy::Merchant),
        "submit" => submit(PAYER, &payment()),
        "refund" => refund(SHOP_SEED, refund_of(RENDEZVOUS, SHOP_SEED, "back", 1_000)),
        "report_settlement" => report(RENDEZVOUS, transaction().id, SettlementOutcome::Settled),
        "request_login" => request_login(RENDEZVOUS, login_terms("shop.example", VERIFIER)),
        "login" => login(RENDEZVOUS, USER),
        "register_webhook" => register_webhook(RENDEZVOUS, HOOK),
        "report_delivery" => report_delivery(RENDEZVOUS, Position::START, 1, Some(200), Duration::ZERO),
        "redeliver" => Request::Redeliver { intent: intent(RENDEZVOUS) },
        "give_up_delivery" => give_up(RENDEZVOUS, None),
        other => panic!("no such command: {other}"),
    }
}

/// A world whose intent is in `status`; `None`: there is no such intent.
pub(crate) fn given(status: Option<Status>) -> World {
    let mut world = match status {
        None => World::funded(),
        Some(Rejected) => {
            open(Policy { max_payment: Quarks::new(TOTAL.get() - 1), ..Policy::standard(FEES) })
        }
        Some(_) => open(Policy::standard(FEES)),
    };
    match status {
        None | Some(Created) => {}
        Some(Canceled) => drop(world.must(request("cancel"))),
        Some(Expired) => {
            world.now = Timestamp(DEADLINE.0 + 1);
            assert_eq!(world.tick(), [Event::IntentExpired]);
        }
        Some(Rejected) => drop(world.refused(request("submit"))),
        Some(Submitted | Verified) => {
            // Only a replay that stops within a decision sees these.
            let before = world.records.len();
            world.must(request("submit"));
            world.records.truncate(before + if status == Some(Submitted) { 1 } else { 2 });
            let mut state = State::default();
            world.records.iter().for_each(|record| state.apply(record).unwrap());
            world.core = Core::new(state);
        }
        Some(Scheduled | Confirmed | Failed) => {
            world.must(request("submit"));
            match status {
                Some(Confirmed) => drop(world.must(request("report_settlement"))),
                Some(Failed) => {
                    drop(world.must(report(RENDEZVOUS, transaction().id, crate::support::no_funds())));
                }
                _ => {}
            }
        }
    }
    if status.is_some() {
        world.now = at(60).max(world.now);
    }
    let found = world.core.state().intent(&intent(RENDEZVOUS)).map(quittance_core::state::Intent::status);
    assert_eq!(found, status, "the table's own setup");
    world
}

fn check(status: Option<Status>, command: &str, then: &Then) {
    let mut world = given(status);
    let what = format!("{} + {command}", status.map_or("none", Status::name));
    let (got, answer, digest) = if command == "tick" {
        world.now = Timestamp(DEADLINE.0 + 1);
        (world.tick(), None, None)
    } else {
        let before = world.core.state().digest();
        let (events, answer) = world.send(request(command));
        (events, Some(answer), Some(before))
    };
    if got.is_empty()
        && let Some(before) = digest
    {
        assert_eq!(
            world.core.state().digest(),
            before,
            "{what}: a refusal without a record changed the state"
        );
    }
    let status = world.core.state().intent(&intent(RENDEZVOUS)).map(quittance_core::state::Intent::status);
    let accepted = |position, repeated| Accepted { position: Position(position), repeated, status };
    let last = world.core.state().position().0;
    match then {
        Done(events) => {
            assert_eq!(&got, events, "{what}");
            assert_eq!(answer, Some(Ok(accepted(last, false))), "{what}");
        }
        Repeated(position) => {
            assert_eq!(got, [], "{what}: a repetition must leave no trace");
            assert_eq!(answer, Some(Ok(accepted(*position, true))), "{what}");
        }
        Refused(code) => {
            assert_eq!(got, [], "{what}: a refusal must leave no trace");
            let refused = answer.and_then(Result::err).map(|rejection: Rejection| rejection.code);
            assert_eq!(refused, Some(*code), "{what}");
        }
        Noted(code) => {
            let names: Vec<_> = got.iter().map(Event::kind).collect();
            let noted = [EventKind::LateSubmissionRefused, EventKind::SettlementContradicted];
            assert!(matches!(&names[..], [one] if noted.contains(one)), "{what}: {names:?}");
            let refused = answer.and_then(Result::err).map(|rejection: Rejection| rejection.code);
            assert_eq!(refused, Some(*code), "{what}");
        }
        Ticked(events) => assert_eq!((&got, answer), (events, None), "{what}"),
    }
}

/// The lifecycle, whole. Positions: 4 creation, 5 the next record.
fn table() -> Vec<(Option<Status>, &'static str, Then)> {
    let confirmed = || vec![settled(), Event::IntentConfirmed];
    vec![
        (None, "create", Done(vec![created()])),
        (None, "mark_scanned", Refused(IntentNotFound)),
        (None, "cancel", Refused(IntentNotFound)),
        (None, "submit", Refused(IntentNotFound)),
        (None, "refund", Refused(IntentNotFound)),
        (None, "report_settlement", Refused(IntentNotFound)),
        (None, "request_login", Done(vec![login_requested()])),
        (None, "login", Refused(IntentNotFound)),
        (None, "register_webhook", Refused(IntentNotFound)),
        (None, "report_delivery", Refused(IntentNotFound)),
        (None, "redeliver", Refused(IntentNotFound)),
        (None, "give_up_delivery", Refused(IntentNotFound)),
        (None, "tick", Ticked(vec![])),
        (Some(Created), "create", Repeated(4)),
        (Some(Created), "mark_scanned", Done(vec![code_scanned()])),
        (Some(Created), "cancel", Done(vec![canceled()])),
        (Some(Created), "submit", Done(paid())),
        (Some(Created), "refund", Refused(IntentNotConfirmed)),
        (Some(Created), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Created), "request_login", Refused(TermsMismatch)),
        (Some(Created), "login", Refused(LoginNotRequested)),
        (Some(Created), "register_webhook", Done(vec![webhook_registered()])),
        (Some(Created), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Created), "redeliver", Refused(WebhookNotArmed)),
        (Some(Created), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Created), "tick", Ticked(vec![Event::IntentExpired])),
        (Some(Submitted), "create", Refused(IntentAlreadySubmitted)),
        (Some(Submitted), "mark_scanned", Repeated(5)),
        (Some(Submitted), "cancel", Refused(IntentAlreadySubmitted)),
        (Some(Submitted), "submit", Repeated(5)),
        (Some(Submitted), "refund", Refused(IntentNotConfirmed)),
        (Some(Submitted), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Submitted), "request_login", Refused(IntentAlreadySubmitted)),
        (Some(Submitted), "login", Refused(LoginNotRequested)),
        (Some(Submitted), "register_webhook", Refused(IntentAlreadySubmitted)),
        (Some(Submitted), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Submitted), "redeliver", Refused(WebhookNotArmed)),
        (Some(Submitted), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Submitted), "tick", Ticked(vec![])),
        (Some(Verified), "create", Refused(IntentAlreadySubmitted)),
        (Some(Verified), "mark_scanned", Repeated(5)),
        (Some(Verified), "cancel", Refused(IntentAlreadySubmitted)),
        (Some(Verified), "submit", Repeated(5)),
        (Some(Verified), "refund", Refused(IntentNotConfirmed)),
        (Some(Verified), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Verified), "request_login", Refused(IntentAlreadySubmitted)),
        (Some(Verified), "login", Refused(LoginNotRequested)),
        (Some(Verified), "register_webhook", Refused(IntentAlreadySubmitted)),
        (Some(Verified), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Verified), "redeliver", Refused(WebhookNotArmed)),
        (Some(Verified), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Verified), "tick", Ticked(vec![])),
        (Some(Scheduled), "create", Refused(IntentAlreadySubmitted)),
        (Some(Scheduled), "mark_scanned", Repeated(5)),
        (Some(Scheduled), "cancel", Refused(IntentAlreadySubmitted)),
        (Some(Scheduled), "submit", Repeated(7)),
        (Some(Scheduled), "refund", Refused(IntentNotConfirmed)),
        (Some(Scheduled), "report_settlement", Done(confirmed())),
        (Some(Scheduled), "request_login", Refused(IntentAlreadySubmitted)),
        (Some(Scheduled), "login", Refused(LoginNotRequested)),
        (Some(Scheduled), "register_webhook", Refused(IntentAlreadySubmitted)),
        (Some(Scheduled), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Scheduled), "redeliver", Refused(WebhookNotArmed)),
        (Some(Scheduled), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Scheduled), "tick", Ticked(vec![])),
        (Some(Confirmed), "create", Refused(IntentAlreadySubmitted)),
        (Some(Confirmed), "mark_scanned", Repeated(5)),
        (Some(Confirmed), "cancel", Refused(IntentAlreadySubmitted)),
        (Some(Confirmed), "submit", Repeated(7)),
        (Some(Confirmed), "refund", Done(vec![refunded()])),
        (Some(Confirmed), "report_settlement", Repeated(9)),
        (Some(Confirmed), "request_login", Refused(IntentAlreadySubmitted)),
        (Some(Confirmed), "login", Refused(LoginNotRequested)),
        (Some(Confirmed), "register_webhook", Refused(IntentAlreadySubmitted)),
        (Some(Confirmed), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Confirmed), "redeliver", Refused(WebhookNotArmed)),
        (Some(Confirmed), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Confirmed), "tick", Ticked(vec![])),
        (Some(Canceled), "create", Refused(IntentCanceled)),
        (Some(Canceled), "mark_scanned", Refused(IntentCanceled)),
        (Some(Canceled), "cancel", Repeated(5)),
        (Some(Canceled), "submit", Noted(IntentCanceled)),
        (Some(Canceled), "refund", Refused(IntentCanceled)),
        (Some(Canceled), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Canceled), "request_login", Refused(IntentCanceled)),
        (Some(Canceled), "login", Refused(LoginNotRequested)),
        (Some(Canceled), "register_webhook", Refused(IntentCanceled)),
        (Some(Canceled), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Canceled), "redeliver", Refused(WebhookNotArmed)),
        (Some(Canceled), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Canceled), "tick", Ticked(vec![])),
        (Some(Expired), "create", Refused(IntentExpired)),
        (Some(Expired), "mark_scanned", Refused(IntentExpired)),
        (Some(Expired), "cancel", Refused(IntentExpired)),
        (Some(Expired), "submit", Noted(IntentExpired)),
        (Some(Expired), "refund", Refused(IntentExpired)),
        (Some(Expired), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Expired), "request_login", Refused(IntentExpired)),
        (Some(Expired), "login", Refused(LoginNotRequested)),
        (Some(Expired), "register_webhook", Refused(IntentExpired)),
        (Some(Expired), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Expired), "redeliver", Refused(WebhookNotArmed)),
        (Some(Expired), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Expired), "tick", Ticked(vec![])),
        (Some(Rejected), "create", Refused(IntentRejected)),
        (Some(Rejected), "mark_scanned", Refused(IntentRejected)),
        (Some(Rejected), "cancel", Refused(IntentRejected)),
        (Some(Rejected), "submit", Noted(IntentRejected)),
        (Some(Rejected), "refund", Refused(IntentRejected)),
        (Some(Rejected), "report_settlement", Refused(IntentNotScheduled)),
        (Some(Rejected), "request_login", Refused(IntentRejected)),
        (Some(Rejected), "login", Refused(LoginNotRequested)),
        (Some(Rejected), "register_webhook", Refused(IntentRejected)),
        (Some(Rejected), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Rejected), "redeliver", Refused(WebhookNotArmed)),
        (Some(Rejected), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Rejected), "tick", Ticked(vec![])),
        (Some(Failed), "create", Refused(IntentFailed)),
        (Some(Failed), "mark_scanned", Repeated(5)),
        (Some(Failed), "cancel", Refused(IntentFailed)),
        (Some(Failed), "submit", Repeated(7)),
        (Some(Failed), "refund", Refused(IntentFailed)),
        (Some(Failed), "report_settlement", Noted(SettlementContradicts)),
        (Some(Failed), "request_login", Refused(IntentFailed)),
        (Some(Failed), "login", Refused(LoginNotRequested)),
        (Some(Failed), "register_webhook", Refused(IntentFailed)),
        (Some(Failed), "report_delivery", Refused(WebhookNotArmed)),
        (Some(Failed), "redeliver", Refused(WebhookNotArmed)),
        (Some(Failed), "give_up_delivery", Refused(WebhookNotArmed)),
        (Some(Failed), "tick", Ticked(vec![])),
    ]
}

#[test]
fn every_pair_of_phase_and_command_does_what_the_table_says() {
    for (status, command, then) in table() {
        check(status, command, &then);
    }
}

#[test]
fn no_pair_is_left_to_chance() {
    let table = table();
    for status in [None].into_iter().chain(Status::ALL.map(Some)) {
        for command in CommandKind::ALL {
            let rows = table.iter().filter(|row| (row.0, row.1) == (status, command.name())).count();
            let what = format!("{:?} + {}", status.map(Status::name), command.name());
            assert_eq!(rows, 1, "{what} needs exactly one row in the table");
        }
    }
    assert_eq!(table.len(), (Status::ALL.len() + 1) * CommandKind::ALL.len());
    // A command that is new and about an intent belongs into the table.
    for command in CommandKind::ALL.into_iter().filter(|command| *command != CommandKind::Tick) {
        let name = command.name();
        let Ok(verified) = request(name).verify() else { panic!("{name}: the table's own signature") };
        assert_eq!(verified.name(), name);
    }
}

#[test]
fn the_table_that_is_printed_is_the_one_that_decides_or_people_would_plan_with_another_machine() {
    for (status, command, then) in table() {
        let kind = CommandKind::ALL.into_iter().find(|kind| kind.name() == command).expect("a command");
        let edge = lifecycle::edge(status, kind);
        let what = format!("{:?} + {command}: {then:?}, printed {edge:?}", status.map(Status::name));
        let printed = match &then {
            Done(events) | Ticked(events) if !events.is_empty() => {
                let kinds: Vec<_> = events.iter().map(Event::kind).collect();
                matches!(edge.outcome, Outcome::Decided(outcomes) if outcomes.contains(&kinds.as_slice()))
            }
            Ticked(_) => edge.outcome == Outcome::Nothing,
            Done(_) => false,
            Repeated(_) => edge.repeats,
            Refused(code) => match edge.outcome {
                Outcome::Refused(printed, _) => printed == *code,
                // The table's intent asks nobody to log in and has no webhook: with them it goes otherwise.
                Outcome::Decided(_) => [LoginNotRequested, WebhookNotArmed].contains(code),
                Outcome::Nothing => false,
            },
            Noted(code) => match edge.outcome {
                Outcome::Refused(printed, recorded) => printed == *code && !recorded.is_empty(),
                Outcome::Decided(outcomes) => outcomes.contains(&&[EventKind::SettlementContradicted][..]),
                Outcome::Nothing => false,
            },
        };
        assert!(printed, "{what}");
    }
}

#[test]
fn a_payment_moves_every_quark_where_the_terms_say_and_a_failed_one_moves_none() {
    let balances = |world: &World, whom: AccountId| {
        let account = world.core.state().ledger().account(&whom);
        (account.balance.get(), account.reserved.get())
    };
    for (status, payer_holds, factor) in [
        (Created, (2 * TOTAL.get(), 0), 0),
        (Scheduled, (2 * TOTAL.get(), TOTAL.get()), 0),
        (Confirmed, (TOTAL.get(), 0), 1),
        (Failed, (2 * TOTAL.get(), 0), 0),
        (Rejected, (2 * TOTAL.get(), 0), 0),
    ] {
        let world = given(Some(status));
        assert_eq!(balances(&world, payer(PAYER)), payer_holds, "{status:?}: the payer");
        for (whom, quarks) in split() {
            assert_eq!(balances(&world, whom), (quarks * factor, 0), "{status:?}: {whom}");
        }
    }
    assert_eq!(given(Some(Created)).core.state().node(), Some(NODE));
}

#[test]
fn a_failed_payment_can_be_reported_again_and_never_turns_into_a_paid_one() {
    let mut world = given(Some(Failed));
    let (events, answer) = world.send(report(RENDEZVOUS, transaction().id, crate::support::no_funds()));
    assert_eq!(
        (events, answer.map(|accepted| (accepted.position.0, accepted.repeated))),
        (vec![], Ok((9, true)))
    );
    let mut world = given(Some(Scheduled));
    assert_eq!(world.must(report(RENDEZVOUS, transaction().id, crate::support::no_funds())), failed());
    let mut world = given(Some(Confirmed));
    assert_eq!(
        world.refusal_code(report(RENDEZVOUS, transaction().id, crate::support::no_funds())),
        SettlementContradicts
    );
}

#[test]
fn a_payer_may_pay_at_the_deadline_and_not_a_microsecond_later() {
    for (late, outcome) in [(0, Ok(())), (1, Err(IntentExpired))] {
        let mut world = given(Some(Created));
        world.now = at(3_590);
        let payment = world.quote(RENDEZVOUS, PAYER);
        assert_eq!(payment.valid_until, DEADLINE, "a quote is not valid for longer than its intent");
        world.now = Timestamp(DEADLINE.0 + late);
        assert_eq!(world.core.state().next_deadline(), Some(Timestamp(DEADLINE.0 + 1)));
        let answer = world.send(submit(PAYER, &payment)).1;
        assert_eq!(answer.map(|_| ()).map_err(|rejection| rejection.code), outcome, "{late} µs late");
    }
    let mut world = given(Some(Created));
    world.now = DEADLINE;
    assert_eq!(world.tick(), [], "the deadline itself is still in time");
}

#[test]
fn a_burst_of_deadlines_expires_in_portions_and_none_is_forgotten() {
    let mut world = World::funded();
    for seed in 1..=70 {
        world.must(create(seed, usd(u64::from(seed))));
    }
    world.now = Timestamp(DEADLINE.0 + 1);
    let portions = [world.tick().len(), world.tick().len(), world.tick().len()];
    assert_eq!(portions, [64, 6, 0]);
    assert_eq!(world.core.state().next_deadline(), None);
}

#[test]
fn a_scan_is_recorded_once_and_said_again_for_ever() {
    let mut world = given(Some(Created));
    assert_eq!(world.must(request("mark_scanned")), [code_scanned()]);
    for then in ["mark_scanned", "cancel", "mark_scanned"] {
        world.must(request(then));
    }
    let (events, answer) = world.send(request("mark_scanned"));
    assert_eq!(events, []);
    assert_eq!(answer.map(|accepted| (accepted.position.0, accepted.repeated)), Ok((5, true)));
}

#[test]
fn time_never_runs_backwards_in_the_log() {
    let mut world = given(Some(Created));
    let before = world.records.last().map(|record| record.recorded_at);
    world.now = Timestamp(1);
    world.input(Input::Command(request("mark_scanned").verify().unwrap()));
    assert_eq!(world.records.last().map(|record| record.recorded_at), before);
}
