use proptest::prelude::*;
use prost::Message as _;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::{AccountId, IntentId, NodeId, Timestamp};
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::terms::Fee;

use super::payment::Asked;
use super::signing::Offer;
use super::*;
use crate::key::KeyPair;
use crate::payer::{Draft, Order, establish_relationship};
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::proto::code::transaction::v2::submit_intent_request::Request;
use crate::proto::code::transaction::v2::submit_intent_response::Response;
use crate::proto::code::transaction::v2::{ExchangeData, SendPublicPaymentMetadata, SubmitIntentRequest};
use crate::solana::instruction::Locked;
use crate::solana::transaction::DurableNonce;

const NODE: PublicKey = PublicKey([7; 32]);
const SERVICE: AccountId = AccountId([8; 32]);
const DESTINATION: AccountId = AccountId([9; 32]);
const INTENT: PublicKey = PublicKey([5; 32]);

fn owner() -> KeyPair {
    KeyPair::from_seed(&[1; 32])
}

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

fn fees() -> Vec<Fee> {
    let fee = |seed, bps| Fee {
        destination: AccountId([seed; 32]),
        basis_points: BasisPoints::new(bps).expect("basis points"),
    };
    vec![fee(10, 125), fee(11, 3)]
}

/// $0.25 at $0.00002 a kin, two fees and the service's.
fn order(fees: &[Fee]) -> Order<'_> {
    Order {
        intent: INTENT,
        node: NODE,
        destination: DESTINATION,
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(25).expect("an amount"),
        fees,
        rate: rate("0.00002"),
        service_fee: Some(Quarks::new(50_000_000)),
    }
}

fn asked<'a>(fees: &'a [Fee], rates: &'a [Rate]) -> Asked<'a> {
    Asked {
        node: NodeId(NODE.0),
        intent: IntentId(INTENT.0),
        destination: DESTINATION,
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(25).expect("an amount"),
        fees,
        service_fee: Some(SERVICE),
        rates,
        valid_until: Timestamp(99),
    }
}

fn draft() -> SubmitActions {
    let draft = order(&fees()).draft(&owner()).expect("a draft");
    SubmitActions::decode(draft.actions()).expect("actions")
}

/// What a server says to actions that their owner has signed as they are.
fn outcome(actions: &SubmitActions) -> Result<Payment, Refused> {
    let signed = sign(&owner(), actions.clone());
    let submission = Submission::read(&signed.encode_to_vec())?;
    let Meaning::Payment(payment) = submission.meaning else { panic!("not a payment") };
    payment.against(&asked(&fees(), &[rate("0.00002")]))
}

fn said(refused: Refused) -> String {
    match refused {
        Refused::Failed(status) => status.to_string(),
        Refused::Answered { code, reason } => format!("{} {reason}", code.as_str_name()),
        Refused::Signatures(invalid) => format!("{} signatures", invalid.len()),
    }
}

fn check(change: impl FnOnce(&mut SubmitActions), want: &str) {
    let mut actions = draft();
    change(&mut actions);
    let got = said(outcome(&actions).expect_err(want));
    assert!(got.starts_with(want), "expected {want:?}, got {got:?}");
}

fn metadata(actions: &mut SubmitActions) -> &mut SendPublicPaymentMetadata {
    match actions.metadata.as_mut().and_then(|metadata| metadata.r#type.as_mut()) {
        Some(Type::SendPublicPayment(metadata)) => metadata,
        other => panic!("{other:?}"),
    }
}

fn exchange(actions: &mut SubmitActions) -> &mut ExchangeData {
    metadata(actions).exchange_data.as_mut().expect("exchange data")
}

fn fee(actions: &mut SubmitActions, index: usize) -> &mut transaction::FeePaymentAction {
    match actions.actions[index].r#type.as_mut() {
        Some(Act::FeePayment(fee)) => fee,
        other => panic!("{other:?}"),
    }
}

