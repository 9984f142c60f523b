//! Logins, the accounts that sites know their users by, and webhooks.

use std::time::Duration;

use quittance_core::command::{Request, Unproven};
use quittance_core::currency::Currency;
use quittance_core::event::{CanceledBy, Event};
use quittance_core::ids::{AccountId, Signature, Timestamp};
use quittance_core::login::MAX_RELATIONSHIPS;
use quittance_core::machine::Core;
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode as Code;
use quittance_core::site::{Domain, Site};
use quittance_core::state::{State, Status};
use quittance_core::terms::Terms;
use quittance_core::verify::relationship_signing_bytes;
use quittance_core::webhook::{Delivery, DeliveryOutcome, MAX_URL_BYTES, SCHEDULE};

use crate::rejections;
use crate::support::{
    FEES, SHOP_SEED, World, at, cancel, create, deposit, establish, give_up, intent, login, login_terms,
    mark_scanned, no_funds, payer, rates, refund, refund_of, register_webhook, report, request_login, submit,
    submit_as_actions, usd,
};

const PAYER: u8 = 100;
const VERIFIER: u8 = 150;
const USER: u8 = 160;
const SHOP: &str = "shop.example";
const URL: &str = "https://shop.example/paid";

fn world() -> World {
    let mut world = World::with_policy(Policy::standard(FEES));
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("funds", payer(PAYER), 100_000_000_000));
    for other in [1, 2] {
        world.must(deposit(&other.to_string(), payer(PAYER + other), 1));
    }
    world
}

/// A login that somebody has been asked for, and the account that the site knows the payer by.
fn asked() -> World {
    let mut world = world();
    world.must(establish(PAYER, SHOP, USER));
    world.must(request_login(1, login_terms(SHOP, VERIFIER)));
    world
}

fn with_site(verifier: Option<u8>) -> Terms {
    let site = Site { domain: SHOP.parse().unwrap(), verifier: verifier.map(payer) };
    Terms { site: Some(Box::new(site)), ..usd(500) }
}

fn replayed(world: &World) -> State {
    let mut state = State::default();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    assert_eq!(state.digest(), world.core.state().digest(), "a restart would know something else");
    state
}

#[test]
fn a_login_needs_no_money_and_says_who_it_was() {
    let mut world = asked();
    world.must(mark_scanned(1));
    world.must(login(1, USER));
    assert_eq!(world.status(1), Status::Confirmed);
    let state = replayed(&world);
    let known = state.intent(&intent(1)).unwrap();
    assert_eq!(state.user(known), Some(payer(USER)));
    assert!(known.is_submitted() && known.has_ended(), "nothing is left to do");
    assert_eq!(world.must(login(1, USER)), [], "the same again is the same answer");
    assert_eq!(
        world.refusal_code(request_login(1, login_terms(SHOP, VERIFIER))),
        Code::IntentAlreadySubmitted
    );
    assert_eq!(
        world.refusal_code(refund(SHOP_SEED, refund_of(1, SHOP_SEED, "k", 1))),
        Code::PaymentNotRequested
    );
}

#[test]
fn a_login_can_be_declined_and_expires_like_a_payment() {
    let mut declined = asked();
    declined.must(cancel(1, CanceledBy::Payer));
    assert_eq!(declined.refusal_code(login(1, USER)), Code::IntentCanceled);
    let mut late = asked();
    late.now = at(3_601);
    // By the deadline, whether a tick has come yet or not.
    assert_eq!(late.refusal_code(login(1, USER)), Code::IntentExpired);
    assert_eq!(late.tick(), [Event::IntentExpired]);
    assert_eq!(late.refusal_code(login(1, USER)), Code::IntentExpired);
}

#[test]
fn who_pays_a_verified_site_is_known_to_it_and_to_no_other() {
    for (verifier, known) in [(Some(VERIFIER), true), (None, false)] {
        let mut world = world();
        world.must(establish(PAYER, SHOP, USER));
        world.must(establish(PAYER, "news.example", USER + 1));
        world.must(create(1, with_site(verifier)));
        let payment = world.quote(1, PAYER);
        world.must(submit_as_actions(PAYER, &payment));
        let state = replayed(&world);
        let user = state.user(state.intent(&intent(1)).unwrap());
        assert_eq!(user, known.then(|| payer(USER)), "verifier {verifier:?}");
    }
}

