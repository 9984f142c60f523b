mod refusals;
mod signed;

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
        let nonces = signed::nonces(u8::try_from(agreed.transfers.len()).expect("few"));
        let (payment, signatures) = signed::signatures(&draft, &nonces);
        let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces: &nonces };
        prop_assert_eq!(offer.check(&payment, &signatures), Ok(()));
    }
}