fn last(actions: &mut SubmitActions) -> &mut transaction::NoPrivacyTransferAction {
    match actions.actions.last_mut().and_then(|action| action.r#type.as_mut()) {
        Some(Act::NoPrivacyTransfer(transfer)) => transfer,
        other => panic!("{other:?}"),
    }
}

fn renumber(actions: &mut SubmitActions) {
    for (id, action) in (0..).zip(&mut actions.actions) {
        action.id = id;
    }
}

fn key(seed: u8) -> Option<common::SolanaAccountId> {
    Some(PublicKey([seed; 32]).into())
}

#[test]
fn an_honest_payment_is_the_one_that_the_terms_ask_for_to_the_quark() {
    let payment = outcome(&draft()).expect("a payment");
    let quarks: Vec<_> = payment.transfers.iter().map(|transfer| transfer.quarks.get()).collect();
    // 12 500 kin: the service's cent, 1.25 % and 0.03 % rounded down, the rest.
    assert_eq!(quarks, [50_000_000, 15_625_000, 375_000, 1_184_000_000]);
    assert_eq!(payment.total(), Some(Quarks::new(1_250_000_000)));
    assert_eq!(payment.payer.0, owner().public_key().0);
    assert_eq!((payment.transfers[0].destination, payment.transfers[3].destination), (SERVICE, DESTINATION));
}