#[test]
fn a_payment_signed_in_another_protocols_words_is_checked_by_those_words() {
    let mut world = world();
    world.must(create(1, usd(500)));
    let payment = world.quote(1, PAYER);
    let Request::Submit { form, .. } = submit_as_actions(PAYER, &payment) else { panic!("a submission") };
    // The signature over the payment does not cover the other words, nor the other way round.
    let Request::Submit { intent, payer, payload, signature, .. } = submit(PAYER, &payment) else {
        panic!("a submission")
    };
    let mixed = Request::Submit { intent, payer, payload, form, signature, expected: None };
    assert_eq!(world.refusal_code(mixed), Code::SignatureInvalid);
    world.must(submit_as_actions(PAYER, &payment));
    assert_eq!(world.must(submit(PAYER, &payment)), [], "the same payment, however it was signed");
    let valid = |record: &_| quittance_core::verify::recheck(record) != Some(false);
    assert!(world.records.iter().all(valid), "an auditor finds each signature good");
}

#[test]
fn whoever_looks_at_deliveries_part_by_part_sees_each_of_them_once() {
    let mut world = world();
    for seed in 1..=5 {
        world.must(create(seed, usd(100)));
        world.must(register_webhook(seed, URL));
        let payment = world.quote(seed, PAYER);
        // Some at the same time, in the order of their ids.
        world.now = at(5 + u64::from(seed / 2));
        world.must(submit(PAYER, &payment));
    }
    let state = world.core.state();
    let all: Vec<_> = state.deliveries().collect();
    assert_eq!(all.len(), 5);
    let (mut seen, mut last) = (Vec::new(), None);
    while let Some(next) = state.deliveries_after(last).next() {
        seen.push(next);
        last = Some(next);
    }
    assert_eq!(seen, all);
    let gone = (all[2].0, quittance_core::ids::IntentId([0xff; 32]));
    assert!(state.deliveries_after(Some(gone)).all(|next| next > gone), "one that is there no more");
}

#[test]
fn a_webhook_is_due_when_the_intent_is_paid_and_again_as_the_schedule_says() {
    let mut world = world();
    world.must(create(1, usd(500)));
    world.must(register_webhook(1, URL));
    let due = |world: &World| world.core.state().deliveries().next().map(|(due, _)| due);
    assert_eq!(due(&world), None, "nothing to tell yet");
    let payment = world.quote(1, PAYER);
    world.now = at(5);
    world.must(submit(PAYER, &payment));
    assert_eq!(due(&world), Some(at(5)), "at once, before the rail has said anything");
    let id = world.transaction(1);
    world.must(report(1, id, quittance_core::command::SettlementOutcome::Settled));
    assert!(!world.core.state().intent(&intent(1)).unwrap().has_ended(), "somebody is still to be told");
    for attempt in 1..=8 {
        let began = due(&world).expect("there is another attempt");
        let took = Duration::from_millis(250);
        world.now = began.saturating_add(took);
        assert_eq!(world.core.state().due_deliveries(began).count(), 1);
        assert_eq!(world.core.state().due_deliveries(Timestamp(began.0 - 1)).count(), 0);
        world.tell(1, attempt, Some(500), took);
        assert_eq!(world.tell(1, attempt, Some(200), took), [], "a late word changes nothing");
        let next = SCHEDULE.get(usize::from(attempt)).map(|wait| began.saturating_add(*wait));
        assert_eq!(due(&world), next, "after attempt {attempt}");
    }
    let state = replayed(&world);
    let known = state.intent(&intent(1)).unwrap();
    assert!(known.has_ended(), "given up");
    let webhook = known.webhook.as_ref().unwrap();
    assert_eq!((webhook.delivery, webhook.attempts.len()), (Delivery::Failed, 8));
    world.must(Request::Redeliver { intent: intent(1) });
    assert_eq!(due(&world), Some(world.now), "the operator may have it all again");
    world.tell(1, 1, Some(200), Duration::ZERO);
    let armed = |world: &World| world.core.state().intent(&intent(1)).unwrap().webhook.clone().unwrap().armed;
    assert_eq!((due(&world), armed(&world)), (None, webhook.armed), "the same delivery, by the same name");
}

#[test]
fn a_webhook_survives_that_its_payment_fails_and_that_the_intent_is_put_away() {
    let mut world = world();
    world.must(create(1, usd(500)));
    world.must(register_webhook(1, URL));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    let id = world.transaction(1);
    world.must(report(1, id, no_funds()));
    let key = quittance_core::state::Key::Intent(intent(1));
    let last = |world: &World| world.core.state().intent(&intent(1)).unwrap().last_position;
    let mut core: Core = world.core.clone();
    assert!(!core.put_away(&key, last(&world)), "put away with a delivery under way, it would be forgotten");
    world.tell(1, 1, Some(200), Duration::ZERO);
    assert!(world.core.clone().put_away(&key, last(&world)));
}

/// Lost if this fails: webhooks that nobody takes count as intents in use, and keep others from asking for payments.
#[test]
fn an_intent_that_only_waits_for_its_webhook_is_counted_as_that() {
    let mut world = world();
    world.must(create(1, usd(500)));
    world.must(register_webhook(1, URL));
    let counted = |world: &World| {
        let state = world.core.state();
        quittance_core::invariant::check_all(state).unwrap();
        assert_eq!(replayed(world).undelivered(), state.undelivered());
        (state.open(), state.undelivered())
    };
    assert_eq!(counted(&world), (1, 0), "a payer may come");
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    assert_eq!(counted(&world), (1, 0), "the rail has not spoken");
    let id = world.transaction(1);
    world.must(report(1, id, quittance_core::command::SettlementOutcome::Settled));
    assert_eq!(counted(&world), (1, 1));
    world.tell(1, 1, Some(500), Duration::ZERO);
    assert_eq!(counted(&world), (1, 1), "there is another attempt");
    world.must(refund(SHOP_SEED, refund_of(1, SHOP_SEED, "back", 1_000)));
    assert_eq!(counted(&world), (1, 0), "quarks move again");
    world.tell(1, 2, Some(200), Duration::ZERO);
    assert_eq!(counted(&world), (1, 0));
}

#[test]
fn a_webhook_that_is_given_up_has_failed_and_can_be_ordered_again() {
    let mut world = world();
    world.must(create(1, usd(500)));
    world.must(register_webhook(1, URL));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    world.tell(1, 1, Some(500), Duration::ZERO);
    let ordered = |world: &World| {
        let known = world.core.state().intent(&intent(1)).and_then(|known| known.webhook.as_deref());
        known.and_then(|webhook| webhook.ordered)
    };
    let before = ordered(&world);
    world.must(Request::Redeliver { intent: intent(1) });
    assert_eq!(
        world.refusal_code(give_up(1, before)),
        Code::WebhookAttemptOutOfOrder,
        "what an operator has ordered since is not what was to be given up"
    );
    world.tell(1, 1, Some(500), Duration::ZERO);
    let now = ordered(&world);
    let outcome = DeliveryOutcome::Unreachable { reason: "given up".into() };
    assert_eq!(
        world.must(give_up(1, now)),
        [Event::WebhookAttemptFailed { attempt: 2, outcome, latency: Duration::ZERO, next: None }]
    );
    let state = replayed(&world);
    let webhook = state.intent(&intent(1)).unwrap().webhook.as_deref().unwrap();
    assert_eq!((webhook.delivery, state.deliveries().count()), (Delivery::Failed, 0));
    let steps = quittance_core::why::explain(&world.records);
    let causes: Vec<_> = steps.iter().rev().map(|step| step.cause.name()).take(2).collect();
    assert_eq!(causes, ["give_up_delivery", "report_delivery"], "nobody would know that it was not called");
    assert_eq!(world.tell(1, 2, Some(200), Duration::ZERO), [], "a call that was under way is too late");
    assert_eq!(world.refusal_code(give_up(1, None)), Code::WebhookAttemptOutOfOrder);
    world.must(Request::Redeliver { intent: intent(1) });
    world.tell(1, 1, Some(200), Duration::ZERO);
    assert_eq!(world.refusal_code(give_up(1, None)), Code::WebhookAttemptOutOfOrder, "it was delivered");
}