#[test]
fn a_payment_that_is_off_by_anything_is_refused_with_the_rule_it_breaks() {
    let vault = Locked::of(owner().public_key(), NODE).vault();
    let source = format!("INVALID_INTENT source must be the owner's primary account {vault}");
    check(|a| metadata(a).source = key(3), &source);
    check(|a| metadata(a).destination = key(3), "INVALID_INTENT payment has a request to destination ");
    check(|a| exchange(a).currency = "eur".into(), "INVALID_INTENT payment has a request for usd currency");
    check(
        |a| exchange(a).native_amount = 0.2502,
        "INVALID_INTENT payment has a request for 0.25 native amount",
    );
    check(
        |a| exchange(a).native_amount = 0.26,
        "INVALID_INTENT payment has a request for 0.25 native amount",
    );
    check(|a| exchange(a).exchange_rate = f64::INFINITY, "STALE_STATE fiat exchange rate is stale");
    let mismatch = "INVALID_INTENT payment native amount and quark value mismatch";
    // Off by one quark, with actions that add up.
    check(|a| (exchange(a).quarks += 1, last(a).amount += 1).0, mismatch);
    check(|a| exchange(a).exchange_rate = 0.000_021, mismatch);

    check(|a| fee(a, 1).authority = key(3), "INVALID_INTENT actions[1]: authority must be the owner ");
    check(
        |a| last(a).source = key(3),
        "INVALID_INTENT actions[3]: source must be the owner's primary account ",
    );
    check(|a| fee(a, 1).amount -= 1, "INVALID_INTENT actions[1]: amount must be 15625000 quarks");
    check(|a| fee(a, 2).amount += 1, "INVALID_INTENT actions[2]: amount must be 375000 quarks");
    check(|a| last(a).amount += 1, "INVALID_INTENT actions[3]: amount must be 1184000000 quarks");
    check(|a| last(a).amount -= 1, "INVALID_INTENT actions[3]: amount must be 1184000000 quarks");
    check(|a| fee(a, 0).amount = 1_250_000_000, "INVALID_INTENT payment amount doesn't exceed its fees");
    check(
        |a| fee(a, 0).destination = key(3),
        "INVALID_INTENT actions[0]: a code fee payment has no destination",
    );
    check(|a| fee(a, 1).destination = None, "INVALID_INTENT actions[1]: destination must be ");
    check(|a| fee(a, 1).destination = key(11), "INVALID_INTENT actions[1]: destination must be ");
    check(|a| last(a).destination = key(3), "INVALID_INTENT actions[3]: destination must be ");
    let third = "INVALID_INTENT actions[0]: expected a fee payment of type CODE, got a fee payment of type THIRD_PARTY";
    check(|a| fee(a, 0).r#type = 1, third);
}

#[test]
fn actions_too_many_too_few_or_in_another_order_are_refused() {
    let edit = |change: fn(&mut Vec<transaction::Action>)| {
        move |actions: &mut SubmitActions| {
            change(&mut actions.actions);
            renumber(actions);
        }
    };
    check(edit(|a| a.truncate(3)), "INVALID_INTENT expected 1 no privacy transfer action, got 0");
    check(edit(|a| drop(a.drain(..3))), "INVALID_INTENT intent requires a fee payment");
    check(edit(|a| drop(a.remove(1))), "INVALID_INTENT expected 3 fee payment action");
    check(edit(|a| a.insert(1, a[1].clone())), "INVALID_INTENT expected 3 fee payment action");
    check(edit(|a| a.push(a[3].clone())), "INVALID_INTENT expected 1 no privacy transfer action, got 2");
    check(edit(|a| a.swap(1, 2)), "INVALID_INTENT actions[1]: destination must be ");
    check(
        edit(|a| a.swap(2, 3)),
        "INVALID_INTENT actions[2]: expected a fee payment of type THIRD_PARTY, got a no privacy transfer",
    );
    let withdraw = transaction::NoPrivacyWithdrawAction {
        authority: key(1),
        source: key(2),
        destination: key(3),
        amount: 1,
        should_close: true,
    };
    check(
        |a| a.actions[3].r#type = Some(Act::NoPrivacyWithdraw(withdraw)),
        "INVALID_INTENT actions[3]: no_privacy_withdraw is no part of a public payment",
    );
    check(|a| a.actions[2].id = 3, "[invalid_argument] actions[2].id: expected 2, got 3");
    check(
        |a| a.actions.clear(),
        "[invalid_argument] invalid SubmitIntentRequest_SubmitActions.Actions: value must contain between 1",
    );
    check(
        |a| a.actions[0].r#type = None,
        "[invalid_argument] invalid SubmitIntentRequest_SubmitActions.Actions[0]: embedded message failed validation",
    );
    check(|a| last(a).amount = 0, "[invalid_argument] ");
    check(|a| metadata(a).is_withdrawal = false, "[invalid_argument] ");
    check(|a| a.metadata = None, "[invalid_argument] ");
    check(
        |a| {
            let kind = transaction::SendPrivatePaymentMetadata {
                destination: key(9),
                exchange_data: metadata(a).exchange_data.clone(),
                ..Default::default()
            };
            a.metadata.as_mut().expect("metadata").r#type = Some(Type::SendPrivatePayment(kind));
        },
        "[unimplemented] metadata.send_private_payment is not available on this node",
    );
}

#[test]
fn a_payment_without_fees_says_so() {
    let order = Order { service_fee: None, ..order(&[]) };
    let plain = order.draft(&owner()).expect("a draft");
    let read = |raw: &[u8]| match Submission::read(raw).map(|read| read.meaning) {
        Ok(Meaning::Payment(payment)) => payment,
        other => panic!("{other:?}"),
    };
    let rates = [order.rate];
    let free = Asked { service_fee: None, ..asked(&[], &rates) };
    let payment = read(plain.actions()).against(&free).expect("a payment");
    assert_eq!(payment.transfers.len(), 1);
    let with_fee = read(&sign(&owner(), draft()).encode_to_vec()).against(&free).expect_err("a fee too many");
    assert_eq!(said(with_fee), "INVALID_INTENT intent doesn't require a fee payment");
}

#[test]
fn only_the_owner_of_an_account_can_submit_for_it() {
    let mut actions = sign(&owner(), draft());
    let read = |actions: &SubmitActions| Submission::read(&actions.encode_to_vec());
    assert!(read(&actions).is_ok());
    // A payment to somebody else, under the signature of the honest one.
    last(&mut actions).destination = key(3);
    assert_eq!(said(read(&actions).expect_err("forged")), "[unauthenticated]");
    let stranger = sign(&KeyPair::from_seed(&[2; 32]), draft());
    assert_eq!(said(read(&stranger).expect_err("forged")), "[unauthenticated]");
    // A signature that covers one reading must not pass for another.
    let mut twice = sign(&owner(), draft()).encode_to_vec();
    twice.extend(wire::delimited(2, &wire::delimited(1, &[3; 32])));
    assert!(said(Submission::read(&twice).expect_err("two owners")).starts_with("[invalid_argument] "));
}

#[test]
fn every_order_in_which_official_clients_sign_is_accepted() {
    let mut actions = draft();
    actions.signature = None;
    let ascending = actions.encode_to_vec();
    for order in [wire::Order::Ascending, wire::Order::Go] {
        let bytes =
            wire::reordered(&ascending, &SUBMIT_ACTIONS, order).expect("fields").expect("one reading");
        actions.signature = Some(owner().sign(&bytes).into());
        let read = Submission::read(&actions.encode_to_vec()).expect("signed");
        assert_eq!(read.signed, bytes);
    }
}

#[test]
fn a_rate_is_the_published_one_whose_double_the_client_was_told() {
    // More digits than a double keeps: the client cannot send it back exactly.
    let published = rate("0.000001234567890123456789");
    let order = Order { rate: published, service_fee: None, ..order(&[]) };
    let draft = order.draft(&owner()).expect("a draft");
    let Ok(Meaning::Payment(payment)) = Submission::read(draft.actions()).map(|read| read.meaning) else {
        panic!("not a payment")
    };
    let rates = [rate("0.00001"), published];
    let read = payment.against(&Asked { service_fee: None, ..asked(&[], &rates) }).expect("a payment");
    assert_eq!(read.rate, published);
    // A rate nobody published is what its digits say, and the engine's to judge.
    let read = payment.against(&Asked { service_fee: None, ..asked(&[], &[]) }).expect("a payment");
    assert_ne!(read.rate, published);
}

fn nonces(count: u8) -> Vec<DurableNonce> {
    (0..count).map(|n| DurableNonce { account: PublicKey([n; 32]), value: [100 + n; 32] }).collect()
}

/// Both sides of the signatures' exchange.
fn signatures(draft: &Draft, nonces: &[DurableNonce]) -> (PublicPayment, Vec<SignatureBytes>) {
    let Meaning::Payment(payment) = Submission::read(draft.actions()).expect("a submission").meaning else {
        panic!("not a payment")
    };
    let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces };
    let Some(Response::ServerParameters(parameters)) = offer.to_response(&payment).response else {
        panic!("no parameters")
    };
    let message = draft.second_message(&owner(), &parameters).expect("signatures");
    let request = SubmitIntentRequest::decode(message.as_slice()).expect("a request");
    let Some(Request::SubmitSignatures(signatures)) = request.request else { panic!("no signatures") };
    let bytes = |signature: &common::Signature| signature.value.as_slice().try_into().expect("64 bytes");
    (payment, signatures.signatures.iter().map(bytes).collect())
}