#[test]
fn reasons_and_latencies_are_cut_to_what_is_kept() {
    let mut world = world();
    world.must(create(1, usd(500)));
    world.must(register_webhook(1, URL));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    let outcome = DeliveryOutcome::Unreachable { reason: "ä".repeat(300) };
    let latency = Duration::from_secs(1 << 40);
    let ordered = world.core.state().intent(&intent(1)).unwrap().webhook.as_ref().unwrap().ordered.unwrap();
    let report = Request::ReportDelivery { intent: intent(1), ordered, attempt: 1, outcome, latency };
    let [Event::WebhookAttemptFailed { outcome, latency, .. }] = &world.must(report)[..] else {
        panic!("an attempt")
    };
    assert_eq!(*outcome, DeliveryOutcome::Unreachable { reason: "ä".repeat(128) });
    assert_eq!(*latency, Duration::from_secs(3_600));
    let reason = "ä".repeat(300);
    let request = Request::GiveUpDelivery { intent: intent(1), ordered: None, reason };
    let [Event::WebhookAttemptFailed { outcome, .. }] = &world.must(request)[..] else {
        panic!("an attempt")
    };
    assert_eq!(*outcome, DeliveryOutcome::Unreachable { reason: "ä".repeat(128) });
}

#[test]
fn a_domain_is_what_a_resolver_would_take_and_nothing_else() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    for (text, right) in [
        ("example.com", true),
        ("xn--bcher-kva.example", true),
        ("a-b.c1", true),
        (&long, true),
        (&format!("{long}b"), false),
        (&format!("{label}a.com"), false),
        ("example", false),
        ("Example.com", false),
        ("-a.com", false),
        ("a-.com", false),
        ("a..com", false),
        (".com", false),
        ("a.com.", false),
        ("a_b.com", false),
        ("bücher.example", false),
        ("a.com/", false),
        ("", false),
    ] {
        assert_eq!(text.parse::<Domain>().is_ok(), right, "{text}");
    }
}

#[test]
fn nobody_is_bound_to_an_owner_whose_wish_they_did_not_sign() {
    let mut world = world();
    let Request::EstablishRelationship { owner, domain, authority, signed, .. } =
        establish(PAYER, SHOP, USER)
    else {
        panic!("a relationship")
    };
    let consent = signed.clone();
    let forged = Request::EstablishRelationship { owner, domain, authority, signed, consent };
    assert_eq!(world.refusal_code(forged), Code::SignatureInvalid);
    world.must(establish(PAYER, SHOP, USER));
    // An auditor who finds another's signature in the log finds it out.
    let mut record = world.records.last().unwrap().clone();
    let Event::RelationshipEstablished { authorization, consent, .. } = &mut record.event else {
        panic!("a relationship")
    };
    assert_eq!(quittance_core::verify::recheck(world.records.last().unwrap()), Some(true));
    consent.signature = authorization.signature;
    assert_eq!(quittance_core::verify::recheck(&record), Some(false));
}

#[test]
fn what_was_signed_for_one_end_is_not_taken_for_another() {
    use quittance_core::event::SignedForm;
    let mut world = asked();
    for (form, passes) in SignedForm::ALL.map(|form| (form, form == SignedForm::CodeLogin)) {
        let Request::Login { intent, user, .. } = login(1, USER) else { panic!("a login") };
        let words = b"words of another protocol".to_vec();
        let signature = crate::support::sign(USER, &words);
        let signed = Unproven { form, candidates: vec![words], signature };
        let login = Request::Login { intent, user, signed };
        if passes {
            world.must(login);
        } else {
            assert_eq!(world.refusal_code(login), Code::SignatureInvalid, "{form:?}");
        }
    }
    // Nor by an auditor, when a log says that it was.
    for form in SignedForm::ALL {
        let mut record = world.records.last().unwrap().clone();
        let Event::LoggedIn { authorization, .. } = &mut record.event else { panic!("a login") };
        authorization.form = form;
        let right = form == SignedForm::CodeLogin;
        assert_eq!(quittance_core::verify::recheck(&record), Some(right), "{form:?}");
    }
}

#[test]
fn a_log_cannot_say_that_somebody_logged_in_whom_the_site_does_not_know() {
    let mut world = asked();
    world.must(login(1, USER));
    let mut logged_in = world.records.pop().unwrap();
    let mut state = State::default();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    assert!(state.clone().apply(&logged_in).is_ok());
    let Event::LoggedIn { user, .. } = &mut logged_in.event else { panic!("a login") };
    *user = payer(USER + 1);
    assert!(state.apply(&logged_in).is_err(), "a forged log makes somebody a user");
}

#[test]
fn a_payment_in_the_protocols_words_may_be_off_by_a_kin_and_no_more() {
    // $5.00 are 250 000 kin, a cent 500. The payer's app rounds to whole kin, and the fee by up to a hundredth.
    let (kin, fee) = (100_000_u64, 50_000_000_u64);
    for (total, service, passes) in [
        (25_000_000_000, fee, true),
        (25_000_000_000 + kin, fee, true),
        (25_000_000_000 - kin - 100, fee, true),
        (25_000_000_000 + kin + 101, fee, false),
        (25_000_000_000 - kin - 101, fee, false),
        (25_000_000_000, fee + fee / 100 - 1, true),
        (25_000_000_000, fee - fee / 100 + 1, true),
        (25_000_000_000, fee + fee / 100, false),
        (25_000_000_000, fee - fee / 100, false),
    ] {
        let mut world = world();
        world.must(create(1, usd(500)));
        let mut payment = world.quote(1, PAYER);
        payment.transfers[0].quarks = Quarks::new(service);
        payment.transfers[1].quarks = Quarks::new(total - service);
        let native = world.clone().send(submit(PAYER, &payment)).1;
        let exact = (total, service) == (25_000_000_000, fee);
        assert_eq!(native.is_ok(), exact, "the engine's own words leave nothing open: {total}, {service}");
        let stated = world.send(submit_as_actions(PAYER, &payment)).1;
        assert_eq!(stated.is_ok(), passes, "{total}, {service}: {stated:?}");
        if passes {
            replayed(&world);
        }
    }
}

/// Lost if this fails: a price below a kin is paid with one quark.
#[test]
fn a_small_price_leaves_no_kin_open() {
    for (hundredths, off, passes) in [
        (100, 0, true),
        (100, 100, true),
        (100, 101, false),
        (100, 99_999, false),
        (200, 100_100, false),
        (100_099, 100_099, true),
        (100_099, 100_100, false),
        (250_000, 100_100, true),
        (250_000, 100_101, false),
    ] {
        let mut world = World::with_policy(Policy { service_fee: None, ..Policy::standard(FEES) });
        world.must(deposit("funds", payer(PAYER), 1_000_000_000_000));
        world.must(create(1, Terms { currency: Currency::KIN, ..usd(hundredths) }));
        let mut payment = world.quote(1, PAYER);
        let total = hundredths * 1_000;
        payment.transfers[0].quarks = Quarks::new(total - off);
        let stated = world.send(submit_as_actions(PAYER, &payment)).1;
        assert_eq!(stated.is_ok(), passes, "{total} - {off}: {stated:?}");
    }
}

/// The payer's account number so many, each at a site of its own.
fn establish_numbered(owner: u8, number: usize) -> Request {
    use ed25519_dalek::{Signer, SigningKey};
    let mut seed = [0xE5; 32];
    seed[..8].copy_from_slice(&u64::try_from(number).unwrap().to_le_bytes());
    let key = SigningKey::from_bytes(&seed);
    let (domain, authority): (Domain, _) =
        (format!("site-{number}.example").parse().unwrap(), AccountId(key.verifying_key().to_bytes()));
    let bytes = relationship_signing_bytes(payer(owner), &domain, authority);
    let signed = Unproven::native(crate::support::sign(owner, &bytes));
    let consent = Unproven::native(Signature(key.sign(&bytes).to_bytes()));
    Request::EstablishRelationship { owner: payer(owner), domain, authority, signed, consent }
}