#[test]
fn a_wrong_signature_is_answered_with_the_transaction_it_should_have_covered() {
    let (fees, nonces) = (fees(), nonces(4));
    let draft = order(&fees).draft(&owner()).expect("a draft");
    let (payment, honest) = signatures(&draft, &nonces);
    let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces: &nonces };
    assert_eq!(offer.check(&payment, &honest), Ok(()));
    let error = |signatures: &[SignatureBytes]| said(offer.check(&payment, signatures).expect_err("refused"));
    assert_eq!(error(&honest[..3]), "SIGNATURE_ERROR at least one signature is missing");
    assert_eq!(error(&[]), "SIGNATURE_ERROR at least one signature is missing");
    let many: Vec<_> = honest.iter().chain(&honest[..1]).copied().collect();
    assert_eq!(error(&many), "SIGNATURE_ERROR too many signatures provided");
    let mut wrong = honest.clone();
    wrong.swap(1, 3);
    let expected = offer.transactions(&payment).expect("transactions");
    let invalid = [1_u32, 3].map(|action| {
        let expected = expected[usize::try_from(action).expect("small")].unsigned_transaction();
        assert_eq!(expected[..129], [[2].as_slice(), &[0; 128]].concat(), "signatures zeroed");
        InvalidSignature { action, expected, provided: wrong[usize::try_from(action).expect("small")] }
    });
    assert_eq!(offer.check(&payment, &wrong), Err(Refused::Signatures(invalid.to_vec())));
    // The same actions under other nonces, another node or another fee account are other transactions.
    let others = self::nonces(5);
    let other = Offer { nonces: &others[1..], ..offer };
    assert!(matches!(other.check(&payment, &honest), Err(Refused::Signatures(all)) if all.len() == 4));
    let other = Offer { service: PublicKey([6; 32]), ..offer };
    assert!(matches!(other.check(&payment, &honest), Err(Refused::Signatures(one)) if one.len() == 1));
}