/// Every refusal that is made here, for the list of all.
pub(crate) fn cases() -> Vec<Code> {
    let mut made = Vec::new();
    let mut case = |code, field, world: &mut World, request| {
        rejections::check(code, field, world, request);
        made.push(code);
    };
    let mut world = asked();
    world.must(create(2, with_site(None)));
    world.must(create(3, with_site(Some(VERIFIER))));
    world.must(create(4, usd(500)));
    world.must(establish(PAYER + 1, SHOP, USER + 1));
    let mut payment = world.quote(4, PAYER);
    payment.intent = intent(1);
    case(Code::PaymentNotRequested, "intent", &mut world, submit(PAYER, &payment));
    case(Code::TermsMismatch, "payment", &mut world, create(1, usd(500)));
    case(Code::TermsMismatch, "payment", &mut world, request_login(4, login_terms(SHOP, VERIFIER)));
    case(
        Code::TermsMismatch,
        "site.domain",
        &mut world,
        request_login(1, login_terms("a.example", VERIFIER)),
    );
    case(Code::TermsMismatch, "site.verifier", &mut world, request_login(1, login_terms(SHOP, VERIFIER + 1)));
    case(Code::TermsMismatch, "site.domain", &mut world, create(3, usd(500)));
    case(Code::TermsMismatch, "site.verifier", &mut world, create(3, with_site(None)));
    case(Code::LoginNotRequested, "intent", &mut world, login(2, USER));
    case(Code::LoginByPayment, "intent", &mut world, login(3, USER));
    case(Code::RelationshipNotFound, "user", &mut world, login(1, PAYER));
    world.must(login(1, USER));
    case(Code::LoginMismatch, "user", &mut world, login(1, USER + 1));
    case(Code::RelationshipMismatch, "authority", &mut world, establish(PAYER, SHOP, USER + 2));
    case(Code::RelationshipMismatch, "authority", &mut world, establish(PAYER + 2, SHOP, USER));
    case(Code::RelationshipMismatch, "domain", &mut world, establish(PAYER, "news.example", USER));
    case(Code::RelationshipOwnerUnknown, "owner", &mut world, establish(PAYER + 3, SHOP, USER + 3));
    for number in 0..MAX_RELATIONSHIPS - 1 {
        world.must(establish_numbered(PAYER, number));
    }
    let one_more = establish_numbered(PAYER, MAX_RELATIONSHIPS);
    case(Code::RelationshipsTooMany, "owner", &mut world, one_more);
    for url in ["", "https://a b", "https://ä.example", &format!("https://{}", "a".repeat(MAX_URL_BYTES))] {
        case(Code::WebhookUrlOutOfRange, "url", &mut world, register_webhook(4, url));
    }
    let too_early = world.told(4, 1, None, Duration::ZERO);
    case(Code::WebhookNotArmed, "intent", &mut world, too_early);
    world.must(register_webhook(4, URL));
    case(Code::WebhookMismatch, "url", &mut world, register_webhook(4, "https://other.example/"));
    case(Code::WebhookNotArmed, "intent", &mut world, Request::Redeliver { intent: intent(4) });
    let payment = world.quote(4, PAYER);
    world.must(submit(PAYER, &payment));
    // An attempt that began before the operator ordered another delivery is none of that delivery.
    let before = world.told(4, 1, Some(200), Duration::ZERO);
    world.must(Request::Redeliver { intent: intent(4) });
    case(Code::WebhookAttemptOutOfOrder, "ordered", &mut world, before);
    for attempt in [0, 2] {
        let report = world.told(4, attempt, None, Duration::ZERO);
        case(Code::WebhookAttemptOutOfOrder, "attempt", &mut world, report);
    }
    made
}