#[test]
fn a_relationship_is_opened_by_both_its_keys() {
    let authority = KeyPair::from_seed(&[2; 32]);
    let draft = establish_relationship(INTENT, NODE, &owner(), &authority, "example.com").expect("a draft");
    let read = |raw: &[u8]| match Submission::read(raw).map(|read| read.meaning) {
        Ok(Meaning::Relationship(relationship)) => relationship,
        other => panic!("{other:?}"),
    };
    let relationship = read(draft.actions());
    assert_eq!(relationship.domain, "example.com");
    assert_eq!(relationship.authority, authority.public_key());
    assert_eq!(relationship.check_token(NODE), Ok(()));
    assert!(relationship.check_token(PublicKey([6; 32])).is_err());
    let honest = SubmitActions::decode(draft.actions()).expect("actions");
    let check = |change: &dyn Fn(&mut transaction::OpenAccountAction), resign: bool, want: &str| {
        let mut actions = honest.clone();
        let Some(Act::OpenAccount(open)) = &mut actions.actions[0].r#type else { panic!("no account") };
        change(open);
        if resign {
            open.authority_signature = None;
            open.authority_signature = Some(authority.sign(&open.encode_to_vec()).into());
        }
        let raw = sign(&owner(), actions).encode_to_vec();
        let got = said(Submission::read(&raw).expect_err(want));
        assert!(got.starts_with(want), "expected {want:?}, got {got:?}");
    };
    check(&|open| open.index = 1, false, "[unauthenticated]");
    check(&|open| open.authority = key(3), false, "[unauthenticated]");
    check(&|open| open.index = 1, true, "INVALID_INTENT actions[0]: index must be 0");
    check(&|open| open.owner = key(3), true, "INVALID_INTENT actions[0]: owner must be ");
    check(
        &|open| open.account_type = 1,
        true,
        "INVALID_INTENT actions[0]: account type must be RELATIONSHIP",
    );
    check(&|open| open.account_type = 0, true, "[invalid_argument] ");
    let mut two = honest.clone();
    two.actions.push(two.actions[0].clone());
    renumber(&mut two);
    let got = said(Submission::read(&sign(&owner(), two).encode_to_vec()).expect_err("two"));
    assert_eq!(got, "INVALID_INTENT expected 1 open account action and no other, got 2 actions");
    assert!(establish_relationship(INTENT, NODE, &owner(), &owner(), "example.com").is_err());
    assert!(establish_relationship(INTENT, NODE, &owner(), &authority, "not a host").is_err());
}

/// Lost if this fails: a node can write a payment into its log that nobody signed, and an auditor does not see it.
#[test]
fn a_record_that_says_something_else_than_was_signed_is_found_out() {
    let submission = Submission::read(&sign(&owner(), draft()).encode_to_vec()).expect("signed");
    let honest = outcome(&draft()).expect("a payment");
    let signed = &submission.signed;
    assert_eq!(agreement::payment(signed, &honest), Ok(()));
    let check = |change: &dyn Fn(&mut Payment), part: &str| {
        let mut payment = honest.clone();
        change(&mut payment);
        let said = format!("{part} differs from what was signed");
        assert_eq!(agreement::payment(signed, &payment), Err(said));
    };
    check(&|payment| payment.payer = AccountId([3; 32]), "owner");
    check(&|payment| payment.intent = IntentId([3; 32]), "id");
    check(&|payment| payment.node = NodeId([3; 32]), "source");
    check(&|payment| payment.currency = Currency::KIN, "currency");
    check(&|payment| payment.amount = NativeAmount::from_hundredths(26).expect("an amount"), "native_amount");
    check(&|payment| payment.rate = rate("0.00003"), "exchange_rate");
    check(&|payment| payment.transfers[3].destination = AccountId([3; 32]), "destination");
    check(&|payment| payment.transfers[1].destination = AccountId([3; 32]), "actions[1]");
    check(&|payment| payment.transfers[1].quarks = Quarks::new(1), "quarks");
    check(&|payment| payment.transfers.swap(1, 2), "actions[1]");
    check(&|payment| payment.transfers.truncate(3), "destination");
    assert!(agreement::payment(b"no actions", &honest).is_err());

    let authority = KeyPair::from_seed(&[2; 32]);
    let draft = establish_relationship(INTENT, NODE, &owner(), &authority, "example.com").expect("a draft");
    let signed = Submission::read(draft.actions()).expect("signed").signed;
    let (whose, key) = (AccountId(owner().public_key().0), AccountId(authority.public_key().0));
    assert_eq!(agreement::relationship(&signed, whose, "example.com", key), Ok(()));
    assert!(agreement::relationship(&signed, whose, "example.org", key).is_err());
    assert!(agreement::relationship(&signed, whose, "example.com", whose).is_err());
    assert!(agreement::relationship(&signed, key, "example.com", key).is_err());
    assert!(agreement::payment(&signed, &honest).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Submission::read(&bytes).is_err());
    }

    #[test]
    fn one_changed_bit_is_never_accepted(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut raw = sign(&owner(), draft()).encode_to_vec();
        let index = place.index(raw.len());
        raw[index] ^= 1 << bit;
        if let Ok(read) = Submission::read(&raw) {
            // Only a changed field that no signature covers could pass, and there is none.
            prop_assert!(false, "accepted {read:?}");
        }
    }

    #[test]
    fn whatever_the_price_an_honest_payer_and_the_node_agree(
        hundredths in 1_u64..100_000_000,
        mantissa in 1_u64..1_000_000_000_000,
        scale in 0_u8..=18,
        bps in proptest::collection::vec(1_u32..1_500, 0..=3),
        service in proptest::option::of(1_u64..1_000_000),
    ) {
        let rate = Rate::new(mantissa, scale).expect("above zero");
        let fees: Vec<_> = (20_u8..).zip(&bps).map(|(seed, bps)| Fee {
            destination: AccountId([seed; 32]),
            basis_points: BasisPoints::new(*bps).expect("basis points"),
        }).collect();
        let amount = NativeAmount::from_hundredths(hundredths).expect("an amount");
        let order = Order { amount, rate, service_fee: service.map(Quarks::new), ..order(&fees) };
        let Ok(draft) = order.draft(&owner()) else { return Ok(()) };
        let submission = Submission::read(draft.actions()).expect("signed");
        let Meaning::Payment(payment) = submission.meaning else { panic!("not a payment") };
        let rates = [rate];
        let asked = Asked { amount, service_fee: service.map(|_| SERVICE), ..asked(&fees, &rates) };
        let agreed = payment.against(&asked).map_err(|refused| TestCaseError::fail(said(refused)))?;
        prop_assert_eq!(agreed.total(), rate.quarks(amount));
        prop_assert_eq!(agreed.rate, rate);
        let nonces = nonces(u8::try_from(agreed.transfers.len()).expect("few"));
        let (payment, signatures) = signatures(&draft, &nonces);
        let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces: &nonces };
        prop_assert_eq!(offer.check(&payment, &signatures), Ok(()));
    }
}
